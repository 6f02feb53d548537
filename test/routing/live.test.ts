/**
 * Daemons go on: what a fault, an object or the passing of time changes is in the tables of machines when the daemons
 * know of it, and not before.
 */

import t from 'tap';
import type { RouteEvent } from '../../src/cluster/index.js';
import { Random } from '../../src/kernel/index.js';
import { DEFAULT_PREFIX, formatIpv4, ipv4, parseIpv4 } from '../../src/packet/index.js';
import { birdRoutingUpTo, RoutedCluster } from '../../src/routing/index.js';
import type { SourceText } from '../../src/kubernetes/index.js';
import { manyNodes } from './many-nodes.js';
import { traceIn } from './clusters.js';

/** BIRD's hold time, as Calico leaves it. */
const HOLD_MS = 240_000;
const PROTO_BIRD = 12;

const meshOf = (nodes: number): RoutedCluster => new RoutedCluster(manyNodes({ nodes, podsPerNode: 1 }));

function computed(sources: readonly SourceText[]): RoutedCluster {
  const cluster = new RoutedCluster(sources);
  cluster.bringRouting(birdRoutingUpTo(0));
  return cluster;
}

/** Blocks that a node has by BGP, its own left out. */
const blocksOf = (cluster: RoutedCluster, name: string): string[] =>
  cluster
    .node(name)
    .netns.fib.routes(254)
    .filter(({ protocol, type }) => protocol === PROTO_BIRD && type === 'unicast')
    .map(({ destination }) => formatIpv4(destination.addr));

const pullCable = (cluster: RoutedCluster, port: string, down = true): void => {
  for (const fabric of cluster.underlay.switches)
    for (const each of fabric.ports) if (each.name === port) each.down = down;
};

const isUp = (cluster: RoutedCluster, node: string, session: string): boolean =>
  new RegExp(`^${session} .*Established`, 'm').test(cluster.routing?.birdc(cluster.node(node), 'show protocols') ?? '');

/** The block of a node's own, as others hear of it. */
const ownBlock = (cluster: RoutedCluster, name: string): string =>
  formatIpv4(
    cluster
      .node(name)
      .netns.fib.routes(254)
      .find(({ protocol, type }) => protocol === PROTO_BIRD && type === 'blackhole')?.destination.addr ?? (0 as never),
  );

const told = (events: readonly RouteEvent[]): string[] =>
  events.map(({ host, type, route }) => `${host} ${type} ${formatIpv4(route.destination.addr)}`).toSorted();

t.test('routes of a node whose cable is pulled stay until the hold time is over, and come back with it', async (t) => {
  const cluster = meshOf(4);
  const lost = ownBlock(cluster, 'node2');
  t.ok(blocksOf(cluster, 'node0').includes(lost));
  pullCable(cluster, 'node2 eth0');
  cluster.advance(60_000);
  t.ok(blocksOf(cluster, 'node0').includes(lost), 'nobody has noticed');
  cluster.advance(HOLD_MS);
  t.notOk(blocksOf(cluster, 'node0').includes(lost));
  t.equal(blocksOf(cluster, 'node0').length, 2, 'the others are there');
  t.same(blocksOf(cluster, 'node2'), [], 'the node itself has lost them all');
  t.match(traceIn(cluster, ['pod/shop/web-0-0', 'pod/shop/web-2-0:80']).explanation.join(' '), /Mesh_172_18_0_12/);
  pullCable(cluster, 'node2 eth0', false);
  cluster.advance(120_000);
  t.ok(blocksOf(cluster, 'node0').includes(lost));
  t.equal(blocksOf(cluster, 'node2').length, 3);
});

t.test('time that passes in a network at rest changes nothing', async (t) => {
  const cluster = meshOf(3);
  const before = cluster.node('node0').netns.fib.listRoutes(254);
  cluster.advance(3_600_000);
  t.same(cluster.node('node0').netns.fib.listRoutes(254), before);
});

t.test('a daemon that is killed leaves stale routes; one that is back within the time keeps them', async (t) => {
  const cluster = meshOf(3);
  const kept = ownBlock(cluster, 'node1');
  t.same(cluster.reconverge([{ kind: 'daemon', name: 'node1', event: 'killed' }]), []);
  t.notOk(isUp(cluster, 'node0', 'Mesh_172_18_1_11'));
  t.ok(blocksOf(cluster, 'node0').includes(kept), 'graceful restart');
  t.same(cluster.reconverge([{ kind: 'daemon', name: 'node1', event: 'started' }]), []);
  t.ok(isUp(cluster, 'node0', 'Mesh_172_18_1_11'));
  t.ok(blocksOf(cluster, 'node0').includes(kept));
});

t.test('a daemon that does not come back loses its routes when the restart time is over', async (t) => {
  const cluster = meshOf(3);
  const lost = ownBlock(cluster, 'node1');
  t.same(blocksOf(cluster, 'node0').length, 2);
  cluster.reconverge([{ kind: 'daemon', name: 'node1', event: 'killed' }]);
  cluster.advance(130_000);
  t.notOk(blocksOf(cluster, 'node0').includes(lost));
});

t.test('a daemon that ends in order takes its routes away at once', async (t) => {
  const cluster = meshOf(3);
  const lost = ownBlock(cluster, 'node1');
  t.same(blocksOf(cluster, 'node0').length, 2);
  const events = cluster.reconverge([{ kind: 'daemon', name: 'node1', event: 'stopped' }]);
  t.ok(told(events).includes(`node0 withdrawn ${lost}`));
});

t.test('a node that is off and on again has its routes when it is built anew', async (t) => {
  const cluster = meshOf(3);
  const lost = ownBlock(cluster, 'node2');
  t.ok(blocksOf(cluster, 'node0').includes(lost));
  pullCable(cluster, 'node2 eth0');
  cluster.advance(HOLD_MS + 60_000);
  t.notOk(blocksOf(cluster, 'node0').includes(lost));
  pullCable(cluster, 'node2 eth0', false);
  cluster.underlay.discard('node2');
  t.equal(blocksOf(cluster, 'node2').length, 2);
  cluster.advance(1_000);
  t.ok(blocksOf(cluster, 'node0').includes(lost));
});

t.test('a pool that is not to be exported is withdrawn, and its sessions stay up', async (t) => {
  const cluster = meshOf(3);
  t.equal(blocksOf(cluster, 'node0').length, 2);
  const uptime = (): string[] =>
    (cluster.routing?.birdc(cluster.node('node0'), 'show protocols') ?? '')
      .split('\n')
      .filter((line) => line.startsWith('Mesh'));
  const before = uptime();
  const pool = cluster.store.get('IPPool', '', 'pods');
  if (pool === undefined) throw new Error('no pool');
  cluster.store.put('IPPool', { ...pool, spec: { ...pool.spec, disableBGPExport: true } });
  const events = cluster.reconverge([{ kind: 'objects' }]);
  t.same(blocksOf(cluster, 'node0'), []);
  t.equal(events.filter(({ host, type }) => host === 'node0' && type === 'withdrawn').length, 2);
  t.same(uptime(), before, 'no session has begun anew');
  cluster.store.put('IPPool', pool);
  const back = cluster.reconverge([{ kind: 'objects' }]);
  t.equal(blocksOf(cluster, 'node0').length, 2);
  const causes = back
    .filter(({ host }) => host === 'node0')
    .map(({ route }) => route.because.map(({ kind, name }) => `${kind} ${name}`).join(', '));
  t.same(causes.toSorted(), ['Node node1, IPPool pods', 'Node node2, IPPool pods']);
});

t.test('an object that no file speaks of makes no daemon read its files', async (t) => {
  const cluster = meshOf(3);
  t.equal(blocksOf(cluster, 'node0').length, 2);
  const status = (): string => cluster.routing?.birdc(cluster.node('node0'), 'show status') ?? '';
  const configured = /Last reconfiguration on (.*)/.exec(status())?.[1];
  const namespace = cluster.store.get('Namespace', '', 'shop') ?? cluster.store.list('Namespace')[0];
  if (namespace !== undefined) cluster.store.put('Namespace', { ...namespace, labels: { colour: 'blue' } });
  cluster.reconverge([{ kind: 'objects' }]);
  t.equal(/Last reconfiguration on (.*)/.exec(status())?.[1], configured);
});

t.test('a rule that somebody adds on a node ends the session; taken away, it comes back', async (t) => {
  const cluster = meshOf(3);
  const lost = ownBlock(cluster, 'node1');
  t.ok(blocksOf(cluster, 'node0').includes(lost));
  const { iptables } = cluster.node('node1').netns.netfilter;
  const before = iptables.state();
  iptables.restore('*filter\n-I INPUT 1 -p tcp --dport 179 -j DROP\n-I INPUT 1 -p tcp --sport 179 -j DROP\nCOMMIT\n', {
    noflush: true,
  });
  cluster.reconverge([{ kind: 'machine', name: 'node1' }]);
  cluster.advance(HOLD_MS + 60_000);
  t.notOk(blocksOf(cluster, 'node0').includes(lost));
  iptables.apply(before);
  cluster.reconverge([{ kind: 'machine', name: 'node1' }]);
  cluster.advance(60_000);
  t.ok(blocksOf(cluster, 'node0').includes(lost));
});

t.test('a route that somebody adds on a node by hand is told to others where filters let it', async (t) => {
  const cluster = meshOf(2);
  const { netns } = cluster.node('node1');
  const link = netns.links.addDummy({ name: 'cali1', mtu: 1500 });
  netns.links.set(link, { up: true });
  // Of higher priority than usual (live migration): Calico tells such a route by itself.
  const pod = netns.fib.routes(254).find(({ destination }) => destination.length === 32);
  if (pod === undefined) throw new Error('no pod');
  netns.fib.addRoute({ ...pod, metric: 512, nextHops: [{ dev: link }] });
  const events = cluster.reconverge([{ kind: 'machine', name: 'node1' }]);
  cluster.node('node0');
  t.ok(
    cluster
      .node('node0')
      .netns.fib.routes(254)
      .some(
        ({ destination, protocol }) =>
          destination.addr === pod.destination.addr && destination.length === 32 && protocol === PROTO_BIRD,
      ),
    told(events).join(),
  );
});

t.test('where routes are computed a fault takes them away at once, and mended they are back', async (t) => {
  const cluster = computed(manyNodes({ nodes: 4, podsPerNode: 1 }));
  const lost = ownBlock(cluster, 'node2');
  t.ok(blocksOf(cluster, 'node0').includes(lost));
  pullCable(cluster, 'node2 eth0');
  cluster.advance(1);
  t.notOk(blocksOf(cluster, 'node0').includes(lost));
  t.equal(blocksOf(cluster, 'node0').length, 2);
  pullCable(cluster, 'node2 eth0', false);
  cluster.advance(1);
  t.ok(blocksOf(cluster, 'node0').includes(lost));
});

t.test('where routes are computed an object changes them as it does those that are told', async (t) => {
  const [spoken, ...others] = [meshOf(4), computed(manyNodes({ nodes: 4, podsPerNode: 1 }))].map((cluster) => {
    for (const name of ['node0', 'node1', 'node2', 'node3']) t.equal(blocksOf(cluster, name).length, 3);
    const annotated = cluster.store.get('Node', '', 'node3');
    if (annotated === undefined) throw new Error('no node');
    const annotations = { ...annotated.annotations, 'projectcalico.org/ASNumber': '64600' };
    cluster.store.put('Node', { ...annotated, annotations });
    return told(cluster.reconverge([{ kind: 'objects' }]));
  });
  t.equal(spoken?.length, 6);
  for (const computedEvents of others) t.same(computedEvents, spoken);
});

const calicoNodeWith = (ip: string): string => `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system, labels: {k8s-app: calico-node}}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      hostNetwork: true
      containers:
        - name: calico-node
          image: docker.io/calico/node:v3.32.1
          env:
            - {name: CALICO_NETWORKING_BACKEND, value: bird}
            - {name: IP, value: "${ip}"}
`;

/** Gives node1 the address 172.18.1.50 in place of its own. */
function renumber(cluster: RoutedCluster): void {
  const { netns } = cluster.node('node1');
  const dev = netns.devices.named('eth0');
  const [old] = dev?.addresses ?? [];
  if (dev === undefined || old === undefined) throw new Error('no address');
  netns.fib.deleteAddress(dev, old.address, old.prefixLength);
  netns.fib.addAddress(dev, { address: ipv4(old.address + 39), prefixLength: old.prefixLength });
  netns.fib.addRoute({ destination: DEFAULT_PREFIX, nextHops: [{ via: parseIpv4('172.18.1.1') }] });
}

t.test('a node whose address changes is found, and its neighbours speak with it there', async (t) => {
  const cluster = new RoutedCluster(manyNodes({ nodes: 3, podsPerNode: 1, more: [calicoNodeWith('autodetect')] }));
  const block = ownBlock(cluster, 'node1');
  t.ok(blocksOf(cluster, 'node0').includes(block));
  renumber(cluster);
  const events = cluster.reconverge([{ kind: 'machine', name: 'node1' }]);
  t.ok(
    isUp(cluster, 'node0', 'Mesh_172_18_1_50'),
    cluster.routing?.birdc(cluster.node('node0'), 'show protocols') ?? '',
  );
  t.ok(blocksOf(cluster, 'node0').includes(block), told(events).join());
  const route = cluster
    .node('node0')
    .netns.fib.routes(254)
    .find(({ destination }) => formatIpv4(destination.addr) === block);
  t.match(route?.because, [{ kind: 'Node', name: 'node1' }]);
});

t.test('an address that was given stays, and the sessions with it end', async (t) => {
  const cluster = new RoutedCluster(manyNodes({ nodes: 3, podsPerNode: 1, more: [calicoNodeWith('172.18.1.11')] }));
  const block = ownBlock(cluster, 'node1');
  t.ok(blocksOf(cluster, 'node0').includes(block));
  renumber(cluster);
  cluster.reconverge([{ kind: 'machine', name: 'node1' }]);
  cluster.advance(HOLD_MS + 60_000);
  t.notOk(isUp(cluster, 'node0', 'Mesh_172_18_1_50'));
  t.notOk(blocksOf(cluster, 'node0').includes(block));
});

interface Variant {
  readonly exported: boolean;
  readonly reflectors: boolean;
  readonly ownAs: boolean;
  readonly port: number | undefined;
}

function variantSources({ exported, reflectors, ownAs, port }: Variant): SourceText[] {
  const annotations: Record<number, string> = {};
  if (reflectors) annotations[1] = 'projectcalico.org/RouteReflectorClusterID: 1.0.0.1';
  if (ownAs) annotations[2] = 'projectcalico.org/ASNumber: "64600"';
  const settings = `{nodeToNodeMeshEnabled: ${!reflectors}${port === undefined ? '' : `, listenPort: ${port}`}}`;
  const more = [
    `apiVersion: projectcalico.org/v3\nkind: BGPConfiguration\nmetadata: {name: default}\nspec: ${settings}\n`,
  ];
  if (reflectors)
    more.push(
      "apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: rr}\nspec: {nodeSelector: all(), peerSelector: rr == 'yes'}\n",
    );
  const pool = `ipipMode: Never, vxlanMode: Never, disableBGPExport: ${!exported}`;
  const labels: Record<number, string> = reflectors ? { 1: 'rr: "yes"' } : {};
  return manyNodes({ nodes: 4, podsPerNode: 1, pool, annotations, labels, more });
}

const CHANGED_KINDS = ['Node', 'IPPool', 'BGPConfiguration', 'BGPPeer'] as const;

/** Makes the objects of one cluster those of another. */
function copyObjects(from: RoutedCluster, to: RoutedCluster): void {
  for (const kind of CHANGED_KINDS) {
    for (const { name } of to.store.list(kind))
      if (from.store.get(kind, '', name) === undefined) to.store.delete(kind, '', name);
    for (const object of from.store.list(kind)) to.store.put(kind, object);
  }
}

const learned = (cluster: RoutedCluster): string[][] =>
  [...cluster.underlay.plan.machines.keys()].map((name) =>
    cluster
      .host(name)
      .netns.fib.listRoutes(254)
      .filter((line) => line.includes('proto bird'))
      .toSorted(),
  );

t.test('after any series of changes a cluster has the routes of one that was loaded so', async (t) => {
  const random = new Random(7);
  const yes = (): boolean => random.below(2) === 1;
  for (const live of [meshOf(4), computed(manyNodes({ nodes: 4, podsPerNode: 1 }))]) {
    learned(live);
    for (let step = 0; step < 6; step += 1) {
      const variant = { exported: yes() || yes(), reflectors: yes(), ownAs: yes(), port: yes() ? 1790 : undefined };
      const fresh = new RoutedCluster(variantSources(variant));
      copyObjects(fresh, live);
      live.reconverge([{ kind: 'objects' }]);
      t.same(learned(live), learned(fresh), JSON.stringify(variant));
    }
  }
});
