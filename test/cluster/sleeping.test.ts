/** Machines that nobody has built yet answer for all the addresses that they will have. */

import { readFileSync } from 'node:fs';
import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';

const DEMO = ['cluster', 'network'].map((name) => ({
  file: `${name}.yaml`,
  text: readFileSync(`topologies/two-nodes-vxlan/${name}.yaml`, 'utf8'),
}));

const config = (host: string, spec: object) => ({
  apiVersion: 'podwire.dev/v1alpha1',
  kind: 'HostConfig',
  metadata: { name: host },
  spec: { hosts: [host], ...spec },
});

/** What a ping comes to in a cluster in which nothing has been sent before. */
function ping(from: string, to: string, ...more: readonly object[]): string {
  const text = more.map((object) => JSON.stringify(object)).join('\n---\n');
  const cluster = new Cluster([...DEMO, { file: 'more.yaml', text }]);
  const [source, destination] = [parseEndpointName(from), parseDestination(to)];
  if (isNameProblem(source) || isNameProblem(destination)) throw new Error('bad names');
  return cluster.trace({ from: source, to: destination, protocol: 'icmp' }).verdict;
}

t.test('an address that a document adds', (t) => {
  const added = config('internet', { ip: 'address add 203.0.113.77/24 dev eth0' });
  t.equal(ping('node/node1', '203.0.113.77', added), 'answered');
  t.equal(ping('node/node1', '203.0.113.7', added), 'unreachable');
  const virtual = config('node2', { ip: 'address add 172.18.0.100/32 dev eth0' });
  t.equal(ping('node/node1', '172.18.0.100', virtual), 'answered', 'as a virtual address of the control plane');
  t.end();
});

t.test('an address of another interface, since arp_ignore is 0', (t) => {
  const onLink = config('internet', { ip: 'route add 172.18.0.1 dev eth0' });
  t.equal(ping('host/internet', '172.18.0.1', onLink), 'answered');
  t.end();
});

t.test('addresses of others, where proxy_arp says so', (t) => {
  const flat = config('internet', { ip: 'route add 172.18.0.0/24 dev eth0' });
  t.equal(ping('host/internet', '172.18.0.2', flat), 'unreachable');
  const proxy = config('router', { sysctls: { 'net.ipv4.conf.all.proxy_arp': '1' } });
  t.equal(ping('host/internet', '172.18.0.2', flat, proxy), 'answered');
  t.end();
});
