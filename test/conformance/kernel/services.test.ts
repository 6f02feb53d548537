/** Packets to Services, through kube-proxy's rules in the emulator and in the real kernel: every frame, rule and entry. */

import t from 'tap';
import { toHex } from '../../../src/packet/index.js';
import { formatDifference } from './compare.js';
import { whyNotReal } from './real.js';
import type { KernelCase, Order } from './record.js';
import { Ledger } from '../report.js';
import { steadyDuel } from './steady.js';
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

type Asked = (typeof ASKED)[number];

const connections = (asked: readonly Asked[]): Order[] =>
  asked.map(([place, destination, port, note], i): Order => {
    return { kind: 'tcp', place, destination, port, note, sourcePort: 45_000 + i, hex: PAYLOAD };
  });

function servicesCase(): KernelCase {
  const dns: Order = {
    kind: 'udp',
    place: 'pod/shop/client',
    destination: '10.96.0.27',
    port: 53,
    sourcePort: 46_000,
    note: 'UDP',
    hex: PAYLOAD,
  };
  const ping: Order = {
    kind: 'ping',
    place: 'pod/shop/client',
    destination: '10.96.0.20',
    id: 7001,
    sequence: 1,
    note: 'a ping to a cluster IP',
    hex: PAYLOAD,
  };
  const topology = topologyCase('services-iptables');
  return { ...topology, sources: [...topology.sources, NO_REDIRECTS], orders: [...connections(ASKED), dns, ping] };
}

/** Addresses that MetalLB's speakers have told the router of. */
const ANNOUNCED: readonly Asked[] = [
  ...Array.from({ length: 6 }, (): Asked => ['host/office', '192.0.2.2', 80, 'one of three nodes, as the hash has it']),
  ['host/office', '192.0.2.3', 80, 'the policy Local: the node with the pod'],
  ['host/office', '192.0.2.130', 80, 'by a network'],
  ['host/office', '192.0.2.1', 80, 'nobody announces it'],
  ['host/branch', '192.0.2.2', 80, 'behind a router that has not heard of it'],
  ['pod/shop/client', '192.0.2.2', 80, 'a pod takes the short way'],
];

/** The kernel draws it anew at each start. */
const HASH_SEED = {
  file: 'hash-seed.yaml',
  text: 'apiVersion: podwire.dev/v1alpha1\nkind: HostConfig\nmetadata: {name: hash-seed}\nspec: {hosts: [tor], sysctls: {net.ipv4.fib_multipath_hash_seed: "4711"}}\n',
};

function announcedCase(): KernelCase {
  const topology = topologyCase('load-balancer-metallb-bgp');
  return { ...topology, sources: [...topology.sources, NO_REDIRECTS, HASH_SEED], orders: connections(ANNOUNCED) };
}

for (const { what, make } of [
  { what: 'packets to Services', make: servicesCase },
  { what: 'packets to addresses that routers have heard of', make: announcedCase },
])
  t.test(`${what} go as in the real kernel`, options, async (t) => {
    const case_ = make();
    const result = await steadyDuel(case_, `pws${process.pid}`);
    t.ok(result.frames > 0, 'frames were compared');
    t.same(
      result.differences.map((difference) => formatDifference(case_, difference)),
      [],
    );
    const ledger = new Ledger(what);
    ledger.add(result);
    ledger.tellAtEnd(t);
  });
