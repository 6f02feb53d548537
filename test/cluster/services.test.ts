/** Services in a whole cluster: named, traced, assumed where the input leaves something out, and wrong ones reported. */

import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import { type ConnectionTrace, stepsOf, type TraceProtocol } from '../../src/trace/index.js';

interface Source {
  readonly file: string;
  readonly text: string;
}

const topology = (name: string): Source[] =>
  readdirSync(`topologies/${name}`)
    .filter((file) => file.endsWith('.yaml') && file !== 'expectations.yaml')
    .map((file) => ({ file, text: readFileSync(`topologies/${name}/${file}`, 'utf8') }));

/** two-nodes-vxlan (client on node1, web on node2, port 80) with other documents. */
const withMore = (more: string): Cluster =>
  new Cluster([...topology('two-nodes-vxlan'), { file: 'more.yaml', text: more }]);

function trace(cluster: Cluster, from: string, to: string, protocol: TraceProtocol = 'tcp'): ConnectionTrace {
  const [source, destination] = [parseEndpointName(from), parseDestination(to)];
  if (isNameProblem(source) || isNameProblem(destination)) throw new Error(`bad names ${from} ${to}`);
  return cluster.trace({ from: source, to: destination, protocol });
}

const CLIENT = 'pod/default/client';

const service = (name: string, spec: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: default}\nspec: ${spec}\n`;

const webPod = (
  name: string,
  node: string,
  containers = '[{name: c, image: i, ports: [{name: http, containerPort: 8080}]}]',
): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: default, labels: {app: shop}}\nspec: {nodeName: ${node}, containers: ${containers}}\n`;

const join = (...documents: readonly string[]): string => documents.join('---\n');

const found = (cluster: Cluster, code: string) =>
  cluster.findings
    .filter((one) => one.code === code)
    .map(({ object, line, path, message }) => ({ object, line, path, message }));

t.test('a Service without the port that is asked for: the answer says which it has', (t) => {
  const cluster = withMore(
    service(
      'shop',
      '{clusterIP: 10.96.7.7, selector: {app: shop}, ports: [{port: 80, name: w}, {port: 53, name: d, protocol: UDP}]}',
    ),
  );
  t.match(trace(cluster, CLIENT, 'svc/default/shop:81').explanation, [
    'Service default/shop has no tcp port 81, but tcp 80, udp 53.',
  ]);
  t.match(trace(cluster, CLIENT, '10.96.7.7:80', 'udp').explanation, [/^Service default\/shop has no udp port 80, /]);
  t.notMatch(trace(cluster, CLIENT, 'svc/default/shop:80').explanation.join(' '), /has no tcp port/);
  t.end();
});

t.test('a Service is named by namespace and name, and its only port needs no word', (t) => {
  const cluster = withMore(
    join(
      service('shop', '{clusterIP: 10.96.7.7, selector: {app: shop}, ports: [{port: 80, targetPort: http}]}'),
      webPod('shop-1', 'node2'),
    ),
  );
  for (const to of ['svc/default/shop:80', 'svc/default/shop', 'svc/shop', '10.96.7.7:80']) {
    const traced = trace(cluster, CLIENT, to);
    t.equal(traced.verdict, 'answered', to);
    t.ok(
      traced.explanation.some((sentence) => /go to 192\.168\.\d+\.\d+:8080, Pod default\/shop-1\./.test(sentence)),
      traced.explanation.join(' '),
    );
  }
  t.throws(
    () => trace(cluster, CLIENT, 'svc/default/shp:80'),
    /there is no Service "default\/shp"; did you mean default\/shop/,
  );
  t.equal(trace(cluster, 'svc/default/shop', 'pod/default/web:80').from.label, 'pod/default/shop-1');
  t.end();
});

t.test('a Service without an address says why', (t) => {
  const cluster = withMore(
    join(
      service('headless', '{clusterIP: None, selector: {app: shop}, ports: [{port: 80}]}'),
      service('away', '{type: ExternalName, externalName: db.example.com}'),
      webPod('p', 'node1'),
    ),
  );
  t.throws(() => trace(cluster, CLIENT, 'svc/default/headless:80'), /is headless.*name a pod instead/);
  t.throws(() => trace(cluster, CLIENT, 'svc/default/away:80'), /another name for db\.example\.com/);
  t.end();
});

t.test('plain manifests get addresses and node ports, the same for the same seed, and say so', (t) => {
  const more = join(
    service('plain', '{type: NodePort, selector: {app: shop}, ports: [{port: 80, targetPort: http}]}'),
    webPod('p', 'node2'),
  );
  const cluster = withMore(more);
  const [assumed] = found(cluster, 'service-address-assumed');
  t.match(assumed?.message, /^cluster IP 10\.(9[6-9]|10\d|11[01])\.\d+\.\d+, node port 3[0-2]\d{3} are assumed/);
  t.same(found(withMore(more), 'service-address-assumed'), [assumed]);
  t.equal(trace(cluster, CLIENT, 'svc/default/plain:80').verdict, 'answered');
  const [, port] = /node port (\d+)/.exec(assumed?.message ?? '') ?? [];
  t.equal(trace(cluster, 'host/internet', `node/node1:${port}`).verdict, 'answered');
  t.end();
});

t.test('a rule of a trace names the Service and port that it comes from', (t) => {
  const cluster = withMore(
    join(
      service(
        'shop',
        '{clusterIP: 10.96.7.7, selector: {app: shop}, ports: [{name: http, port: 80, targetPort: http}]}',
      ),
      webPod('p', 'node2'),
    ),
  );
  const traced = trace(cluster, CLIENT, 'svc/default/shop:80');
  const rules = traced.packets
    .flatMap(({ story }) => [...stepsOf(story)].map(({ step }) => step))
    .filter((step) => step.kind === 'rule' && step.chain === 'KUBE-SERVICES' && step.position > 0);
  t.match(rules, [
    { rule: { because: [{ kind: 'Service', namespace: 'default', name: 'shop', detail: 'port http' }] } },
  ]);
  t.end();
});

t.test('with the reference plugins endpoints have the addresses that CNI gave them, wherever they are', (t) => {
  const cluster = new Cluster([
    ...topology('bridge-plugin'),
    { file: 'more.yaml', text: service('svc', '{clusterIP: 10.96.7.7, selector: {app: web}, ports: [{port: 80}]}') },
  ]);
  const pods = cluster.store.list('Pod');
  for (const pod of pods) cluster.store.put('Pod', { ...pod, labels: { app: 'web' } });
  cluster.node(pods[0]?.spec.nodeName ?? '');
  const addresses = cluster.store
    .list('EndpointSlice')
    .flatMap(({ endpoints }) => endpoints.map(({ targetRef }) => targetRef?.name ?? ''));
  t.same(
    addresses.sort(),
    pods
      .filter(({ spec }) => !spec.hostNetwork)
      .map(({ name }) => name)
      .toSorted(),
  );
  for (const node of cluster.store.list('Node')) {
    const rules = cluster.node(node.name).netns.netfilter.iptables.table('nat')?.chains ?? new Map();
    t.equal([...rules.keys()].filter((name) => name.startsWith('KUBE-SEP-')).length, addresses.length, node.name);
  }
  t.end();
});

t.test('a host-network pod is an endpoint at its node’s address', (t) => {
  const hostPod = webPod('agent', 'node2').replace('spec: {', 'spec: {hostNetwork: true, ');
  const cluster = withMore(
    join(
      service('agents', '{clusterIP: 10.96.7.7, selector: {app: shop}, ports: [{port: 80, targetPort: http}]}'),
      hostPod,
    ),
  );
  const traced = trace(cluster, CLIENT, 'svc/default/agents:80');
  t.equal(traced.verdict, 'answered');
  t.match(traced.explanation.join(' '), /go to 172\.18\.0\.3:8080, Pod default\/agent on the network of node\/node2\./);
  t.end();
});

t.test('an endpoint that no pod declares is told by its machine', (t) => {
  const cluster = withMore(
    join(
      service('ssh', '{clusterIP: 10.96.7.7, ports: [{port: 22}]}'),
      'apiVersion: v1\nkind: Endpoints\nmetadata: {name: ssh, namespace: default}\nsubsets: [{addresses: [{ip: 172.18.0.3}], ports: [{port: 22}]}]\n',
    ),
  );
  t.match(trace(cluster, CLIENT, 'svc/default/ssh:22').explanation.join(' '), /go to 172\.18\.0\.3:22, node\/node2\./);
  t.end();
});

t.test('a port is named as the Service or a container of the pod calls it', (t) => {
  const cluster = withMore(
    join(
      service(
        'shop',
        '{clusterIP: 10.96.7.7, selector: {app: shop}, ports: [{name: web, port: 80, targetPort: http}, {name: ask, port: 53, protocol: UDP}]}',
      ),
      webPod('shop-1', 'node2'),
    ),
  );
  t.match(trace(cluster, CLIENT, 'svc/default/shop:web'), { verdict: 'answered', to: { port: 80 } });
  t.match(trace(cluster, CLIENT, 'svc/default/shop:ask', 'udp').to, { port: 53 });
  t.match(trace(cluster, CLIENT, 'pod/default/shop-1:http'), { verdict: 'answered', to: { port: 8080 } });
  t.throws(() => trace(cluster, CLIENT, 'svc/default/shop:ask'), /no tcp port is called "ask", but web/);
  t.throws(() => trace(cluster, CLIENT, 'pod/default/shop-1:web'), /no tcp port is called "web", but http/);
  t.match(parseDestination('10.0.0.1:http'), { problem: '"http" is not a port from 1 to 65535' });
  t.match(parseDestination('svc/shop:-'), { problem: '"-" is not a port from 1 to 65535' });
  t.end();
});

const config = (text: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-proxy, namespace: kube-system}\ndata:\n  config.conf: |\n    apiVersion: kubeproxy.config.k8s.io/v1alpha1\n    kind: KubeProxyConfiguration\n    ${text}\n`;
const SHOP = service('shop', '{clusterIP: 10.96.7.7, selector: {app: shop}, ports: [{port: 80, targetPort: http}]}');

t.test('a mode that is not modelled makes traces to Services unknown, and no others', (t) => {
  const cluster = withMore(join(SHOP, webPod('p', 'node2'), config('mode: ipvs')));
  const traced = trace(cluster, CLIENT, 'svc/default/shop:80');
  t.equal(traced.verdict, 'unknown');
  t.match(traced.explanation, [
    'Service default/shop is resolved by kube-proxy in the mode ipvs, which is not modelled.',
  ]);
  t.equal(trace(cluster, CLIENT, 'pod/default/web:80').verdict, 'answered');
  t.match(found(cluster, 'unmodelled'), [{ object: 'ConfigMap kube-system/kube-proxy', path: 'data["config.conf"]' }]);
  t.end();
});

t.test('where kube-proxy does not run, a cluster IP leads nowhere', (t) => {
  const daemonSet =
    'apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: kube-proxy, namespace: kube-system}\nspec:\n  selector: {matchLabels: {k8s-app: kube-proxy}}\n  template:\n    metadata: {labels: {k8s-app: kube-proxy}}\n    spec: {hostNetwork: true, nodeSelector: {kubernetes.io/hostname: node2}, containers: [{name: kube-proxy, image: "kube-proxy:v1.34.0"}]}\n';
  const cluster = withMore(join(SHOP, webPod('p', 'node2'), daemonSet));
  t.equal(trace(cluster, CLIENT, 'svc/default/shop:80').verdict, 'unreachable');
  t.equal(trace(cluster, 'pod/default/web', 'svc/default/shop:80').verdict, 'answered');
  t.end();
});

t.test('what is wrong with Services is found with its place, and the rest works on', (t) => {
  const cluster = withMore(
    join(
      service(
        'a',
        '{type: NodePort, clusterIP: 10.96.7.1, selector: {app: shop}, ports: [{name: http, port: 80, targetPort: http, nodePort: 30080}]}',
      ),
      service(
        'b',
        '{type: NodePort, clusterIP: 10.96.7.1, selector: {app: shop}, ports: [{name: http, port: 80, targetPort: http, nodePort: 30080}]}',
      ),
      service(
        'c',
        '{clusterIP: 10.96.7.3, selector: {app: shop}, ports: [{name: x, port: 80, targetPort: http}, {name: x, port: 80, targetPort: http}]}',
      ),
      service('d', '{clusterIP: 10.96.7.4, selector: {app: shop}, ports: [{name: typo, port: 80, targetPort: htp}]}'),
      service('e', '{clusterIP: 10.96.7.5, selector: {app: nobody}, ports: [{port: 80}]}'),
      service(
        'f',
        '{clusterIP: 10.96.7.6, selector: {app: shop}, ports: [{port: 80, targetPort: http}, {port: 81, targetPort: http}]}',
      ),
      service(
        'g',
        '{clusterIP: 10.96.7.8, selector: {app: shop}, ports: [{port: 80, targetPort: http, nodePort: 31000}]}',
      ),
      webPod('p', 'node2'),
    ),
  );
  t.same(cluster.errors, []);
  t.match(found(cluster, 'object-refused'), [
    {
      object: 'Service default/b',
      path: 'spec.clusterIP',
      message: /an address that Service default\/a does not have, got 10\.96\.7\.1: the API server would refuse it/,
    },
    { object: 'Service default/b', path: 'spec.ports[0].nodePort', message: /Service default\/a does not have/ },
    { object: 'Service default/c', path: 'spec.ports[1].name' },
    { object: 'Service default/c', path: 'spec.ports[1].port', message: /not there twice for TCP/ },
    { object: 'Service default/f', path: 'spec.ports[0].name' },
    { object: 'Service default/f', path: 'spec.ports[1].name' },
    { object: 'Service default/g', path: 'spec.ports[0].nodePort', message: /its type is ClusterIP/ },
  ]);
  t.match(found(cluster, 'service-selects-nothing'), [{ object: 'Service default/e', path: 'spec.selector' }]);
  t.equal(trace(cluster, CLIENT, '10.96.7.1:80').verdict, 'answered', 'the first has the address');
  t.equal(trace(cluster, 'host/internet', 'node/node1:30080').verdict, 'answered');
  t.match(found(cluster, 'endpoints'), [{ object: 'Service default/d', path: 'spec.ports[0].targetPort' }]);
  t.equal(found(cluster, 'endpoints').length, 1);
  t.equal(trace(cluster, CLIENT, '10.96.7.4:80').verdict, 'rejected');
  t.equal(trace(cluster, CLIENT, '10.96.7.5:80').verdict, 'rejected');
  t.end();
});

t.test('what the API server refuses of Services is told with its place, and the others are reached', (t) => {
  const cluster = withMore(
    join(
      service('a', '{clusterIP: 10.96.300.1, ports: [{port: 80}]}'),
      service('b', '{clusterIP: 10.96.7.2, ports: [{port: 80, protocol: QUIC}]}'),
      service('c', '{clusterIP: 10.96.7.3, ports: [{port: 70000}]}'),
      service('d', '{clusterIP: 10.96.7.4, loadBalancerSourceRanges: [10.0.0.0/99], ports: [{port: 80}]}'),
      SHOP,
      webPod('p', 'node2'),
    ),
  );
  t.same(cluster.errors, []);
  t.match(
    found(cluster, 'object-refused').map(({ object, line, message }) => `${object} ${line} ${message}`),
    [
      /^Service default\/a 4 spec\.clusterIP: .*an address or "None", got "10\.96\.300\.1": the API server would refuse it/,
      /^Service default\/b 9 spec\.ports\[0\]\.protocol: .*one of TCP, UDP, SCTP, got "QUIC"/,
      /^Service default\/c 14 spec\.ports\[0\]\.port: .*got 70000/,
      /^Service default\/d 19 spec\.loadBalancerSourceRanges\[0\]: expected a CIDR/,
    ],
  );
  t.throws(() => trace(cluster, CLIENT, 'svc/default/b:80'), /there is no Service "default\/b"/);
  t.equal(trace(cluster, CLIENT, 'svc/default/shop:80').verdict, 'answered');
  t.end();
});

t.test('a change that the API server refuses changes nothing; what it had refused before is in nobody’s way', (t) => {
  const sources = (more: string) => [...topology('two-nodes-vxlan'), { file: 'more.yaml', text: more }];
  const bad = service('bad', '{ports: [{port: 80, protocol: QUIC}]}');
  const cluster = new Cluster(sources(join(bad, SHOP, webPod('p', 'node2'))));
  const refused = cluster.change(sources(join(bad, SHOP, webPod('p', 'node2'), service('worse', '{ports: []}'))));
  t.match(refused, { kind: 'refused', errors: [{ object: 'Service default/worse', path: 'spec.ports' }] });
  t.equal(cluster.store.get('Service', 'default', 'worse'), undefined);
  const changed = cluster.change(sources(join(bad, SHOP, webPod('p', 'node2'), webPod('q', 'node1'))));
  t.match(changed, { kind: 'changed', objects: [{ name: 'q' }] });
  t.end();
});

t.test('a kube-proxy that refuses its configuration writes no rules', (t) => {
  const cluster = withMore(join(SHOP, webPod('p', 'node2'), config('nodePortAddresses: [10.0.0.0/8, foo]')));
  t.same(cluster.errors, []);
  t.match(found(cluster, 'kube-proxy'), [
    {
      object: 'ConfigMap kube-system/kube-proxy',
      message: /nodePortAddresses\[1\].*kube-proxy does not start with it/,
    },
  ]);
  const chains = cluster.node('node1').netns.netfilter.iptables.table('nat')?.chains.keys() ?? [];
  t.notMatch([...chains].join(' '), /KUBE-SERVICES/);
  t.equal(trace(cluster, CLIENT, 'svc/default/shop:80').verdict, 'unreachable');
  t.end();
});

t.test('what another proxy serves has no rules of kube-proxy, and nobody knows what becomes of its packets', (t) => {
  const labelled = (name: string, label: string): string =>
    service(name, '{selector: {app: shop}, ports: [{port: 80, targetPort: http}]}').replace(
      'namespace: default',
      `namespace: default, labels: {${label}}`,
    );
  const cluster = withMore(
    join(
      labelled('other', 'service.kubernetes.io/service-proxy-name: mesh'),
      labelled('marked', 'service.kubernetes.io/headless: ""'),
      SHOP,
      webPod('p', 'node2'),
    ),
  );
  t.match(found(cluster, 'unmodelled'), [
    { object: 'Service default/marked', message: /label service\.kubernetes\.io\/headless/ },
    { object: 'Service default/other', message: /passes it over for its label .*another proxy, "mesh", serves it/ },
  ]);
  t.match(trace(cluster, CLIENT, 'svc/default/other:80'), { verdict: 'unknown', explanation: [/the proxy "mesh"/] });
  t.equal(trace(cluster, CLIENT, 'svc/default/marked:80').verdict, 'unreachable');
  t.equal(trace(cluster, CLIENT, 'svc/default/shop:80').verdict, 'answered');
  t.end();
});

t.test('EndpointSlices are there before a packet has gone', (t) => {
  const cluster = withMore(join(SHOP, webPod('p', 'node2')));
  cluster.settleEndpoints();
  t.match(cluster.store.list('EndpointSlice'), [{ labels: { 'kubernetes.io/service-name': 'shop' } }]);
  t.end();
});

t.test('a cluster IP outside the cluster’s subnet is found where kubeadm says which that is', (t) => {
  const kubeadm =
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubeadm-config, namespace: kube-system}\ndata:\n  ClusterConfiguration: |\n    networking: {serviceSubnet: 10.100.0.0/16, podSubnet: 192.168.0.0/16}\n';
  const cluster = withMore(
    join(SHOP, service('drawn', '{selector: {app: shop}, ports: [{port: 80}]}'), webPod('p', 'node2'), kubeadm),
  );
  t.match(found(cluster, 'object-refused'), [
    { object: 'Service default/shop', message: /an address of the cluster's 10\.100\.0\.0\/16, got 10\.96\.7\.7/ },
  ]);
  t.match(found(cluster, 'service-address-assumed'), [{ message: /cluster IP 10\.100\./ }]);
  t.end();
});
