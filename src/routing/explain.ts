/** Why a machine on a packet's way had no route to where it was sent: the session that is down, or that nobody has. */

import { Net } from '../bird/index.js';
import { filterOfFunction, isInMesh } from '../calico/confd/index.js';
import {
  addressOf,
  addressOfIpv4,
  type Cidr,
  cidrContains,
  formatCidr,
  hostCidr,
  type IpPool,
  ipv4Of,
} from '../calico/index.js';
import type { LostConnection } from '../cluster/index.js';
import type { FibRoute, Host } from '../kernel/index.js';
import { formatIpv4, type Ipv4Addr, prefixContains } from '../packet/index.js';
import { type PacketStory, type Place, type Step, stepsOf, type TracePacket } from '../trace/index.js';
import { announced, serviceAt, whyNotAnnounced } from './explain-announced.js';
import { chainBetween, directLink, type Link, sessionsBetween } from './chain.js';
import { type ExplainFacts, explainSession, placeName } from './session-story.js';
import { metalLbName } from './speakers.js';

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
 * The first of Calico's nodes that sends packets to a pod of another node by some wider route, for want of one to the pod's
 * block: they come there all the same.
 */
export function explainDetour(packets: readonly TracePacket[], facts: ExplainFacts): readonly string[] {
  const { speakers, confd } = facts;
  for (const { role, story } of packets) {
    if (role !== 'request' && role !== 'reply') continue;
    for (const { place, destination } of decisionsOf(story)) {
      const speaks = speakers.has(place.host) && confd?.node(place.host) !== undefined;
      const told = speaks ? explainBlock(place.host, destination, facts) : undefined;
      if (told !== undefined) return told;
    }
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
  return (
    explainService(name, destination, facts) ??
    explainAnnounced(name, destination, facts) ??
    explainBlock(name, destination, facts)
  );
}

/** A router that should have heard of a Service's address from Calico's nodes. */
function explainAnnounced(name: string, destination: Ipv4Addr, facts: ExplainFacts): readonly string[] | undefined {
  const { confd, site, speakers } = facts;
  const host = site.machine(name);
  const service = confd && serviceAt(confd, destination);
  if (
    confd === undefined ||
    service === undefined ||
    host === undefined ||
    site.plan.machines.get(name)?.role !== 'router'
  )
    return undefined;
  const route = routeTo(host, destination);
  if (route !== undefined && route.destination.length > 0) return undefined;
  const announcers = announced(confd, destination);
  const lacks = `${site.nameOf(host.netns.place)} has no route to ${formatIpv4(destination)}`;
  if (announcers.length === 0)
    return speakers.has(name) ? [`${lacks}: ${whyNotAnnounced(service, destination, confd)}.`] : undefined;
  const by = `${lacks}, which Calico announces by BGP from node/${announcers.map(({ node }) => node).join(', node/')}`;
  if (!speakers.has(name)) return [`${by}: it speaks no BGP, so nobody has told it.`];
  const nearest = announcers.find(({ node }) => directLink(node, name, facts) !== undefined) ?? announcers[0];
  return [`${by}.`, ...(nearest === undefined ? [] : explainUnheard(name, nearest, facts))];
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
  const up = sessions.find(({ session }) => session.up);
  if (up !== undefined) {
    const told = hostCidr(addressOfIpv4(destination));
    const filtered = explainFilter({ from: metalLbName(up.node), to: name }, told, facts);
    return [`${lacks}: it has been told, and ${filtered ?? 'a filter takes the route away.'}`];
  }
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
  return [`${lacks}.`, ...explainUnheard(name, announced, facts)];
}

/** Why a speaker has no route to a block in its kernel: it knows it and keeps it, or nobody has told it. */
function explainUnheard(name: string, announced: Announced, facts: ExplainFacts): readonly string[] {
  const { node, block } = announced;
  const pool = facts.causes.poolOf(block);
  const who = placeName(name, facts);
  if (knows(name, block, facts)) return [explainUnprogrammed(who, pool, facts)];
  if (!facts.daemons.runs(node)) return [`No BIRD runs on ${placeName(node, facts)}, which would announce it.`];
  if (pool?.disableBgpExport === true)
    return [`IPPool ${pool.name} has disableBGPExport: true, so ${placeName(node, facts)} tells nobody.`];
  const direct = directLink(node, name, facts);
  const chain = direct === undefined ? chainBetween(node, name, facts) : [direct];
  const between = direct !== undefined ? [] : [explainNoSession(name, node, facts)];
  if (chain === undefined) return [...between, ...explainApart(name, facts)];
  const broken = chain.filter(({ session }) => !session.up);
  if (broken.length > 0)
    return [...between, ...broken.map(({ owner, session }) => explainSession(owner, session, facts))];
  return [...between, explainWithheld(chain, block, facts)];
}

/** Two that are not to speak with one another. Between nodes the mesh would make a session, were it not said otherwise. */
function explainNoSession(name: string, node: string, facts: ExplainFacts): string {
  const { confd } = facts;
  const none = `There is no BGP session between ${placeName(name, facts)} and ${placeName(node, facts)}`;
  const ends = [name, node].flatMap((each) => confd?.node(each) ?? []);
  if (confd === undefined || ends.length < 2) return `${none}.`;
  if (confd.configuration?.nodeToNodeMeshEnabled === false)
    return `${none}: BGPConfiguration default has nodeToNodeMeshEnabled: false, and no BGPPeer makes one.`;
  const reflector = ends.find((each) => !isInMesh(confd, each));
  return reflector === undefined
    ? `${none}.`
    : `${none}: node/${reflector.name} has a route reflector's cluster ID and is not in the mesh, and no BGPPeer makes one.`;
}

/** Whether a daemon has a route to just that block. */
const knows = (name: string, block: Cidr, { daemons }: ExplainFacts): boolean =>
  daemons.birdc(name, `show route ${formatCidr(block)}`)?.includes(formatCidr(block)) ?? false;

function explainUnprogrammed(who: string, pool: IpPool | undefined, { site }: ExplainFacts): string {
  const configuration = site.store.get('BGPConfiguration', '', 'default');
  if (configuration?.spec.programClusterRoutes === 'Disabled' && pool?.vxlanMode === 'Never') {
    const alone = pool.ipipMode === 'Never' ? ' and no overlay is on (VXLAN, IPIP, WireGuard)' : '';
    return (
      `BIRD of ${who} has it and leaves it to Felix, as BGPConfiguration default says (programClusterRoutes: Disabled); ` +
      `Felix programs it where a FelixConfiguration has programClusterRoutes: Enabled${alone}.`
    );
  }
  return `BIRD of ${who} has it, and does not give it to the kernel: a filter keeps it, or its next hop is not reached.`;
}

/** No sessions lead from one to the other, whether they are up or down. */
function explainApart(name: string, facts: ExplainFacts): readonly string[] {
  const sessions = facts.daemons.sessions(name);
  const who = placeName(name, facts);
  if (sessions.length === 0) return [`${who} has no session at all.`];
  const down = sessions.filter(({ up }) => !up);
  if (down.length === 0) return [`${who} has sessions, and none of them leads there over others.`];
  const more = down.length - MOST_TOLD;
  return [
    ...down.slice(0, MOST_TOLD).map((session) => explainSession(name, session, facts)),
    ...(more > 0 ? [`Of its other sessions ${more} ${more === 1 ? 'is' : 'are'} down too.`] : []),
  ];
}

/** Sessions that are told one by one: in a mesh of many a common reason repeats. */
const MOST_TOLD = 3;

/** All sessions of the chain are up: somebody on it has the route and does not pass it on. */
function explainWithheld(chain: readonly Link[], block: Cidr, facts: ExplainFacts): string {
  const at = chain.findIndex(({ to }) => !knows(to, block, facts));
  const link = chain[at];
  if (link === undefined) return 'All sessions between them are up.';
  const heard = chain[at - 1];
  const [from, to] = [link.from, link.to].map((each) => placeName(each, facts));
  const up = `BGP session ${link.session.config.name} of ${placeName(link.owner, facts)} is up`;
  const reflects = [heard, link].some((one) => one !== undefined && isClientOf(link.from, one, facts));
  if (heard !== undefined && isInternal(heard) && isInternal(link) && !reflects)
    return `${up}, but ${from} has heard of ${formatCidr(block)} by iBGP and is no route reflector: it does not tell ${to}, which is iBGP too (RFC 4456).`;
  const filtered = explainFilter(link, block, facts);
  return filtered === undefined
    ? `${up}: ${from} does not tell ${to} of ${formatCidr(block)}, or a filter takes it away.`
    : `${up}, and ${filtered}`;
}

/** The filter that keeps a block on one side of a session, by the object that it was made of. */
function explainFilter({ from, to }: Pick<Link, 'from' | 'to'>, block: Cidr, facts: ExplainFacts): string | undefined {
  const address = ipv4Of(addressOf(block));
  const kept = address === undefined ? undefined : facts.withheld(from, to, new Net(address, block.length));
  if (kept === undefined) return undefined;
  const { direction, endedIn = '' } = kept;
  const [at, other] = (direction === 'export' ? [from, to] : [to, from]).map((each) => placeName(each, facts));
  const does = direction === 'export' ? `does not tell ${other} of` : `does not take from ${other}`;
  const lost = `${at} ${does} ${formatCidr(block)}`;
  const own = filterOfFunction(endedIn, facts.confd?.resources.filters ?? []);
  if (own !== undefined) return `BGPFilter ${own.filter.name} rejects it: ${lost} (${direction}).`;
  const named = typeof kept.filter === 'string' ? undefined : kept.filter.name;
  const whose = `its ${direction} filter${named === undefined ? '' : ` ${named}`}`;
  const where = endedIn === '' ? whose : `function ${endedIn} of ${whose}`;
  return `${lost}: ${where} rejects it.`;
}

const isInternal = ({ session: { config } }: Link): boolean => config.localAs === config.remoteAs;

/** Whether the other end of the session is the reflector's client. */
const isClientOf = (reflector: string, { from, to }: Link, facts: ExplainFacts): boolean =>
  sessionsBetween(reflector, reflector === from ? to : from, facts).some(({ config }) => config.rrClient);
