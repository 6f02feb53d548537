/**
 * What `ip` and `bridge` show of one namespace in many states, beside the real iproute2: the same commands make both,
 * and each way of showing must print the same, refuse with the same words, and end with the same status.
 */

import { spawnSync } from 'node:child_process';
import t from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import { Emulation, Host, runIpCommand } from '../../src/kernel/index.js';
import { bridge } from '../../src/tools/bridge.js';
import { ip } from '../../src/tools/ip/ip.js';
import type { ToolResult } from '../../src/tools/index.js';

const NETNS = `pw-tools-states-${process.pid}`;

const SETUP = [
  'ip link set lo up',
  'ip link add br0 address 02:00:00:00:00:01 type bridge',
  'ip link add v0 address 02:00:00:00:00:02 type veth peer name v1 address 02:00:00:00:00:03',
  'ip link add d0 index 20 address 02:00:00:00:00:04 mtu 1400 type veth peer name d1 index 21 address 02:00:00:00:00:06',
  'ip link set v0 master br0',
  'ip link set br0 up',
  'ip link set v0 up',
  'ip link set v1 up',
  'ip link set d0 up',
  'ip link set d1 up',
  'ip link add x0 address 02:00:00:00:00:05 type vxlan id 42 local 10.0.0.1 dev d0 dstport 4789 nolearning',
  'ip addr add 10.0.0.1/24 brd + dev d0',
  'ip addr add 10.0.0.2/24 dev d0 label d0:1',
  'ip addr add 10.1.0.1 peer 10.1.0.2/32 dev v1',
  'ip addr add 192.168.7.1/32 scope link dev br0',
  'ip link set x0 up',
  'ip route add 10.9.0.0/16 via 10.0.0.9 metric 5 proto static mtu 1300 src 10.0.0.2',
  'ip route add default via 10.0.0.254',
  'ip route add blackhole 10.8.0.0/16',
  'ip route add unreachable 10.7.0.0/16 metric 9',
  'ip route add 10.6.0.0/16 nexthop via 10.0.0.3 weight 2 nexthop via 10.0.0.4',
  'ip route add 10.5.0.0/16 dev d0 tos 0x10 table 100',
  'ip rule add fwmark 0x10/0xff lookup 100 pref 100',
  'ip rule add from 10.0.0.0/8 to 10.9.0.0/16 iif d0 tos 0x10 lookup main pref 200',
  'ip rule add not oif v1 ipproto tcp sport 1-100 dport 80 lookup 101 pref 300',
  'ip rule add blackhole from 1.2.3.4 pref 400',
  'ip rule add goto 500 pref 450',
  'ip rule add fwmark 0/0xff lookup 100 pref 470',
  'ip rule add lookup main suppress_prefixlength 0 pref 500',
  'ip link add w0 address 02:00:00:00:00:07 type veth peer name w1 address 02:00:00:00:00:08',
  'ip link set w0 up',
  'ip link add br1 address 02:00:00:00:00:09 type bridge',
  'ip link set br1 up',
  'ip link set br1 down',
  'ip neigh add 10.0.0.3 lladdr 02:00:00:00:01:03 dev d0 nud permanent',
  'ip neigh add 10.0.0.4 lladdr 02:00:00:00:01:04 dev d0 nud stale',
  'ip neigh add 10.0.0.5 lladdr 02:00:00:00:01:05 dev d0 nud noarp',
  'ip neigh add proxy 10.0.0.77 dev d0',
  'bridge fdb add 02:00:00:00:02:01 dev x0 dst 10.0.0.9',
  'bridge fdb add 02:00:00:00:02:02 dev v0 master static',
] as const;

const SHOWN = [
  'ip -j route',
  'ip -j route show table all',
  'ip -j rule',
  'ip -j neigh',
  'ip -d -j link show x0',
  'ip -d -j link show v0',
  'ip -d -j link show br0',
  'ip -d link show v0',
  'ip -d link show br0',
  'ip -d link show x0',
  'ip -d link show d0',
  'ip -d link show lo',
  'ip -j route get 10.9.0.1',
  'ip -j route get 10.0.0.1',
  'ip -j route get 10.0.0.9 mark 0x10',
  'ip -s link show d0',
  'ip -j -s link show d0',
  'ip -o addr',
  'ip -o link',
  'ip link show type vxlan',
  'ip link show master br0',
  'ip link show up',
  'ip addr show to 10.0.0.0/24',
  'ip addr show scope link',
  'ip addr show up',
  'ip -br link show type bridge',
  'ip neigh show 10.0.0.3',
  'ip neigh show nud permanent',
  'ip neigh show proxy',
  'ip -s neigh',
  'ip neigh show nud all',
  'ip route show proto static',
  'ip route show 10.9.0.0/16',
  'ip route show default',
  'ip route show type blackhole',
  'ip route show scope link',
  'ip route show table 100',
  'ip route show via 10.0.0.9',
  'ip route show via inet 10.0.0.9',
  'ip route show via 10.0.0.0/24',
  'ip route show via 10.0.0.3',
  'ip route show via 0/0',
  'ip route show dev d0',
  'ip route show src 10.0.0.0/24',
  'ip link show w0',
  'ip link show w1',
  'ip link show br1',
  'ip route show root 10.0.0.0/8',
  'ip route show match 10.9.1.1',
  'ip route list dev d0 proto kernel',
  'ip rule show pref 100',
  'ip rule list table 100',
  'bridge fdb',
  'bridge fdb show br br0',
  'bridge fdb show dev x0',
  'bridge -j fdb',
  'bridge link',
  'bridge -d link',
  'bridge -j link',
  'ip addr show dev nope',
  'ip -4 -br addr',
  'ip -6 route',
  'ip -6 addr',
  'ip -br -j addr',
  'ip -p -j rule',
  'ip route get 1.2.3.4 from 10.0.0.1',
  'ip route get 10.0.0.9 oif d0',
  'ip route get nonsense',
  'ip route show table nonsense',
  'ip a s d0',
  'ip r s',
  'ip n',
  'ip -n x addr',
  'ip -d route',
  'ip -j -d route',
  'ip -d route show table all',
  'ip -N route',
  'ip -N route show table all',
  'ip -N -d route show table all',
  'ip -N -j route show table local',
  'ip -N rule',
  'ip -j -N rule',
  'ip -d rule',
  'ip -d -j rule',
  'ip -N addr',
  'ip -N link',
  'ip -j -N addr show lo',
  'ip -o route show',
  'ip -o route get 10.9.0.1',
  'ip -o route get 10.0.0.1',
  'ip -d route get 10.9.0.1',
  'ip -d -j route get 10.9.0.1',
  'ip -N route get 10.0.0.1',
  'ip -d route get fibmatch 10.9.0.1',
  'ip -j route get fibmatch 10.9.0.1',
  'ip route get to 10.9.0.1',
  'ip route get 10.0.0.9/24',
  'ip route get default',
  'ip -s -s link show d0',
  'ip -s -s -j link show d0',
  'ip -s -s link show lo',
  'ip -s -s link show x0',
  'ip -s -o link show d0',
  'ip -h -s link show d0',
  'ip -s addr show d0',
  'ip -d addr show d0',
  'ip -d -j addr show d0',
  'ip r s t local',
  'ip r s p static',
  'ip r s s link',
  'ip r s ty blackhole',
  'ip r s e 10.9.0.0/16',
  'ip r s m 10.9.0.1',
  'ip r s v 10.0.0.9',
  'ip r s 0/0',
  'ip r s 10/8',
  'ip r s root 10/8',
  'ip r g 10.1',
  'ip r g 10',
  'ip r g 0x0a000009',
  'ip a s s link',
  'ip a s p',
  'ip route show metric 5',
  'ip route show metric 1024',
  'ip route show preference 5',
  'ip route ls cache',
  'ip -j route show cache',
  'ip route show type unicast',
  'ip route show type nonsense',
  'ip route show scope nonsense',
  'ip route show scope 254 table all',
  'ip route show tos nonsense',
  'ip route show src 10.0.0.2',
  'ip route show iif lo',
  'ip route show unicast',
  'ip route foo',
  'ip addr foo',
  'ip neigh foo',
  'ip rule show nonsense',
  'ip ru s f 10.0.0.0/8',
  'ip neigh get 10.0.0.3 dev d0',
  'ip -j neigh get 10.0.0.3 dev d0',
  'ip neigh get 10.0.0.33 dev d0',
  'ip neigh get 10.0.0.3',
  'ip neigh get nonsense dev d0',
  'ip neigh get 10.0.0.3 dev nope',
  'ip neigh get proxy 10.0.0.77 dev d0',
  'ip neigh show 10.0.0.3 10.0.0.4',
  'ip addr show label d0',
  'ip addr show label d0*',
  'ip addr show label d0:1',
  'ip -o addr show label d0:1',
  'ip -br addr show label d0:1',
  'ip -j addr show label d0:1',
  'ip addr show primary',
  'ip addr show secondary',
  'ip addr show -primary',
  'ip addr show dynamic',
  'ip addr show permanent',
  'ip addr show deprecated',
  'ip -j addr show secondary',
  'ip -j addr show to 10.0.0.1',
  'ip -4 addr show secondary',
  'ip addr show dev br0 secondary',
  'ip addr show primary up scope link',
  'ip addr show scope 253',
  'ip addr show scope nonsense',
  'ip addr show nomaster',
  'ip addr show type bridge',
  'ip addr show master nope',
  'ip addr show group default d0',
  'ip -f inet addr show d0',
  'ip -f foo addr',
  'ip -0 addr show d0',
  'ip -V',
  'ip -h',
  'ip -h link show lo',
  'ip -ts link show lo',
  'ip -iec -s link show lo',
  'ip -loops 3 addr show d0',
  'ip help',
  'ip',
  'ip -foo',
  'ip route get fibmatch 10.0.0.1',
  'ip route get 10.9.9.9 uid 1000',
  'ip route get 10.9.9.9 tos foo',
  'ip route get 10.9.9.9 ipproto 300',
  'ip route get 10.9.9.9 sport 70000',
  'ip route get 10.9.9.9 dport foo',
  'ip route get 10.9.9.9 mark foo',
  'ip route get 10.9.9.9 uid foo',
  'ip route get 10.9.9.9 from foo',
  'ip route show table default',
  'ip route show table 0',
  'ip rule list ipproto tcp',
  'ip rule list sport 1-100',
  'ip rule list dport 80',
  'ip rule list dport 81',
  'ip rule list not',
  'ip rule list fwmark 0',
  'ip rule list fwmark 0/0xff',
  'ip neigh show nomaster',
  'ip neigh show master br0',
  'ip neigh show nud stale nud permanent',
  'ip neigh show nud stale nud foo',
  'ip -br neigh',
  'ip -j -o addr show',
  'ip -j -o -4 addr show d0',
  'ip -br -j neigh',
  'ip -c=never link show d0',
  'ip -color=auto link show d0',
  'ip -- link show d0',
  'bridge fdb get 02:00:00:00:02:01 dev x0',
  'bridge fdb get 02:00:00:00:02:01 dev x0 self',
  'bridge fdb get 02:00:00:00:02:02 dev v0',
  'bridge fdb get 02:00:00:00:02:02 br br0',
  'bridge -j fdb get 02:00:00:00:02:02 dev v0',
  'bridge fdb get 02:00:00:00:02:99 dev v0',
  'bridge fdb get 02:00:00:00:02:02 dev v0 self',
  'bridge fdb get 02:00:00:00:00:02 dev v0 br br0',
  'bridge fdb get 02:00:00:00:02:02 dev v0 vlan 1',
  'bridge fdb get zz dev x0',
  'bridge fdb get dev x0',
  'bridge fdb show dynamic',
  'bridge fdb show static',
  'bridge fdb show permanent',
  'bridge fdb show state static',
  'bridge fdb show state nonsense',
  'bridge fdb show dev d0',
  'bridge fdb show dev br0',
  'bridge -s fdb',
  'bridge -s -j fdb',
  'bridge fdb foo',
  'bridge -V',
  'bridge',
] as const;

function real(command: string): ToolResult {
  const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', NETNS, ...command.split(' ')]);
  return { exitCode: status ?? -1, stdout: stdout?.toString() ?? '', stderr: stderr?.toString() ?? '' };
}

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'namespaces need root';
  spawnSync('ip', ['netns', 'delete', NETNS]);
  const added = spawnSync('ip', ['netns', 'add', NETNS]);
  if (added.status !== 0) return `no network namespaces here: ${added.stderr?.toString() ?? ''}`;
  for (const which of ['all', 'default']) real(`sysctl -qw net.ipv6.conf.${which}.disable_ipv6=1`);
  const version = /iproute2-(\S+)/.exec(real('ip -V').stdout)?.[1] ?? 'none';
  return version.startsWith('6.1.') ? false : `iproute2 here is ${version}, not 6.1`;
}

const skip = whyNot();

/**
 * What cannot be alike: groups that a device with IPv6 listens to, timers of a spanning tree, queues for several
 * processors, and the seconds that pass while we look (`used 2/62/2`). Neighbours and forwarding entries come in the
 * order of hashes.
 */
function alike(command: string, { exitCode, stdout, stderr }: ToolResult): ToolResult {
  const group = /33:33:|lladdr 01:00:5e:/;
  // On a machine with much to do the set-up takes a while; entries of a bridge begin at zero.
  const step = command.startsWith('bridge') ? 600 : 20;
  const text = stdout
    .replace(/(num_?[tr]x_?queues"?:? ?)\d+/g, '$1')
    .replace(/(_timer"?:?) *[\d.]+/g, '$1')
    .replace(/(?:used (?:\d+\/){1,2}\d+|"(?:used|confirmed|updated)":\d+)/g, (seconds) =>
      seconds.replace(/\d+/g, (digits) => `${Math.floor(Number(digits) / step) * step}`),
    );
  if (!/\b(?:n|neigh|fdb)\b/.test(command)) return { exitCode, stdout: text, stderr };
  const parts = text.startsWith('[') ? text.slice(1, -2).split(/(?<=\}),/) : text.split('\n');
  const kept = parts.filter((part) => !group.test(part));
  return { exitCode, stdout: kept.sort().join('\n'), stderr };
}

t.test('ip and bridge show what iproute2 shows, in every form', { skip }, (t) => {
  t.teardown(() => spawnSync('ip', ['netns', 'delete', NETNS]));
  const { netns } = new Host(new Emulation(), 'machine');
  const place = { cluster: new Cluster([]), netns, pod: undefined };
  for (const command of SETUP) {
    t.equal(real(command).exitCode, 0, command);
    t.equal(runIpCommand(netns, command, []), undefined, command);
  }
  for (const command of SHOWN) {
    const [program, ...args] = command.split(' ');
    const ours = (program === 'ip' ? ip : bridge)(place, args);
    t.same(alike(command, ours), alike(command, real(command)), command);
  }
  t.end();
});
