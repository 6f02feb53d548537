import t from 'tap';
import { load, NODES, node, perNode, placed, pod, template, workload } from './cluster-text.js';

const ZONES = [
  node('a', { labels: { zone: 'east', cores: '4' } }),
  node('b', { labels: { zone: 'west', cores: '16' } }),
  node('c', { labels: { zone: 'east', cores: '32', ssd: '' } }),
];
const required = (...terms: object[]) => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } },
});
const expression = (key: string, operator: string, ...values: string[]) => ({
  matchExpressions: [{ key, operator, ...(values.length > 0 ? { values } : {}) }],
});

/** A pod's wishes, and the nodes that suit them. */
const WISHES: readonly [string, object, string][] = [
  ['none', {}, 'abc'],
  ['nodeSelector', { nodeSelector: { zone: 'east' } }, 'ac'],
  [
    'nodeSelector and affinity together',
    { nodeSelector: { zone: 'east' }, ...required(expression('ssd', 'Exists')) },
    'c',
  ],
  ['In', required(expression('zone', 'In', 'west', 'north')), 'b'],
  ['NotIn, which a missing label meets', required(expression('ssd', 'NotIn', '')), 'ab'],
  ['Exists', required(expression('ssd', 'Exists')), 'c'],
  ['DoesNotExist', required(expression('ssd', 'DoesNotExist')), 'ab'],
  ['Gt', required(expression('cores', 'Gt', '4')), 'bc'],
  ['Lt', required(expression('cores', 'Lt', '16')), 'a'],
  ['Gt of something that is no number', required(expression('zone', 'Gt', '4')), ''],
  ['one of several terms', required(expression('ssd', 'Exists'), expression('zone', 'In', 'west')), 'bc'],
  ['an empty term, which matches nothing', required({}), ''],
  ['matchFields', required({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }), 'b'],
  [
    'matchFields, excluded',
    required({ matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['b'] }] }),
    'ac',
  ],
  ['the host name label that kubelet sets', { nodeSelector: { 'kubernetes.io/hostname': 'c' } }, 'c'],
];

for (const [name, spec, nodes] of WISHES) {
  t.test(`affinity: ${name}`, (t) => {
    const { store, findings } = load(...ZONES, workload('ReplicaSet', { replicas: 6, template: template(spec) }));
    t.equal(Object.keys(perNode(store)).sort().join(''), nodes);
    t.equal(findings.length, nodes === '' ? 6 : 0);
    t.end();
  });
}

const taint = (effect: string, value = 'x') => [{ key: 'dedicated', value, effect }];
const TOLERATIONS: readonly [string, object[], object[], boolean][] = [
  ['no taint', [], [], true],
  ['NoSchedule keeps out', taint('NoSchedule'), [], false],
  ['NoExecute keeps out', taint('NoExecute'), [], false],
  ['PreferNoSchedule does not', taint('PreferNoSchedule'), [], true],
  ['Exists without a key tolerates all', taint('NoExecute'), [{ operator: 'Exists' }], true],
  ['Exists with the key', taint('NoSchedule'), [{ key: 'dedicated', operator: 'Exists' }], true],
  ['Equal with the value', taint('NoSchedule'), [{ key: 'dedicated', value: 'x' }], true],
  ['Equal with another value', taint('NoSchedule'), [{ key: 'dedicated', value: 'y' }], false],
  ['another effect', taint('NoExecute'), [{ key: 'dedicated', operator: 'Exists', effect: 'NoSchedule' }], false],
  ['another key', taint('NoSchedule'), [{ key: 'gpu', operator: 'Exists' }], false],
];

for (const [name, taints, tolerations, fits] of TOLERATIONS) {
  t.test(`taints: ${name}`, (t) => {
    const { store, findings } = load(node('a', { spec: { taints } }), pod('p', { tolerations }));
    t.same(placed(store), [fits ? 'p@a' : 'p@']);
    if (!fits)
      t.match(findings, [
        {
          code: 'pod-pending',
          message: 'it stays Pending: 0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: x} (a)',
        },
      ]);
    t.end();
  });
}

t.test('a pod that fits nowhere is told why, node by node', (t) => {
  const nodes = [
    node('a', { spec: { unschedulable: true } }),
    node('b', { spec: { taints: taint('NoSchedule') } }),
    node('c', { labels: { zone: 'west' } }),
    node('d', { labels: { zone: 'east' }, status: { allocatable: { pods: '1' } } }),
    node('e', { labels: { zone: 'east' } }),
  ];
  const { findings } = load(
    ...nodes,
    pod('x', { nodeName: 'd' }),
    pod('y', { nodeName: 'e', hostNetwork: true, containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] }),
    pod('p', {
      nodeSelector: { zone: 'east' },
      containers: [{ name: 'c', ports: [{ containerPort: 8080, hostPort: 80 }] }],
    }),
  );
  t.same(
    findings.map(({ message }) => message),
    [
      'it stays Pending: 0/5 nodes are available: 1 Too many pods (d), ' +
        "1 node(s) didn't have free ports for the requested pod ports (e), 1 node(s) didn't match Pod's node affinity/selector (c), " +
        '1 node(s) had untolerated taint {dedicated: x} (b), 1 node(s) were unschedulable (a)',
    ],
  );
  t.end();
});

t.test('a node takes its maximum of pods, 110 where it says nothing', (t) => {
  const { store, findings } = load(
    node('a'),
    node('b', { status: { allocatable: { pods: 20 } } }),
    workload('ReplicaSet', { replicas: 140 }),
  );
  t.same(perNode(store), { a: 110, b: 20, '': 10 });
  t.equal(findings.length, 10);
  t.end();
});

t.test('pods go where the fewest are; pods with a node and daemons count', (t) => {
  const busy = ['1', '2', '3'].map((n) => pod(`busy-${n}`, { nodeName: 'b' }));
  const { store } = load(
    ...NODES,
    ...busy,
    workload('DaemonSet', {}, { name: 'agent' }),
    workload('ReplicaSet', {
      replicas: 5,
      selector: { matchLabels: { x: 'y' } },
      template: template({}, { labels: { x: 'y' } }),
    }),
  );
  t.same(perNode(store), { a: 4, b: 4, c: 3 });
  t.end();
});

t.test('host ports on different addresses do not conflict', (t) => {
  const on = (name: string, hostIP?: string) =>
    pod(name, {
      containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80, ...(hostIP ? { hostIP } : {}) }] }],
    });
  t.same(placed(load(node('a'), on('p', '10.0.0.1'), on('q', '10.0.0.2')).store), ['p@a', 'q@a']);
  t.same(placed(load(node('a'), on('p', '10.0.0.1'), on('q')).store), ['p@a', 'q@']);
  t.same(placed(load(node('a'), on('p', '0.0.0.0'), on('q', '10.0.0.2')).store), ['p@a', 'q@']);
  t.end();
});

t.test('nodeName is obeyed whatever the node says', (t) => {
  t.same(
    placed(
      load(node('a', { spec: { unschedulable: true, taints: taint('NoSchedule') } }), pod('p', { nodeName: 'a' }))
        .store,
    ),
    ['p@a'],
  );
  t.end();
});

t.test('finished pods are placed nowhere and take no room', (t) => {
  const done = { ...pod('done', { nodeName: 'a' }), status: { phase: 'Succeeded' } };
  const { store } = load(node('a', { status: { allocatable: { pods: 1 } } }), done, pod('p'));
  t.same(placed(store), ['done@a', 'p@a']);
  t.end();
});

t.test('taints that prefer others, and preferred node affinity, come before even spreading', (t) => {
  const prefers = (values: readonly string[], weight = 1): object => ({
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight, preference: { matchExpressions: [{ key: 'zone', operator: 'In', values }] } },
        ],
      },
    },
  });
  const nodes = [
    node('a', { spec: { taints: taint('PreferNoSchedule') }, labels: { zone: 'x' } }),
    node('b', { labels: { zone: 'x' } }),
    node('c', { labels: { zone: 'y' } }),
  ];
  const three = (spec: object): Record<string, number> =>
    perNode(load(...nodes, workload('ReplicaSet', { replicas: 3, template: template(spec) })).store);
  t.same(three({}), { b: 2, c: 1 });
  t.same(three({ tolerations: [{ operator: 'Exists' }] }), { a: 1, b: 1, c: 1 });
  t.same(three(prefers(['y'])), { c: 3 });
  t.same(three(prefers(['x'])), { b: 3 });
  t.same(three({ ...prefers(['x']), tolerations: [{ operator: 'Exists' }] }), { a: 2, b: 1 });
  t.same(three(prefers(['z'])), { b: 2, c: 1 });
  t.end();
});
