/** Sockets in whole namespaces: a client and a server with a router between them. */

import t from 'tap';
import {
  Emulation,
  Host,
  type Netns,
  NS_PER_MS,
  NS_PER_S,
  runIpBatch,
  type TcpSocket,
} from '../../../src/kernel/index.js';
import {
  bytesEqual,
  concatBytes,
  DEFAULT_PREFIX,
  INADDR_ANY,
  INADDR_LOOPBACK,
  Ipv4,
} from '../../../src/packet/index.js';
import type { Step } from '../../../src/trace/index.js';
import { ip, octets, text } from './joined-hosts.js';

const CLIENT = ip('10.0.1.2');
const SERVER = ip('10.0.2.2');
const ROUTER = ip('10.0.1.1');

interface Net {
  readonly emulation: Emulation;
  readonly client: Netns;
  readonly router: Netns;
  readonly server: Netns;
  run(milliseconds?: number): void;
}

function link(a: Netns, b: Netns, net: string, ends: readonly [number, number], mtu = 1500): void {
  const name = `to-${b.name}`;
  const peer = `to-${a.name}`;
  a.links.addVeth({ name, mtu }, { name: peer, mtu, netns: b });
  for (const [netns, dev, last] of [
    [a, name, ends[0]],
    [b, peer, ends[1]],
  ] as const) {
    const device = netns.links.require(dev);
    netns.links.set(device, { up: true });
    netns.fib.addAddress(device, { address: ip(`${net}.${last}`), prefixLength: 24, broadcast: ip(`${net}.255`) });
  }
}

/** client 10.0.1.2 — 10.0.1.1 router 10.0.2.1 — 10.0.2.2 server. */
function threeHosts(serverMtu = 1500): Net {
  const emulation = new Emulation({ seed: 5 });
  const host = new Host(emulation, 'machine');
  const [client, router, server] = ['client', 'router', 'server'].map((name) => host.addNetns(name)) as [
    Netns,
    Netns,
    Netns,
  ];
  for (const netns of [client, router, server]) netns.links.set(netns.links.require('lo'), { up: true });
  link(client, router, '10.0.1', [2, 1]);
  link(server, router, '10.0.2', [2, 1]);
  router.links.set(router.links.require('to-server'), { mtu: serverMtu });
  router.sysctl.set('net.ipv4.ip_forward', '1');
  client.fib.addRoute({ destination: DEFAULT_PREFIX, nextHops: [{ via: ROUTER }] });
  server.fib.addRoute({ destination: DEFAULT_PREFIX, nextHops: [{ via: ip('10.0.2.1') }] });
  const run = (milliseconds = Number.POSITIVE_INFINITY): void => {
    if (milliseconds === Number.POSITIVE_INFINITY) emulation.run();
    else emulation.advance(milliseconds * NS_PER_MS);
  };
  return { emulation, client, router, server, run };
}

/** Sends back what it gets, and ends when its peer does. */
function echo(netns: Netns, port: number): void {
  netns.sockets.listen({
    protocol: 'tcp',
    address: INADDR_ANY,
    port,
    onConnection: (socket) => {
      socket.onData = (bytes) => socket.send(bytes);
      socket.onEnd = () => socket.close();
    },
  });
}

function connect(netns: Netns, address = SERVER, port = 80): { socket: TcpSocket; heard: string[] } {
  const socket = netns.sockets.tcp();
  const heard: string[] = [];
  socket.onConnect = () => heard.push('connect');
  socket.onData = (bytes) => heard.push(text(bytes));
  socket.onEnd = () => heard.push('end');
  socket.onError = (errno) => heard.push(errno);
  const errno = socket.connect(address, port);
  if (errno !== undefined) heard.push(`at once: ${errno}`);
  return { socket, heard };
}

t.test('TCP through a router: there, back, and closed', async (t) => {
  const { client, server, run } = threeHosts();
  echo(server, 80);
  const { socket, heard } = connect(client);
  run(100);
  t.same(heard, ['connect']);
  t.equal(socket.localAddress, CLIENT);
  socket.send(octets('hello'));
  run(100);
  socket.end();
  run(100);
  t.same(heard, ['connect', 'hello', 'end']);
  run();
  t.same(client.sockets.entries(), []);
  t.same(
    server.sockets.entries().map(({ state }) => state),
    ['LISTEN'],
  );
  t.same([...client.drops, ...server.drops], []);
});

t.test('a narrow link behind the router is found out, and the stream comes whole', async (t) => {
  const { client, server, run } = threeHosts(1200);
  const got: Uint8Array[] = [];
  server.sockets.listen({
    protocol: 'tcp',
    address: INADDR_ANY,
    port: 80,
    onConnection: (socket) => {
      socket.onData = (bytes) => got.push(bytes);
    },
  });
  const lengths: number[] = [];
  server.links.require('to-router').tap = (_dev, skb, direction) => {
    if (direction === 'in' && skb.protocol === 0x0800) lengths.push(new Ipv4(skb.view, skb.data + 14).totalLength);
  };
  const { socket } = connect(client);
  run(100);
  const payload = Uint8Array.from({ length: 20_000 }, (_, i) => i % 253);
  socket.send(payload);
  run(100);
  t.ok(bytesEqual(concatBytes(got), payload), 'without waiting for a timeout');
  t.equal(client.ipv4.route({ source: CLIENT, destination: SERVER }) && Math.max(...lengths), 1200);
});

t.test('loopback: segments as large as its MTU allows', async (t) => {
  const { client, run } = threeHosts();
  echo(client, 80);
  const { socket, heard } = connect(client, INADDR_LOOPBACK);
  socket.onData = (bytes) => heard.push(String(bytes.length));
  run(10);
  socket.send(new Uint8Array(100_000));
  run(1_000);
  t.equal(heard[0], 'connect');
  t.equal(
    heard.slice(1).reduce((sum, each) => sum + Number(each), 0),
    100_000,
  );
});

t.test('nobody listens, no route, and a firewall that says nothing, no, or ICMP', async (t) => {
  const refused = threeHosts();
  const closed = connect(refused.client);
  refused.run(100);
  t.same(closed.heard, ['ECONNREFUSED']);
  t.equal(refused.server.drops.get('no-socket'), 1);

  const nowhere = threeHosts();
  nowhere.client.fib.deleteRoute({ destination: DEFAULT_PREFIX });
  t.same(connect(nowhere.client).heard, ['at once: ENETUNREACH']);

  const unrouted = threeHosts();
  const lost = connect(unrouted.client, ip('192.0.2.1'));
  unrouted.run(100);
  t.same(lost.heard, ['ENETUNREACH'], 'the router has no route and says so');

  const silent = threeHosts();
  silent.router.netfilter.iptables.restore('*filter\n-A FORWARD -p tcp --dport 80 -j DROP\nCOMMIT\n');
  const dropped = connect(silent.client);
  silent.run(126_000);
  t.same(dropped.heard, []);
  silent.run(2_000);
  t.same(dropped.heard, ['ETIMEDOUT']);
  t.equal(silent.router.drops.get('netfilter-drop'), 7);

  for (const [reject, errno] of [
    ['tcp-reset', 'ECONNREFUSED'],
    ['icmp-port-unreachable', 'ECONNREFUSED'],
    ['icmp-admin-prohibited', 'EHOSTUNREACH'],
  ] as const) {
    const net = threeHosts();
    const rule = `-A FORWARD -p tcp --dport 80 -j REJECT --reject-with ${reject}`;
    net.router.netfilter.iptables.restore(`*filter\n${rule}\nCOMMIT\n`);
    const rejected = connect(net.client);
    net.run(100);
    t.same(rejected.heard, [errno], reject);
  }
});

t.test('a dead next hop ends a connect() with EHOSTUNREACH', async (t) => {
  const { client, run } = threeHosts();
  const { heard } = connect(client, ip('10.0.1.77'));
  run(5_000);
  t.same(heard, ['EHOSTUNREACH']);
});

t.test('through a destination NAT, errors and data find their socket', async (t) => {
  const { client, router, server, run } = threeHosts();
  echo(server, 8080);
  router.netfilter.iptables.restore(
    '*nat\n-A PREROUTING -d 10.9.9.9/32 -p tcp --dport 80 -j DNAT --to-destination 10.0.2.2:8080\n' +
      '-A PREROUTING -d 10.9.9.9/32 -p udp --dport 53 -j DNAT --to-destination 10.0.2.2:5353\nCOMMIT\n',
  );
  const { socket, heard } = connect(client, ip('10.9.9.9'));
  run(100);
  socket.send(octets('hello'));
  run(100);
  t.same(heard, ['connect', 'hello']);

  const udp = client.sockets.udp();
  const errors: string[] = [];
  udp.onError = (errno) => errors.push(errno);
  udp.connect(ip('10.9.9.9'), 53);
  udp.send(octets('x'));
  run(100);
  t.same(errors, ['ECONNREFUSED'], 'the quoted packet was translated back');
});

t.test('ping, and traceroute by UDP and by ICMP', async (t) => {
  const { client, run } = threeHosts();
  const ping = client.sockets.ping();
  const heard: string[] = [];
  ping.onReply = ({ source, sequence, ttl }) => heard.push(`reply ${source === SERVER} ${sequence} ${ttl}`);
  ping.onIcmpError = ({ from, sequence, type }) => heard.push(`error ${from === ROUTER} ${sequence} ${type}`);
  ping.send({ destination: SERVER, sequence: 1, payload: octets('abcdefgh') });
  ping.send({ destination: SERVER, sequence: 2, payload: octets('abcdefgh'), ttl: 1 });
  ping.send({ destination: SERVER, sequence: 3, payload: new Uint8Array(4000) });
  run(100);
  t.same(heard.sort(), ['error true 2 11', 'reply true 1 63', 'reply true 3 63']);

  const probe = client.sockets.udp();
  const hops: string[] = [];
  probe.onIcmpError = ({ from, type, code, port }) =>
    hops.push(`${port} ${from === ROUTER ? 'router' : 'server'} ${type}/${code}`);
  probe.sendTo(octets('x'), SERVER, 33_434, { ttl: 1 });
  probe.sendTo(octets('x'), SERVER, 33_435, { ttl: 2 });
  run(100);
  t.same(hops, ['33434 router 11/0', '33435 server 3/3']);
});

t.test('UDP larger than the MTU is cut and comes whole; with DF a narrow path is told', async (t) => {
  const { client, server, run } = threeHosts(1000);
  const got: number[] = [];
  server.sockets.listen({
    protocol: 'udp',
    address: INADDR_ANY,
    port: 53,
    onMessage: (bytes) => got.push(bytes.length),
  });
  const socket = client.sockets.udp();
  const errors: string[] = [];
  socket.onIcmpError = ({ errno, mtu }) => errors.push(`${errno} ${mtu}`);
  socket.sendTo(new Uint8Array(5000), SERVER, 53);
  run(100);
  t.same(got, [5000]);
  socket.sendTo(new Uint8Array(1200), SERVER, 53);
  run(100);
  t.same(errors, ['EMSGSIZE 1000']);
  t.same(got, [5000]);
  socket.sendTo(new Uint8Array(1200), SERVER, 53);
  run(100);
  t.same(got, [5000, 1200], 'now the path MTU is known, and it is cut before it leaves');
});

t.test('a broadcast reaches every socket of the port', async (t) => {
  const { client, router, run } = threeHosts();
  let got = 0;
  for (let i = 0; i < 2; i++) {
    const socket = router.sockets.udp({ reuseAddress: true });
    socket.bind(INADDR_ANY, 67);
    socket.onMessage = () => {
      got += 1;
    };
  }
  const socket = client.sockets.udp({ broadcast: true });
  t.equal(socket.sendTo(octets('x'), ip('10.0.1.255'), 67), undefined);
  run(100);
  t.equal(got, 2);
});

t.test('a socket bound to a device sends by it and hears by it only', async (t) => {
  const { client, router, run } = threeHosts();
  const got: string[] = [];
  const wrong = router.sockets.udp({ device: router.links.require('to-server') });
  wrong.bind(INADDR_ANY, 53);
  wrong.onMessage = () => got.push('wrong');
  client.sockets.udp().sendTo(octets('x'), ROUTER, 53);
  run(100);
  t.same(got, []);
  const right = router.sockets.udp({ device: router.links.require('to-client') });
  right.bind(INADDR_ANY, 53);
  right.onMessage = () => got.push('right');
  client.sockets.udp().sendTo(octets('x'), ROUTER, 53);
  run(100);
  t.same(got, ['right']);
});

t.test('the owner match knows whose packet it is', async (t) => {
  const { client, server, run } = threeHosts();
  echo(server, 80);
  client.netfilter.iptables.restore('*filter\n-A OUTPUT -m owner --uid-owner 1000 -j DROP\nCOMMIT\n');
  t.equal(client.sockets.udp({ uid: 1000 }).sendTo(octets('x'), SERVER, 53), 'EPERM');
  t.equal(client.sockets.udp().sendTo(octets('x'), SERVER, 53), undefined);
  const { heard } = connect(client);
  run(100);
  t.same(heard, ['connect']);
});

t.test('a trace of a connection hangs together by what caused what', async (t) => {
  const { emulation, client, server, run } = threeHosts();
  echo(server, 80);
  const parents = new Map<number, number>();
  const notes: string[] = [];
  emulation.tracer = {
    step: (place, packet, step: Step) => {
      if (packet.parent !== 0) parents.set(packet.id, packet.parent);
      if (step.kind === 'send' || step.kind === 'deliver')
        notes.push(`${place.netns} ${step.kind} ${step.note.split(' to ')[0]}`);
    },
  };
  connect(client);
  run(100);
  t.same(notes, [
    'client send TCP SYN',
    'server deliver TCP SYN (LISTEN)',
    'server send TCP SYN,ACK',
    'client deliver TCP SYN,ACK (SYN_SENT)',
    'client send TCP ACK',
    'server deliver TCP ACK (SYN_RECV)',
  ]);
  t.ok(parents.size >= 2);
});

t.test('the same seed sends the same octets', async (t) => {
  const record = (): string[] => {
    const { client, server, run } = threeHosts();
    echo(server, 80);
    const frames: string[] = [];
    client.links.require('to-router').tap = (_dev, skb) => frames.push(Buffer.from(skb.toBytes()).toString('hex'));
    const { socket } = connect(client);
    run(100);
    socket.send(octets('hello'));
    socket.close();
    run(2 * (NS_PER_S / NS_PER_MS));
    return frames;
  };
  const first = record();
  t.ok(first.length > 8);
  t.same(record(), first);
});

t.test('connect() asks rules that want the source that it has found, or the port', (t) => {
  const ERRORS = { blackhole: 'EINVAL', unreachable: 'ENETUNREACH', prohibit: 'EACCES' } as const;
  for (const [action, errno] of Object.entries(ERRORS)) {
    const { client } = threeHosts();
    t.same(runIpBatch(client, `rule add pref 100 from 10.0.1.2 ${action}`, []), []);
    t.equal(client.sockets.tcp().connect(SERVER, 80), errno, `tcp, ${action}`);
    t.equal(client.sockets.udp().connect(SERVER, 53), errno, `udp, ${action}`);
    t.equal(client.sockets.udp().sendTo(new Uint8Array(1), SERVER, 53), undefined, 'a datagram is routed once');
  }
  const { client } = threeHosts();
  t.same(runIpBatch(client, 'rule add pref 100 ipproto tcp sport 1024-65535 prohibit', []), []);
  const socket = client.sockets.tcp();
  t.equal(socket.connect(SERVER, 80), 'EACCES');
  t.same([...client.sockets.entries()], [], 'nothing is left behind');
  t.end();
});
