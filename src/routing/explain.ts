/** Why a machine on a packet's way had no route to where it was sent: the session that is down, or that nobody has. */

import { type BgpConfig, formatIp } from '../bird/index.js';
import type { ConfdCluster } from '../calico/confd/index.js';
import { addressOf, addressOfIpv4, type Cidr, cidrContains, formatCidr, ipv4Of } from '../calico/index.js';
import type { LostConnection, RoutingSite } from '../cluster/index.js';
import type { FibRoute, Host } from '../kernel/index.js';
import { formatIpv4, type Ipv4Addr, prefixContains } from '../packet/index.js';
import { type PacketStory, type Place, type Step, stepsOf } from '../trace/index.js';
import type { Causes } from './causes.js';
import { whyUnreached } from './probe.js';
import type { Daemons, Session } from './daemons.js';
import { metalLbName, type Speaker } from './speakers.js';

export interface ExplainFacts {
  readonly site: RoutingSite;
  readonly daemons: Daemons;
  readonly speakers: ReadonlyMap<string, Speaker>;
  readonly confd: ConfdCluster | undefined;
  readonly causes: Causes;
}

/** The block that an address is in, and the node that has it. */
interface Announced {
  readonly node: string;
  readonly block: Cidr;
}

function blockOf({ confd }: ExplainFacts, address: Ipv4Addr): Announced | undefined {
  for (const [node, blocks] of confd?.resources.blocks ?? []) {
    const block = blocks.find(({ cidr }) => cidr.version === 4 && cidrContains(cidr, addressOfIpv4(address)));
    if (block !== undefined) return { node, block: block.cidr };
  }
  return undefined;
}

/** A routing decision of a machine, where it was no delivery to itself. */
interface Decision {
  readonly place: Place;
  readonly destination: Ipv4Addr;
}

function* decisionsOf(story: PacketStory): Iterable<Decision> {
  for (const { step, place } of stepsOf(story)) {
    if (isRouting(step) && place.netns === '') yield { place, destination: step.destination };
  }
}

const isRouting = (step: Step): step is Extract<Step, { kind: 'route' }> =>
  step.kind === 'route' && step.type !== 'local';

/** The best match of the table `main`. */
function routeTo({ netns }: Host, address: Ipv4Addr): FibRoute | undefined {
  let best: FibRoute | undefined;
  for (const route of netns.fib.routes(MAIN)) {
    if (
      prefixContains(route.destination, address) &&
      (best === undefined || route.destination.length > best.destination.length)
    )
      best = route;
  }
  return best;
}

const MAIN = 254;

/** The first machine on a packet's way that does not know the block which it is sent to. */
export function explainLost(lost: LostConnection, facts: ExplainFacts): readonly string[] {
  const sent = lost.packets.filter(({ role }) => role === 'request' || role === 'reply');
  const ways = sent.map(({ story }) => [...decisionsOf(story)]);
  if (sent.length === 0 && lost.from?.netns === '') ways.push([{ place: lost.from, destination: lost.to }]);
  for (const way of ways) {
    const told = explainWay(way, facts);
    if (told !== undefined) return told;
  }
  return [];
}

/**
 * Who sends on what he does not know is not at fault where somebody behind him knows it. A machine at the edge, with a default
 * route alone, is not expected to know: one behind it goes before it.
 */
function explainWay(way: readonly Decision[], facts: ExplainFacts): readonly string[] | undefined {
  const told = way.map(({ place, destination }) => explainAt(place.host, destination, facts));
  const strayed = told.findLastIndex((one) => one === undefined) + 1;
  const isEdge = (i: number): boolean => facts.site.plan.machines.get(way[i]?.place.host ?? '')?.role === 'host';
  return told.find((one, i) => i >= strayed && one !== undefined && !isEdge(i)) ?? told.slice(strayed)[0];
}

function explainAt(name: string, destination: Ipv4Addr, facts: ExplainFacts): readonly string[] | undefined {
  return explainService(name, destination, facts) ?? explainBlock(name, destination, facts);
}

/** A router that should have heard of a load balancer's address from MetalLB's speakers. */
function explainService(name: string, destination: Ipv4Addr, facts: ExplainFacts): readonly string[] | undefined {
  const { site, speakers, daemons, causes } = facts;
  const announcers = site.announcers(destination);
  const host = site.machine(name);
  if (announcers.length === 0 || host === undefined || site.plan.machines.get(name)?.role !== 'router')
    return undefined;
  const route = routeTo(host, destination);
  if (route !== undefined && route.destination.length > 0) return undefined;
  const who = site.nameOf(host.netns.place);
  const lacks = `${who} has no route to ${formatIpv4(destination)}, which MetalLB announces by BGP from node/${announcers.join(', node/')}`;
  if (!speakers.has(name)) return [`${lacks}: it speaks no BGP, so nobody has told it.`];
  const sessions = announcers.flatMap((node) =>
    daemons
      .sessions(metalLbName(node))
      .filter(({ config }) => causes.ownerOf(config.remoteAddress)?.name === name)
      .map((session) => ({ node, session })),
  );
  if (sessions.length === 0) return [`${lacks}: none of their speakers has a session with it.`];
  const down = sessions.filter(({ session }) => !session.up);
  if (down.length < sessions.length) return [`${lacks}: it has been told, and a filter takes the route away.`];
  return [`${lacks}.`, ...down.map(({ node, session }) => explainSession(metalLbName(node), session, facts))];
}

function explainBlock(name: string, destination: Ipv4Addr, facts: ExplainFacts): readonly string[] | undefined {
  const announced = blockOf(facts, destination);
  const host = facts.site.machine(name);
  if (announced === undefined || announced.node === name || host === undefined) return undefined;
  const route = routeTo(host, destination);
  if (route !== undefined && route.destination.length >= announced.block.length) return undefined;
  const { site, speakers } = facts;
  const who = site.nameOf(host.netns.place);
  const instead = route === undefined ? 'none at all' : `only ${route.toString().trim()}`;
  const lacks = `${who} has no route to ${formatCidr(announced.block)}, the block of node/${announced.node} (it has ${instead})`;
  if (!speakers.has(name)) return [`${lacks}: it speaks no BGP, so nobody has told it.`];
  return [`${lacks}.`, ...explainSessions(name, announced, facts)];
}

function explainSessions(name: string, { node, block }: Announced, facts: ExplainFacts): string[] {
  const { daemons, confd } = facts;
  const address = confd?.node(node)?.node.ipv4Address;
  const sessions = daemons.sessions(name);
  const direct =
    address === undefined
      ? undefined
      : sessions.find(({ config }) => config.remoteAddress === ipv4Of(addressOf(address)));
  if (direct !== undefined) {
    return direct.up
      ? [
          `BGP session ${direct.config.name} between them is up: node/${node} does not tell ${formatCidr(block)}, or a filter takes it away.`,
        ]
      : [explainSession(name, direct, facts)];
  }
  const down = sessions.filter(({ up }) => !up);
  const between = `There is no BGP session between node/${name} and node/${node}`;
  if (sessions.length === 0) return [`${between}: node/${name} has none at all.`];
  if (down.length === 0) return [`${between}, and none of those that node/${name} has tells it that route.`];
  return [`${between}.`, ...down.map((session) => explainSession(name, session, facts))];
}

const ENDS_WITH_A_STOP = /\.$/;

/** The machine on which a daemon runs. */
const machineOf = (name: string, { speakers }: ExplainFacts): string => speakers.get(name)?.machine ?? name;

function placeName(name: string, facts: ExplainFacts): string {
  const machine = machineOf(name, facts);
  const place = facts.site.nameOf({ host: machine, netns: '' });
  return machine === name ? place : `MetalLB's speaker on ${place}`;
}

function explainSession(name: string, session: Session, facts: ExplainFacts): string {
  const { config, bgpState, reason } = session;
  const other = facts.causes.ownerOf(config.remoteAddress);
  const whom =
    other === undefined ? formatIp(config.remoteAddress) : facts.site.nameOf({ host: other.name, netns: '' });
  const state = `BGP session ${config.name} of ${placeName(name, facts)} with ${whom} is ${bgpState}`;
  const said = reason === '' ? '' : ` (${reason})`;
  const why = whyDown(name, session, facts);
  return why === undefined ? `${state}${said}.` : `${state}${said}: ${why}${ENDS_WITH_A_STOP.test(why) ? '' : '.'}`;
}

/** The kernels of both ends drop what is not signed with their key (RFC 2385), so nobody is told. */
function passwordsDiffer(
  name: string,
  other: string,
  { config, theirs }: { readonly config: BgpConfig; readonly theirs: BgpConfig },
  facts: ExplainFacts,
): string {
  const dropped = 'the kernel drops segments that are not signed as it expects (TCP MD5)';
  if (config.password !== undefined && theirs.password !== undefined)
    return `the two ends have different passwords, and ${dropped}`;
  const [has, lacks] = config.password === undefined ? [other, name] : [name, other];
  const [one, another] = [has, lacks].map((each) => placeName(each, facts));
  return `${one} has a password for it and ${another} has none: ${dropped}`;
}

function whyDown(name: string, { config, bgpState, reason }: Session, facts: ExplainFacts): string | undefined {
  const { causes, daemons } = facts;
  if (/Bad peer AS/.test(reason)) {
    return `it expects AS ${config.remoteAs} and says AS ${config.localAs}, and the other end does not agree`;
  }
  if (/^(?:BGP Error|Received)/.test(reason)) return undefined;
  if (config.multihop === 0 && bgpState === 'Idle') {
    return `${formatIp(config.remoteAddress)} is on none of its networks, and the session is not multihop`;
  }
  const other = causes.ownerOf(config.remoteAddress);
  if (other === undefined) return `no machine has the address ${formatIp(config.remoteAddress)}`;
  if (!daemons.runs(other.name)) return 'no BIRD runs there';
  const theirs = daemons
    .sessions(other.name)
    .find((each) => causes.ownerOf(each.config.remoteAddress)?.name === machineOf(name, facts));
  if (theirs === undefined) return 'the other end has no session with it';
  if (theirs.config.password !== config.password)
    return passwordsDiffer(name, other.name, { config, theirs: theirs.config }, facts);
  if (theirs.config.passive && config.passive) return 'both ends wait for the other to connect (passive)';
  const [dialler, dialled] = config.passive ? [other.name, theirs.config] : [machineOf(name, facts), config];
  return whyUnreached(daemons.underlay, dialler, dialled, facts.site.nameOf);
}
