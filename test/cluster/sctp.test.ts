/** SCTP in a whole cluster: who listens, who refuses and how, and what is said of it. */

import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import type { ConnectionTrace } from '../../src/trace/index.js';

const sources = readdirSync('topologies/two-nodes-vxlan')
  .filter((file) => file.endsWith('.yaml') && file !== 'expectations.yaml')
  .map((file) => ({ file, text: readFileSync(`topologies/two-nodes-vxlan/${file}`, 'utf8') }));

const withMore = (more: string): Cluster => new Cluster([...sources, { file: 'more.yaml', text: more }]);

function trace(cluster: Cluster, from: string, to: string): ConnectionTrace {
  const [source, destination] = [parseEndpointName(from), parseDestination(to)];
  if (isNameProblem(source) || isNameProblem(destination)) throw new Error(`bad names ${from} ${to}`);
  return cluster.trace({ from: source, to: destination, protocol: 'sctp' });
}

const CLIENT = 'pod/default/client';
const listener = (hosts: string): string => `apiVersion: podwire.dev/v1alpha1
kind: HostConfig
metadata: {name: signalling}
spec: {hosts: [${hosts}], listen: [{protocol: sctp, port: 2905}]}
`;

t.test('a machine listens on SCTP as its HostConfig says, and its other ports are closed', (t) => {
  const cluster = withMore(listener('node2'));
  t.same(cluster.errors, []);
  const answered = trace(cluster, CLIENT, 'node/node2:2905');
  t.equal(answered.verdict, 'answered');
  t.match(answered.explanation[0], /answers on sctp port 2905/);
  t.equal(trace(cluster, CLIENT, 'node/node2:2906').verdict, 'refused');
  t.equal(trace(cluster, 'node/node2', 'node/node2:2905').verdict, 'answered', 'over lo');
  t.end();
});

t.test('a machine on which nobody has SCTP says so by ICMP, and the trace says why', (t) => {
  const refused = trace(withMore(listener('node1')), CLIENT, 'node/node2:2905');
  t.equal(refused.verdict, 'refused');
  t.match(refused.explanation.join(' '), /No program on that machine has opened an SCTP socket/);
  t.ok(refused.packets.some(({ role }) => role === 'icmp-error'));
  t.end();
});

t.test('an association over NAT has the same tags on both sides, and is gone when the trace is over', (t) => {
  const cluster = withMore(listener('internet'));
  const first = trace(cluster, CLIENT, 'host/internet:2905');
  t.equal(first.verdict, 'answered');
  const sockets = cluster.host('internet').netns.sockets.entries();
  t.same(
    sockets.filter(({ protocol }) => protocol === 'sctp').map(({ state }) => state),
    ['LISTEN'],
  );
  t.end();
});
