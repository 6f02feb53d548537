/** What a trace says of a connection that did not come to be: which rule would have to let it by, which translation was not made. */

import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import type { ConnectionTrace, TraceProtocol } from '../../src/trace/index.js';

const DEMO = readdirSync('topologies/two-nodes-vxlan')
  .filter((file) => file.endsWith('.yaml') && file !== 'expectations.yaml')
  .map((file) => ({ file, text: readFileSync(`topologies/two-nodes-vxlan/${file}`, 'utf8') }));

/** client on node1, web on node2, and these objects. */
const withMore = (...objects: readonly object[]): Cluster =>
  new Cluster([...DEMO, { file: 'more.yaml', text: objects.map((object) => JSON.stringify(object)).join('\n---\n') }]);

function trace(cluster: Cluster, to: string, protocol: TraceProtocol = 'tcp'): ConnectionTrace {
  const [source, destination] = [parseEndpointName('pod/default/client'), parseDestination(to)];
  if (isNameProblem(source) || isNameProblem(destination)) throw new Error(`bad name ${to}`);
  return cluster.trace({ from: source, to: destination, protocol });
}

/** One of Calico's policies for what comes to web. */
const ingress = (...rules: readonly object[]) => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'NetworkPolicy',
  metadata: { name: 'guard', namespace: 'default' },
  spec: { selector: "app == 'web'", types: ['Ingress'], ingress: rules },
});

const allow = (rule: object) => ({ action: 'Allow', ...rule });

const WEB = 'pod/default/web:80';

/** What is said of the rule, without whose it is. */
const reasons = (cluster: Cluster, to = WEB, protocol: TraceProtocol = 'tcp'): string[] =>
  trace(cluster, to, protocol).explanation.flatMap((sentence) => {
    const [, why] = /^(?:Calico)?NetworkPolicy default\/guard, ingress\[\d+\]: (.*)\.$/.exec(sentence) ?? [];
    return why === undefined ? [] : [why];
  });

t.test('each thing that a rule of Calico’s asks for is named where it does not hold', (t) => {
  const cases: readonly [rule: object, why: string | RegExp][] = [
    [{ protocol: 'UDP' }, 'it is about udp, not tcp port 80'],
    [{ protocol: 17, destination: { ports: [80] } }, 'it is about udp port 80, not tcp port 80'],
    [
      { protocol: 'TCP', destination: { ports: [443, '8000:8010'] } },
      'it is about tcp port 443, 8000-8010, not tcp port 80',
    ],
    [{ protocol: 'TCP', destination: { ports: ['https'] } }, 'it is about tcp port https, not tcp port 80'],
    [{ notProtocol: 'TCP' }, 'it is about everything but tcp'],
    [
      { protocol: 'TCP', destination: { notPorts: [22, '80:90'] } },
      'it is about every port but 22, 80-90, and the packet’s is 80',
    ],
    [{ protocol: 'TCP', source: { ports: [53] } }, /^it is about source port 53, not \d+$/],
    [
      { protocol: 'TCP', source: { notPorts: ['1024:65535'] } },
      /^it is about every source port but 1024-65535, and the packet’s is \d+$/,
    ],
    [
      { source: { notSelector: "app == 'client'" } },
      "the source Pod default/client is selected by app == 'client', which it leaves out",
    ],
    [{ destination: { nets: ['10.9.0.0/16'] } }, 'the destination 192.168.104.1 is not in 10.9.0.0/16'],
    [
      { destination: { notNets: ['192.168.104.0/26'] } },
      'the destination 192.168.104.1 is in 192.168.104.0/26, which it leaves out',
    ],
    [{ ipVersion: 6 }, 'it is about IPv6'],
  ];
  for (const [rule, why] of cases) t.match(reasons(withMore(ingress(allow(rule)))), [why], JSON.stringify(rule));
  t.end();
});

t.test('of ICMP the message counts', (t) => {
  const about = (rule: object) =>
    reasons(withMore(ingress(allow({ protocol: 'ICMP', ...rule }))), 'pod/default/web', 'icmp');
  t.same(about({ icmp: { type: 3, code: 4 } }), ['it is about ICMP type 3 code 4, not ICMP type 8 code 0']);
  t.same(about({ notICMP: { type: 8 } }), ['it is about every ICMP message but ICMP type 8']);
  t.end();
});

t.test('a rule about a Service says whom that stands for', (t) => {
  const services = [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { clusterIP: '10.96.7.7', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ];
  const guard = ingress(allow({ source: { services: { name: 'web', namespace: 'default' } } }));
  t.same(reasons(withMore(guard, ...services)), [
    'the source Pod default/client is no endpoint of Service default/web, which has 192.168.104.1',
  ]);
  const egress = {
    ...guard,
    spec: {
      selector: "app == 'client'",
      types: ['Egress'],
      egress: [allow({ destination: { services: { name: 'web', namespace: 'default' } } })],
    },
  };
  t.match(trace(withMore(egress, ...services), WEB).explanation, [
    /applies to egress of Pod default\/client/,
    'CalicoNetworkPolicy default/guard, egress[0]: the destination Pod default/web at tcp port 80 is no endpoint of Service default/web, which has 192.168.104.1,tcp:8080.',
  ]);
  t.end();
});

t.test('a rule that Felix is given as several, one for each protocol and peer, is one in words', (t) => {
  const kubernetes = (rule: object) => ({
    ...ingress(),
    apiVersion: 'networking.k8s.io/v1',
    spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress: [rule] },
  });
  const ports = [{ port: 443 }, { protocol: 'UDP', port: 53 }, { protocol: 'SCTP', port: 38412 }];
  const peers = ['a', 'b'].map((app) => ({ podSelector: { matchLabels: { app } } }));
  t.same(reasons(withMore(kubernetes({ ports, from: peers }))), [
    'it is about sctp port 38412 and tcp port 443 and udp port 53, not tcp port 80',
  ]);
  t.same(reasons(withMore(kubernetes({ ports: [...ports, { port: 80 }], from: peers }))), [
    "the source Pod default/client is not selected by app == 'a' in namespace default, which selects nothing",
    "the source Pod default/client is not selected by app == 'b' in namespace default, which selects nothing",
  ]);
  t.end();
});

t.test('rules that deny are not what a packet lacks', (t) => {
  const deny = { action: 'Deny', protocol: 'UDP' };
  t.match(trace(withMore(ingress(deny)), WEB).explanation, [
    /no rule of tier default allows the packet/,
    'CalicoNetworkPolicy default/guard has no ingress rule that allows anything.',
  ]);
  t.same(reasons(withMore(ingress(deny, allow({ protocol: 'SCTP' })))), ['it is about sctp, not tcp port 80']);
  t.end();
});

t.test('where Felix rejects what it denies, that is said', (t) => {
  const reject = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'FelixConfiguration',
    metadata: { name: 'default' },
    spec: { iptablesFilterDenyAction: 'Reject' },
  };
  const traced = trace(withMore(reject, ingress(allow({ protocol: 'UDP' }))), WEB);
  t.equal(traced.verdict, 'rejected');
  t.match(traced.explanation, [
    /^Policy rejects it: CalicoNetworkPolicy default\/guard applies to ingress of Pod default\/web, and no rule/,
    /it is about udp, not tcp port 80/,
  ]);
  t.end();
});

t.test('where nothing translates a pod’s address on the way out, that is why no way leads back', (t) => {
  const kept = new Cluster(
    DEMO.map(({ file, text }) => ({ file, text: text.replace('natOutgoing: true', 'natOutgoing: false') })),
  );
  const out = 'host/internet:443';
  const traced = trace(kept, out);
  t.equal(traced.verdict, 'reply-dropped');
  t.ok(
    traced.explanation.includes(
      'Packets of pod/default/client to outside keep its own address 192.168.166.129 (IPPool default-ipv4-ippool, natOutgoing false), and host/router knows no way back to it.',
    ),
    traced.explanation.join(' '),
  );
  t.equal(trace(withMore(), out).verdict, 'answered');
  const without = new Cluster(
    DEMO.map(({ file, text }) => ({
      file,
      text: text
        .replace('natOutgoing: true', 'natOutgoing: false')
        .replace('      cidr: 203.0.113.0/24\n      gateway: 203.0.113.1\n', '      cidr: 203.0.113.0/24\n'),
    })),
  );
  t.match(trace(without, out).explanation.join(' '), /natOutgoing false\), and host\/internet knows no way back to it/);
  t.equal(trace(kept, WEB).verdict, 'answered', 'pods know the way to pods');
  t.end();
});

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default' },
  spec: { clusterIP: '10.96.7.7', selector: { app: 'web' }, ports: [{ port: 80 }] },
};
const IMAGE = 'registry.k8s.io/kube-proxy:v1.34.0';
const PROXY = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'kube-proxy', namespace: 'kube-system' },
  spec: {
    selector: { matchLabels: { 'k8s-app': 'kube-proxy' } },
    template: {
      metadata: { labels: { 'k8s-app': 'kube-proxy' } },
      spec: { hostNetwork: true, nodeSelector: { proxied: 'yes' }, containers: [{ name: 'kube-proxy', image: IMAGE }] },
    },
  },
};
const proxyPod = (status: object) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'kube-proxy-x', namespace: 'kube-system', labels: { 'k8s-app': 'kube-proxy' } },
  spec: { nodeName: 'node1', hostNetwork: true, containers: [{ name: 'kube-proxy', image: IMAGE }] },
  status: { phase: 'Running', containerStatuses: [{ name: 'kube-proxy', ...status }] },
});

t.test('a Service that no kube-proxy of the node knows: the answer says so', (t) => {
  const absent = trace(withMore(SERVICE, PROXY), 'svc/default/web:80');
  t.not(absent.verdict, 'answered');
  t.ok(
    absent.explanation.includes(
      'No kube-proxy runs on node/node1: no pod of it is there, so no rule there knows Service default/web at 10.96.7.7.',
    ),
    absent.explanation.join(' '),
  );
  const noneRuns = readdirSync('topologies/dns')
    .filter((file) => file.endsWith('.yaml') && file !== 'expectations.yaml')
    .map((file) => ({
      file,
      text: readFileSync(`topologies/dns/${file}`, 'utf8').replace(
        /(k8s-app: kube-proxy\}\}\n    spec:\n)/,
        '$1      nodeSelector: {proxied: "yes"}\n',
      ),
    }));
  const asked = new Cluster(noneRuns).trace({
    from: { kind: 'pod', namespace: 'shop', name: 'cart' },
    to: { endpoint: { kind: 'name', name: 'web' }, port: 80 },
    protocol: 'tcp',
  });
  t.match(
    asked.explanation.join(' '),
    /No kube-proxy runs on node\/worker1: no pod of it is there, so no rule there knows Service kube-system\/kube-dns/,
    'of the servers that names are asked of too',
  );
  const never = withMore(SERVICE, proxyPod({ state: { waiting: { reason: 'ImagePullBackOff' } } }));
  const waiting = trace(never, 'svc/default/web:80');
  t.not(waiting.verdict, 'answered');
  t.ok(
    waiting.explanation.includes(
      'The kube-proxy of node/node1, Pod kube-system/kube-proxy-x, does not run (ImagePullBackOff), so no rule there knows Service default/web at 10.96.7.7.',
    ),
    waiting.explanation.join(' '),
  );
  t.match(
    never.findings.filter(({ code }) => code === 'kube-proxy').map(({ message }) => message),
    [/does not run \(ImagePullBackOff\): the node has no rules for Services/],
  );
  const running = withMore(SERVICE, proxyPod({ state: { running: {} } }));
  t.equal(trace(running, 'svc/default/web:80').verdict, 'answered');
  t.end();
});

t.test('what a kube-proxy has written stays when it crashes', (t) => {
  const crashed = withMore(
    SERVICE,
    proxyPod({ state: { waiting: { reason: 'CrashLoopBackOff' } }, restartCount: 3, lastState: { terminated: {} } }),
  );
  t.equal(trace(crashed, 'svc/default/web:80').verdict, 'answered');
  t.match(
    crashed.findings.filter(({ code }) => code === 'kube-proxy').map(({ message }) => message),
    [/does not run \(CrashLoopBackOff\): its rules are taken as those of now/],
  );
  const { explanation } = trace(crashed, '10.96.7.7:81');
  t.match(
    explanation.join(' '),
    /does not run \(CrashLoopBackOff\): its rules there may be older than what is asked for/,
  );
  t.end();
});

t.test('a ping to a Service meets no rule of kube-proxy’s, and the answer says so', (t) => {
  const { verdict, explanation } = trace(withMore(SERVICE), 'svc/default/web', 'icmp');
  t.equal(verdict, 'unreachable');
  t.match(
    explanation.join(' '),
    /kube-proxy translates 10\.96\.7\.7, an address of Service default\/web, for its ports alone \(tcp 80\): in its mode iptables no rule is about a ping/,
  );
  t.end();
});

t.test('a pool that wants BIRD where calico-node runs none leads nobody to the pods of other nodes', (t) => {
  const calicoNode = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'calico-node', namespace: 'kube-system' },
    spec: {
      selector: { matchLabels: { app: 'calico-node' } },
      template: {
        metadata: { labels: { app: 'calico-node' } },
        spec: {
          containers: [{ name: 'calico-node', env: [{ name: 'CALICO_NETWORKING_BACKEND', value: 'vxlan' }] }],
        },
      },
    },
  };
  const pool = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    metadata: { name: 'default-ipv4-ippool' },
    spec: { cidr: '192.168.0.0/16', ipipMode: 'Always', vxlanMode: 'Never' },
  };
  const cluster = withMore(calicoNode, pool);
  const { verdict, explanation } = trace(cluster, WEB);
  t.equal(verdict, 'unreachable');
  t.match(
    explanation.at(-1),
    'Nobody programs routes between nodes for IPPool default-ipv4-ippool: it has no VXLAN, and no BIRD runs',
  );
  const told = (one: Cluster) =>
    one.findings.filter(({ code }) => code === 'bgp-setting').map(({ message }) => message);
  t.match(told(cluster), [/^its routes between nodes are BIRD’s, which does not run here/]);
  const felixs = {
    kind: 'FelixConfiguration',
    metadata: { name: 'default' },
    spec: { programClusterRoutes: 'Enabled' },
  };
  t.same(told(withMore(calicoNode, pool, { apiVersion: 'projectcalico.org/v3', ...felixs })), []);
  t.equal(trace(withMore(pool), WEB).verdict, 'unknown', 'BIRD is taken to run, and nobody was asked to run it');
  t.end();
});

const service = (spec: object) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's', namespace: 'default' },
  spec: { clusterIP: '10.96.0.70', selector: { app: 'web' }, ports: [{ port: 80 }], ...spec },
});
const unready = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels: { app: 'unready' } },
  spec: { nodeName: 'node2', containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] },
});

t.test('of a Service that leads to nobody the trace says why', (t) => {
  const SVC = 'svc/default/s:80';
  const cases: readonly (readonly [readonly object[], string])[] = [
    [
      [service({ selector: { app: 'unready' } }), unready('u1')],
      'None of the endpoints of Service default/s is ready: Pod default/u1.',
    ],
    [
      [service({ selector: { app: 'unready' } }), ...['u1', 'u2', 'u3', 'u4', 'u5'].map(unready)],
      'None of the endpoints of Service default/s is ready: Pod default/u1, Pod default/u2, Pod default/u3, 2 more.',
    ],
    [
      [service({ selector: { app: 'wbe', tier: 'front' } })],
      'Service default/s selects no pod: none in namespace default has the labels app=wbe,tier=front.',
    ],
    [
      [service({ selector: {} })],
      'Service default/s has no selector, and nobody has given it endpoints for its port 80.',
    ],
    [
      [service({ ports: [{ port: 80, targetPort: 'wep' }] })],
      'No pod that Service default/s selects has a TCP port called wep.',
    ],
    [
      [service({ internalTrafficPolicy: 'Local' })],
      'Service default/s has internalTrafficPolicy Local, and node/node1 none of its endpoints: Pod default/web.',
    ],
  ];
  for (const [objects, sentence] of cases) t.equal(trace(withMore(...objects), SVC).explanation[0], sentence);
  const local = service({ type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ port: 80, nodePort: 30070 }] });
  const { explanation } = trace(withMore(local), 'node/node1:30070');
  t.same(explanation.slice(1), ['Packets to node/node1 go to 192.168.104.1:80, Pod default/web.'], 'a pod is inside');
  const outside = parseEndpointName('host/internet');
  const port = parseDestination('node/node1:30070');
  if (isNameProblem(outside) || isNameProblem(port)) throw new Error('bad names');
  t.equal(
    withMore(local).trace({ from: outside, to: port, protocol: 'tcp' }).explanation[0],
    'Service default/s has externalTrafficPolicy Local, and node/node1 none of its endpoints: Pod default/web.',
  );
  t.end();
});

t.test('a load balancer’s address that is shut for its source ranges is not taken for one without endpoints', (t) => {
  const shut = {
    ...service({
      type: 'LoadBalancer',
      loadBalancerSourceRanges: ['192.0.2.0/24'],
      ports: [{ port: 80, nodePort: 30071 }],
    }),
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.71' }] } },
  };
  const { verdict, explanation } = trace(withMore(shut), '203.0.113.71:80');
  t.equal(verdict, 'dropped');
  t.match(explanation[0], /chain KUBE-PROXY-FIREWALL/);
  t.end();
});

t.test('a port that only a Service speaks of is told to be taken as open', (t) => {
  const cases: readonly (readonly [object, readonly string[]])[] = [
    [
      { ports: [{ port: 80, targetPort: 8081 }] },
      [
        'No container of Pod default/web declares tcp port 8081, but 80: it is taken to listen there since that is a target port of Service default/s.',
      ],
    ],
    [{ ports: [{ port: 80 }] }, []],
  ];
  for (const [spec, sentences] of cases) {
    const { verdict, explanation } = trace(withMore(service(spec)), 'svc/default/s:80');
    t.equal(verdict, 'answered');
    t.same(explanation.slice(1, -1), sentences);
  }
  const none = unready('none');
  const { explanation } = trace(
    withMore(service({ selector: { app: 'unready' }, publishNotReadyAddresses: true, ports: [{ port: 9 }] }), {
      ...none,
      spec: { nodeName: 'node2', containers: [{ name: 'c' }] },
    }),
    'svc/default/s:9',
  );
  t.notMatch(explanation.join('\n'), /No container/, 'who declares nothing says nothing');
  t.end();
});

t.test('a port at which a container is probed alone is told to be taken as open', (t) => {
  const probed = unready('probed');
  const [container] = probed.spec.containers;
  const spec = { ...probed.spec, containers: [{ ...container, livenessProbe: { tcpSocket: { port: 8081 } } }] };
  const { verdict, explanation } = trace(withMore({ ...probed, spec }), 'pod/default/probed:8081');
  t.equal(verdict, 'answered');
  t.equal(
    explanation[1],
    'No container of Pod default/probed declares tcp port 8081, but 80: it is taken to listen there since container c is probed there.',
  );
  t.end();
});
