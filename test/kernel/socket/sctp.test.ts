/** Associations over a wire that the test decides: chunks, retransmissions, refusals (RFC 9260; Linux 6.1's net/sctp). */

import fc from 'fast-check';
import t from 'tap';
import { NS_PER_MS } from '../../../src/kernel/clock.js';
import { Ipv4, SCTP_CHUNK, Sctp, summarize, LINKTYPE, viewOf, toHex } from '../../../src/packet/index.js';
import { A, B, JoinedHosts, octets, type Sent, text } from './joined-hosts.js';

const PORT = 5000;

/** `a INIT`, `b DATA SACK`: who sent which chunks. */
function logOf({ sent }: JoinedHosts): string[] {
  return sent.map((packet) => `${packet.from} ${chunkNames(packet).join(' ')}`);
}

function chunkNames({ bytes, ip }: Sent): string[] {
  if (ip.protocol !== 132) return [`protocol ${ip.protocol}`];
  const names = Object.entries(SCTP_CHUNK);
  return [...new Sctp(viewOf(bytes), 20).chunks(bytes.length)].map(
    ({ type }) => names.find(([, value]) => value === type)?.[0] ?? String(type),
  );
}

const sctpOf = ({ bytes }: Sent): Sctp => new Sctp(viewOf(bytes), 20);

const isChunk =
  (type: number) =>
  ({ bytes }: Sent): boolean =>
    viewOf(bytes).getUint8(32) === type;

function echoing(hosts: JoinedHosts): void {
  hosts.b.sockets.listen({
    protocol: 'sctp',
    address: B,
    port: PORT,
    process: 'echo',
    onConnection: (connection) => {
      connection.onMessage = (bytes) => connection.send(bytes);
      connection.onEnd = () => connection.close();
    },
  });
}

t.test('an association is set up in four packets, carries a message each way, and is shut down in three', (t) => {
  const hosts = new JoinedHosts();
  echoing(hosts);
  const heard: string[] = [];
  const socket = hosts.a.sockets.sctp.open();
  socket.onConnect = () => {
    heard.push('connected');
    t.equal(socket.send(octets('hello')), undefined);
  };
  socket.onMessage = (bytes) => {
    heard.push(text(bytes));
    socket.close();
  };
  t.equal(socket.connect(B, PORT), undefined);
  hosts.run(10_000);
  t.same(heard, ['connected', 'hello']);
  t.same(logOf(hosts), [
    'a init',
    'b initAck',
    'a cookieEcho',
    'b cookieAck',
    'a data',
    'b sack',
    'b data',
    'a sack',
    'a shutdown',
    'b shutdownAck',
    'a shutdownComplete',
  ]);
  for (const packet of hosts.sent) t.ok(sctpOf(packet).checksumValid(packet.bytes.length), 'checksum');
  t.equal(socket.state, 'CLOSED');
  t.same(
    [...hosts.a.sockets.entries(), ...hosts.b.sockets.entries()].map(({ state }) => state),
    ['LISTEN'],
  );
  t.end();
});

t.test('INIT has the parameters of a Linux host', (t) => {
  const hosts = new JoinedHosts();
  echoing(hosts);
  hosts.a.sockets.sctp.open().connect(B, PORT);
  hosts.run(1);
  const [init, initAck, cookieEcho] = hosts.sent.map(({ bytes }) => toHex(bytes, 20));
  // Tags and TSNs are drawn.
  t.match(init, /^.{4}138800000000.{8}01000024.{8}0001a000000affff.{8}000c00060005000080000004c0000004$/);
  t.match(initAck, /^1388.{4}.{8}.{8}02000104.{8}0001a000000a000a.{8}000700e8.{456}80000004c0000004$/);
  t.match(cookieEcho, /^.{4}1388.{8}.{8}0a0000e8.{456}$/);
  t.equal(initAck?.slice(72, 72 + 456), cookieEcho?.slice(32), 'the cookie comes back as it was');
  for (const { ip } of hosts.sent) {
    t.equal(ip.tos, 2, 'ECT(0)');
    t.ok(ip.dontFragment);
    t.equal(ip.ttl, 64);
  }
  t.same(
    hosts.sent.map(({ ip }) => ip.identification),
    [0, 0, 1, 0],
  );
  t.end();
});

t.test('a port that nobody has is refused by an ABORT with the tag of the INIT', (t) => {
  const hosts = new JoinedHosts();
  const errors: string[] = [];
  const socket = hosts.a.sockets.sctp.open();
  socket.onError = (errno) => errors.push(errno);
  socket.connect(B, PORT);
  hosts.run(1000);
  t.same(logOf(hosts), ['a init', 'b abort']);
  t.same(errors, ['ECONNREFUSED']);
  const [init, abort] = hosts.sent as [Sent, Sent];
  t.equal(sctpOf(abort).verificationTag, viewOf(init.bytes).getUint32(36));
  t.equal(viewOf(abort.bytes).getUint8(33), 0, 'no T bit');
  t.same(hosts.b.drops, ['no-socket']);
  t.end();
});

t.test('an INIT without an answer is repeated at doubling distances and given up after the eighth', (t) => {
  const hosts = new JoinedHosts();
  hosts.wire = () => [];
  const errors: string[] = [];
  const socket = hosts.a.sockets.sctp.open();
  socket.onError = (errno) => errors.push(`${errno} ${Math.round(hosts.emulation.clock.nowNs / NS_PER_MS)}`);
  socket.connect(B, PORT);
  hosts.run(400_000);
  t.same(hosts.times(isChunk(SCTP_CHUNK.init)), [0, 3, 9, 21, 45, 93, 153, 213, 273]);
  t.same(errors, ['ETIMEDOUT 333000']);
  t.end();
});

t.test('a COOKIE ECHO without an answer is repeated', (t) => {
  const hosts = new JoinedHosts();
  echoing(hosts);
  hosts.wire = (packet) => (isChunk(SCTP_CHUNK.cookieEcho)(packet) && packet.atNs < 5e9 ? [] : [0]);
  let connected = false;
  const socket = hosts.a.sockets.sctp.open();
  socket.onConnect = () => {
    connected = true;
  };
  socket.connect(B, PORT);
  hosts.run(20_000);
  t.ok(connected);
  t.same(hosts.times(isChunk(SCTP_CHUNK.cookieEcho)), [0, 3, 9]);
  t.end();
});

t.test('a lost COOKIE ACK is sent again when the cookie comes again', (t) => {
  const hosts = new JoinedHosts();
  echoing(hosts);
  let lost = 0;
  hosts.wire = (packet) => (isChunk(SCTP_CHUNK.cookieAck)(packet) && lost++ === 0 ? [] : [0]);
  let connected = false;
  const socket = hosts.a.sockets.sctp.open();
  socket.onConnect = () => {
    connected = true;
  };
  socket.connect(B, PORT);
  hosts.run(20_000);
  t.ok(connected);
  t.same(logOf(hosts), ['a init', 'b initAck', 'a cookieEcho', 'b cookieAck', 'a cookieEcho', 'b cookieAck']);
  t.end();
});

t.test('a cookie that has expired is told about, and asked for anew with a longer life', (t) => {
  const hosts = new JoinedHosts();
  echoing(hosts);
  hosts.wire = (packet) => (isChunk(SCTP_CHUNK.cookieEcho)(packet) && packet.atNs === 0 ? [61_000] : [0]);
  hosts.a.sysctl.set('net.sctp.rto_initial', '100000');
  let connected = false;
  const socket = hosts.a.sockets.sctp.open();
  socket.onConnect = () => {
    connected = true;
  };
  socket.connect(B, PORT);
  hosts.run(70_000);
  t.ok(connected);
  t.same(logOf(hosts), [
    'a init',
    'b initAck',
    'a cookieEcho',
    'b error',
    'a init',
    'b initAck',
    'a cookieEcho',
    'b cookieAck',
  ]);
  // Cookie Preservative: twice as much as it was late by, 1000 ms.
  t.match(toHex(hosts.sent[4]?.bytes ?? new Uint8Array()), /00090008000007d0$/);
  t.end();
});

t.test('lost DATA is sent again after a second once the way has been measured, three before', (t) => {
  const hosts = new JoinedHosts();
  echoing(hosts);
  let lost = 0;
  hosts.wire = (packet) => (isChunk(SCTP_CHUNK.data)(packet) && packet.from === 'a' && lost++ < 2 ? [] : [0]);
  const heard: string[] = [];
  const socket = hosts.a.sockets.sctp.open();
  socket.onConnect = () => socket.send(octets('again'));
  socket.onMessage = (bytes) => heard.push(text(bytes));
  socket.connect(B, PORT);
  hosts.run(20_000);
  t.same(heard, ['again']);
  t.same(
    hosts.times((packet) => packet.from === 'a' && isChunk(SCTP_CHUNK.data)(packet)),
    [0, 3, 9],
  );
  t.end();
});

t.test('a message longer than a packet is cut and put together again, in whatever order it comes', (t) => {
  const hosts = new JoinedHosts();
  echoing(hosts);
  let nth = 0;
  hosts.wire = (packet) => (isChunk(SCTP_CHUNK.data)(packet) ? [nth++ === 0 ? 30 : 10] : [0]);
  const heard: string[] = [];
  const socket = hosts.a.sockets.sctp.open();
  const long = 'x'.repeat(4000);
  socket.onConnect = () => socket.send(octets(long));
  socket.onMessage = (bytes) => {
    heard.push(text(bytes));
    socket.close();
  };
  socket.connect(B, PORT);
  hosts.run(20_000);
  t.same(heard, [long]);
  t.ok(hosts.sent.every(({ bytes }) => bytes.length <= 1500));
  t.equal(socket.state, 'CLOSED');
  t.end();
});

t.test('a second small message waits for the first to be acknowledged, and the next acknowledgment for 200 ms', (t) => {
  const hosts = new JoinedHosts();
  const heard: string[] = [];
  hosts.b.sockets.listen({
    protocol: 'sctp',
    address: B,
    port: PORT,
    onConnection: (connection) => {
      connection.onMessage = (bytes) => heard.push(text(bytes));
    },
  });
  const socket = hosts.a.sockets.sctp.open();
  socket.onConnect = () => {
    socket.send(octets('one'));
    socket.send(octets('two'));
  };
  socket.connect(B, PORT);
  hosts.run(2000);
  t.same(heard, ['one', 'two']);
  t.same(hosts.times(isChunk(SCTP_CHUNK.sack)), [0, 0.2]);
  t.end();
});

t.test('an ABORT ends an association on the other side', (t) => {
  const hosts = new JoinedHosts();
  const errors: string[] = [];
  hosts.b.sockets.listen({
    protocol: 'sctp',
    address: B,
    port: PORT,
    onConnection: (connection) => {
      connection.onError = (errno) => errors.push(errno);
    },
  });
  const socket = hosts.a.sockets.sctp.open();
  socket.onConnect = () => socket.abort();
  socket.connect(B, PORT);
  hosts.run(1000);
  t.same(errors, ['ECONNRESET']);
  // The cause: user-initiated abort.
  t.match(toHex(hosts.sent.at(-1)?.bytes ?? new Uint8Array(), 32), /^06000008000c0004$/);
  t.end();
});

t.test('what nobody has asked for is answered as RFC 9260 wants it', (t) => {
  const hosts = new JoinedHosts();
  echoing(hosts);
  const socket = hosts.a.sockets.sctp.open();
  socket.connect(B, PORT);
  hosts.run(10);
  socket.destroy();
  hosts.sent.length = 0;
  const peer = hosts.b.sockets.sctp;
  const child = [...peer].find((one) => one.remotePort !== 0);
  t.ok(child);
  if (child !== undefined && 'send' in child) {
    child.send(octets('nobody is there'));
    hosts.run(10);
    t.same(logOf(hosts), ['b data', 'a abort']);
    const [data, abort] = hosts.sent as [Sent, Sent];
    t.equal(sctpOf(abort).verificationTag, sctpOf(data).verificationTag, 'its own words back');
    t.equal(viewOf(abort.bytes).getUint8(33), 1, 'and the T bit');
    t.equal(child.state, 'CLOSED', 'which it believes');
  }
  t.end();
});

t.test('a host without SCTP says so, and only then; a port that is unreachable is asked again', (t) => {
  for (const [code, expected] of [
    [2, ['ENOPROTOOPT']],
    [3, []],
  ] as const) {
    const hosts = new JoinedHosts();
    hosts.wire = (packet) => {
      if (packet.from === 'a' && packet.ip.protocol === 132) hosts.icmpError(hosts.b, packet.bytes, 3, code, 0);
      return packet.ip.protocol === 132 ? [] : [0];
    };
    const errors: string[] = [];
    const socket = hosts.a.sockets.sctp.open();
    socket.onError = (errno) => errors.push(errno);
    socket.connect(B, PORT);
    hosts.run(4000);
    t.same(errors, expected);
    t.equal(socket.takeError(), code === 2 ? undefined : 'ECONNREFUSED');
    t.equal(logOf(hosts).filter((line) => line === 'a init').length, code === 2 ? 1 : 2);
  }
  t.end();
});

t.test('a peer that is gone is told so much often, and no more, that it is to end', (t) => {
  const hosts = new JoinedHosts();
  echoing(hosts);
  let silent = false;
  hosts.wire = () => (silent ? [] : [0]);
  const socket = hosts.a.sockets.sctp.open();
  socket.connect(B, PORT);
  hosts.run(10);
  silent = true;
  socket.close();
  hosts.run(1_000_000);
  const shutdowns = hosts.times(isChunk(SCTP_CHUNK.shutdown)).map((seconds) => Math.round(seconds - 0.01));
  t.same(shutdowns.slice(0, 6), [0, 3, 9, 21, 45, 93]);
  t.same(logOf(hosts).at(-1), 'a abort', 'the guard of the shutdown');
  t.equal(socket.state, 'CLOSED');
  t.end();
});

t.test('two who ask each other at once have one association', (t) => {
  const hosts = new JoinedHosts();
  hosts.wire = () => [5];
  const connected: string[] = [];
  for (const [host, peer, name] of [
    [hosts.a, B, 'a'],
    [hosts.b, A, 'b'],
  ] as const) {
    const socket = host.sockets.sctp.open();
    socket.bind(host.address, PORT);
    socket.onConnect = () => connected.push(name);
    socket.connect(peer, PORT);
  }
  hosts.run(20_000);
  t.same(connected.sort(), ['a', 'b']);
  t.same(
    [...hosts.a.sockets.entries(), ...hosts.b.sockets.entries()].map(({ state }) => state),
    ['ESTABLISHED', 'ESTABLISHED'],
  );
  t.end();
});

t.test('a peer that starts anew from the same port takes the place of what it was', (t) => {
  const hosts = new JoinedHosts();
  echoing(hosts);
  const heard: string[] = [];
  const ask = (): ReturnType<typeof hosts.a.sockets.sctp.open> => {
    const socket = hosts.a.sockets.sctp.open();
    socket.bind(A, 40_000);
    socket.onConnect = () => socket.send(octets('hello'));
    socket.onMessage = (bytes) => heard.push(text(bytes));
    socket.connect(B, PORT);
    return socket;
  };
  const first = ask();
  hosts.run(10);
  first.destroy();
  ask();
  hosts.run(100);
  t.same(heard, ['hello', 'hello']);
  t.equal(hosts.b.sockets.entries().filter(({ state }) => state === 'ESTABLISHED').length, 1);
  t.end();
});

t.test('packets are told in tcpdump’s words', (t) => {
  const hosts = new JoinedHosts();
  echoing(hosts);
  hosts.a.sockets.sctp.open().connect(B, PORT);
  hosts.run(1);
  const lines = hosts.sent.map(({ bytes }) => summarize(bytes, { linkType: LINKTYPE.raw }).replaceAll(/\d{4,}/g, 'N'));
  t.equal(new Ipv4(viewOf(hosts.sent[0]?.bytes ?? new Uint8Array(40)), 0).protocol, 132);
  t.match(lines[0], /sctp \(1\) \[INIT\] \[init tag: N\] \[rwnd: N\] \[OS: 10\] \[MIS: N\] \[init TSN: N\]/);
  t.end();
});

t.test('packets that are bent in any way neither throw nor hang, with and without an association', (t) => {
  const hosts = new JoinedHosts();
  echoing(hosts);
  const socket = hosts.a.sockets.sctp.open();
  socket.onConnect = () => socket.send(octets('hello'));
  socket.onMessage = () => socket.close();
  socket.connect(B, PORT);
  hosts.run(1000);
  const packets = hosts.sent.map(({ bytes }) => bytes);
  const bent = fc
    .record({
      packet: fc.constantFrom(...packets),
      changes: fc.array(fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 255 })), { maxLength: 4 }),
      length: fc.option(fc.nat({ max: 300 })),
    })
    .map(({ packet, changes, length }) => {
      const bytes = packet.slice(0, Math.max(32, length ?? packet.length));
      for (const [at, value] of changes) if (at >= 20 && at < bytes.length) bytes[at] = value;
      const view = viewOf(bytes);
      view.setUint16(2, bytes.length);
      new Ipv4(view, 0).fillChecksum();
      new Sctp(view, 20).fillChecksum(bytes.length);
      return bytes;
    });
  fc.assert(
    fc.property(fc.array(bent, { minLength: 1, maxLength: 5 }), fc.boolean(), (some, associated) => {
      const again = new JoinedHosts();
      echoing(again);
      const peer = again.a.sockets.sctp.open();
      if (associated) peer.connect(B, PORT);
      again.run(5);
      for (const bytes of some) (new Ipv4(viewOf(bytes), 0).destination === B ? again.b : again.a).receive(bytes);
      again.run(2000);
    }),
    { numRuns: 1500, seed: 1 },
  );
  t.end();
});
