/** Load balancers in a whole cluster: nodes that fail, addresses that stay pending, and what the findings say of it. */

import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import { runIpBatch } from '../../src/kernel/index.js';
import { formatConfigError } from '../../src/kubernetes/index.js';
import { formatMinimal } from '../../src/trace/index.js';
import { runTool } from '../../src/tools/index.js';
import { needsRealTools, runReal, withoutComments } from '../kernel/netfilter/real-iptables.js';

const sourcesOf = (name: string, edit: (text: string, file: string) => string = (text) => text) =>
  readdirSync(`topologies/${name}`)
    .filter((file) => file.endsWith('.yaml') && file !== 'expectations.yaml')
    .map((file) => ({ file, text: edit(readFileSync(`topologies/${name}/${file}`, 'utf8'), file) }));

const load = (name: string, edit?: (text: string, file: string) => string): Cluster =>
  new Cluster(sourcesOf(name, edit));

function trace(cluster: Cluster, from: string, to: string) {
  const [source, destination] = [parseEndpointName(from), parseDestination(to)];
  if (isNameProblem(source) || isNameProblem(destination)) throw new Error(`bad names ${from} ${to}`);
  return cluster.trace({ from: source, to: destination, protocol: 'tcp' });
}

/** Machines that the request passes. */
const way = (traced: ReturnType<typeof trace>): string[] => {
  const request = traced.packets.find(({ role }) => role === 'request')?.story;
  const names = request?.hops.map(({ place }) => traced.nameOf(place)) ?? [];
  return names.filter((name, i) => name !== names[i - 1]);
};

const pull = (cluster: Cluster, node: string, up: boolean): void => {
  const { links } = cluster.node(node).netns;
  links.set(links.require('eth0'), { up });
  if (up) runTool(cluster, { kind: 'node', name: node }, ['ip', 'route', 'add', 'default', 'via', '172.18.0.1']);
};

/** The router has to ask again who has the address. */
function forget(cluster: Cluster): void {
  const problems = runIpBatch(cluster.host('router').netns, 'neigh del 172.18.0.101 dev eth0', []);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
}

const found = (cluster: Cluster, ...codes: readonly string[]): string[] =>
  cluster.findings
    .filter(({ code }) => codes.includes(code))
    .map(({ object, path, message }) => `${object} ${path}: ${message}`);

t.test('MetalLB: the node that announces goes, the next takes the address over, and gives it back', (t) => {
  const cluster = load('load-balancer-metallb-l2');
  const to = 'lb/shop/front:80';
  t.match(way(trace(cluster, 'host/office', to)), ['host/office', 'host/router', 'node/worker1']);
  pull(cluster, 'worker1', false);
  cluster.advance(2_000);
  const early = trace(cluster, 'host/office', to);
  t.equal(early.verdict, 'dropped', 'nobody has noticed yet');
  cluster.advance(6_000);
  const after = trace(cluster, 'host/office', to);
  t.equal(after.verdict, 'answered', formatMinimal(after));
  t.match(way(after), ['host/office', 'host/router', 'node/worker2', 'pod/shop/web']);
  t.ok(after.explanation.some((sentence) => sentence.includes('announced by node/worker2')));
  pull(cluster, 'worker1', true);
  cluster.advance(5_000);
  forget(cluster);
  t.match(way(trace(cluster, 'host/office', to)), ['host/office', 'host/router', 'node/worker1']);
  t.end();
});

t.test('MetalLB: the router learns of the new node by its gratuitous ARP alone', (t) => {
  const cluster = load('load-balancer-metallb-l2');
  trace(cluster, 'host/office', 'lb/shop/front:80');
  const macOf = (node: string): string => cluster.node(node).netns.links.require('eth0').mac.toString(16);
  const known = (): string | undefined => {
    const { stdout } = runTool(cluster, { kind: 'host', name: 'router' }, ['ip', 'neigh', 'show', '172.18.0.101']);
    return /lladdr (\S+)/.exec(stdout)?.[1]?.replaceAll(':', '');
  };
  t.equal(known(), macOf('worker1'));
  pull(cluster, 'worker1', false);
  cluster.advance(8_000);
  t.equal(known(), macOf('worker2'));
  t.end();
});

t.test('MetalLB: a host firewall that drops port 7946 makes two nodes announce', (t) => {
  const firewall =
    'apiVersion: podwire.dev/v1alpha1\nkind: HostConfig\nmetadata: {name: f}\nspec:\n  hosts: [worker1]\n  iptables: |\n    *raw\n    -A PREROUTING -p udp --dport 7946 -j DROP\n    COMMIT\n';
  const cluster = new Cluster([...sourcesOf('load-balancer-metallb-l2'), { file: 'more.yaml', text: firewall }]);
  trace(cluster, 'host/office', 'lb/shop/front:80');
  cluster.advance(10_000);
  const answers: string[] = [];
  cluster.emulation.tracer = {
    step: ({ host }, _, step) => {
      if (step.kind === 'arp' && step.action === 'reply' && step.note === 'MetalLB speaker') answers.push(host);
    },
  };
  forget(cluster);
  runTool(cluster, { kind: 'host', name: 'router' }, ['nc', '-zw1', '172.18.0.101', '80']);
  t.same(answers.toSorted(), ['worker1', 'worker2']);
  t.end();
});

t.test('MetalLB: a node whose kubelet is silent announces nothing from the start', (t) => {
  const cluster = load('load-balancer-metallb-l2', (text) =>
    text.replace('address: 172.18.0.11}]', 'address: 172.18.0.11}], conditions: [{type: Ready, status: Unknown}]'),
  );
  t.match(way(trace(cluster, 'host/office', 'lb/shop/front:80')), ['host/office', 'host/router', 'node/worker2']);
  t.end();
});

t.test('MetalLB: without pods of the speaker one is assumed on every node, and told', (t) => {
  const cluster = load('load-balancer-metallb-l2', (text) => text.replace('metallb/speaker', 'metallb/other'));
  t.same(found(cluster, 'load-balancer'), [
    "IPAddressPool metallb-system/public : no pod runs MetalLB's speaker: one is assumed on every node",
  ]);
  t.equal(trace(cluster, 'host/office', 'lb/shop/front:80').verdict, 'answered');
  t.end();
});

t.test('MetalLB in BGP mode without a peer: nobody outside learns of the address, and it is told', (t) => {
  const cluster = load('load-balancer-metallb-l2', (text) =>
    text.replace('kind: L2Advertisement', 'kind: BGPAdvertisement').replace('spec: {interfaces: [eth0]}', 'spec: {}'),
  );
  const outside = trace(cluster, 'host/office', 'lb/shop/front:80');
  t.equal(outside.verdict, 'unreachable');
  t.match(outside.explanation.join(' '), /its pool is advertised by BGP, and there is no BGPPeer/);
  t.equal(trace(cluster, 'pod/shop/client', 'lb/shop/front:80').verdict, 'answered', 'kube-proxy needs no route');
  t.match(found(cluster, 'load-balancer'), [/^BGPAdvertisement metallb-system\/all .*there is no BGPPeer/]);
  t.end();
});

t.test('MetalLB is taken where its pools are in the input, whatever the network says nothing of', (t) => {
  const cluster = load('load-balancer-metallb-l2', (text) => text.replace('  loadBalancer: {provider: metallb}\n', ''));
  t.equal(trace(cluster, 'host/office', 'lb/shop/front:80').verdict, 'answered');
  t.end();
});

t.test('cloud: a node that is gone is led to no more once its checks have failed', (t) => {
  const cluster = load('load-balancer-cloud');
  const to = 'lb/shop/front:80';
  const nodes = (): string[] =>
    Array.from({ length: 12 }, () => way(trace(cluster, 'host/office', to))[3] ?? 'nobody').toSorted();
  t.same([...new Set(nodes())], ['node/worker1', 'node/worker2'], 'both share the load');
  pull(cluster, 'worker1', false);
  cluster.advance(15_000);
  t.ok(
    trace(cluster, 'host/office', to).explanation.join(' ').includes('node/worker1 healthy'),
    'two failures are not enough',
  );
  cluster.advance(10_000);
  t.same([...new Set(nodes())], ['node/worker2']);
  pull(cluster, 'worker1', true);
  cluster.advance(10_000);
  t.same([...new Set(nodes())], ['node/worker1', 'node/worker2'], 'one answer is');
  t.end();
});

t.test('cloud: a firewall that lets no health check in takes the node out', (t) => {
  const firewall =
    'apiVersion: podwire.dev/v1alpha1\nkind: HostConfig\nmetadata: {name: f}\nspec:\n  hosts: [worker2]\n  iptables: |\n    *raw\n    -A PREROUTING -s 172.18.0.5/32 -p tcp --dport 32000 -j DROP\n    COMMIT\n';
  const cluster = new Cluster([...sourcesOf('load-balancer-cloud'), { file: 'more.yaml', text: firewall }]);
  const traced = trace(cluster, 'host/office', 'lb/shop/here:80');
  t.equal(traced.verdict, 'dropped');
  t.ok(
    traced.explanation.some((sentence) => sentence.includes('node/worker2 unhealthy (connect-timeout)')),
    traced.explanation.join(' '),
  );
  t.end();
});

t.test('cloud: tools meet a balancer that has settled', (t) => {
  const cluster = load('load-balancer-cloud');
  const run = (...command: string[]) => runTool(cluster, { kind: 'host', name: 'office' }, command);
  t.match(run('curl', '-s', 'http://192.0.2.11/').stdout, /pod shop\/web, port 8080/);
  t.match(run('nc', '-zvw2', '192.0.2.11', '80').stderr, /succeeded!/);
  t.match(run('nc', '-zvw2', '192.0.2.10', '80').stderr, /timed out/);
  t.end();
});

t.test('cloud: who looks at the balancer sees what it has long heard from the nodes', (t) => {
  const looked = load('load-balancer-proxy');
  const rules = runTool(looked, { kind: 'host', name: 'balancer' }, ['iptables-save']).stdout;
  t.match(rules, /shop\/front:80 -> worker1/);
  const asked = load('load-balancer-proxy');
  for (const service of ['front', 'guarded', 'here', 'asleep']) trace(asked, 'host/office', `lb/shop/${service}:80`);
  const lines = (text: string) => text.split('\n').filter((line) => line.startsWith('-A'));
  t.same(lines(rules), lines(asked.host('balancer').netns.netfilter.iptables.save()), 'as after requests to all');
  t.end();
});

t.test('cloud: a balancer that is first looked at while time passes goes on asking', (t) => {
  const cluster = load('load-balancer-proxy');
  const script = 'iptables-save | grep -c "front:80 -> "; sleep 60; iptables-save | grep -c "front:80 -> "';
  const { host } = cluster.locate({ kind: 'node', name: 'worker1' }).netns;
  cluster.emulation.clock.schedule(40_000_000_000, () =>
    host.netns.links.set(host.netns.links.require('eth0'), { up: false }),
  );
  const told = cluster.live(() => runTool(cluster, { kind: 'host', name: 'balancer' }, ['sh', '-c', script]));
  t.equal(told.stdout, '2\n1\n', told.stderr);
  t.end();
});

t.test('cloud: the rules of a balancer are in the same order, whichever Service came first', (t) => {
  const moved = sourcesOf('load-balancer-cloud', (text) =>
    text.replace('{name: guarded, namespace: shop}', '{name: guarded, namespace: default}'),
  );
  const live = load('load-balancer-cloud');
  live.host('balancer');
  t.equal(live.change(moved).kind, 'changed');
  const rules = (cluster: Cluster) =>
    cluster
      .host('balancer')
      .netns.netfilter.iptables.save()
      .split('\n')
      .filter((line) => line.startsWith('-A'));
  const fresh = new Cluster(moved, { recorded: live.recorded });
  t.match(rules(fresh).join('\n'), 'default/guarded');
  t.same(rules(live), rules(fresh));
  t.end();
});

t.test('cloud: the rules of a balancer, taken by the real tools', needsRealTools(), (t) => {
  for (const name of ['load-balancer-cloud', 'load-balancer-proxy']) {
    const cluster = load(name);
    for (const service of ['front', 'guarded', 'here', 'asleep'])
      trace(cluster, 'host/office', `lb/shop/${service}:80`);
    const ours = cluster.host('balancer').netns.netfilter.iptables.save();
    const real = runReal('iptables-restore && iptables-save', ours);
    t.equal(real.status, 0, real.stderr);
    const rules = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => line.startsWith('-A'))
        .toSorted();
    t.same(rules(withoutComments(real.stdout)), rules(ours), name);
    t.ok(rules(ours).length >= 12, 'there are rules to compare');
  }
  t.end();
});

interface Pending {
  readonly what: string;
  readonly topology: string;
  readonly edit: (text: string) => string;
  readonly says: readonly string[];
}

const PENDING: readonly Pending[] = [
  {
    what: 'the provider none',
    topology: 'load-balancer-none',
    edit: (text) => text,
    says: [
      'Service shop/front spec.type: its external address stays <pending>: the topology has no provider of load balancers; on nodes it has the node ports 30080',
      'Service shop/guarded spec.type: its external address stays <pending>: the topology has no provider of load balancers; on nodes it has the node ports 30081',
    ],
  },
  {
    what: 'no provider is named, and node ports are not wanted',
    topology: 'load-balancer-none',
    edit: (text) =>
      text
        .replace('  loadBalancer: {provider: none}\n', '')
        .replaceAll(/, nodePort: \d+/g, '')
        .replaceAll('type: LoadBalancer', 'type: LoadBalancer\n  allocateLoadBalancerNodePorts: false'),
    says: [
      'Service shop/front spec.type: its external address stays <pending>: no provider of load balancers is known; spec.loadBalancer of a PhysicalNetwork chooses one',
      'Service shop/guarded spec.type: its external address stays <pending>: no provider of load balancers is known; spec.loadBalancer of a PhysicalNetwork chooses one',
    ],
  },
  {
    what: "a class that is another's",
    topology: 'load-balancer-cloud',
    edit: (text) => text.replace('type: LoadBalancer', 'type: LoadBalancer\n  loadBalancerClass: example.com/lb'),
    says: [
      'Service shop/front spec.loadBalancerClass: its external address stays <pending>: the load balancer leaves Services with a loadBalancerClass to others, and nobody here is for "example.com/lb"; on nodes it has the node ports 30080',
    ],
  },
  {
    what: 'a pool that is empty',
    topology: 'load-balancer-cloud',
    edit: (text) => text.replace('192.0.2.10-192.0.2.20', '192.0.2.10-192.0.2.12'),
    says: [
      'Service shop/here spec.type: its external address stays <pending>: Failed to allocate IP for "shop/here": no available IPs; on nodes it has the node ports 30082',
    ],
  },
  {
    what: 'an address on record that the provider does not have',
    topology: 'load-balancer-cloud',
    edit: (text) =>
      text.replace(
        'nodePort: 30083}]\n',
        'nodePort: 30083}]\nstatus: {loadBalancer: {ingress: [{ip: 198.51.100.99}]}}\n',
      ),
    says: [
      'Service shop/asleep status.loadBalancer.ingress[0].ip: 198.51.100.99 is on record, but the load balancer has no such address to give: nobody leads packets for it to the cluster',
    ],
  },
];
for (const { what, topology, edit, says } of PENDING) {
  t.test(`pending: ${what}`, (t) => {
    const cluster = load(topology, edit);
    t.same(cluster.errors.map(formatConfigError), []);
    t.same(found(cluster, 'external-address-pending', 'load-balancer'), says);
    t.end();
  });
}

t.test('a Service without an external address is no destination, and says why', (t) => {
  const cluster = load('load-balancer-none');
  t.throws(
    () => trace(cluster, 'host/office', 'lb/shop/front:80'),
    /stays <pending>: the topology has no provider of load balancers; on nodes it has the node ports 30080/,
  );
  t.throws(
    () => trace(cluster, 'host/office', 'lb/shop/frnt:80'),
    /there is no Service "shop\/frnt"; did you mean shop\/front/,
  );
  t.throws(
    () => trace(cluster, 'host/office', 'lb/default/kubernetes:443'),
    /there is no Service|is of the type ClusterIP/,
  );
  t.end();
});

t.test('wrong documents of a cloud: the field is named', (t) => {
  const errors = (from: string, to: string): string[] =>
    load('load-balancer-cloud', (text) => text.replace(from, to)).errors.map(
      ({ path, expected, got }) => `${path}: ${expected}, got ${got}`,
    );
  t.same(errors('[192.0.2.10-192.0.2.20]', '[192.0.2.20-192.0.2.10]'), [
    'spec.loadBalancer.addresses[0]: a range of IPv4 addresses, got 192.0.2.20-192.0.2.10',
  ]);
  t.match(errors('{subnet: rack, address: 172.18.0.5}', '{subnet: rock, address: 172.18.0.5}'), [
    /^spec\.loadBalancer\.interfaces\[1\]\.subnet: one of /,
  ]);
  t.match(errors('name: balancer', 'name: office'), [/^spec\.loadBalancer\.name: a name that no other machine has/]);
  t.end();
});

t.test('cloud: what cannot be led is told', (t) => {
  const far = load('load-balancer-cloud', (text) => text.replace('      - {subnet: rack, address: 172.18.0.5}\n', ''));
  trace(far, 'host/office', 'lb/shop/front:80');
  t.match(found(far, 'load-balancer'), [
    /Node worker1, 172\.18\.0\.11, is on no network of it: in the mode VIP packets cannot be led there/,
    /Node worker2, 172\.18\.0\.12/,
  ]);
  const portless = load('load-balancer-proxy', (text) =>
    text
      .replace(', nodePort: 30080', '')
      .replace('type: LoadBalancer', 'type: LoadBalancer\n  allocateLoadBalancerNodePorts: false'),
  );
  trace(portless, 'host/office', 'lb/shop/front:80');
  t.match(found(portless, 'load-balancer'), [
    /shop\/front: port 80 has no node port: nothing leads there in the mode Proxy/,
  ]);
  const mixed = load('load-balancer-cloud', (text) =>
    text.replace('nodePort: 30080}', 'nodePort: 30080}, {name: s, protocol: SCTP, port: 9, nodePort: 30090}'),
  );
  t.equal(trace(mixed, 'host/office', 'lb/shop/front:80').verdict, 'answered');
  t.match(found(mixed, 'load-balancer'), [/shop\/front: SCTP port 9 is not led on: it knows TCP and UDP/]);
  t.end();
});
