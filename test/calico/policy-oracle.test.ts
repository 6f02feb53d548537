/**
 * Random clusters with random policies: podwire's packets get where an independent judge of the policies says that they
 * may. `PODWIRE_RUNS=5000 PODWIRE_SEED=random` tries more of them.
 */

import fc from 'fast-check';
import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import { formatConfigError, type SourceText } from '../../src/kubernetes/index.js';
import type { Verdict } from '../../src/trace/index.js';
import { PolicyOracle } from './policy-oracle.js';
import type { AdminPolicy, CalicoPolicy, Flow, HostEndpoint, NetworkSet, Party } from './policy-oracle-objects.js';
import type { LabelSelector } from './policy-oracle-selectors.js';
import {
  BACKEND,
  documentsOf,
  flowOf,
  type PolicyWorld,
  type Question,
  questions,
  withPolicyOf,
  worlds,
} from './policy-worlds.js';

const RUNS = Number(process.env['PODWIRE_RUNS'] ?? 90);

/** Whether the request got to its destination; what becomes of the answer is not asked. */
const ARRIVED: Partial<Record<Verdict, boolean>> = {
  answered: true,
  unanswered: true,
  refused: true,
  'reply-dropped': true,
  dropped: false,
  rejected: false,
};

const nameOf = (party: Party): string =>
  party.kind === 'pod' ? `pod/${party.namespace}/${party.name}` : `${party.kind}/${party.name}`;

function sourcesOf(world: PolicyWorld): SourceText[] {
  const documents = documentsOf(world).map((document) => JSON.stringify(document));
  return [{ file: 'world.yaml', text: documents.join('\n---\n') }];
}

function clusterOf(world: PolicyWorld): Cluster {
  const cluster = new Cluster(sourcesOf(world), { probes: false });
  if (cluster.errors.length > 0) throw new TypeError(cluster.errors.map(formatConfigError).join('\n'));
  return cluster;
}

function destinationOf({ to, protocol, port, through }: Flow): string {
  if (through !== undefined) return `${through.address}:${through.port}`;
  return protocol === 'icmp' ? nameOf(to) : `${nameOf(to)}:${port}`;
}

function traceIn(cluster: Cluster, flow: Flow): { arrived: boolean; told: string } {
  const { from, protocol } = flow;
  const sender = parseEndpointName(nameOf(from));
  const destination = parseDestination(destinationOf(flow));
  if (isNameProblem(sender) || isNameProblem(destination)) throw new TypeError('bad names');
  const { verdict, explanation } = cluster.trace({ from: sender, to: destination, protocol });
  const arrived = ARRIVED[verdict];
  if (arrived === undefined) throw new TypeError(`${verdict}: ${explanation.join(' ')}`);
  return { arrived, told: `${verdict}: ${explanation.join(' ')}` };
}

const HTTP = [{ name: 'http', protocol: 'TCP', port: 80 }] as const;

/** Two pods of one namespace on two nodes, a third in another one, and no policy. */
const PLAIN: PolicyWorld = {
  calicoVersion: 'v3.32.1',
  namespaces: { alpha: { env: 'prod' }, beta: { env: 'dev' } },
  serviceAccounts: { 'alpha/default': {}, 'beta/default': {} },
  pods: (['alpha', 'alpha', 'beta'] as const).map((namespace, i) => ({
    kind: 'pod',
    namespace,
    name: `p${i}`,
    labels: { app: 'web', ...(i === 0 && BACKEND) },
    node: i === 1 ? 'node2' : 'node1',
    address: `10.244.${i === 1 ? 2 : 1}.${16 + i}`,
    serviceAccount: 'default',
    containers: [HTTP],
    ports: HTTP,
  })),
  nodes: [
    { kind: 'node', name: 'node1', address: '172.18.0.2', tunnelAddress: '10.244.1.1' },
    { kind: 'node', name: 'node2', address: '172.18.0.3', tunnelAddress: '10.244.2.1' },
  ],
  hosts: [{ kind: 'host', name: 'outside', address: '203.0.113.10' }],
  services: [],
  pools: ['10.244.1.0/24', '10.244.2.0/24'],
  natOutgoing: false,
  isTunnelled: false,
  felix: { defaultEndpointToHostAction: 'Return' },
  kubernetesPolicies: [],
  adminPolicies: [],
  calicoPolicies: [],
  tiers: [],
  networkSets: [],
  hostEndpoints: [],
  profiles: [],
  staged: [],
  ended: {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'alpha', name: 'ended', labels: {} },
    spec: { nodeName: 'node1', containers: [{ name: 'c', image: 'c' }] },
    status: { phase: 'Succeeded' },
  },
};

const V3 = 'projectcalico.org/v3';

const globalPolicy = (spec: CalicoPolicy['spec']): CalicoPolicy => ({
  apiVersion: V3,
  kind: 'GlobalNetworkPolicy',
  metadata: { name: 'global' },
  spec,
});

const hostEndpoint = (interfaceName: string, labels: Record<string, string> = {}): HostEndpoint => ({
  apiVersion: V3,
  kind: 'HostEndpoint',
  metadata: { name: interfaceName === '*' ? 'all' : interfaceName, labels },
  spec: { node: 'node2', interfaceName, expectedIPs: ['172.18.0.3'], profiles: ['projectcalico-default-allow'] },
});

const networkSet = (namespace: string | undefined, ...nets: string[]): NetworkSet => ({
  apiVersion: V3,
  kind: namespace === undefined ? 'GlobalNetworkSet' : 'NetworkSet',
  metadata: { name: 'set', ...(namespace !== undefined && { namespace }) },
  spec: { nets },
});

const clusterPolicy = (namespaces: LabelSelector): AdminPolicy => ({
  apiVersion: 'policy.networking.k8s.io/v1alpha2',
  kind: 'ClusterNetworkPolicy',
  metadata: { name: 'admin' },
  spec: {
    tier: 'Admin',
    priority: 1,
    subject: { namespaces: {} },
    ingress: [{ action: 'Deny', from: [{ namespaces }] }],
  },
});

const DENY_FORWARDED_BEFORE_DNAT = { preDNAT: true, applyOnForward: true, ingress: [{ action: 'Deny' }] } as const;

const SERVICE = {
  name: 'svc',
  clusterIP: '10.96.0.10',
  port: 80,
  nodePort: 30_080,
  protocol: 'TCP',
  targetPort: 80,
  backend: 'alpha/p0',
} as const;

const HERE = ['10.244.0.0/16', '203.0.113.0/24'];
const ELSEWHERE = ['192.0.2.0/24', '198.51.100.0/24'];

/** Three lists of which none fits in one rule of iptables. */
const allowFrom = (source: readonly string[], destination: readonly string[]): CalicoPolicy =>
  globalPolicy({
    ingress: [
      {
        action: 'Allow',
        protocol: 'TCP',
        source: { nets: source },
        destination: { ports: [7000, 'http'], nets: destination },
      },
    ],
  });

/** What random cases found: where the documents say less than what Calico does, or something else. */
const FOUND: readonly {
  readonly name: string;
  readonly world: Partial<PolicyWorld>;
  /** Places in the lists of pods, nodes and hosts, one after the other. */
  readonly ends: readonly [from: number, to: number];
  readonly port?: number;
  readonly through?: Flow['through'];
  readonly arrives: boolean;
}[] = [
  {
    name: 'a policy before DNAT is not for pods',
    world: { calicoPolicies: [globalPolicy(DENY_FORWARDED_BEFORE_DNAT)] },
    ends: [0, 1],
    arrives: true,
  },
  {
    name: 'nor an untracked one',
    world: {
      calicoPolicies: [globalPolicy({ doNotTrack: true, applyOnForward: true, types: ['Ingress', 'Egress'] })],
    },
    ends: [0, 1],
    arrives: true,
  },
  {
    name: 'a rule with networks of IPv6 that it is not about is for IPv6 alone',
    world: {
      calicoPolicies: [globalPolicy({ ingress: [{ action: 'Allow', source: { notNets: ['fd00::/8'] } }] })],
    },
    ends: [0, 1],
    arrives: false,
  },
  {
    name: 'all but a selector, in a namespaced policy, is all of its namespace',
    world: {
      calicoPolicies: [
        {
          ...globalPolicy({ ingress: [{ action: 'Allow', source: { notSelector: "app == 'db'" } }] }),
          kind: 'NetworkPolicy',
          metadata: { name: 'own', namespace: 'alpha' },
        },
      ],
    },
    ends: [2, 1],
    arrives: false,
  },
  {
    name: 'and in a global one all that there is',
    world: {
      calicoPolicies: [globalPolicy({ ingress: [{ action: 'Allow', source: { notSelector: "app == 'db'" } }] })],
    },
    ends: [5, 1],
    arrives: true,
  },
  {
    name: 'a network set has the label of its namespace',
    world: {
      calicoPolicies: [
        globalPolicy({
          ingress: [{ action: 'Allow', source: { selector: "projectcalico.org/namespace == 'beta'" } }],
        }),
      ],
      networkSets: [networkSet('beta', '203.0.113.0/24')],
    },
    ends: [5, 1],
    arrives: true,
  },
  {
    name: 'namespaces of a ClusterNetworkPolicy have their network sets with them',
    world: {
      adminPolicies: [clusterPolicy({ matchLabels: { env: 'dev' } })],
      networkSets: [networkSet('beta', '203.0.113.0/24')],
    },
    ends: [5, 1],
    arrives: false,
  },
  {
    name: 'without a label they are what is in no namespace, too',
    world: {
      adminPolicies: [clusterPolicy({ matchExpressions: [{ key: 'env', operator: 'DoesNotExist' }] })],
      networkSets: [networkSet(undefined, '203.0.113.0/24')],
    },
    ends: [5, 1],
    arrives: false,
  },
  {
    name: 'all of them are not',
    world: { adminPolicies: [clusterPolicy({})], networkSets: [networkSet(undefined, '203.0.113.0/24')] },
    ends: [5, 1],
    arrives: true,
  },
  {
    name: 'named ports of a ClusterNetworkPolicy are those of the pods that a rule is to',
    world: {
      adminPolicies: [
        {
          ...clusterPolicy({}),
          spec: {
            tier: 'Admin',
            priority: 1,
            subject: { namespaces: {} },
            egress: [
              {
                action: 'Deny',
                to: [{ namespaces: { matchExpressions: [{ key: 'env', operator: 'DoesNotExist' }] } }],
                protocols: [{ destinationNamedPort: 'http' }],
              },
            ],
          },
        },
      ],
      networkSets: [networkSet(undefined, '10.244.0.0/16')],
    },
    ends: [0, 1],
    arrives: true,
  },
  {
    name: 'a policy for namespaces without a label is for host endpoints, which have none',
    world: {
      calicoPolicies: [globalPolicy({ namespaceSelector: '!has(env)' })],
      hostEndpoints: [hostEndpoint('eth0')],
    },
    ends: [3, 4],
    arrives: false,
  },
  {
    name: 'one for all namespaces is not',
    world: { calicoPolicies: [globalPolicy({ namespaceSelector: 'all()' })], hostEndpoints: [hostEndpoint('eth0')] },
    ends: [3, 4],
    arrives: true,
  },
  {
    name: 'service accounts by any label are whatever is known',
    world: {
      calicoPolicies: [
        globalPolicy({ ingress: [{ action: 'Allow', source: { serviceAccounts: { selector: 'all()' } } }] }),
      ],
      networkSets: [networkSet(undefined, '203.0.113.0/24')],
    },
    ends: [5, 1],
    arrives: true,
  },
  {
    name: 'an interface that no policy before DNAT is for has that of all interfaces',
    world: {
      calicoPolicies: [globalPolicy({ ...DENY_FORWARDED_BEFORE_DNAT, selector: 'has(all)' })],
      hostEndpoints: [hostEndpoint('eth0'), hostEndpoint('*', { all: 'yes' })],
    },
    ends: [0, 1],
    arrives: false,
  },
  {
    name: 'failsafe ports of a host are so for what it forwards before DNAT',
    world: { calicoPolicies: [globalPolicy(DENY_FORWARDED_BEFORE_DNAT)], hostEndpoints: [hostEndpoint('eth0')] },
    ends: [0, 1],
    port: 22,
    arrives: true,
  },
  {
    name: 'a host endpoint of all interfaces is not asked of what a pod of the node asks the node',
    world: {
      calicoPolicies: [globalPolicy({ selector: 'has(all)' })],
      hostEndpoints: [hostEndpoint('*', { all: 'yes' })],
    },
    ends: [1, 4],
    arrives: true,
  },
  {
    name: 'what is allowed before DNAT is asked again where it leaves the host',
    world: {
      calicoPolicies: [
        globalPolicy({ ...DENY_FORWARDED_BEFORE_DNAT, ingress: [{ action: 'Allow' }], selector: 'has(all)' }),
        { ...globalPolicy({ applyOnForward: true, selector: 'has(all)', types: ['Egress'] }), metadata: { name: 'b' } },
      ],
      hostEndpoints: [hostEndpoint('*', { all: 'yes' })],
    },
    ends: [1, 0],
    arrives: false,
  },
  {
    name: 'the port of a Service that no policy for forwarded traffic allows is taken for the host’s own traffic',
    world: {
      services: [SERVICE],
      tiers: [{ apiVersion: V3, kind: 'Tier', metadata: { name: 'easy' }, spec: { order: 1, defaultAction: 'Pass' } }],
      calicoPolicies: [globalPolicy({ tier: 'easy', applyOnForward: true, selector: 'has(all)' })],
      hostEndpoints: [{ ...hostEndpoint('eth0', { all: 'yes' }), spec: { node: 'node2', interfaceName: 'eth0' } }],
    },
    ends: [5, 0],
    through: { address: '172.18.0.3', port: SERVICE.nodePort },
    arrives: false,
  },
  {
    name: 'but allowed where no policy for forwarded traffic is there',
    world: {
      services: [SERVICE],
      hostEndpoints: [{ ...hostEndpoint('eth0', { all: 'yes' }), spec: { node: 'node2', interfaceName: 'eth0' } }],
    },
    ends: [5, 0],
    through: { address: '172.18.0.3', port: SERVICE.nodePort },
    arrives: true,
  },
  {
    name: 'of equal orders the one whose name, with a slash behind it, comes first is asked first',
    world: {
      calicoPolicies: [
        { ...globalPolicy({ order: 1, ingress: [{ action: 'Deny' }] }), metadata: { name: 'a' } },
        { ...globalPolicy({ order: 1, ingress: [{ action: 'Allow' }] }), metadata: { name: 'a-b' } },
      ],
    },
    ends: [0, 1],
    arrives: true,
  },
  {
    name: 'of lists that take several rules each Felix does not look at a third one',
    world: { calicoPolicies: [allowFrom(HERE, ELSEWHERE)] },
    ends: [0, 1],
    arrives: true,
  },
  {
    name: 'but at the second',
    world: { calicoPolicies: [allowFrom(ELSEWHERE, HERE)] },
    ends: [0, 1],
    arrives: false,
  },
];

for (const { name, world: changes, ends, port = 80, through, arrives } of FOUND) {
  t.test(name, (t) => {
    const world = { ...PLAIN, ...changes };
    const [from, to] = ends.map((i) => [...world.pods, ...world.nodes, ...world.hosts][i]);
    if (from === undefined || to === undefined) throw new TypeError('nobody is there');
    const flow: Flow = { from, to, protocol: 'tcp', port, ...(through !== undefined && { through }) };
    t.equal(new PolicyOracle(world).mayOpen(flow), arrives, 'as the judge says');
    const { arrived, told } = traceIn(clusterOf(world), flow);
    t.equal(arrived, arrives, told);
    t.end();
  });
}

interface Counts {
  arrived: number;
  stopped: number;
}

/** Throws where the packets and the judge are of two minds. */
function compare(cluster: Cluster, world: PolicyWorld, asked: readonly Question[], counts: Counts): void {
  const oracle = new PolicyOracle(world);
  for (const question of asked) {
    const flow = flowOf(world, question);
    const may = flow && oracle.mayOpen(flow);
    if (flow === undefined || may === undefined) continue;
    const { arrived, told } = traceIn(cluster, flow);
    counts[arrived ? 'arrived' : 'stopped']++;
    if (may === arrived) continue;
    const who = `${nameOf(flow.from)} → ${destinationOf(flow)} ${flow.protocol}`;
    throw new Error(`${who} ${arrived ? 'must not arrive' : 'must arrive'}\n${told}`);
  }
}

const bothOften = ({ arrived, stopped }: Counts): boolean => Math.min(arrived, stopped) > (arrived + stopped) / 5;

t.test('what random policies of all kinds allow arrives, and nothing else does', (t) => {
  const counts = { arrived: 0, stopped: 0 };
  fc.assert(
    fc.property(worlds, questions, (world, asked) => compare(clusterOf(world), world, asked, counts)),
    { numRuns: RUNS },
  );
  t.ok(bothOften(counts), 'both answers come often', counts);
  t.end();
});

t.test('and so it is where they have been others before', (t) => {
  const counts = { arrived: 0, stopped: 0 };
  fc.assert(
    fc.property(worlds, worlds, questions, (before, other, asked) => {
      const cluster = clusterOf(before);
      compare(cluster, before, asked.slice(0, 5), counts);
      const after = withPolicyOf(before, other);
      const outcome = cluster.change(sourcesOf(after));
      if (outcome.kind !== 'changed') throw new Error(JSON.stringify(outcome));
      compare(cluster, after, asked.slice(5), counts);
    }),
    { numRuns: Math.ceil(RUNS / 4) },
  );
  t.ok(bothOften(counts), 'both answers come often', counts);
  t.end();
});
