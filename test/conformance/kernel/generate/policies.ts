/** Random Services and policies over the labels of a case's pods. */

import type { Document } from './cluster.js';
import type { Dice } from './dice.js';
import { PORTS, UDP_PORT } from './universe.js';

export const LABELS = { app: ['a', 'b'], tier: ['x', 'y'] } as const;

export const someLabels = (dice: Dice): Readonly<Record<string, string>> => ({
  app: dice.pick(LABELS.app),
  ...(dice.chance(0.6) ? { tier: dice.pick(LABELS.tier) } : {}),
});

/** Where the Services of a case are. */
export const SERVICE_ADDRESSES = ['10.96.0.10', '10.96.0.11'] as const;
const NODE_PORT = 30_080;

const PREFIXES = ['10.244.0.0/16', '10.1.0.0/16', '203.0.113.0/24', '0.0.0.0/0', '203.0.113.10/32'] as const;

/** One of each kind of traffic policy, with and without affinity, and sometimes without anybody behind it. */
export function services(dice: Dice): Document[] {
  const count = dice.between(0, SERVICE_ADDRESSES.length);
  return SERVICE_ADDRESSES.slice(0, count).map((clusterIP, i) => {
    const nodePort = i === 0 && dice.chance(0.6);
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `s${i}`, namespace: 'default' },
      spec: {
        type: nodePort ? 'NodePort' : 'ClusterIP',
        clusterIP,
        clusterIPs: [clusterIP],
        selector: dice.chance(0.85) ? { app: dice.pick(LABELS.app) } : { app: 'nobody' },
        ...(dice.chance(0.25)
          ? { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } }
          : {}),
        ...(dice.chance(0.2) ? { internalTrafficPolicy: 'Local' } : {}),
        ...(nodePort && dice.chance(0.4) ? { externalTrafficPolicy: 'Local' } : {}),
        ports: [
          {
            name: 'tcp',
            protocol: 'TCP',
            port: 80,
            targetPort: dice.pick([80, 8080]),
            ...(nodePort ? { nodePort: NODE_PORT } : {}),
          },
          ...(dice.chance(0.5) ? [{ name: 'udp', protocol: 'UDP', port: UDP_PORT, targetPort: UDP_PORT }] : []),
        ],
      },
    };
  });
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
