/** MetalLB's speakers as BGP speakers: what routers learn, when they lose it, and why they have not learned it. */

import t from 'tap';
import { formatPrefix } from '../../src/packet/index.js';
import { birdRoutingUpTo, type RoutedCluster } from '../../src/routing/index.js';
import { clusterLike, type Edit, traceIn } from './clusters.js';

const TOPOLOGY = 'load-balancer-metallb-bgp';

/** Networks that the router has by BGP, each with its next hops. */
const learned = (cluster: RoutedCluster): Record<string, number> =>
  Object.fromEntries(
    cluster
      .host('tor')
      .netns.fib.routes(254)
      .filter(({ protocol }) => protocol === 12)
      .map(({ destination, nextHops }) => [formatPrefix(destination), nextHops.length]),
  );

const told = (cluster: RoutedCluster, service: string): string =>
  traceIn(cluster, ['host/office', `lb/shop/${service}:80`]).explanation.join('\n');

t.test('an address is learned from every node that may announce it', async (t) => {
  t.same(learned(clusterLike(TOPOLOGY)), { '192.0.2.2/32': 3, '192.0.2.3/32': 1, '192.0.2.128/28': 1 });
});

t.test('the same is computed where daemons do not speak', async (t) => {
  const cluster = clusterLike(TOPOLOGY);
  cluster.bringRouting(birdRoutingUpTo(0));
  t.same(learned(cluster), { '192.0.2.2/32': 3, '192.0.2.3/32': 1, '192.0.2.128/28': 1 });
});

t.test('what becomes of endpoints and of Services is told to routers, and the sessions stay', async (t) => {
  const cluster = clusterLike(TOPOLOGY);
  learned(cluster);
  const since = (): string[] =>
    (cluster.routing?.birdc(cluster.host('tor'), 'show protocols') ?? '')
      .split('\n')
      .filter((line) => / BGP /.test(line));
  const before = since();
  const web = cluster.store.get('Pod', 'shop', 'web');
  const sleepy = cluster.store.get('Pod', 'shop', 'sleepy');
  if (web === undefined || sleepy === undefined) throw new Error('no pods');
  cluster.store.put('Pod', { ...web, status: { ...web.status, ready: false } });
  cluster.store.put('Pod', { ...sleepy, status: { ...sleepy.status, ready: true } });
  const events = cluster.reconverge([{ kind: 'objects' }]);
  t.same(learned(cluster), { '192.0.2.1/32': 3 }, 'the address of the other Service');
  t.same(events.map(({ host, type, route }) => `${host} ${type} ${formatPrefix(route.destination)}`).toSorted(), [
    'tor learned 192.0.2.1/32',
    'tor withdrawn 192.0.2.128/28',
    'tor withdrawn 192.0.2.2/32',
    'tor withdrawn 192.0.2.3/32',
  ]);
  t.same(since(), before);
});

t.test('a speaker that dies is missed when its hold time is over', async (t) => {
  const cluster = clusterLike(TOPOLOGY);
  t.equal(learned(cluster)['192.0.2.2/32'], 3);
  for (const fabric of cluster.underlay.switches)
    for (const port of fabric.ports) if (port.name === 'worker1 eth0') port.down = true;
  cluster.advance(60_000);
  t.equal(learned(cluster)['192.0.2.2/32'], 3, 'nobody has noticed');
  cluster.advance(60_000);
  t.equal(learned(cluster)['192.0.2.2/32'], 2);
});

interface Broken {
  readonly what: string;
  readonly edit: Edit;
  readonly more?: string;
  readonly service?: string;
  readonly says: RegExp;
}

const BROKEN: readonly Broken[] = [
  {
    what: 'the speakers’ AS is another than the router expects',
    edit: (text) => text.replace('myASN: 64500', 'myASN: 64501'),
    says: /BGP session tor of MetalLB's speaker on node\/worker1 with host\/tor is \w+ \(.*Bad peer AS\): it expects AS 64512 and says AS 64501/,
  },
  {
    what: 'a password on the router alone',
    edit: (text) => text.replace('neighbor as 64500;', 'neighbor as 64500; password "secret";'),
    says: /MetalLB's speaker on node\/worker2 with host\/tor is \w+: host\/tor has a password for it and MetalLB's speaker on node\/worker2 has none/,
  },
  {
    what: 'a firewall on the router',
    edit: (text) => text,
    more: `apiVersion: podwire.dev/v1alpha1
kind: HostConfig
metadata: {name: wall}
spec:
  hosts: [tor]
  iptables: |
    *filter
    -A INPUT -p tcp --dport 179 -j DROP
    COMMIT
`,
    says: /MetalLB's speaker on node\/worker3 with host\/tor is \w+.*host\/tor dropped it in input, table filter, chain INPUT/,
  },
  {
    what: 'a router that knows no such neighbours',
    edit: (text) => text.replaceAll(/ +protocol bgp worker\d .*\n/g, ''),
    says: /with host\/tor is \w+.*: the other end has no session with it/,
  },
  {
    what: 'a filter of the router',
    edit: (text) => text.replace('import where net ~ [ 192.0.2.0/24{24,32} ]', 'import none'),
    says: /host\/tor has no route to 192\.0\.2\.2, .*: it has been told, and host\/tor does not take from MetalLB's speaker on node\/worker\d 192\.0\.2\.2\/32: its import filter rejects it\.$/m,
  },
  {
    what: 'peers that no node is selected for',
    edit: (text) =>
      text.replace('peerAddress: 172.18.0.1,', 'peerAddress: 172.18.0.1, nodeSelectors: [{matchLabels: {a: b}}],'),
    says: /No speaker of MetalLB announces 192\.0\.2\.2/,
  },
  {
    what: 'no advertisement of the pool',
    edit: (text) => text.replace('ipAddressPools: [public]', 'ipAddressPools: [reserved]'),
    says: /No speaker of MetalLB announces 192\.0\.2\.2 of Service shop\/front: no advertisement speaks of its pool/,
  },
  {
    what: 'the policy Local without an endpoint that is ready',
    edit: (text) => text.replace('labels: {app: web}', 'labels: {app: other}'),
    service: 'here',
    says: /No speaker of MetalLB announces 192\.0\.2\.3/,
  },
];

for (const { what, edit, more, service = 'front', says } of BROKEN) {
  t.test(`why a router has not learned an address: ${what}`, async (t) => {
    t.match(told(clusterLike(TOPOLOGY, more, edit), service), says);
  });
}

t.test('MetalLB’s daemon calls and is not called: beside a BIRD of Calico’s it takes no port', async (t) => {
  const cluster = clusterLike(TOPOLOGY, '', (text) => text.replace('vxlanMode: Always', 'vxlanMode: Never'));
  const listeners = cluster
    .node('worker1')
    .netns.sockets.listeners()
    .filter(({ port }) => port === 179);
  t.equal(listeners.length, 1, 'Calico’s');
  t.equal(learned(cluster)['192.0.2.2/32'], 3);
});

t.test('findings say what of the configuration leads nowhere or is not modelled', async (t) => {
  const cluster = clusterLike(TOPOLOGY, '', (text) =>
    text
      .replace('peerAddress: 172.18.0.1,', 'peerAddress: 172.18.0.1, bfdProfile: fast, vrf: red,')
      .replace('ipAddressPools: [public],', 'ipAddressPools: [public], peers: [tar],'),
  );
  const messages = cluster.findings.map(({ message }) => message).join('\n');
  t.match(messages, /BFD is not modelled/);
  t.match(messages, /VRFs are not modelled/);
  t.match(messages, /there is no BGPPeer tar \(near: tor\): it is told nothing/);
});
