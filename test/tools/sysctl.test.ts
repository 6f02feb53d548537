/** `sysctl` beside the real one, in a namespace with the same devices, and dots in the names of devices. */

import t from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import { Emulation, Host, runIpCommand } from '../../src/kernel/index.js';
import { sysctl } from '../../src/tools/sysctl.js';
import type { ToolResult } from '../../src/tools/index.js';
import { loadTopology, outputOf } from './run-in.js';
import { RealNetns } from './real-netns.js';

const SETUP = ['ip link set lo up', 'ip link add vxlan.calico type veth peer name v1'];

const COMMANDS = [
  'net.ipv4.ip_forward',
  'net/ipv4/ip_forward',
  'net.ipv4/ip_forward',
  'net.ipv4.conf.lo.rp_filter',
  'net/ipv4/conf/lo/rp_filter',
  'net.ipv4.conf.vxlan.calico.rp_filter',
  'net.ipv4.conf.vxlan/calico.rp_filter',
  'net/ipv4/conf/vxlan.calico/rp_filter',
  'net.ipv4.conf.*.rp_filter',
  'net.ipv4.ip_f*',
  'net.ipv4.ip_forward net.ipv4.ip_default_ttl',
  '-r conf.*proxy_arp$ net.ipv4.conf',
  '-n net.ipv4.ip_forward',
  '-N net.ipv4.ip_forward',
  '-nN net.ipv4.ip_forward',
  '-b net.ipv4.ip_forward',
  '-bn net.ipv4.ip_forward net.ipv4.ip_default_ttl',
  'net.ipv4.ip_forward -n',
  '-e net.none net.ipv4.ip_forward',
  'net.none net.ipv4.ip_forward',
  '--ignore net.none',
  '-q net.ipv4.ip_forward',
  '-a -r ip_forward$',
  '-ar ip_forward$',
  '-aN -r ip_forward$',
  '-an -r ip_forward$',
  '-A -r ip_forward$',
  '--all --pattern ip_forward$',
  '--pattern=ip_forward$ -a',
  '-a -r (',
  '-a -r conf.(all|lo)\\.rp_filter',
  '-a -r vxlan.*\\.rp_filter',
  '-a net.ipv4.ip_forward -r ip_default_ttl$',
  '-r ip_forward$',
  '-n',
  '-w',
  '-w net.ipv4.ip_forward',
  '-x net.ipv4.ip_forward',
  '--values net.ipv4.ip_forward',
  '--va net.ipv4.ip_forward',
  '-- net.ipv4.ip_forward',
  '-a -r',
  '-z',
  '--foo',
  '--pattern',
  '-h',
  '-d',
  '-V',
  '',
];

const namespace = new RealNetns(t, 'sysctl');
const real = (args: string): ToolResult => namespace.run(`sysctl ${args}`);
const skip = namespace.isNot('sysctl -V', 'procps-ng 4.0.2');

t.test('sysctl shows and refuses what the real one does', { skip }, (t) => {
  const { netns } = new Host(new Emulation(), 'machine');
  for (const command of SETUP) {
    namespace.run(command);
    t.equal(runIpCommand(netns, command, []), undefined, command);
  }
  // The machine may have other defaults.
  for (const place of ['all', 'default', 'lo', 'v1', 'vxlan/calico']) real(`-qw net.ipv4.conf.${place}.rp_filter=0`);
  real('-qw net.ipv4.ip_forward=0');
  for (const args of COMMANDS) {
    const words = args.split(' ').filter((word) => word !== '');
    t.same(sysctl({ cluster: new Cluster([]), netns, pod: undefined }, words), real(args), `sysctl ${args}`);
  }
  t.end();
});

t.test('a device with a dot in its name has one folder', (t) => {
  const cluster = loadTopology('two-nodes-vxlan');
  const NODE = 'node/node1';
  t.match(outputOf(cluster, NODE, 'ls /proc/sys/net/ipv4/conf'), /^vxlan\.calico$/m);
  t.equal(outputOf(cluster, NODE, 'cat /proc/sys/net/ipv4/conf/vxlan.calico/rp_filter'), '0\n');
  t.match(outputOf(cluster, NODE, 'sysctl -a -r vxlan.*\\.rp_filter'), 'net.ipv4.conf.vxlan/calico.rp_filter = 0\n');
  t.end();
});
