/** Readiness that nobody has recorded: probes as packets, on virtual time, and what comes of them. */

import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import { ContainerProbes } from '../../src/cluster/probes/probe-worker.js';
import { Clock, NS_PER_S } from '../../src/kernel/index.js';
import type { Container } from '../../src/kubernetes/index.js';
import { formatIpv4, Ipv4, Tcp } from '../../src/packet/index.js';
import { formatTrace } from '../../src/trace/index.js';
import { load as loadObjects } from '../kubernetes/cluster-text.js';

const TOPOLOGY = 'topologies/probes';

const load = (edit: (text: string) => string = (text) => text, more = ''): Cluster => {
  const sources = readdirSync(TOPOLOGY)
    .filter((file) => file.endsWith('.yaml') && file !== 'expectations.yaml')
    .map((file) => ({ file, text: edit(readFileSync(`${TOPOLOGY}/${file}`, 'utf8')) }));
  return new Cluster(more === '' ? sources : [...sources, { file: 'more.yaml', text: more }]);
};

function verdict(cluster: Cluster, to: string): string {
  const [source, destination] = [parseEndpointName('pod/shop/client'), parseDestination(to)];
  if (isNameProblem(source) || isNameProblem(destination)) throw new Error(`bad name ${to}`);
  return cluster.trace({ from: source, to: destination, protocol: 'tcp' }).verdict;
}

const ready = (cluster: Cluster): Record<string, boolean | undefined> =>
  Object.fromEntries(
    cluster.store
      .list('Pod', 'shop')
      .filter(({ name }) => name !== 'client')
      .map(({ name, status }) => [name, status.ready]),
  );

const told = (cluster: Cluster, code: string): string[] =>
  cluster.findings
    .filter((one) => one.code === code)
    .map(({ object, path, message }) => `${object} ${path}: ${message}`);

const hostFirewall = (rule: string): string =>
  `apiVersion: podwire.dev/v1alpha1\nkind: HostConfig\nmetadata: {name: f}\nspec:\n  hosts: [worker1]\n  iptables: |\n    *raw\n    ${rule}\n    COMMIT\n`;

interface Case {
  readonly what: string;
  readonly edit?: (text: string) => string;
  readonly more?: string;
  /** Of web-1, web-2, tcp and slow, those that are not ready. */
  readonly notReady: readonly string[];
  readonly says?: readonly string[];
}

const CASES: readonly Case[] = [
  { what: 'all answer', notReady: [], says: [] },
  {
    what: 'nobody declares the port, but the container',
    edit: (text) => text.replace('tcpSocket: {port: 8080}', 'tcpSocket: {port: 8081}'),
    notReady: [],
    says: [
      'Pod shop/tcp spec.containers[0].readinessProbe: container app declares port 8080, and is taken to listen on 8081 since this probe asks there',
    ],
  },
  {
    what: 'the loopback of the node is asked in the place of the pod',
    edit: (text) => text.replace('tcpSocket: {port: 8080}', 'tcpSocket: {port: 8081, host: localhost}'),
    notReady: ['tcp'],
    says: [
      'Pod shop/tcp spec.containers[0]: readiness probe of container app fails: dial tcp 127.0.0.1:8081: connect: connection refused: the pod is not ready',
    ],
  },
  {
    what: 'a port by a name that the container does not have',
    edit: (text) => text.replace('path: /ready, port: http', 'path: /ready, port: web'),
    notReady: ['web-1'],
    says: [
      "Pod shop/web-1 spec.containers[0]: readiness probe of container app fails: couldn't find port: web: the pod is not ready",
    ],
  },
  {
    what: 'a host firewall drops the probes',
    more: hostFirewall('-A OUTPUT -p tcp --dport 8080 -j DROP'),
    notReady: ['slow', 'tcp', 'web-1'],
    says: [
      'Pod shop/slow spec.containers[0]: readiness probe of container app fails: dial tcp @slow:8080: i/o timeout: the pod is not ready',
      'Pod shop/tcp spec.containers[0]: readiness probe of container app fails: dial tcp @tcp:8080: i/o timeout: the pod is not ready',
      'Pod shop/web-1 spec.containers[0]: readiness probe of container app fails: Get "http://@web-1:8080/ready": context deadline exceeded: the pod is not ready',
    ],
  },
  {
    what: 'a policy that allows nothing does not stop the kubelet',
    more: 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n',
    notReady: [],
    says: [],
  },
  {
    what: 'a command is declared to fail: the container is restarted and never asked for its readiness',
    edit: (text) => text.replace('app/liveness=failure', 'app/startup=failure'),
    notReady: ['slow'],
    says: [
      'Pod shop/slow spec.containers[0]: startup probe of container app fails: the command fails, as podwire.dev/exec-probes declares: the kubelet restarts it again and again',
    ],
  },
  {
    what: 'liveness fails',
    edit: (text) =>
      text.replace(
        'readinessProbe: {tcpSocket: {port: 8080}}',
        'livenessProbe: {tcpSocket: {port: 8082, host: 127.0.0.1}}',
      ),
    notReady: ['tcp'],
    says: [
      'Pod shop/tcp spec.containers[0]: liveness probe of container app fails: dial tcp 127.0.0.1:8082: connect: connection refused: the kubelet restarts it again and again',
    ],
  },
];
for (const { what, edit, more, notReady, says } of CASES) {
  t.test(`probes: ${what}`, (t) => {
    const cluster = load(edit, more);
    verdict(cluster, 'svc/shop/web:80');
    t.same(
      Object.entries(ready(cluster)).flatMap(([name, is]) => (is === true ? [] : [name])),
      notReady,
    );
    const named = (says ?? []).map((text) =>
      text.replace(/@([\w-]+)/, (_, name: string) => {
        const address = cluster.podAddress(cluster.pod('shop', name)) ?? 0;
        return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
      }),
    );
    t.same(told(cluster, 'probe'), named);
    if (!notReady.includes('tcp')) return t.end();
    t.equal(verdict(cluster, 'svc/shop/tcp:80'), 'rejected', 'a pod that is not ready is no endpoint');
    return t.end();
  });
}

t.test('without probes a pod of which nothing is recorded is taken to be ready', (t) => {
  const text = readFileSync(`${TOPOLOGY}/cluster.yaml`, 'utf8').replace(
    'tcpSocket: {port: 8080}',
    'tcpSocket: {port: 1}',
  );
  const cluster = new Cluster([{ file: 'cluster.yaml', text }], { probes: false });
  t.equal(verdict(cluster, 'svc/shop/tcp:80'), 'answered');
  t.same(ready(cluster), { slow: undefined, tcp: undefined, 'web-1': undefined, 'web-2': undefined });
  t.end();
});

t.test('a status on record is believed, and nobody is probed', (t) => {
  const cluster = load((text) =>
    text.replaceAll(
      /^metadata: (\{name: (?:web-1|web-2|tcp|slow), namespace: shop, labels)/gm,
      'status: {conditions: [{type: Ready, status: "False"}]}\nmetadata: $1',
    ),
  );
  cluster.node('worker1');
  t.equal(cluster.emulation.clock.nowNs, 0, 'no time was spent on probes');
  t.equal(verdict(cluster, 'svc/shop/tcp:80'), 'rejected');
  t.same(ready(cluster), { slow: false, tcp: false, 'web-1': false, 'web-2': false });
  t.end();
});

t.test(
  'a pod that is firewalled later leaves its Service after three failures, and comes back after one success',
  (t) => {
    const cluster = load();
    t.equal(verdict(cluster, 'svc/shop/tcp:80'), 'answered');
    const { iptables } = cluster.node('worker1').netns.netfilter;
    const rule = (text: string): void => {
      t.same(iptables.restore(`*raw\n${text}\nCOMMIT\n`, { noflush: true }), []);
    };
    // The kubelet's own packets alone.
    rule('-A OUTPUT -p tcp --dport 8080 -j DROP');
    cluster.advance(20_000);
    t.equal(verdict(cluster, 'svc/shop/tcp:80'), 'answered', 'two failures');
    cluster.advance(2_000);
    t.equal(verdict(cluster, 'svc/shop/tcp:80'), 'rejected', 'three');
    rule('-D OUTPUT -p tcp --dport 8080 -j DROP');
    cluster.advance(1_000);
    t.equal(verdict(cluster, 'svc/shop/tcp:80'), 'answered');
    t.end();
  },
);

t.test('the startup probe comes first, then the others from their delays on, and each is a packet of the node', (t) => {
  const cluster = load((text) =>
    text.replace(
      'readinessProbe: {tcpSocket: {port: 8080}}',
      [
        'startupProbe: {tcpSocket: {port: 8080}, initialDelaySeconds: 7, periodSeconds: 3}',
        'livenessProbe: {tcpSocket: {port: 8080}, initialDelaySeconds: 9, periodSeconds: 4}',
        'readinessProbe: {httpGet: {path: /ok, port: 8080}}',
      ].join('\n      '),
    ),
  );
  const seen: string[] = [];
  const start = cluster.emulation.clock.nowNs;
  cluster.emulation.tracer = {
    step: ({ host, netns }, packet, step) => {
      if (step.kind !== 'send' || netns !== '' || host !== 'worker1' || !step.note.startsWith('TCP SYN to')) return;
      const at = (cluster.emulation.clock.nowNs - start) / NS_PER_S;
      seen.push(`${at.toFixed(0)} ${step.note}${packet.id > 0 ? '' : '?'}`);
    },
  };
  cluster.node('worker1');
  cluster.emulation.tracer = undefined;
  const address = cluster.podAddress(cluster.pod('shop', 'tcp')) ?? 0;
  const text = [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
  const own = seen.filter((one) => one.endsWith(`${text}:8080`)).map((one) => one.split(' ')[0]);
  // Startup at 7; readiness at once when that has succeeded, and again each 10 s; liveness at 9, and each 4 s.
  t.same(own.slice(0, 4), ['7', '7', '9', '13']);
  t.end();
});

t.test('what is sent for an HTTP probe', (t) => {
  const cluster = load();
  const requests: string[] = [];
  const worker = cluster.underlay.host('worker2');
  if (worker === undefined) throw new Error('no worker2');
  for (const dev of worker.netns.devices)
    dev.tap = (_, skb, direction) => {
      const ip = direction === 'out' ? Ipv4.parse(skb.view, skb.data + 14, skb.tail) : undefined;
      if (ip === undefined || ip.protocol !== 6) return;
      const at = skb.data + 14 + ip.headerLength;
      const data = skb.slab.bytes.slice(at + new Tcp(skb.view, at).headerLength, skb.tail);
      if (data.length > 0) requests.push(new TextDecoder().decode(data));
    };
  cluster.node('worker2');
  t.match(requests, [
    /^GET \/ready HTTP\/1\.1\r\nHost: 10\.244\.\d+\.\d+:8080\r\nUser-Agent: kube-probe\/1\.34\r\nAccept: \*\/\*\r\nConnection: close\r\n\r\n$/,
  ]);
  t.end();
});

t.test('TLS, gRPC and commands are told to be more than is sent', (t) => {
  const cluster = load((text) =>
    text
      .replace('{path: /ready, port: http}', '{path: /ready, port: http, scheme: HTTPS}')
      .replace('tcpSocket: {port: 8080}', 'grpc: {port: 8080}')
      .replace(', annotations: {podwire.dev/exec-probes: app/liveness=failure}', ''),
  );
  verdict(cluster, 'svc/shop/web:80');
  t.match(
    told(cluster, 'unmodelled').filter((text) => text.startsWith('Pod')),
    [
      /^Pod shop\/slow spec\.containers\[0\]\.startupProbe: its command is not run, and taken to succeed/,
      /^Pod shop\/tcp spec\.containers\[0\]\.readinessProbe: gRPC is not modelled: the connection alone counts/,
      /^Pod shop\/web-1 spec\.containers\[0\]\.readinessProbe: TLS is not modelled: the connection alone counts/,
    ],
  );
  t.same(ready(cluster), { slow: true, tcp: true, 'web-1': true, 'web-2': true });
  t.end();
});

/** A container by its probes, and what they answer at which second. */
function timeline(spec: object, answers: (kind: string, second: number) => boolean, seconds: number): string[] {
  const { store, errors } = loadObjects({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', ...spec }] },
  });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const container: Container | undefined = store.get('Pod', 'default', 'p')?.spec.containers[0];
  if (container === undefined) throw new Error('no container');
  const clock = new Clock();
  const events: string[] = [];
  const second = (): number => clock.nowNs / NS_PER_S;
  let last = '';
  const probes: ContainerProbes = new ContainerProbes({
    clock,
    container,
    restarts: true,
    send: (kind, _, done) => {
      events.push(`${second()} ${kind}`);
      done({ success: answers(kind, second()), reason: '' });
    },
    changed: () => {
      const now = `${probes.ready ? 'ready' : 'not ready'}, ${probes.restarts} restarts`;
      if (now !== last) events.push(`${second()} → ${now}`);
      last = now;
    },
  });
  probes.resume();
  while (clock.runNext(seconds * NS_PER_S));
  return events;
}

t.test('thresholds: three failures in a row, two successes in a row', (t) => {
  const readinessProbe = { exec: {}, periodSeconds: 1, successThreshold: 2, failureThreshold: 3 };
  const pattern = '1101001000111';
  const events = timeline({ readinessProbe }, (_, second) => pattern[second] === '1', pattern.length - 1);
  t.same(
    events.filter((event) => event.includes('→')),
    ['1 → ready, 0 restarts', '9 → not ready, 0 restarts', '11 → ready, 0 restarts'],
  );
  t.equal(events.filter((event) => event.endsWith(' readiness')).length, pattern.length);
  t.end();
});

t.test('a container whose liveness fails is restarted, later each time, and starts anew', (t) => {
  const spec = {
    startupProbe: { exec: {}, periodSeconds: 1 },
    livenessProbe: { exec: {}, periodSeconds: 5, failureThreshold: 2 },
  };
  t.same(
    timeline(spec, (kind) => kind === 'startup', 60),
    [
      '0 startup',
      '0 → ready, 0 restarts',
      '0 liveness',
      '5 liveness',
      '5 → not ready, 1 restarts',
      '15 startup',
      '15 → ready, 1 restarts',
      '15 liveness',
      '20 liveness',
      '20 → not ready, 2 restarts',
      '40 startup',
      '40 → ready, 2 restarts',
      '40 liveness',
      '45 liveness',
      '45 → not ready, 3 restarts',
    ],
  );
  t.end();
});

const sidecarPod = (probe: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: meshed, namespace: shop}\nspec:\n  nodeName: worker1\n  initContainers:\n    - {name: setup, image: i, readinessProbe: {tcpSocket: {port: 9}}}\n    - {name: proxy, image: i, restartPolicy: Always, ports: [{containerPort: 15021}], readinessProbe: {tcpSocket: ${probe}}}\n  containers: [{name: app, image: i}]\n`;

t.test('native sidecars are probed, and the pod is not ready before they are; other init containers are not', (t) => {
  const good = load(undefined, sidecarPod('{port: 15021}'));
  verdict(good, 'svc/shop/web:80');
  t.equal(ready(good)['meshed'], true);
  const bad = load(undefined, sidecarPod('{port: 15022, host: 127.0.0.1}'));
  verdict(bad, 'svc/shop/web:80');
  t.equal(ready(bad)['meshed'], false);
  t.match(told(bad, 'probe'), [
    /^Pod shop\/meshed spec\.initContainers\[1\]: readiness probe of container proxy fails: dial tcp .*:15022: connect: connection refused: the pod is not ready$/,
  ]);
  t.end();
});

/** A pod that nobody has recorded, on the network of worker1 or on its own. */
const daemon = ({ hostNetwork, container }: { hostNetwork: boolean; container: object }): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'daemon', namespace: 'shop' },
    spec: { nodeName: 'worker1', hostNetwork, containers: [{ name: 'agent', image: 'i', ...container }] },
  });

t.test('a container is taken to listen where it is probed, and a trace says so', (t) => {
  const probe = { httpGet: { path: '/live', port: 9099 } };
  const cluster = load(undefined, daemon({ hostNetwork: false, container: { readinessProbe: probe } }));
  const [from, to] = [parseEndpointName('pod/shop/client'), parseDestination('pod/shop/daemon')];
  if (isNameProblem(from) || isNameProblem(to)) throw new Error('bad name');
  const trace = cluster.trace({ from, to, protocol: 'tcp' });
  t.equal(trace.verdict, 'answered');
  t.equal(trace.to.port, 9099, 'it is the port that is meant where nobody declares one');
  t.match(formatTrace(trace), /\[Pod shop\/daemon, container agent is probed at port 9099\]/);
  t.same(told(cluster, 'probe'), []);
  t.end();
});

t.test('Felix and Typha, which are probed at the loopback of their node, listen there alone', (t) => {
  const livenessProbe = { httpGet: { host: 'localhost', path: '/liveness', port: 9099 } };
  const cluster = load(undefined, daemon({ hostNetwork: true, container: { livenessProbe } }));
  t.equal(verdict(cluster, 'node/worker1:9099'), 'refused');
  t.equal(ready(cluster)['daemon'], true);
  const listening = cluster
    .node('worker1')
    .netns.sockets.listeners()
    .filter(({ port }) => port === 9099)
    .map(({ address }) => formatIpv4(address));
  t.same(listening, ['127.0.0.1']);
  t.end();
});

t.test('a port that a daemon of the node has taken stays its own: kube-proxy answers for itself', (t) => {
  const livenessProbe = { httpGet: { path: '/livez', port: 10_256 } };
  const cluster = load(undefined, daemon({ hostNetwork: true, container: { livenessProbe } }));
  const { netns } = cluster.node('worker1');
  t.match(
    netns.sockets.listeners().filter(({ port }) => port === 10_256),
    [{ process: 'kube-proxy' }],
  );
  t.same(
    cluster.findings.filter(({ message }) => message.includes('10256')),
    [],
  );
  t.equal(ready(cluster)['daemon'], true);
  t.end();
});
