import t from 'tap';
import { NS_PER_S } from '../../../src/kernel/clock.js';
import type { Errno } from '../../../src/kernel/errors.js';
import type { TcpSocket, TcpSocketOptions } from '../../../src/kernel/socket/index.js';
import { bytesEqual, concatBytes, INADDR_ANY } from '../../../src/packet/index.js';
import { A, B, JoinedHosts, octets, text } from './joined-hosts.js';

interface Pair {
  readonly hosts: JoinedHosts;
  readonly client: TcpSocket;
  readonly server: TcpSocket;
}

/** A connection from a to b, port 80; what the handshake sent is forgotten. */
function connected(
  options: { client?: TcpSocketOptions; server?: TcpSocketOptions; mtu?: number; delay?: number } = {},
): Pair {
  const hosts = new JoinedHosts();
  hosts.wire = () => [options.delay ?? 0];
  hosts.a.mtu = options.mtu ?? 1500;
  const accepted: TcpSocket[] = [];
  hosts.b.sockets.listen({
    ...options.server,
    protocol: 'tcp',
    address: INADDR_ANY,
    port: 80,
    onConnection: (socket) => accepted.push(socket),
  });
  const client = hosts.a.sockets.tcp(options.client);
  client.connect(B, 80);
  hosts.run(100);
  hosts.sent.length = 0;
  return { hosts, client, server: accepted[0]! };
}

/** Everything a socket hears, as words. */
function listen(socket: TcpSocket): string[] {
  const heard: string[] = [];
  socket.onConnect = () => heard.push('connect');
  socket.onData = (bytes) => heard.push(`data ${text(bytes)}`);
  socket.onEnd = () => heard.push('end');
  socket.onError = (errno) => heard.push(errno);
  socket.onClose = () => heard.push('close');
  return heard;
}

t.test('a connection opens with three segments', async (t) => {
  const hosts = new JoinedHosts();
  const accepted: TcpSocket[] = [];
  hosts.b.sockets.listen({ protocol: 'tcp', address: INADDR_ANY, port: 80, onConnection: (c) => accepted.push(c) });
  const client = hosts.a.sockets.tcp();
  const heard = listen(client);
  t.equal(client.connect(B, 80), undefined);
  t.equal(client.state, 'SYN_SENT');
  t.same(heard, [], 'no callback runs inside connect()');
  hosts.run(1);
  t.same(hosts.log(), ['a S', 'b S.', 'a .']);
  t.same(heard, ['connect']);
  t.equal(client.state, 'ESTABLISHED');
  t.equal(accepted[0]?.state, 'ESTABLISHED');
  t.equal(accepted[0]?.remotePort, client.localPort);
  t.same(
    hosts.sent.map(({ parent }) => parent !== 0),
    [false, true, true],
    'answers name the packet that they answer',
  );
});

t.test('an ephemeral port has the parity of the first of the range', async (t) => {
  const hosts = new JoinedHosts();
  for (let i = 0; i < 20; i++) {
    const socket = hosts.a.sockets.tcp();
    socket.connect(B, 80);
    t.equal(socket.localPort % 2, 0);
    const bound = hosts.a.sockets.tcp();
    bound.bind(A, 0);
    t.equal(bound.localPort % 2, 1, 'and one that bind() chooses the other');
  }
});

t.test('ephemeral ports are all used before connect() fails', async (t) => {
  const hosts = new JoinedHosts();
  hosts.a.sysctl.set('net.ipv4.ip_local_port_range', '40000 40003');
  const ports = new Set<number>();
  const connect = (port: number): Errno | undefined => {
    const socket = hosts.a.sockets.tcp();
    const errno = socket.connect(B, port);
    if (errno === undefined) ports.add(socket.localPort);
    return errno;
  };
  for (let i = 0; i < 4; i++) t.equal(connect(80), undefined);
  t.equal(ports.size, 4);
  t.equal(connect(80), 'EADDRNOTAVAIL');
  t.equal(connect(81), undefined, 'to another port the same numbers serve again');
});

t.test('octets arrive in order, the first data are acknowledged at once', async (t) => {
  const { hosts, client, server } = connected();
  const heard = listen(server);
  t.equal(client.send(octets('hello')), 5);
  hosts.run(1);
  t.same(heard, ['data hello']);
  t.same(hosts.log(), ['a P. 5', 'b .']);
});

t.test('a long write leaves in segments of the MSS less timestamps, the last one pushed', async (t) => {
  const { hosts, client, server } = connected();
  listen(server);
  client.send(new Uint8Array(3000));
  hosts.run(1);
  t.same(hosts.log('a'), ['a . 1448', 'a . 1448', 'a P. 104']);
});

t.test('the MSS follows the MTU of the route', async (t) => {
  const { hosts, client, server } = connected({ mtu: 1450 });
  listen(server);
  client.send(new Uint8Array(3000));
  hosts.run(1);
  t.same(hosts.log('a'), ['a . 1398', 'a . 1398', 'a P. 204']);
});

t.test("the peer's MSS is honoured", async (t) => {
  const { hosts, client, server } = connected({ mtu: 1450 });
  listen(client);
  server.send(new Uint8Array(1500));
  hosts.run(1);
  t.same(hosts.log('b'), ['b . 1398', 'b P. 102']);
});

t.test('a small segment waits while another one is not acknowledged, unless told not to', async (t) => {
  const slow = connected();
  slow.hosts.wire = () => [20];
  for (const word of ['one', 'two', 'three']) slow.client.send(octets(word));
  slow.hosts.run(15);
  t.same(slow.hosts.log('a'), ['a P. 3']);
  slow.hosts.run(50);
  t.same(slow.hosts.log('a'), ['a P. 3', 'a P. 8'], 'what waited leaves together');

  const eager = connected({ client: { noDelay: true } });
  for (const word of ['one', 'two', 'three']) eager.client.send(octets(word));
  t.same(eager.hosts.log('a'), ['a P. 3', 'a P. 3', 'a P. 5']);
});

t.test('who answers what it gets acknowledges with its data, or after 40 ms', async (t) => {
  const { hosts, client, server } = connected();
  client.onData = () => {};
  server.onData = () => server.send(octets('pong'));
  client.send(octets('ping'));
  hosts.run(1);
  hosts.sent.length = 0;
  server.onData = () => {};
  client.send(octets('more'));
  hosts.run(30);
  t.same(hosts.log(), ['a P. 4']);
  hosts.run(20);
  t.same(hosts.log(), ['a P. 4', 'b .']);
});

t.test('both ends close in order', async (t) => {
  const { hosts, client, server } = connected();
  const clientHeard = listen(client);
  const serverHeard = listen(server);
  client.end();
  t.equal(client.state, 'FIN_WAIT1');
  hosts.run(100);
  t.equal(client.state, 'FIN_WAIT2');
  t.equal(server.state, 'CLOSE_WAIT');
  t.same(serverHeard, ['end']);
  server.send(octets('still'));
  hosts.run(1);
  t.same(clientHeard, ['data still'], 'the other direction is open yet');
  server.end();
  t.equal(server.state, 'LAST_ACK');
  hosts.run(1);
  t.same(clientHeard, ['data still', 'end', 'close']);
  t.same(serverHeard, ['end', 'close']);
  t.equal(client.state, 'TIME_WAIT');
  t.equal(server.state, 'CLOSED');
  hosts.run(59_000);
  t.equal(client.state, 'TIME_WAIT');
  hosts.run(2_000);
  t.equal(client.state, 'CLOSED');
  t.same(hosts.a.sockets.entries(), []);
});

t.test('both ends may close at once', async (t) => {
  const { hosts, client, server } = connected();
  hosts.wire = () => [5];
  client.end();
  server.end();
  hosts.run(7);
  t.equal(client.state, 'CLOSING');
  t.equal(server.state, 'CLOSING');
  hosts.run(20);
  t.equal(client.state, 'TIME_WAIT');
  t.equal(server.state, 'TIME_WAIT');
});

t.test('both ends may open at once', async (t) => {
  const hosts = new JoinedHosts();
  hosts.wire = () => [5];
  const a = hosts.a.sockets.tcp();
  const b = hosts.b.sockets.tcp();
  const heard = [listen(a), listen(b)];
  a.bind(A, 1000);
  b.bind(B, 2000);
  a.connect(B, 2000);
  b.connect(A, 1000);
  hosts.run(7);
  t.equal(a.state, 'SYN_RECV');
  hosts.run(50);
  t.same(hosts.log().slice(0, 4), ['a S', 'b S', 'b S.', 'a S.']);
  t.equal(a.state, 'ESTABLISHED');
  t.equal(b.state, 'ESTABLISHED');
  a.send(octets('hi'));
  hosts.run(50);
  t.same(heard, [['connect'], ['connect', 'data hi']]);
});

t.test('close() with octets unread, and abort(), reset the connection', async (t) => {
  const unread = connected();
  const heard = listen(unread.client);
  unread.client.send(octets('unread'));
  unread.hosts.run(1);
  unread.server.close();
  unread.hosts.run(1);
  t.same(unread.hosts.log(), ['a P. 6', 'b .', 'b R.']);
  t.same(heard, ['ECONNRESET']);
  t.equal(unread.client.send(octets('x')), 'EPIPE');

  const aborted = connected();
  const heardToo = listen(aborted.server);
  aborted.client.abort();
  aborted.hosts.run(1);
  t.same(aborted.hosts.log(), ['a R.']);
  t.same(heardToo, ['ECONNRESET']);
  t.same(aborted.hosts.a.sockets.entries(), []);
});

t.test('data for an application that has gone are refused', async (t) => {
  const { hosts, client, server } = connected();
  const heard = listen(client);
  server.close();
  hosts.run(1);
  t.equal(server.state, 'FIN_WAIT1', 'the acknowledgment is delayed');
  client.send(octets('late'));
  hosts.run(1);
  t.same(hosts.log().slice(-2), ['a P. 4', 'b R']);
  t.equal(hosts.sent.at(-1)?.tcp.sequence, hosts.sent.at(-2)?.tcp.acknowledgment);
  t.same(heard, ['end', 'EPIPE']);
});

t.test('FIN_WAIT2 without an application ends after tcp_fin_timeout', async (t) => {
  const { hosts, client, server } = connected();
  client.close();
  hosts.run(100);
  t.equal(client.state, 'FIN_WAIT2');
  t.equal(server.state, 'CLOSE_WAIT');
  hosts.run(61_000);
  t.equal(client.state, 'CLOSED');
});

t.test('a SYN to a closed port is refused', async (t) => {
  const hosts = new JoinedHosts();
  const client = hosts.a.sockets.tcp();
  const heard = listen(client);
  client.connect(B, 81);
  hosts.run(1);
  t.same(hosts.log(), ['a S', 'b R.']);
  t.same(heard, ['ECONNREFUSED']);
  t.same(hosts.b.drops, ['no-socket']);
  t.equal(client.state, 'CLOSED');
});

t.test('a SYN that nobody answers is repeated after 1, 2, 4 … s and given up after 127 s', async (t) => {
  const hosts = new JoinedHosts();
  hosts.wire = () => [];
  const client = hosts.a.sockets.tcp();
  let gaveUpNs = 0;
  client.onError = (errno) => {
    t.equal(errno, 'ETIMEDOUT');
    gaveUpNs = hosts.emulation.clock.nowNs;
  };
  client.connect(B, 80);
  hosts.run();
  t.same(
    hosts.times(({ flags }) => flags === 'S'),
    [0, 1, 3, 7, 15, 31, 63],
  );
  t.equal(gaveUpNs, 127 * NS_PER_S);
});

t.test('with tcp_syn_linear_timeouts the first SYNs come a second apart', async (t) => {
  const hosts = new JoinedHosts();
  hosts.a.sysctl.set('net.ipv4.tcp_syn_linear_timeouts', '4');
  hosts.wire = () => [];
  const client = hosts.a.sockets.tcp();
  const heard = listen(client);
  client.connect(B, 80);
  hosts.run();
  t.same(
    hosts.times(({ flags }) => flags === 'S'),
    [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67],
    'as a Linux 6.18 did before our eyes',
  );
  t.equal(hosts.emulation.clock.nowNs, 131 * NS_PER_S);
  t.same(heard, ['ETIMEDOUT']);
});

t.test('tcp_syn_retries says how often', async (t) => {
  const hosts = new JoinedHosts();
  hosts.a.sysctl.set('net.ipv4.tcp_syn_retries', '2');
  hosts.wire = () => [];
  hosts.a.sockets.tcp().connect(B, 80);
  hosts.run();
  t.same(
    hosts.times(() => true),
    [0, 1, 3],
  );
  t.equal(hosts.emulation.clock.nowNs, 7 * NS_PER_S);
});

t.test('a SYN-ACK that nobody acknowledges is repeated tcp_synack_retries times, then forgotten', async (t) => {
  const hosts = new JoinedHosts();
  let once = true;
  hosts.wire = ({ from }) => {
    if (from === 'b' || !once) return [];
    once = false;
    return [0];
  };
  hosts.b.sockets.listen({
    protocol: 'tcp',
    address: INADDR_ANY,
    port: 80,
    onConnection: () => t.fail('no handshake'),
  });
  hosts.a.sockets.tcp().connect(B, 80);
  hosts.run(62_000);
  t.same(
    hosts.times(({ from }) => from === 'b'),
    [0, 1, 3, 7, 15, 31],
  );
  t.same(
    hosts.b.sockets.entries().map(({ state }) => state),
    ['LISTEN', 'SYN_RECV'],
  );
  hosts.run(2_000);
  t.same(
    hosts.b.sockets.entries().map(({ state }) => state),
    ['LISTEN'],
  );
});

t.test(
  'data that nobody acknowledges are repeated as a loss probe, then with times that double, and given up with ETIMEDOUT',
  async (t) => {
    const { hosts, client } = connected({ delay: 5 });
    const heard = listen(client);
    hosts.wire = () => [];
    const start = hosts.emulation.clock.nowNs / NS_PER_S;
    client.send(octets('lost'));
    hosts.run();
    const gaps = hosts.times(() => true).map((at, i, all) => Math.round((at - (all[i - 1] ?? start)) * 1000) / 1000);
    t.same(gaps.slice(0, 12), [0, 0.21, 0.21, 0.42, 0.84, 1.68, 3.36, 6.72, 13.44, 26.88, 53.76, 107.52]);
    t.same(gaps.slice(12), [120, 120, 120, 120, 120], 'tcp_retries2 is 15');
    t.same(heard, ['ETIMEDOUT']);
    const took = Math.round(hosts.emulation.clock.nowNs / NS_PER_S - start);
    t.equal(took, 935);
  },
);

t.test('an orphan gives up sooner', async (t) => {
  const { hosts, client } = connected();
  hosts.wire = () => [];
  client.send(octets('lost'));
  client.close();
  hosts.run();
  t.equal(client.state, 'CLOSED');
  t.ok(hosts.emulation.clock.nowNs < 210 * NS_PER_S);
});

t.test('one lost segment is sent again after three duplicates, long before the timeout', async (t) => {
  const { hosts, client, server } = connected();
  let got = 0;
  server.onData = (bytes) => {
    got += bytes.length;
  };
  let lost = false;
  hosts.wire = ({ from, length }) => {
    if (from === 'a' && length > 0 && !lost) {
      lost = true;
      return [];
    }
    return [1];
  };
  client.send(new Uint8Array(1448 * 5));
  hosts.run(10);
  t.equal(got, 1448 * 5);
  t.equal(hosts.log('a').filter((line) => line.includes('1448')).length, 6, 'nothing but the lost one is repeated');
  const blocks = hosts.sent.filter(({ from }) => from === 'b').map(({ tcp }) => tcp.parseOptions().sack?.length ?? 0);
  t.same(blocks.slice(0, 4), [1, 1, 1, 1], 'the receiver tells what it has');
});

t.test('a receiver that does not read closes its window, and opens it when it does', async (t) => {
  const { hosts, client, server } = connected();
  const payload = new Uint8Array(200_000).map((_, i) => i % 251);
  t.equal(client.send(payload), 200_000);
  hosts.run(5_000);
  t.ok(server.unread > 60_000 && server.unread < 65_536 + 1448, `${server.unread} octets wait`);
  t.equal(hosts.sent.findLast(({ from }) => from === 'b')?.tcp.window, 0);
  const probes = hosts.sent.filter(({ from, length, tcp }) => from === 'a' && length === 0 && tcp.sequence !== 0);
  t.ok(probes.length >= 3, 'probes ask for room');
  t.ok(probes.length < 10, 'less and less often');
  const before = hosts.sent.length;
  const got: Uint8Array[] = [server.read()];
  t.equal(hosts.sent[before]?.from, 'b', 'reading sends a window update');
  server.onData = (bytes) => got.push(bytes);
  hosts.run(5_000);
  t.ok(bytesEqual(concatBytes(got), payload));
});

t.test('paused data wait, and are handed over in one piece', async (t) => {
  const { hosts, client, server } = connected();
  const heard = listen(server);
  server.pause();
  client.send(octets('a'));
  hosts.run(1);
  client.send(octets('b'));
  client.end();
  hosts.run(100);
  t.same(heard, []);
  server.resume();
  t.same(heard, ['data ab', 'end']);
});

t.test('a full send buffer takes no more, and says when it has room', async (t) => {
  const { hosts, client, server } = connected({ client: { sendBuffer: 1000 } });
  listen(server);
  let writable = 0;
  client.onWritable = () => {
    writable += 1;
  };
  t.equal(client.send(new Uint8Array(1500)), 1000);
  t.equal(client.send(new Uint8Array(1)), 'EAGAIN');
  hosts.run(10);
  t.equal(writable, 1);
  t.equal(client.send(new Uint8Array(1)), 1);
});

t.test('ICMP ends a connection that is being opened, and only warns one that is open', async (t) => {
  for (const [code, errno] of [
    [0, 'ENETUNREACH'],
    [1, 'EHOSTUNREACH'],
    [3, 'ECONNREFUSED'],
    [13, 'EHOSTUNREACH'],
  ] as const) {
    const hosts = new JoinedHosts();
    hosts.wire = ({ flags }) => (flags === 'S' ? [] : [0]);
    const client = hosts.a.sockets.tcp();
    const heard = listen(client);
    client.connect(B, 80);
    hosts.icmpError(hosts.b, hosts.sent[0]!.bytes, 3, code, 0);
    hosts.run(10);
    t.same(heard, [errno]);
    t.equal(client.state, 'CLOSED');
  }
  const { hosts, client } = connected();
  const heard = listen(client);
  hosts.wire = ({ from }) => (from === 'a' ? [] : [0]);
  client.send(octets('x'));
  hosts.icmpError(hosts.b, hosts.sent[0]!.bytes, 3, 1, 0);
  hosts.run(1);
  t.same(heard, []);
  t.equal(client.state, 'ESTABLISHED');
  hosts.run();
  t.same(heard, ['EHOSTUNREACH'], 'when it gives up, it says why');
});

t.test('an ICMP error about a sequence number that is not in flight is ignored', async (t) => {
  const hosts = new JoinedHosts();
  hosts.wire = ({ flags }) => (flags === 'S' ? [] : [0]);
  const client = hosts.a.sockets.tcp();
  const heard = listen(client);
  client.connect(B, 80);
  const forged = hosts.sent[0]!.bytes.slice();
  forged[24] = forged[24]! ^ 0x80;
  hosts.icmpError(hosts.b, forged, 3, 3, 0);
  hosts.run(10);
  t.same(heard, []);
});

t.test('fragmentation needed shortens segments, and the long ones are sent again at once', async (t) => {
  const { hosts, client, server } = connected();
  let got = 0;
  server.onData = (bytes) => {
    got += bytes.length;
  };
  hosts.wire = (packet) => {
    if (packet.bytes.length <= 1400) return [1];
    hosts.emulation.clock.schedule(0, () => {
      hosts.a.mtu = 1400; // what Fib.learnPmtu() does
      hosts.icmpError(hosts.b, packet.bytes, 3, 4, 1400);
    });
    return [];
  };
  client.send(new Uint8Array(5000));
  hosts.run(20);
  t.equal(got, 5000);
  t.ok(hosts.sent.filter(({ from }) => from === 'a').every(({ ip }) => ip.dontFragment));
  t.same(
    hosts.log('a').filter((line) => line.endsWith('1348')).length >= 3,
    true,
    'they carry 1400 - 20 - 20 - 12 octets',
  );
});

t.test('with tcp_mtu_probing segments that nobody acknowledges become shorter, again and again', async (t) => {
  for (const [probing, longest, lengths] of [
    ['1', 600, [1448, 1024, 512]],
    ['2', 1100, [1024]],
    ['0', 1100, [1448]],
  ] as const) {
    const hosts = new JoinedHosts();
    hosts.a.sysctl.set('net.ipv4.tcp_mtu_probing', probing);
    hosts.wire = (packet) => (packet.bytes.length <= longest ? [1] : []);
    let got = 0;
    const onConnection = (socket: TcpSocket): void => {
      socket.onData = (bytes) => (got += bytes.length);
    };
    hosts.b.sockets.listen({ protocol: 'tcp', address: INADDR_ANY, port: 80, onConnection });
    const client = hosts.a.sockets.tcp();
    client.connect(B, 80);
    hosts.run(100);
    client.send(new Uint8Array(4000));
    hosts.run(60_000);
    t.equal(got, probing === '0' ? 0 : 4000, `tcp_mtu_probing ${probing}`);
    const data = hosts.sent.filter(({ from, length }) => from === 'a' && length > 0);
    const first = data.filter(({ tcp }) => tcp.sequence === data[0]?.tcp.sequence).map(({ length }) => length);
    t.same([...new Set(first)], lengths, 'what the first segment carried, whenever it was sent');
  }
});

t.test('connect() answers at once where there is no route', async (t) => {
  const hosts = new JoinedHosts();
  hosts.a.unroutable = 'ENETUNREACH';
  t.equal(hosts.a.sockets.tcp().connect(B, 80), 'ENETUNREACH');
  t.same(hosts.a.sockets.entries(), []);
});

t.test('a route that goes away loses segments, not the connection', async (t) => {
  const { hosts, client, server } = connected();
  const heard = listen(server);
  hosts.a.unroutable = 'ENETUNREACH';
  client.send(octets('x'));
  hosts.run(500);
  t.same(hosts.a.drops, ['ip-outnoroutes', 'ip-outnoroutes']);
  hosts.a.unroutable = undefined;
  hosts.run(2_000);
  t.same(heard, ['data x']);
});

t.test('a new connection may take the numbers of one in TIME_WAIT', async (t) => {
  const { hosts, client, server } = connected();
  const port = client.localPort;
  server.close();
  hosts.run(100);
  client.close();
  hosts.run(100);
  t.equal(server.state, 'TIME_WAIT');
  const again = hosts.a.sockets.tcp();
  const heard = listen(again);
  again.bind(A, port);
  again.connect(B, 80);
  hosts.run(1);
  t.same(heard, ['connect']);
  t.equal(server.state, 'CLOSED');
});

t.test('a connection to oneself works', async (t) => {
  const hosts = new JoinedHosts();
  const got: string[] = [];
  hosts.a.sockets.listen({
    protocol: 'tcp',
    address: INADDR_ANY,
    port: 80,
    onConnection: (socket) => {
      socket.onData = (bytes) => got.push(text(bytes));
      socket.onEnd = () => socket.close();
    },
  });
  const client = hosts.a.sockets.tcp();
  client.onConnect = () => {
    client.send(octets('me'));
    client.close();
  };
  client.connect(INADDR_ANY, 80);
  hosts.run(10);
  t.same(got, ['me']);
  hosts.run();
  t.same(
    hosts.a.sockets.entries().map(({ state }) => state),
    ['LISTEN'],
  );
});

t.test('the sockets of a namespace that goes leave no timer behind', async (t) => {
  const { hosts, client } = connected();
  hosts.wire = () => [];
  client.send(octets('x'));
  hosts.a.sockets.destroy();
  hosts.b.sockets.destroy();
  t.equal(hosts.emulation.clock.nextDueNs, undefined);
  t.same([...hosts.a.sockets.entries(), ...hosts.b.sockets.entries()], []);
});

t.test('listings and traces say who listens, and why', async (t) => {
  const hosts = new JoinedHosts();
  const because = [{ kind: 'Service', namespace: 'default', name: 'web' }];
  hosts.emulation.tracer = { step: () => {} };
  hosts.b.sockets.listen({
    protocol: 'tcp',
    address: B,
    port: 80,
    process: 'nginx',
    because,
    onConnection: () => {},
  });
  hosts.b.sockets.listen({ protocol: 'udp', address: INADDR_ANY, port: 53, because, onMessage: () => {} });
  hosts.a.sockets.tcp().connect(B, 80);
  hosts.run(1);
  t.match(hosts.b.sockets.listeners(), [
    { protocol: 'tcp', address: B, port: 80, process: 'nginx', because },
    { protocol: 'udp', port: 53, because },
  ]);
  t.match(
    hosts.b.sockets.entries().map(({ protocol, state, localPort }) => `${protocol} ${state} ${localPort}`),
    ['tcp LISTEN 80', 'tcp ESTABLISHED 80', 'udp UNCONN 53'],
  );
  t.match(hosts.b.steps, [
    { kind: 'deliver', port: 80, note: 'TCP SYN (nginx, LISTEN)', because },
    { kind: 'send', note: /^TCP SYN,ACK to 10\.0\.0\.1:\d+$/ },
    { kind: 'deliver', note: 'TCP ACK (nginx, SYN_RECV)', because },
  ]);
});
