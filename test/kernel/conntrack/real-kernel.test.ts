/**
 * The real kernel as the judge: the same packets through a namespace of it and through this module. Compared are the
 * state that it gives each packet, every byte that leaves, and the lines of `conntrack -L`.
 */

import t from 'tap';
import { NAT_RANGE, type NatRange } from '../../../src/kernel/conntrack/index.js';
import type { Skb } from '../../../src/kernel/skb.js';
import { Duel } from './duel.js';
import { address, icmp, other, sctp, tcp, udp } from './packets.js';
import { type Sent, type Side, unavailable } from './real-gateway.js';
import { TcpWalk } from './tcp-walk.js';

type Assert = Pick<typeof t, 'same'>;

const skip = unavailable() ?? false;

const a = (bytes: Uint8Array): Sent => ({ side: 'a', bytes });
const b = (bytes: Uint8Array): Sent => ({ side: 'b', bytes });

/** Sends one round after the other and expects no difference after any. */
function play(t: Assert, duel: Duel, rounds: readonly (readonly Sent[])[]): void {
  rounds.forEach((round, i) => {
    t.same(duel.exchange(round), [], `packets of round ${i + 1}`);
    t.same(duel.compareLists(), [], `connections after round ${i + 1}`);
  });
}

/** A TCP connection of a client behind `a`: its segments one by one. */
function tcpFlow(from: string, to: string, seen: { from: string; to: string } = { from, to }) {
  return {
    out: (flags: string, seq: number, ack = 0, data = 0): Sent => a(tcp({ from, to, flags, seq, ack, data })),
    back: (flags: string, seq: number, ack = 0, data = 0): Sent =>
      b(tcp({ from: seen.to, to: seen.from, flags, seq, ack, data })),
  };
}

t.test('the real kernel agrees about whole TCP connections', { skip }, (t) => {
  const duel = new Duel();
  t.teardown(() => duel.close());
  const closed = tcpFlow('10.0.1.2:1001', '10.0.2.2:80');
  const refused = tcpFlow('10.0.1.2:1002', '10.0.2.2:81');
  const aborted = tcpFlow('10.0.1.2:1003', '10.0.2.2:80');
  const adopted = tcpFlow('10.0.1.2:1004', '10.0.2.2:80');
  play(t, duel, [
    [closed.out('S', 100), refused.out('S', 100), aborted.out('S', 100), adopted.out('PA', 7000, 9000, 50)],
    [
      closed.back('SA', 500, 101),
      refused.back('RA', 0, 101),
      aborted.back('SA', 500, 101),
      adopted.back('A', 9000, 7050),
    ],
    [closed.out('A', 101, 501), refused.out('A', 101, 1), aborted.out('A', 101, 501), adopted.out('A', 7050, 9000)],
    [closed.out('PA', 101, 501, 300), aborted.out('A', 999_999, 501), adopted.back('SA', 9000, 7050)],
    [closed.back('A', 501, 401), aborted.out('R', 101), adopted.back('R', 123)],
    [closed.out('FA', 401, 501), aborted.out('S', 5000)],
    [closed.back('FA', 501, 402), aborted.back('SA', 6000, 5001)],
    [closed.out('A', 402, 502)],
    [closed.out('S', 50_000)],
  ]);
  t.end();
});

t.test('the real kernel agrees about TCP that goes astray', { skip }, (t) => {
  const duel = new Duel();
  t.teardown(() => duel.close());
  const walks = Array.from({ length: 150 }, (_, i) => new TcpWalk(424_200 + i, 2000 + i));
  play(
    t,
    duel,
    Array.from({ length: 9 }, () => walks.map((walk) => walk.next())),
  );
  t.end();
});

t.test('the real kernel agrees about UDP, ICMP, SCTP and everything else', { skip }, (t) => {
  const duel = new Duel();
  t.teardown(() => duel.close());
  const client = '10.0.1.2:4000';
  const server = '10.0.2.2:53';
  const question = udp({ from: client, to: server });
  const init = { type: 1, initTag: 77 };
  const request = (type: number, id: number): Sent => a(icmp({ from: '10.0.1.2', to: '10.0.2.2', type, id }));
  const stray = (type: number, id: number): Sent => b(icmp({ from: '10.0.2.2', to: '10.0.1.2', type, id }));
  play(t, duel, [
    [
      a(question),
      a(udp({ from: client, to: '10.0.2.3:53', checksum: 'bad' })),
      a(udp({ from: client, to: '10.0.2.3:54', checksum: 'none' })),
      a(udp({ from: client, to: '10.0.2.3:55', length: 7 })),
      a(sctp({ from: client, to: '10.0.2.2:80', tag: 0, chunks: [init] })),
      a(sctp({ from: client, to: '10.0.2.2:81', tag: 0, chunks: [init], checksum: 'bad' })),
      a(sctp({ from: client, to: '10.0.2.2:82', tag: 5, chunks: [{ type: 4, value: 4 }] })),
      request(8, 1),
      request(13, 2),
      request(10, 3),
      request(0, 4),
      request(19, 5),
      ...[4, 41, 47, 253].map((protocol) => a(other({ from: '10.0.1.2', to: '10.0.2.2' }, protocol))),
    ],
    [
      b(udp({ from: server, to: client })),
      b(sctp({ from: '10.0.2.2:80', to: client, tag: 77, chunks: [{ type: 2, initTag: 88 }] })),
      b(sctp({ from: '10.0.2.2:82', to: client, tag: 5, chunks: [{ type: 5, value: 4 }] })),
      stray(0, 1),
      stray(14, 2),
      stray(0, 99),
      b(other({ from: '10.0.2.2', to: '10.0.1.2' }, 47)),
      b(
        icmp({
          from: '10.0.2.3',
          to: '10.0.1.2',
          type: 3,
          code: 3,
          quoted: udp({ from: client, to: '10.0.2.3:54' }).slice(0, 28),
        }),
      ),
    ],
    [
      a(sctp({ from: client, to: '10.0.2.2:80', tag: 88, chunks: [{ type: 10, value: 8 }] })),
      b(icmp({ from: '10.0.2.2', to: '10.0.1.2', type: 11, quoted: question })),
      b(icmp({ from: '10.0.2.2', to: '10.0.1.3', type: 11, quoted: question })),
      b(icmp({ from: '10.0.2.2', to: '10.0.1.2', type: 3, code: 1, quoted: question.slice(0, 24) })),
      b(icmp({ from: '10.0.2.2', to: '10.0.1.2', type: 3, code: 1, quoted: question, checksum: 'bad' })),
      b(icmp({ from: '10.0.2.2', to: '10.0.1.2', type: 5, code: 1, quoted: question })),
    ],
    [
      b(sctp({ from: '10.0.2.2:80', to: client, tag: 77, chunks: [{ type: 11 }] })),
      a(sctp({ from: client, to: '10.0.2.2:80', tag: 3, chunks: [{ type: 0, value: 8 }] })),
    ],
  ]);
  // A flow that goes both ways for longer than two seconds is a stream.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2100);
  play(t, duel, [[a(udp({ from: client, to: server })), a(other({ from: '10.0.1.2', to: '10.0.2.2' }, 47))]]);
  t.match(duel.real.list().join('\n'), /udp {6}17 1\d\d .* \[ASSURED\]/, 'the real kernel calls it one');
  t.end();
});

t.test('the real kernel translates the same packets to the same bytes', { skip }, (t) => {
  const duel = new Duel({
    rules: [
      '-t nat -A PREROUTING -d 10.0.9.9 -j DNAT -p tcp --dport 80 --to-destination 10.0.2.2:8080',
      '-t nat -A PREROUTING -d 10.0.9.9 -j DNAT -p udp --dport 53 --to-destination 10.0.2.3:5353',
      '-t nat -A PREROUTING -d 10.0.9.9 -j DNAT -p sctp --dport 80 --to-destination 10.0.2.2:8080',
      '-t nat -A PREROUTING -d 10.0.9.9 -j DNAT -p icmp --to-destination 10.0.2.2',
      '-t nat -A POSTROUTING -s 10.0.1.3 -p udp --sport 600 -j SNAT --to-source 10.0.7.7:5000',
      '-t nat -A POSTROUTING -s 10.0.1.3 -j SNAT --to-source 10.0.7.7',
    ],
    nat: { dnat: serviceAddress, snat: sourceAddress },
  });
  t.teardown(() => duel.close());
  const web = tcpFlow('10.0.1.3:3000', '10.0.9.9:80', { from: '10.0.7.7:3000', to: '10.0.2.2:8080' });
  const query = udp({ from: '10.0.1.3:3001', to: '10.0.9.9:53' });
  const queryBehind = udp({ from: '10.0.7.7:3001', to: '10.0.2.3:5353' });
  const segmentBehind = tcp({ from: '10.0.7.7:3000', to: '10.0.2.2:8080', flags: 'S', seq: 100, data: 40 });
  play(t, duel, [
    [
      web.out('S', 100),
      a(query),
      a(udp({ from: '10.0.1.2:3001', to: '10.0.9.9:53', checksum: 'none' })),
      a(sctp({ from: '10.0.1.3:3002', to: '10.0.9.9:80', tag: 0, chunks: [{ type: 1, initTag: 9 }] })),
      a(icmp({ from: '10.0.1.3', to: '10.0.9.9', type: 8, id: 7 })),
      a(udp({ from: '10.0.1.3:600', to: '10.0.2.2:9' })),
      a(udp({ from: '10.0.1.2:3003', to: '10.0.9.9:99' })),
    ],
    [
      web.back('SA', 500, 101),
      b(udp({ from: '10.0.2.3:5353', to: '10.0.7.7:3001', data: 30 })),
      b(udp({ from: '10.0.2.3:5353', to: '10.0.1.2:3001', data: 31, checksum: 'none' })),
      b(sctp({ from: '10.0.2.2:8080', to: '10.0.7.7:3002', tag: 9, chunks: [{ type: 2, initTag: 8 }] })),
      b(icmp({ from: '10.0.2.2', to: '10.0.7.7', type: 0, id: 7 })),
    ],
    // Errors from the far end and from a router on the way, about what they saw: translated back, inside too.
    [
      b(icmp({ from: '10.0.2.3', to: '10.0.7.7', type: 3, code: 3, quoted: queryBehind })),
      b(icmp({ from: '10.0.2.2', to: '10.0.7.7', type: 3, code: 4, rest: 1400, quoted: segmentBehind.slice(0, 28) })),
      b(icmp({ from: '10.0.2.3', to: '10.0.7.7', type: 11, quoted: segmentBehind })),
      b(
        icmp({
          from: '10.0.2.2',
          to: '10.0.7.7',
          type: 3,
          code: 1,
          quoted: icmp({ from: '10.0.7.7', to: '10.0.2.2', type: 8, id: 7 }),
        }),
      ),
      // And from the client, about an answer that it did not want.
      a(
        icmp({
          from: '10.0.1.3',
          to: '10.0.9.9',
          type: 3,
          code: 3,
          quoted: udp({ from: '10.0.9.9:53', to: '10.0.1.3:3001', data: 30 }),
        }),
      ),
      // A redirect cannot be translated.
      b(icmp({ from: '10.0.2.3', to: '10.0.7.7', type: 5, code: 1, quoted: queryBehind })),
    ],
    // The one port that the rule allows is taken: the packet is lost when it is confirmed.
    [a(udp({ from: '10.0.1.3:600', to: '10.0.2.2:10' }))],
    [
      a(sctp({ from: '10.0.1.3:3002', to: '10.0.9.9:80', tag: 8, chunks: [{ type: 10, value: 4 }] })),
      web.out('A', 101, 501),
    ],
  ]);
  t.end();

  function serviceAddress({ ipv4, view }: Skb): NatRange | undefined {
    if (ipv4.destination !== address('10.0.9.9')) return undefined;
    const port = view.getUint16(ipv4.payloadOffset + 2);
    const flags = NAT_RANGE.mapIps | NAT_RANGE.protoSpecified;
    if (ipv4.protocol === 1) return { flags: NAT_RANGE.mapIps, minAddr: address('10.0.2.2') };
    if (ipv4.protocol === 17 && port === 53) return { flags, minAddr: address('10.0.2.3'), minPort: 5353 };
    if (ipv4.protocol !== 17 && port === 80) return { flags, minAddr: address('10.0.2.2'), minPort: 8080 };
    return undefined;
  }

  function sourceAddress({ ipv4, view }: Skb): NatRange | undefined {
    if (ipv4.source !== address('10.0.1.3')) return undefined;
    const fixed = ipv4.protocol === 17 && view.getUint16(ipv4.payloadOffset) === 600;
    const minAddr = address('10.0.7.7');
    return fixed
      ? { flags: NAT_RANGE.mapIps | NAT_RANGE.protoSpecified, minAddr, minPort: 5000 }
      : { flags: NAT_RANGE.mapIps, minAddr };
  }
});

t.test('conntrack prints the same lines with counters, marks and the network protocol', { skip }, (t) => {
  const duel = new Duel({ rules: ['-t mangle -A PREROUTING -p udp -j CONNMARK --set-mark 0x80000001'] });
  t.teardown(() => duel.close());
  duel.sysctl('netfilter.nf_conntrack_acct', 1);
  const side: Side = 'a';
  duel.exchange([
    { side, bytes: udp({ from: '10.0.1.2:1', to: '10.0.2.2:2', data: 72 }) },
    { side, bytes: tcp({ from: '10.0.1.2:1', to: '10.0.2.2:2', flags: 'S' }) },
  ]);
  const { conntrack } = duel.virtual;
  for (const entry of conntrack.entries({ protocol: 17 })) entry.mark = 0x8000_0001 | 0;
  t.same(duel.compareLists(), []);
  const withoutTime = (line: string): string => line.replace(/^((?:\S+ +){3}\d+) \d+/, '$1');
  const ours = conntrack.entries().map((entry) => withoutTime(conntrack.format(entry, { extended: true })));
  const theirs = duel.real.conntrack('-L', '-o', 'extended').trim().split('\n').map(withoutTime);
  t.same(ours.toSorted(), theirs.toSorted());
  t.end();
});
