/** The chain of sessions over which a route would come from the speaker that announces it to one that lacks it. */

import { addressOf, ipv4Of } from '../calico/index.js';
import type { Session } from './daemons.js';
import { type ExplainFacts, machineOf } from './session-story.js';

/** One session of a chain. */
export interface Link {
  /** Nearer to who announces. */
  readonly from: string;
  readonly to: string;
  /** The end whose session it is. */
  readonly owner: string;
  readonly session: Session;
}

/** The speaker at the other end of a session: on a node that has two, its BIRD. */
const neighborOf = ({ config }: Session, { causes }: ExplainFacts): string | undefined =>
  causes.ownerOf(config.remoteAddress)?.name;

export const sessionsBetween = (name: string, other: string, facts: ExplainFacts): readonly Session[] =>
  facts.daemons.sessions(name).filter((session) => neighborOf(session, facts) === machineOf(other, facts));

/** The session of the two with one another, as whoever lacks the route has it; a node's may go to an address that nobody has. */
export function directLink(from: string, to: string, facts: ExplainFacts): Link | undefined {
  const address = facts.confd?.node(from)?.node.ipv4Address;
  const recorded = address === undefined ? undefined : ipv4Of(addressOf(address));
  const own =
    sessionsBetween(to, from, facts)[0] ??
    facts.daemons.sessions(to).find(({ config }) => config.remoteAddress === recorded);
  if (own !== undefined) return { from, to, owner: to, session: own };
  const [theirs] = sessionsBetween(from, to, facts);
  return theirs && { from, to, owner: from, session: theirs };
}

/** All sessions by the speaker that a route would come from. Where one end alone has it, it is a session all the same. */
function linksByOrigin(facts: ExplainFacts): ReadonlyMap<string, readonly Link[]> {
  const links = new Map<string, Link[]>();
  const add = (link: Link): void => {
    const held = links.get(link.from);
    if (held === undefined) links.set(link.from, [link]);
    else held.push(link);
  };
  for (const owner of facts.speakers.keys()) {
    for (const session of facts.daemons.sessions(owner)) {
      const other = neighborOf(session, facts);
      if (other === undefined) continue;
      add({ from: other, to: owner, owner, session });
      add({ from: owner, to: other, owner, session });
    }
  }
  return links;
}

/**
 * With the fewest sessions that are down, and of those the shortest; what is told of a link is what its later end says.
 * Undefined where no sessions lead from one to the other.
 */
export function chainBetween(from: string, to: string, facts: ExplainFacts): readonly Link[] | undefined {
  const links = linksByOrigin(facts);
  const reached = new Map<string, Link | undefined>([[from, undefined]]);
  let here: readonly string[] = [from];
  while (here.length > 0 && !reached.has(to)) {
    const up = spread(here, { links, reached }, ({ session }) => session.up);
    here = reached.has(to) ? [] : step(up, { links, reached }, () => true);
  }
  if (!reached.has(to)) return undefined;
  const chain: Link[] = [];
  for (let link = reached.get(to); link !== undefined; link = reached.get(link.from)) chain.unshift(link);
  return chain;
}

interface Search {
  readonly links: ReadonlyMap<string, readonly Link[]>;
  /** By which link a speaker was reached first. */
  readonly reached: Map<string, Link | undefined>;
}

/** Speakers that are one link further. */
function step(from: readonly string[], { links, reached }: Search, passes: (link: Link) => boolean): readonly string[] {
  const found: string[] = [];
  for (const name of from) {
    for (const link of links.get(name) ?? []) {
      if (reached.has(link.to) || !passes(link)) continue;
      reached.set(link.to, link);
      found.push(link.to);
    }
  }
  return found;
}

/** All that are reached over such links, those that were begun with among them. */
function spread(from: readonly string[], search: Search, passes: (link: Link) => boolean): readonly string[] {
  const all = [...from];
  for (let edge = from; edge.length > 0; ) {
    edge = step(edge, search, passes);
    all.push(...edge);
  }
  return all;
}
