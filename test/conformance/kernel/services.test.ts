/** Packets to Services, through kube-proxy's rules in the emulator and in the real kernel: every frame, rule and entry. */

import t from 'tap';
import { toHex } from '../../../src/packet/index.js';
import { formatDifference } from './compare.js';
import { duel } from './duel.js';
import { whyNotReal } from './real.js';
import type { KernelCase, Order } from './record.js';
import { Ledger } from '../report.js';
import { topologyCase } from './topologies.js';

const why = whyNotReal();
const options = why === undefined ? {} : { skip: why };
const PAYLOAD = toHex(new TextEncoder().encode('what happens to this packet?'));

/** From, to, port, and what it is about. */
const ASKED: readonly (readonly [place: string, destination: string, port: number, note: string])[] = [
  ['pod/shop/client', '10.96.0.21', 80, 'a cluster IP with one endpoint elsewhere'],
  ['pod/shop/client', '10.96.0.20', 80, 'one of two endpoints'],
  ['pod/shop/client', '10.96.0.25', 80, 'session affinity'],
  ['pod/shop/client', '10.96.0.25', 80, 'session affinity again'],
  ['pod/shop/client', '10.96.0.23', 80, 'the internal policy Local with a pod here'],
  ['pod/shop/client', '10.96.0.26', 80, 'nobody is ready'],
  ['pod/shop/client', '10.96.0.21', 81, 'a port that the Service does not have'],
  ['pod/shop/web-2', '10.96.0.21', 80, 'a pod asks itself'],
  ['node/worker1', '10.96.0.21', 80, 'a node asks a cluster IP'],
  ['node/worker1', '127.0.0.1', 30_080, 'a node asks a node port at localhost'],
  ['node/worker1', '172.18.0.11', 30_081, 'a node asks its own node port with the policy Local'],
  ['host/office', '172.18.0.11', 30_080, 'a node port from outside'],
  ['host/office', '172.18.0.12', 30_081, 'the policy Local where the pod is'],
  ['host/office', '172.18.0.12', 30_082, 'a node port that nobody is ready for'],
  ['host/office', '192.0.2.10', 80, 'a load balancer from an allowed network'],
  ['host/stranger', '192.0.2.10', 8000, 'an external IP'],
  ['pod/shop/client', '10.96.0.1', 443, 'the API server'],
];

/** How often a node tells a pod of a better way hangs on how fast the machine is: here it never does. */
const NO_REDIRECTS = {
  file: 'no-redirects.yaml',
  text: 'apiVersion: podwire.dev/v1alpha1\nkind: HostConfig\nmetadata: {name: no-redirects}\nspec: {sysctls: {net.ipv4.conf.all.send_redirects: "0", net.ipv4.conf.default.send_redirects: "0"}}\n',
};

function servicesCase(): KernelCase {
  const orders = ASKED.map(([place, destination, port, note], i): Order => {
    return { kind: 'tcp', place, destination, port, note, sourcePort: 45_000 + i, hex: PAYLOAD };
  });
  const dns: Order = {
    kind: 'udp',
    place: 'pod/shop/client',
    destination: '10.96.0.27',
    port: 53,
    sourcePort: 46_000,
    note: 'UDP',
    hex: PAYLOAD,
  };
  const topology = topologyCase('services-iptables');
  return { ...topology, sources: [...topology.sources, NO_REDIRECTS], orders: [...orders, dns] };
}

t.test('packets to Services go as in the real kernel', options, async (t) => {
  const case_ = servicesCase();
  const result = await duel(case_, `pws${process.pid}`);
  t.ok(result.frames > 0, 'frames were compared');
  t.same(
    result.differences.map((difference) => formatDifference(case_, difference)),
    [],
  );
  const ledger = new Ledger('packets to Services');
  ledger.add(result);
  ledger.tellAtEnd(t);
});
