/** Input that is wrong: what cannot be understood is an error with its place, what a cluster would suffer from is a finding. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import {
  Cluster,
  isNameProblem,
  parseDestination,
  parseEndpointName,
  UnknownEndpoint,
} from '../../src/cluster/index.js';
import { formatConfigError, formatFinding } from '../../src/kubernetes/index.js';
import { traceJson, type ConnectionTrace } from '../../src/trace/index.js';

const TOPOLOGIES = ['two-nodes-vxlan', 'vxlan-crosssubnet', 'same-node', 'bridge-plugin', 'services-iptables'] as const;

interface Source {
  readonly file: string;
  readonly text: string;
}

const sourcesOf = (name: string): Source[] =>
  readdirSync(`topologies/${name}`)
    .filter((file) => file.endsWith('.yaml') && file !== 'expectations.yaml')
    .map((file) => ({ file, text: readFileSync(`topologies/${name}/${file}`, 'utf8') }));

/** Values that are wrong nearly everywhere, and right somewhere. */
const SCALARS = [
  '',
  'null',
  '""',
  '-1',
  '0',
  '1.5',
  '65536',
  '1e99',
  'true',
  '[]',
  '{}',
  '[[]]',
  '~x',
  '"\\u0000"',
  '__proto__',
  'constructor',
  '0.0.0.0',
  '255.255.255.255',
  '127.0.0.1',
  '10.0.0.0/33',
  '0.0.0.0/0',
  '10.0.0.0/32',
  'fd00::1',
  'fd00::/64',
  'node2',
  'rack',
  '&a [*a]',
  '!!binary x',
  `"${'x'.repeat(300)}"`,
] as const;

type Mutation =
  | { readonly kind: 'delete' | 'double' | 'indent' | 'swap'; readonly at: number }
  | { readonly kind: 'scalar'; readonly at: number; readonly which: number; readonly value: string };

const at = fc.nat(10_000);
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constantFrom('delete', 'double', 'indent', 'swap'), at }),
  {
    arbitrary: fc.record({ kind: fc.constant('scalar'), at, which: fc.nat(7), value: fc.constantFrom(...SCALARS) }),
    weight: 4,
  },
);

/** The nth value behind a colon in a line, in block or flow style. */
function withScalar(line: string, which: number, value: string): string {
  const found = [...line.matchAll(/: *([^\s,{}[\]][^,}\]]*)/g)];
  const chosen = found[which % Math.max(found.length, 1)];
  if (chosen === undefined) return line;
  const start = chosen.index;
  return `${line.slice(0, start)}: ${value}${line.slice(start + chosen[0].length)}`;
}

function mutate(text: string, change: Mutation): string {
  const lines = text.split('\n');
  const i = change.at % lines.length;
  const line = lines[i] ?? '';
  const next = lines[i + 1] ?? '';
  switch (change.kind) {
    case 'delete':
      return lines.toSpliced(i, 1).join('\n');
    case 'double':
      return lines.toSpliced(i, 0, line).join('\n');
    case 'indent':
      return lines.toSpliced(i, 1, `  ${line}`).join('\n');
    case 'swap':
      return lines.toSpliced(i, 2, next, line).join('\n');
    case 'scalar':
      return lines.toSpliced(i, 1, withScalar(line, change.which, change.value)).join('\n');
  }
}

function traced(cluster: Cluster, fromText: string, toText: string): ConnectionTrace | undefined {
  const from = parseEndpointName(fromText);
  const to = parseDestination(toText);
  if (isNameProblem(from) || isNameProblem(to)) throw new Error('bad names in the test');
  try {
    return cluster.trace({ from, to, protocol: 'tcp' });
  } catch (error) {
    if (error instanceof UnknownEndpoint) return undefined;
    throw error;
  }
}

const ENDS: Readonly<Record<(typeof TOPOLOGIES)[number], readonly [string, string]>> = {
  'two-nodes-vxlan': ['pod/default/client', 'pod/default/web:80'],
  'vxlan-crosssubnet': ['pod/shop/client', 'pod/shop/far:5432'],
  'same-node': ['pod/default/client', 'pod/default/web:8080'],
  'bridge-plugin': ['pod/default/a', 'pod/default/c:80'],
  'services-iptables': ['pod/shop/client', 'svc/shop/far:80'],
};

const RUNS = Number(process.env['PODWIRE_RUNS'] ?? 60);

for (const name of TOPOLOGIES) {
  t.test(`changed lines of ${name} end in messages or in a trace, never in a crash`, (t) => {
    const original = sourcesOf(name);
    const [from, to] = ENDS[name];
    const property = fc.property(fc.nat(10), fc.array(mutation, { minLength: 1, maxLength: 3 }), (which, changes) => {
      const sources = original.map((source, i) =>
        i === which % original.length ? { ...source, text: changes.reduce(mutate, source.text) } : source,
      );
      const cluster = new Cluster(sources);
      if (cluster.errors.length > 0) {
        for (const error of cluster.errors) if (!/^\w+\.yaml:\d+:\d+: /.test(formatConfigError(error))) return false;
        return true;
      }
      const trace = traced(cluster, from, to);
      if (trace !== undefined) JSON.stringify(traceJson(trace));
      return cluster.findings.every((found) => formatFinding(found) !== '');
    });
    fc.assert(property, { numRuns: RUNS, seed: 4242 });
    t.pass(`${RUNS} times`);
    t.end();
  });
}

/** two-nodes-vxlan with other documents behind its own. */
const withMore = (more: string): Cluster =>
  new Cluster([...sourcesOf('two-nodes-vxlan'), { file: 'more.yaml', text: more }]);

const pod = (name: string, more: { nodeName?: string; annotations?: string; podIP?: string }): string => `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: default
  annotations: ${more.annotations ?? '{}'}
spec:
  nodeName: ${more.nodeName ?? 'node1'}
  containers: [{name: c, image: i, ports: [{containerPort: 80}]}]
${more.podIP === undefined ? '' : `status: {phase: Running, podIP: ${more.podIP}, podIPs: [{ip: ${more.podIP}}]}\n`}`;

const found = (cluster: Cluster, code: string): object[] =>
  cluster.findings
    .filter((one) => one.code === code)
    .map(({ object, file, line, severity }) => ({ object, file, line, severity }));

t.test('a pod on a node that is gone is a finding, and cannot be reached', (t) => {
  const cluster = withMore(pod('lost', { nodeName: 'node9' }));
  t.same(cluster.errors, []);
  t.same(found(cluster, 'pod-on-missing-node'), [
    { object: 'Pod default/lost', file: 'more.yaml', line: 8, severity: 'warning' },
  ]);
  t.throws(() => cluster.podNetns(cluster.pod('default', 'lost')), /its node node9 does not exist.*node1/);
  t.end();
});

t.test('two pods with one address are a finding', (t) => {
  const cluster = withMore(
    [pod('one', { podIP: '192.168.9.9' }), pod('two', { podIP: '192.168.9.9', nodeName: 'node2' })].join('---\n'),
  );
  t.same(cluster.errors, []);
  t.match(found(cluster, 'address-in-use-twice'), [{ file: 'more.yaml', severity: 'warning' }]);
  t.not(traced(cluster, 'pod/default/client', 'pod/default/one:80'), undefined, 'and traced all the same');
  t.end();
});

const pool = (name: string, cidr: string): string =>
  `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: ${name}}\nspec: {cidr: ${cidr}, vxlanMode: Always}\n`;

/** A pod without a network whose address is on record. */
const LOST = pod('lost', { nodeName: 'node9', podIP: '192.168.104.9' });

t.test('what is sent to a pod that does not run goes to its address, and the trace says who is missing', (t) => {
  for (const to of ['192.168.104.9:80', 'pod/default/lost:80']) {
    const trace = traced(withMore(LOST), 'pod/default/client', to);
    t.equal(trace?.verdict, 'unreachable');
    t.equal(trace?.to.place, undefined);
    t.match(trace?.explanation.join('\n'), /Nothing answers for Pod default\/lost.*its node node9 does not exist/);
  }
  t.end();
});

t.test('nothing is sent from a pod that does not run, or from its address', (t) => {
  for (const from of ['pod/default/lost', '192.168.104.9']) {
    const endpoint = parseEndpointName(from);
    if (isNameProblem(endpoint)) throw new Error(endpoint.problem);
    t.throws(
      () => withMore(LOST).requireKnown(endpoint, 'sender'),
      /"default\/lost" has no network: its node node9 does not exist/,
    );
  }
  t.end();
});

t.test('a pod whose CNI ADD failed is told with the reason, and its address leads to who has it', (t) => {
  const twice = [pod('one', { podIP: '192.168.166.9' }), pod('two', { podIP: '192.168.166.9' })].join('---\n');
  const cluster = withMore(twice);
  t.throws(
    () => cluster.podNetns(cluster.pod('default', 'two')),
    /"default\/two" has no network: the sandbox on Node node1/,
  );
  t.equal(traced(cluster, 'pod/default/client', 'pod/default/two:80')?.verdict, 'answered');
  t.end();
});

t.test('a name in the wrong namespace is told with those where it is', (t) => {
  const cluster = new Cluster(sourcesOf('services-iptables'));
  t.throws(() => cluster.pod('default', 'client'), /no pod "default\/client"; did you mean shop\/client/);
  t.throws(() => cluster.pod('default', 'clint'), /did you mean .*shop\/client/);
  t.throws(() => cluster.addressOf({ kind: 'svc', namespace: 'default', name: 'far' }), /did you mean .*shop\/far/);
  t.end();
});

t.test('overlapping pools are a finding', (t) => {
  const cluster = withMore(pool('inner', '192.168.64.0/18'));
  t.same(cluster.errors, []);
  t.match(found(cluster, 'pools-overlap'), [{ severity: 'warning' }]);
  t.end();
});

/** Objects that are left out, and why. */
const refusedIn = (cluster: Cluster): string[] =>
  cluster.findings
    .filter(({ code }) => code === 'object-refused')
    .map(({ file, line, column, object, message }) => `${file}:${line}:${column}: ${object}: ${message}`);

t.test('a pool by a name that there is not is an error with file, line and near matches', (t) => {
  const annotations = `{cni.projectcalico.org/ipv4pools: '["default-ipv4-ipool"]'}`;
  const [error, ...others] = withMore(pod('picky', { annotations })).errors.map(formatConfigError);
  t.match(error, /^more\.yaml:6:\d+: Pod default\/picky: .*"default-ipv4-ipool" \(near: default-ipv4-ippool\)$/);
  t.same(others, []);
  t.end();
});

t.test('a selector that cannot be parsed is told with file and line, and its object is left out', (t) => {
  const text = pool('odd', '10.7.0.0/16').replace('vxlanMode: Always', 'nodeSelector: "~x"');
  const cluster = withMore(text);
  t.same(cluster.errors, []);
  t.match(refusedIn(cluster), [
    /^more\.yaml:4:\d+: IPPool odd: spec\.nodeSelector: expected a selector .*, got "~x": .* left out$/,
  ]);
  t.equal(cluster.store.get('IPPool', '', 'odd'), undefined);
  t.end();
});

t.test('a kind of Calico’s group that is called like a property of every object is just not modelled', (t) => {
  const cluster = withMore('apiVersion: projectcalico.org/v3\nkind: constructor\nmetadata: {name: x}\nspec: {}\n');
  t.match(found(cluster, 'unmodelled-kind'), [{ severity: 'notice' }]);
  t.end();
});

t.test('every mistake of a run is told', (t) => {
  const broken = withMore(`${pool('a', '10.0.0.0/99')}---\n${pool('b', 'nonsense')}---\n[not, an, object]\n`);
  t.equal(broken.errors.length, 3);
  t.same(
    broken.errors.map(({ line }) => line),
    [4, 9, 11],
  );
  t.end();
});

const felix = (spec: string): string =>
  `apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {name: default}\nspec: ${spec}\n`;

t.test('what FelixConfiguration cannot hold is an error, what it has no field for a finding', (t) => {
  const errors = withMore(felix('{defaultEndpointToHostAction: Maybe, chainInsertMode: Foo}')).errors;
  t.match(
    errors.map(formatConfigError),
    [/chainInsertMode: .*Insert, Append, got "Foo"/, /ToHostAction: .*got "Maybe"/].toReversed(),
  );
  t.same(withMore(felix('{chainInsertMode: append, vxlanMTU: 1300}')).errors, [], 'case does not matter');
  const misspelled = withMore(felix('{vxlanMtu: 1300, bpfDSROptoutCIDRs: [], logSeverityScreen: Info}'));
  const told = misspelled.findings.filter(({ code }) => code === 'unknown-field').map(formatFinding);
  t.equal(told.length, 1);
  t.match(told[0], /"vxlanMtu" \(near: vxlanMTU/);
  t.end();
});

t.test('nobody knows what Felix’s nftables do to a packet', (t) => {
  const trace = traced(withMore(felix('{nftablesMode: Enabled}')), 'pod/default/client', 'pod/default/web:80');
  t.equal(trace?.verdict, 'unknown');
  t.match(trace?.explanation, [/nftables on node\/node1/, /nftables on node\/node2/]);
  const off = withMore(felix('{nftablesMode: Disabled}'));
  t.equal(traced(off, 'pod/default/client', 'pod/default/web:80')?.verdict, 'answered');
  t.end();
});

t.test('fields that no pod has are told with near matches, in templates too', (t) => {
  const spec =
    '{nodename: node1, hostnetwork: true, tolerations: [{key: a, efect: NoSchedule}], containers: [{name: c, image: i, port: [], ports: [{containerport: 1, containerPort: 80}], livenessProbe: {httpget: {}, periodSeconds: 5}}]}';
  const names = ['efect', 'nodename', 'hostnetwork', 'port', 'containerport', 'httpget'];
  const ofPod = `apiVersion: v1\nkind: Pod\nmetadata: {name: typo}\nspec: ${spec}\n`;
  const template = `{metadata: {labels: {a: b}}, spec: ${spec}}`;
  const ofDeployment = `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: typo}\nspec: {replicas: 2, selector: {matchLabels: {a: b}}, template: ${template}}\n`;
  for (const text of [ofPod, ofDeployment]) {
    const told = withMore(text).findings.filter(({ code }) => code === 'unknown-field');
    t.same(new Set(told.map(({ message }) => /"(\w+)"/.exec(message)?.[1])), new Set(names));
    t.equal(told.length, names.length);
    t.ok(told.every(({ message }) => message.includes('(near: ')));
  }
  t.end();
});

t.test('no field of a cluster that runs is told as unknown', (t) => {
  for (const name of readdirSync('topologies')) {
    if (!existsSync(`topologies/${name}/cluster.yaml`)) continue;
    const cluster = Cluster.load([`topologies/${name}`]);
    t.same(
      cluster.findings.filter(({ code }) => code === 'unknown-field'),
      [],
      name,
    );
  }
  t.end();
});

t.test('a native sidecar listens on its ports, another init container does not', (t) => {
  const init =
    'initContainers: [{name: s, restartPolicy: Always, ports: [{containerPort: 15001}]}, {name: i, ports: [{containerPort: 15002}]}]';
  const cluster = withMore(pod('meshed', {}).replace('  containers:', `  ${init}\n  containers:`));
  t.same(cluster.errors, []);
  t.equal(traced(cluster, 'pod/default/client', 'pod/default/meshed:15001')?.verdict, 'answered');
  t.equal(traced(cluster, 'pod/default/client', 'pod/default/meshed:15002')?.verdict, 'refused');
  t.end();
});

t.test('the port of a host-network pod that is not named is the one that it declares', (t) => {
  const cluster = withMore(
    pod('agent', {}).replace('spec:', 'spec:\n  hostNetwork: true').replace('containerPort: 80', 'containerPort: 9100'),
  );
  t.equal(traced(cluster, 'pod/default/client', 'pod/default/agent')?.to.port, 9100);
  t.end();
});

t.test('numbers and dots are an address or nothing', (t) => {
  for (const text of ['300.1.1.1:80', '10.0.0:80', '1.2.3.4.5'])
    t.match(parseDestination(text), { problem: /is no IPv4 address/ });
  t.match(parseDestination('1.example:80'), { endpoint: { kind: 'name', name: '1.example' } });
  t.end();
});

t.test('without a PhysicalNetwork the trace says that nobody knows of the outside', (t) => {
  const cluster = new Cluster(sourcesOf('two-nodes-vxlan').filter(({ file }) => file !== 'network.yaml'));
  const told = traced(cluster, 'pod/default/client', '8.8.8.8:53')?.explanation.join('\n');
  t.match(told, /The input has no PhysicalNetwork: host\/gateway is assumed/);
  t.notMatch(traced(withMore(''), 'pod/default/client', '8.8.8.8:53')?.explanation.join('\n'), /PhysicalNetwork/);
  t.end();
});

t.test('a pod that IPAM gives no address is told once', (t) => {
  const annotations = `{cni.projectcalico.org/ipv4pools: '["closed"]'}`;
  const cluster = withMore(
    `${pool('closed', '10.7.0.0/16').replace('vxlanMode: Always', 'disabled: true')}---\n${pod('picky', { annotations })}`,
  );
  cluster.node('node1');
  t.equal(cluster.findings.filter(({ object }) => object === 'Pod default/picky').length, 1);
  t.end();
});

t.test('all mistakes of one pool are told, its selector too', (t) => {
  const text = pool('odd', '10.7.0.1/16').replace('vxlanMode: Always', 'blockSize: 40, nodeSelector: "a =="');
  const cluster = withMore(text);
  const errors = cluster.errors.map(formatConfigError);
  t.match(errors, [/spec\.cidr: .*no bits set/, /spec\.blockSize: .*got 40$/]);
  t.equal(errors.length, 2);
  t.match(refusedIn(cluster), [/spec\.nodeSelector: expected a selector/]);
  t.end();
});

/** bridge-plugin's nodes on a network of which `spec` is written. */
const onNetwork = (spec: string, more = ''): Cluster => {
  const head = 'apiVersion: podwire.dev/v1alpha1\nkind: PhysicalNetwork\nmetadata: {name: dc}\n';
  const node =
    'apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{type: InternalIP, address: 10.5.0.1}]}\n';
  return new Cluster([{ file: 'net.yaml', text: `${head}spec: ${spec}\n---\n${node}${more}` }]);
};
const networkErrors = (spec: string): string[] => onNetwork(spec).errors.map(formatConfigError);
const networkFindings = (spec: string, more = ''): string[] => {
  const cluster = onNetwork(spec, more);
  t.same(cluster.errors, []);
  return cluster.findings.map(formatFinding).filter((text) => /PhysicalNetwork|HostConfig/.test(text));
};

/** A document whose name leads nowhere or to two things, and what is said of it. */
const NETWORK_ERRORS: readonly (readonly [string, RegExp])[] = [
  [
    '{subnets: [{name: s, cidr: 10.5.0.0/24}, {name: s, cidr: 10.6.0.0/24}]}',
    /:4:55: .*subnets\[1\]\.name: expected a name that no other subnet has, got "s"/,
  ],
  [
    '{switches: [{name: a}, {name: a}], subnets: [{name: s, cidr: 10.5.0.0/24, switch: a}]}',
    /switches\[1\]\.name: expected a name that no other switch has/,
  ],
  [
    '{switches: [{name: core}], subnets: [{name: s, cidr: 10.5.0.0/24, switch: cor}]}',
    /subnets\[0\]\.switch: .*got "cor" \(near: core\)/,
  ],
  [
    '{subnets: [{name: front, cidr: 10.5.0.0/24}], hosts: [{name: h, interfaces: [{subnet: fromt}]}]}',
    /interfaces\[0\]\.subnet: expected one of front, got "fromt" \(near: front\)/,
  ],
  [
    '{subnets: [{name: s, cidr: 10.5.0.0/24}], links: [{from: s, to: z}]}',
    /links\[0\]\.to: expected the name of a switch or subnet, got "z"/,
  ],
  [
    '{subnets: [{name: s, cidr: 10.5.0.0/24}], routers: [{name: r}], hosts: [{name: r}]}',
    /hosts\[0\]\.name: expected a name that no other machine has, got "r"/,
  ],
  [
    '{switches: [{name: a}, {name: b}], subnets: [{name: s, cidr: 10.5.0.0/24, switch: a}], links: [{from: a, to: b}, {from: b, to: a}]}',
    /links\[1\]: expected links without a loop/,
  ],
];

t.test('names in a PhysicalNetwork that lead nowhere, or to two things, are errors', (t) => {
  for (const [spec, message] of NETWORK_ERRORS) {
    const errors = networkErrors(spec);
    t.equal(errors.length, 1, spec);
    t.match(errors[0], message);
    const besides = networkErrors(spec.replace('cidr: 10.5.0.0/24', 'cidr: 10.5.0.0/24, mtu: big'));
    t.equal(besides.length, 2, 'beside a field of the wrong type');
    t.ok(besides.some((text) => message.test(text.replace(/:4:\d+:/, ':4:55:'))));
  }
  t.end();
});

const NETWORK_FINDINGS: readonly (readonly [string, RegExp])[] = [
  ['{subnets: [{name: s, cidr: 10.5.0.0/24}, {name: t, cidr: 10.5.0.0/25}]}', /warning: .*10\.5\.0\.0\/25 of subnet t/],
  [
    '{subnets: [{name: s, cidr: 10.5.0.0/24}], hosts: [{name: h, interfaces: [{subnet: s, address: 10.5.0.1}]}]}',
    /warning: .*10\.5\.0\.1 on h too/,
  ],
  [
    '{subnets: [{name: s, cidr: 10.5.0.0/24}, {name: six, cidr: "fd00::/64"}]}',
    /notice: .*IPv6, which is not modelled yet/,
  ],
  [
    '{subnets: [{name: s, cidr: 10.5.0.0/24}], hosts: [{name: h, interfaces: [{subnet: s, address: 10.5.0.9}], routes: [{to: "::/0", via: "fd00::1"}]}]}',
    /notice: .*IPv6, which is not modelled yet/,
  ],
  [
    '{switches: [{name: a, mtu: 1400}], subnets: [{name: s, cidr: 10.5.0.0/24, switch: a}]}',
    /warning: .*expected an MTU no less than those of the interfaces on it, got 1400, where eth0 of n1 has 1500/,
  ],
];

t.test('what a physical network would suffer from is told, and is so', (t) => {
  t.same(networkFindings('{subnets: [{name: s, cidr: 10.5.0.0/24}]}'), []);
  for (const [spec, message] of NETWORK_FINDINGS) {
    const findings = networkFindings(spec);
    t.equal(findings.length, 1, spec);
    t.match(findings[0], message);
  }
  const six = onNetwork(NETWORK_FINDINGS[3]?.[0] ?? '');
  t.same(six.underlay.plan.machines.get('h')?.routes, [], 'a route of IPv6 is no default route of IPv4');
  t.end();
});

t.test('a HostConfig for a machine that there is not is told with near matches', (t) => {
  const config =
    '---\napiVersion: podwire.dev/v1alpha1\nkind: HostConfig\nmetadata: {name: h}\nspec: {hosts: [n1, n11]}\n';
  const findings = networkFindings('{subnets: [{name: s, cidr: 10.5.0.0/24}]}', config);
  t.match(findings, [/:14:20: warning: HostConfig h: there is no machine n11 \(near: n1\)/]);
  t.equal(findings.length, 1);
  t.end();
});

const policy = (selector: string): string => `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: default}
spec: {podSelector: {matchLabels: {app: ${selector}}}, policyTypes: [Ingress]}
`;

t.test('policy decides, and a policy that selects neither pod does not', (t) => {
  const cluster = withMore(policy('web'));
  const trace = traced(cluster, 'pod/default/client', 'pod/default/web:80');
  t.equal(trace?.verdict, 'dropped');
  t.match(trace?.explanation[0], /NetworkPolicy default\/closed applies to ingress of Pod default\/web/);
  t.same(found(cluster, 'unmodelled'), []);
  const other = traced(withMore(policy('other')), 'pod/default/client', 'pod/default/web:80');
  t.equal(other?.verdict, 'answered');
  t.end();
});

t.test('a policy that nothing enforces is told, and drops nothing', (t) => {
  const more = policy('c').replace('{app: c}', '{}');
  const cluster = new Cluster([...sourcesOf('bridge-plugin'), { file: 'more.yaml', text: more }]);
  t.match(found(cluster, 'policy-not-enforced'), [{ object: 'NetworkPolicy default/closed', severity: 'warning' }]);
  t.equal(traced(cluster, 'pod/default/a', 'pod/default/c:80')?.verdict, 'answered');
  t.end();
});

const calico = (name: string, spec: string, kind = 'GlobalNetworkPolicy'): string => `---
apiVersion: projectcalico.org/v3
kind: ${kind}
metadata: {name: ${name}}
spec: ${spec}
`;

t.test('a policy with a mistake is told with its place, and the rest works on', (t) => {
  const good = calico('good', '{selector: app == "web", types: [Ingress]}');
  const bad = calico('bad', '{selector: all(), egress: [{action: Deny, destination: {selector: "app = x"}}]}');
  const cluster = withMore(bad + good);
  t.same(cluster.errors, []);
  t.same(refusedIn(cluster), [
    'more.yaml:5:73: GlobalNetworkPolicy bad: spec.egress[0].destination.selector: ' +
      'expected a selector (expected ==, at character 5), got "app = x": the API server would refuse it, and it is left out',
  ]);
  t.equal(traced(cluster, 'pod/default/client', 'pod/default/web:80')?.verdict, 'dropped', 'the good one is enforced');
  t.end();
});

t.test('what Calico’s API server refuses is told; what may have been there before works on', (t) => {
  const cluster = withMore(
    calico('default', '{defaultAction: Pass}', 'Tier') +
      calico('twice', '{node: node1, nodeSelector: all(), peerIP: 192.0.2.1, asNumber: 65001}', 'BGPPeer') +
      calico('lb', '{cidr: 10.77.0.0/24, allowedUses: [LoadBalancer, Workload], vxlanMode: Always}', 'IPPool'),
  );
  t.same(cluster.errors, []);
  const REFUSED = 'the API server would refuse it, and it is';
  t.same(
    refusedIn(cluster).map((text) => text.replace(/^more\.yaml:\d+:\d+: /, '')),
    [
      `Tier default: spec.defaultAction: expected Deny in the tier default, got "Pass": ${REFUSED} left out`,
      `BGPPeer twice: spec.nodeSelector: expected nothing where node is set, got "all()": ${REFUSED} taken as it is`,
      `IPPool lb: spec.allowedUses: expected LoadBalancer alone, or not at all, got a list: ${REFUSED} taken as it is`,
      `IPPool lb: spec.vxlanMode: expected Never in a pool for load balancers, got "Always": ${REFUSED} taken as it is`,
    ],
  );
  t.ok(cluster.store.get('IPPool', '', 'lb'));
  t.end();
});

t.test('host endpoints that protect nothing, or less than it seems, are told', (t) => {
  const told = (spec: string, policy = ''): string[] => {
    const cluster = withMore(calico('hep', spec, 'HostEndpoint') + policy);
    return cluster.findings
      .filter(({ code }) => code === 'host-endpoint')
      .map(({ path, message }) => `${path}: ${message}`);
  };
  const untracked = (selector: string): string =>
    calico('raw', `{selector: ${selector}, doNotTrack: true, applyOnForward: true, types: [Ingress]}`);
  t.same(told('{node: node1, interfaceName: eth0}'), []);
  t.same(told('{node: node1, interfaceName: eth7}'), [
    'spec.interfaceName: node1 has no interface eth7: it protects nothing',
  ]);
  t.same(told('{node: nobody, interfaceName: eth0}'), [
    'spec.node: its node nobody does not exist: it protects nothing',
  ]);
  t.same(told('{node: node1, expectedIPs: [172.18.0.2]}'), []);
  t.same(told('{node: node1, expectedIPs: [198.51.100.9]}'), [
    'spec.expectedIPs: no interface of node1 has one of these addresses: it protects nothing',
  ]);
  t.same(told('{node: node1, interfaceName: "*"}', untracked('has(other)')), []);
  t.same(told('{node: node1, interfaceName: "*"}', untracked('all()')), [
    'spec.interfaceName: policies with doNotTrack do not apply to an endpoint for all interfaces',
  ]);
  t.end();
});

t.test('selectors, settings and pools that Calico’s API server refuses are told', (t) => {
  const refused = (name: string, kind: string, spec: string): string[] =>
    refusedIn(withMore(calico(name, spec, kind))).map((text) => text.replace(/^more\.yaml:\d+:\d+: \w+ \S+: /, ''));
  const LEFT_OUT = 'the API server would refuse it, and it is left out';
  const TAKEN = 'the API server would refuse it, and it is taken as it is';
  t.same(refused('g', 'GlobalNetworkPolicy', '{selector: global()}'), [
    `spec.selector: expected a selector without global(), which only the namespaceSelector of a rule may have, got "global()": ${LEFT_OUT}`,
  ]);
  t.same(
    refused(
      'g',
      'GlobalNetworkPolicy',
      `{ingress: [{action: Allow, source: {namespaceSelector: "global() || a == 'b'"}}]}`,
    ),
    [
      `spec.ingress[0].source.namespaceSelector: expected a namespaceSelector with global() alone, or without it, got "global() || a == 'b'": ${LEFT_OUT}`,
    ],
  );
  t.same(
    refused('g', 'GlobalNetworkPolicy', '{ingress: [{action: Allow, source: {namespaceSelector: "global( )"}}]}'),
    [],
  );
  // Upstream's validator does not look there.
  t.same(refused('g', 'GlobalNetworkPolicy', '{ingress: [{action: Allow, source: {notSelector: global()}}]}'), []);
  t.same(refused('default', 'FelixConfiguration', '{natPortRange: "60000:50000"}'), [
    `spec.natPortRange: expected a port or a range such as 32768:65535, got "60000:50000": ${LEFT_OUT}`,
  ]);
  t.same(refused('default', 'FelixConfiguration', '{natPortRange: "50000:60000"}'), []);
  t.same(refused('default', 'FelixConfiguration', '{failsafeInboundHostPorts: [{protocol: icmp, port: 22}]}'), [
    `spec.failsafeInboundHostPorts[0].protocol: expected one of TCP, UDP, SCTP, got "icmp": ${LEFT_OUT}`,
  ]);
  t.same(refused('node.node1', 'FelixConfiguration', '{nodeSelector: all()}'), [
    `spec.nodeSelector: expected nothing in FelixConfiguration node.node1, whose name says for whom it is, got "all()": ${LEFT_OUT}`,
  ]);
  t.same(refused('link', 'IPPool', '{cidr: 169.254.8.0/24}'), [
    `spec.cidr: expected a network that does not overlap with 169.254.0.0/16, got "169.254.8.0/24": ${TAKEN}`,
  ]);
  t.same(refused('all', 'IPPool', '{cidr: 0.0.0.0/0}').length, 1);
  t.same(
    refused(
      'lb',
      'IPPool',
      '{cidr: 10.77.0.0/24, allowedUses: [LoadBalancer], disableBGPExport: true, nodeSelector: a == "b"}',
    ),
    [
      `spec.disableBGPExport: expected false in a pool for load balancers, got true: ${TAKEN}`,
      `spec.nodeSelector: expected all() in a pool for load balancers, got "a == \\"b\\"": ${TAKEN}`,
    ],
  );
  t.end();
});

t.test('fields of policies that do not go together are told where they stand', (t) => {
  const wrong = (spec: string, kind = 'GlobalNetworkPolicy'): string[] =>
    withMore(calico('p', spec, kind)).errors.map(({ path, expected }) => `${path}: ${expected}`);
  t.same(wrong('{ingress: [{action: Allow, destination: {ports: [80]}}]}'), [
    'spec.ingress[0].destination.ports: no numeric ports where protocol is not TCP, UDP or SCTP',
  ]);
  t.same(wrong('{ingress: [{action: Allow, protocol: tcp}]}'), [
    'spec.ingress[0].protocol: one of TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite, or a number from 1 to 255',
  ]);
  t.same(wrong('{ingress: [{action: Allow, protocol: TCP, destination: {ports: ["90:80"]}}]}'), [
    'spec.ingress[0].destination.ports[0]: a port from 1 to 65535, a range such as 8000:8080, or the name of a port',
  ]);
  t.same(wrong('{egress: [{action: Allow, protocol: TCP, icmp: {type: 8}}]}'), [
    'spec.egress[0].icmp: no icmp where protocol is not ICMP or ICMPv6',
  ]);
  t.same(wrong('{ingress: [{action: Allow, notProtocol: ICMP, ipVersion: 6}]}'), [
    'spec.ingress[0].ipVersion: 4 with protocol ICMP',
  ]);
  t.same(wrong('{ingress: [{action: Allow, protocol: UDP, http: {methods: [GET]}}]}'), [
    'spec.ingress[0].protocol: TCP where http is given',
  ]);
  t.same(wrong('{ingress: [{action: Deny, http: {methods: [GET]}}]}'), [
    'spec.ingress[0].http: no http where action is not Allow',
  ]);
  t.same(wrong('{doNotTrack: true}'), ['spec.applyOnForward: true where doNotTrack or preDNAT is']);
  t.same(wrong('{preDNAT: true, applyOnForward: true, egress: [{action: Allow}]}'), [
    'spec.egress: no egress rules with preDNAT',
  ]);
  t.same(wrong('{egress: [{action: Allow, destination: {services: {name: web}}}]}'), [
    'spec.egress[0].destination.services.namespace: the namespace of the Service',
  ]);
  t.same(wrong('{ingress: [{action: Allow, source: {nets: [10.0.0.0/8, "fd00::/8"]}}]}'), [
    'spec.ingress[0].source.nets[1]: an IPv4 CIDR like the others',
  ]);
  t.same(wrong('{node: node1}', 'HostEndpoint'), [
    'spec.interfaceName: an interface, or expectedIPs by which to find it',
  ]);
  t.end();
});

t.test('what a cluster would suffer from in its policies is told', (t) => {
  const told = (text: string): string[] =>
    withMore(text)
      .findings.filter(({ object }) => object.endsWith(' p'))
      .map(({ code, path, message }) => `${code} ${path}: ${message}`);
  t.match(told(calico('p', '{tier: securty}') + calico('security', '{order: 1}', 'Tier')), [
    /^tier-missing spec.tier: its tier securty does not exist \(near: security\)/,
  ]);
  t.match(told(calico('p', '{node: node9, interfaceName: eth0}', 'HostEndpoint')), [
    /^host-endpoint spec.node: its node node9 does not exist/,
  ]);
  t.match(told(calico('p', '{node: node1, interfaceName: eth7}', 'HostEndpoint')), [
    /^host-endpoint spec.interfaceName: node1 has no interface eth7/,
  ]);
  t.match(told(calico('p', '{selector: all()}', 'StagedGlobalNetworkPolicy')), [/^policy-staged : it is staged/]);
  t.match(told(calico('p', '{egress: [{action: Allow, destination: {services: {name: db, namespace: default}}}]}')), [
    /^service-selects-nothing spec.egress\[0\].destination.services: there is no EndpointSlice of Service default\/db/,
  ]);
  const lists =
    'source: {nets: [10.0.0.0/8, 172.16.0.0/12]}, destination: {ports: [1, a], nets: [10.0.0.0/8, 9.0.0.0/8]}';
  t.match(told(calico('p', `{ingress: [{action: Allow, protocol: TCP, ${lists}}]}`)), [
    /^calico-setting spec.ingress\[0\].destination.nets: this list has no effect/,
  ]);
  t.same(told(calico('p', `{ingress: [{action: Allow, ${lists.replace('ports: [1, a], ', '')}}]}`)), []);
  t.end();
});

t.test('a name that names nothing comes with near matches', (t) => {
  const cluster = withMore('');
  t.throws(() => cluster.pod('default', 'wbe'), {
    message: /there is no pod "default\/wbe"; did you mean default\/web/,
  });
  t.throws(() => cluster.node('nod1'), /did you mean node1 or node2/);
  t.throws(() => cluster.host('internett'), /did you mean internet/);
  t.end();
});

t.test('rules that are not modelled are kept, and told with the line on which they stand', (t) => {
  const text = [
    'apiVersion: podwire.dev/v1alpha1',
    'kind: HostConfig',
    'metadata: {name: fw}',
    'spec:',
    '  hosts: [node1]',
    '  iptables: |',
    '    *filter',
    '    -A FORWARD -p tcp --dport 81 -j TARPIT',
    '    -A FORWARD -p tcp --dport 82 -m strange --foo 3 -j DROP',
    '    COMMIT',
  ].join('\n');
  const cluster = new Cluster([...sourcesOf('two-nodes-vxlan'), { file: 'fw.yaml', text }]);
  const verdict = (port: number): ConnectionTrace =>
    cluster.trace({
      from: { kind: 'pod', namespace: 'default', name: 'client' },
      to: { endpoint: { kind: 'pod', namespace: 'default', name: 'web' }, port },
      protocol: 'tcp',
    });
  t.match(verdict(81), {
    verdict: 'unknown',
    explanation: [/^What node\/node1 does with it is not known: .*-j TARPIT is not modelled \(HostConfig fw\)\.$/],
  });
  t.equal(verdict(82).verdict, 'unknown');
  t.equal(verdict(80).verdict, 'answered');
  const found = cluster.findings.filter(({ object }) => object === 'HostConfig fw');
  t.same(
    found.map(({ line, message }) => [line, message]),
    [
      [8, 'line 2: -j TARPIT is not modelled'],
      [9, 'line 3: -m strange is not modelled'],
    ],
  );
  const rules = cluster.node('node1').netns.netfilter.iptables.table('filter')?.chains.get('FORWARD')?.rules ?? [];
  t.same(
    rules.map(String).filter((rule) => /TARPIT|strange/.test(rule)),
    ['-p tcp -m tcp --dport 81 -j TARPIT', '-p tcp -m tcp --dport 82 -m strange --foo 3 -j DROP'],
  );
  t.end();
});

t.test('a pool that holds machines’ own addresses is told, with the first of them', (t) => {
  const pool = (more: string): string =>
    `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: p}\nspec: {cidr: 10.5.0.0/16, vxlanMode: Always${more}}`;
  const machines = ['10.5.3.1', '10.5.3.2', '10.6.0.1'].map(
    (address, i) =>
      `apiVersion: v1\nkind: Node\nmetadata: {name: m${i}}\nstatus: {addresses: [{type: InternalIP, address: ${address}}]}`,
  );
  const told = (more: string): string[] =>
    new Cluster([{ file: 'c.yaml', text: [pool(more), ...machines].join('\n---\n') }]).findings
      .filter(({ code }) => code === 'pools-overlap')
      .map(formatFinding);
  t.same(told(''), [
    'c.yaml:4:14: warning: IPPool p: it holds 10.5.3.1, the address of Node m0, and those of 1 more: blocks of it may cut nodes off, and packets from pods to nodes keep their addresses',
  ]);
  t.same(told(', disabled: true'), []);
  t.same(told(', allowedUses: [LoadBalancer]'), []);
  t.end();
});

t.test('a NetworkPolicy that selects pods of the host’s network alone is told to reach nobody', (t) => {
  const pod = (name: string, hostNetwork: boolean): string =>
    `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: a, labels: {app: x}}\nspec: {hostNetwork: ${hostNetwork}, containers: [{name: c}]}`;
  const policy =
    'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny, namespace: a}\nspec: {podSelector: {matchLabels: {app: x}}}';
  const machine =
    'apiVersion: v1\nkind: Node\nmetadata: {name: m}\nstatus: {addresses: [{type: InternalIP, address: 10.5.0.1}]}';
  const told = (...documents: readonly string[]): string[] =>
    new Cluster([{ file: 'c.yaml', text: [policy, machine, ...documents].join('\n---\n') }]).findings
      .filter(({ code }) => code === 'policy-not-enforced')
      .map(({ message }) => message);
  t.same(told(pod('h', true)), [
    'it selects only pods on the networks of their nodes, such as Pod a/h, which policy does not reach',
  ]);
  t.same(told(pod('h', true), pod('p', false)), []);
  t.same(told(pod('p', false)), []);
  t.end();
});

t.test('what Calico makes of admin policies that it does not know whole is told', (t) => {
  const ports = '[{portNumber: {protocol: TCP, port: 81}}, {namedPort: http}]';
  const told = (rule: string, version = 'v3.31.2'): string[] =>
    withMore(
      `---\napiVersion: projectcalico.org/v3\nkind: ClusterInformation\nmetadata: {name: default}\nspec: {calicoVersion: ${version}, datastoreReady: true}\n` +
        `---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: p}\nspec: {priority: 1, subject: {namespaces: {}}, egress: [${rule}]}\n`,
    )
      .findings.filter(({ object, severity }) => object === 'AdminNetworkPolicy p' && severity === 'warning')
      .map(({ path, message }) => `${path}: ${message}`);
  t.same(told(`{action: Deny, to: [{namespaces: {}}], ports: ${ports}}`), [
    'spec.egress[0].ports[1].namedPort: Calico does not know names of ports here: the rule is for all protocols and ports',
  ]);
  t.same(told(`{action: Deny, to: [{nodes: {}}], ports: ${ports}}`), [
    'spec.egress[0].to[0]: Calico does not know this kind of peer: the rule denies everything',
  ]);
  t.match(told(`{action: Deny, to: [{namespaces: {}}], ports: ${ports}}`, 'v3.32.1'), [
    /^: Calico v3\.32\.1 does not read it any more/,
  ]);
  t.end();
});

/** In a NetworkPolicy's spec, and what is said of it. */
const BAD_SELECTORS: readonly (readonly [string, RegExp])[] = [
  ['{podSelector: {matchLabels: {"a b": c}}}', /podSelector\.matchLabels\["a b"\]: expected a label’s key/],
  ['{podSelector: {matchLabels: {a/b/c: d}}}', /expected a label’s key, such as app/],
  ['{podSelector: {matchLabels: {A_b/c: d}}}', /expected a label’s key, such as app/],
  ['{podSelector: {matchLabels: {app: "we b"}}}', /matchLabels\.app: expected a label’s value, .*got "we b"/],
  [`{podSelector: {matchLabels: {app: ${'a'.repeat(64)}}}}`, /expected a label’s value/],
  [
    '{podSelector: {matchExpressions: [{key: "", operator: Exists}]}}',
    /matchExpressions\[0\]\.key: expected a label’s key/,
  ],
  ['{podSelector: {matchExpressions: [{key: a, operator: In}]}}', /\[0\]\.values: expected values for In, got nothing/],
  [
    '{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}',
    /\[0\]\.values: expected no values for Exists, got a list/,
  ],
  [
    '{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: a, operator: NotIn, values: [b, "c d"]}]}}]}]}',
    /ingress\[0\]\.from\[0\]\.namespaceSelector\.matchExpressions\[0\]\.values\[1\]: .*got "c d"/,
  ],
  ['{podSelector: {}, ingress: [{ports: [{port: 0}]}]}', /ports\[0\]\.port: expected a port from 1 to 65535, got 0/],
  [
    '{podSelector: {}, ingress: [{ports: [{port: not_a_name}]}]}',
    /ports\[0\]\.port: expected a port number, or a name/,
  ],
];

t.test('selectors and ports of a NetworkPolicy that the API server refuses are errors, each with its place', (t) => {
  const policy = (spec: string): Cluster =>
    withMore(`apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\nspec: ${spec}`);
  for (const [spec, message] of BAD_SELECTORS) {
    const errors = policy(spec).errors.map(formatConfigError);
    t.equal(errors.length, 1, spec);
    t.match(errors[0], message);
  }
  const taken =
    '{podSelector: {matchLabels: {a.b-c/D_e.f: ""}, matchExpressions: [{key: K8s, operator: In, values: ["", A-1_b.C]}]}, ingress: [{ports: [{port: http-1}]}]}';
  t.same(policy(taken).errors, []);
  t.end();
});

t.test('an apostrophe in a service account’s name is an error of that name', (t) => {
  const cluster = withMore(
    'apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: x}\nspec: {ingress: [{action: Allow, source: {serviceAccounts: {names: [ok, "a\'b"]}}}]}',
  );
  t.match(cluster.errors.map(formatConfigError), [
    /serviceAccounts\.names\[1\]: expected the name of a service account, got "a'b"$/,
  ]);
  t.end();
});
