/** `ss` beside the real one, in namespaces with the same sockets. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import { Emulation, Host, type Netns, runIpCommand } from '../../src/kernel/index.js';
import { INADDR_ANY, type Ipv4Addr, parseIpv4 } from '../../src/packet/index.js';
import { ss } from '../../src/tools/ss/ss.js';
import { procNetFiles } from '../../src/tools/proc-net/proc-net.js';
import type { ToolResult } from '../../src/tools/index.js';
import { loadTopology, outputOf } from './run-in.js';
import { RealNetns } from './real-netns.js';

const LOOPBACK: Ipv4Addr = parseIpv4('127.0.0.1') ?? INADDR_ANY;

/** The sockets of `emulated()`, by a program that says when it has them and then waits for the end of its input. */
const PROGRAM = `
import socket, sys
tcp = lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)
udp = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def bound(made, address):
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(address)
    return made
web = bound(tcp(), ('127.0.0.1', 8080)); web.listen(4096)
bgp = bound(tcp(), ('0.0.0.0', 179)); bgp.listen(4096)
dns = bound(udp(), ('0.0.0.0', 53))
asking = udp(); asking.connect(('127.0.0.1', 53))
open = tcp(); open.connect(('127.0.0.1', 8080)); served = web.accept()[0]
closed = tcp(); closed.connect(('127.0.0.1', 8080)); over = web.accept()[0]
closed.close(); over.recv(1); over.close()
print('ready', flush=True)
sys.stdin.read()
`;

function emulated(): Netns {
  const emulation = new Emulation({ seed: 7 });
  const { netns } = new Host(emulation, 'machine');
  t.equal(runIpCommand(netns, 'link set lo up', []), undefined);
  const { sockets } = netns;
  let connections = 0;
  sockets.listen({
    protocol: 'tcp',
    address: LOOPBACK,
    port: 8080,
    onConnection: (connection) => {
      connections += 1;
      if (connections === 2) connection.onEnd = () => connection.close();
    },
  });
  sockets.listen({ protocol: 'tcp', address: INADDR_ANY, port: 179, onConnection: () => undefined });
  sockets.listen({ protocol: 'udp', address: INADDR_ANY, port: 53, onMessage: () => undefined });
  sockets.udp().connect(LOOPBACK, 53);
  sockets.tcp().connect(LOOPBACK, 8080);
  const closed = sockets.tcp();
  closed.onConnect = () => closed.close();
  closed.connect(LOOPBACK, 8080);
  emulation.advance(1e9);
  return netns;
}

const COMMANDS = [
  '-tln',
  '-tn',
  '-tan',
  '-uln',
  '-un',
  '-uan',
  '-tl',
  '-t',
  '-ta',
  '-tunl',
  '-tuna',
  '-tulnH',
  '-tlnH',
  '-tnl4',
  '--tcp --listening --numeric',
  '-nt state established',
  '-tn state listening',
  '-ant state time-wait',
  '-Htn state syn-sent',
  '-tn state connected',
  '-tn state bucket',
  '-tan exclude listening',
  '-tn dport = :8080',
  '-tn dport :8080',
  '-tn dport http-alt',
  '-tn sport eq 8080',
  '-tln sport = :179',
  '-tln sport != :179',
  '-tln ( sport = :179 or sport = :8080 )',
  '-tln not sport = :179',
  '-tln sport gt :179',
  '-tn dst 127.0.0.1',
  '-tn dst 127.0.0.0/8:8080',
  '-tn dst 10.0.0.0/8',
  '-lnt src 127.0.0.1:8080',
  '-tn src 127.0.0.1 dport = :8080',
  '-tn src 127.0.0.1 and not dport = :8080',
  '-tn foo',
  '-tn -f inet',
  '-A tcp -n',
  '-t -A tcp -n',
  '-ln -A tcp,udp',
  '--query=tcp -na',
  '-A foo',
  '-A tcp,foo',
  '-A !tcp',
  '-A',
  '-f foo',
  '-f',
  '-N nope -t',
  '-z',
  '-Y',
  '-tn sport = :foo',
  '-tn sport =',
  '-tn state foo',
  '-tn state',
  '-V',
  '-h',
  '--foo',
];

const words = (args: string): string[] => args.split(' ').filter((word) => word !== '');

const namespace = new RealNetns(t, 'ss');
const real = (args: string): ToolResult => namespace.run(`ss ${args}`);
const skip = namespace.isNot('ss -V', 'iproute2-6.1') || namespace.isNot('python3 --version', 'Python 3');

/** Ports that were drawn, numbers of processes, and the order of a hash. */
const alike = ({ exitCode, stdout, stderr }: ToolResult): ToolResult => ({
  exitCode,
  stdout: stdout
    .replaceAll(/\b[3-6]\d{4}\b/g, 'NNNNN')
    .replaceAll(/users:\S+/g, '')
    .split('\n')
    .sort()
    .join('\n'),
  stderr,
});

/** Octets of a row of tcp or udp: ends, state and queues, timers, owner, inode, references, pointer, and the rest. */
const ROW = /^ *\d+: (.{27}) (.{20}) (.{20}) (.{14}) \d+ (\d+) [\da-f]{16}(.*?) *$/;

/** Without places in a hash, inodes, pointers, ports that were drawn, and what a connection has found out by and by. */
const rowsOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((row) => {
      const [, ends = '', queues, timers, owner, references, rest = ''] = ROW.exec(row) ?? [];
      if (queues === undefined) return row;
      const drawn = ends.replaceAll(/:[89A-F][\dA-F]{3}\b/g, ':PORT');
      const isOpen = rest.endsWith(' -1');
      if (queues.startsWith('06') || isOpen) return [drawn, queues, owner].join(' ');
      return [drawn, queues, timers, owner, references, rest].join(' ');
    })
    .sort();

t.test('ss lists what the real one does, and refuses with its words', { skip }, async (t) => {
  namespace.run('ip link set lo up');
  const program = spawn('ip', ['netns', 'exec', namespace.name, 'python3', '-c', PROGRAM]);
  t.teardown(() => program.stdin.end());
  await once(program.stdout, 'data');
  const netns = emulated();
  for (const args of COMMANDS)
    t.same(
      alike(ss({ cluster: new Cluster([]), netns, pod: undefined }, words(args))),
      alike(real(args)),
      `ss ${args}`,
    );
  const files = new Map(procNetFiles(netns));
  for (const name of ['tcp', 'udp', 'udplite', 'raw', 'icmp']) {
    const path = `/proc/net/${name}`;
    t.same(rowsOf(files.get(path) ?? ''), rowsOf(namespace.run(`cat ${path}`).stdout), path);
  }
  t.end();
});

t.test('ss names programs, and where the kernel itself listens', (t) => {
  const cluster = loadTopology('two-nodes-vxlan');
  const NODE = 'node/node1';
  t.match(
    outputOf(cluster, NODE, 'ss -tlnp sport = :10250'),
    /^LISTEN 0 .*:10250 .* users:\(\("kubelet",pid=\d+,fd=3\)\)\n/m,
  );
  t.match(outputOf(cluster, NODE, 'ss -uln'), /^UNCONN 0 +0 +0\.0\.0\.0:4789 +0\.0\.0\.0:\* +$/m);
  t.match(ss({ cluster, netns: cluster.locate({ kind: 'node', name: 'node1' }).netns, pod: undefined }, ['-w']), {
    exitCode: 1,
    stderr: 'ss: -w: raw sockets are not modelled\n',
  });
  t.end();
});
