import type { CniObject } from '../../../src/cni/index.js';
import { bridge, chained } from './chained.js';
import { bothDoTheSame, type Invocation } from './compare.js';

const tuning = chained('tuning');
const bandwidth = chained('bandwidth');

const REFUSED: readonly (readonly [string, Invocation])[] = [
  ['tuning alone', tuning('ADD')],
  ['tuning CHECK alone', tuning('CHECK')],
  ['bandwidth alone', bandwidth('ADD', { ingressRate: 1000, ingressBurst: 1000 })],
];
for (const [name, step] of REFUSED) bothDoTheSame(`refused: ${name}`, [step]);
for (const [name, step] of REFUSED) bothDoTheSame(`after a bridge: ${name}`, [bridge('ADD'), step]);

const TUNINGS: readonly (readonly [string, CniObject])[] = [
  ['nothing', {}],
  ['switches', { sysctl: { 'net.ipv4.conf.eth0.rp_filter': '2', 'net.ipv4.conf.IFNAME.arp_notify': '1' } }],
  ['switches with slashes', { sysctl: { 'net/ipv4/conf/eth0/rp_filter': '1' } }],
  ['a switch of the namespace', { sysctl: { 'net.ipv4.ip_forward': '1' } }],
  ['a switch that is not there', { sysctl: { 'net.ipv4.conf.eth9.rp_filter': '1' } }],
  ['a value that is no number', { sysctl: { 'net.ipv4.conf.eth0.rp_filter': 'x' } }],
  ['an MTU', { mtu: 1234 }],
  ['an MTU too small', { mtu: 12 }],
  ['a MAC address', { mac: '02:11:22:33:44:66' }],
  ['a MAC address of the runtime', { runtimeConfig: { mac: '02:11:22:33:44:67' }, mac: '02:11:22:33:44:66' }],
  ['a MAC address of the arguments', { args: { cni: { mac: '02:11:22:33:44:68' } }, mac: '02:11:22:33:44:66' }],
  ['a MAC address that is none', { mac: 'what' }],
  ['a MAC address of a group', { mac: '03:00:00:00:00:01' }],
  ['everything', { mtu: 1300, mac: '02:11:22:33:44:69', promisc: true, allmulti: true }],
];
for (const [name, fields] of TUNINGS) {
  bothDoTheSame(`tuning: ${name}`, [
    bridge('ADD'),
    tuning('ADD', fields),
    tuning('CHECK', fields),
    tuning('DEL', fields),
  ]);
}
for (const key of ['kernel.hostname', '../kernel/hostname']) {
  bothDoTheSame(`tuning: ${key} is none of the network's`, [bridge('ADD'), tuning('ADD', { sysctl: { [key]: 'x' } })]);
}
const SWITCHES: readonly (readonly [string, string])[] = [
  ['net.ipv4.conf.eth0.nothing', '1'],
  ['net.ipv4.nothing', '1'],
  ['net.ipv4.vs.conntrack', '1'],
  ['net.ipv4.conf', '1'],
  ['net', '1'],
  ['', '1'],
  ['net.ipv4.conf.eth0/5.rp_filter', '1'],
  ['net.core.somaxconn', '512'],
  ['net.unix.max_dgram_qlen', '50'],
  ['net.ipv4.tcp_keepalive_time', '40'],
  ['net.ipv4.ip_unprivileged_port_start', '0'],
  ['net.ipv4.ping_group_range', '0 1000'],
  ['net.ipv4.neigh.eth0.gc_stale_time', '90'],
  ['net.ipv6.conf.eth0.disable_ipv6', '1'],
  ['net.ipv4.ip_default_ttl', '0'],
  ['net.ipv4.ip_default_ttl', '256'],
  ['net.ipv4.conf.eth0.rp_filter', '99999999999'],
  ['net.ipv4.conf.eth0.rp_filter', '1 2'],
  ['net.ipv4.conf.eth0.rp_filter', ' 1 '],
  ['net.ipv4.conf.eth0.rp_filter', ''],
];
for (const [key, value] of SWITCHES) {
  const fields = { sysctl: { [key]: value } };
  bothDoTheSame(`tuning: ${key}=${value}`, [bridge('ADD'), tuning('ADD', fields), tuning('CHECK', fields)]);
}
for (const key of ['net.core.rmem_max', 'net.netfilter.nf_conntrack_max'])
  bothDoTheSame(`tuning: ${key} is the machine's`, [bridge('ADD'), tuning('ADD', { sysctl: { [key]: '1000' } })]);
for (const sysctl of ['x', { 'net.ipv4.conf.eth0.rp_filter': 1 }])
  bothDoTheSame(`tuning: ${JSON.stringify(sysctl)} are no switches`, [bridge('ADD'), tuning('ADD', { sysctl })]);
bothDoTheSame('tuning: MAC by CNI_ARGS', [
  bridge('ADD'),
  tuning('ADD', {}, { args: 'MAC=02:11:22:33:44:70' }),
  tuning('ADD', {}, { args: 'IgnoreUnknown=1;MAC=02:11:22:33:44:70;A=B' }),
]);
bothDoTheSame('tuning: an interface that is not there', [
  bridge('ADD'),
  tuning('ADD', { mtu: 1300 }, { ifName: 'eth9' }),
  tuning('ADD', {}, { ifName: 'eth9' }),
]);
bothDoTheSame('tuning: CHECK finds what was changed by hand', [
  bridge('ADD'),
  tuning('ADD', { mtu: 1300, mac: '02:11:22:33:44:71', sysctl: { 'net.ipv4.conf.eth0.rp_filter': '1' } }),
  {
    side: 'pod',
    real: 'sysctl -qw net.ipv4.conf.eth0.rp_filter=0',
    emulated: ({ sysctl }) => sysctl.set('net.ipv4.conf.eth0.rp_filter', '0'),
  },
  tuning('CHECK', { sysctl: { 'net.ipv4.conf.eth0.rp_filter': '1' } }),
  {
    side: 'pod',
    real: 'ip link set eth0 mtu 1200',
    emulated: ({ links }) => links.set(links.require('eth0'), { mtu: 1200 }),
  },
  tuning('CHECK', { mtu: 1300 }),
  tuning('CHECK', { mac: '02:11:22:33:44:72' }),
]);
for (const [word, flag, fields] of [
  ['promisc', 'promisc', { promisc: true }],
  ['allmulticast', 'allmulti', { allmulti: true }],
] as const) {
  bothDoTheSame(`tuning: CHECK finds that ${word} was switched off, and DEL puts back what there was`, [
    bridge('ADD'),
    tuning('ADD', fields),
    tuning('CHECK', fields),
    {
      side: 'pod',
      real: `ip link set eth0 ${word} off`,
      emulated: ({ links }) => links.set(links.require('eth0'), { [flag]: false }),
    },
    tuning('CHECK', fields),
    tuning('CHECK'),
    tuning('DEL', fields),
    tuning('CHECK', fields),
  ]);
}
bothDoTheSame('tuning: all-multicast mode that is not wanted', [
  bridge('ADD'),
  tuning('ADD', { allmulti: false }),
  tuning('CHECK', { allmulti: false }),
  tuning('CHECK', { allmulti: true }),
]);

const LIMITS: readonly (readonly [string, CniObject])[] = [
  ['no limits', {}],
  ['a rate without a burst', { ingressRate: 1000 }],
  ['a burst without a rate', { egressBurst: 1000 }],
  ['a negative rate', { ingressRate: -1, ingressBurst: 10 }],
  ['a burst too large', { ingressRate: 1000, ingressBurst: 34359738369 }],
  ['a rate of the runtime without a burst', { runtimeConfig: { bandwidth: { egressRate: 1000 } } }],
  ['a burst as large as may be', { ingressRate: 1000, ingressBurst: 34359738352 }],
  ['a burst by one octet too large', { ingressRate: 1000, ingressBurst: 34359738360 }],
  ['less than an octet', { ingressRate: 7, ingressBurst: 8 }],
  ['an octet', { ingressRate: 8, ingressBurst: 8 }],
  ['a burst over in a microsecond', { ingressRate: 1_000_000_000, ingressBurst: 600 }],
  ['a burst into which no octet goes', { ingressRate: 6_000_000, ingressBurst: 8 }],
  ['more than 32 bits of octets', { ingressRate: 549755813888, ingressBurst: 1_000_000 }],
  ['a rate that is no number', { ingressRate: '1', ingressBurst: 8 }],
  ['a rate that is no whole number', { ingressRate: 1.5, ingressBurst: 8 }],
  ['a burst that is none', { ingressRate: 1, ingressBurst: true }],
  ['a rate of more than 64 bits', { ingressRate: 1e20, ingressBurst: 8 }],
  ['a rate of the runtime that is no number', { runtimeConfig: { bandwidth: { ingressRate: '1' } } }],
];
for (const [name, fields] of LIMITS)
  bothDoTheSame(`bandwidth: ${name}`, [bridge('ADD'), bandwidth('ADD', fields), bandwidth('DEL', fields)]);

const loopback = chained('loopback');
bothDoTheSame('loopback', [
  loopback('ADD', {}, { ifName: 'lo' }),
  loopback('CHECK', {}, { ifName: 'lo' }),
  loopback('DEL', {}, { ifName: 'lo' }),
  loopback('CHECK', {}, { ifName: 'lo' }),
  loopback('DEL', {}, { ifName: 'lo', netns: 'missing' }),
]);
bothDoTheSame('loopback behind another plugin', [bridge('ADD'), loopback('ADD'), loopback('CHECK'), loopback('DEL')]);
bothDoTheSame('loopback without a namespace', [loopback('ADD', {}, { ifName: 'lo', netns: 'missing' })]);

bothDoTheSame('bandwidth knows no versions before 0.3.0', [
  bridge('ADD'),
  ...['0.1.0', '0.2.0', '9.9'].map((cniVersion) => bandwidth('ADD', { cniVersion })),
]);

const alone = (command: string, cniVersion: string): Invocation => ({
  plugin: 'loopback',
  command,
  conf: { cniVersion, name: 'lo', type: 'loopback' },
});
for (const version of ['', '0.2.0', '0.3.1', '0.4.0', '1.0.0'])
  bothDoTheSame(`loopback tells of lo in the form of today: ${version}`, [
    alone('ADD', version),
    alone('DEL', version),
  ]);

bothDoTheSame('portmap says of what it is at ADD and DEL', [
  bridge('ADD'),
  ...['ADD', 'CHECK', 'DEL'].map((command) =>
    chained('portmap')(command, {
      runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 0, protocol: 'tcp' }] },
    }),
  ),
]);

const ptp: CniObject = {
  cniVersion: '1.0.0',
  name: 'net',
  type: 'ptp',
  ipam: { type: 'host-local', subnet: '10.1.1.0/24', dataDir: 'DATA_DIR' },
};
bothDoTheSame('ptp misses its interface in the result', [
  { plugin: 'ptp', command: 'ADD', conf: ptp, containerId: 'c2', ifName: 'eth1' },
  { plugin: 'ptp', command: 'ADD', conf: ptp },
  { plugin: 'ptp', command: 'CHECK', conf: ptp, withPrevResult: true, ifName: 'eth1', containerId: 'c2' },
]);

const OWN_MAC = { mac: '02:11:22:33:44:66' };
const RUNTIME_MAC = { runtimeConfig: { mac: '02:11:22:33:44:67' } };
const ARGS_MAC = { args: { cni: { mac: '02:11:22:33:44:68' } } };
const ENV_MAC = { args: 'MAC=02:11:22:33:44:69' };
bothDoTheSame('whose MAC address counts', [
  bridge('ADD'),
  tuning('ADD', { ...OWN_MAC, ...RUNTIME_MAC, ...ARGS_MAC }, ENV_MAC),
  tuning('ADD', { ...RUNTIME_MAC, ...ARGS_MAC }),
  tuning('ADD', { ...RUNTIME_MAC }, ENV_MAC),
  tuning('ADD', { ...ARGS_MAC }, ENV_MAC),
  tuning('ADD', { ...OWN_MAC }, ENV_MAC),
]);

bothDoTheSame('tuning keeps what it cannot put back', [
  bridge('ADD'),
  tuning('ADD', OWN_MAC),
  { side: 'pod', real: 'ip link del eth0', emulated: ({ links }) => links.remove(links.require('eth0')) },
  tuning('DEL', OWN_MAC),
]);
