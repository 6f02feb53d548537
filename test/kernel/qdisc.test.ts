/** A token bucket on a veth: what goes at once, what waits, and for how long. */

import t from 'tap';
import { Emulation, Host, NS_PER_MS, TokenBucket } from '../../src/kernel/index.js';
import { parseIpv4, type Ipv4Addr } from '../../src/packet/index.js';

const address = (text: string): Ipv4Addr => {
  const addr = parseIpv4(text);
  if (addr === undefined) throw new Error(text);
  return addr;
};

/** Two namespaces, joined by a veth whose first end has a bucket, and the times at which datagrams arrive. */
function shaped(state: { rate: number; burst: number; limit: number }) {
  const emulation = new Emulation();
  const host = new Host(emulation, 'host');
  const far = host.addNetns('far');
  const near = host.netns.links.addVeth({ name: 'v0' }, { name: 'v1', netns: far });
  const end = far.links.require('v1');
  host.netns.links.set(near, { up: true });
  far.links.set(end, { up: true });
  host.netns.fib.addAddress(near, { address: address('10.0.0.1'), prefixLength: 24 });
  far.fib.addAddress(end, { address: address('10.0.0.2'), prefixLength: 24 });
  const arrivedMs: number[] = [];
  const start = { ns: 0 };
  far.sockets.listen({
    protocol: 'udp',
    address: address('10.0.0.2'),
    port: 9,
    onMessage: () => arrivedMs.push(Math.round((emulation.clock.nowNs - start.ns) / NS_PER_MS)),
  });
  const socket = host.netns.sockets.udp();
  socket.connect(address('10.0.0.2'), 9);
  // ARP first, so that only datagrams go through the bucket.
  socket.send(new Uint8Array(1));
  emulation.run();
  arrivedMs.length = 0;
  near.qdisc = new TokenBucket(emulation.clock, state);
  start.ns = emulation.clock.nowNs;
  return { emulation, near, socket, arrivedMs };
}

/** 1,000 octets on the wire: Ethernet 14, IPv4 20, UDP 8. */
const KILO = new Uint8Array(1_000 - 42);

t.test('a burst goes at once and the rest at the rate', (t) => {
  const { emulation, socket, arrivedMs } = shaped({ rate: 100_000, burst: 2_000, limit: 10_000 });
  for (let i = 0; i < 5; i += 1) socket.send(KILO);
  emulation.run();
  t.same(arrivedMs, [0, 0, 10, 20, 30]);
  t.end();
});

t.test('what does not fit into the queue is dropped, with the reason', (t) => {
  const { emulation, near, socket, arrivedMs } = shaped({ rate: 100_000, burst: 1_000, limit: 2_000 });
  for (let i = 0; i < 5; i += 1) socket.send(KILO);
  emulation.run();
  t.same(arrivedMs, [0, 10, 20]);
  t.equal(near.netns.drops.get('qdisc-drop'), 2);
  t.equal(near.counters.txDropped, 2);
  t.end();
});

t.test('tokens come back while nothing is sent, up to the burst', (t) => {
  const { emulation, socket, arrivedMs } = shaped({ rate: 100_000, burst: 1_000, limit: 5_000 });
  socket.send(KILO);
  emulation.advance(500 * NS_PER_MS);
  socket.send(KILO);
  socket.send(KILO);
  emulation.run();
  t.same(arrivedMs, [0, 500, 510]);
  t.end();
});

t.test('a frame longer than the burst never goes', (t) => {
  const { emulation, near, socket, arrivedMs } = shaped({ rate: 100_000, burst: 500, limit: 5_000 });
  socket.send(KILO);
  emulation.run();
  t.same(arrivedMs, []);
  t.equal(near.netns.drops.get('qdisc-drop'), 1);
  t.end();
});
