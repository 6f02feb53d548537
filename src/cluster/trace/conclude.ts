/** The verdict of a traced connection, and the answer in plain words. */

import type { FelixCluster } from '../../calico/index.js';
import type { Pod, Store } from '../../kubernetes/index.js';
import { DNS_PORT, formatIpv4, type Ipv4Addr } from '../../packet/index.js';
import {
  type ConnectionTrace,
  explainEnd,
  formatCause,
  judge,
  lastOf,
  type NameResolution,
  type Outcome,
  type PacketStory,
  type Place,
  type Programmed,
  type Step,
  stepsOf,
  stepsOfKind,
  type TracePacket,
  type Verdict,
} from '../../trace/index.js';
import { explainEndpoints } from './explain-endpoints.js';
import { explainPolicy } from './explain-policy.js';
import { explainSize } from './explain-size.js';
import { explainKeptSource, explainSilence, explainUnrouted, explainUntranslated } from './explain-way.js';
import { explainClosed, explainUndeclared, type PortProtocol } from '../node/listeners.js';
import type { LoadBalancers } from '../node/load-balancers.js';
import { explainUnresolved, type ResolvedName, wasSilence } from './name-resolution.js';
import { explainMissingPort } from './service-name.js';
import type { ClusterServices } from '../node/services.js';
import type { Routing } from '../routing.js';
import { type Dataplanes, withoutRouting } from '../input/unmodelled.js';

export interface Facts {
  readonly store: Store;
  readonly services: ClusterServices;
  readonly loadBalancers: LoadBalancers;
  readonly fromPod: Pod | undefined;
  readonly toPod: Pod | undefined;
  /** Why that pod cannot answer, where it does not run. */
  readonly whyAbsent?: string | undefined;
  /** Whether the machine is the gateway of a network that is assumed. */
  readonly isAssumed: (machine: string) => boolean;
  /** Who listens at an address, in words. */
  readonly describe: (address: Ipv4Addr, listener: { port: number; protocol: string }) => string | undefined;
  /** Where the request was sent in the end, after translation. */
  readonly reached: Ipv4Addr;
  /** What the Felixes know, where Calico is there. */
  readonly policy: FelixCluster | undefined;
  /** The routing daemons, where somebody brought them; they are missing where some run and nobody did. */
  readonly routing: Routing | undefined;
  readonly routingMissing: boolean;
  /** What nodes have that is not modelled. */
  readonly dataplanes: Dataplanes;
}

type Unjudged = Omit<ConnectionTrace, 'verdict' | 'explanation'>;

/** What the sender's resolver found, and how that is told. */
export interface TracedName extends ResolvedName {
  readonly told: NameResolution;
}

/** A connection that never began: the name led to no address. Where the servers were silent, their packets say why. */
export function concludeUnresolved(trace: Unjudged, name: TracedName, facts: Facts): ConnectionTrace {
  const { packets } = name.told;
  const silent = wasSilence(name);
  const reasons = silent
    ? [...unknownRoutes(facts), ...unknownNodes(packets, facts), ...unknownServers(name.told, facts)]
    : [];
  const unjudged = { ...trace, packets };
  const verdict: Verdict = reasons.length > 0 ? 'unknown' : silent ? judge(packets, { kind: 'silence' }) : 'unresolved';
  const lost = silent && reasons.length === 0 ? explainLost(unjudged, facts) : [];
  const servers = silent && reasons.length === 0 ? explainServers(unjudged, name.told, facts) : [];
  const further = silent ? translatedDestination('Questions', { packets, protocol: 'udp' }, facts) : undefined;
  const explanation = [
    explainUnresolved(name.told.name, name),
    ...reasons,
    ...lost,
    ...servers,
    ...(further === undefined ? [] : [further]),
  ];
  return { verdict, explanation, ...trace };
}

/** Questions to a Service whose packets nobody knows the way of. */
const unknownServers = ({ queries }: NameResolution, { services }: Facts): string[] => {
  const reasons = queries.flatMap(({ server }) => services.unknownReason(server, DNS_PORT) ?? []);
  return [...new Set(reasons)];
};

/** Servers that are Services, where nobody translated what was sent to them. */
function explainServers(trace: Unjudged, { queries }: NameResolution, facts: Facts): string[] {
  const servers = [...new Set(queries.map(({ server }) => server))];
  return servers.flatMap((address) => explainUntranslated({ ...trace, to: { address, port: DNS_PORT } }, facts));
}

/** Nobody was asked to run the daemons whose routes these are, or nobody knows how. */
function unknownRoutes({ routingMissing, dataplanes, store, fromPod, toPod, reached }: Facts): string[] {
  const missing = routingMissing ? withoutRouting(store, [fromPod, toPod], reached) : [];
  const { unknownBetweenNodes: unknown } = dataplanes;
  const between = toPod?.spec.hostNetwork === false && fromPod?.spec.nodeName !== toPod.spec.nodeName;
  return unknown !== undefined && between ? [...missing, unknown] : missing;
}

/** What becomes of the connection's packets on nodes that they come by, each reason once. */
function unknownNodes(packets: readonly TracePacket[], { dataplanes }: Facts): string[] {
  const own = packets.filter(({ role }) => role !== 'arp');
  const nodes = new Set(own.flatMap(({ story }) => story.hops.map(({ place }) => place.host)));
  return [...new Set([...nodes].flatMap((node) => dataplanes.unknownOn(node) ?? []))];
}

export function concludeTrace(trace: Unjudged, outcome: Outcome, facts: Facts): ConnectionTrace {
  const { address } = trace.to;
  const service = address === undefined ? undefined : facts.services.unknownReason(address, trace.to.port);
  const reasons = [
    ...unknownRoutes(facts),
    ...unknownNodes(trace.packets, facts),
    ...(service === undefined ? [] : [service]),
  ];
  const verdict: Verdict = reasons.length > 0 ? 'unknown' : judge(trace.packets, outcome);
  return { verdict, explanation: reasons.length > 0 ? reasons : explain(trace, verdict, { outcome, facts }), ...trace };
}

const withRole = (packets: readonly TracePacket[], role: TracePacket['role']): readonly TracePacket[] =>
  packets.filter((packet) => packet.role === role);

/** The last destination that a request was given on its way, or undefined where it kept its own. */
export function finalDestination(packets: readonly TracePacket[]): Ipv4Addr | undefined {
  return finalTranslation(packets)?.after.destination;
}

/** A reply's translation turns a request's around: only what a request met counts. */
function finalTranslation(packets: readonly TracePacket[]) {
  for (const { role, story } of packets) {
    const found = role === 'request' ? lastOf(story, 'nat', ({ type }) => type === 'dnat') : undefined;
    if (found !== undefined) return found.step;
  }
  return undefined;
}

const podName = ({ namespace, name }: Pod): string => `${namespace}/${name}`;

/** Whom a translated request went to. */
function translatedDestination(
  what: string,
  { packets, protocol }: { readonly packets: readonly TracePacket[]; readonly protocol: string },
  { describe }: Facts,
): string | undefined {
  const translation = finalTranslation(packets);
  if (translation === undefined) return undefined;
  const { destination, destinationPort: port } = translation.after;
  const owner = describe(destination, { port, protocol });
  return `${what} go to ${formatIpv4(destination)}:${port}${owner === undefined ? '' : `, ${owner}`}.`;
}

/** Where a packet ended: in another place than it was meant for, where an address is not only one's. */
const endOf = ({ hops }: PacketStory): Place | undefined => hops.at(-1)?.place;

/** Why nobody listens, told of the pod that was reached; of two with one address it may be the other. */
function explainRefusal(
  pod: Pod,
  { protocol, port }: { readonly protocol: PortProtocol; readonly port: number },
  { packets, nameOf }: Unjudged,
  { store }: Facts,
): string[] {
  const refused = withRole(packets, 'request').find(({ story }) => lastOf(story, 'drop')?.step.reason === 'no-socket');
  const end = refused && endOf(refused.story);
  const [, namespace = '', name = ''] = (end === undefined ? '' : nameOf(end)).split('/');
  const reached = end?.netns === '' ? undefined : store.get('Pod', namespace, name);
  if (reached === undefined || podName(reached) === podName(pod)) return [explainClosed(pod, protocol, port)];
  return [
    `Packets come to Pod ${podName(reached)}, which has the address of Pod ${podName(pod)} too.`,
    explainClosed(reached, protocol, port),
  ];
}

/** An answer that came to somebody else. */
function explainStray({ packets, nameOf, from }: Unjudged): string[] {
  const stray = withRole(packets, 'reply').find(({ story }) => {
    const end = endOf(story);
    const drop = lastOf(story, 'drop')?.step.reason;
    const arrived = drop === undefined || drop === 'no-socket';
    return arrived && end !== undefined && from.place !== undefined && nameOf(end) !== nameOf(from.place);
  });
  const end = stray && endOf(stray.story);
  return end === undefined ? [] : [`The answer comes to ${nameOf(end)} and not to ${from.label}.`];
}

/** The source address that the destination saw, where it is not the one that was sent from, and the rule that made it so. */
function translatedSource({ packets, nameOf }: Unjudged): string | undefined {
  const requests = withRole(packets, 'request');
  const arrived = requests.find(({ story }) => lastOf(story, 'deliver') !== undefined) ?? requests[0];
  const nat = arrived && lastOf(arrived.story, 'nat', ({ type }) => type === 'snat');
  if (arrived === undefined || nat === undefined) return undefined;
  const before = sourceOf(arrived.story) ?? nat.step.before.source;
  const { source } = nat.step.after;
  if (source === before) return undefined;
  const rule = translatingRule(arrived.story, nat.step);
  const by = rule === undefined ? '' : `, by ${nameOf(nat.recorded.place)}: ${rule}`;
  const seen = lastOf(arrived.story, 'deliver') === undefined ? 'The packet has' : 'The destination sees';
  return `${seen} ${formatIpv4(source)} as the source, not ${formatIpv4(before)}${by}.`;
}

/** Of the first translation on the way: what the sender wrote. */
const sourceOf = (story: PacketStory): Ipv4Addr | undefined => stepsOfKind(story, 'nat')[0]?.before.source;

/** The rule that the packet met last before it was translated. */
function translatingRule(story: PacketStory, nat: Step): string | undefined {
  let met: string | undefined;
  for (const { step } of stepsOf(story)) {
    if (step === nat) return met;
    if (step.kind === 'rule' && step.table === 'nat' && step.rule !== undefined)
      met = `${step.chain} rule ${step.position}, ${step.rule.toString()}${becauseOf(step.rule)}`;
  }
  return undefined;
}

const becauseOf = ({ because }: Programmed): string =>
  because.length === 0 ? '' : ` (${because.map(formatCause).join('; ')})`;

/** The first packet that ended in a drop, what policy had to do with it, and which session owes a route. */
function explainLost(trace: Unjudged, facts: Facts): readonly string[] {
  const { packets, nameOf, from } = trace;
  const { policy, routing, reached, store, fromPod, toPod } = facts;
  // A port where nobody listens is no packet lost: it is what `refused` says.
  const told = [...withRole(packets, 'request'), ...withRole(packets, 'reply')].filter(
    ({ story }) => lastOf(story, 'drop')?.step.reason !== 'no-socket',
  );
  const ended = told.find(({ story }) => explainEnd(story, nameOf) !== undefined);
  const end = ended && explainEnd(ended.story, nameOf);
  const routes = [
    ...explainUnrouted(store, [fromPod, toPod], reached),
    ...(routing?.explain({ packets, from: from.place, to: reached }) ?? []),
  ];
  if (ended === undefined || end === undefined) return [...explainStray(trace), ...routes];
  const kept = explainKeptSource(trace, facts.store);
  return [...explainPolicy(ended.story, policy), end, ...explainGateway(ended, facts), ...kept, ...routes];
}

/** Without a PhysicalNetwork there is no outside. */
function explainGateway({ story }: TracePacket, { isAssumed }: Facts): string[] {
  const drop = lastOf(story, 'drop');
  const where = drop?.recorded.place.host;
  if (drop?.step.reason !== 'ip-innoroutes' || where === undefined || !isAssumed(where)) return [];
  return [
    `The input has no PhysicalNetwork: host/${where} is assumed as the nodes’ gateway, and knows of nothing outside their subnets.`,
  ];
}

/** An answer that hangs on what a Service says of a pod. */
function explainAssumption({ packets, to, protocol }: Unjudged, { toPod, store }: Facts): string[] {
  const port = finalTranslation(packets)?.after.destinationPort ?? to.port;
  if (toPod === undefined || port === undefined || protocol === 'icmp') return [];
  return [explainUndeclared(toPod, { protocol, port }, store) ?? []].flat();
}

function explain(
  trace: Unjudged,
  verdict: Verdict,
  about: { readonly outcome: Outcome; readonly facts: Facts },
): string[] {
  const { packets, to, protocol } = trace;
  const sentences: string[] = [];
  const what = to.port === undefined ? protocol : `${protocol} port ${to.port}`;
  if (verdict === 'answered')
    sentences.push(`${to.label} answers on ${what}.`, ...explainAssumption(trace, about.facts));
  if (
    verdict === 'refused' &&
    about.facts.toPod !== undefined &&
    about.facts.whyAbsent === undefined &&
    to.port !== undefined &&
    protocol !== 'icmp'
  ) {
    const port = finalTranslation(packets)?.after.destinationPort ?? to.port;
    sentences.push(...explainRefusal(about.facts.toPod, { protocol, port }, trace, about.facts));
  }
  if (about.outcome.kind === 'refused' && about.outcome.note === 'ENOPROTOOPT')
    sentences.push(
      'No program on that machine has opened an SCTP socket: its kernel has not loaded the module, and knows no SCTP.',
    );
  // Who refused was reached: no route was missing, though one may have led elsewhere.
  if (verdict === 'answered' || verdict === 'refused')
    sentences.push(...(about.facts.routing?.explainDetour(packets) ?? []));
  const facts = verdict === 'refused' ? { ...about.facts, routing: undefined } : about.facts;
  const lost = verdict === 'answered' ? [] : explainLost(trace, facts);
  sentences.push(...lost, ...explainSize(trace, verdict, about.outcome));
  if (about.facts.whyAbsent !== undefined) sentences.push(about.facts.whyAbsent);
  if (verdict !== 'answered')
    sentences.push(...explainSilence(facts.store, { pod: about.facts.toPod, address: to.address }));
  if (verdict !== 'answered' && to.address !== undefined)
    sentences.push(...explainUntranslated({ ...trace, to: { ...to, address: to.address } }, facts));
  if (verdict === 'unreachable' && lost.length === 0 && about.outcome.kind === 'failed' && to.address !== undefined) {
    sentences.push(`The sender has no way to ${formatIpv4(to.address)}: ${about.outcome.note}.`);
  }
  if (verdict === 'refused' && sentences.length === 0)
    sentences.push(`${to.label} refuses ${what}: nothing listens there.`);
  if (verdict !== 'answered' && to.address !== undefined && to.port !== undefined && protocol !== 'icmp') {
    const asked = { address: to.address, port: to.port, protocol };
    sentences.unshift(...explainEndpoints(trace, asked, about.facts.store));
    const missing = explainMissingPort(facts.store, { address: to.address, port: to.port }, protocol);
    if (missing !== undefined) sentences.unshift(missing);
  }
  const destination = translatedDestination(`Packets to ${to.label}`, trace, about.facts);
  if (destination !== undefined) sentences.push(destination);
  else if (trace.resolution !== undefined && about.facts.toPod !== undefined && to.address !== undefined)
    sentences.push(`${to.label} is ${formatIpv4(to.address)}, Pod ${podName(about.facts.toPod)}.`);
  if (to.address !== undefined) sentences.push(...about.facts.loadBalancers.explain(to.address));
  const source = translatedSource(trace);
  if (source !== undefined) sentences.push(source);
  return sentences;
}
