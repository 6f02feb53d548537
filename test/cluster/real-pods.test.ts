/** Clusters as they are dumped: containers that do not run, pods without a network, two with one address, other dataplanes. */

import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import { formatConfigError, formatFinding, formatIp } from '../../src/kubernetes/index.js';
import type { ConnectionTrace, TraceProtocol } from '../../src/trace/index.js';

const DEMO = readdirSync('topologies/two-nodes-vxlan')
  .filter((file) => file.endsWith('.yaml') && file !== 'expectations.yaml')
  .map((file) => ({ file, text: readFileSync(`topologies/two-nodes-vxlan/${file}`, 'utf8') }));

/** client on node1, web on node2, and these documents. */
const withMore = (...documents: readonly string[]): Cluster =>
  new Cluster([...DEMO, { file: 'more.yaml', text: documents.join('\n---\n') }]);

function trace(cluster: Cluster, from: string, to: string, protocol: TraceProtocol = 'tcp'): ConnectionTrace {
  const [source, destination] = [parseEndpointName(from), parseDestination(to)];
  if (isNameProblem(source) || isNameProblem(destination)) throw new Error(`bad names ${from} ${to}`);
  return cluster.trace({ from: source, to: destination, protocol });
}

const CLIENT = 'pod/default/client';

const pod = (name: string, spec: string, more = ''): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: default, labels: {app: ${name}}}\nspec: ${spec}\n${more}`;
const onNode = (node: string, containers: string): string => `{nodeName: ${node}, containers: ${containers}}`;
const WEB_AND_SIDE = '[{name: web, ports: [{containerPort: 80}]}, {name: side, ports: [{containerPort: 90}]}]';

const containers = (web: string, side: string): string =>
  `status: {phase: Running, containerStatuses: [{name: web, state: ${web}}, {name: side, state: ${side}}]}\n`;
const RUNNING = '{running: {startedAt: 2026-01-01T00:00:00Z}}';
const CRASHED = '{waiting: {reason: CrashLoopBackOff}}';

t.test('of a container that does not run nobody listens, and the trace says what keeps it', (t) => {
  const service =
    'apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: default}\nspec: {clusterIP: 10.96.0.50, selector: {app: half}, ports: [{name: a, port: 80}, {name: b, port: 7000, targetPort: 7000}]}';
  const cluster = withMore(
    pod('half', onNode('node1', WEB_AND_SIDE), containers(CRASHED, RUNNING)),
    pod('none', onNode('node1', WEB_AND_SIDE), containers('{terminated: {exitCode: 0}}', CRASHED)),
    pod('all', onNode('node1', WEB_AND_SIDE), containers(RUNNING, RUNNING)),
    service,
  );
  const half = trace(cluster, CLIENT, 'pod/default/half:80');
  t.equal(half.verdict, 'refused');
  t.same(half.explanation, [
    'Port 80/tcp is closed: container web of Pod default/half does not run (CrashLoopBackOff).',
  ]);
  t.equal(trace(cluster, CLIENT, 'pod/default/half:90').verdict, 'answered');
  t.equal(trace(cluster, CLIENT, 'pod/default/half:7000').verdict, 'answered', 'a port that nobody declares');
  const none = trace(cluster, CLIENT, 'pod/default/none:90');
  t.equal(none.verdict, 'refused');
  t.match(none.explanation, [/container side of Pod default\/none does not run \(CrashLoopBackOff\)/]);
  t.match(trace(cluster, CLIENT, 'pod/default/none:80').explanation, [/web .* does not run \(it does not run\)/]);
  for (const port of [80, 90]) t.equal(trace(cluster, CLIENT, `pod/default/all:${port}`).verdict, 'answered');
  t.end();
});

t.test('a pod with a probe that got no network is in nobody’s way', (t) => {
  const cluster = withMore(
    `apiVersion: v1
kind: Pod
metadata: {name: pinned, namespace: default, annotations: {cni.projectcalico.org/ipAddrs: '["10.99.0.1"]'}}
spec: {nodeName: node1, containers: [{name: c, ports: [{containerPort: 80}], readinessProbe: {tcpSocket: {port: 80}}}]}`,
  );
  t.equal(trace(cluster, CLIENT, 'pod/default/web:80').verdict, 'answered');
  t.ok(cluster.findings.some(({ object, code }) => object === 'Pod default/pinned' && code === 'cni-failed'));
  t.throws(() => trace(cluster, 'pod/default/pinned', 'pod/default/web:80'), /"default\/pinned" has no network/);
  t.end();
});

const held = (name: string, node: string, port: number): string =>
  pod(
    name,
    onNode(node, `[{name: c, ports: [{containerPort: ${port}}]}]`),
    'status: {phase: Running, podIP: 192.168.99.1, podIPs: [{ip: 192.168.99.1}]}\n',
  );

t.test('of two pods with one address the trace tells which was reached', (t) => {
  const cluster = withMore(
    held('here', 'node1', 80),
    held('there', 'node2', 81),
    pod('near', onNode('node2', '[{name: c}]')),
  );
  const refused = trace(cluster, 'pod/default/near', 'pod/default/here:80');
  t.equal(refused.verdict, 'refused');
  t.match(refused.explanation, [
    'Packets come to Pod default/there, which has the address of Pod default/here too.',
    /^Port 80\/tcp is taken as closed: no container of Pod default\/there declares it/,
  ]);
  const astray = ['here', 'there'].map((name) => trace(cluster, `pod/default/${name}`, 'pod/default/client', 'icmp'));
  const lost = astray.find(({ verdict }) => verdict !== 'answered');
  t.match(lost?.explanation, [
    /^The answer comes to pod\/default\/(here|there) and not to pod\/default\/(here|there)\.$/,
  ]);
  t.end();
});

const proxy = (mode: string): string =>
  `apiVersion: v1
kind: ConfigMap
metadata: {name: kube-proxy, namespace: kube-system}
data: {config.conf: "apiVersion: kubeproxy.config.k8s.io/v1alpha1\\nkind: KubeProxyConfiguration\\nmode: ${mode}\\n"}`;
const BALANCED = `apiVersion: v1
kind: Service
metadata: {name: w, namespace: default}
spec: {type: LoadBalancer, clusterIP: 10.96.0.20, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
status: {loadBalancer: {ingress: [{ip: 203.0.113.80}]}}`;

t.test('what a proxy does that is not modelled is not known, wherever its Services are reached', (t) => {
  for (const mode of ['ipvs', 'nftables']) {
    const cluster = withMore(proxy(mode), BALANCED);
    for (const [from, to] of [
      [CLIENT, 'svc/default/w:80'],
      [CLIENT, 'node/node1:30080'],
      ['host/internet', 'node/node2:30080'],
      ['node/node1', '203.0.113.80:80'],
    ] as const) {
      const { verdict, explanation } = trace(cluster, from, to);
      t.equal(verdict, 'unknown', `${mode}: ${from} to ${to}`);
      t.match(explanation.join(' '), new RegExp(`Service default/w is resolved by kube-proxy in the mode ${mode}`));
    }
    // Felix programs nftables where kube-proxy does.
    const others = mode === 'nftables' ? ['unknown', 'unknown'] : ['refused', 'answered'];
    const ends = ['node/node1:30081', 'pod/default/web:80'];
    t.same(
      ends.map((to) => trace(cluster, CLIENT, to).verdict),
      others,
      `${mode}: no node port, and a pod`,
    );
  }
  t.end();
});

t.test('nobody knows what Felix’s eBPF programs do to a packet', (t) => {
  const cluster = withMore(
    'apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {name: node.node2}\nspec: {bpfEnabled: true}',
    pod('other', onNode('node1', '[{name: c, ports: [{containerPort: 80}]}]')),
  );
  const { verdict, explanation } = trace(cluster, CLIENT, 'pod/default/web:80');
  t.equal(verdict, 'unknown');
  t.match(explanation, ['Felix programs eBPF on node/node2, which is not modelled: what its rules do is not known.']);
  t.equal(trace(cluster, CLIENT, 'pod/default/other:80').verdict, 'answered', 'not by way of that node');
  t.end();
});

/** As Calico's manifests set it: the environment of calico-node. */
const calicoNode = (variable: string, value: string): string =>
  `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      hostNetwork: true
      containers: [{name: calico-node, env: [{name: ${variable}, value: "${value}"}]}]
      volumes: [{name: cni, hostPath: {path: /etc/cni/net.d}}]`;

t.test('what the environment of calico-node asks of Felix is told where it stands, and traces are unknown', (t) => {
  for (const [variable, value, programs] of [
    ['FELIX_BPFENABLED', 'true', 'eBPF'],
    ['FELIX_NFTABLESMODE', 'enabled', 'nftables'],
  ] as const) {
    const cluster = withMore(calicoNode(variable, value));
    const { verdict, explanation } = trace(cluster, CLIENT, 'pod/default/web:80');
    t.equal(verdict, 'unknown', variable);
    t.match(explanation[0], `Felix programs ${programs} on node/node1, which is not modelled`);
    const told = cluster.findings.filter(({ code }) => code === 'unmodelled').map(formatFinding);
    t.equal(told.length, 1);
    t.match(
      told[0],
      `more.yaml:10:${62 + variable.length}: notice: DaemonSet kube-system/calico-node: Felix with ${programs} is not modelled`,
    );
  }
  t.equal(trace(withMore(calicoNode('FELIX_BPFENABLED', 'false')), CLIENT, 'pod/default/web:80').verdict, 'answered');
  t.end();
});

t.test('the operator’s nftables are taken to be found where nothing says how kube-proxy runs', (t) => {
  const installation =
    'apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\nspec: {calicoNetwork: {linuxDataplane: Nftables}}';
  t.equal(trace(withMore(installation), CLIENT, 'pod/default/web:80').verdict, 'unknown');
  t.equal(trace(withMore(installation, proxy('iptables')), CLIENT, 'pod/default/web:80').verdict, 'answered');
  t.end();
});

const bringsPlugin = (name: string, path: string, container = name): string =>
  `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ${name}, namespace: kube-system}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      hostNetwork: true
      containers: [{name: ${container}}]
      volumes: [{name: cni, hostPath: {path: ${path}}}]`;

const plainNode = (name: string, n: number, more = ''): string =>
  `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}${more}}\nstatus: {addresses: [{type: InternalIP, address: 172.18.0.${n}}]}`;
const TWO_PODS = [
  pod('a', onNode('n1', '[{name: c}]'), 'status: {podIP: 10.244.0.5}\n'),
  pod('b', onNode('n2', '[{name: c, ports: [{containerPort: 80}]}]'), 'status: {podIP: 10.244.1.6}\n'),
];
const clusterOf = (...documents: readonly string[]): Cluster =>
  new Cluster([{ file: 'c.yaml', text: documents.join('\n---\n') }]);
const unmodelledIn = (cluster: Cluster): string[] =>
  cluster.findings.filter(({ code }) => code === 'unmodelled').map(({ object, message }) => `${object}: ${message}`);

t.test('where another CNI plugin is brought, nobody knows how pods are connected', (t) => {
  const nodes = [plainNode('n1', 1), plainNode('n2', 2)];
  for (const path of [
    '/etc/cni/net.d',
    '/etc/cni/net.d/',
    '/opt/cni/bin',
    '/var/lib/rancher/k3s/agent/etc/cni/net.d',
  ]) {
    const cluster = clusterOf(...nodes, ...TWO_PODS, bringsPlugin('kindnet', path));
    const { verdict, explanation } = trace(cluster, 'pod/default/a', 'pod/default/b:80');
    t.equal(verdict, 'unknown', path);
    t.same(explanation, [
      'DaemonSet kube-system/kindnet brings a CNI plugin that is not modelled: how it connects pods is not known.',
    ]);
    t.same(unmodelledIn(cluster), [
      'DaemonSet kube-system/kindnet: it brings a CNI plugin that is not modelled: what becomes of packets of pods is not known',
    ]);
  }
  const none = clusterOf(...nodes, ...TWO_PODS, bringsPlugin('exporter', '/proc'));
  t.not(trace(none, 'pod/default/a', 'pod/default/b:80').verdict, 'unknown');
  t.same(unmodelledIn(none), []);
  t.end();
});

t.test(
  'a dump without DaemonSets tells of the plugin by its pods, and that of k3s by what flannel notes on nodes',
  (t) => {
    const nodes = [plainNode('n1', 1), plainNode('n2', 2)];
    const kindnet = pod(
      'kindnet-x',
      '{hostNetwork: true, nodeName: n1, containers: [{name: c}], volumes: [{name: v, hostPath: {path: /etc/cni/net.d}}]}',
    );
    const byPod = trace(clusterOf(...nodes, ...TWO_PODS, kindnet), 'pod/default/a', 'pod/default/b:80');
    t.same(byPod.explanation, [
      'Pod default/kindnet-x brings a CNI plugin that is not modelled: how it connects pods is not known.',
    ]);
    const noted = plainNode('n1', 1, ', annotations: {flannel.alpha.coreos.com/backend-type: vxlan}');
    const byNode = trace(clusterOf(noted, plainNode('n2', 2), ...TWO_PODS), 'pod/default/a', 'pod/default/b:80');
    t.same(byNode.explanation, ['Node n1 runs flannel, which is not modelled: how it connects pods is not known.']);
    t.end();
  },
);

t.test('a plugin beside Calico’s is told, and changes no verdict', (t) => {
  const cluster = withMore(bringsPlugin('kube-multus-ds', '/etc/cni/net.d'));
  t.equal(trace(cluster, CLIENT, 'pod/default/web:80').verdict, 'answered');
  t.same(unmodelledIn(cluster), [
    "DaemonSet kube-system/kube-multus-ds: it brings a CNI plugin that is not modelled: pods are connected by Calico's alone",
  ]);
  t.end();
});

t.test('Calico’s policy on another plugin’s network leaves open how pods are connected', (t) => {
  const policyOnly = calicoNode('CALICO_NETWORKING_BACKEND', 'none');
  const cluster = withMore(policyOnly, bringsPlugin('aws-node', '/etc/cni/net.d'));
  t.match(trace(cluster, CLIENT, 'pod/default/web:80').explanation, [
    /^DaemonSet kube-system\/aws-node brings a CNI plugin/,
  ]);
  const eks =
    'apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\nspec: {kubernetesProvider: EKS}';
  t.match(trace(withMore(eks), CLIENT, 'pod/default/web:80').explanation, [
    'Installation default has the CNI plugin AmazonVPC, which is not modelled: how it connects pods is not known.',
  ]);
  t.end();
});

t.test('what Windows makes of a packet is not known', (t) => {
  const win = plainNode('win', 9, ', labels: {kubernetes.io/os: windows}');
  const noted = `${plainNode('win2', 10).slice(0, -1)}, nodeInfo: {operatingSystem: windows}}`;
  const cluster = withMore(
    win,
    noted,
    ...['win', 'win2'].map((node) => pod(`on-${node}`, onNode(node, '[{name: c}]'))),
  );
  for (const node of ['win', 'win2']) {
    const { verdict, explanation } = trace(cluster, CLIENT, `pod/default/on-${node}`, 'icmp');
    t.equal(verdict, 'unknown');
    t.same(explanation, [
      `node/${node} runs Windows, which is not modelled: what becomes of packets there is not known.`,
    ]);
  }
  t.equal(unmodelledIn(cluster).length, 2);
  t.equal(trace(cluster, CLIENT, 'pod/default/web:80').verdict, 'answered', 'not by way of them');
  t.end();
});

const ONLY_CLIENT = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only, namespace: default}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}`;

t.test('where a policy sees another source than was sent from, the answer says which rule made it so', (t) => {
  const masquerading = proxy('iptables').replace('mode: iptables', 'mode: iptables\\nclusterCIDR: 10.12.0.0/16');
  const cluster = withMore(masquerading, BALANCED, ONLY_CLIENT);
  const { verdict, explanation } = trace(cluster, CLIENT, 'svc/default/w:80');
  t.equal(verdict, 'dropped');
  const told = cluster.findings.map(({ message }) => message).join('\n');
  t.match(told, /clusterCIDR 10\.12\.0\.0\/16 does not hold IPPool default-ipv4-ippool \(192\.168\.0\.0\/16\)/);
  const right = withMore(proxy('iptables').replace('mode: iptables', 'mode: iptables\\nclusterCIDR: 192.168.0.0/16'));
  t.notOk(right.findings.some(({ message }) => message.includes('does not hold')));
  t.match(
    explanation.join('\n'),
    /^The packet has 192\.168\.\d+\.\d+ as the source, not 192\.168\.\d+\.\d+, by node\/node1: KUBE-POSTROUTING rule \d+, .*MASQUERADE/m,
  );
  t.end();
});

const nodeWithRange = (name: string, n: number): string =>
  `apiVersion: v1
kind: Node
metadata: {name: ${name}}
spec: {podCIDR: 10.244.${n}.0/29, podCIDRs: [10.244.${n}.0/29, "fd00:${n}::/64"]}
status: {addresses: [{type: InternalIP, address: 172.18.0.${n}}]}`;

/** As Canal and Calico's policy-only manifests install it. */
const canal = (ipam: string): string =>
  `apiVersion: v1
kind: ConfigMap
metadata: {name: calico-config, namespace: kube-system}
data:
  cni_network_config: |-
    {"name": "k8s-pod-network", "cniVersion": "0.3.1", "plugins": [
      {"type": "calico", "datastore_type": "kubernetes", "nodename": "__KUBERNETES_NODE_NAME__", "mtu": __CNI_MTU__,
       "ipam": ${ipam}, "policy": {"type": "k8s"}}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: canal, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: canal}}
  template:
    metadata: {labels: {k8s-app: canal}}
    spec:
      hostNetwork: true
      tolerations: [{operator: Exists}]
      initContainers: [{name: install-cni, env: [{name: CNI_NETWORK_CONFIG, valueFrom: {configMapKeyRef: {name: calico-config, key: cni_network_config}}}]}]
      containers: [{name: calico-node, env: [{name: CALICO_NETWORKING_BACKEND, value: none}, {name: USE_POD_CIDR, value: "true"}, {name: NO_DEFAULT_POOLS, value: "true"}]}]`;

t.test('between nodes of Canal the routes are flannel’s, which nobody models', (t) => {
  const flannel = canal('{"type": "host-local", "subnet": "usePodCidr"}').replace(
    'containers: [{name: calico-node',
    'containers: [{name: kube-flannel}, {name: calico-node',
  );
  const [a, b, c] = [
    ['a', 'n1'],
    ['b', 'n1'],
    ['c', 'n2'],
  ].map(([name = '', node = '']) => pod(name, onNode(node, '[{name: c, ports: [{containerPort: 80}]}]')));
  const documents = [nodeWithRange('n1', 1), nodeWithRange('n2', 2), a, b, c, flannel];
  const cluster = new Cluster([{ file: 'canal.yaml', text: documents.join('\n---\n') }]);
  t.equal(trace(cluster, 'pod/default/a', 'pod/default/b:80').verdict, 'answered', 'on one node');
  const { verdict, explanation } = trace(cluster, 'pod/default/a', 'pod/default/c:80');
  t.equal(verdict, 'unknown');
  t.same(explanation, [
    'DaemonSet kube-system/canal runs flannel, which programs the routes between nodes and is not modelled: what becomes of packets between nodes is not known.',
  ]);
  t.end();
});

t.test('where Calico leaves addresses to host-local, pods get those of their node’s podCIDR', (t) => {
  const pods = ['a', 'b'].map((name) => pod(name, onNode('n1', '[{name: c, ports: [{containerPort: 80}]}]')));
  const kept = pod('kept', onNode('n1', '[{name: c}]'), 'status: {podIP: 10.244.1.3, podIPs: [{ip: 10.244.1.3}]}\n');
  const documents = [nodeWithRange('n1', 1), nodeWithRange('n2', 2), ...pods, kept];
  for (const ipam of [
    '{"type": "host-local", "subnet": "usePodCidr"}',
    '{"type": "host-local", "ranges": [[{"subnet": "usePodCIDR"}]]}',
  ]) {
    const text = [...documents, canal(ipam)].join('\n---\n');
    const cluster = new Cluster([{ file: 'canal.yaml', text }]);
    const { verdict, packets, from, to } = trace(cluster, 'pod/default/a', 'pod/default/b:80');
    t.equal(verdict, 'answered', ipam);
    t.ok(packets.length > 0);
    t.same(
      [from.address, to.address].map((address) => (address ?? 0) & 0xff),
      [2, 4],
      'the first that are free',
    );
    t.same(
      cluster.findings.filter(({ code }) => code === 'no-address' || code === 'cni-failed'),
      [],
    );
  }
  t.end();
});

const disabledPool = (name: string, cidr: string): string =>
  `apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: ${name}}
spec: {cidr: ${cidr}, vxlanMode: Always, natOutgoing: true, disabled: true}`;

t.test('a pool that is disabled keeps the addresses that it has given', (t) => {
  const old = pod(
    'old',
    onNode('node2', '[{name: c, ports: [{containerPort: 80}]}]'),
    'status: {phase: Running, podIP: 10.62.0.5, podIPs: [{ip: 10.62.0.5}]}\n',
  );
  const cluster = withMore(disabledPool('old', '10.62.0.0/16'), old);
  t.equal(trace(cluster, CLIENT, 'pod/default/old:80').verdict, 'answered');
  t.same(
    cluster.findings.filter(({ object }) => object === 'Pod default/old'),
    [],
  );
  t.end();
});

const controllers = (hostEndpoint: string): string =>
  `apiVersion: projectcalico.org/v3
kind: KubeControllersConfiguration
metadata: {name: default}
spec: {controllers: {node: {hostEndpoint: ${hostEndpoint}}}}`;
const ONLY_SSH = `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: nodes}
spec: {selector: "kubernetes.io/hostname == 'node1'", types: [Ingress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [22]}}]}`;
const LISTENS =
  'apiVersion: podwire.dev/v1alpha1\nkind: HostConfig\nmetadata: {name: h}\nspec: {listen: [{port: 8000}]}';

t.test('host endpoints are made for nodes where kube-controllers are asked to, and policy is for them', (t) => {
  const cluster = withMore(controllers('{autoCreate: Enabled}'), ONLY_SSH, LISTENS);
  const found = cluster.store.list('HostEndpoint').map(({ name, labels, spec }) => ({ name, labels, ...spec }));
  t.match(found, [
    {
      name: 'node1-auto-hep',
      labels: { 'kubernetes.io/hostname': 'node1', 'projectcalico.org/created-by': 'calico-kube-controllers' },
      interfaceName: '*',
      profiles: ['projectcalico-default-allow'],
    },
    { name: 'node2-auto-hep' },
  ]);
  t.equal(found[0]?.expectedIPs.length, 2, 'its own address and its tunnel’s');
  t.equal(trace(cluster, 'host/internet', 'node/node1:8000').verdict, 'dropped');
  t.equal(trace(cluster, 'host/internet', 'node/node2:8000').verdict, 'answered', 'no policy selects it');
  t.equal(trace(cluster, CLIENT, 'pod/default/web:80').verdict, 'answered', 'what is forwarded is not its own');
  t.same(withMore(controllers('{autoCreate: Disabled}')).store.list('HostEndpoint'), []);
  t.end();
});

t.test('host endpoints are made by templates, for nodes and addresses that these select', (t) => {
  const template =
    '{generateName: t, nodeSelector: "kubernetes.io/hostname == \'node2\'", interfaceCIDRs: [172.18.0.0/16], labels: {role: edge}}';
  const cluster = withMore(
    controllers(
      `{autoCreate: Enabled, createDefaultHostEndpoint: Disabled, templates: [${template}, {generateName: i, interfacePattern: "eth.*"}]}`,
    ),
  );
  t.match(
    cluster.store
      .list('HostEndpoint')
      .map(({ name, labels, spec }) => ({ name, role: labels['role'], ips: spec.expectedIPs.length })),
    [
      { name: 'node1-i-eth0-auto-hep', ips: 1 },
      { name: 'node2-i-eth0-auto-hep', ips: 1 },
      { name: 'node2-t-auto-hep', role: 'edge', ips: 1 },
    ],
  );
  t.end();
});

t.test('a template with a pattern makes one for each interface that calico-node has written down, or would', (t) => {
  const templates = (template: string): string =>
    controllers(`{autoCreate: Enabled, createDefaultHostEndpoint: Disabled, templates: [${template}]}`);
  const made = (...documents: readonly string[]) =>
    withMore(...documents)
      .store.list('HostEndpoint')
      .map(({ name, spec }) => [name, spec.interfaceName, spec.expectedIPs.map(formatIp)]);
  t.same(made(templates('{generateName: i, interfacePattern: "^e"}')), [
    ['node1-i-eth0-auto-hep', 'eth0', ['172.18.0.2']],
    ['node2-i-eth0-auto-hep', 'eth0', ['172.18.0.3']],
  ]);
  t.same(made(templates('{generateName: i, interfacePattern: "^(lo|vxlan.*)$"}')), [], 'nobody’s own are left out');
  const written = `apiVersion: v1
kind: Node
metadata:
  name: node3
  annotations: {projectcalico.org/Interfaces: '[{"name":"ens5","addresses":["172.18.0.9","10.7.0.9"]},{"name":"ens6"}]'}
status: {addresses: [{type: InternalIP, address: 172.18.0.9}]}`;
  const onThird = '{generateName: i, interfacePattern: ens, interfaceCIDRs: [10.7.0.0/16], nodeSelector: all()}';
  t.same(made(templates(onThird), written), [
    ['node3-i-ens5-auto-hep', 'ens5', ['10.7.0.9', '172.18.0.9']],
    ['node3-i-ens6-auto-hep', 'ens6', ['10.7.0.9']],
  ]);
  const guarded = withMore(templates('{generateName: i, interfacePattern: eth0}'), ONLY_SSH, LISTENS);
  t.equal(trace(guarded, 'host/internet', 'node/node1:8000').verdict, 'dropped');
  t.end();
});

const ofFamilies = (families: string): string =>
  `apiVersion: v1
kind: Service
metadata: {name: six, namespace: default}
spec: {${families}, selector: {app: web}, ports: [{port: 80}]}`;
const SUBNET = `apiVersion: v1
kind: ConfigMap
metadata: {name: kubeadm-config, namespace: kube-system}
data: {ClusterConfiguration: "networking: {serviceSubnet: 10.96.0.0/16}"}`;

t.test('a Service of a family that the cluster does not have is refused, and gets no address of another', (t) => {
  const told = (...documents: string[]): string => {
    const { errors, findings } = withMore(...documents);
    return [...errors.map(formatConfigError), ...findings.map(formatFinding)].join('\n');
  };
  t.match(
    told(ofFamilies('ipFamilies: [IPv6]'), SUBNET),
    /Service default\/six: .*a family that the cluster has: IPv4/,
  );
  t.match(told(ofFamilies('ipFamilyPolicy: RequireDualStack'), SUBNET), /six: .*since the cluster has IPv4 alone/);
  t.notMatch(told(ofFamilies('ipFamilyPolicy: PreferDualStack'), SUBNET), /six: expected/);
  const unknown = withMore(ofFamilies('ipFamilies: [IPv6], ipFamilyPolicy: SingleStack'));
  t.same(unknown.store.get('Service', 'default', 'six')?.spec.clusterIPs, []);
  t.ok(
    unknown.findings.some(
      ({ object, message }) => object === 'Service default/six' && message.includes('gets no address'),
    ),
  );
  t.end();
});

t.test('NodeLocal DNSCache is told of, once, for it is not modelled', (t) => {
  const cache = (node: string): string =>
    pod(
      `cache-${node}`,
      `{nodeName: ${node}, hostNetwork: true, containers: [{name: c, args: ["-localip", "169.254.20.10,10.96.0.10", "-conf", "/etc/Corefile"]}]}`,
    );
  const { findings } = withMore(cache('node1'), cache('node2'));
  const told = findings.filter(({ message }) => message.includes('NodeLocal DNSCache'));
  t.match(told, [{ object: 'Pod default/cache-node1', message: /at 169\.254\.20\.10,10\.96\.0\.10/ }]);
  t.equal(told.length, 1);
  t.end();
});
