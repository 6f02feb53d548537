/** Whatever is done to valid documents: loading answers, and every message says where. */

import fc from 'fast-check';
import t from 'tap';
import { stringify } from 'yaml';
import { loadCluster } from '../../src/kubernetes/index.js';
import { NODES, node, pod, template, workload } from './cluster-text.js';
import { podItem } from './kubectl-dump.js';

const meta = (apiVersion: string, kind: string, name: string) => ({ apiVersion, kind, metadata: { name } });
const V3 = 'projectcalico.org/v3';
const CRD = 'crd.projectcalico.org/v1';

const OBJECTS: readonly object[] = [
  ...NODES,
  node('d', {
    labels: { zone: 'x' },
    spec: { taints: [{ key: 'k', effect: 'NoSchedule' }], podCIDR: '10.9.0.0/24' },
    status: { addresses: [{ type: 'InternalIP', address: '10.0.0.4' }] },
  }),
  {
    ...meta('v1', 'Namespace', 'shop'),
    metadata: { name: 'shop', annotations: { 'cni.projectcalico.org/ipv4pools': '["pool"]' } },
  },
  { ...pod('p', { nodeName: 'a' }), status: { phase: 'Running', podIP: '10.1.0.1', podIPs: [{ ip: '10.1.0.1' }] } },
  pod(
    'q',
    {
      tolerations: [{ operator: 'Exists' }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['x'] }] }],
          },
        },
      },
    },
    { annotations: { 'cni.projectcalico.org/ipv4pools': '["pool"]' } },
  ),
  workload('Deployment', { replicas: 2 }),
  workload('StatefulSet', { replicas: 2, serviceName: 's' }, { name: 'db' }),
  workload('DaemonSet', {}, { name: 'agent' }),
  workload('Job', { completions: 3, parallelism: 2, completionMode: 'Indexed' }, { name: 'job' }),
  {
    ...meta('batch/v1', 'CronJob', 'cron'),
    spec: { schedule: '* * * * *', jobTemplate: { spec: { template: template() } } },
  },
  {
    ...meta('v1', 'Service', 's'),
    spec: {
      clusterIP: '10.96.0.1',
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, targetPort: 'http', nodePort: 30080 }],
    },
  },
  {
    ...meta('discovery.k8s.io/v1', 'EndpointSlice', 's-x'),
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.0.1'], conditions: { ready: true }, nodeName: 'a' }],
    ports: [{ name: 'http', port: 8080 }],
  },
  {
    ...meta('networking.k8s.io/v1', 'NetworkPolicy', 'np'),
    spec: {
      podSelector: { matchLabels: { app: 'web' } },
      policyTypes: ['Ingress'],
      ingress: [
        { from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }], ports: [{ port: 80, endPort: 90 }] },
      ],
    },
  },
  {
    ...meta(CRD, 'IPPool', 'pool'),
    spec: { cidr: '10.1.0.0/16', ipipMode: 'Always', natOutgoing: true, blockSize: 26 },
  },
  {
    ...meta(V3, 'Node', 'a'),
    spec: { bgp: { ipv4Address: '10.0.0.1/24', asNumber: 64512 }, ipv4VXLANTunnelAddr: '10.1.0.0' },
  },
  { ...meta(V3, 'BGPPeer', 'peer'), spec: { peerIP: '10.0.0.9', asNumber: '65000.1', nodeSelector: 'all()' } },
  {
    ...meta(V3, 'BGPFilter', 'f'),
    spec: { exportV4: [{ action: 'Accept', matchOperator: 'In', cidr: '10.0.0.0/8' }] },
  },
  {
    ...meta(CRD, 'IPAMBlock', 'b'),
    spec: {
      cidr: '10.1.0.0/26',
      affinity: 'host:a',
      allocations: [0, null],
      unallocated: [1],
      attributes: [{ handle_id: 'h' }],
    },
  },
  { ...meta(CRD, 'FelixConfiguration', 'default'), spec: { vxlanMTU: 1400, bpfEnabled: false } },
];

const STYLES: readonly [string, string][] = [
  ['block.yaml', OBJECTS.map((object) => stringify(object)).join('---\n')],
  ['flow.yaml', OBJECTS.map((object) => stringify(object, { collectionStyle: 'flow' })).join('---\n')],
  ['list.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: OBJECTS }, undefined, 1)],
  ['list.yaml', `apiVersion: v1\nitems:\n${podItem(0)}${podItem(1)}kind: List\n`],
];

/** What is needed of a test. */
interface Failing {
  readonly fail: (message: string) => boolean;
}

/** Loads, and holds every message to its file and line. */
function mustAnswer(t: Failing, file: string, text: string): void {
  const loaded = loadCluster([{ file, text }], { seed: 1 });
  const lines = text.split('\n').length;
  for (const message of [...loaded.errors, ...loaded.findings]) {
    const placed = message.file === file && message.line >= 1 && message.line <= lines && message.column >= 1;
    if (!placed) t.fail(JSON.stringify(message));
  }
  for (const error of loaded.errors) if (error.expected === '' || error.got === '') t.fail(JSON.stringify(error));
}

const VALUES = [
  '',
  'null',
  '~',
  '-1',
  '7',
  '99999',
  '1e400',
  'true',
  '"x"',
  '[]',
  '{}',
  '[1, {}]',
  '{a: b}',
  '10.0.0.300',
  '::1',
  '10.0.0.0/33',
  'Always',
  '|',
  '>',
  '&a',
  '*a',
  '!x y',
  '"',
  "'",
  '\t',
  '---',
  '__proto__: 1',
  '\u0000',
  '€',
];
const SCALAR = /(: |- |:"?|\[|, ?)([^\s,[\]{}]+)/g;

/** One change, by a number and a replacement. */
const CHANGES: Readonly<Record<string, (text: string, at: number, piece: string) => string>> = {
  'a line is gone': (text, at) =>
    text
      .split('\n')
      .filter((_, i, lines) => i !== at % lines.length)
      .join('\n'),
  'a line is there twice': (text, at) =>
    text
      .split('\n')
      .flatMap((line, i, lines) => (i === at % lines.length ? [line, line] : [line]))
      .join('\n'),
  'a line is indented': (text, at) =>
    text
      .split('\n')
      .map((line, i, lines) => (i === at % lines.length ? ` ${line}` : line))
      .join('\n'),
  'a line is replaced': (text, at, piece) =>
    text
      .split('\n')
      .map((line, i, lines) => (i === at % lines.length ? piece : line))
      .join('\n'),
  'a value is replaced': (text, at, piece) => {
    const found = [...text.matchAll(SCALAR)];
    const match = found[at % found.length];
    if (match === undefined) return text;
    const start = match.index + (match[1]?.length ?? 0);
    return text.slice(0, start) + piece + text.slice(start + (match[2]?.length ?? 0));
  },
  'the end is missing': (text, at) => text.slice(0, at % text.length),
  'something is put in': (text, at, piece) => text.slice(0, at % text.length) + piece + text.slice(at % text.length),
};

for (const [file, text] of STYLES) {
  t.test(`${file}, as it is, has no errors`, (t) => {
    t.same(loadCluster([{ file, text }], { seed: 1 }).errors, []);
    t.end();
  });
  for (const [name, change] of Object.entries(CHANGES)) {
    t.test(`${file}: ${name}`, (t) => {
      fc.assert(
        fc.property(fc.nat(100_000), fc.constantFrom(...VALUES), fc.nat(100_000), (at, piece, again) => {
          const once = change(text, at, piece);
          mustAnswer(t, file, once);
          mustAnswer(t, file, change(once, again, piece));
        }),
        { seed: 42, numRuns: 25 },
      );
      t.pass();
      t.end();
    });
  }
}

t.test('any field of any object may be anything', (t) => {
  const anything = fc.oneof(
    fc.constantFrom<unknown>(null, 0, -1, 1.5, true, '', 'x', '10.0.0.1', '10.0.0.0/8', [], {}, [null], { a: null }),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const change = (value: unknown, steps: readonly number[], put: unknown): unknown => {
    const [step, ...rest] = steps;
    if (step === undefined || typeof value !== 'object' || value === null) return put;
    const keys = Object.keys(value);
    const key = keys[step % keys.length];
    if (key === undefined) return put;
    const inner: unknown = Reflect.get(value, key);
    const changed = change(inner, rest, put);
    if (Array.isArray(value)) return value.map((element, i) => (String(i) === key ? changed : element));
    return { ...value, [key]: changed };
  };
  fc.assert(
    fc.property(
      fc.nat(OBJECTS.length - 1),
      fc.array(fc.nat(20), { minLength: 1, maxLength: 6 }),
      anything,
      (index, steps, put) => {
        const objects = OBJECTS.map((object, i) => (i === index ? change(object, steps, put) : object));
        mustAnswer(t, 'any.json', objects.map((object) => JSON.stringify(object)).join('\n'));
      },
    ),
    { seed: 9, numRuns: 600 },
  );
  t.pass();
  t.end();
});
