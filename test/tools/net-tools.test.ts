/** arp, route, ifconfig and netstat beside those of net-tools 2.10, in a namespace that was made by the same commands. */

import t from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import { Emulation, Host, runIpCommand } from '../../src/kernel/index.js';
import { TOOLS, type ToolResult } from '../../src/tools/index.js';
import { loadTopology, outputOf, toolIn } from './run-in.js';
import { RealNetns } from './real-netns.js';

const SETUP = [
  'ip link set lo up',
  'ip link add br0 address 02:00:00:00:00:01 type bridge',
  'ip link add v0 address 02:00:00:00:00:02 type veth peer name v1 address 02:00:00:00:00:03',
  'ip link add d10 address 02:00:00:00:00:04 mtu 1400 type veth peer name d9 address 02:00:00:00:00:06',
  'ip link set v0 master br0',
  'ip link set br0 up',
  'ip link set v0 up',
  'ip link set v1 up',
  'ip link set d10 up',
  'ip link add x0 address 02:00:00:00:00:05 type vxlan id 42 local 10.0.0.1 dev d10 dstport 4789 nolearning',
  'ip addr add 10.0.0.1/24 brd + dev v1',
  'ip addr add 10.0.0.2/24 dev v1 label v1:1',
  'ip addr add 10.1.0.1 peer 10.1.0.2/32 dev br0',
  'ip addr add 192.168.7.1/32 scope link dev x0',
  'ip link set x0 up',
  'ip link set d9 promisc on',
  'ip link set d10 allmulticast on',
  'ip route add default via 10.0.0.254',
  'ip route add 10.9.0.0/16 via 10.0.0.9 metric 5 proto static mtu 1300',
  'ip route add blackhole 10.8.0.0/16',
  'ip route add unreachable 10.7.0.0/16 metric 9',
  'ip route add prohibit 10.7.7.7',
  'ip route add 10.6.0.0/16 nexthop via 10.0.0.3 weight 2 nexthop via 10.0.0.4',
  'ip route add 10.5.5.5 via 10.0.0.3',
  'ip neigh add 10.0.0.3 lladdr 02:00:00:00:01:03 dev v1 nud permanent',
  'ip neigh add 10.0.0.4 lladdr 02:00:00:00:01:04 dev v1 nud stale',
  'ip neigh add 10.0.0.23 dev v1 nud failed',
  'ip neigh add 10.0.0.24 lladdr 02:00:00:00:01:24 dev v1 nud noarp',
  'ip neigh add proxy 10.0.0.77 dev v1',
];

const SHOWN = [
  'arp -n',
  'arp -an',
  'arp -e -n',
  'arp -n -i v1',
  'arp -ni br0',
  'arp -n 10.0.0.3',
  'arp -n 10.0.0.99',
  'arp -an 10.0.0.99',
  'arp -vn',
  'arp -van 10.0.0.3',
  'route -n',
  'route -ne',
  'route -nee',
  'route -n -4',
  'route -C',
  'ifconfig',
  'ifconfig -a',
  'ifconfig v1',
  'ifconfig v1:1',
  'ifconfig d9',
  'ifconfig lo',
  'ifconfig nope',
  'ifconfig -s',
  'ifconfig -a -s',
  'ifconfig -s v1',
  'ifconfig -z',
  'netstat -rn',
  'netstat -rne',
  'netstat -rnee',
  'netstat -i',
  'netstat -ai',
  'netstat -ie',
  'netstat -tln',
  'netstat -tn',
  'netstat -tuln',
  'netstat -tunap',
  'netstat -uan',
  'netstat -lntup',
  'netstat -gn',
];

const namespace = new RealNetns(t, 'net-tools');
const real = (command: string): ToolResult => namespace.run(command);
if (namespace.missing === false) namespace.withoutIpv6();
const skip = namespace.isNot('arp -V', 'net-tools 2.10');

/** What cannot be alike: what devices have counted, groups of IPv6, and the order of a hash. */
function alike(command: string, { exitCode, stdout, stderr }: ToolResult): ToolResult {
  const text = stdout
    .replaceAll(/((?:packets|bytes|dropped|errors|carrier) )\d+(?: \([^)]*\))?/g, '$1N')
    .replaceAll(/(?<=^\w+ +\d+) (?: *\d+){8}/gm, ' N')
    .replaceAll(/^\S+ +\d+ +ff.*\n/gm, '');
  const ordered = /^arp|-g/.test(command) ? text.split('\n').sort().join('\n') : text;
  return { exitCode, stdout: ordered, stderr };
}

t.test('net-tools show what the real ones do', { skip }, (t) => {
  const { netns } = new Host(new Emulation(), 'machine');
  const place = { cluster: new Cluster([]), netns, pod: undefined };
  for (const command of SETUP) {
    t.equal(real(command).exitCode, 0, command);
    t.equal(runIpCommand(netns, command, []), undefined, command);
  }
  for (const command of SHOWN) {
    const [program = '', ...args] = command.split(' ');
    const ours = TOOLS[program]?.(place, args);
    if (ours !== undefined) t.same(alike(command, ours), alike(command, real(command)), command);
  }
  t.end();
});

t.test('net-tools show what a trace has left behind, and change nothing', (t) => {
  const cluster = loadTopology('two-nodes-vxlan');
  const [client, node] = ['pod/default/client', 'node/node1'];
  t.equal(outputOf(cluster, client, 'arp -n'), '');
  toolIn(cluster, client, 'nc -z 192.168.104.1 80');
  t.match(outputOf(cluster, client, 'arp -n'), /^169\.254\.1\.1 +ether +ee:ee:ee:ee:ee:ee +C +eth0$/m);
  t.match(
    outputOf(cluster, client, 'netstat -tan'),
    /^tcp +0 +0 192\.168\.166\.129:\d+ +192\.168\.104\.1:80 +TIME_WAIT/m,
  );
  t.match(
    outputOf(cluster, node, 'netstat -tlnp'),
    /^tcp .* 0\.0\.0\.0:10250 +0\.0\.0\.0:\* +LISTEN +\d+\/kubelet +$/m,
  );
  t.match(outputOf(cluster, node, 'route'), /^default +172\.18\.0\.1 +0\.0\.0\.0 +UG /m);
  t.match(outputOf(cluster, node, 'netstat -i'), /^vxlan\.calico +1450 +[1-9]/m);
  for (const command of [
    'arp -d 1.2.3.4',
    'route add default gw 1.2.3.4',
    'ifconfig eth0 down',
    'netstat -6',
    'netstat -M',
  ])
    t.match(
      toolIn(cluster, node, command),
      { exitCode: 2, stdout: '', stderr: /(?:offered|modelled|conntrack)/ },
      command,
    );
  t.end();
});
