/**
 * Felix for a node with 110 pods in a cluster of 3,300, under 1,000 policies: the first calculation and rendering,
 * the same again after one policy or one pod has changed, and for a second node. CPU time of this process,
 * medians of rounds.
 */

import { FelixDatastore } from '../src/calico/datastore/felix.js';
import { storedIpam } from '../src/calico/datastore/ipam.js';
import { computeFelix } from '../src/calico/felix/felix.js';
import { readFelixConfig } from '../src/calico/felix/parameters.js';
import type { FelixState } from '../src/calico/felix/state.js';
import { loadCluster, type Store } from '../src/kubernetes/index.js';

const ROUNDS = 7;
const NODES = 30;
const PODS_PER_NODE = 110;
const NAMESPACES = 50;
const APPS = 20;
const POLICIES = 1_000;

const { config } = readFelixConfig([]);

const node = (i: number): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: `node${i}`, annotations: { 'projectcalico.org/IPv4Address': `172.18.0.${i + 2}/24` } },
});

function pod(i: number): object {
  const [host, place] = [i % NODES, Math.floor(i / NODES)];
  const ip = `10.${host}.0.${place + 1}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `pod-${i}`,
      namespace: `ns-${(host + 3 * place) % NAMESPACES}`,
      labels: { app: `app-${(host + place) % APPS}`, tier: i % 2 === 0 ? 'front' : 'back' },
    },
    spec: { nodeName: `node${host}`, containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080 }] }] },
    status: { podIP: ip, podIPs: [{ ip }] },
  };
}

/** Twenty in each namespace, one for each application: each lets the pods of one application be reached from another, and from a neighbour. */
const appOf = (i: number): number => Math.floor(i / NAMESPACES) % APPS;

const policy = (i: number): object => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: `policy-${i}`, namespace: `ns-${i % NAMESPACES}` },
  spec: {
    podSelector: { matchLabels: { app: `app-${appOf(i)}` } },
    ingress: [
      { from: [{ podSelector: { matchLabels: { app: `app-${(appOf(i) + 1) % APPS}` } } }], ports: [{ port: 'http' }] },
      {
        from: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': `ns-${(i + 1) % NAMESPACES}` } },
            podSelector: { matchLabels: { tier: 'front' } },
          },
        ],
        ports: [{ port: 80 }, { port: 443 }],
      },
    ],
  },
});

function load(): Store {
  const objects = [
    ...Array.from({ length: NODES }, (_, i) => node(i)),
    ...Array.from({ length: NAMESPACES }, (_, i) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: `ns-${i}`, labels: { 'kubernetes.io/metadata.name': `ns-${i}` } },
    })),
    { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name: 'pool' }, spec: { cidr: '10.0.0.0/8' } },
    ...Array.from({ length: NODES * PODS_PER_NODE }, (_, i) => pod(i)),
    ...Array.from({ length: POLICIES }, (_, i) => policy(i)),
  ];
  const text = objects.map((object) => JSON.stringify(object)).join('\n---\n');
  return loadCluster([{ file: 'cluster.yaml', text }], { seed: 1 }).store;
}

const compute = (datastore: FelixDatastore, name: string): FelixState =>
  computeFelix(datastore.cluster, { node: name, config, interfaces: [], endpoints: datastore.endpointsOf(name) });

const cpuMs = (run: () => void): number => {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
};

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0;

const line = (name: string, times: readonly number[]): void =>
  console.log(`${name.padEnd(56)} ${median(times).toFixed(1).padStart(8)} ms`);

const store = load();
const fresh = (): FelixDatastore => new FelixDatastore(store, storedIpam(store));
const state = compute(fresh(), 'node0');
const { chains } = state.tables.filter;
const rules = chains.reduce((sum, chain) => sum + chain.rules.length, 0);
console.log(`node0: ${chains.length} chains, ${rules} rules in filter, ${state.ipsets.length} sets`);

const rounds = <T>(make: () => T, run: (made: T) => void): number[] =>
  Array.from({ length: ROUNDS }, () => {
    const made = make();
    return cpuMs(() => run(made));
  });

line(
  'first node of the cluster',
  rounds(fresh, (datastore) => compute(datastore, 'node0')),
);

const warm = fresh();
compute(warm, 'node0');
let turn = 0;
const nextNode = (): string => `node${(turn += 1) % NODES}`;
line(
  'another node of the same cluster',
  rounds(nextNode, (name) => compute(warm, name)),
);

/** A policy that selects pods of node0. */
function changePolicy(): void {
  const object = store.list('NetworkPolicy').find(({ spec }) => spec.podSelector.matchLabels['app'] === 'app-0');
  if (object === undefined) throw new Error('no policy');
  const [first, second] = object.spec.ingress;
  if (first === undefined || second === undefined) throw new Error('no rules');
  store.put('NetworkPolicy', { ...object, spec: { ...object.spec, ingress: [second, first] } });
}
line(
  'one policy changed',
  rounds(changePolicy, () => compute(warm, 'node0')),
);

function changePod(): void {
  const object = store.list('Pod')[0];
  if (object === undefined) throw new Error('no pod');
  const labels = { ...object.labels, turn: `${(turn += 1)}` };
  store.put('Pod', { ...object, labels });
}
line(
  'one pod’s labels changed',
  rounds(changePod, () => compute(warm, 'node0')),
);
line(
  'nothing changed',
  rounds(
    () => undefined,
    () => compute(warm, 'node0'),
  ),
);
