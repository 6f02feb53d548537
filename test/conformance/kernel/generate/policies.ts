/** Random Services and policies over the labels of a case's pods. */

import type { Document } from './cluster.js';
import type { Dice } from './dice.js';
import { PORTS, UDP_PORT } from './universe.js';

const LABELS = { app: ['a', 'b'], tier: ['x', 'y'] } as const;

export const someLabels = (dice: Dice): Readonly<Record<string, string>> => ({
  app: dice.pick(LABELS.app),
  ...(dice.chance(0.6) ? { tier: dice.pick(LABELS.tier) } : {}),
});

/** Where the Services of a case are. */
export const SERVICE_ADDRESSES = ['10.96.0.10', '10.96.0.11', '10.96.0.12'] as const;
/** What load balancers and `externalIPs` of a case have: the router leads it to the first node. */
const EXTERNAL = { prefix: '192.0.2.0/24', balanced: '192.0.2.10', given: '192.0.2.20' } as const;
export const EXTERNAL_ADDRESSES = [EXTERNAL.balanced, EXTERNAL.given] as const;
const NODE_PORT = 30_080;

const PREFIXES = ['10.244.0.0/16', '10.1.0.0/16', '203.0.113.0/24', '0.0.0.0/0', '203.0.113.10/32'] as const;

type ServiceType = 'ClusterIP' | 'NodePort' | 'LoadBalancer';

const someType = (dice: Dice): ServiceType =>
  dice.weighted<ServiceType>([
    [2, 'ClusterIP'],
    [3, 'NodePort'],
    [2, 'LoadBalancer'],
  ]);

/** What a cloud has written, as it is on record. */
const balancerStatus = (dice: Dice): Readonly<Record<string, unknown>> => ({
  loadBalancer: { ingress: [{ ip: EXTERNAL.balanced, ...(dice.chance(0.3) ? { ipMode: 'Proxy' } : {}) }] },
});

/** None of SCTP: not every kernel that judges has it. */
function servicePorts(dice: Dice, nodePort: number | undefined): readonly Readonly<Record<string, unknown>>[] {
  const ofNode = (number: number | undefined) => (number === undefined ? {} : { nodePort: number });
  const udpPort = nodePort === undefined || dice.chance(0.5) ? undefined : nodePort;
  const morePort = nodePort === undefined || dice.chance(0.5) || udpPort !== undefined ? undefined : nodePort;
  return [
    { name: 'tcp', protocol: 'TCP', port: 80, targetPort: dice.pick([80, 8080]), ...ofNode(nodePort) },
    ...(dice.chance(0.5)
      ? [{ name: 'udp', protocol: 'UDP', port: UDP_PORT, targetPort: UDP_PORT, ...ofNode(udpPort) }]
      : []),
    ...(dice.chance(0.2)
      ? [{ name: 'more', protocol: 'UDP', port: dice.pick([80, 443]), targetPort: 8080, ...ofNode(morePort) }]
      : []),
    ...(dice.chance(0.3) ? [{ name: 'https', protocol: 'TCP', port: 443, targetPort: 443 }] : []),
  ];
}

function service(dice: Dice, name: string, clusterIP: string, type: ServiceType): Document {
  const external = type !== 'ClusterIP';
  const nodePort = external ? NODE_PORT : undefined;
  const balanced = type === 'LoadBalancer';
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: {
      type,
      clusterIP,
      clusterIPs: [clusterIP],
      selector: dice.chance(0.85) ? { app: dice.pick(LABELS.app) } : { app: 'nobody' },
      ...(dice.chance(0.25)
        ? { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } }
        : {}),
      ...(dice.chance(0.2) ? { internalTrafficPolicy: 'Local' } : {}),
      ...(external && dice.chance(0.4) ? { externalTrafficPolicy: 'Local' } : {}),
      ...(balanced && dice.chance(0.4) ? { loadBalancerSourceRanges: dice.some(PREFIXES, 0.3) } : {}),
      ...(dice.chance(0.2) ? { externalIPs: [EXTERNAL.given] } : {}),
      ports: servicePorts(dice, nodePort),
    },
    ...(balanced ? { status: balancerStatus(dice) } : {}),
  };
}

/**
 * Services of every type that has rules, each kind of traffic policy, with and without affinity, source ranges and
 * external addresses, and sometimes without anybody behind them.
 */
export function services(dice: Dice, firstNode: string): Document[] {
  const count = dice.between(0, SERVICE_ADDRESSES.length);
  // One has the node port.
  const made = SERVICE_ADDRESSES.slice(0, count).map((clusterIP, i) =>
    service(dice, `s${i}`, clusterIP, i === 0 ? someType(dice) : 'ClusterIP'),
  );
  const way: Document = {
    apiVersion: 'podwire.dev/v1alpha1',
    kind: 'HostConfig',
    metadata: { name: 'external-addresses' },
    spec: { hosts: ['router'], routes: [{ to: EXTERNAL.prefix, via: firstNode }] },
  };
  return count === 0 ? [] : [...made, way];
}

const selector = (dice: Dice): Readonly<Record<string, unknown>> =>
  dice.weighted([
    [2, () => ({})],
    [3, () => ({ matchLabels: { app: dice.pick(LABELS.app) } })],
    [1, () => ({ matchExpressions: [{ key: 'tier', operator: dice.pick(['Exists', 'DoesNotExist']) }] })],
    [1, () => ({ matchExpressions: [{ key: 'app', operator: dice.pick(['In', 'NotIn']), values: ['a'] }] })],
  ])();

function kubernetesPeer(dice: Dice): Readonly<Record<string, unknown>> {
  return dice.weighted<() => Readonly<Record<string, unknown>>>([
    [3, () => ({ podSelector: selector(dice) })],
    [1, () => ({ namespaceSelector: {} })],
    [
      2,
      () => ({
        ipBlock: {
          cidr: '10.0.0.0/8',
          ...(dice.chance(0.5) ? { except: [dice.pick(['10.1.0.0/24', '10.244.0.0/17'])] } : {}),
        },
      }),
    ],
  ])();
}

const kubernetesPort = (dice: Dice): Readonly<Record<string, unknown>> => ({
  protocol: dice.pick(['TCP', 'UDP']),
  ...(dice.chance(0.8) ? { port: dice.pick(PORTS), ...(dice.chance(0.2) ? { endPort: 9000 } : {}) } : {}),
});

/** `endPort` below `port` is refused. */
const valid = ({ port, endPort }: Readonly<Record<string, unknown>>): boolean =>
  endPort === undefined || Number(endPort) >= Number(port);

function kubernetesRules(dice: Dice, peers: 'from' | 'to'): readonly Readonly<Record<string, unknown>>[] {
  return Array.from({ length: dice.between(0, 2) }, () => ({
    ...(dice.chance(0.7) ? { [peers]: [kubernetesPeer(dice)] } : {}),
    ...(dice.chance(0.6) ? { ports: [kubernetesPort(dice)].filter(valid) } : {}),
  }));
}

function networkPolicy(dice: Dice, name: string): Document {
  const types = dice.pick([['Ingress'], ['Egress'], ['Ingress', 'Egress']]);
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace: 'default' },
    spec: {
      podSelector: selector(dice),
      policyTypes: types,
      ...(types.includes('Ingress') ? { ingress: kubernetesRules(dice, 'from') } : {}),
      ...(types.includes('Egress') ? { egress: kubernetesRules(dice, 'to') } : {}),
    },
  };
}

const calicoSelector = (dice: Dice): string =>
  dice.pick(["app == 'a'", "app != 'b'", 'all()', 'has(tier)', "tier in {'x', 'y'}", "!has(tier) && app == 'b'"]);

function entity(dice: Dice, withPorts: boolean): Readonly<Record<string, unknown>> {
  return {
    ...dice.weighted([
      [2, () => ({})],
      [2, () => ({ selector: calicoSelector(dice) })],
      [2, () => ({ nets: [dice.pick(PREFIXES)] })],
      [1, () => ({ notNets: [dice.pick(PREFIXES.filter((prefix) => prefix !== '0.0.0.0/0'))] })],
      [1, () => ({ notSelector: "app == 'a'" })],
    ])(),
    ...(withPorts && dice.chance(0.6)
      ? { [dice.pick(['ports', 'ports', 'notPorts'])]: dice.some([...PORTS, '8000:9000'], 0.4) }
      : {}),
  };
}

function calicoRule(dice: Dice): Readonly<Record<string, unknown>> {
  const protocol = dice.pick(['TCP', 'UDP', 'ICMP', 'any']);
  const ported = protocol === 'TCP' || protocol === 'UDP';
  return {
    action: dice.pick(['Allow', 'Allow', 'Allow', 'Deny', 'Log', 'Pass']),
    ...(protocol === 'any' ? {} : { protocol }),
    ...(protocol === 'ICMP' && dice.chance(0.5) ? { icmp: { type: 8 } } : {}),
    source: entity(dice, ported && dice.chance(0.2)),
    destination: entity(dice, ported),
  };
}

function calicoPolicy(dice: Dice, name: string): Document {
  const global = dice.chance(0.6);
  const types = dice.pick([['Ingress'], ['Egress'], ['Ingress', 'Egress']]);
  const rules = (): Readonly<Record<string, unknown>>[] =>
    Array.from({ length: dice.between(1, 3) }, () => calicoRule(dice));
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: global ? 'GlobalNetworkPolicy' : 'NetworkPolicy',
    metadata: global ? { name } : { name, namespace: 'default' },
    spec: {
      order: dice.between(1, 1000),
      selector: calicoSelector(dice),
      types,
      ...(types.includes('Ingress') ? { ingress: rules() } : {}),
      ...(types.includes('Egress') ? { egress: rules() } : {}),
    },
  };
}

export const policies = (dice: Dice): Document[] => [
  ...Array.from({ length: dice.between(0, 2) }, (_, i) => networkPolicy(dice, `k${i}`)),
  ...Array.from({ length: dice.between(0, 2) }, (_, i) => calicoPolicy(dice, `c${i}`)),
];
