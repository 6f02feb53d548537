/** calico-node's start over the interfaces and routes of the physical network, and where what is wrong with it stands. */

import t from 'tap';
import { type Cluster } from '../../src/cluster/index.js';
import { RoutedCluster } from '../../src/routing/index.js';
import { formatConfigError, formatFinding } from '../../src/kubernetes/index.js';

const NETWORK = `
apiVersion: podwire.dev/v1alpha1
kind: PhysicalNetwork
metadata: {name: lab}
spec:
  switches: [{name: front}, {name: back}]
  subnets:
  - {name: front, switch: front, cidr: 172.18.0.0/24, gateway: 172.18.0.1}
  - {name: back, switch: back, cidr: 10.9.0.0/24}
  routers:
  - {name: gw, interfaces: [{subnet: front, address: 172.18.0.1}]}
  nodes:
  - name: node1
    interfaces: [{name: eth0, subnet: front, address: 172.18.0.2}, {name: eth1, subnet: back, address: 10.9.0.2}]
    routes: [{to: 198.51.100.0/24, via: 10.9.0.77}]
`;

const NODE = `
apiVersion: v1
kind: Node
metadata: {name: node1}
status: {addresses: [{type: InternalIP, address: 172.18.0.2}]}
`;

const daemonSet = (env: string): string => `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      hostNetwork: true
      containers:
      - name: calico-node
        env:
        - {name: CALICO_NETWORKING_BACKEND, valueFrom: {configMapKeyRef: {name: calico-config, key: backend}}}
${env}
`;

const configMap = (backend: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: {name: calico-config, namespace: kube-system}
data: {backend: ${backend}}
`;

function start(env: string, { backend = 'bird', more = '' } = {}): Cluster {
  const text = [NODE, daemonSet(env), configMap(backend), more].join('---');
  return new RoutedCluster(
    [
      { file: 'network.yaml', text: NETWORK },
      { file: 'cluster.yaml', text },
    ],
    { seed: 1 },
  );
}

const addressOf = (cluster: Cluster): string | undefined =>
  cluster.store.get('Node', '', 'node1')?.annotations['projectcalico.org/IPv4Address'];

const method = (value: string): string => `        - {name: IP_AUTODETECTION_METHOD, value: '${value}'}`;

const METHODS: readonly (readonly [string, string])[] = [
  ['first-found', '10.9.0.2/24'],
  ['kubernetes-internal-ip', '172.18.0.2/24'],
  ['interface=eth0', '172.18.0.2/24'],
  ['skip-interface=eth1', '172.18.0.2/24'],
  ['cidr=172.16.0.0/12', '172.18.0.2/24'],
  ['can-reach=8.8.8.8', '172.18.0.2/24'],
  ['can-reach=www.example.com', '172.18.0.2/24'],
  ['can-reach=198.51.100.9', '10.9.0.2/24'],
  ['can-reach=10.9.0.5', '10.9.0.2/24'],
];

for (const [value, address] of METHODS) {
  t.test(`${value} finds ${address} on a node with two interfaces`, async (t) => {
    const cluster = start(method(value));
    t.same(cluster.errors.map(formatConfigError), []);
    t.equal(addressOf(cluster), address);
  });
}

const told = (cluster: Cluster): string[] =>
  cluster.findings.filter(({ code }) => code === 'calico-setting').map(formatFinding);

t.test('a variable that ends calico-node is told where it was written', async (t) => {
  t.same(told(start(method('guess'))), [
    'cluster.yaml:20:50: warning: DaemonSet kube-system/calico-node: calico-node does not start: IP_AUTODETECTION_METHOD: expected an autodetection method, got "guess"',
  ]);
  t.match(told(start("        - {name: AS, value: '65536.1'}")), [
    /^cluster\.yaml:20:\d+: .*AS: expected an AS number/,
  ]);
  t.match(told(start("        - {name: CALICO_IPV4POOL_CIDR, value: '10.0.0.0/33'}")), [
    /^cluster\.yaml:20:\d+: .*CALICO_IPV4POOL_CIDR: expected none or an IPv4 CIDR/,
  ]);
});

t.test('a setting that the environment goes before is told where it stands', async (t) => {
  const env = `        - {name: FELIX_DEFAULTENDPOINTTOHOSTACTION, value: ACCEPT}
        - {name: FELIX_LOGSEVERITYSCREEN, value: info}`;
  const more = `
apiVersion: crd.projectcalico.org/v1
kind: FelixConfiguration
metadata: {name: default}
spec:
  defaultEndpointToHostAction: Drop
  logSeverityScreen: Info
  removeExternalRoutes: false
`;
  t.same(told(start(env, { more })), [
    'cluster.yaml:32:32: warning: FelixConfiguration default: has no effect: FELIX_DEFAULTENDPOINTTOHOSTACTION=ACCEPT in the environment of calico-node (DaemonSet kube-system/calico-node) goes before it',
  ]);
});

t.test('a value that Felix cannot read is told, and so is one with which it does not start', async (t) => {
  const env = `        - {name: FELIX_DEFAULTENDPOINTTOHOSTACTION, value: REJECT}
        - {name: FELIX_MAXIPSETSIZE, value: huge}`;
  const cluster = start(env);
  cluster.node('node1');
  t.match(told(cluster), [
    /DaemonSet kube-system\/calico-node: Felix: MaxIpsetSize: "huge" cannot be read, the default applies$/,
    /Node node1: Felix: it does not start, and nothing of it is programmed: DefaultEndpointToHostAction: "REJECT" cannot be read$/,
  ]);
  t.notMatch(cluster.node('node1').netns.netfilter.iptables.save(), /cali-/);
});

t.test('where calico-node does not start there is no pool, no BIRD and no network for pods', async (t) => {
  const more = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {nodeName: node1, containers: [{name: c}]}
`;
  const cluster = start(method('interface=eth9'), { more });
  const host = cluster.node('node1');
  cluster.routing?.refreshFiles(host);
  t.equal(addressOf(cluster), undefined);
  t.same(cluster.store.list('IPPool'), []);
  t.same(
    [...host.files.keys()].filter((path) => /^\/(?:etc|var\/lib)\/calico\//.test(path)),
    [],
  );
  t.equal(cluster.routing?.birdc(host, 'show protocols'), undefined);
  t.notMatch(host.netns.netfilter.iptables.save(), /cali-/);
  t.equal([...host.netns.devices].filter(({ name }) => name.startsWith('cali')).length, 0);
  t.match(
    cluster.findings.filter(({ code }) => code === 'cni-failed').map(({ object, message }) => `${object}: ${message}`),
    [/^Pod shop\/web: .*stat \/var\/lib\/calico\/nodename: no such file or directory/],
  );
});

t.test('a node that does not start leaves the pool to the next that does', async (t) => {
  const second = `
apiVersion: v1
kind: Node
metadata: {name: node2}
`;
  const text = [NODE, second, daemonSet(method('interface=eth1')), configMap('bird')].join('---');
  const network = `${NETWORK}  - {name: node2, interfaces: [{name: eth0, subnet: front, address: 172.18.0.3}]}\n`;
  const cluster = new RoutedCluster(
    [
      { file: 'network.yaml', text: network },
      { file: 'cluster.yaml', text },
    ],
    { seed: 1 },
  );
  t.match(told(cluster), [/does not start: IP_AUTODETECTION_METHOD: .* "interface=eth1"/]);
  t.equal(addressOf(cluster), '10.9.0.2/24');
  t.same(
    cluster.store.list('IPPool').map(({ name }) => name),
    ['default-ipv4-ippool'],
  );
  t.ok(cluster.node('node1').files.has('/var/lib/calico/nodename'));
  t.notOk(cluster.node('node2').files.has('/var/lib/calico/nodename'));
});

t.test('a variable that has lost its effect is told', async (t) => {
  t.match(told(start('        - {name: CALICO_ADVERTISE_CLUSTER_IPS, value: 10.96.0.0/12}')), [
    /^cluster\.yaml:20:\d+: .*CALICO_ADVERTISE_CLUSTER_IPS has no lasting effect/,
  ]);
});

t.test('an AS number of the environment is in the files of BIRD', async (t) => {
  const cluster = start("        - {name: AS, value: '65001'}");
  const host = cluster.node('node1');
  cluster.routing?.refreshFiles(host);
  t.match(host.files.get('/etc/calico/confd/config/bird.cfg'), /local as 65001;/);
});

t.test('without BIRD there are no files of BIRD, and without networking no address', async (t) => {
  for (const backend of ['vxlan', 'none']) {
    const cluster = start('', { backend });
    const host = cluster.node('node1');
    cluster.routing?.refreshFiles(host);
    t.equal(host.files.get('/etc/calico/confd/config/bird.cfg'), undefined, backend);
    t.equal(addressOf(cluster) !== undefined, backend === 'vxlan', backend);
  }
});

t.test('an address on record that no interface has is told', async (t) => {
  const text = NODE.replace(
    '{name: node1}',
    '{name: node1, annotations: {projectcalico.org/IPv4Address: 192.0.2.1/24}}',
  );
  const cluster = new RoutedCluster(
    [
      { file: 'network.yaml', text: NETWORK },
      { file: 'cluster.yaml', text: [text, daemonSet(''), configMap('bird')].join('---') },
    ],
    { seed: 1 },
  );
  t.match(told(cluster), [/its recorded address 192\.0\.2\.1 is on none of its interfaces/]);
});

t.test(
  'a selector that cannot be read, and an AS number that cannot be, are told with their places, and the rest works',
  async (t) => {
    const more = `
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: broken}
spec: {nodeSelector: "rack == 'a' && zone ~ 'b'", peerIP: 192.0.2.1, asNumber: 65001}
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: large}
spec: {peerIP: 192.0.2.3, asNumber: 4294967296}
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: good}
spec: {peerIP: 192.0.2.2, asNumber: 65001}
`;
    const cluster = start('', { more });
    t.same(cluster.errors, []);
    t.match(
      cluster.findings
        .filter(({ code }) => code === 'object-refused')
        .map(({ object, message }) => `${object}: ${message}`),
      [
        /BGPPeer broken: spec\.nodeSelector: expected a selector \(expected operator after label "zone", at character 21\)/,
        /BGPPeer large: spec\.asNumber: expected an AS number, got 4294967296/,
      ],
    );
    const host = cluster.node('node1');
    cluster.routing?.refreshFiles(host);
    const bird = host.files.get('/etc/calico/confd/config/bird.cfg');
    t.match(bird, /protocol bgp Global_192_0_2_2/);
    t.notMatch(bird, /192_0_2_1/);
  },
);

t.test('a pod whose address IPAM refuses has no network, and one that asks for two gets none', async (t) => {
  const asking = (name: string, addresses: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: shop, annotations: {cni.projectcalico.org/ipAddrs: '${addresses}'}}
spec: {nodeName: node1, containers: [{name: c}]}
---`;
  const more = ['["192.168.7.7"]', '["192.168.7.7"]', '["203.0.113.1"]', '["192.168.7.8","192.168.7.9"]']
    .map((addresses, i) => asking(`asks${i}`, addresses))
    .join('');
  const cluster = start('', { more: more.replace(/---$/, '') });
  const { netns } = cluster.node('node1');
  const routes = netns.fib.listRoutes(254).join('\n');
  t.match(routes, /192\.168\.7\.7 dev cali/);
  for (const address of ['203.0.113.1', '192.168.7.8', '192.168.7.9']) t.notMatch(routes, address);
  t.equal([...netns.devices].filter(({ name }) => name.startsWith('cali')).length, 1, 'one of four has a network');
  // The same reason is told once, by whoever finds it first.
  const reasons = new Map(
    cluster.findings
      .filter(({ code }) => code === 'cni-failed' || code === 'no-address')
      .map(({ object, message }) => [object, message]),
  );
  t.match(reasons.get('Pod shop/asks1'), /already assigned/i);
  t.match(reasons.get('Pod shop/asks2'), /not in a configured pool/);
  t.match(reasons.get('Pod shop/asks3'), /cannot have more than one/);
});

t.test('a pod that asks for an address gets it, and its block with it', async (t) => {
  const more = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, annotations: {cni.projectcalico.org/ipAddrs: '["192.168.7.7"]'}}
spec: {nodeName: node1, containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: lost, namespace: shop, annotations: {cni.projectcalico.org/ipAddrs: '["203.0.113.1"]'}}
spec: {nodeName: node1, containers: [{name: c}]}
`;
  const cluster = start('', { more });
  t.equal(cluster.store.get('Pod', 'shop', 'web')?.annotations['cni.projectcalico.org/podIP'], '192.168.7.7/32');
  t.ok(cluster.store.get('IPAMBlock', '', '192-168-7-0-26'));
  t.match(
    cluster.findings.filter(({ code }) => code === 'no-address').map(({ object, message }) => `${object}: ${message}`),
    ['Pod shop/lost: the pod gets no address: The provided IP address is not in a configured pool'],
  );
});

const installed = (calicoNetwork: string, more = ''): Cluster =>
  new RoutedCluster(
    [
      { file: 'network.yaml', text: NETWORK },
      {
        file: 'cluster.yaml',
        text: [
          NODE,
          `apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\nspec: {calicoNetwork: ${calicoNetwork}}\n`,
          `apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: default}\nspec: {nodeName: node1, containers: [{name: c, ports: [{containerPort: 80}]}]}\n`,
          more,
        ].join('---\n'),
      },
    ],
    { seed: 1 },
  );

t.test('where only the operator’s Installation is there, Calico is what the operator makes of it', (t) => {
  const cluster = installed(
    '{mtu: 1380, nodeAddressAutodetectionV4: {interface: eth0}, ipPools: [{cidr: 10.50.0.0/16, encapsulation: VXLAN, blockSize: 28}]}',
  );
  t.same(cluster.findings.map(formatFinding), []);
  t.equal(addressOf(cluster), '172.18.0.2/24');
  t.match(
    cluster.store.list('IPPool').map(({ name, spec }) => ({ name, ...spec })),
    [{ name: 'default-ipv4-ippool', vxlanMode: 'Always', blockSize: 28, natOutgoing: true }],
  );
  const netns = cluster.podNetns(cluster.pod('default', 'p'));
  t.equal([...netns.devices].find(({ name }) => name === 'eth0')?.mtu, 1380);
  t.end();
});

t.test('what is wrong with an Installation is told where it stands', (t) => {
  const refused = installed('{bgp: Disabled, ipPools: [{cidr: 10.50.0.0/16}]}');
  t.match(
    refused.findings
      .filter(({ code }) => code === 'calico-setting')
      .map(({ object, path, message }) => [object, path, message]),
    [
      [
        'Installation default',
        'spec.calicoNetwork.ipPools[0]',
        'the operator refuses this pool, and makes none: a pool without VXLAN needs BGP, which is disabled',
      ],
    ],
  );
  t.same(refused.store.list('IPPool'), []);
  const pattern = installed('{nodeAddressAutodetectionV4: {interface: "eth["}}');
  t.match(
    pattern.findings.map(({ object, path }) => `${object} ${path}`).join(),
    /Installation default spec\.calicoNetwork\.nodeAddressAutodetectionV4/,
  );
  t.end();
});

t.test('settings that the operator makes of the Installation are Felix’', (t) => {
  const ebpf = installed('{linuxDataplane: BPF}');
  t.equal(ebpf.store.get('FelixConfiguration', '', 'default')?.spec.bpfEnabled, true);
  t.match(
    ebpf.findings.map(({ code, path }) => `${code} ${path}`),
    ['unmodelled-field spec.calicoNetwork.linuxDataplane'],
  );
  const felix = installed(
    '{clusterRoutingMode: Felix, bgp: Disabled, ipPools: [{cidr: 10.50.0.0/16, encapsulation: None}]}',
  );
  t.equal(felix.store.get('FelixConfiguration', '', 'default')?.spec.programClusterRoutes, 'Enabled');
  t.equal(felix.store.get('BGPConfiguration', '', 'default')?.spec.programClusterRoutes, 'Disabled');
  t.end();
});
