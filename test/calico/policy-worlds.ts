/** Random clusters with random policies of every kind, for the judge in policy-oracle.ts and for podwire alike. */

import fc from 'fast-check';
import type {
  AdminPeer,
  AdminPolicy,
  AdminRule,
  CalicoPolicy,
  CalicoRule,
  EndpointPort,
  EntityRule,
  FailsafePort,
  FelixSettings,
  Flow,
  HostEndpoint,
  KubernetesPeer,
  KubernetesPolicy,
  NetworkSet,
  Party,
  Profile,
  Tier,
  World,
  WorldPod,
  WorldService,
} from './policy-oracle-objects.js';
import type { LabelSelector, Labels } from './policy-oracle-selectors.js';

// Few words, so that what one object says another one means.

const NAMESPACES = ['alpha', 'beta', 'gamma'] as const;
const VALUES = { app: ['web', 'db', 'api'], 'x.io/role': ['front', 'back', ''], env: ['prod', 'dev'] } as const;
const KEYS = Object.keys(VALUES) as (keyof typeof VALUES)[];
const PORT_NAMES = ['http', 'dns', 'metrics'] as const;
const PORTS = [80, 8080, 53, 22, 9090, 7000] as const;
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;
const POOLS = ['10.244.1.0/24', '10.244.2.0/24'] as const;

const NODES = [
  { kind: 'node', name: 'node1', address: '172.18.0.2', tunnelAddress: '10.244.1.1' },
  { kind: 'node', name: 'node2', address: '172.18.0.3', tunnelAddress: '10.244.2.1' },
] as const;
const HOSTS = [{ kind: 'host', name: 'outside', address: '203.0.113.10' }] as const;
const MOST_PODS = 9;

const addressOf = (node: 0 | 1, index: number): string => `10.244.${node + 1}.${16 + index}`;

const some = <T>(arb: fc.Arbitrary<T>, least: number, most: number): fc.Arbitrary<T[]> =>
  fc.array(arb, { minLength: least, maxLength: most });

/** Fields that are there or not. */
const partly = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> =>
  fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;

const labels: fc.Arbitrary<Labels> = fc
  .tuple(...KEYS.map((key) => fc.option(fc.constantFrom(...VALUES[key]), { nil: undefined, freq: 3 })))
  .map((values) =>
    Object.fromEntries(KEYS.flatMap((key, i) => (values[i] === undefined ? [] : ([[key, values[i]]] as const)))),
  );

const keyed = fc.constantFrom(...KEYS).chain((key) =>
  fc.record({
    key: fc.constant(key),
    values: fc.uniqueArray(fc.constantFrom(...VALUES[key]), { minLength: 1, maxLength: 2 }),
  }),
);

const labelSelector: fc.Arbitrary<LabelSelector> = fc.oneof(
  { weight: 3, arbitrary: keyed.map(({ key, values }) => ({ matchLabels: { [key]: values[0] ?? '' } })) },
  { weight: 2, arbitrary: fc.constant({}) },
  {
    weight: 2,
    arbitrary: some(
      fc.oneof(
        keyed.chain((one) =>
          fc.constantFrom({ ...one, operator: 'In' as const }, { ...one, operator: 'NotIn' as const }),
        ),
        keyed.chain(({ key }) =>
          fc.constantFrom({ key, operator: 'Exists' as const }, { key, operator: 'DoesNotExist' as const }),
        ),
      ),
      1,
      2,
    ).map((matchExpressions) => ({ matchExpressions })),
  },
);

// Calico's selectors, as texts.

const quoted = (text: string): string => `'${text}'`;

const comparison: fc.Arbitrary<string> = keyed.chain(({ key, values }) => {
  const [first = ''] = values;
  return fc.constantFrom(
    `${key} == ${quoted(first)}`,
    `${key}==${quoted(first)}`,
    `${key} != "${first}"`,
    `has(${key})`,
    `!has(${key})`,
    `${key} in {${values.map(quoted).join(', ')}}`,
    `${key} not in { ${values.map(quoted).join(',')} }`,
    `${key} contains ${quoted(first.slice(1))}`,
    `${key} starts with ${quoted(first.slice(0, 1))}`,
    `${key} ends with ${quoted(first.slice(-1))}`,
  );
});

const { selector } = fc.letrec<{ selector: string }>((tie) => ({
  selector: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    { weight: 6, arbitrary: comparison },
    { weight: 2, arbitrary: fc.constant('all()') },
    { weight: 1, arbitrary: fc.tuple(tie('selector'), tie('selector')).map(([a, b]) => `${a} && ${b}`) },
    { weight: 1, arbitrary: fc.tuple(tie('selector'), tie('selector')).map(([a, b]) => `${a} || ${b}`) },
    { weight: 1, arbitrary: tie('selector').map((inner) => `!(${inner})`) },
  ),
}));

const podSelector = fc.oneof(
  { weight: 8, arbitrary: selector },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "projectcalico.org/namespace == 'alpha'",
      "projectcalico.org/orchestrator == 'k8s'",
      "projectcalico.org/serviceaccount == 'robot'",
    ),
  },
);

const namespaceSelector = fc.oneof(
  { weight: 4, arbitrary: selector },
  { weight: 2, arbitrary: fc.constant("projectcalico.org/name in {'alpha', 'beta'}") },
  { weight: 1, arbitrary: fc.constant("kubernetes.io/metadata.name == 'gamma'") },
);

const ruleNamespaceSelector = fc.oneof(
  { weight: 4, arbitrary: namespaceSelector },
  { weight: 2, arbitrary: fc.constant('global()') },
);

const serviceAccountSelector = fc.oneof(selector, fc.constant("projectcalico.org/name == 'robot'"));

// Addresses and ports

const podAddress = fc
  .tuple(fc.constantFrom(0, 1), fc.nat({ max: MOST_PODS - 1 }))
  .map(([node, i]) => addressOf(node, i));

const network = fc.oneof(
  podAddress.map((address) => `${address}/32`),
  podAddress.map((address) => address.replace(/\d+$/, '16/30')),
  fc.constantFrom('0.0.0.0/0', '10.244.0.0/16', ...POOLS, '10.244.0.0/17', '172.18.0.0/24', '172.18.0.2/32'),
  fc.constantFrom('203.0.113.0/24', '203.0.113.10/32', '203.0.113.8/29', '198.51.100.0/24'),
);

const networks = fc.uniqueArray(network, { minLength: 1, maxLength: 3 });

/** All of them would leave nothing over, which the API refuses. */
const notAllNetworks = fc.uniqueArray(
  network.filter((cidr) => cidr !== '0.0.0.0/0'),
  { minLength: 1, maxLength: 3 },
);

const portNumber = fc.constantFrom(...PORTS);
const portName = fc.constantFrom(...PORT_NAMES);
const portRange = fc.constantFrom([80, 90], [1, 65_535], [7000, 9090], [8080, 8081], [50, 60]);
const protocolName = fc.constantFrom(...PROTOCOLS, 'TCP' as const, 'TCP' as const);

/** More than one rule's multiport takes. */
const MANY_PORTS = Array.from({ length: 20 }, (_, i) => 7990 + i * 10);

const calicoPorts = fc.oneof(
  {
    weight: 8,
    arbitrary: some(
      fc.oneof(
        portNumber,
        portName,
        portRange.map(([low, high]) => `${low}:${high}`),
      ),
      1,
      3,
    ),
  },
  { weight: 1, arbitrary: fc.constant(MANY_PORTS) },
  { weight: 1, arbitrary: portName.map((name) => [...MANY_PORTS, name]) },
);

/** Whatever the sender takes is in the one, and in none of the other. */
const sourcePorts = fc.constantFrom<string[][]>(['1024:65535'], ['1:1023'], ['1:1023', '1024:65535'], ['http']);

// networking.k8s.io/v1

const ipBlock = fc.oneof(
  network.map((cidr) => ({ cidr })),
  fc.constantFrom(
    { cidr: '10.244.0.0/16', except: ['10.244.1.0/24'] },
    { cidr: '0.0.0.0/0', except: ['203.0.113.0/24'] },
    { cidr: '0.0.0.0/0', except: ['10.244.1.16/30', '10.244.2.16/31', '172.18.0.3/32'] },
    { cidr: '10.244.2.0/24', except: ['10.244.2.16/28', '10.244.2.16/30'] },
    { cidr: '203.0.113.7/24' },
    { cidr: '::/0' },
  ),
);

const kubernetesPeer: fc.Arbitrary<KubernetesPeer> = fc.oneof(
  { weight: 3, arbitrary: labelSelector.map((podSelector) => ({ podSelector })) },
  { weight: 2, arbitrary: labelSelector.map((namespaceSelector) => ({ namespaceSelector })) },
  { weight: 2, arbitrary: fc.record({ namespaceSelector: labelSelector, podSelector: labelSelector }) },
  { weight: 2, arbitrary: ipBlock.map((ipBlock) => ({ ipBlock })) },
);

const kubernetesPort = fc.oneof(
  partly({ protocol: protocolName, port: fc.oneof(portNumber, portName) }),
  fc.tuple(protocolName, portRange).map(([protocol, [port = 1, endPort = 1]]) => ({ protocol, port, endPort })),
);

const KUBERNETES_NAMES = ['m', 'b-c', 'b', 'n'] as const;

const kubernetesPolicy = (name: string): fc.Arbitrary<KubernetesPolicy> =>
  fc.record({
    apiVersion: fc.constant('networking.k8s.io/v1'),
    kind: fc.constant('NetworkPolicy' as const),
    metadata: fc.constantFrom(...NAMESPACES).map((namespace) => ({ name, namespace })),
    spec: fc.record(
      {
        podSelector: labelSelector,
        policyTypes: fc.constantFrom<('Ingress' | 'Egress')[][]>(['Ingress'], ['Egress'], ['Ingress', 'Egress']),
        ingress: some(partly({ from: some(kubernetesPeer, 0, 3), ports: some(kubernetesPort, 0, 2) }), 0, 3),
        egress: some(partly({ to: some(kubernetesPeer, 0, 3), ports: some(kubernetesPort, 0, 2) }), 0, 3),
      },
      { requiredKeys: ['podSelector'] },
    ),
  });

// policy.networking.k8s.io

const namespacedPod = fc.record({ namespaceSelector: labelSelector, podSelector: labelSelector });
const podsOf = fc.oneof(
  labelSelector.map((namespaces) => ({ namespaces })),
  namespacedPod.map((pods) => ({ pods })),
);
const adminNetworks = networks.map((networks) => ({ networks }));

const clusterProtocol = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('tcp', 'udp', 'sctp'),
      fc.oneof(
        fc.constant({}),
        portNumber.map((number) => ({ destinationPort: { number } })),
        portRange.map(([start, end]) => ({ destinationPort: { range: { start, end } } })),
      ),
    )
    .map(([protocol, match]) => ({ [protocol]: match })),
  portName.map((destinationNamedPort) => ({ destinationNamedPort })),
);

/** Not by names: they are experimental, and Calico takes one as any port (conversion.go: "TODO: Add support for NamedPorts"). */
const adminPort = fc.oneof(
  fc.record({ protocol: protocolName, port: portNumber }).map((portNumber) => ({ portNumber })),
  fc.tuple(protocolName, portRange).map(([protocol, [start, end]]) => ({ portRange: { protocol, start, end } })),
);

/** Its CustomResourceDefinition is one that a cluster has, or the other. */
type AdminApi = 'v1alpha1' | 'v1alpha2';

function adminRule(
  api: AdminApi,
  side: 'from' | 'to',
  actions: readonly AdminRule['action'][],
): fc.Arbitrary<AdminRule> {
  const peer: fc.Arbitrary<AdminPeer> = side === 'to' ? fc.oneof(podsOf, adminNetworks) : podsOf;
  const what: fc.Arbitrary<Partial<AdminRule>> =
    api === 'v1alpha2' ? partly({ protocols: some(clusterProtocol, 1, 2) }) : partly({ ports: some(adminPort, 1, 2) });
  return fc
    .tuple(fc.constantFrom(...actions), some(peer, 1, 2), what)
    .map(([action, peers, more]) => ({ action, [side]: peers, ...more }));
}

function adminSpec(
  api: AdminApi,
  actions: readonly AdminRule['action'][],
): fc.Arbitrary<Omit<AdminPolicy['spec'], 'tier'>> {
  return fc.record(
    {
      subject: podsOf,
      ingress: some(adminRule(api, 'from', actions), 0, 3),
      egress: some(adminRule(api, 'to', actions), 0, 3),
    },
    { requiredKeys: ['subject'] },
  );
}

const numbered = <T>(count: number, make: (index: number) => fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc
    .tuple(...Array.from({ length: count }, (_, i) => fc.option(make(i), { nil: undefined, freq: 2 })))
    .map((found) => found.filter((one) => one !== undefined));

/** Of two with one priority nobody says which is asked first. */
const adminPolicies: Record<AdminApi, fc.Arbitrary<AdminPolicy[]>> = {
  v1alpha2: numbered(3, (i) =>
    fc
      .tuple(fc.constantFrom('Admin', 'Baseline'), adminSpec('v1alpha2', ['Accept', 'Deny', 'Pass']))
      .map(([tier, spec]) => ({
        apiVersion: 'policy.networking.k8s.io/v1alpha2',
        kind: 'ClusterNetworkPolicy',
        metadata: { name: `admin-${9 - i}` },
        spec: { tier, priority: i * 10, ...spec },
      })),
  ) as fc.Arbitrary<AdminPolicy[]>,
  v1alpha1: fc
    .tuple(
      numbered(2, (i) =>
        adminSpec('v1alpha1', ['Allow', 'Deny', 'Pass']).map((spec) => ({
          apiVersion: 'policy.networking.k8s.io/v1alpha1',
          kind: 'AdminNetworkPolicy' as const,
          metadata: { name: `admin-${9 - i}` },
          spec: { priority: i * 10, ...spec },
        })),
      ),
      numbered(1, () =>
        adminSpec('v1alpha1', ['Allow', 'Deny']).map((spec) => ({
          apiVersion: 'policy.networking.k8s.io/v1alpha1',
          kind: 'BaselineAdminNetworkPolicy' as const,
          metadata: { name: 'default' },
          spec,
        })),
      ),
    )
    .map(([admin, baseline]) => [...admin, ...baseline]),
};

// projectcalico.org/v3

const entity = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  { weight: 4, arbitrary: fc.record({ selector: podSelector }) },
  { weight: 3, arbitrary: partly({ selector: podSelector, namespaceSelector: ruleNamespaceSelector }) },
  { weight: 2, arbitrary: networks.map((nets) => ({ nets })) },
  { weight: 1, arbitrary: notAllNetworks.map((notNets) => ({ notNets })) },
  {
    weight: 1,
    arbitrary: fc.record({ nets: networks, notNets: notAllNetworks }),
  },
  { weight: 1, arbitrary: fc.record({ nets: networks, selector: podSelector }) },
  { weight: 1, arbitrary: fc.record({ notSelector: podSelector }) },
  {
    weight: 1,
    arbitrary: partly({ selector: podSelector, notSelector: selector, namespaceSelector: ruleNamespaceSelector }),
  },
  {
    weight: 2,
    arbitrary: fc.record(
      {
        serviceAccounts: fc.oneof(
          fc.record({ names: fc.constantFrom(['robot'], ['default'], ['robot', 'nobody']) }),
          fc.record({ selector: serviceAccountSelector }),
          fc.record({ names: fc.constant(['robot']), selector: serviceAccountSelector }),
        ),
        namespaceSelector,
        selector: podSelector,
      },
      { requiredKeys: ['serviceAccounts'] },
    ),
  },
) as fc.Arbitrary<EntityRule>;

const withPorts = (ports: fc.Arbitrary<(number | string)[]>): fc.Arbitrary<EntityRule> =>
  fc.tuple(entity, partly({ ports, notPorts: ports })).map(([one, two]) => ({ ...one, ...two }));

const ICMP: readonly Partial<CalicoRule>[] = [
  { protocol: 'ICMP', icmp: { type: 8 } },
  { protocol: 'ICMP', icmp: { type: 8, code: 0 } },
  { protocol: 'ICMP', icmp: { type: 8, code: 1 } },
  { protocol: 'ICMP', icmp: { type: 0 } },
  { protocol: 'ICMP', notICMP: { type: 8 } },
  { protocol: 'ICMP', notICMP: { type: 8, code: 1 } },
];

/** For IPv6 alone. */
const OTHER_FAMILY: readonly Partial<CalicoRule>[] = [
  { ipVersion: 6 },
  { source: { nets: ['fd00::/8'] } },
  { destination: { nets: ['::/0'] } },
  { source: { notNets: ['fd00::/8'] } },
  { destination: { notNets: ['fd00::/8', 'fe80::/10'] } },
];

/** Egress may name the Service that it is to, ingress the one that it is from. */
const service = fc.constantFrom(...NAMESPACES).map((namespace) => ({ services: { name: 'svc', namespace } }));

const rulesThat = (
  side: 'source' | 'destination',
  actions: readonly CalicoRule['action'][],
): fc.Arbitrary<CalicoRule> => {
  const ends = { source: entity, destination: entity };
  const any = fc.oneof(
    { weight: 6, arbitrary: partly({ ...ends, ipVersion: fc.constant(4 as const) }) },
    {
      weight: 8,
      arbitrary: fc.record(
        { protocol: protocolName, source: withPorts(sourcePorts), destination: withPorts(calicoPorts) },
        { requiredKeys: ['protocol'] },
      ),
    },
    {
      weight: 2,
      arbitrary: fc.record(
        { protocol: fc.constantFrom('ICMP', 1, 6, 17, 132, 'ICMPv6', 'UDPLite', 47), ...ends },
        { requiredKeys: ['protocol'] },
      ),
    },
    {
      weight: 1,
      arbitrary: fc.record(
        { notProtocol: fc.constantFrom('TCP', 'ICMP', 17), ...ends },
        { requiredKeys: ['notProtocol'] },
      ),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constantFrom(...ICMP), partly(ends)).map(([icmp, who]) => ({ ...icmp, ...who })),
    },
    { weight: 1, arbitrary: fc.constantFrom(...OTHER_FAMILY) },
    { weight: 1, arbitrary: fc.record({ [side]: service }) },
  ) as fc.Arbitrary<Partial<CalicoRule>>;
  return fc.tuple(fc.constantFrom(...actions), any).map(([action, what]) => ({ action, ...what }));
};

const ACTIONS: readonly CalicoRule['action'][] = ['Allow', 'Allow', 'Deny', 'Deny', 'Pass', 'Log'];

const TIERS = ['default', 'default', 'default', 'one', 'two', 'three', 'last'] as const;
const order = fc.constantFrom(-5, 0.5, 100, 999, 1000, 1000, 1000.5, 2000);

/** Names, which decide between equal orders, in no order of their own; other kinds have the same ones. */
const NAMES = ['m', 'b', 'm-1', 'b.c', 'm', 'a', 'b', 'k'] as const;

const policyTypes = fc.constantFrom<('Ingress' | 'Egress')[][]>(['Ingress'], ['Egress'], ['Ingress', 'Egress']);

const calicoSpec: fc.Arbitrary<CalicoPolicy['spec']> = fc
  .tuple(
    partly({
      order,
      selector: podSelector,
      types: policyTypes,
      ingress: some(rulesThat('source', ACTIONS), 0, 4),
      egress: some(rulesThat('destination', ACTIONS), 0, 4),
    }),
    fc.option(serviceAccountSelector, { nil: undefined, freq: 3 }),
  )
  .map(([spec, serviceAccountSelector]) => ({
    ...spec,
    ...(serviceAccountSelector !== undefined && { serviceAccountSelector }),
  }));

/** As Calico before 3.29 asked for. */
const inTier = (name: string, tier: string): string => (tier === 'default' ? name : `${tier}.${name}`);

const networkPolicy = (name: string, tiers: readonly string[]): fc.Arbitrary<CalicoPolicy> =>
  fc.tuple(fc.constantFrom(...NAMESPACES), fc.constantFrom(...tiers), calicoSpec).map(([namespace, tier, spec]) => ({
    apiVersion: 'projectcalico.org/v3',
    kind: 'NetworkPolicy',
    metadata: { name: inTier(name, tier), namespace },
    spec: { ...spec, tier },
  }));

/** What host endpoints are told besides. */
const forHosts: fc.Arbitrary<Partial<CalicoPolicy['spec']>> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({}) },
  { weight: 4, arbitrary: fc.constant({ applyOnForward: true }) },
  { weight: 1, arbitrary: fc.constant({ applyOnForward: true, doNotTrack: true }) },
  { weight: 2, arbitrary: fc.constant({ applyOnForward: true, preDNAT: true }) },
);

const globalPolicy = (name: string, tiers: readonly string[]): fc.Arbitrary<CalicoPolicy> =>
  fc
    .tuple(fc.constantFrom(...tiers), calicoSpec, fc.option(namespaceSelector, { nil: undefined }), forHosts)
    .map(([tier, { egress, types, ...spec }, scope, how]) => ({
      apiVersion: 'projectcalico.org/v3',
      kind: 'GlobalNetworkPolicy',
      metadata: { name: inTier(name, tier) },
      spec: {
        ...spec,
        ...(how.preDNAT === true ? {} : { ...(egress && { egress }), ...(types && { types }) }),
        ...(scope !== undefined && { namespaceSelector: scope }),
        ...how,
        tier,
      },
    }));

const calicoPolicies = (tiers: readonly string[]): fc.Arbitrary<CalicoPolicy[]> =>
  fc
    .tuple(
      numbered(2, (i) => networkPolicy(NAMES[i] ?? '', tiers)),
      numbered(6, (i) => globalPolicy(NAMES[i + 2] ?? '', tiers)),
    )
    .map(([own, global]) => [...own, ...global]);

const tiers: fc.Arbitrary<Tier[]> = fc
  .record({
    orders: fc.tuple(...['one', 'two', 'three'].map(() => fc.constantFrom(10, 10, 500, 1000, 2_000_000))),
    actions: fc.tuple(...TIERS.map(() => fc.constantFrom<('Deny' | 'Pass' | undefined)[]>('Deny', 'Pass', undefined))),
  })
  .map(({ orders, actions }) =>
    ['one', 'two', 'three', 'last'].map((name, i) => ({
      apiVersion: 'projectcalico.org/v3',
      kind: 'Tier' as const,
      metadata: { name },
      spec: {
        ...(orders[i] !== undefined && { order: orders[i] }),
        ...(actions[i] !== undefined && { defaultAction: actions[i] }),
      },
    })),
  );

const networkSets: fc.Arbitrary<NetworkSet[]> = numbered(3, (i) =>
  fc
    .tuple(labels, fc.uniqueArray(network, { maxLength: 3 }), fc.constantFrom(undefined, ...NAMESPACES))
    .map(([labels, nets, namespace]) => ({
      apiVersion: 'projectcalico.org/v3',
      kind: namespace === undefined ? ('GlobalNetworkSet' as const) : ('NetworkSet' as const),
      metadata: { name: `set-${i}`, labels, ...(namespace !== undefined && { namespace }) },
      spec: { nets },
    })),
);

const profiles: fc.Arbitrary<Profile[]> = fc
  .record({
    ingress: some(rulesThat('source', ['Allow', 'Deny', 'Log']), 0, 2),
    egress: some(rulesThat('destination', ['Allow', 'Deny']), 0, 2),
    labelsToApply: labels,
  })
  .map((spec) => [{ apiVersion: 'projectcalico.org/v3', kind: 'Profile' as const, metadata: { name: 'own' }, spec }]);

const namedPorts = fc.uniqueArray(fc.record({ name: portName, port: portNumber, protocol: protocolName }), {
  maxLength: 3,
  comparator: (a, b) => a.name === b.name || a.port === b.port,
}) as fc.Arbitrary<EndpointPort[]>;

const hostEndpoints: fc.Arbitrary<HostEndpoint[]> = fc
  .tuple(
    ...NODES.flatMap(({ name, address }) =>
      (['eth0', '*'] as const).map((interfaceName) =>
        fc.option(
          fc
            .record({
              labels,
              interfaceName: fc.constantFrom<(string | undefined)[]>(
                interfaceName,
                interfaceName,
                interfaceName === '*' ? '*' : undefined,
              ),
              expectedIPs: fc.constantFrom<(string[] | undefined)[]>([address], undefined),
              profiles: fc.constantFrom<(string[] | undefined)[]>(
                ['projectcalico-default-allow'],
                ['own'],
                ['own', 'projectcalico-default-allow'],
                [],
                undefined,
              ),
              ports: namedPorts,
            })
            .map(({ labels, interfaceName: asked, expectedIPs, profiles, ports }) => ({
              apiVersion: 'projectcalico.org/v3',
              kind: 'HostEndpoint' as const,
              metadata: { name: `${name}-${interfaceName === '*' ? 'all' : interfaceName}`, labels },
              spec: {
                node: name,
                ...(asked !== undefined && { interfaceName: asked }),
                ...((expectedIPs !== undefined || asked === undefined) && { expectedIPs: [address] }),
                ...(profiles !== undefined && { profiles }),
                ports,
              },
            })),
          { nil: undefined, freq: 2 },
        ),
      ),
    ),
  )
  .map((found) => found.filter((one) => one !== undefined));

// Pods, and all of it

const pods: fc.Arbitrary<WorldPod[]> = some(
  fc.record({
    namespace: fc.constantFrom(...NAMESPACES),
    labels,
    node: fc.constantFrom<(0 | 1)[]>(0, 1),
    serviceAccount: fc.constantFrom('default', 'robot', 'ghost'),
    containers: fc.oneof(fc.tuple(namedPorts), fc.tuple(namedPorts, namedPorts)),
  }),
  6,
  MOST_PODS,
).map((found) =>
  found.map(({ node, ...pod }, i) => ({
    ...pod,
    ports: pod.containers.flat(),
    labels: i === 0 ? { ...pod.labels, ...BACKEND } : pod.labels,
    kind: 'pod' as const,
    name: `p${i}`,
    node: NODES[node].name,
    address: addressOf(node, i),
  })),
);

const namespaces = fc
  .tuple(...NAMESPACES.map(() => labels))
  .map((found) =>
    Object.fromEntries(NAMESPACES.map((name, i) => [name, { ...found[i], 'kubernetes.io/metadata.name': name }])),
  );

const serviceAccounts = fc.tuple(...NAMESPACES.flatMap(() => [labels, labels])).map((found) =>
  Object.fromEntries(
    NAMESPACES.flatMap((namespace, i) => [
      [`${namespace}/default`, found[2 * i] ?? {}],
      [`${namespace}/robot`, found[2 * i + 1] ?? {}],
    ]),
  ),
);

const failsafePorts = fc.constantFrom<FailsafePort[][]>(
  [],
  [
    { protocol: 'tcp', port: 7000 },
    { protocol: 'udp', port: 80, net: '10.244.0.0/16' },
    { protocol: 'tcp', port: 8080, net: '172.18.0.0/24' },
  ],
);

/** Not iptablesFilterDenyAction Reject: Felix puts it in tables where iptables refuses it, and what is before DNAT is lost. */
const felix: fc.Arbitrary<FelixSettings> = fc.record(
  {
    defaultEndpointToHostAction: fc.constantFrom('Drop', 'Accept', 'Return'),
    iptablesFilterAllowAction: fc.constantFrom('Accept', 'Return'),
    iptablesMangleAllowAction: fc.constantFrom('Accept', 'Return'),
    failsafeInboundHostPorts: failsafePorts,
    failsafeOutboundHostPorts: failsafePorts,
    flowLogsLocalReporter: fc.constantFrom('Enabled', 'Disabled'),
  },
  { requiredKeys: ['defaultEndpointToHostAction'] },
);

/** By a label that one pod has. */
export const BACKEND = { backend: 'yes' };

const servicePort = fc.record({
  port: portNumber,
  targetPort: portNumber,
  protocol: fc.constantFrom('TCP' as const, 'TCP' as const, 'UDP' as const),
});

/** The pod with the label is behind it; its name and its addresses are always the same. */
function serviceOf(
  pods: readonly WorldPod[],
  ports: { readonly port: number; readonly targetPort: number; readonly protocol: 'TCP' | 'UDP' },
): WorldService[] {
  const backend = pods.find(({ labels }) => labels['backend'] === BACKEND.backend);
  if (backend === undefined) return [];
  const { namespace, name } = backend;
  return [{ ...ports, name: 'svc', clusterIP: '10.96.0.10', nodePort: 30_080, backend: `${namespace}/${name}` }];
}

/** What the judge need not know, because it means nothing: a pod that has ended, and policies that are staged. */
export interface PolicyWorld extends World {
  readonly calicoVersion: string;
  readonly ended: EndedPod;
  readonly staged: readonly object[];
}

interface EndedPod {
  readonly apiVersion: string;
  readonly kind: 'Pod';
  readonly metadata: { readonly namespace: string; readonly name: string; readonly labels: Labels };
  readonly spec: object;
  readonly status: object;
}

const NO_FLAGS = { applyOnForward: false, doNotTrack: false, preDNAT: false };

const endedPod: fc.Arbitrary<EndedPod> = fc
  .record({ namespace: fc.constantFrom(...NAMESPACES), labels, ports: namedPorts, address: podAddress })
  .map(({ namespace, labels, ports, address }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: 'ended', labels },
    spec: {
      nodeName: address.startsWith('10.244.1.') ? 'node1' : 'node2',
      containers: [{ name: 'c', image: 'c', ports: portDocuments(ports) }],
    },
    status: { phase: 'Succeeded', podIP: address, podIPs: [{ ip: address }] },
  }));

/**
 * Without the flags for host endpoints: one that is for forwarded traffic or before DNAT counts in Felix as one that is
 * there, which takes away what is allowed by default (felix/rules/endpoints.go: "Allow forwarded traffic by default").
 */
const stagedPolicies: fc.Arbitrary<object[]> = fc
  .tuple(networkPolicy('staged', ['default']), globalPolicy('staged', ['default']), kubernetesPolicy('staged'))
  .map(([own, global, kubernetes]) => [
    { ...own, kind: 'StagedNetworkPolicy' },
    { ...global, kind: 'StagedGlobalNetworkPolicy', spec: { ...global.spec, ...NO_FLAGS } },
    { ...kubernetes, apiVersion: 'projectcalico.org/v3', kind: 'StagedKubernetesNetworkPolicy' },
  ]);

export const worlds: fc.Arbitrary<PolicyWorld> = fc
  .constantFrom<AdminApi[]>('v1alpha1', 'v1alpha2', 'v1alpha2')
  .chain((api) =>
    fc.record({
      servicePort,
      ended: endedPod,
      staged: fc.oneof(fc.constant([]), stagedPolicies),
      calicoVersion: fc.constant(api === 'v1alpha1' ? 'v3.31.0' : 'v3.32.1'),
      namespaces,
      serviceAccounts,
      pods,
      nodes: fc.constant(NODES),
      hosts: fc.constant(HOSTS),
      pools: fc.constant(POOLS),
      natOutgoing: fc.boolean(),
      isTunnelled: fc.boolean(),
      felix,
      kubernetesPolicies: numbered(4, (i) => kubernetesPolicy(KUBERNETES_NAMES[i] ?? '')),
      adminPolicies: fc.oneof(fc.constant([]), adminPolicies[api]),
      calicoPolicies: fc.oneof(
        fc.constant([]),
        calicoPolicies(['default']),
        calicoPolicies(TIERS),
        calicoPolicies(api === 'v1alpha2' ? [...TIERS, 'kube-admin', 'kube-baseline'] : TIERS),
      ),
      tiers,
      networkSets,
      hostEndpoints: fc.oneof({ weight: 1, arbitrary: fc.constant([]) }, { weight: 2, arbitrary: hostEndpoints }),
      profiles,
    }),
  )
  .map(({ servicePort, ...world }) => ({ ...world, services: serviceOf(world.pods, servicePort) }));

/** The same machines and pods with all that another world says of policy, labels among it. */
export function withPolicyOf(world: PolicyWorld, other: PolicyWorld): PolicyWorld {
  const { pods, services, ended, isTunnelled, natOutgoing, calicoVersion } = world;
  const backend = ({ labels }: WorldPod): Labels => (labels['backend'] === undefined ? {} : BACKEND);
  return {
    ...other,
    pods: pods.map((pod, i) => {
      const { backend: _, ...labels } = other.pods[i]?.labels ?? {};
      return { ...pod, labels: { ...labels, ...backend(pod) } };
    }),
    services,
    ended,
    isTunnelled,
    natOutgoing,
    calicoVersion,
    adminPolicies: (calicoVersion === other.calicoVersion ? other : world).adminPolicies,
  };
}

/** Who asks whom, by numbers that any world has. */
export interface Question {
  readonly from: number;
  readonly to: number;
  readonly protocol: Flow['protocol'];
  readonly port: number;
  /** Where it is asked of a Service: by its own address, or by a node's. */
  readonly through: 'cluster IP' | 'node1' | 'node2' | undefined;
}

const NOT_THROUGH = [undefined, undefined, undefined, undefined, undefined, undefined] as const;

export const questions: fc.Arbitrary<Question[]> = fc.array(
  fc.record({
    from: fc.nat({ max: 99 }),
    to: fc.nat({ max: 99 }),
    protocol: fc.constantFrom<Flow['protocol'][]>('tcp', 'tcp', 'tcp', 'udp', 'sctp', 'icmp'),
    port: fc.constantFrom(...PORTS),
    through: fc.constantFrom(...NOT_THROUGH, 'cluster IP', 'node1', 'node2'),
  }),
  { minLength: 30, maxLength: 30 },
);

/** Nobody asks itself but a pod, nor one outside another; a node's port is asked of other machines. */
export function flowOf(world: World, { from, to, protocol, port, through }: Question): Flow | undefined {
  const parties: Party[] = [...world.pods, ...world.pods, ...world.nodes, ...world.hosts];
  const [a, b] = [parties[from % parties.length], parties[to % parties.length]];
  if (a === undefined || b === undefined) return undefined;
  const [service] = world.services;
  if (through !== undefined && service !== undefined) return flowThrough(world, a, service, through);
  return a === b && a.kind !== 'pod' ? undefined : { from: a, to: b, protocol, port };
}

function flowThrough(
  world: World,
  from: Party,
  service: WorldService,
  by: NonNullable<Question['through']>,
): Flow | undefined {
  const to = world.pods.find(({ namespace, name }) => `${namespace}/${name}` === service.backend);
  const node = world.nodes.find(({ name }) => name === by);
  if (to === undefined || from === node || (from.kind === 'host' && node === undefined)) return undefined;
  const { protocol, targetPort, clusterIP, port, nodePort } = service;
  const through = node === undefined ? { address: clusterIP, port } : { address: node.address, port: nodePort };
  return { from, to, protocol: protocol.toLowerCase() as Flow['protocol'], port: targetPort, through };
}

// As documents

const portDocuments = (ports: readonly EndpointPort[]): object[] =>
  ports.map(({ name, port, protocol }) => ({ name, containerPort: port, protocol }));

/** The second container of a pod is one beside the first, or a sidecar, which starts before it. */
function podDocument(pod: WorldPod, index: number): object {
  const { namespace, name, labels, node, address, serviceAccount } = pod;
  const [first = [], second] = pod.containers;
  const container = { name: 'c', image: 'c', ports: portDocuments(first) };
  const other = second === undefined ? [] : [{ name: 'd', image: 'd', ports: portDocuments(second) }];
  const isSidecar = index % 2 === 1;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels },
    spec: {
      nodeName: node,
      serviceAccountName: serviceAccount,
      containers: [container, ...(isSidecar ? [] : other)],
      initContainers: isSidecar ? other.map((one) => ({ ...one, restartPolicy: 'Always' })) : [],
    },
    status: { podIP: address, podIPs: [{ ip: address }] },
  };
}

/** Pods that no policy is about: one that has ended, whose address another one may have by now, and some of their nodes' network. */
function otherPods(world: PolicyWorld): object[] {
  const { ended } = world;
  const onNodes = world.nodes.map(({ name: node, address }) => ({
    ...ended,
    metadata: { ...ended.metadata, name: `on-${node}` },
    spec: { ...ended.spec, nodeName: node, hostNetwork: true, containers: [{ name: 'c', image: 'c' }] },
    status: { podIP: address, podIPs: [{ ip: address }], hostIP: address },
  }));
  return [ended, ...onNodes];
}

/** With a way back to pods, so that policy alone decides. */
const NETWORK = {
  apiVersion: 'podwire.dev/v1alpha1',
  kind: 'PhysicalNetwork',
  metadata: { name: 'rack' },
  spec: {
    subnets: [
      { name: 'rack', cidr: '172.18.0.0/24', gateway: '172.18.0.1' },
      { name: 'outside', cidr: '203.0.113.0/24', gateway: '203.0.113.1' },
    ],
    routers: [
      {
        name: 'router',
        interfaces: [
          { subnet: 'rack', address: '172.18.0.1' },
          { subnet: 'outside', address: '203.0.113.1' },
        ],
        routes: NODES.map(({ address }, i) => ({ to: POOLS[i], via: address })),
      },
    ],
    hosts: [{ name: 'outside', interfaces: [{ subnet: 'outside', address: '203.0.113.10' }] }],
  },
};

const v3 = (kind: string, name: string, spec: object): object => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name },
  spec,
});

const serviceDocument = ({ name, clusterIP, port, nodePort, protocol, targetPort, backend }: WorldService): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: backend.split('/')[0] },
  spec: { type: 'NodePort', clusterIP, selector: BACKEND, ports: [{ port, targetPort, protocol, nodePort }] },
});

export function documentsOf(world: PolicyWorld): object[] {
  const { natOutgoing, isTunnelled, calicoVersion, felix } = world;
  return [
    NETWORK,
    ...world.nodes.map(({ name, address, tunnelAddress }) => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        labels: { 'kubernetes.io/hostname': name },
        annotations: { 'projectcalico.org/IPv4VXLANTunnelAddr': tunnelAddress },
      },
      status: { addresses: [{ type: 'InternalIP', address }] },
    })),
    ...world.pools.map((cidr, i) =>
      v3('IPPool', `pool-${i + 1}`, {
        cidr,
        vxlanMode: isTunnelled ? 'Always' : 'CrossSubnet',
        natOutgoing,
        nodeSelector: `kubernetes.io/hostname == 'node${i + 1}'`,
      }),
    ),
    v3('ClusterInformation', 'default', { calicoVersion, datastoreReady: true }),
    v3('FelixConfiguration', 'default', felix),
    ...Object.entries(world.namespaces).map(([name, labels]) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels },
    })),
    ...Object.entries(world.serviceAccounts).map(([key, labels]) => {
      const [namespace, name] = key.split('/');
      return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name, labels } };
    }),
    ...world.pods.map(podDocument),
    ...otherPods(world),
    ...world.staged,
    ...world.services.map(serviceDocument),
    ...world.tiers,
    ...world.kubernetesPolicies,
    ...world.adminPolicies,
    ...world.calicoPolicies,
    ...world.networkSets,
    ...world.hostEndpoints,
    ...world.profiles,
  ];
}
