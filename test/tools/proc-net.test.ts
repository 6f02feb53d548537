/** Files of /proc/net and /sys/class/net beside the real ones, in a namespace that was made by the same commands. */

import { spawnSync } from 'node:child_process';
import t from 'tap';
import { Emulation, Host, runIpCommand } from '../../src/kernel/index.js';
import { Cluster } from '../../src/cluster/index.js';
import { ethtool } from '../../src/tools/ethtool.js';
import { procNetFiles } from '../../src/tools/proc-net/proc-net.js';
import { sysClassNetFiles } from '../../src/tools/sys-class-net.js';
import { loadTopology, outputOf, toolIn } from './run-in.js';

const SETUP = [
  'link set lo up',
  'link add d0 type veth peer name d1',
  'link set d0 up',
  'link set d1 up',
  'addr add 10.0.0.1/24 dev d0',
  'neigh add 10.0.0.3 lladdr 02:00:00:00:01:03 dev d0 nud permanent',
  'neigh add 10.0.0.4 lladdr 02:00:00:00:01:04 dev d0 nud stale',
  'neigh add 10.0.0.5 dev d0 nud incomplete',
  'neigh add 10.0.0.6 lladdr 02:00:00:00:01:06 dev d0 nud noarp',
  'neigh add proxy 10.0.0.7 dev d0',
  'route add default via 10.0.0.254',
  'route add 10.9.0.0/16 via 10.0.0.9 metric 5 mtu 1300',
  'route add blackhole 10.8.0.0/16',
  'route add unreachable 10.7.0.0/16 metric 9',
  'route add 10.6.0.0/16 nexthop via 10.0.0.3 nexthop via 10.0.0.4',
  'route add 10.0.9.9 dev d0',
  'route add 10.5.0.0/16 dev d0 table 100',
];

/** The order of a hash, and of devices. */
const sorted = (text: string): string => text.split('\n').sort().join('\n');

function realFiles(names: readonly string[], more: readonly string[] = []): readonly string[] | undefined {
  const quiet = ['all', 'default'].map((which) => `sysctl -qw net.ipv6.conf.${which}.disable_ipv6=1`);
  const commands = [...quiet, ...[...SETUP, ...more].map((command) => `ip ${command}`)];
  const script = `set -e\n${commands.join('\n')}\n${names.map((name) => `cat ${name}; echo @@`).join('\n')}`;
  const { status, stdout } = spawnSync('unshare', ['-n', 'bash', '-c', script], { encoding: 'utf8' });
  return status === 0 ? stdout.split('@@\n') : undefined;
}

const SHOWN = ['dev', 'arp', 'route', 'igmp', 'psched'].map((name) => `/proc/net/${name}`);
/** In which every octet has its place. */
const TRIES = ['/proc/net/fib_trie', '/proc/net/fib_triestat'];

const real = realFiles([...SHOWN, ...TRIES]);
const skip = real === undefined ? 'no network namespaces here' : false;

t.test('files of /proc/net are those of the real kernel', { skip }, (t) => {
  const { netns } = new Host(new Emulation(), 'machine');
  for (const command of SETUP) t.equal(runIpCommand(netns, command, []), undefined, command);
  const files = new Map(procNetFiles(netns));
  SHOWN.forEach((name, i) => t.equal(sorted(files.get(name) ?? ''), sorted(real?.[i] ?? ''), name));
  TRIES.forEach((name, i) => t.equal(files.get(name), real?.[SHOWN.length + i], name));
  t.end();
});

/** Of a node: blocks, its own pods, tunnels; from so many pods and nodes on the trie is wide. */
const manyRoutes = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => [
    `route add 192.168.${i * 3 + 1}.64/26 via 10.0.0.3`,
    `route add 192.168.0.${i + 2} dev d0 scope link`,
    ...(i % 4 === 0
      ? [`route add 10.${100 + i}.0.0/16 via 10.0.0.4 metric 7`, `route add 10.${100 + i}.0.0/16 via 10.0.0.4 tos 0x10`]
      : []),
    ...(i % 5 === 0 ? [`route add blackhole 172.${16 + i}.0.0/12 table 7`] : []),
  ])
    .flat()
    .filter((command) => !/172\.(?:2[1-9]|3\d|[4-9]\d)/.test(command));

const WIDE: readonly (readonly [what: string, commands: readonly string[]])[] = [
  ['a few routes', manyRoutes(3)],
  ['many routes', manyRoutes(60)],
  ['a rule, which parts main and local', ['rule add from 10.1.0.0/16 table 7', ...manyRoutes(12)]],
];

for (const [what, commands] of WIDE)
  t.test(`the trie of routes is that of the real kernel: ${what}`, { skip }, (t) => {
    const { netns } = new Host(new Emulation(), 'machine');
    for (const command of [...SETUP, ...commands]) t.equal(runIpCommand(netns, command, []), undefined, command);
    const files = new Map(procNetFiles(netns));
    const beside = realFiles(TRIES, commands);
    TRIES.forEach((name, i) => t.equal(files.get(name), beside?.[i], name));
    t.end();
  });

const DEVICES = [
  'link set lo up',
  'link add d0 type veth peer name d1',
  'link add d2 type veth peer name d3',
  'link set d0 up',
  'link set d1 up',
  'link add br0 type bridge',
  'link set br0 up',
  'link set d1 master br0',
  'link add vx0 type vxlan id 5 local 10.0.0.1 dev d0 dstport 4789',
  'link set vx0 up',
];

/** What commands print in a namespace that was made by DEVICES, with its own /sys. */
const realDevices = (commands: readonly string[]): readonly string[] | undefined => {
  const quiet = ['all', 'default'].map((which) => `sysctl -qw net.ipv6.conf.${which}.disable_ipv6=1`);
  const setup = [...quiet, ...DEVICES.map((command) => `ip ${command}`), 'mount -t sysfs none /sys'];
  const script = `set -e\n${setup.join('\n')}\nset +e\n${commands.map((command) => `${command}; echo "rc $?"; echo @@`).join('\n')}`;
  const { status, stdout } = spawnSync('unshare', ['-nm', 'bash', '-c', `exec 2>&1; ${script}`], { encoding: 'utf8' });
  return status === 0 ? stdout.split('@@\n') : undefined;
};

/** Drawn, or counted where ours is the least that there can be. */
const OTHERWISE = /\/(?:address|carrier_changes|statistics\/.*)$/;

t.test('/sys/class/net is that of the real kernel', { skip }, (t) => {
  const { netns } = new Host(new Emulation(), 'machine');
  for (const command of DEVICES) t.equal(runIpCommand(netns, command, []), undefined, command);
  const ours = sysClassNetFiles(netns).filter(([path]) => !OTHERWISE.test(path));
  const real = realDevices(ours.map(([path]) => `cat ${path}`));
  for (const [i, [path, content]] of ours.entries()) t.equal(`${content}rc 0\n`, real?.[i], path);
  t.end();
});

/** As many as the machine has processors. */
const QUEUES = /(?<=maximums:\n)(RX:\t\t)\d+(\nTX:\t\t)\d+/;

const hasEthtool = spawnSync('ethtool', ['--version'], { encoding: 'utf8' }).stdout === 'ethtool version 6.1\n';

t.test(
  'ethtool says of devices of the kernel what the real one does',
  { skip: skip || (!hasEthtool && 'no ethtool 6.1') },
  (t) => {
    const { netns } = new Host(new Emulation(), 'machine');
    for (const command of DEVICES) t.equal(runIpCommand(netns, command, []), undefined, command);
    const asked = [
      '-S d0',
      '-S br0',
      '-S lo',
      '-S nope',
      '-i d0',
      '-i vx0',
      '-i br0',
      '-i lo',
      '-i nope',
      'd0',
      'd2',
      'lo',
      'nope',
      ...['-l', '-T', '-P', '-a', '-c', '-g', '-m', '--show-eee', '--show-fec', '--show-priv-flags'].flatMap((option) =>
        ['d1', 'br0', 'vx0', 'lo', 'nope'].map((name) => `${option} ${name}`),
      ),
    ];
    const commands = [...asked, '--statistics d1', '--driver', '', '-S', '-Z d0'];
    const real = realDevices(commands.map((words) => `ethtool ${words}`));
    for (const [i, words] of commands.entries()) {
      const { stdout, stderr, exitCode } = ethtool(
        { cluster: new Cluster([]), netns, pod: undefined },
        words === '' ? [] : words.split(' '),
      );
      t.equal(`${stderr}${stdout}rc ${exitCode}\n`, real?.[i]?.replace(QUEUES, '$11$21'), words);
    }
    t.end();
  },
);

t.test('a pod’s end of a veth names the node’s, and the node’s the pod’s', (t) => {
  const cluster = loadTopology('two-nodes-vxlan');
  const index = outputOf(cluster, 'pod/default/client', 'cat /sys/class/net/eth0/iflink');
  t.equal(outputOf(cluster, 'node/node1', 'cat /sys/class/net/calia7a3e029a7b/ifindex'), index);
  t.match(outputOf(cluster, 'node/node1', 'ethtool -S calia7a3e029a7b'), 'NIC statistics:\n     peer_ifindex: 2\n');
  t.match(toolIn(cluster, 'node/node1', 'ethtool -k eth0'), { exitCode: 2, stderr: /offloads are not modelled/ });
  t.end();
});

t.test('/proc/net/nf_conntrack and /sys/class/net have what went by', (t) => {
  const cluster = loadTopology('two-nodes-vxlan');
  toolIn(cluster, 'pod/default/client', 'ping -c 2 192.168.104.1');
  t.match(
    outputOf(cluster, 'node/node1', 'cat /proc/net/nf_conntrack'),
    /^ipv4 {5}2 icmp {5}1 \d+ src=192\.168\.166\.129 dst=192\.168\.104\.1 .* mark=\d+ zone=0 use=2$/m,
  );
  t.equal(
    outputOf(cluster, 'node/node1', 'sysctl -n net.netfilter.nf_conntrack_count'),
    outputOf(cluster, 'node/node1', 'conntrack -C'),
  );
  t.equal(outputOf(cluster, 'node/node1', 'cat /proc/sys/net/netfilter/nf_conntrack_count'), '1\n');
  const count = (name: string): number =>
    Number(outputOf(cluster, 'pod/default/client', `cat /sys/class/net/eth0/statistics/${name}`));
  t.ok(count('tx_packets') >= 2);
  t.ok(count('rx_bytes') >= 2 * 98);
  t.equal(count('rx_over_errors'), 0);
  t.equal(outputOf(cluster, 'pod/default/client', 'ls /sys/class/net/eth0/statistics').split('\n').length - 1, 24);
  t.equal(
    outputOf(cluster, 'node/node1', 'ls /proc/net'),
    'arp\ndev\nfib_trie\nfib_triestat\nicmp\nigmp\nnetstat\nnf_conntrack\npsched\nraw\nroute\nsnmp\nsockstat\ntcp\nudp\nudplite\n',
  );
  t.end();
});
