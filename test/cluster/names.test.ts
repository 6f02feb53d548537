/** Names in whole clusters: files of pods, CoreDNS in its pods, and what is told of both. */

import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import { parseIpv4 } from '../../src/packet/index.js';

const BASE = `
apiVersion: v1
kind: Node
metadata: {name: a}
status: {addresses: [{type: InternalIP, address: 10.0.0.1}]}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: pool}
spec: {cidr: 10.244.0.0/16, ipipMode: Never, vxlanMode: Always, natOutgoing: true}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10, selector: {k8s-app: kube-dns}, ports: [{name: dns, port: 53, protocol: UDP}]}
---
apiVersion: podwire.dev/v1alpha1
kind: HostConfig
metadata: {name: nodes}
spec:
  files:
    /etc/resolv.conf: "# by hand\\nsearch corp.example\\nnameserver 10.0.0.53\\noptions timeout:3 rotate\\n"
    /etc/hosts: "127.0.0.1 localhost\\n10.0.0.1 a\\n"
`;

const pod = (name: string, spec: string, metadata = ''): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: shop${metadata}}\nspec: {nodeName: a, containers: [{name: c, image: x}]${spec}}\n`;

const coreDns = pod(
  'coredns',
  ', dnsPolicy: Default, volumes: [{name: v, configMap: {name: dns}}]',
  ', labels: {k8s-app: kube-dns}',
)
  .replace('image: x', 'image: "coredns/coredns:1.12"')
  .replace('namespace: shop', 'namespace: kube-system');

const load = (...texts: readonly string[]): Cluster => {
  const cluster = new Cluster([{ file: 'in.yaml', text: BASE + texts.join('') }]);
  if (cluster.errors.length > 0) throw new Error(JSON.stringify(cluster.errors));
  return cluster;
};

function filesOf(cluster: Cluster, name = 'p'): { read: (path: string) => string | undefined; hostname: string } {
  const endpoint = parseEndpointName(name === 'coredns' ? 'pod/kube-system/coredns' : `pod/shop/${name}`);
  if (isNameProblem(endpoint)) throw new Error(endpoint.problem);
  const { netns, pod: found } = cluster.locate(endpoint);
  return {
    read: (path) => cluster.programs.files(netns.host, found).get(path),
    hostname: cluster.programs.hostname(netns.host, found),
  };
}

const CLUSTER_SEARCH = 'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example';
const FULL = `${CLUSTER_SEARCH}\nnameserver 10.96.0.10\noptions ndots:5\n`;
const NODE = 'search corp.example\nnameserver 10.0.0.53\noptions timeout:3 rotate\n';

const RESOLV: readonly (readonly [string, string, string])[] = [
  ['ClusterFirst', '', FULL],
  ['ClusterFirst on the host network is the node’s', ', hostNetwork: true', NODE],
  ['ClusterFirstWithHostNet', ', hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet', FULL],
  ['Default', ', dnsPolicy: Default', NODE],
  [
    'None',
    ', dnsPolicy: None, dnsConfig: {nameservers: [9.9.9.9], searches: [x.y], options: [{name: ndots, value: "2"}, {name: edns0}]}',
    'search x.y\nnameserver 9.9.9.9\noptions ndots:2 edns0\n',
  ],
  [
    'dnsConfig adds, and takes the place of options',
    ', dnsConfig: {nameservers: [9.9.9.9, 10.96.0.10], searches: [cluster.local, more.example], options: [{name: ndots, value: "1"}]}',
    `${CLUSTER_SEARCH} more.example\nnameserver 10.96.0.10\nnameserver 9.9.9.9\noptions ndots:1\n`,
  ],
  [
    'no more than three servers',
    ', dnsConfig: {nameservers: [1.1.1.1, 2.2.2.2, 3.3.3.3]}',
    `${CLUSTER_SEARCH}\nnameserver 10.96.0.10\nnameserver 1.1.1.1\nnameserver 2.2.2.2\noptions ndots:5\n`,
  ],
];

for (const [name, spec, expected] of RESOLV) {
  t.test(`/etc/resolv.conf of a pod with ${name}`, (t) => {
    t.equal(filesOf(load(pod('p', spec))).read('/etc/resolv.conf'), expected);
    t.end();
  });
}

t.test('kubelet’s configuration says where the cluster’s DNS is, and its domain', (t) => {
  const config =
    '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubelet-config, namespace: kube-system}\ndata:\n  kubelet: |\n    apiVersion: kubelet.config.k8s.io/v1beta1\n    kind: KubeletConfiguration\n    clusterDNS: [169.254.20.10]\n    clusterDomain: corp.local\n    resolvConf: /run/resolv.conf\n';
  const cluster = load(pod('p', ''), config);
  t.equal(
    filesOf(cluster).read('/etc/resolv.conf'),
    'search shop.svc.corp.local svc.corp.local corp.local corp.example\nnameserver 169.254.20.10\noptions ndots:5\n',
  );
  t.match(
    cluster.findings.filter(({ code }) => code === 'dns'),
    [
      {
        object: 'ConfigMap kube-system/kubelet-config',
        message: 'pods are told to ask 169.254.20.10 for names, and no Service has that address',
      },
    ],
  );
  t.end();
});

t.test('a kubelet without a resolv.conf of its own sends pods that would have it to themselves', (t) => {
  const config =
    '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubelet-config, namespace: kube-system}\ndata:\n  kubelet: |\n    kind: KubeletConfiguration\n    resolvConf: ""\n';
  const resolv = (spec: string) => filesOf(load(pod('p', spec), config)).read('/etc/resolv.conf');
  t.equal(resolv(', dnsPolicy: Default'), 'search .\nnameserver 127.0.0.1\n');
  t.equal(
    resolv(', hostNetwork: true, dnsConfig: {searches: [x.y]}'),
    'search . x.y\nnameserver 127.0.0.1\n',
    'what the pod asks for is added',
  );
  t.equal(resolv(''), FULL.replace(' corp.example', ''), 'the cluster’s DNS is asked all the same');
  t.end();
});

t.test('domains of the node that are longer than a name may be are not handed on', (t) => {
  const domain = (length: number): string => `${'a.'.repeat(125)}${'b'.repeat(length - 250)}`;
  const config =
    '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubelet-config, namespace: kube-system}\ndata: {kubelet: "resolvConf: /run/resolv.conf"}\n';
  const resolv = (search: string) =>
    filesOf(
      load(
        pod('p', ', dnsPolicy: Default'),
        config,
        `---\napiVersion: podwire.dev/v1alpha1\nkind: HostConfig\nmetadata: {name: more}\nspec:\n  files: {/run/resolv.conf: "search x.y ${search} z\\nnameserver 10.0.0.53\\n"}\n`,
      ),
    ).read('/etc/resolv.conf');
  t.equal(resolv(domain(253)), `search x.y ${domain(253)} z\nnameserver 10.0.0.53\n`);
  t.equal(resolv(domain(254)), 'search x.y z\nnameserver 10.0.0.53\n');
  t.end();
});

t.test('where kubelet’s configuration is left out, kubeadm’s says the domain', (t) => {
  const config =
    '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubeadm-config, namespace: kube-system}\ndata:\n  ClusterConfiguration: |\n    networking: {dnsDomain: corp.local}\n';
  t.equal(
    filesOf(load(pod('p', ''), config)).read('/etc/resolv.conf'),
    'search shop.svc.corp.local svc.corp.local corp.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n',
  );
  t.end();
});

t.test('/etc/hosts and the host’s name', (t) => {
  const hosts = (spec: string): string[] =>
    filesOf(load(pod('p', spec)))
      .read('/etc/hosts')
      ?.split('\n')
      .slice(7) ?? [];
  const plain = hosts('');
  t.match(plain[0], /^10\.244\.\d+\.\d+\tp$/);
  t.match(hosts(', hostname: db, subdomain: sub')[0], /\tdb\.sub\.shop\.svc\.cluster\.local\tdb$/);
  t.same(hosts(', hostAliases: [{ip: 1.2.3.4, hostnames: [a.b, c]}]').slice(1), [
    '',
    '# Entries added by HostAliases.',
    '1.2.3.4\ta.b\tc',
    '',
  ]);
  t.equal(
    filesOf(load(pod('p', ', hostNetwork: true, hostAliases: [{ip: 1.2.3.4, hostnames: [x]}]'))).read('/etc/hosts'),
    '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n10.0.0.1 a\n\n# Entries added by HostAliases.\n1.2.3.4\tx\n',
  );
  const name = (spec: string): string => filesOf(load(pod('p', spec))).hostname;
  t.equal(name(''), 'p');
  t.equal(name(', hostNetwork: true'), 'a');
  t.equal(name(', hostname: h, subdomain: s'), 'h');
  t.equal(name(', hostname: h, subdomain: s, setHostnameAsFQDN: true'), 'h.s.shop.svc.cluster.local');
  t.end();
});

const corefile = (...lines: readonly string[]): string =>
  `---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: dns, namespace: kube-system}\ndata:\n  Corefile: |\n${lines.map((line) => `    ${line}\n`).join('')}`;

const lineOf = (text: string, part: string): number =>
  (BASE + text).split('\n').findIndex((line) => line.includes(part)) + 1;

t.test('a Corefile that is wrong: CoreDNS does not start, and the line is told', (t) => {
  const text = coreDns + corefile('. {', '  kubernetes cluster.local', '  chache 30', '}');
  const cluster = load(text, pod('p', ''));
  filesOf(cluster, 'coredns');
  const found = cluster.findings.find(({ code }) => code === 'dns');
  t.match(found, {
    severity: 'warning',
    object: 'ConfigMap kube-system/dns',
    message: "CoreDNS does not start, Corefile:3: Unknown directive 'chache'",
  });
  t.equal(found?.line, lineOf(text, 'chache'));
  const trace = cluster.trace({
    from: { kind: 'pod', namespace: 'shop', name: 'p' },
    to: { endpoint: { kind: 'pod', namespace: 'kube-system', name: 'coredns' }, port: 53 },
    protocol: 'udp',
  });
  t.equal(trace.verdict, 'refused');
  t.end();
});

t.test('a node whose resolv.conf leads back to itself: CoreDNS ends at once', (t) => {
  const cluster = load(coreDns, corefile('. {', '  loop', '  forward . 10.96.0.10', '}'));
  filesOf(cluster, 'coredns');
  t.match(
    cluster.findings.filter(({ code }) => code === 'dns'),
    [{ message: /Loop detected for zone "\."/ }],
  );
  t.end();
});

t.test('what is not modelled is reported where it stands; kubeadm’s Corefile is assumed where none is', (t) => {
  const text = coreDns + corefile('. {', '  kubernetes cluster.local', '  dns64', '}');
  const cluster = load(text);
  filesOf(cluster, 'coredns');
  t.match(
    cluster.findings.filter(({ code }) => code === 'unmodelled'),
    [{ line: lineOf(text, 'dns64'), message: /the plugin 'dns64' is not modelled/ }],
  );
  const assumed = load(coreDns);
  filesOf(assumed, 'coredns');
  t.match(
    assumed.findings.filter(({ code }) => code === 'dns'),
    [{ object: 'Pod kube-system/coredns', message: /kubeadm's is assumed/ }],
  );
  t.end();
});

t.test('a trace to a Service asks for its name, and says so as data', (t) => {
  const cluster = load(
    coreDns,
    corefile('.:53 {', '  kubernetes cluster.local', '}'),
    pod('p', ''),
    pod('w', '', ', labels: {app: w}').replace('image: x', 'image: x, ports: [{containerPort: 80}]'),
    '---\napiVersion: v1\nkind: Service\nmetadata: {name: w, namespace: shop}\nspec: {clusterIP: 10.96.0.20, selector: {app: w}, ports: [{port: 80}]}\n',
  );
  const to = parseDestination('svc/shop/w:80');
  if (isNameProblem(to)) throw new Error(to.problem);
  const trace = cluster.trace({ from: { kind: 'pod', namespace: 'shop', name: 'p' }, to, protocol: 'tcp' });
  t.equal(trace.verdict, 'answered');
  t.match(trace.resolution, {
    name: 'w',
    address: parseIpv4('10.96.0.20'),
    queries: [
      { name: 'w.shop.svc.cluster.local', type: 'A', result: '10.96.0.20' },
      { type: 'AAAA', result: 'no data' },
    ],
  });
  t.ok((trace.resolution?.packets.length ?? 0) >= 4, 'the questions are packets');
  t.end();
});

t.test('destinations by name', (t) => {
  t.match(parseDestination('db.shop:5432'), { endpoint: { kind: 'name', name: 'db.shop' }, port: 5432 });
  t.match(parseDestination('db'), { endpoint: { kind: 'name', name: 'db' }, port: undefined });
  t.match(parseDestination('a..b:80'), { problem: /is none of/ });
  t.match(parseDestination('10.0.0.1:80'), { endpoint: { kind: 'address' } });
  t.match(parseDestination('db:0'), { problem: /not a port/ });
  t.end();
});
