/** Every way that chance can take: what rules remember of one does not lead another. */

import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import {
  Cluster,
  isNameProblem,
  parseDestination,
  parseEndpointName,
  type TraceRequest,
} from '../../src/cluster/index.js';
import { choicesOf, formatBranches, type TraceBranches } from '../../src/trace/index.js';

const LIMIT = 64;

function request(from: string, to: string): TraceRequest {
  const [source, destination] = [parseEndpointName(from), parseDestination(to)];
  if (isNameProblem(source) || isNameProblem(destination)) throw new Error(`bad names ${from} ${to}`);
  return { from: source, to: destination, protocol: 'tcp' };
}

const endpoint = (name: string) => {
  const parsed = parseEndpointName(name);
  if (isNameProblem(parsed)) throw new Error(parsed.problem);
  return parsed;
};

const topologyOf = (name: string) =>
  readdirSync(`topologies/${name}`)
    .filter((file) => file.endsWith('.yaml') && file !== 'expectations.yaml')
    .map((file) => ({ file, text: readFileSync(`topologies/${name}/${file}`, 'utf8') }));

const STICKY = request('pod/shop/client', 'svc/shop/sticky:80');
const WEB = request('pod/shop/client', 'svc/shop/web:80');
const services = (): Cluster => Cluster.load(['topologies/services-iptables']);

const reached = ({ branches }: TraceBranches) =>
  branches
    .map(({ probability, trace }) => [choicesOf(trace).at(-1)?.reached, probability] as const)
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));

const HALVES = [
  ['pod/shop/web-1', 0.5],
  ['pod/shop/web-2', 0.5],
];

t.test('session affinity of one branch is not that of the next, nor of what comes later', (t) => {
  const cluster = services();
  const remembered = (): number =>
    cluster
      .host('worker1')
      .netns.netfilter.recent.names.reduce(
        (count, name) => count + (cluster.host('worker1').netns.netfilter.recent.get(name)?.size ?? 0),
        0,
      );
  const told = cluster.traceBranches(STICKY, LIMIT);
  t.ok(told.complete);
  t.same(reached(told), HALVES);
  t.equal(remembered(), 0, 'nobody is remembered');
  cluster.trace(STICKY);
  t.equal(remembered(), 1, 'a trace of its own is');
  const held = cluster.traceBranches(STICKY, LIMIT);
  t.equal(held.branches.length, 1, 'and then there is one way');
  t.equal(held.branches[0]?.probability, 1);
  t.equal(remembered(), 1);
  t.end();
});

t.test('limits, lists and sets are as they were', (t) => {
  const rules =
    '*mangle\n-A PREROUTING -m limit --limit 1/day --limit-burst 3 -j MARK --set-mark 0x1\n' +
    '-A PREROUTING -m statistic --mode nth --every 5 --packet 0 -j MARK --set-mark 0x2\n' +
    '-A PREROUTING -p tcp -m connlimit --connlimit-above 3 -j MARK --set-mark 0x4\n' +
    '-A PREROUTING -p tcp -j SET --add-set seen src,dst\n-A PREROUTING -p tcp -j SET --del-set known src\nCOMMIT\n';
  const config = {
    apiVersion: 'podwire.dev/v1alpha1',
    kind: 'HostConfig',
    metadata: { name: 'memory' },
    spec: {
      hosts: ['worker1'],
      ipsets: 'create seen hash:ip,port\ncreate known hash:ip timeout 600\nadd known 10.244.235.129\n',
      iptables: rules,
    },
  };
  const fresh = (): Cluster =>
    new Cluster([...topologyOf('services-iptables'), { file: 'memory.yaml', text: JSON.stringify(config) }]);
  const branched = fresh();
  branched.traceBranches(WEB, LIMIT);
  const { netns } = branched.host('worker1');
  t.same(netns.ipsets.require('seen').members(), []);
  t.match(netns.ipsets.require('known').members(), [/^10\.244\.235\.129 timeout /]);
  const counted = (cluster: Cluster): number[] =>
    (cluster.host('worker1').netns.netfilter.iptables.table('mangle')?.chains.get('PREROUTING')?.rules ?? []).map(
      ({ packets }) => packets,
    );
  const before = counted(branched);
  const alone = fresh();
  const first = counted(alone);
  branched.trace(WEB);
  alone.trace(WEB);
  const grown = (after: readonly number[], from: readonly number[]) =>
    after.slice(0, 3).map((n, i) => n - (from[i] ?? 0));
  t.same(
    grown(counted(branched), before),
    grown(counted(alone), first),
    'rules with a memory count as if none had been before',
  );
  t.end();
});

t.test('a backend is found by its branch, or the message says where they lead', (t) => {
  const cluster = services();
  for (const name of ['pod/shop/web-1', 'pod/shop/web-2']) {
    const { trace, probability } = cluster.traceBackend(WEB, endpoint(name), LIMIT);
    t.equal(choicesOf(trace).at(-1)?.reached, name);
    t.equal(probability, 0.5);
  }
  t.throws(() => cluster.traceBackend(WEB, endpoint('pod/shop/client'), LIMIT), {
    message: /leads to pod\/shop\/client, but to pod\/shop\/web-\d, pod\/shop\/web-\d$/,
  });
  t.end();
});

t.test('the tree has a line for every choice, and a name’s resolution comes first', (t) => {
  const told = services().traceBranches(WEB, LIMIT);
  const lines = formatBranches(told).split('\n');
  t.match(lines[0], /^pod\/shop\/client → svc\/shop\/web:80, tcp: 2 ways$/);
  t.equal(lines.filter((line) => /^[├└]─ 50 % {2}10\.96\.0\.20:80 → [\d.:]+, pod\/shop\/web-\d$/.test(line)).length, 2);
  const named = Cluster.load(['topologies/dns']).traceBranches(request('pod/shop/cart', 'svc/shop/web:80'), LIMIT);
  const [first] = named.branches;
  t.match(first === undefined ? [] : choicesOf(first.trace), [
    { of: 'resolution', asked: '10.96.0.10:53' },
    { of: 'connection', asked: '10.96.0.20:80' },
  ]);
  t.match(formatBranches(named), /^└─ 100 % {2}DNS: 10\.96\.0\.10:53 → [^\n]*\n {3}└─ 100 % {2}10\.96\.0\.20:80 → /m);
  t.end();
});

t.test('questions for a name and the connection are told apart, to the same Service too', (t) => {
  const cluster = Cluster.load(['topologies/dns']);
  const toDns = request('pod/shop/cart', 'kube-dns.kube-system:53');
  const [first] = cluster.traceBranches(toDns, LIMIT).branches;
  t.match(first === undefined ? [] : choicesOf(first.trace), [
    { of: 'resolution', asked: '10.96.0.10:53' },
    { of: 'connection', asked: '10.96.0.10:53' },
  ]);
  const headless = request('pod/shop/cart', 'svc/shop/db:5432');
  t.throws(() => cluster.traceBackend(headless, endpoint('pod/shop/web-1'), LIMIT), {
    message: /leads to pod\/shop\/web-1, but to svc\/shop\/db$/,
  });
  t.end();
});
