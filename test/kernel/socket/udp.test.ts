import t from 'tap';
import type { IcmpErrorReport, UdpFrom } from '../../../src/kernel/socket/index.js';
import { INADDR_ANY, ipv4, Udp, viewOf } from '../../../src/packet/index.js';
import { A, B, JoinedHosts, octets, text } from './joined-hosts.js';

t.test('a datagram arrives with its sender and what it was addressed to', async (t) => {
  const hosts = new JoinedHosts();
  const got: { text: string; from: UdpFrom }[] = [];
  const server = hosts.b.sockets.listen({
    protocol: 'udp',
    address: INADDR_ANY,
    port: 53,
    onMessage: (bytes, from) => {
      got.push({ text: text(bytes), from });
      server.sendTo(octets('answer'), from.source, from.port);
    },
  });
  const client = hosts.a.sockets.udp();
  const answers: string[] = [];
  client.onMessage = (bytes, from) => answers.push(`${text(bytes)} from ${from.port}`);
  t.equal(client.sendTo(octets('question'), B, 53), undefined);
  t.ok(client.localPort >= 32_768 && client.localPort <= 60_999, 'sending binds');
  hosts.run(1);
  t.match(got, [{ text: 'question', from: { source: A, port: client.localPort, destination: B, ttl: 64 } }]);
  t.same(answers, ['answer from 53']);
  t.equal(hosts.sent[1]?.parent, got[0]?.from.skbId, 'the answer names the question');
});

t.test('an empty datagram is one too', async (t) => {
  const hosts = new JoinedHosts();
  let got = -1;
  hosts.b.sockets.listen({
    protocol: 'udp',
    address: B,
    port: 53,
    onMessage: (bytes) => {
      got = bytes.length;
    },
  });
  hosts.a.sockets.udp().sendTo(new Uint8Array(), B, 53);
  hosts.run(1);
  t.equal(got, 0);
});

t.test('a bad checksum is dropped; none at all is accepted', async (t) => {
  const hosts = new JoinedHosts();
  let got = 0;
  hosts.b.sockets.listen({
    protocol: 'udp',
    address: B,
    port: 53,
    onMessage: () => {
      got += 1;
    },
  });
  hosts.wire = ({ bytes }) => {
    bytes[29] = bytes[29]! ^ 1;
    return [0];
  };
  const client = hosts.a.sockets.udp();
  client.sendTo(octets('xyz'), B, 53);
  hosts.run(1);
  t.same(hosts.b.drops, ['udp-csum']);
  hosts.wire = ({ bytes }) => {
    new Udp(viewOf(bytes), 20).checksum = 0;
    return [0];
  };
  client.sendTo(octets('xyz'), B, 53);
  hosts.run(1);
  t.equal(got, 1);
});

t.test('lengths that lie are dropped, and octets behind the datagram are not read', async (t) => {
  const hosts = new JoinedHosts();
  const got: number[] = [];
  hosts.b.sockets.listen({ protocol: 'udp', address: B, port: 53, onMessage: (bytes) => got.push(bytes.length) });
  const lie = (length: number): void => {
    hosts.wire = ({ bytes }) => {
      const udp = new Udp(viewOf(bytes), 20);
      udp.length = length;
      udp.checksum = 0;
      return [0];
    };
    hosts.a.sockets.udp().sendTo(octets('1234'), B, 53);
    hosts.run(1);
  };
  lie(13);
  lie(7);
  t.same(hosts.b.drops, ['pkt-too-small', 'pkt-too-small']);
  lie(10);
  t.same(got, [2]);
});

t.test('port unreachable reaches a connected socket only', async (t) => {
  const hosts = new JoinedHosts();
  const connected = hosts.a.sockets.udp();
  const heard: string[] = [];
  connected.onError = (errno) => heard.push(errno);
  t.equal(connected.connect(B, 53), undefined);
  connected.send(octets('x'));
  hosts.run(1);
  t.same(heard, ['ECONNREFUSED']);

  const loose = hosts.a.sockets.udp();
  loose.onError = (errno) => heard.push(errno);
  loose.sendTo(octets('x'), B, 53);
  hosts.run(1);
  t.same(heard, ['ECONNREFUSED']);
  t.same(hosts.b.drops, ['no-socket', 'no-socket']);
});

t.test('without a listener for errors the next call answers with it, once', async (t) => {
  const hosts = new JoinedHosts();
  const socket = hosts.a.sockets.udp();
  socket.connect(B, 53);
  socket.send(octets('x'));
  hosts.run(1);
  t.equal(socket.send(octets('y')), 'ECONNREFUSED');
  hosts.wire = () => [];
  t.equal(socket.send(octets('z')), undefined);
  t.equal(socket.takeError(), undefined);
});

t.test('soft errors do not reach a connected socket, but one that asked for all errors', async (t) => {
  const hosts = new JoinedHosts();
  hosts.wire = ({ from }) => (from === 'a' ? [] : [0]);
  const socket = hosts.a.sockets.udp();
  const heard: string[] = [];
  const reports: IcmpErrorReport[] = [];
  socket.onError = (errno) => heard.push(errno);
  socket.connect(B, 33_434);
  socket.send(octets('x'));
  const probe = hosts.sent[0]!.bytes;
  hosts.icmpError(hosts.b, probe, 11, 0, 0);
  hosts.run(1);
  t.same(heard, []);
  socket.onIcmpError = (report) => reports.push(report);
  hosts.icmpError(hosts.b, probe, 11, 0, 0);
  hosts.icmpError(hosts.b, probe, 3, 3, 0);
  hosts.icmpError(hosts.b, probe, 4, 0, 0);
  hosts.run(1);
  t.match(reports, [
    { type: 11, code: 0, from: B, destination: B, port: 33_434, errno: 'EHOSTUNREACH', ttl: 64 },
    { type: 3, code: 3, from: B, port: 33_434, errno: 'ECONNREFUSED' },
  ]);
  t.same(heard, ['ECONNREFUSED']);
});

t.test('traceroute: probes with small TTLs, told apart by their ports', async (t) => {
  const hosts = new JoinedHosts();
  hosts.wire = (packet) => {
    if (packet.from === 'a' && packet.ip.ttl < 3) {
      hosts.emulation.clock.schedule(0, () => hosts.icmpError(hosts.b, packet.bytes, 11, 0, 0));
      return [];
    }
    return [0];
  };
  const socket = hosts.a.sockets.udp();
  const hops: string[] = [];
  socket.onIcmpError = ({ type, port }) => hops.push(`${port} ${type}`);
  for (let hop = 1; hop <= 3; hop++) socket.sendTo(octets('probe'), B, 33_433 + hop, { ttl: hop });
  hosts.run(10);
  t.same(hops.sort(), ['33434 11', '33435 11', '33436 3']);
});

t.test('IP_MTU_DISCOVER decides about DF, fragments and EMSGSIZE', async (t) => {
  const outcome = (pathMtuDiscovery: 'dont' | 'want' | 'do' | 'probe', size: number): string => {
    const hosts = new JoinedHosts();
    const answer = hosts.a.sockets.udp({ pathMtuDiscovery }).sendTo(new Uint8Array(size), B, 53);
    return answer ?? (hosts.sent[0]!.ip.dontFragment ? 'DF' : 'no DF');
  };
  t.equal(outcome('want', 1472), 'DF');
  t.equal(outcome('want', 1473), 'no DF');
  t.equal(outcome('do', 1472), 'DF');
  t.equal(outcome('do', 1473), 'EMSGSIZE');
  t.equal(outcome('dont', 100), 'no DF');
  t.equal(outcome('probe', 1472), 'DF');
  t.equal(outcome('dont', 65_507), 'no DF');
  t.equal(outcome('dont', 65_508), 'EMSGSIZE');
});

t.test('ip_no_pmtu_disc makes DF go away', async (t) => {
  const hosts = new JoinedHosts();
  hosts.a.sysctl.set('net.ipv4.ip_no_pmtu_disc', '1');
  hosts.a.sockets.udp().sendTo(octets('x'), B, 53);
  t.notOk(hosts.sent[0]!.ip.dontFragment);
});

t.test('datagrams wait in a queue of limited size where nobody takes them', async (t) => {
  const hosts = new JoinedHosts();
  const server = hosts.b.sockets.udp({ receiveBuffer: 2_000 });
  server.bind(B, 53);
  const client = hosts.a.sockets.udp();
  for (const word of ['one', 'two', 'three', 'four', 'five']) client.sendTo(octets(word), B, 53);
  hosts.run(1);
  t.same(hosts.b.drops, ['socket-rcvbuff', 'socket-rcvbuff']);
  t.equal(text(server.receive()!.bytes), 'one');
  client.sendTo(octets('six'), B, 53);
  hosts.run(1);
  t.same(
    [server.receive(), server.receive(), server.receive(), server.receive()].map((each) => each && text(each.bytes)),
    ['two', 'three', 'six', undefined],
  );
});

t.test('the most exact socket gets the datagram', async (t) => {
  const hosts = new JoinedHosts();
  const got: string[] = [];
  const open = (name: string, address = INADDR_ANY): ReturnType<typeof hosts.b.sockets.udp> => {
    const socket = hosts.b.sockets.udp({ reuseAddress: true });
    socket.bind(address, 53);
    socket.onMessage = () => got.push(name);
    return socket;
  };
  open('any');
  const exact = open('exact', B);
  const connected = open('connected', B);
  const client = hosts.a.sockets.udp();
  client.bind(A, 4000);
  connected.connect(A, 4000);
  client.sendTo(octets('x'), B, 53);
  hosts.run(1);
  connected.close();
  client.sendTo(octets('x'), B, 53);
  hosts.run(1);
  exact.close();
  client.sendTo(octets('x'), B, 53);
  hosts.run(1);
  t.same(got, ['connected', 'exact', 'any']);
});

t.test('a connected socket hears its peer only', async (t) => {
  const hosts = new JoinedHosts();
  const socket = hosts.b.sockets.udp();
  socket.bind(B, 53);
  socket.connect(A, 4000);
  let got = 0;
  socket.onMessage = () => {
    got += 1;
  };
  hosts.a.sockets.udp().sendTo(octets('x'), B, 53);
  hosts.run(1);
  t.equal(got, 0);
  t.same(hosts.b.drops, ['no-socket']);
});

t.test('sockets that share a port by SO_REUSEPORT share its flows, one flow always to the same', async (t) => {
  const hosts = new JoinedHosts();
  const got: number[] = [0, 0];
  for (const i of [0, 1]) {
    const socket = hosts.b.sockets.udp({ reusePort: true });
    socket.bind(INADDR_ANY, 53);
    socket.onMessage = () => {
      got[i]! += 1;
    };
  }
  const client = hosts.a.sockets.udp();
  client.bind(A, 4000);
  for (let i = 0; i < 10; i++) client.sendTo(octets('x'), B, 53);
  hosts.run(1);
  t.ok((got[0] === 10) !== (got[1] === 10));
  for (let i = 0; i < 100; i++) hosts.a.sockets.udp().sendTo(octets('x'), B, 53);
  hosts.run(1);
  t.ok(Math.min(...got) > 25, `${got}`);
});

t.test('a broadcast needs SO_BROADCAST', async (t) => {
  const hosts = new JoinedHosts();
  hosts.a.routeType = 'broadcast';
  t.equal(hosts.a.sockets.udp().sendTo(octets('x'), ipv4(-1), 67), 'EACCES');
  t.equal(hosts.a.sockets.udp({ broadcast: true }).sendTo(octets('x'), ipv4(-1), 67), undefined);
});

t.test('what cannot be sent is said at once', async (t) => {
  const hosts = new JoinedHosts();
  const socket = hosts.a.sockets.udp();
  t.equal(socket.send(octets('x')), 'ENOTCONN');
  t.equal(socket.sendTo(octets('x'), B, 0), 'EINVAL');
  hosts.a.unroutable = 'ENETUNREACH';
  t.equal(socket.sendTo(octets('x'), B, 53), 'ENETUNREACH');
  t.equal(socket.connect(B, 53), 'ENETUNREACH');
});

t.test('ping: echo replies and ICMP errors come back to the socket with its identifier', async (t) => {
  const hosts = new JoinedHosts();
  const ping = hosts.a.sockets.ping();
  const replies: string[] = [];
  const errors: string[] = [];
  ping.onReply = ({ source, sequence, ttl, payload }) =>
    replies.push(`${source === B} ${sequence} ${ttl} ${text(payload)}`);
  ping.onIcmpError = ({ type, sequence, from }) => errors.push(`${type} ${sequence} ${from === B}`);
  t.equal(ping.send({ destination: B, sequence: 1, payload: octets('abc') }), undefined);
  hosts.run(1);
  t.same(replies, ['true 1 64 abc']);
  t.ok(hosts.sent[0]!.ip.dontFragment);
  hosts.wire = ({ from }) => (from === 'a' ? [] : [0]);
  ping.send({ destination: B, sequence: 2, payload: octets('abc'), ttl: 1 });
  t.equal(hosts.sent.at(-1)!.ip.ttl, 1);
  hosts.icmpError(hosts.b, hosts.sent.at(-1)!.bytes, 11, 0, 0);
  hosts.run(1);
  t.same(errors, ['11 2 true']);
  t.equal(ping.send({ destination: B, sequence: 3, payload: new Uint8Array(65_508) }), 'EMSGSIZE');
  const other = hosts.a.sockets.ping();
  t.throws(() => other.bind(INADDR_ANY, ping.identifier), /already in use/);
  ping.close();
  other.bind(INADDR_ANY, ping.identifier);
  t.equal(other.identifier, ping.identifier);
});

t.test('an echo reply that nobody asked for is dropped', async (t) => {
  const hosts = new JoinedHosts();
  const ping = hosts.a.sockets.ping();
  ping.send({ destination: B, sequence: 1, payload: octets('abc') });
  ping.close();
  hosts.run(1);
  t.same(hosts.a.drops, ['no-socket']);
});
