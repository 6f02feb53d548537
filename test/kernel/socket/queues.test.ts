import fc from 'fast-check';
import t from 'tap';
import { NS_PER_MS, NS_PER_S } from '../../../src/kernel/clock.js';
import { Random } from '../../../src/kernel/random.js';
import { findPort } from '../../../src/kernel/socket/port-table.js';
import { firstWindow } from '../../../src/kernel/socket/tcp/handshake.js';
import { ReceiveQueue } from '../../../src/kernel/socket/tcp/receive-queue.js';
import { RTO_MAX_NS, RttEstimator } from '../../../src/kernel/socket/tcp/rtt.js';
import { SendQueue } from '../../../src/kernel/socket/tcp/send-queue.js';
import { advance, after, before, between, distance } from '../../../src/kernel/socket/tcp/sequence.js';
import { bytesEqual } from '../../../src/packet/index.js';

t.test('sequence numbers wrap', async (t) => {
  t.ok(before(0xffff_fff0, 5));
  t.notOk(before(5, 0xffff_fff0));
  t.ok(after(5, 0xffff_fff0));
  t.equal(advance(0xffff_ffff, 2), 1);
  t.equal(advance(1, -2), 0xffff_ffff);
  t.equal(distance(0xffff_fffe, 3), 5);
  t.equal(distance(3, 0xffff_fffe), -5);
  t.ok(between(0, 0xffff_ffff, 1));
  t.notOk(between(2, 0xffff_ffff, 1));
});

t.test('the send queue gives every octet by its number, whatever was acknowledged', async (t) => {
  const chunk = fc.uint8Array({ minLength: 0, maxLength: 30 });
  fc.assert(
    fc.property(fc.nat({ max: 0xffff_ffff }), fc.array(fc.tuple(chunk, fc.nat({ max: 40 }))), (start, moves) => {
      const queue = new SendQueue();
      queue.begin(start);
      const written: number[] = [];
      let first = start;
      for (const [bytes, acknowledged] of moves) {
        queue.write(bytes);
        written.push(...bytes);
        const octets = Math.min(acknowledged, written.length);
        queue.acknowledge(advance(first, octets));
        written.splice(0, octets);
        first = advance(first, octets);
        const middle = written.length >> 1;
        if (queue.length !== written.length || queue.end !== advance(first, written.length)) return false;
        if (!bytesEqual(queue.copy(first, written.length), Uint8Array.from(written))) return false;
        const rest = queue.copy(advance(first, middle), written.length - middle);
        if (!bytesEqual(rest, Uint8Array.from(written.slice(middle)))) return false;
      }
      return true;
    }),
  );
  t.pass();
});

t.test('the receive queue makes one stream of pieces in any order', async (t) => {
  const size = 200;
  const stream = Uint8Array.from({ length: size }, (_, i) => i);
  const piece = fc.tuple(fc.nat({ max: size - 1 }), fc.integer({ min: 1, max: 60 }));
  fc.assert(
    fc.property(fc.nat({ max: 0xffff_ffff }), fc.array(piece, { maxLength: 60 }), (start, pieces) => {
      const queue = new ReceiveQueue();
      let next = start;
      const have = new Set<number>();
      let fin = false;
      for (const [from, length] of pieces) {
        const to = Math.min(from + length, size);
        for (let i = from; i < to; i++) have.add(i);
        const sequence = advance(start, from);
        const done = distance(start, next);
        if (to <= done) continue;
        if (from > done) queue.hold(sequence, stream.slice(from, to), to === size);
        else {
          queue.append(stream.slice(done, to));
          next = advance(start, to);
          fin ||= to === size;
          const closed = queue.close(next);
          next = closed.next;
          fin ||= closed.fin;
        }
        let expected = 0;
        while (have.has(expected)) expected += 1;
        if (expected !== Math.min(distance(start, next), size)) return false;
        for (const { left, right } of queue.sackBlocks(4)) {
          const a = distance(start, left);
          const b = Math.min(distance(start, right), size);
          for (let i = a; i < b; i++) if (!have.has(i)) return false;
          if (a <= expected) return false;
        }
      }
      const got = queue.read(Number.POSITIVE_INFINITY);
      return bytesEqual(got, stream.subarray(0, got.length)) && got.length === Math.min(distance(start, next), size);
    }),
  );
  t.pass();
});

t.test('reading a part leaves the rest', async (t) => {
  const queue = new ReceiveQueue();
  queue.append(Uint8Array.of(1, 2, 3));
  queue.append(Uint8Array.of(4, 5));
  t.same([...queue.read(4)], [1, 2, 3, 4]);
  t.equal(queue.ready, 1);
  t.same([...queue.read(4)], [5]);
  t.same([...queue.read(4)], []);
});

t.test('the selective acknowledgment begins with what came last, and neighbours are one', async (t) => {
  const queue = new ReceiveQueue();
  queue.hold(100, new Uint8Array(10), false);
  queue.hold(200, new Uint8Array(10), false);
  queue.hold(300, new Uint8Array(10), false);
  queue.hold(110, new Uint8Array(10), false);
  t.same(queue.sackBlocks(3), [
    { left: 100, right: 120 },
    { left: 200, right: 210 },
    { left: 300, right: 310 },
  ]);
  queue.hold(300, new Uint8Array(10), false);
  t.same(queue.sackBlocks(2), [
    { left: 300, right: 310 },
    { left: 100, right: 120 },
  ]);
});

t.test('the timeout is a second before anything is known, then the round trip and at least 200 ms', async (t) => {
  const rtt = new RttEstimator();
  t.equal(rtt.timeoutNs, NS_PER_S);
  rtt.measure(50 * NS_PER_MS, 1, 100);
  t.equal(rtt.timeoutNs, 250 * NS_PER_MS);
  for (let i = 0; i < 200; i++) rtt.measure(50 * NS_PER_MS, 200 * i, 200 * (i + 1));
  t.equal(Math.round(rtt.timeoutNs / NS_PER_MS), 250);
  rtt.measure(2 * NS_PER_S, 100_000, 100_100);
  t.ok(rtt.timeoutNs > 500 * NS_PER_MS, 'a late answer makes it patient');
  rtt.measure(1000 * NS_PER_S, 100_200, 100_300);
  t.equal(rtt.timeoutNs, RTO_MAX_NS);
});

/** tcp_rmem 4096 131072 6291456: what Linux puts into SYN (MSS) and SYN-ACK (MSS less timestamps). */
const WINDOWS: readonly (readonly [mss: number, window: number])[] = [
  [1460, 64_240],
  [1448, 65_160],
  [1410, 64_860],
  [8960, 62_720],
  [65_495, 65_495],
  [65_483, 65_483],
];
for (const [mss, window] of WINDOWS) {
  t.test(`the first window for an MSS of ${mss}`, async (t) => {
    t.match(firstWindow(65_536, mss, 'scaled'), { window, scale: 7 });
    t.match(firstWindow(65_536, mss, 'unscaled'), { window, scale: 0, clamp: 65_535 });
  });
}

t.test('a port search looks at every port of the range once', async (t) => {
  fc.assert(
    fc.property(
      fc.nat({ max: 30 }),
      fc.constantFrom('same' as const, 'other' as const),
      fc.nat(),
      (count, parity, seed) => {
        const seen: number[] = [];
        const found = findPort({ first: 1000, last: 1000 + count }, new Random(seed), parity, (port) => {
          seen.push(port);
          return false;
        });
        // An odd number of ports: Linux leaves the last one out.
        const all = count === 0 ? 1 : (count + 1) & ~1;
        const firstHalf = seen.slice(0, all >> 1);
        return (
          found === undefined &&
          new Set(seen).size === seen.length &&
          seen.length === all &&
          firstHalf.every((port) => count === 0 || port % 2 === (parity === 'same' ? 0 : 1))
        );
      },
    ),
  );
  t.pass();
});
