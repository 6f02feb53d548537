/** What one rule of a policy of any kind matches, as the API's documents say it. For the judge in policy-oracle.ts. */

import type {
  AdminPeer,
  AdminPort,
  AdminRule,
  CalicoRule,
  ClusterProtocol,
  EndpointPort,
  EntityRule,
  KubernetesPeer,
  KubernetesPort,
  Protocol,
  World,
  WorldPod,
} from './policy-oracle-objects.js';
import { type Labels, labelsMatch, selects } from './policy-oracle-selectors.js';

/** The first packet of a connection. */
export interface Packet {
  readonly source: string;
  readonly destination: string;
  readonly protocol: Protocol;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface Rule {
  readonly action: 'allow' | 'deny' | 'pass' | 'log';
  matches(packet: Packet): boolean;
}

// Addresses

const toNumber = (address: string): number => address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);

/** A network of IPv6 holds no IPv4 address. */
export function inNetwork(address: string, cidr: string): boolean {
  if (cidr.includes(':')) return false;
  const [network = '', length = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(length));
  return Math.floor(toNumber(address) / size) === Math.floor(toNumber(network) / size);
}

// What selectors can find

/** Something with labels that stands for addresses. */
interface Known {
  readonly labels: Labels;
  readonly namespace: string | undefined;
  readonly serviceAccount: string | undefined;
  readonly ports: readonly EndpointPort[];
  covers(address: string): boolean;
}

/** Calico's own labels of a pod beside those that it has. */
export const podLabels = (pod: WorldPod): Labels => ({
  ...pod.labels,
  'projectcalico.org/namespace': pod.namespace,
  'projectcalico.org/orchestrator': 'k8s',
  'projectcalico.org/serviceaccount': pod.serviceAccount,
});

export const namespaceLabels = (world: World, namespace: string): Labels => ({
  ...world.namespaces[namespace],
  'projectcalico.org/name': namespace,
});

/** One that nobody made has none. */
export function serviceAccountLabels(world: World, namespace: string, name: string): Labels {
  const labels = world.serviceAccounts[`${namespace}/${name}`];
  return labels === undefined ? {} : { ...labels, 'projectcalico.org/name': name };
}

/** A host endpoint has what its profiles apply, where it does not say otherwise itself. */
export function hostEndpointLabels(world: World, { metadata, spec }: World['hostEndpoints'][number]): Labels {
  const applied = world.profiles.filter((profile) => spec.profiles?.includes(profile.metadata.name));
  return Object.assign({}, ...applied.map((profile) => profile.spec.labelsToApply), metadata.labels);
}

const knownPod = (pod: WorldPod): Known => ({
  labels: podLabels(pod),
  namespace: pod.namespace,
  serviceAccount: pod.serviceAccount,
  ports: pod.ports,
  covers: (address: string) => address === pod.address,
});

function known(world: World): Known[] {
  const pods = world.pods.map(knownPod);
  const hosts = world.hostEndpoints.map((endpoint) => ({
    labels: hostEndpointLabels(world, endpoint),
    namespace: undefined,
    serviceAccount: undefined,
    ports: endpoint.spec.ports ?? [],
    covers: (address: string) => endpoint.spec.expectedIPs?.includes(address) === true,
  }));
  const sets = world.networkSets.map(({ metadata, spec }) => ({
    labels: {
      ...metadata.labels,
      ...(metadata.namespace !== undefined && { 'projectcalico.org/namespace': metadata.namespace }),
    },
    namespace: metadata.namespace,
    serviceAccount: undefined,
    ports: [],
    covers: (address: string) => spec.nets?.some((net) => inNetwork(address, net)) === true,
  }));
  return [...pods, ...hosts, ...sets];
}

interface End {
  readonly address: string;
  readonly port: number;
  readonly protocol: Protocol;
}

/** A port by its name is the one that an endpoint with the end's address calls so. */
const isNamedPort = (among: readonly Known[], { address, port: number, protocol }: End, name: string): boolean =>
  among
    .filter((one) => one.covers(address))
    .some(({ ports }) =>
      ports.some((port) => port.name === name && port.port === number && port.protocol.toLowerCase() === protocol),
    );

const sourceOf = ({ source, sourcePort, protocol }: Packet): End => ({ address: source, port: sourcePort, protocol });
const destinationOf = ({ destination, destinationPort, protocol }: Packet): End => ({
  address: destination,
  port: destinationPort,
  protocol,
});

// networking.k8s.io/v1

export function kubernetesRule(
  world: World,
  namespace: string,
  rule: { readonly peers?: readonly KubernetesPeer[]; readonly ports?: readonly KubernetesPort[]; readonly side: Side },
): Rule {
  const { peers = [], ports = [], side } = rule;
  return {
    action: 'allow',
    matches: (packet) =>
      (peers.length === 0 || peers.some((peer) => isKubernetesPeer(world, namespace, peer, packet[side]))) &&
      (ports.length === 0 || ports.some((port) => isKubernetesPort(world, port, packet))),
  };
}

/** The end of a packet that peers are compared with. */
type Side = 'source' | 'destination';

function isKubernetesPeer(world: World, namespace: string, peer: KubernetesPeer, address: string): boolean {
  const { ipBlock, podSelector, namespaceSelector } = peer;
  if (ipBlock !== undefined)
    return inNetwork(address, ipBlock.cidr) && !(ipBlock.except ?? []).some((cidr) => inNetwork(address, cidr));
  return world.pods.some(
    (pod) =>
      pod.address === address &&
      (namespaceSelector === undefined
        ? pod.namespace === namespace
        : labelsMatch(namespaceSelector, world.namespaces[pod.namespace] ?? {})) &&
      labelsMatch(podSelector ?? {}, pod.labels),
  );
}

function isKubernetesPort(world: World, { protocol = 'TCP', port, endPort }: KubernetesPort, packet: Packet): boolean {
  if (packet.protocol !== protocol.toLowerCase()) return false;
  if (port === undefined) return true;
  const { destinationPort } = packet;
  if (typeof port === 'string') return isNamedPort(known(world), destinationOf(packet), port);
  return destinationPort >= port && destinationPort <= (endPort ?? port);
}

// policy.networking.k8s.io

const ADMIN_ACTIONS = { Accept: 'allow', Allow: 'allow', Deny: 'deny', Pass: 'pass' } as const;

export function adminRule(world: World, rule: AdminRule, side: Side): Rule {
  const peers = (side === 'source' ? rule.from : rule.to) ?? [];
  const { ports = [], protocols = [] } = rule;
  return {
    action: ADMIN_ACTIONS[rule.action],
    matches: (packet) =>
      (ports.length === 0 || ports.some((port) => isAdminPort(port, packet))) &&
      peers.some(
        (peer) =>
          isAdminPeer(world, peer, packet[side]) &&
          (protocols.length === 0 ||
            protocols.some((match) => isClusterProtocol(destinations(world, peer, side), match, packet))),
      ),
  };
}

/** Whose named ports are meant: those of the pods that a rule is to. */
function destinations(world: World, peer: AdminPeer, side: Side): readonly Known[] {
  if (side === 'source' || peer.networks !== undefined) return known(world);
  return world.pods.filter((pod) => isSubject(world, peer, pod)).map(knownPod);
}

export function isSubject(world: World, { namespaces, pods }: AdminPeer, pod: WorldPod): boolean {
  const labels = world.namespaces[pod.namespace] ?? {};
  if (namespaces !== undefined) return labelsMatch(namespaces, labels);
  return pods !== undefined && labelsMatch(pods.namespaceSelector, labels) && labelsMatch(pods.podSelector, pod.labels);
}

function isAdminPeer(world: World, peer: AdminPeer, address: string): boolean {
  if (peer.networks !== undefined) return peer.networks.some((cidr) => inNetwork(address, cidr));
  if (world.pods.some((pod) => pod.address === address && isSubject(world, peer, pod))) return true;
  // The API speaks of pods alone. Where none of their labels are asked for, Calico takes all that has the labels of such
  // a namespace: its network sets, and where labels are asked not to be there, what is in no namespace.
  const { namespaces } = peer;
  if (namespaces === undefined) return false;
  const isEverything =
    Object.keys(namespaces.matchLabels ?? {}).length + (namespaces.matchExpressions ?? []).length === 0;
  return known(world).some(
    ({ namespace, covers }) =>
      covers(address) &&
      (namespace === undefined
        ? !isEverything && labelsMatch(namespaces, {})
        : labelsMatch(namespaces, world.namespaces[namespace] ?? {})),
  );
}

function isAdminPort({ portNumber, portRange }: AdminPort, { destinationPort: port, protocol }: Packet): boolean {
  if (portNumber !== undefined) return protocol === portNumber.protocol.toLowerCase() && port === portNumber.port;
  if (portRange === undefined) return false;
  const { protocol: wanted = 'TCP', start, end } = portRange;
  return protocol === wanted.toLowerCase() && port >= start && port <= end;
}

function isClusterProtocol(among: readonly Known[], match: ClusterProtocol, packet: Packet): boolean {
  const { destinationPort: port, protocol } = packet;
  const { destinationNamedPort: name } = match;
  if (name !== undefined) return isNamedPort(among, destinationOf(packet), name);
  const here = protocol === 'icmp' ? undefined : match[protocol];
  if (here === undefined) return false;
  const { number, range } = here.destinationPort ?? {};
  if (range !== undefined) return port >= range.start && port <= range.end;
  return number === undefined || port === number;
}

// projectcalico.org/v3

const PROTOCOL_NUMBERS = { icmp: 1, tcp: 6, udp: 17, sctp: 132 } as const;
const ECHO_REQUEST = { type: 8, code: 0 } as const;

const isProtocol = (wanted: string | number, protocol: Protocol): boolean =>
  typeof wanted === 'number' || /^\d+$/.test(wanted)
    ? Number(wanted) === PROTOCOL_NUMBERS[protocol]
    : wanted.toLowerCase() === protocol;

const isEcho = ({ type, code }: { readonly type?: number; readonly code?: number }): boolean =>
  (type === undefined || type === ECHO_REQUEST.type) && (code === undefined || code === ECHO_REQUEST.code);

export function calicoRule(world: World, namespace: string | undefined, rule: CalicoRule): Rule {
  const { action, ipVersion, protocol, notProtocol, icmp, notICMP } = rule;
  const { source, destination } = withoutUnread(rule);
  return {
    action: action.toLowerCase() as Rule['action'],
    matches: (packet) =>
      ipVersion !== 6 &&
      !isForIpv6(rule.source) &&
      !isForIpv6(rule.destination) &&
      (protocol === undefined || isProtocol(protocol, packet.protocol)) &&
      (notProtocol === undefined || !isProtocol(notProtocol, packet.protocol)) &&
      (icmp === undefined || (packet.protocol === 'icmp' && isEcho(icmp))) &&
      (notICMP === undefined || !(packet.protocol === 'icmp' && isEcho(notICMP))) &&
      isEntity(world, namespace, source, sourceOf(packet), 'source') &&
      isEntity(world, namespace, destination, destinationOf(packet), 'destination'),
  };
}

/** How many matches of iptables a list of ports takes: fifteen numbers each, of which a range is two, or a name. */
function portMatches(ports: readonly (number | string)[]): number {
  const numbers = ports.filter((port) => /^[\d:]+$/.test(String(port)));
  let [matches, free] = [0, 0];
  for (const number of numbers) {
    const taken = String(number).includes(':') ? 2 : 1;
    if (taken > free) [matches, free] = [matches + 1, 15];
    free -= taken;
  }
  return matches + ports.length - numbers.length;
}

/** The documents say nothing of it: Felix forgets the third and fourth of what it has to match by several rules. */
function withoutUnread({ source = {}, destination = {} }: CalicoRule) {
  const lists = [
    portMatches(source.ports ?? []),
    portMatches(destination.ports ?? []),
    source.nets?.length ?? 0,
    destination.nets?.length ?? 0,
  ];
  const unread = (list: number): boolean =>
    (lists[list] ?? 0) > 1 && lists.slice(0, list).filter((matches) => matches > 1).length >= 2;
  return {
    source: { ...source, ...(unread(2) && { nets: [] }) },
    destination: { ...destination, ...(unread(3) && { nets: [] }) },
  };
}

/** A rule has networks of one family, and is for that one (felix/rules/policy.go:FilterRuleToIPVersion()), negated ones too. */
const isForIpv6 = ({ nets = [], notNets = [] }: EntityRule = {}): boolean =>
  [...nets, ...notNets].some((cidr) => cidr.includes(':'));

function isEntity(world: World, namespace: string | undefined, entity: EntityRule, end: End, side: Side): boolean {
  const { nets = [], notNets = [], ports = [], notPorts = [], services } = entity;
  const { found, matches } = selection(world, namespace, entity, end.address);
  return (
    matches &&
    (nets.length === 0 || nets.some((net) => inNetwork(end.address, net))) &&
    !notNets.some((net) => inNetwork(end.address, net)) &&
    (ports.length === 0 || ports.some((port) => isPort(found, port, end))) &&
    !notPorts.some((port) => isPort(found, port, end)) &&
    (services === undefined ||
      isBackend(world, { namespace: services.namespace ?? namespace, name: services.name }, end, side))
  );
}

/**
 * What is known under the address, and is in the rule's scope and selected; and whether the address matches. A
 * namespace is a limit as soon as anything is selected, be it by notSelector (updateprocessors/rules.go); without a limit
 * notSelector alone means any address but those that it selects.
 */
function selection(world: World, namespace: string | undefined, entity: EntityRule, address: string) {
  const { selector = '', notSelector = '', namespaceSelector = '', serviceAccounts } = entity;
  const here = known(world).filter((one) => one.covers(address));
  const excluded = ({ labels }: Known): boolean => notSelector !== '' && selects(notSelector, { labels });
  const limited = namespaceSelector !== '' || (namespace !== undefined && notSelector !== '');
  if (selector === '' && serviceAccounts === undefined && !limited)
    return { found: here, matches: !here.some(excluded) };
  const found = here.filter(
    (one) =>
      isInScope(world, one, namespace, namespaceSelector) &&
      selects(selector, one) &&
      (serviceAccounts === undefined || runsAs(world, one, serviceAccounts)) &&
      !excluded(one),
  );
  return { found, matches: found.length > 0 };
}

/** What is in no namespace has none of its labels, so that a selector that asks for none of them selects it too. */
function isInScope(world: World, one: Known, namespace: string | undefined, namespaceSelector: string): boolean {
  if (namespaceSelector === '') return namespace === undefined || one.namespace === namespace;
  if (one.namespace === undefined) return selects(namespaceSelector, { labels: {}, isGlobal: true });
  return selects(namespaceSelector, { labels: namespaceLabels(world, one.namespace) });
}

/** Likewise of service accounts, of which `all()` here is everything. */
function runsAs(
  world: World,
  { namespace = '', serviceAccount }: Known,
  { names = [], selector = '' }: NonNullable<EntityRule['serviceAccounts']>,
): boolean {
  const labels = serviceAccount === undefined ? {} : serviceAccountLabels(world, namespace, serviceAccount);
  const isNamed = names.length === 0 || (serviceAccount !== undefined && names.includes(serviceAccount));
  return isNamed && selects(selector, { labels });
}

/** A destination by its port too, a source by its address. */
function isBackend(
  world: World,
  wanted: { readonly namespace: string | undefined; readonly name: string },
  { address, port, protocol }: End,
  side: Side,
): boolean {
  return world.services.some((service) => {
    const pod = world.pods.find(({ namespace, name }) => `${namespace}/${name}` === service.backend);
    const isService = service.name === wanted.name && pod?.namespace === wanted.namespace;
    const isHere = pod?.address === address;
    return (
      isService &&
      isHere &&
      (side === 'source' || (port === service.targetPort && protocol === service.protocol.toLowerCase()))
    );
  });
}

function isPort(found: readonly Known[], port: number | string, end: End): boolean {
  if (end.protocol === 'icmp') return false;
  const [, low, high = low] = /^(\d+)(?::(\d+))?$/.exec(String(port)) ?? [];
  if (low !== undefined) return end.port >= Number(low) && end.port <= Number(high);
  return isNamedPort(found, end, String(port));
}
