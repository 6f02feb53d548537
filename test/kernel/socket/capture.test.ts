import t, { type Test } from 'tap';
import type { TcpSocket } from '../../../src/kernel/socket/index.js';
import { fromHex, Ipv4, Tcp, toHex, viewOf } from '../../../src/packet/index.js';
import {
  AUTO_TUNED,
  type CapturedPacket,
  CONNECTED_DATAGRAMS,
  CONVERSATION,
  DATAGRAM,
  LONG_DATAGRAM,
  REFUSED,
  TO_NOBODY,
  UNREAD,
} from './captured.js';
import { A, B, JoinedHosts, octets } from './joined-hosts.js';

interface Packet {
  readonly from: 'a' | 'b';
  readonly bytes: Uint8Array;
}

const captured = ({ from, hex, cut = 0 }: CapturedPacket): Packet => {
  const head = fromHex(hex) ?? new Uint8Array();
  const bytes = new Uint8Array(head.length + cut).fill('b'.charCodeAt(0));
  bytes.set(head);
  return { from, bytes };
};

/** Offset of the timestamp option's value, or -1. */
function timestampsAt(tcp: Tcp): number {
  for (const option of tcp.options) if (option.kind === 8) return option.offset + 2;
  return -1;
}

/**
 * A conversation with everything that chance and the clock choose made relative or taken out: sequence numbers count
 * from each side's first, identifications from its first that is not 0; an echoed timestamp is said to be the last of
 * the other side or not. All other octets stay as they are.
 */
function relative(packets: readonly Packet[]): string[] {
  const firstSequence = { a: -1, b: -1 };
  const firstIdentification = { a: -1, b: -1 };
  const lastTimestamp = { a: 0, b: 0 };
  return packets.map(({ from, bytes: original }) => {
    const bytes = original.slice();
    const view = viewOf(bytes);
    const ip = new Ipv4(view, 0);
    const tcp = new Tcp(view, 20);
    const other = from === 'a' ? 'b' : 'a';
    if (firstSequence[from] < 0) firstSequence[from] = tcp.sequence;
    if (firstIdentification[from] < 0 && ip.identification !== 0) firstIdentification[from] = ip.identification;
    const sequence = (tcp.sequence - firstSequence[from]) >>> 0;
    const acknowledgment = tcp.ack ? (tcp.acknowledgment - firstSequence[other]) >>> 0 : tcp.acknowledgment;
    const identification =
      ip.identification === 0 ? 'zero' : `+${(ip.identification - firstIdentification[from]) & 0xffff}`;
    let echo = 'no timestamps';
    const at = timestampsAt(tcp);
    if (at >= 0) {
      lastTimestamp[from] = view.getUint32(at);
      const echoed = view.getUint32(at + 4);
      echo =
        echoed === 0 ? 'echoes nothing' : echoed === lastTimestamp[other] ? 'echoes the last' : 'echoes an older one';
      view.setUint32(at, 0);
      view.setUint32(at + 4, 0);
    }
    tcp.sequence = 0;
    tcp.acknowledgment = 0;
    tcp.checksum = 0;
    ip.identification = 0;
    ip.checksum = 0;
    return `${from} ${sequence} ${acknowledgment} id ${identification}, ${echo}: ${toHex(bytes)}`;
  });
}

const withoutWindow = (line: string): string => {
  const [head = '', hex = ''] = line.split(': ');
  return `${head}: ${hex.slice(0, 68)}----${hex.slice(72)}`;
};

function compare(t: Test, hosts: JoinedHosts, wanted: readonly CapturedPacket[], masked: readonly number[] = []): void {
  const mask = (lines: string[]): string[] => lines.map((line, i) => (masked.includes(i) ? withoutWindow(line) : line));
  t.same(mask(relative(hosts.sent)), mask(relative(wanted.map(captured))));
  for (const packet of hosts.sent) {
    t.ok(packet.ip.checksumValid());
  }
}

t.test('a conversation is the one that Linux had, octet by octet', async (t) => {
  const hosts = new JoinedHosts();
  const accepted: TcpSocket[] = [];
  hosts.b.sockets.listen({ protocol: 'tcp', address: B, port: 8080, onConnection: (socket) => accepted.push(socket) });
  const client = hosts.a.sockets.tcp();
  client.onData = () => {};
  client.bind(A, 40_000);
  client.connect(B, 8080);
  hosts.run(200);
  const server = accepted[0]!;
  server.onData = () => {};
  client.send(octets('hello'));
  hosts.run(200);
  server.send(new Uint8Array(3000).fill('b'.charCodeAt(0)));
  hosts.run(400);
  client.end();
  hosts.run(200);
  server.close();
  hosts.run(200);
  compare(t, hosts, CONVERSATION, AUTO_TUNED);
  const stamps = hosts.sent
    .filter(({ from }) => from === 'a')
    .map(({ tcp }) => tcp.parseOptions().timestamps?.value ?? 0);
  // Linux: 0 0 200 401 401 401 801 1002 milliseconds
  t.same(
    stamps.map((value) => value - stamps[0]!),
    [0, 0, 200, 400, 400, 400, 800, 1000],
  );
});

t.test('a SYN to a closed port is answered with the octets that Linux answers with', async (t) => {
  const hosts = new JoinedHosts();
  const client = hosts.a.sockets.tcp();
  client.bind(A, 40_001);
  client.connect(B, 81);
  hosts.run(1);
  compare(t, hosts, REFUSED);
});

t.test('closing with octets unread sends the reset that Linux sends', async (t) => {
  const hosts = new JoinedHosts();
  const accepted: TcpSocket[] = [];
  hosts.b.sockets.listen({ protocol: 'tcp', address: B, port: 9001, onConnection: (socket) => accepted.push(socket) });
  const client = hosts.a.sockets.tcp();
  client.bind(A, 42_001);
  client.connect(B, 9001);
  hosts.run(1);
  client.send(octets('unread'));
  hosts.run(300);
  accepted[0]!.close();
  compare(t, hosts, UNREAD);
});

for (const { what, hex, answer } of TO_NOBODY) {
  t.test(`nobody there: ${what}`, async (t) => {
    const hosts = new JoinedHosts();
    hosts.b.receive(fromHex(hex)!);
    t.same(
      hosts.sent.map(({ bytes }) => toHex(bytes)),
      answer === undefined ? [] : [answer],
      'whole packets are equal: nothing in them is left to chance',
    );
    t.same(hosts.b.drops, ['no-socket']);
  });
}

t.test('datagrams carry the flags, identifications and checksums that Linux gives them', async (t) => {
  const hosts = new JoinedHosts();
  /** Identification and header checksum out: a counter that starts anywhere. */
  const masked = (bytes: Uint8Array): string => {
    const copy = bytes.slice();
    const header = new Ipv4(viewOf(copy), 0);
    header.identification = 0;
    header.checksum = 0;
    return toHex(copy);
  };
  const socket = hosts.a.sockets.udp();
  socket.bind(A, 40_002);
  socket.sendTo(octets('ping'), B, 5353);
  t.equal(masked(hosts.sent[0]!.bytes), masked(fromHex(DATAGRAM)!));
  t.not(hosts.sent[0]!.ip.identification, 0, 'DF does not make it 0 where the stack might have to cut');

  const connected = hosts.a.sockets.udp();
  connected.bind(A, 40_003);
  connected.connect(B, 5353);
  connected.send(octets('c1'));
  connected.send(octets('c2'));
  t.same(
    hosts.sent.slice(1).map(({ bytes }) => masked(bytes)),
    CONNECTED_DATAGRAMS.map((hex) => masked(fromHex(hex)!)),
  );
  const [first, second] = hosts.sent.slice(1).map(({ ip }) => ip.identification);
  t.equal(second, (first! + 1) & 0xffff, 'a connected socket counts for itself');

  socket.sendTo(new Uint8Array(2000).fill('x'.charCodeAt(0)), B, 5353);
  const long = hosts.sent.at(-1)!;
  t.notOk(long.ip.dontFragment, 'what does not fit goes without DF');
  t.equal(toHex(long.bytes, 20, 28), LONG_DATAGRAM.slice(40), 'and its UDP header is that of the whole');
});
