/** Objects change while a cluster runs: what is programmed follows by difference, and what goes on goes on. */

import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { hostState, type Host, type NetnsState } from '../../src/kernel/index.js';
import type { SourceText } from '../../src/kubernetes/index.js';
import { withoutPods } from '../../src/cluster/index.js';
import { formatIpv4 } from '../../src/packet/index.js';
import { RoutedCluster } from '../../src/routing/index.js';

const topology = (name: string): SourceText[] =>
  readdirSync(`topologies/${name}`)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => ({ file, text: readFileSync(`topologies/${name}/${file}`, 'utf8') }));

// What is compared: programmed state without numbers that only say in which order things came.

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

const plainNetns = (state: NetnsState): unknown => ({
  name: state.name,
  links: state.links.map((link) => ({ ...link, ifindex: 0 })).sort(byText),
  addresses: [...state.addresses].sort(byText),
  routes: [...state.routes].sort(byText),
  rules: state.rules,
  neighbours: state.neighbours.filter((entry) => entry.state === 'permanent' || entry.proxy).sort(byText),
  fdb: [...state.fdb].sort(byText),
  sysctls: state.sysctls,
  ipsets: [...state.ipsets].sort(byText),
  iptables: state.iptables.map(({ name, chains }) => ({ name, chains })),
  listeners: [...state.listeners].sort(byText),
});

const plainState = (host: Host): unknown => {
  const { netns, files } = hostState(host);
  return { netns: netns.map(plainNetns).sort(byText), files };
};

/** Of every machine, built if it was not. */
function programmed(cluster: RoutedCluster): unknown {
  const names = [...cluster.underlay.plan.machines.keys()].sort();
  for (const name of names) cluster.host(name);
  return names.map((name) => [
    name,
    JSON.parse(JSON.stringify(plainState(cluster.host(name)), (_, v) => (typeof v === 'bigint' ? String(v) : v))),
  ]);
}

/** Where two plain values begin to differ, in words. */
function firstDifference(got: unknown, wanted: unknown, path: string): string | undefined {
  if (typeof got === 'object' && typeof wanted === 'object' && got !== null && wanted !== null) {
    const [a, b]: Record<string, unknown>[] = [{ ...got }, { ...wanted }];
    for (const key of new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])) {
      const found = firstDifference(a?.[key], b?.[key], `${path}/${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return got === wanted ? undefined : `${path}: ${JSON.stringify(got)}, afresh ${JSON.stringify(wanted)}`;
}

// A random world of objects, one text an object.

const NAMESPACES = ['default', 'shop'] as const;
const APPS = ['web', 'db', 'cache'] as const;

interface World {
  readonly texts: ReadonlyMap<string, string>;
}

const pod = (name: string, namespace: string, fields: { app: string; ready: boolean; port: number }): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${namespace}, labels: {app: ${fields.app}}}
spec:
  containers: [{name: main, ports: [{name: main, containerPort: ${fields.port}}]}]
status:
  conditions: [{type: Ready, status: "${fields.ready ? 'True' : 'False'}"}]
`;

const service = (
  name: string,
  namespace: string,
  fields: { app: string; port: number; type: string; local: boolean },
): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  type: ${fields.type}
  selector: {app: ${fields.app}}
  ${fields.local && fields.type !== 'ClusterIP' ? 'externalTrafficPolicy: Local' : 'internalTrafficPolicy: Cluster'}
  ports: [{port: ${fields.port}, targetPort: main}]
`;

const policy = (name: string, namespace: string, fields: { app: string; from: string; port: number }): string => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  podSelector: {matchLabels: {app: ${fields.app}}}
  ingress: [{from: [{podSelector: {matchLabels: {app: ${fields.from}}}}], ports: [{port: ${fields.port}}]}]
`;

const networkSet = (name: string, fields: { net: number }): string => `
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: ${name}, labels: {role: outside}}
spec: {nets: [10.${fields.net}.0.0/16]}
`;

const globalPolicy = (name: string, fields: { app: string; action: string; order: number }): string => `
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: ${name}}
spec:
  order: ${fields.order}
  selector: app == '${fields.app}'
  types: [Ingress, Egress]
  ingress: [{action: ${fields.action}, source: {selector: role == 'outside'}}, {action: Allow}]
  egress: [{action: Allow}]
`;

const node = (name: string, fields: { address: number }): string => `
apiVersion: v1
kind: Node
metadata: {name: ${name}}
status: {addresses: [{type: InternalIP, address: 172.18.0.${fields.address}}]}
`;

const namespaceObject = (name: string, fields: { team: string }): string => `
apiVersion: v1
kind: Namespace
metadata: {name: ${name}, labels: {team: ${fields.team}, kubernetes.io/metadata.name: ${name}}}
`;

const app = fc.constantFrom(...APPS);
const namespace = fc.constantFrom(...NAMESPACES);
const number = fc.integer({ min: 0, max: 2 });

/** A key, and the object that is under it from then on; undefined deletes it. */
type Change = readonly [key: string, text: string | undefined];

const made = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(number, namespace, fc.record({ app, ready: fc.boolean(), port: fc.constantFrom(80, 8080) }))
      .map(([n, ns, fields]): Change => [`pod ${ns} ${n}`, pod(`extra-${n}`, ns, fields)]),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        number,
        namespace,
        fc.record({
          app,
          port: fc.constantFrom(80, 443),
          type: fc.constantFrom('ClusterIP', 'NodePort'),
          local: fc.boolean(),
        }),
      )
      .map(([n, ns, fields]): Change => [`service ${ns} ${n}`, service(`service-${n}`, ns, fields)]),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(number, namespace, fc.record({ app, from: app, port: fc.constantFrom(80, 8080) }))
      .map(([n, ns, fields]): Change => [`policy ${ns} ${n}`, policy(`policy-${n}`, ns, fields)]),
  },
  fc
    .tuple(number, fc.record({ net: fc.integer({ min: 60, max: 70 }) }))
    .map(([n, fields]): Change => [`set ${n}`, networkSet(`set-${n}`, fields)]),
  fc
    .tuple(number, fc.record({ app, action: fc.constantFrom('Deny', 'Allow', 'Log'), order: fc.constantFrom(10, 20) }))
    .map(([n, fields]): Change => [`global ${n}`, globalPolicy(`global-${n}`, fields)]),
  fc.integer({ min: 20, max: 21 }).map((address): Change => [`node ${address}`, node(`extra${address}`, { address })]),
  fc.record({ team: app }).map((fields): Change => ['namespace shop', namespaceObject('shop', fields)]),
);

/** Several changes that come at once; some of them take an object away. */
const steps = fc.array(
  fc.array(
    fc.tuple(made, fc.integer({ min: 0, max: 3 })).map(([[key, text], n]): Change => [key, n === 0 ? undefined : text]),
    { minLength: 1, maxLength: 4 },
  ),
  { minLength: 1, maxLength: 6 },
);

const inputOf = (base: readonly SourceText[], { texts }: World): SourceText[] => [
  ...base,
  ...[...texts].map(([key, text]) => ({ file: `${key}.yaml`, text })),
];

for (const name of ['two-nodes-vxlan', 'services-iptables', 'ipip-always-felix', 'bgp-one-subnet', 'bridge-plugin']) {
  t.test(`${name}: after any changes everything is programmed as in a cluster that is loaded afresh`, (t) => {
    const base = topology(name);
    fc.assert(
      fc.property(steps, (changes) => {
        const live = new RoutedCluster(base);
        programmed(live);
        let world: World = { texts: new Map() };
        for (const together of changes) {
          const texts = new Map(world.texts);
          for (const [key, text] of together)
            if (text === undefined) texts.delete(key);
            else texts.set(key, text);
          world = { texts };
          const outcome = live.change(inputOf(base, world));
          if (outcome.kind !== 'changed') throw new Error(JSON.stringify(outcome));
        }
        const fresh = new RoutedCluster(inputOf(base, world), { recorded: live.recorded });
        const [got, wanted] = [programmed(live), programmed(fresh)];
        const difference = firstDifference(got, wanted, '');
        if (difference !== undefined) throw new Error(difference);
      }),
      { numRuns: 5 },
    );
    t.end();
  });
}

// Connections.

const DEMO = topology('two-nodes-vxlan');
const DENY_ALL = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-web, namespace: default}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
`;
const CLIENT = { kind: 'pod', namespace: 'default', name: 'client' } as const;
const WEB = { kind: 'pod', namespace: 'default', name: 'web' } as const;

/** An open connection to web's server, which sends back what it gets. */
function connected(cluster: RoutedCluster) {
  const { netns } = cluster.locate(CLIENT);
  const socket = netns.sockets.tcp();
  let heard = '';
  socket.onData = (bytes) => {
    heard += new TextDecoder().decode(bytes);
  };
  socket.connect(cluster.addressOf(WEB), 80);
  cluster.advance(100);
  return {
    socket,
    /** Whether it comes back within two seconds. */
    echoes: (text: string): boolean => {
      heard = '';
      socket.send(new TextEncoder().encode(text));
      cluster.advance(2000);
      return heard === text;
    },
  };
}

const verdictOf = (cluster: RoutedCluster): string =>
  cluster.trace({ from: CLIENT, to: { endpoint: WEB, port: 80 }, protocol: 'tcp' }).verdict;

const taken = (cluster: RoutedCluster, input: readonly SourceText[]): void => {
  const outcome = cluster.change(input);
  if (outcome.kind !== 'changed') throw new Error(JSON.stringify(outcome));
};

const withMore = (...texts: string[]): SourceText[] => [
  ...DEMO,
  ...texts.map((text, i) => ({ file: `${i}.yaml`, text })),
];

t.test('an open connection outlives changes that have nothing to do with it', (t) => {
  const cluster = new RoutedCluster(DEMO);
  const { socket, echoes } = connected(cluster);
  t.equal(socket.state, 'ESTABLISHED');
  t.ok(echoes('before'));
  taken(
    cluster,
    withMore(
      pod('extra', 'shop', { app: 'db', ready: true, port: 80 }),
      policy('other', 'shop', { app: 'db', from: 'web', port: 80 }),
    ),
  );
  t.ok(echoes('after'));
  t.equal(socket.state, 'ESTABLISHED');
  t.end();
});

t.test('a policy keeps new connections out; what conntrack knows goes on, as Felix’s first rule has it', (t) => {
  const cluster = new RoutedCluster(DEMO);
  const { echoes } = connected(cluster);
  taken(cluster, withMore(DENY_ALL));
  t.equal(verdictOf(cluster), 'dropped');
  t.ok(echoes('still open'));
  taken(cluster, DEMO);
  t.equal(verdictOf(cluster), 'answered');
  t.end();
});

t.test('pods whose addresses their status alone tells go on when something else changes', (t) => {
  const recorded = DEMO.map(({ file, text }) => ({
    file,
    text: text
      .replace(
        /(kind: Pod\nmetadata:\n +name: client\n[^]*?)(\n---)/,
        '$1\nstatus: {phase: Running, podIP: 192.168.1.5}$2',
      )
      .replace(
        /(kind: Pod\nmetadata:\n +name: web\n[^]*?)(\n---|\n*$)/,
        '$1\nstatus: {phase: Running, podIP: 192.168.2.6}$2',
      ),
  }));
  const cluster = new RoutedCluster(recorded);
  t.equal(formatIpv4(cluster.addressOf(WEB)), '192.168.2.6');
  const { echoes } = connected(cluster);
  const happened: string[] = [];
  cluster.watch((events) => happened.push(...events.map(({ kind }) => kind)));
  taken(cluster, [...recorded, { file: 'more.yaml', text: DENY_ALL }]);
  t.notOk(happened.includes('pod-stopped'), happened.join());
  t.ok(happened.includes('rules-rewritten'));
  t.ok(echoes('still open'));
  t.end();
});

t.test('a connection to a pod that goes is cut, and conntrack forgets the pod’s address', (t) => {
  const cluster = new RoutedCluster(DEMO);
  const { echoes } = connected(cluster);
  const [node, address] = [cluster.node('node2'), cluster.addressOf(WEB)];
  t.ok(node.netns.conntrack.entries({ destination: address }).length > 0);
  const gone = DEMO.map(({ file, text }) => ({
    file,
    text: text
      .split('---\n')
      .filter((one) => !/kind: Pod\nmetadata:[^]*name: web/.test(one))
      .join('---\n'),
  }));
  t.not(gone.map(({ text }) => text).join(''), DEMO.map(({ text }) => text).join(''));
  taken(cluster, gone);
  t.equal(node.netns.conntrack.entries({ destination: address }).length, 0);
  t.notOk(echoes('anybody'));
  t.throws(() => cluster.addressOf(WEB), /there is no pod/);
  t.end();
});

t.test('rules that stay keep their counters, and those of a pod that nobody touched stay the same', (t) => {
  const cluster = new RoutedCluster(DEMO);
  t.equal(verdictOf(cluster), 'answered');
  const { iptables } = cluster.node('node2').netns.netfilter;
  const chain = () => iptables.table('filter')?.chains.get('FORWARD')?.rules ?? [];
  const before = chain().map((rule) => ({ rule, packets: rule.packets }));
  t.ok(before.some(({ packets }) => packets > 0));
  taken(cluster, withMore(DENY_ALL));
  t.strictSame(
    chain().map((rule) => rule.packets),
    before.map(({ packets }) => packets),
  );
  t.ok(chain().every((rule, i) => rule === before[i]?.rule));
  t.end();
});

t.test('what cannot be taken while it runs changes nothing and says why; what is wrong is refused', (t) => {
  const cluster = new RoutedCluster(DEMO);
  const before = programmed(cluster);
  const network = DEMO.map(({ file, text }) => ({ file, text: text.replace('name: rack', 'name: other') }));
  t.match(cluster.change(network), { kind: 'anew', why: /PhysicalNetwork|connected/ });
  const pool = `
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: more}
spec: {cidr: 10.99.0.0/16}
`;
  t.match(cluster.change(withMore(pool)), { kind: 'anew', why: 'IPPool more has changed' });
  t.match(cluster.change(withMore(DENY_ALL.replace('[Ingress]', '[Sideways]'))), { kind: 'refused', errors: Array });
  t.same(firstDifference(programmed(cluster), before, ''), undefined);
  t.end();
});

// What host-local has given.

const BRIDGED = topology('bridge-plugin');
const onNode1 = (name: string): SourceText => ({
  file: `${name}.yaml`,
  text: `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: default}\nspec: {nodeName: node1, containers: [{name: c}]}\n`,
});
const addressIn = (cluster: RoutedCluster, name: string): string =>
  formatIpv4(cluster.addressOf({ kind: 'pod', namespace: 'default', name }));

t.test('what host-local remembers goes with what is recorded: nobody moves, and the next address is the next', (t) => {
  const live = new RoutedCluster(BRIDGED);
  t.equal(addressIn(live, 'b'), '10.22.1.3');
  taken(live, [...BRIDGED, onNode1('first')]);
  t.equal(addressIn(live, 'first'), '10.22.1.4');
  taken(live, [...BRIDGED, onNode1('second')]);
  t.equal(addressIn(live, 'second'), '10.22.1.5', 'round robin behind the last one');
  const recorded = JSON.parse(JSON.stringify(live.recorded));
  // By name, newer comes before second: who is on record goes before it.
  const afresh = new RoutedCluster([...BRIDGED, onNode1('newer'), onNode1('second')], { recorded });
  t.same(
    ['a', 'b', 'second', 'newer'].map((name) => addressIn(afresh, name)),
    ['10.22.1.2', '10.22.1.3', '10.22.1.5', '10.22.1.6'],
  );
  const unbuilt = new RoutedCluster([...BRIDGED, onNode1('second')], { recorded });
  t.same(unbuilt.recorded.hostLocal, live.recorded.hostLocal, 'of nodes that sleep too');
  const freed = new RoutedCluster([...BRIDGED, onNode1('second')], {
    recorded: withoutPods(recorded, [{ namespace: 'default', name: 'second' }]),
  });
  t.equal(addressIn(freed, 'second'), '10.22.1.6', 'of a deleted pod another one has come');
  t.end();
});
