/**
 * The largest cluster that podwire is for: 5,000 nodes with 30 pods each, every pod behind one of 500 Services, 300 policies,
 * VXLAN. Reading it, the first trace, for which two machines are built, and more between machines that nobody has built.
 * CPU time of this process, and what is kept of it.
 */

import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../src/cluster/index.js';
import { cpu } from './calico-bgp.js';
import { Session } from 'node:inspector';
const s = new Session(); s.connect();
const churn = process.env['CHURN'] === '1';
const start = (): void => { (s as any).post('HeapProfiler.startSampling', { samplingInterval: 32768, includeObjectsCollectedByMajorGC: churn, includeObjectsCollectedByMinorGC: churn }); };
const stop = (): void => { (globalThis as any).gc?.(); (s as any).post('HeapProfiler.stopSampling', (_e: any, { profile }: any) => {
  const self = new Map<string, number>(); const incl = new Map<string, number>(); let total = 0;
  const walk = (n: any, stack: Set<string>): number => { const k = `${n.callFrame.functionName}:${n.callFrame.lineNumber + 1}`; const fresh = !stack.has(k); if (fresh) stack.add(k); let sum = n.selfSize; total += n.selfSize; self.set(k, (self.get(k) ?? 0) + n.selfSize); for (const c of n.children) sum += walk(c, stack); if (fresh) { stack.delete(k); incl.set(k, (incl.get(k) ?? 0) + sum); } return sum; };
  walk(profile.head, new Set());
  for (const [t, m] of [['self', self], ['incl', incl]] as const) { console.log('--', t, Math.round(total / 1e6), 'MB'); [...m].sort((a, b) => b[1] - a[1]).slice(0, 45).forEach(([k, v]) => console.log((v / 1e6).toFixed(1).padStart(8), k)); }
}); };


const NODES = Number(process.env['NODES'] ?? 5000);
const PODS_PER_NODE = 30;
const PODS = NODES * PODS_PER_NODE;
const SERVICES = 500;
const POLICIES = 300;
const NAMESPACES = 50;
const PAIRS = 3;

const namespaceOf = (pod: number): string => `team-${pod % NAMESPACES}`;
const podAddress = (node: number, pod: number): string => `10.${node >> 8}.${node & 255}.${pod + 2}`;
const nodeAddress = (node: number): string => `172.16.${node >> 6}.${4 * (node & 63) + 1}`;
const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

const pool = {
  apiVersion: 'crd.projectcalico.org/v1',
  kind: 'IPPool',
  metadata: { name: 'pods' },
  spec: { cidr: '10.0.0.0/8', vxlanMode: 'Always', ipipMode: 'Never', natOutgoing: true },
};
const nodes = many(NODES, (i) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: `node${i}`, labels: { 'kubernetes.io/hostname': `node${i}` } },
  status: {
    addresses: [{ type: 'InternalIP', address: nodeAddress(i) }],
    conditions: [{ type: 'Ready', status: 'True' }],
  },
}));
const namespaces = many(NAMESPACES, (i) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: namespaceOf(i), labels: { group: `g${i % 7}` } },
}));
const services = many(SERVICES, (i) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: `app-${i}`, namespace: namespaceOf(i) },
  spec: {
    clusterIP: `172.30.${i >> 8}.${i & 255}`,
    selector: { app: `app-${i}` },
    ports: [{ port: 80, targetPort: 8080 }],
  },
}));
const policies = many(POLICIES, (i) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: `app-${i}`, namespace: namespaceOf(i) },
  spec: {
    podSelector: { matchLabels: { app: `app-${i}` } },
    policyTypes: ['Ingress'],
    ingress: [
      {
        from: [{ podSelector: {} }, { namespaceSelector: { matchLabels: { group: 'g1' } } }],
        ports: [{ port: 8080 }],
      },
    ],
  },
}));
const pods = many(PODS, (i) => {
  const node = Math.floor(i / PODS_PER_NODE);
  const address = podAddress(node, i % PODS_PER_NODE);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${i}`, namespace: namespaceOf(i), uid: `uid-${i}`, labels: { app: `app-${i % SERVICES}` } },
    spec: {
      nodeName: `node${node}`,
      serviceAccountName: 'default',
      containers: [{ name: 'web', image: 'web:1', ports: [{ containerPort: 8080, protocol: 'TCP' }] }],
    },
    status: {
      phase: 'Running',
      podIP: address,
      podIPs: [{ ip: address }],
      hostIP: nodeAddress(node),
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
});
const items = [pool, ...nodes, ...namespaces, ...services, ...policies, ...pods];
const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });

const kept = (): string => {
  globalThis.gc?.();
  return `${Math.round(process.memoryUsage().heapUsed / 2 ** 20)} MiB kept`;
};

start();
const cluster = cpu(
  `${NODES} nodes, ${PODS} pods (${Math.round(text.length / 2 ** 20)} MiB of JSON): reading`,
  () => new Cluster([{ file: 'cluster.json', text }]),
);
stop();
if (cluster.errors.length > 0) throw new Error(JSON.stringify(cluster.errors[0]));
console.log(kept());

/** Of one namespace, so that no policy is in the way; on machines that no other pair is on. */
for (let pair = 0; pair < PAIRS; pair += 1) {
  const from = 1000 * pair;
  const to = PODS - NAMESPACES - 1000 * pair;
  const names = [`pod/${namespaceOf(from)}/pod-${from}`, `pod/${namespaceOf(to)}/pod-${to}:8080`] as const;
  const sender = parseEndpointName(names[0]);
  const target = parseDestination(names[1]);
  if (isNameProblem(sender) || isNameProblem(target)) throw new Error('no names');
  const { verdict, explanation } = cpu(`a trace between two machines that are built for it, ${pair + 1}`, () =>
    cluster.trace({ from: sender, to: target, protocol: 'tcp' }),
  );
  if (verdict !== 'answered') throw new Error(`${verdict}: ${explanation.join(' ')}`);
  console.log(kept());
}
