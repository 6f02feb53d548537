/**
 * An independent judge of policy: may this connection be opened? Written from what Kubernetes and Calico document
 * (networking.k8s.io/v1 NetworkPolicy; network-policy-api's ClusterNetworkPolicy v1alpha2, AdminNetworkPolicy and
 * BaselineAdminNetworkPolicy v1alpha1; docs.tigera.io for Calico 3.32), over the objects themselves, without chains,
 * sets and marks. It shares nothing with src/calico, so that a mistake is not made twice.
 *
 *     pod ─ egress of the pod ─┬─ ingress of a pod on the node
 *                              ├─ the node itself: defaultEndpointToHostAction
 *                              └─ egress of eth0 … ingress of eth0 ─┬─ ingress of a pod
 *                                 (host endpoints)                  └─ the node itself
 *
 * In a tunnel the way is that of vxlan.calico, which only a host endpoint of all interfaces is for, and eth0 has the outer packet.
 */

import type {
  AdminPolicy,
  CalicoPolicy,
  FailsafePort,
  Flow,
  HostEndpoint,
  KubernetesPolicy,
  World,
  WorldNode,
  WorldPod,
} from './policy-oracle-objects.js';
import {
  adminRule,
  calicoRule,
  hostEndpointLabels,
  inNetwork,
  isSubject,
  kubernetesRule,
  namespaceLabels,
  type Packet,
  podLabels,
  type Rule,
  serviceAccountLabels,
} from './policy-oracle-rules.js';
import { labelsMatch, selects } from './policy-oracle-selectors.js';

type Direction = 'ingress' | 'egress';
type Endpoint = WorldPod | HostEndpoint;

/** A policy of any kind. */
interface Policy {
  /** Decides between equal orders: name, namespace and kind as one text (felix/calc/policy_sorter.go:PolKVLess()). */
  readonly name: string;
  readonly tier: string;
  /** Infinite where none is given. */
  readonly order: number;
  readonly directions: readonly Direction[];
  readonly rules: Readonly<Record<Direction, readonly Rule[]>>;
  /**
   * What is untracked or before DNAT is for host endpoints alone: the reference of GlobalNetworkPolicy says that workloads
   * have it "after connection tracking and any DNAT"; felix/calc/event_sequencer.go gives workloads the normal tiers only.
   */
  readonly when: 'untracked' | 'pre-dnat' | 'normal';
  readonly onForward: boolean;
  appliesTo(endpoint: Endpoint): boolean;
}

const isPod = (endpoint: Endpoint): endpoint is WorldPod => endpoint.kind === 'pod';

const NORMAL = { when: 'normal', onForward: false } as const;

function fromKubernetes(world: World, { metadata, spec }: KubernetesPolicy): Policy {
  const { name, namespace = 'default' } = metadata;
  const { podSelector, ingress = [], egress = [] } = spec;
  const types = spec.policyTypes ?? ['Ingress', ...(egress.length > 0 ? ['Egress'] : [])];
  return {
    ...NORMAL,
    name: `${name}/${namespace}/KubernetesNetworkPolicy`,
    tier: 'default',
    order: 1000,
    directions: types.map((type) => type.toLowerCase() as Direction),
    rules: {
      ingress: ingress.map(({ from = [], ports = [] }) =>
        kubernetesRule(world, namespace, { peers: from, ports, side: 'source' }),
      ),
      egress: egress.map(({ to = [], ports = [] }) =>
        kubernetesRule(world, namespace, { peers: to, ports, side: 'destination' }),
      ),
    },
    appliesTo: (endpoint) =>
      isPod(endpoint) && endpoint.namespace === namespace && labelsMatch(podSelector, endpoint.labels),
  };
}

const ADMIN_TIERS = {
  AdminNetworkPolicy: 'adminnetworkpolicy',
  BaselineAdminNetworkPolicy: 'baselineadminnetworkpolicy',
} as const;

function fromAdmin(world: World, { kind, metadata, spec }: AdminPolicy): Policy {
  const { ingress = [], egress = [], priority = 0 } = spec;
  const clusterTier = spec.tier === 'Admin' ? 'kube-admin' : 'kube-baseline';
  return {
    ...NORMAL,
    name: `${metadata.name}//${kind}`,
    tier: kind === 'ClusterNetworkPolicy' ? clusterTier : ADMIN_TIERS[kind],
    order: priority,
    directions: [
      ...(ingress.length > 0 ? (['ingress'] as const) : []),
      ...(egress.length > 0 ? (['egress'] as const) : []),
    ],
    rules: {
      ingress: ingress.map((rule) => adminRule(world, rule, 'source')),
      egress: egress.map((rule) => adminRule(world, rule, 'destination')),
    },
    appliesTo: (endpoint) => isPod(endpoint) && isSubject(world, spec.subject, endpoint),
  };
}

function fromCalico(world: World, { kind, metadata, spec }: CalicoPolicy): Policy {
  const { namespace } = metadata;
  const { ingress = [], egress = [], doNotTrack = false, preDNAT = false } = spec;
  const written = [
    ...(ingress.length > 0 || egress.length === 0 ? ['Ingress'] : []),
    ...(egress.length > 0 ? ['Egress'] : []),
  ];
  return {
    name: `${metadata.name}/${namespace ?? ''}/${kind}`,
    tier: spec.tier ?? 'default',
    order: spec.order ?? Number.POSITIVE_INFINITY,
    directions: (spec.types ?? written).map((type) => type.toLowerCase() as Direction),
    rules: {
      ingress: ingress.map((rule) => calicoRule(world, namespace, rule)),
      egress: egress.map((rule) => calicoRule(world, namespace, rule)),
    },
    when: doNotTrack ? 'untracked' : preDNAT ? 'pre-dnat' : 'normal',
    onForward: spec.applyOnForward ?? false,
    appliesTo: (endpoint) =>
      isPod(endpoint)
        ? selectsPod(world, { namespace, spec }, endpoint)
        : selectsHostEndpoint(world, { namespace, spec }, endpoint),
  };
}

interface Subject {
  readonly namespace: string | undefined;
  readonly spec: CalicoPolicy['spec'];
}

const selectsPod = (world: World, { namespace, spec }: Subject, pod: WorldPod): boolean =>
  (namespace === undefined || pod.namespace === namespace) &&
  selects(spec.selector, { labels: podLabels(pod) }) &&
  selects(spec.namespaceSelector, { labels: namespaceLabels(world, pod.namespace) }) &&
  selects(spec.serviceAccountSelector, { labels: serviceAccountLabels(world, pod.namespace, pod.serviceAccount) });

/**
 * It is in no namespace, and nobody's service account runs it: it has no labels of those, as which selectors ask for
 * none of them (updateprocessors/globalnetworkpolicyprocessor.go).
 */
function selectsHostEndpoint(world: World, { namespace, spec }: Subject, endpoint: HostEndpoint): boolean {
  const { selector, namespaceSelector = '', serviceAccountSelector = '' } = spec;
  const isGlobal = namespaceSelector !== '' || serviceAccountSelector !== '';
  return (
    namespace === undefined &&
    selects(selector, { labels: hostEndpointLabels(world, endpoint), isGlobal }) &&
    selects(namespaceSelector, { labels: {}, isGlobal }) &&
    selects(serviceAccountSelector, { labels: {}, isGlobal })
  );
}

// Tiers

interface Tier {
  readonly name: string;
  readonly order: number;
  readonly defaultAction: 'Deny' | 'Pass';
}

/** Those that are always there, and those of ClusterNetworkPolicy and its forerunners. */
const FIXED_TIERS: readonly Tier[] = [
  { name: 'kube-admin', order: 1000, defaultAction: 'Pass' },
  { name: 'adminnetworkpolicy', order: 1000, defaultAction: 'Pass' },
  { name: 'default', order: 1_000_000, defaultAction: 'Deny' },
  { name: 'kube-baseline', order: 10_000_000, defaultAction: 'Pass' },
  { name: 'baselineadminnetworkpolicy', order: 10_000_000, defaultAction: 'Pass' },
];

const inOrder = (
  a: { readonly order: number; readonly name: string },
  b: { readonly order: number; readonly name: string },
): number => (a.order === b.order ? (a.name < b.name ? -1 : 1) : a.order - b.order);

function tiersOf(world: World): Tier[] {
  const own = world.tiers.map(({ metadata: { name }, spec }) => ({
    name,
    order: spec.order ?? Number.POSITIVE_INFINITY,
    defaultAction: spec.defaultAction ?? ('Deny' as const),
  }));
  return [...own, ...FIXED_TIERS].sort(inOrder);
}

type Decision = 'allow' | 'deny' | undefined;

const decide = (rules: readonly Rule[], packet: Packet): Rule['action'] | undefined =>
  rules.find((rule) => rule.action !== 'log' && rule.matches(packet))?.action;

/** Whether it was the node's own port of a Service that was asked. */
const isByPort = ({ address }: WorldNode, asked: Packet, translated: Packet): boolean =>
  asked !== translated && asked.destination === address;

/** eth0, or all others: of pods and tunnels, and of no one host endpoint. */
type Interfaces = 'eth0' | 'others';

const VXLAN_PORT = 4789;

/** Felix' defaults of FailsafeInboundHostPorts and FailsafeOutboundHostPorts. */
const FAILSAFE_TCP = [179, 2379, 2380, 5473, 6443, 6666, 6667].map((port) => ({ protocol: 'tcp' as const, port }));
const FAILSAFE: Readonly<Record<Direction, readonly FailsafePort[]>> = {
  ingress: [...FAILSAFE_TCP, { protocol: 'tcp', port: 22 }, { protocol: 'udp', port: 68 }],
  egress: [...FAILSAFE_TCP, { protocol: 'udp', port: 53 }, { protocol: 'udp', port: 67 }],
};

/** Whether and how connections that no rule of a tier decides end there. */
type AtTheEnd = 'default action' | 'nothing';

export class PolicyOracle {
  readonly #world: World;
  readonly #tiers: readonly Tier[];
  readonly #policies: readonly Policy[];

  constructor(world: World) {
    this.#world = world;
    this.#tiers = tiersOf(world);
    this.#policies = [
      ...world.kubernetesPolicies.map((policy) => fromKubernetes(world, policy)),
      ...world.adminPolicies.map((policy) => fromAdmin(world, policy)),
      ...world.calicoPolicies.map((policy) => fromCalico(world, policy)),
    ].sort(inOrder);
  }

  /** Whether the first packet of the connection gets to the destination; undefined where no policy decides that. */
  mayOpen({ from, to, protocol, port, through }: Flow): boolean | undefined {
    if (from === to && through === undefined) return true;
    const packet = {
      source: from.address,
      destination: through?.address ?? to.address,
      protocol,
      sourcePort: 40_000,
      destinationPort: through?.port ?? port,
    };
    if (from.kind === 'pod') return this.#fromPod(from, packet);
    return from.kind === 'node' ? this.#fromProcess(from, packet) : this.#arrives(packet, 'eth0');
  }

  #fromPod(pod: WorldPod, asked: Packet): boolean | undefined {
    const node = this.#node(pod.node);
    const before = this.#preDnat(node, 'others', asked);
    const packet = this.#translated(node, asked);
    if (before === 'deny' || !this.#passesPod(pod, 'egress', packet)) return false;
    // Not asked of a host endpoint of all interfaces: felix/rules/static.go:filterWorkloadToHostChain() has the last word.
    if (packet.destination === node.address) return this.#world.felix.defaultEndpointToHostAction !== 'Drop';
    if (before !== 'allow' && this.#forwarded(this.#hostEndpoint(node, 'others'), 'ingress', packet) === 'deny')
      return false;
    return this.#leaves(node, packet, asked);
  }

  /** Something forwarded, to a pod of the node or to another machine, whatever has been allowed before. */
  #leaves(node: WorldNode, packet: Packet, asked: Packet): boolean | undefined {
    const to = this.#podAt(packet.destination);
    const isHere = to?.node === node.name;
    const endpoint = this.#hostEndpoint(node, isHere ? 'others' : this.#wayTo(packet.destination));
    const decided = this.#forwarded(endpoint, 'egress', packet);
    if (decided === 'deny') return false;
    if (to !== undefined && isHere) return this.#passesPod(to, 'ingress', packet);
    // KUBE-FORWARD accepts what it masquerades before Felix can mark it as forwarded; what no policy for forwarded traffic
    // has marked as allowed is taken for the host's own then (felix/rules/static.go:StaticManglePostroutingChain()).
    const isTaken = endpoint !== undefined && isByPort(node, asked, packet) && decided !== 'allow';
    if (isTaken && !this.#passesLocal(endpoint, 'egress', packet)) return false;
    return this.#crosses(node, this.#isHidden(node, asked, packet) ? this.#asNode(node, packet) : packet);
  }

  /** By which of a node's interfaces another machine is reached. */
  #wayTo(address: string): Interfaces {
    return this.#world.isTunnelled && this.#podAt(address) !== undefined ? 'others' : 'eth0';
  }

  /** From one machine to another: in a tunnel, what is of a host endpoint on eth0 has its word on the outer packet. */
  #crosses(node: WorldNode, packet: Packet): boolean | undefined {
    const by = this.#wayTo(packet.destination);
    const other = this.#nodeOf(packet.destination);
    if (by === 'eth0' || other === undefined) return this.#arrives(packet, by);
    const outer = {
      source: node.address,
      destination: other.address,
      protocol: 'udp' as const,
      sourcePort: packet.sourcePort,
      destinationPort: VXLAN_PORT,
    };
    const sent = this.#untracked(node, 'egress', outer);
    const received = this.#untracked(other, 'ingress', outer) ?? this.#preDnat(other, 'eth0', outer);
    return sent !== 'deny' && received !== 'deny' && this.#arrives(packet, by);
  }

  /** Behind the node's address: of pods, what is outside of the pools; and whoever asked the node's own port of a Service. */
  #isHidden(node: WorldNode, asked: Packet, packet: Packet): boolean {
    const { natOutgoing, pools } = this.#world;
    const isPod = this.#podAt(packet.source) !== undefined;
    const isOutside = !pools.some((pool) => inNetwork(packet.destination, pool));
    return isByPort(node, asked, packet) || (natOutgoing && isPod && isOutside);
  }

  /** With the address of the interface by which it goes. */
  #asNode(node: WorldNode, packet: Packet): Packet {
    return { ...packet, source: this.#wayTo(packet.destination) === 'eth0' ? node.address : node.tunnelAddress };
  }

  /** A pod's policies, then its namespace's profile, which allows everything. */
  #passesPod(pod: WorldPod, direction: Direction, packet: Packet): boolean {
    return this.#tiered(pod, direction, { packet }) !== 'deny';
  }

  /** A process of the node asks: its own pods without a question, all else by an interface. */
  #fromProcess(node: WorldNode, opened: Packet): boolean | undefined {
    const asked = this.#asNode(node, opened);
    const packet = this.#translated(node, asked);
    const isHere = (address: string): boolean => address === node.address || this.#podAt(address)?.node === node.name;
    if (!isHere(asked.destination) && this.#wayTo(asked.destination) === 'eth0') {
      const untracked = this.#untracked(node, 'egress', asked);
      if (untracked === 'deny') return false;
      // Without connection tracking no address is translated, and nobody has a Service's.
      if (untracked === 'allow') return asked === packet ? this.#crosses(node, packet) : undefined;
    }
    if (isHere(packet.destination)) return true;
    const endpoint = this.#hostEndpoint(node, this.#wayTo(packet.destination));
    if (endpoint !== undefined && !this.#passesLocal(endpoint, 'egress', packet)) return false;
    return this.#crosses(node, this.#asNode(node, packet));
  }

  /** It comes to the node where its destination is; outside of the cluster nobody asks. */
  #arrives(asked: Packet, by: Interfaces): boolean | undefined {
    const node = this.#nodeOf(asked.destination);
    if (node === undefined) return true;
    const endpoint = this.#hostEndpoint(node, by);
    const packet = this.#translated(node, asked);
    const untracked = by === 'eth0' ? this.#untracked(node, 'ingress', asked) : undefined;
    if (untracked === 'allow' && packet !== asked) return undefined;
    const before = untracked ?? this.#preDnat(node, by, asked);
    if (before === 'deny') return false;
    if (packet.destination === node.address)
      return before === 'allow' || endpoint === undefined || this.#passesLocal(endpoint, 'ingress', packet);
    if (before !== 'allow' && this.#forwarded(endpoint, 'ingress', packet) === 'deny') return false;
    return this.#leaves(node, packet, asked);
  }

  /** On eth0; those of all interfaces do not support it. */
  #untracked(node: WorldNode, direction: Direction, packet: Packet): Decision {
    const endpoint = this.#hostEndpoint(node, 'eth0');
    const isAsked =
      endpoint !== undefined && endpoint.spec.interfaceName !== '*' && !this.#isFailsafe(direction, packet);
    return isAsked ? this.#tiered(endpoint, direction, { packet, when: 'untracked' }) : undefined;
  }

  /**
   * An interface's own host endpoint has its word where some policy before DNAT is for it; where none is, that of all
   * interfaces is asked in its place (endpoint_mgr.go:updateHostEndpoints()).
   */
  #preDnat(node: WorldNode, interfaces: Interfaces, packet: Packet): Decision {
    if (this.#isFailsafe('ingress', packet)) return undefined;
    const own = this.#hostEndpoint(node, interfaces);
    const has = (endpoint: HostEndpoint): boolean =>
      this.#policies.some((policy) => policy.when === 'pre-dnat' && policy.appliesTo(endpoint));
    const endpoint = own !== undefined && has(own) ? own : this.#hostEndpoint(node, 'others');
    return endpoint === undefined ? undefined : this.#tiered(endpoint, 'ingress', { packet, when: 'pre-dnat' });
  }

  /** What a Service makes of it on a node: its address does so everywhere, its port on the node's address there. */
  #translated(node: WorldNode, packet: Packet): Packet {
    for (const service of this.#world.services) {
      const { clusterIP, port, nodePort, protocol, backend, targetPort } = service;
      const pod = this.#world.pods.find(({ namespace, name }) => `${namespace}/${name}` === backend);
      const { destination, destinationPort } = packet;
      const isAsked =
        (destination === clusterIP && destinationPort === port) ||
        (destination === node.address && destinationPort === nodePort);
      if (pod !== undefined && isAsked && packet.protocol === protocol.toLowerCase())
        return { ...packet, destination: pod.address, destinationPort: targetPort };
    }
    return packet;
  }

  /** To or from a process of the host: what no policy and no profile allows is dropped. */
  #passesLocal(endpoint: HostEndpoint, direction: Direction, packet: Packet): boolean {
    if (this.#isFailsafe(direction, packet)) return true;
    const decided = this.#tiered(endpoint, direction, { packet });
    if (decided !== undefined) return decided === 'allow';
    for (const name of endpoint.spec.profiles ?? []) {
      if (name === 'projectcalico-default-allow') return true;
      const profile = this.#world.profiles.find(({ metadata }) => metadata.name === name);
      const rules = (profile?.spec[direction] ?? []).map((rule) => calicoRule(this.#world, undefined, rule));
      const action = decide(rules, packet);
      if (action !== undefined) return action === 'allow';
    }
    return false;
  }

  /** What is forwarded is for policies that say so, and allowed where none is for the endpoint, be it in the other direction. */
  #forwarded(endpoint: HostEndpoint | undefined, direction: Direction, packet: Packet): Decision {
    if (endpoint === undefined) return undefined;
    const some = this.#policies.some((one) => one.when === 'normal' && one.onForward && one.appliesTo(endpoint));
    return some ? this.#tiered(endpoint, direction, { packet, forwarded: true }) : 'allow';
  }

  #tiered(
    endpoint: Endpoint,
    direction: Direction,
    how: { readonly packet: Packet; readonly when?: Policy['when']; readonly forwarded?: boolean },
  ): Decision {
    const { packet, when = 'normal', forwarded = false } = how;
    const applicable = this.#policies.filter(
      (policy) =>
        policy.directions.includes(direction) &&
        policy.when === when &&
        (policy.onForward || !forwarded) &&
        policy.appliesTo(endpoint),
    );
    const atTheEnd: AtTheEnd = when === 'normal' ? 'default action' : 'nothing';
    for (const tier of this.#tiers) {
      const policies = applicable.filter((policy) => policy.tier === tier.name);
      if (policies.length === 0) continue;
      const action = decide(
        policies.flatMap(({ rules }) => rules[direction]),
        packet,
      );
      if (action === 'allow' || action === 'deny') return action;
      if (action === undefined && atTheEnd === 'default action' && tier.defaultAction === 'Deny') return 'deny';
    }
    return undefined;
  }

  /** Kept open at every host endpoint, whatever is behind it. */
  #isFailsafe(direction: Direction, packet: Packet): boolean {
    const { failsafeInboundHostPorts, failsafeOutboundHostPorts } = this.#world.felix;
    const set = direction === 'ingress' ? failsafeInboundHostPorts : failsafeOutboundHostPorts;
    const other = direction === 'ingress' ? packet.source : packet.destination;
    return (set ?? FAILSAFE[direction]).some(
      ({ protocol, port, net = '0.0.0.0/0' }) =>
        protocol === packet.protocol && port === packet.destinationPort && inNetwork(other, net),
    );
  }

  #podAt(address: string): WorldPod | undefined {
    return this.#world.pods.find((pod) => pod.address === address);
  }

  #nodeOf(address: string): WorldNode | undefined {
    const pod = this.#podAt(address);
    return this.#world.nodes.find((node) => node.address === address || node.name === pod?.node);
  }

  #node(name: string): WorldNode {
    const node = this.#world.nodes.find((one) => one.name === name);
    if (node === undefined) throw new TypeError(`no node ${name}`);
    return node;
  }

  /** The host endpoint that is for an interface: that of its name or its address, or else that of all. */
  #hostEndpoint(node: WorldNode, interfaces: Interfaces): HostEndpoint | undefined {
    const here = this.#world.hostEndpoints.filter(({ spec }) => spec.node === node.name);
    const own = here.find(
      ({ spec: { interfaceName = '', expectedIPs = [] } }) =>
        interfaceName === 'eth0' || (interfaceName === '' && expectedIPs.includes(node.address)),
    );
    const every = here.find(({ spec }) => spec.interfaceName === '*');
    return interfaces === 'eth0' ? (own ?? every) : every;
  }
}
