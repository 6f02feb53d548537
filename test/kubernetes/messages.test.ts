import t from 'tap';
import {
  describe,
  formatConfigError,
  formatFinding,
  formatPath,
  loadCluster,
  nearMatches,
  registeredKind,
  schema,
} from '../../src/kubernetes/index.js';

const load = (text: string) => loadCluster([{ file: 'c.yaml', text }], { seed: 1 });
/** What ends the run, and what the API server would refuse. */
const errorsOf = (text: string) => {
  const { errors, refusals } = load(text);
  return [...errors, ...refusals].map(formatConfigError);
};
const findingsOf = (text: string) => load(text).findings.map(formatFinding);

const head = (apiVersion: string, kind: string, name = 'x') =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}}\n`;
const V3 = 'projectcalico.org/v3';
const CRD = 'crd.projectcalico.org/v1';
const pool = (fields: string) => `${head(CRD, 'IPPool', 'p')}spec: {cidr: 10.0.0.0/16, ${fields}}\n`;

/** Lines 1 to 3 are head(); what is wrong begins on line 4. */
const ERRORS: readonly [string, string][] = [
  [
    `${head(CRD, 'IPPool')}spec: {}\n`,
    'c.yaml:4:7: IPPool x: spec.cidr: expected a CIDR such as 10.0.0.0/16, got nothing',
  ],
  [
    `${head(CRD, 'IPPool')}spec:\n  cidr: 10.0.0.0/99\n`,
    'c.yaml:5:9: IPPool x: spec.cidr: expected a CIDR such as 10.0.0.0/16, got "10.0.0.0/99"',
  ],
  [
    `${head(CRD, 'IPPool')}spec:\n  cidr: 10.0.0.1/16\n`,
    'c.yaml:5:9: IPPool x: spec.cidr: expected a network, with no bits set behind the prefix, got "10.0.0.1/16"',
  ],
  [
    pool('ipipMode: Sometimes'),
    'c.yaml:4:37: IPPool p: spec.ipipMode: expected one of Never, Always, CrossSubnet, got "Sometimes"',
  ],
  [
    pool('blockSize: 33'),
    'c.yaml:4:38: IPPool p: spec.blockSize: expected a whole number from 20 to 32, in an IPv6 pool from 116 to 128, got 33',
  ],
  [pool('natOutgoing: "true"'), 'c.yaml:4:40: IPPool p: spec.natOutgoing: expected true or false, got "true"'],
  [
    pool('ipipMode: Always, vxlanMode: Always'),
    'c.yaml:4:56: IPPool p: spec.vxlanMode: expected Never where ipipMode is not, got "Always"',
  ],
  [
    `${head('v1', 'Service')}spec:\n  ports:\n  - port: 80\n    protocol: HTTP\n  - port: 70000\n`,
    'c.yaml:7:15: Service default/x: spec.ports[0].protocol: expected one of TCP, UDP, SCTP, got "HTTP"\n' +
      'c.yaml:8:11: Service default/x: spec.ports[1].port: expected a whole number from 1 to 65535, got 70000',
  ],
  [
    `${head('v1', 'Service')}spec: {clusterIP: ten}\n`,
    'c.yaml:4:19: Service default/x: spec.clusterIP: expected an address or "None", got "ten"',
  ],
  [`${head('v1', 'Pod')}spec: []\n`, 'c.yaml:4:7: Pod default/x: spec: expected a map, got an empty list'],
  [head('v1', 'Pod'), 'c.yaml:1:1: Pod default/x: spec: expected a map, got nothing'],
  [
    `${head('v1', 'Pod')}spec: {containers: {}}\n`,
    'c.yaml:4:20: Pod default/x: spec.containers: expected a list, got a map',
  ],
  [
    'apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  labels:\n    app.kubernetes.io/version: 1.10\nspec: {}\n',
    'c.yaml:6:32: Pod default/x: metadata.labels["app.kubernetes.io/version"]: expected text, got 1.1',
  ],
  [
    `${head('v1', 'Pod', 'Web_1')}spec: {}\n`,
    'c.yaml:3:18: Pod default/Web_1: metadata.name: expected a name of lower case letters, digits, "-" and ".", got "Web_1"',
  ],
  ['apiVersion: v1\nkind: Pod\nspec: {}\n', 'c.yaml:1:1: Pod default/: metadata.name: expected a name, got nothing'],
  [
    `${head('v1', 'Node')}status:\n  addresses:\n  - {type: InternalIP, address: 10.0.0.300}\n`,
    'c.yaml:6:33: Node x: status.addresses[0].address: expected an IPv4 or IPv6 address, got "10.0.0.300"',
  ],
  [
    `${head('networking.k8s.io/v1', 'NetworkPolicy')}spec: {ingress: [{ports: [{port: 90, endPort: 80}]}]}\n`,
    'c.yaml:4:47: NetworkPolicy default/x: spec.ingress[0].ports[0].endPort: expected a port not below a numeric port, got 80',
  ],
  [
    `${head('discovery.k8s.io/v1', 'EndpointSlice')}addressType: IPv4\nendpoints:\n- addresses: [10.0.0.1, "::1"]\n`,
    'c.yaml:6:25: EndpointSlice default/x: endpoints[0].addresses[1]: expected an IPv4 address, got "::1"',
  ],
  [
    `${head(V3, 'BGPPeer')}spec: {asNumber: "65000.1.2"}\n`,
    'c.yaml:4:18: BGPPeer x: spec.asNumber: expected an AS number, got "65000.1.2"',
  ],
  [
    `${head(CRD, 'IPAMBlock')}spec: {cidr: 10.0.0.0/26, allocations: [0, x]}\n`,
    'c.yaml:4:44: IPAMBlock x: spec.allocations[1]: expected an attribute index or null, got "x"',
  ],
  [
    'apiVersion: v1\nkind: Node\nmetadata:\n  name: n1\n  annotations:\n    projectcalico.org/IPv4Address: ten\n',
    'c.yaml:6:36: Node n1: metadata.annotations["projectcalico.org/IPv4Address"]: expected an address with its prefix length, such as 10.0.0.1/24, got "ten"',
  ],
];

for (const [text, expected] of ERRORS) {
  t.test(`error: ${expected.split('\n')[0]}`, (t) => {
    t.same(errorsOf(text), expected.split('\n'));
    t.end();
  });
}

t.test('all mistakes of all files come in one run, in reading order', (t) => {
  const sources = [
    { file: 'b.yaml', text: `${pool('blockSize: 3')}---\nx: [\n` },
    { file: 'a.yaml', text: pool('ipipMode: 7, vxlanMode: 8').replace('p}', 'q}') },
  ];
  const places = loadCluster(sources, { seed: 1 }).errors.map(({ file, line, path }) => `${file}:${line} ${path}`);
  t.same(
    [...new Set(places)],
    ['b.yaml:4 spec.blockSize', 'b.yaml:7 ', 'a.yaml:4 spec.ipipMode', 'a.yaml:4 spec.vxlanMode'],
  );
  t.end();
});

t.test('calicoctl’s objects may have scalars where text is wanted, the API server’s not', (t) => {
  const labelled = (apiVersion: string) =>
    `apiVersion: ${apiVersion}\nkind: Node\nmetadata:\n  name: n1\n  labels: {rr: yes, num: 7}\n`;
  const { store, errors } = load(labelled(V3));
  t.same(errors, []);
  t.same(store.get('CalicoNode', '', 'n1')?.labels, { rr: 'true', num: '7' });
  t.equal(errorsOf(labelled('v1')).length, 2);
  t.end();
});

const POD = `${head('v1', 'Pod', 'web')}spec: {containers: [{name: c}]}\n`;
const CALICO_POD = (annotation: string, status = '') =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    cni.projectcalico.org/ipv4pools: ${annotation}\nspec: {hostname: h}\n${status}`;

t.test('a pool asked for by name that does not exist is an error with near matches', (t) => {
  const pools = `---\n${head(V3, 'IPPool', 'pool-a')}spec: {cidr: 10.1.0.0/16}\n---\n${head(V3, 'IPPool', 'pool-b')}spec: {cidr: 10.2.0.0/16}\n`;
  t.same(errorsOf(CALICO_POD(`'["pool-c"]'`) + pools), [
    'c.yaml:6:38: Pod default/web: metadata.annotations["cni.projectcalico.org/ipv4pools"]: expected the name or CIDR of an IP pool that exists, got "pool-c" (near: pool-a, pool-b)',
  ]);
  t.same(errorsOf(CALICO_POD(`'["pool-a", "10.2.0.0/16"]'`) + pools), []);
  t.same(errorsOf(CALICO_POD(`'["10.3.0.0/16"]'`) + pools).length, 1);
  t.match(errorsOf(CALICO_POD(`pool-a`) + pools), [
    /expected a JSON list of names or CIDRs of IP pools, such as \["pool-a"\], got "pool-a"$/,
  ]);
  t.same(errorsOf(CALICO_POD(`'["nowhere"]'`)), [], 'without Calico the annotation is nobody’s');
  const withAddress = load(CALICO_POD(`'["pool-c"]'`, 'status: {podIP: 10.1.0.1}\n') + pools);
  t.same(withAddress.errors, [], 'a pod that has its address asks no more');
  t.match(
    withAddress.findings.map(({ code }) => code),
    ['pool-missing', 'pod-pending'],
  );
  const brokenPool = pools.replace('pool-a}\nspec: {cidr: 10.1.0.0/16}', 'pool-c}\nspec: {cidr: 7}');
  t.same(errorsOf(CALICO_POD(`'["pool-c"]'`) + brokenPool).length, 1, 'a pool with a mistake exists');
  t.end();
});

t.test('the default pool may be asked for before calico-node has made it', (t) => {
  const information = `---\n${head(CRD, 'ClusterInformation', 'default')}`;
  t.same(errorsOf(CALICO_POD(`'["default-ipv4-ippool"]'`) + information), []);
  t.equal(errorsOf(CALICO_POD(`'["default-ipv6-ippool"]'`) + information).length, 1);
  t.end();
});

t.test('a namespace may ask for a pool too', (t) => {
  const text = `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  annotations: {cni.projectcalico.org/ipv4pools: '["p2"]'}\n---\n${pool('natOutgoing: true')}`;
  t.match(errorsOf(text), [/^c.yaml:5:50: Namespace shop: .*got "p2" \(near: p\)$/]);
  t.end();
});

const NODE = `---\n${head('v1', 'Node', 'n1')}`;
const withStatus = (name: string, ip: string, spec = 'nodeName: n1') =>
  `---\n${head('v1', 'Pod', name)}spec: {${spec}}\nstatus: {podIP: ${ip}}\n`;

const FINDINGS: readonly [string, string, readonly RegExp[]][] = [
  [
    'a pod on a node that does not exist',
    withStatus('a', '10.0.0.1', 'nodeName: n2') + NODE,
    [/^c.yaml:5:18: warning: Pod default\/a: its node n2 does not exist \(near: n1\): nothing reaches it$/],
  ],
  ['a node of Calico’s own group exists as well', `${withStatus('a', '10.0.0.1')}---\n${head(V3, 'Node', 'n1')}`, []],
  [
    'two pods with one address',
    withStatus('a', '10.0.0.1') + withStatus('b', '10.0.0.1') + NODE,
    [/^c.yaml:12:17: warning: Pod default\/b: its address 10\.0\.0\.1 is also that of Pod default\/a$/],
  ],
  [
    'host-network pods share an address on purpose',
    withStatus('a', '10.0.0.1', 'nodeName: n1, hostNetwork: true') +
      withStatus('b', '10.0.0.1', 'nodeName: n1, hostNetwork: true') +
      NODE,
    [],
  ],
  [
    'a finished pod has given its address back',
    `${withStatus('a', '10.0.0.1')}${withStatus('b', '10.0.0.1').replace('podIP', 'phase: Succeeded, podIP')}${NODE}`,
    [],
  ],
  [
    'the same name twice: the later one wins',
    `${withStatus('a', '10.0.0.1')}${withStatus('a', '10.0.0.2')}${NODE}`,
    [/^c.yaml:8:1: warning: Pod default\/a: this replaces the one at c.yaml:2$/],
  ],
  [
    'pools that overlap',
    `${pool('natOutgoing: true')}---\n${head(V3, 'IPPool', 'q')}spec: {cidr: 10.0.128.0/20}\n`,
    [/^c.yaml:9:14: warning: IPPool q: 10\.0\.128\.0\/20 overlaps with 10\.0\.0\.0\/16 of IPPool p$/],
  ],
  [
    'a Service that selects nothing',
    `${head('v1', 'Service', 's')}spec: {selector: {app: web, tier: x}, ports: [{port: 80}]}\n`,
    [/^c.yaml:4:18: warning: Service default\/s: its selector app=web,tier=x selects no pod: it has no endpoints$/],
  ],
  [
    'a Service without selector has its endpoints from elsewhere',
    `${head('v1', 'Service', 's')}spec: {ports: [{port: 80}]}\n`,
    [],
  ],
  [
    'an unknown kind',
    head('acme.io/v1', 'Widget'),
    [/^c.yaml:2:7: notice: Widget x: objects of kind Widget in acme.io\/v1 are not modelled: it has no effect$/],
  ],
  ['a mistyped kind', head('v1', 'Servcie'), [/are not modelled \(near: Service\)/]],
  [
    'kinds that change no packet’s way',
    `${head('rbac.authorization.k8s.io/v1', 'ClusterRole', 'a:b')}---\n${head('v1', 'PersistentVolumeClaim')}---\n${head('storage.k8s.io/v1', 'StorageClass')}`,
    [],
  ],
  [
    'a mistyped field',
    pool('natOutgoin: true'),
    [
      /^c.yaml:4:39: warning: IPPool p: no field of this kind is called "natOutgoin" \(near: natOutgoing, nat-outgoing\): it has no effect$/,
    ],
  ],
  [
    'eBPF',
    `${head(CRD, 'FelixConfiguration', 'default')}spec: {bpfEnabled: true}\n`,
    [/^c.yaml:4:20: notice: FelixConfiguration default: the eBPF dataplane is not modelled/],
  ],
  [
    'a version that no API server has',
    'apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: default}\nspec: {podSelector: {}}\n',
    [
      /^c.yaml:1:13: warning: NetworkPolicy default\/p: no API server has NetworkPolicy in networking\.k8s\.io\/v1beta1, but in networking\.k8s\.io\/v1: it is read as that$/,
    ],
  ],
  [
    'an old version',
    'apiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: default}\nspec: {podSelector: {}}\n',
    [],
  ],
  ['eBPF turned off', `${head(CRD, 'FelixConfiguration', 'default')}spec: {bpfEnabled: false}\n`, []],
  [
    'net sysctls',
    `${head('v1', 'Pod')}spec: {nodeName: n1, securityContext: {sysctls: [{name: net.ipv4.ip_forward, value: "1"}]}}\n${NODE}`,
    [/net\.\* sysctls of a pod are not modelled/],
  ],
  [
    'NET_ADMIN',
    `${head('v1', 'Pod')}spec: {nodeName: n1, containers: [{name: c, securityContext: {capabilities: {add: [NET_ADMIN]}}}]}\n${NODE}`,
    [/a container with NET_ADMIN/],
  ],
  [
    'a namespace that is only mentioned',
    head('v1', 'ConfigMap').replace('x}', 'x, namespace: shop}'),
    [/^c.yaml:3:32: notice: ConfigMap shop\/x: namespace shop is not among the input/],
  ],
  [
    'a CronJob',
    `${head('batch/v1', 'CronJob')}spec: {schedule: "*/5 * * * *", jobTemplate: {spec: {template: {spec: {containers: []}}}}}\n${NODE}`,
    [
      /^c.yaml:4:18: notice: CronJob default\/x: the cluster is shown while a run of the schedule "\*\/5 \* \* \* \*" is on$/,
    ],
  ],
];

for (const [name, text, expected] of FINDINGS) {
  t.test(`finding: ${name}`, (t) => {
    t.same(errorsOf(text), []);
    const found = findingsOf(text);
    t.equal(found.length, expected.length, found.join('\n'));
    for (const [i, pattern] of expected.entries()) t.match(found[i], pattern);
    t.end();
  });
}

t.test('of two objects with one name the later is held', (t) => {
  const { store } = load(withStatus('a', '10.0.0.1') + withStatus('a', '10.0.0.2') + NODE);
  t.same(
    store.list('Pod').map(({ status }) => status.podIPs),
    [[0x0a000002]],
  );
  t.end();
});

t.test('unmodelled objects are kept', (t) => {
  t.match(load(head('acme.io/v1', 'Widget')).unmodelled, [{ kind: 'Widget', apiVersion: 'acme.io/v1' }]);
  t.end();
});

t.test('names that may have been meant', (t) => {
  const candidates = ['default-ipv4-ippool', 'pool-a', 'pool-b', 'Service', 'frontend', 'frontend-canary'];
  const table: readonly [string, readonly string[]][] = [
    ['pool-c', ['pool-a', 'pool-b']],
    ['default-ipv4-ipool', ['default-ipv4-ippool']],
    ['servcie', ['Service']],
    ['service', ['Service']],
    ['front', ['frontend', 'frontend-canary']],
    ['zzzzzzzz', []],
    ['', []],
  ];
  for (const [name, near] of table) t.same(nearMatches(name, candidates), near, name);
  const short = ['a', 'db', 'web', 'api', 'svc'];
  const ofShort: readonly [string, readonly string[]][] = [
    ['x', []],
    ['A', ['a']],
    ['dc', ['db']],
    ['xy', []],
    ['wbe', ['web']],
    ['wxy', []],
    ['apis', ['api']],
  ];
  for (const [name, near] of ofShort) t.same(nearMatches(name, short), near, name);
  t.end();
});

t.test('paths and values as messages quote them', (t) => {
  t.equal(formatPath(['metadata', 'annotations', 'a.b/c', 0, 'x-y']), 'metadata.annotations["a.b/c"][0].x-y');
  t.equal(describe('x'.repeat(80)).length, 62);
  t.equal(describe(undefined), 'nothing');
  t.equal(describe({}), 'a map');
  t.end();
});

t.test('another module brings a kind of its own', (t) => {
  const { record, cidr, count, withDefault, listOf } = schema;
  const link = record({ mtu: withDefault(count, 1500), subnets: listOf(cidr) });
  const network = registeredKind({
    kind: 'PhysicalNetwork',
    groups: ['podwire.dev'],
    namespaced: false,
    body: record({ spec: link }),
  });
  const document = (spec: string) =>
    `apiVersion: podwire.dev/v1alpha1\nkind: PhysicalNetwork\nmetadata: {name: net}\nspec: ${spec}\n`;
  const loaded = loadCluster([{ file: 'net.yaml', text: document('{subnets: [10.0.0.0/24]}') }], {
    seed: 1,
    kinds: [network],
  });
  t.same(loaded.findings, []);
  t.same(
    network.objects.list().map(({ name, body }) => [name, body.spec.mtu, body.spec.subnets]),
    [['net', 1500, [{ addr: 0x0a000000, length: 24 }]]],
  );
  const wrong = loadCluster([{ file: 'net.yaml', text: document('{mtu: big}') }], { seed: 1, kinds: [network] });
  t.same(wrong.errors.map(formatConfigError), [
    'net.yaml:4:13: PhysicalNetwork net: spec.mtu: expected a whole number from 0 to 2147483647, got "big"',
  ]);
  t.match(findingsOf(document('{}')), [/not modelled/], 'without it the kind is unknown');
  t.end();
});

t.test('a pod alone, with nothing around it, loads', (t) => {
  const { store, errors, findings } = load(POD);
  t.same(errors, []);
  t.same(
    findings.map(({ code, message }) => [code, message]),
    [['pod-pending', 'it stays Pending: no nodes available to schedule pods']],
  );
  t.equal(store.get('Namespace', '', 'default')?.labels['kubernetes.io/metadata.name'], 'default');
  t.ok(store.get('ServiceAccount', 'default', 'default'));
  t.end();
});
