/**
 * What namespaces count of their protocols, and the tools that show it. That they count as Linux does is seen in
 * test/conformance/kernel; here the real tools read the emulated /proc/net.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import { Emulation, Host, type Netns, NS_PER_S, runIpCommand } from '../../src/kernel/index.js';
import { INADDR_ANY, type Ipv4Addr, parseIpv4 } from '../../src/packet/index.js';
import { procNetFiles } from '../../src/tools/proc-net/proc-net.js';
import { netstatGroups, snmpGroups } from '../../src/tools/proc-net/mib.js';
import { TOOLS, type ToolResult } from '../../src/tools/index.js';
import { loadTopology, outputOf, toolIn } from './run-in.js';

const address = (text: string): Ipv4Addr => parseIpv4(text) ?? INADDR_ANY;

/** Three in a row: 10.1.0.1 and 10.2.0.1 with a router between them, which knows nothing else. */
class Row {
  readonly emulation = new Emulation({ seed: 3 });
  readonly #host = new Host(this.emulation, 'machine');
  readonly left = this.#host.addNetns('left');
  readonly router = this.#host.netns;
  readonly right = this.#host.addNetns('right');

  constructor() {
    this.#ip(this.router, 'link add l0 type veth peer name eth0 netns left');
    this.#ip(this.router, 'link add r0 type veth peer name eth0 netns right');
    for (const [netns, dev, own] of [
      [this.left, 'eth0', '10.1.0.1/24'],
      [this.router, 'l0', '10.1.0.254/24'],
      [this.router, 'r0', '10.2.0.254/24'],
      [this.right, 'eth0', '10.2.0.1/24'],
    ] as const) {
      this.#ip(netns, `link set ${dev} up`);
      this.#ip(netns, `addr add ${own} dev ${dev}`);
    }
    for (const netns of [this.left, this.right]) this.#ip(netns, 'link set lo up');
    this.#ip(this.left, 'route add default via 10.1.0.254');
    this.#ip(this.right, 'route add default via 10.2.0.254');
    this.router.sysctl.set('net.ipv4.ip_forward', '1');
    this.emulation.advance(NS_PER_S);
  }

  #ip(netns: Netns, command: string): void {
    const problem = runIpCommand(netns, command, []);
    if (problem !== undefined) throw new Error(`${command}: ${JSON.stringify(problem)}`);
  }

  ping(to: string, { ttl = 64, octets = 8, times = 1 } = {}): void {
    for (let sequence = 1; sequence <= times; sequence += 1) {
      const socket = this.left.sockets.ping({ ttl });
      socket.send({ destination: address(to), sequence, payload: new Uint8Array(octets) });
      this.emulation.advance(NS_PER_S);
      socket.close();
    }
  }
}

const countersOf = (netns: Netns): ReadonlyMap<string, number> =>
  new Map(
    [...snmpGroups(netns), ...netstatGroups(netns)].flatMap(({ title, counters }) =>
      counters.map(([name, value]) => [title + name, value] as const),
    ),
  );

/** What `run` adds: `IpInReceives 2`, but what follows from others. */
function counted(netns: Netns, run: () => void): readonly string[] {
  const before = countersOf(netns);
  run();
  return [...countersOf(netns)]
    .map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const)
    .filter(([name, difference]) => difference !== 0 && !/Octets|ECT|IcmpMsg|OutTransmits|TcpExtTCP/.test(name))
    .map(([name, difference]) => `${name} ${difference}`);
}

t.test('a router counts what it forwards, and what it does not', async (t) => {
  const row = new Row();
  const { router } = row;
  t.same(
    counted(router, () => row.ping('10.2.0.1', { times: 3 })),
    ['IpInReceives 6', 'IpForwDatagrams 6'],
  );
  t.same(
    counted(router, () => row.ping('10.2.0.1', { ttl: 1 })),
    ['IpInReceives 1', 'IpInHdrErrors 1', 'IpOutRequests 1', 'IcmpOutMsgs 1', 'IcmpOutTimeExcds 1'],
  );
  t.same(
    counted(router, () => row.ping('192.0.2.1')),
    ['IpInReceives 1', 'IpOutRequests 1', 'IcmpOutMsgs 1', 'IcmpOutDestUnreachs 1', 'IpExtInNoRoutes 1'],
  );
  router.sysctl.set('net.ipv4.ip_forward', '0');
  t.same(
    counted(router, () => row.ping('10.2.0.1')),
    ['IpInReceives 1', 'IpInAddrErrors 1'],
  );
  runIpCommand(router, 'route add unreachable 10.7.0.0/16', []);
  t.same(
    counted(router, () => row.ping('10.7.0.1')),
    ['IpInReceives 1', 'IpInAddrErrors 1'],
    'who does not forward says nothing of its routes',
  );
  router.sysctl.set('net.ipv4.ip_forward', '1');
  router.sysctl.set('net.ipv4.conf.l0.rp_filter', '1');
  runIpCommand(router, 'addr del 10.1.0.254/24 dev l0', []);
  t.same(
    counted(router, () => row.ping('10.2.0.1')).filter((line) => !line.startsWith('Icmp')),
    ['IpInReceives 1', 'TcpExtIPReversePathFilter 1'],
  );
});

t.test('pieces of a datagram are counted where they are made and where they meet', async (t) => {
  const row = new Row();
  t.same(
    counted(row.left, () => row.ping('10.2.0.1', { octets: 3_000 })),
    [
      'IpInReceives 3',
      'IpInDelivers 1',
      'IpOutRequests 1',
      'IpReasmReqds 3',
      'IpReasmOKs 1',
      'IpFragOKs 1',
      'IpFragCreates 3',
      'IcmpInMsgs 1',
      'IcmpInEchoReps 1',
      'IcmpOutMsgs 1',
      'IcmpOutEchos 1',
    ],
  );
});

t.test('datagrams are counted when they are read, and ports that nobody has', async (t) => {
  const row = new Row();
  row.right.sockets.listen({ protocol: 'udp', address: INADDR_ANY, port: 53, onMessage: () => undefined });
  const send = (port: number) => (): void => {
    row.left.sockets.udp().sendTo(new Uint8Array(4), address('10.2.0.1'), port);
    row.emulation.advance(NS_PER_S);
  };
  t.same(counted(row.right, send(53)), ['IpInReceives 1', 'IpInDelivers 1', 'UdpInDatagrams 1']);
  t.same(counted(row.right, send(54)), [
    'IpInReceives 1',
    'IpInDelivers 1',
    'IpOutRequests 1',
    'IcmpOutMsgs 1',
    'IcmpOutDestUnreachs 1',
    'UdpNoPorts 1',
  ]);
});

t.test('connections are counted as they open, are refused, time out and end', async (t) => {
  const row = new Row();
  row.right.sockets.listen({
    protocol: 'tcp',
    address: INADDR_ANY,
    port: 80,
    onConnection: (connection) => {
      connection.onEnd = () => connection.close();
    },
  });
  const connect = (to: string, port: number, seconds: number) => (): void => {
    const socket = row.left.sockets.tcp();
    socket.onConnect = () => socket.close();
    socket.connect(address(to), port);
    row.emulation.advance(seconds * NS_PER_S);
    socket.close();
  };
  t.same(counted(row.right, connect('10.2.0.1', 80, 1)), [
    'IpInReceives 4',
    'IpInDelivers 4',
    'IpOutRequests 2',
    'TcpPassiveOpens 1',
    'TcpInSegs 4',
    'TcpOutSegs 2',
  ]);
  t.same(counted(row.left, connect('10.2.0.1', 81, 1)), [
    'IpInReceives 1',
    'IpInDelivers 1',
    'IpOutRequests 1',
    'TcpActiveOpens 1',
    'TcpAttemptFails 1',
    'TcpInSegs 1',
    'TcpOutSegs 1',
  ]);
  t.same(
    counted(row.left, connect('10.2.0.99', 80, 300)).filter((line) => line.startsWith('Tcp')),
    ['TcpActiveOpens 1', 'TcpAttemptFails 1', 'TcpOutSegs 1', 'TcpRetransSegs 2', 'TcpExtTcpTimeoutRehash 2'],
  );
});

/** The emulated /proc/net in a folder, for real tools; iproute2 knows no names longer than 127 octets. */
function procFolder(t: Test, netns: Netns): string {
  const folder = mkdtempSync(join(tmpdir(), 'pw-proc-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  mkdirSync(`${folder}/net`);
  for (const [path, text] of procNetFiles(netns)) writeFileSync(`${folder}${path.replace('/proc', '')}`, text);
  // A kernel without IPv6 has none, and ss complains.
  writeFileSync(
    `${folder}/net/sockstat6`,
    'TCP6: inuse 0\nUDP6: inuse 0\nUDPLITE6: inuse 0\nRAW6: inuse 0\nFRAG6: inuse 0 memory 0\n',
  );
  return folder;
}

const SHOWN = [
  'nstat',
  'nstat -a',
  'nstat -az',
  'nstat -az TcpExt* IpIn*',
  'nstat -j',
  'nstat -zjp Ip*',
  'nstat nope',
  'nstat -q',
  'ss -s',
  'ss -sH',
  'netstat -s',
  'netstat -st',
  'netstat -su',
  'netstat -sw',
];

t.test('nstat, ss and netstat show of the same counters what the real ones do', async (t) => {
  const row = new Row();
  row.right.sockets.listen({ protocol: 'tcp', address: INADDR_ANY, port: 80, onConnection: () => undefined });
  row.ping('10.2.0.1', { octets: 3_000, times: 2 });
  row.ping('192.0.2.1');
  row.left.sockets.tcp().connect(address('10.2.0.1'), 80);
  row.left.sockets.tcp().connect(address('10.2.0.1'), 81);
  row.emulation.advance(NS_PER_S);
  for (const netns of [row.left, row.router, row.right]) {
    const folder = procFolder(t, netns);
    const place = { cluster: new Cluster([]), netns, pod: undefined };
    for (const command of SHOWN) {
      const [program = '', ...args] = command.split(' ');
      const real = realTool(folder, command);
      if (real === undefined) continue;
      t.same(TOOLS[program]?.(place, args), real, command);
    }
  }
});

const VERSIONS: Readonly<Record<string, string>> = {
  nstat: 'iproute2-6.1.0',
  ss: 'iproute2-6.1.0',
  netstat: 'net-tools 2.10',
};

/** Undefined where it is not here in that version, or cannot be told of another /proc. */
function realTool(proc: string, command: string): ToolResult | undefined {
  const [program = '', ...args] = command.split(' ');
  const { stdout: version } = spawnSync(program, ['-V'], { encoding: 'utf8' });
  if (!version?.includes(VERSIONS[program] ?? '')) return undefined;
  const env = { ...process.env, PROC_ROOT: proc, NSTAT_HISTORY: `${proc}/history` };
  const asked =
    program !== 'nstat'
      ? spawnSync('unshare', ['-m', 'sh', '-c', `mount --bind ${proc} /proc && exec ${command}`], { encoding: 'utf8' })
      : spawnSync(program, ['-a', '-s', ...args], { encoding: 'utf8', env });
  if (asked.stderr.includes('unshare') || asked.stderr.includes('mount')) return undefined;
  return { exitCode: asked.status ?? -1, stdout: asked.stdout, stderr: asked.stderr };
}

t.test('a pod and its node have counters of their own, as files too', (t) => {
  const cluster = loadTopology('two-nodes-vxlan');
  toolIn(cluster, 'pod/default/client', 'nc -z 192.168.104.1 80');
  const shown = outputOf(cluster, 'pod/default/client', 'nstat');
  t.match(shown, /^TcpActiveOpens +1 /m);
  t.match(
    outputOf(cluster, 'pod/default/client', 'cat /proc/net/sockstat'),
    /^TCP: inuse 0 orphan 0 tw 1 alloc \d+ mem 0$/m,
  );
  t.notMatch(outputOf(cluster, 'node/node1', 'nstat'), /TcpActiveOpens/);
  t.match(outputOf(cluster, 'node/node1', 'netstat -s'), /^ {4}[1-9]\d* forwarded$/m);
  t.match(outputOf(cluster, 'node/node1', 'ss -s'), /^TCP: {3}\d+ \(estab 0, closed \d+, orphaned 0, timewait 0\)$/m);
  t.end();
});
