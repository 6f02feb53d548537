/** Segments that do not belong: RFC 9293 §3.10.7, RFC 5961, RFC 7323 §5. */

import t from 'tap';
import type { TcpSocket } from '../../../src/kernel/socket/index.js';
import { INADDR_ANY, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, type TcpFields } from '../../../src/packet/index.js';
import { A, B, forge, JoinedHosts, octets, text } from './joined-hosts.js';

interface Attacked {
  readonly hosts: JoinedHosts;
  readonly client: TcpSocket;
  readonly server: TcpSocket;
  readonly heard: string[];
  /** What the server sends next, if it sent nothing else. */
  readonly next: { readonly sequence: number; readonly acknowledgment: number; readonly timestamp: number };
  /** Gives the client a segment that claims to be the server's; what the client answers, in short. */
  inject(fields: Partial<TcpFields> & { payload?: Uint8Array; stamp?: number }): string[];
}

function attacked(): Attacked {
  const hosts = new JoinedHosts();
  const accepted: TcpSocket[] = [];
  hosts.b.sockets.listen({ protocol: 'tcp', address: INADDR_ANY, port: 80, onConnection: (s) => accepted.push(s) });
  const client = hosts.a.sockets.tcp();
  const heard: string[] = [];
  client.onData = (bytes) => heard.push(text(bytes));
  client.onEnd = () => heard.push('end');
  client.onError = (errno) => heard.push(errno);
  client.connect(B, 80);
  hosts.run(1_000);
  const synAck = hosts.sent[1]!.tcp;
  const next = {
    sequence: (synAck.sequence + 1) >>> 0,
    acknowledgment: synAck.acknowledgment,
    timestamp: synAck.parseOptions().timestamps!.value,
  };
  const echo = hosts.sent[0]!.tcp.parseOptions().timestamps!.value;
  hosts.wire = () => [];
  return {
    hosts,
    client,
    server: accepted[0]!,
    heard,
    next,
    inject: (fields) => {
      hosts.sent.length = 0;
      hosts.a.drops.length = 0;
      hosts.a.receive(
        forge({
          source: B,
          destination: A,
          sourcePort: 80,
          destinationPort: client.localPort,
          sequence: next.sequence,
          acknowledgment: next.acknowledgment,
          flags: TCP_ACK,
          window: 500,
          options: { timestamps: { value: fields.stamp ?? next.timestamp, echo } },
          ...fields,
        }),
      );
      return hosts.log();
    },
  };
}

const plus = (sequence: number, octets: number): number => (sequence + octets) >>> 0;

t.test('only the very next sequence number resets; another one in the window is challenged', async (t) => {
  const { client, heard, next, inject, hosts } = attacked();
  t.same(inject({ flags: TCP_RST, sequence: plus(next.sequence, 1000) }), ['a .']);
  t.equal(hosts.sent[0]?.tcp.acknowledgment, next.sequence);
  t.equal(client.state, 'ESTABLISHED');
  t.same(inject({ flags: TCP_RST, sequence: plus(next.sequence, 1_000_000) }), [], 'outside it is not even answered');
  t.same(heard, []);
  t.same(inject({ flags: TCP_RST }), []);
  t.same(heard, ['ECONNRESET']);
});

t.test('challenges are not sent more than twice a second', async (t) => {
  const { next, inject, hosts } = attacked();
  const wrong = { flags: TCP_RST, sequence: plus(next.sequence, 1000) };
  t.same(inject(wrong), ['a .']);
  t.same(inject(wrong), []);
  hosts.run(501);
  t.same(inject(wrong), ['a .']);
});

t.test('a SYN inside a connection is challenged and changes nothing', async (t) => {
  const { client, inject } = attacked();
  t.same(inject({ flags: TCP_SYN }), ['a .']);
  t.equal(client.state, 'ESTABLISHED');
});

t.test('a segment behind or before the window is acknowledged and dropped', async (t) => {
  const { heard, next, inject, hosts } = attacked();
  t.same(inject({ sequence: plus(next.sequence, -5), payload: octets('again') }), ['a .']);
  t.same(hosts.a.drops, ['tcp-oldsequence']);
  t.same(inject({ sequence: plus(next.sequence, 1_000_000), payload: octets('far') }), ['a .']);
  t.same(hosts.a.drops, ['tcp-oldsequence']);
  t.same(heard, []);
});

t.test('an overlap is cut off in front', async (t) => {
  const { heard, next, inject } = attacked();
  inject({ flags: TCP_ACK | TCP_PSH, payload: octets('abc') });
  inject({ flags: TCP_ACK | TCP_PSH, payload: octets('abcdef') });
  t.same(heard, ['abc', 'def']);
  t.equal(next.sequence, next.sequence >>> 0);
});

t.test('an acknowledgment of octets that were never sent is worth nothing', async (t) => {
  const { client, heard, next, inject, hosts } = attacked();
  t.same(inject({ acknowledgment: plus(next.acknowledgment, 100), payload: octets('x') }), []);
  t.same(hosts.a.drops, ['tcp-oldsequence']);
  t.same(heard, []);
  t.equal(client.state, 'ESTABLISHED');
});

t.test('an acknowledgment older than any window is challenged', async (t) => {
  const { heard, next, inject } = attacked();
  t.same(inject({ acknowledgment: plus(next.acknowledgment, -100_000), payload: octets('x') }), ['a .']);
  t.same(heard, []);
});

t.test('a segment with an older timestamp is a ghost (PAWS)', async (t) => {
  const { heard, next, inject, hosts } = attacked();
  inject({ payload: octets('new'), stamp: plus(next.timestamp, 5000) });
  t.same(inject({ sequence: plus(next.sequence, 3), payload: octets('old'), stamp: next.timestamp }), ['a .']);
  t.same(hosts.a.drops, ['tcp-oldsequence']);
  t.same(heard, ['new']);
});

t.test('a segment without any flag is dropped', async (t) => {
  const { inject, hosts } = attacked();
  t.same(inject({ flags: 0, payload: octets('x') }), []);
  t.same(hosts.a.drops, ['tcp-flags']);
});

t.test('a bad checksum is dropped, whatever it says', async (t) => {
  const { client, hosts } = attacked();
  hosts.sent.length = 0;
  const bytes = forge({
    source: B,
    destination: A,
    sourcePort: 80,
    destinationPort: client.localPort,
    sequence: 1,
    flags: TCP_RST,
    window: 0,
  });
  bytes[37] = bytes[37]! ^ 1;
  hosts.a.receive(bytes);
  t.same(hosts.a.drops, ['tcp-csum']);
  t.same(hosts.log(), []);
});

t.test('cut and senseless headers are dropped', async (t) => {
  const { hosts, client } = attacked();
  const whole = forge({
    source: B,
    destination: A,
    sourcePort: 80,
    destinationPort: client.localPort,
    sequence: 1,
    flags: TCP_ACK,
    window: 0,
  });
  hosts.a.receive(whole.subarray(0, 30));
  const short = whole.slice();
  short[32] = 0x40;
  hosts.a.receive(short);
  const long = whole.slice();
  long[32] = 0xf0;
  hosts.a.receive(long);
  t.same(hosts.a.drops, ['pkt-too-small', 'pkt-too-small', 'pkt-too-small']);
});

t.test('out of order pieces with a FIN come together in the end', async (t) => {
  const { heard, next, inject, client } = attacked();
  t.same(inject({ sequence: plus(next.sequence, 4), payload: octets('efg'), flags: TCP_ACK | TCP_FIN }), ['a .']);
  t.same(inject({ sequence: plus(next.sequence, 2), payload: octets('cdef') }), ['a .']);
  t.same(heard, []);
  inject({ sequence: plus(next.sequence, 0), payload: octets('ab') });
  t.same(heard, ['abcdefg', 'end'], 'what overlaps counts once');
  t.equal(client.state, 'CLOSE_WAIT');
});

t.test('SYN_SENT takes a SYN-ACK of its own SYN only', async (t) => {
  const hosts = new JoinedHosts();
  hosts.wire = () => [];
  const client = hosts.a.sockets.tcp();
  const heard: string[] = [];
  client.onError = (errno) => heard.push(errno);
  client.connect(B, 80);
  const { sequence } = hosts.sent[0]!.tcp;
  const answer = (fields: Partial<TcpFields>): string[] => {
    hosts.sent.length = 0;
    const ports = { sourcePort: 80, destinationPort: client.localPort };
    const base = { source: B, destination: A, ...ports, sequence: 7000, window: 100, flags: TCP_SYN | TCP_ACK };
    hosts.a.receive(forge({ ...base, ...fields }));
    return hosts.log();
  };
  t.same(answer({ acknowledgment: plus(sequence, 5) }), ['a R']);
  t.same(answer({ acknowledgment: sequence, flags: TCP_ACK }), ['a R']);
  t.same(answer({ flags: TCP_RST }), [], 'a reset that acknowledges nothing is not believed');
  t.same(answer({ acknowledgment: plus(sequence, 1), flags: TCP_ACK }), []);
  t.equal(client.state, 'SYN_SENT');
  t.same(answer({ acknowledgment: plus(sequence, 1), flags: TCP_ACK | TCP_RST }), []);
  t.same(heard, ['ECONNREFUSED']);
});

t.test('a peer without options gets 536 octets a segment, no timestamps, no scale', async (t) => {
  const hosts = new JoinedHosts();
  hosts.wire = () => [];
  const client = hosts.a.sockets.tcp();
  client.connect(B, 80);
  const acknowledgment = plus(hosts.sent[0]!.tcp.sequence, 1);
  hosts.sent.length = 0;
  const ports = { sourcePort: 80, destinationPort: client.localPort };
  const flags = TCP_SYN | TCP_ACK;
  hosts.a.receive(forge({ source: B, destination: A, ...ports, sequence: 7000, acknowledgment, flags, window: 5000 }));
  client.send(new Uint8Array(1200));
  t.same(hosts.log(), ['a .', 'a . 536', 'a . 536', 'a P. 128']);
  t.ok(hosts.sent.every(({ tcp }) => tcp.headerLength === 20));
  t.equal(hosts.sent[0]!.tcp.window, 64_240, 'the window is not scaled down');
});

t.test('a listener refuses acknowledgments, ignores resets, and takes no FIN with a SYN', async (t) => {
  const hosts = new JoinedHosts();
  hosts.wire = () => [];
  hosts.b.sockets.listen({ protocol: 'tcp', address: B, port: 80, onConnection: () => t.fail('no handshake') });
  const send = (flags: number): string[] => {
    hosts.sent.length = 0;
    const base = { source: A, destination: B, sourcePort: 1234, destinationPort: 80, window: 100 };
    hosts.b.receive(forge({ ...base, sequence: 5, acknowledgment: flags & TCP_ACK ? 99 : 0, flags }));
    return hosts.log();
  };
  t.same(send(TCP_ACK), ['b R']);
  t.same(send(TCP_RST), []);
  t.same(send(TCP_SYN | TCP_FIN), []);
  t.same(send(0), []);
  t.same(hosts.b.drops, ['tcp-flags', 'tcp-reset', 'tcp-flags', 'tcp-flags']);
});

t.test('a half-open connection resets a wrong acknowledgment, repeats its SYN-ACK, and dies of a reset', async (t) => {
  const hosts = new JoinedHosts();
  hosts.wire = () => [];
  hosts.b.sockets.listen({ protocol: 'tcp', address: B, port: 80, onConnection: () => t.fail('no handshake') });
  const send = (fields: Partial<TcpFields>): string[] => {
    hosts.sent.length = 0;
    const base = { source: A, destination: B, sourcePort: 1234, destinationPort: 80, window: 100, sequence: 5 };
    hosts.b.receive(forge({ ...base, flags: TCP_SYN, ...fields }));
    return hosts.log();
  };
  const states = (): string[] => hosts.b.sockets.entries().map(({ state }) => state);
  t.same(send({}), ['b S.']);
  t.same(send({}), ['b S.'], 'the SYN again');
  t.same(send({ flags: TCP_ACK, sequence: 6, acknowledgment: 77 }), ['b R']);
  t.same(states(), ['LISTEN', 'SYN_RECV']);
  t.same(send({ flags: TCP_RST, sequence: 6 }), []);
  t.same(states(), ['LISTEN']);
});

t.test('TIME_WAIT repeats its acknowledgment, and a reset ends it', async (t) => {
  const { hosts, client, inject, next } = attacked();
  client.end();
  const acknowledgment = plus(next.acknowledgment, 1);
  inject({ flags: TCP_FIN | TCP_ACK, acknowledgment });
  t.equal(client.state, 'TIME_WAIT');
  t.same(inject({ flags: TCP_FIN | TCP_ACK, acknowledgment }), ['a .'], 'the last acknowledgment was lost');
  t.equal(hosts.sent[0]!.ip.identification, 0);
  t.equal(hosts.sent[0]!.tcp.acknowledgment, plus(next.sequence, 1));
  t.same(inject({ flags: TCP_RST, sequence: plus(next.sequence, 1) }), []);
  t.equal(client.state, 'CLOSED');
});
