/** ICMP redirects between the machines of a physical network, as a connection meets them. */

import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import type { ConnectionTrace } from '../../src/trace/index.js';

/** Two routers, of which the machine knows the one that is not the way. */
const NETWORK = `apiVersion: podwire.dev/v1alpha1
kind: PhysicalNetwork
metadata: {name: net}
spec:
  subnets:
    - {name: near, cidr: 10.1.0.0/24, gateway: 10.1.0.1}
    - {name: far, cidr: 10.9.0.0/24, gateway: 10.9.0.1}
  routers:
    - {name: r1, interfaces: [{subnet: near, address: 10.1.0.1}]}
    - {name: r2, interfaces: [{subnet: near, address: 10.1.0.2}, {subnet: far, address: 10.9.0.1}]}
  hosts:
    - {name: laptop, interfaces: [{subnet: near, address: 10.1.0.10}]}
    - {name: server, interfaces: [{subnet: far, address: 10.9.0.9}], listen: [{protocol: tcp, port: 80}]}
---
apiVersion: podwire.dev/v1alpha1
kind: HostConfig
metadata: {name: r1}
spec: {hosts: [r1], ip: route replace 10.9.0.0/24 via 10.1.0.2}
`;

function trace(cluster: Cluster): ConnectionTrace {
  const [from, to] = [parseEndpointName('host/laptop'), parseDestination('host/server:80')];
  if (isNameProblem(from) || isNameProblem(to)) throw new Error('bad names');
  return cluster.trace({ from, to, protocol: 'tcp' });
}

/** Of each packet that the laptop sent: over which router it went. */
const ways = ({ packets, nameOf }: ConnectionTrace): string[] =>
  packets
    .map(({ story }) => story.hops.map(({ place }) => nameOf(place)))
    .filter(([first]) => first === 'host/laptop')
    .map((places) => (places.includes('host/r1') ? 'r1' : 'r2'));

t.test('a connection goes on by the router that a redirect names, once that is known on the link', (t) => {
  const cluster = new Cluster([{ file: 'net.yaml', text: NETWORK }]);
  t.same(cluster.errors, []);
  const first = trace(cluster);
  t.equal(first.verdict, 'answered');
  t.same(new Set(ways(first)), new Set(['r1']), 'the address of the other router is not known yet');
  cluster.advance(1000);
  const second = trace(cluster);
  t.equal(second.verdict, 'answered');
  t.equal(ways(second)[0], 'r1', 'the SYN is told of');
  t.same(new Set(ways(second).slice(1)), new Set(['r2']), 'and heeds it');
  t.ok(second.packets.some(({ role }) => role === 'icmp-error'));
  cluster.advance(1000);
  t.same(new Set(ways(trace(cluster))), new Set(['r2']), 'other connections to that address too');
  t.end();
});
