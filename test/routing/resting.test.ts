/**
 * What is computed for large clusters is what daemons come to by messages: the same cluster both ways, every machine's
 * kernel, listeners and sessions.
 */

import { readdirSync } from 'node:fs';
import t, { type Test } from 'tap';
import { type BgpConfig, type BirdConfig, parseConfig } from '../../src/bird/index.js';
import { ConfdDatastore, nodeConfig, renderBird, renderConfd } from '../../src/calico/confd/index.js';
import { Cluster } from '../../src/cluster/index.js';
import type { SourceText } from '../../src/kubernetes/index.js';
import { birdRouting, birdRoutingUpTo } from '../../src/routing/index.js';
import { Mesh } from '../../src/routing/mesh.js';
import { manyNodes } from './many-nodes.js';
import { sourcesOf } from './clusters.js';

function both(sources: readonly SourceText[]): readonly [spoken: Cluster, computed: Cluster] {
  const spoken = new Cluster(sources);
  spoken.bringRouting(birdRouting);
  const computed = new Cluster(sources);
  computed.bringRouting(birdRoutingUpTo(0));
  return [spoken, computed];
}

const PROTO_BIRD = 12;

/** All that routing has given a machine. */
function given(cluster: Cluster, name: string) {
  const { netns } = cluster.host(name);
  return {
    routes: netns.fib.listRoutes(254).filter((line) => line.includes('proto bird')),
    because: netns.fib
      .routes(254)
      .filter(({ protocol }) => protocol === PROTO_BIRD)
      .map(({ because }) => because),
    listeners: netns.sockets.listeners().filter(({ process }) => process === 'bird'),
  };
}

/** Times differ: who computes needs none. */
const timeless = (line: string): string => line.replace(/\d\d:\d\d:\d\d(\.\d{3})?/g, 'hh:mm:ss').trimEnd();

/** A session that is not up goes from state to state, and its reason comes and goes. */
const settled = (line: string): string => {
  const [name, kind, table, state] = line.split(/ +/);
  return kind === 'BGP' && state === 'start' ? `${name} ${table} start` : line;
};

/** Which of the routes that are not the best stands first is history. */
function inNoOrder(lines: readonly string[]): readonly (readonly string[])[] {
  const nets: { head: string; best: string[]; others: string[][] }[] = [];
  for (const line of lines) {
    const net = nets.at(-1);
    if (net !== undefined && line.startsWith(' ')) net.others.push([line]);
    else if (net !== undefined && line.startsWith('\t')) (net.others.at(-1) ?? net.best).push(line);
    else nets.push({ head: line, best: [], others: [] });
  }
  return nets.map(({ head, best, others }) => [head, ...best, ...others.map((each) => each.join('\n')).toSorted()]);
}

/** Where Felix has routes to blocks, BIRD learns them, and shows them; who computes leaves them out. */
const FELIX_LEADS_TO_BLOCKS = /programClusterRoutes: Enabled|vxlanMode: (Always|CrossSubnet)/;

/** How many routes there were to compare. */
function compare(t: Test, sources: readonly SourceText[]): number {
  const learnsMore = sources.some(({ text }) => FELIX_LEADS_TO_BLOCKS.test(text));
  const [spoken, computed] = both(sources);
  t.same(spoken.errors, []);
  let routes = 0;
  for (const name of spoken.underlay.plan.machines.keys()) {
    const wanted = given(spoken, name);
    t.strictSame(given(computed, name), wanted, name);
    routes += wanted.routes.length;
    for (const command of learnsMore ? ['show protocols'] : ['show protocols', 'show route all']) {
      const printed = [computed, spoken].map((each) => each.routing?.birdc(each.host(name), command));
      const [own, theirs] = printed.map((text) => inNoOrder((text ?? '').split('\n').map(timeless).map(settled)));
      t.strictSame(own, theirs, `${command} on ${name}`);
    }
  }
  t.same(computed.findings, spoken.findings);
  return routes;
}

for (const name of readdirSync('topologies')) {
  t.test(`computed as spoken: the topology ${name}`, async (t) => {
    const routes = compare(t, sourcesOf(name));
    if (/^bgp|^ipip-(always|crosssubnet)$/.test(name)) t.ok(routes > 0, `${routes} routes`);
  });
}

const bgpConfiguration = (spec: string): string =>
  `apiVersion: projectcalico.org/v3\nkind: BGPConfiguration\nmetadata: {name: default}\nspec: ${spec}\n`;
const bgpPeer = (name: string, spec: string): string =>
  `apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
const hostConfig = (name: string, spec: string): string =>
  `apiVersion: podwire.dev/v1alpha1\nkind: HostConfig\nmetadata: {name: ${name}}\nspec:\n${spec}`;

const REFLECTORS = {
  1: 'projectcalico.org/RouteReflectorClusterID: 1.0.0.1',
  4: 'projectcalico.org/RouteReflectorClusterID: 1.0.0.1',
};

/** Six nodes in two subnets with a router between them. */
const CLUSTERS: Readonly<Record<string, readonly SourceText[]>> = {
  'a mesh': manyNodes({ nodes: 6 }),
  'a mesh with IP-in-IP across subnets': manyNodes({ nodes: 6, pool: 'ipipMode: CrossSubnet, vxlanMode: Never' }),
  'a pool with VXLAN beside one without': manyNodes({
    nodes: 6,
    labels: { 0: 'vxlan: ""', 1: 'vxlan: ""' },
    more: [
      'apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: other}\nspec: {cidr: 10.77.0.0/16, vxlanMode: Always, ipipMode: Never, nodeSelector: has(vxlan)}\n',
    ],
  }),
  'an AS for one node': manyNodes({ nodes: 6, annotations: { 2: 'projectcalico.org/ASNumber: "64600"' } }),
  'an AS for every node, and all are the same': manyNodes({
    nodes: 4,
    annotations: Object.fromEntries([0, 1, 2, 3].map((i) => [i, 'projectcalico.org/ASNumber: "64600"'])),
  }),
  'a port for all, and another for one': manyNodes({
    nodes: 5,
    more: [
      bgpConfiguration('{listenPort: 1790}'),
      bgpConfiguration('{listenPort: 1791}').replace('name: default', 'name: node.node3'),
    ],
  }),
  'two reflectors, and no mesh': manyNodes({
    nodes: 6,
    annotations: REFLECTORS,
    labels: { 1: 'rr: "yes"', 4: 'rr: "yes"' },
    more: [
      bgpConfiguration('{nodeToNodeMeshEnabled: false}'),
      bgpPeer('to-reflectors', "{nodeSelector: all(), peerSelector: rr == 'yes'}"),
    ],
  }),
  'a firewall on one node': manyNodes({
    nodes: 6,
    more: [
      hostConfig(
        'wall',
        '  hosts: [node2]\n  iptables: |\n    *filter\n    -A INPUT -p tcp --dport 179 -j DROP\n    -A OUTPUT -p tcp --dport 179 -j DROP\n    COMMIT\n',
      ),
    ],
  }),
  'a rule on all nodes that names one of them': manyNodes({
    nodes: 6,
    more: [
      hostConfig(
        'wall',
        '  nodeSelector: {kubernetes.io/os: linux}\n  iptables: |\n    *filter\n    -A INPUT -s 172.18.0.12/32 -p tcp -j DROP\n    COMMIT\n',
      ),
    ],
  }),
  'routes and addresses that somebody added': manyNodes({
    nodes: 4,
    more: [
      hostConfig(
        'hands',
        '  hosts: [node1]\n  ip: |\n    link add dummy0 type dummy\n    link set dummy0 up\n    addr add 192.168.9.9/32 dev dummy0\n  routes: [{to: 192.168.77.0/26, via: 172.18.0.1}]\n',
      ),
    ],
  }),
  'Services that are announced': manyNodes({
    nodes: 4,
    more: [
      bgpConfiguration('{serviceClusterIPs: [{cidr: 10.96.0.0/12}], serviceExternalIPs: [{cidr: 203.0.113.7/32}]}'),
      'apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, clusterIP: 10.96.7.7, externalIPs: [203.0.113.7], externalTrafficPolicy: Local, type: NodePort, ports: [{port: 80}]}\n',
    ],
    router: `
        router id 172.18.0.1;
        protocol device { }
        protocol kernel { ipv4 { export all; }; merge paths on; }
        template bgp node { local as 64512; neighbor as 64512; ipv4 { import all; export none; }; }
        protocol bgp node0 from node { neighbor 172.18.0.10; }
        protocol bgp node1 from node { neighbor 172.18.0.11; }`,
  }),
};

for (const [what, sources] of Object.entries(CLUSTERS)) {
  t.test(`computed as spoken: ${what}`, async (t) => {
    t.ok(compare(t, sources) > 0);
  });
}

const isBgp = (config: BirdConfig['protocols'][number]): config is BgpConfig => config.kind === 'bgp';
/** Where something stands in a text is no part of what it says. */
const withoutPlaces = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, each: unknown) => (key === 'position' || key === 'line' ? undefined : each)));

function configOf(files: ReadonlyMap<string, string>): BirdConfig {
  const file = '/etc/calico/confd/config/bird.cfg';
  const read = (path: string): string | undefined => files.get(path);
  const { config, errors } = parseConfig(files.get(file) ?? '', { dialect: 'bird-1.6', file, files: { read } });
  if (config === undefined) throw new Error(JSON.stringify(errors));
  return config;
}

t.test('a mesh that is made when asked says what the whole text says', async (t) => {
  for (const [what, sources] of Object.entries(CLUSTERS)) {
    const cluster = new Cluster(sources);
    const { ipam } = cluster;
    if (ipam === undefined) throw new Error('no IPAM');
    const confd = new ConfdDatastore(cluster.store, ipam.ipam).cluster;
    const mesh = new Mesh(confd);
    for (const { name } of confd.nodes) {
      const host = { node: name, routerId: '' };
      const config = nodeConfig(confd, host, 4);
      const texts = renderConfd(confd, host);
      if (config === undefined || texts === undefined) throw new Error(`no ${name}`);
      const whole = configOf(
        new Map(Object.entries(texts).map(([file, text]) => [`/etc/calico/confd/config/${file}`, text])),
      );
      const { rendered, like } = mesh.partsOf(config);
      const part = configOf(renderBird(config, host, rendered)).protocols.filter(isBgp);
      const stands = part.find((each) => each.name === like);
      const peerings = stands === undefined ? [] : [...mesh.sessionsOf(config, stands).sessions()];
      const made = peerings.map(({ config: shared, ...of }): BgpConfig => ({ ...shared, ...of }));
      const sessions = [...part.filter((each) => each !== stands), ...made];
      const byName = (a: BgpConfig, b: BgpConfig): number => (a.name < b.name ? -1 : 1);
      t.strictSame(
        withoutPlaces(sessions.toSorted(byName)),
        withoutPlaces(whole.protocols.filter(isBgp).toSorted(byName)),
        `${what}: ${name}`,
      );
    }
  }
});
