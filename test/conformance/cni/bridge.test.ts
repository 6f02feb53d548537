import type { CniObject } from '../../../src/cni/index.js';
import { type Ipv4Prefix, macFromParts, parseIpv4Prefix } from '../../../src/packet/index.js';
import { bothDoTheSame, type Invocation } from './compare.js';
import type { Change } from './machines.js';

const IPAM: CniObject = {
  type: 'host-local',
  ranges: [[{ subnet: '10.244.1.0/24' }]],
  routes: [{ dst: '0.0.0.0/0' }],
  dataDir: 'DATA_DIR',
};
const conf = (fields: CniObject = {}): CniObject => ({
  cniVersion: '1.0.0',
  name: 'podnet',
  type: 'bridge',
  bridge: 'br0',
  ipam: IPAM,
  ...fields,
});
const bridge = (command: string, fields: CniObject = {}, more: Partial<Invocation> = {}): Invocation => ({
  plugin: 'bridge',
  command,
  conf: conf(fields),
  ...more,
});
const check = (fields: CniObject = {}, more: Partial<Invocation> = {}): Invocation =>
  bridge('CHECK', fields, { withPrevResult: true, ...more });

const prefix = (text: string): Ipv4Prefix => {
  const parsed = parseIpv4Prefix(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

const GATEWAY = { isGateway: true, ipMasq: true, hairpinMode: true };

bothDoTheSame('a gateway with masquerading: added, checked, deleted, deleted again', [
  bridge('ADD', GATEWAY),
  check(GATEWAY),
  bridge('DEL', GATEWAY, { withPrevResult: true }),
  bridge('DEL', GATEWAY),
]);

bothDoTheSame('two containers share a bridge', [
  bridge('ADD', GATEWAY),
  bridge('ADD', GATEWAY, { containerId: 'c2', ifName: 'eth1' }),
  bridge('DEL', GATEWAY),
  bridge('DEL', GATEWAY, { containerId: 'c2', ifName: 'eth1' }),
]);

bothDoTheSame('a bridge that is no gateway', [bridge('ADD'), check(), bridge('DEL')]);

bothDoTheSame('a default gateway adds the route that nobody asked for', [
  bridge('ADD', { isDefaultGateway: true, ipam: { ...IPAM, routes: [] } }),
  check({ isDefaultGateway: true }),
]);

bothDoTheSame('a default gateway where a default route is there', [bridge('ADD', { isDefaultGateway: true })]);

bothDoTheSame('a default gateway where a default route by a gateway is there', [
  bridge('ADD', { isDefaultGateway: true, ipam: { ...IPAM, routes: [{ dst: '0.0.0.0/0', gw: '10.244.1.7' }] } }),
]);

bothDoTheSame('name servers of the configuration', [
  bridge('ADD', {
    dns: { nameservers: ['10.96.0.10'], domain: 'cluster.local', search: ['a', 'b'], options: ['ndots:5'] },
  }),
]);

bothDoTheSame('an address that was asked for', [
  bridge('ADD', {}, { args: 'IgnoreUnknown=1;IP=10.244.1.77' }),
  bridge('ADD', {}, { args: 'IP=10.244.1.78', containerId: 'c2', ifName: 'eth1' }),
]);

bothDoTheSame('without IPAM there is only a link', [
  bridge('ADD', { ipam: {} }),
  check({ ipam: {} }),
  bridge('DEL', { ipam: {} }),
]);

bothDoTheSame('MTU and MAC address of the configuration', [
  bridge('ADD', { mtu: 1400, mac: '02:11:22:33:44:55', isGateway: true }),
  check({ mtu: 1400, mac: '02:11:22:33:44:55', isGateway: true }),
]);

bothDoTheSame('MAC address of the runtime', [
  bridge('ADD', { isGateway: true, runtimeConfig: { mac: '02:11:22:33:44:55' } }),
  bridge(
    'ADD',
    { isGateway: true, args: { cni: { mac: '02:11:22:33:44:77' } } },
    { containerId: 'c2', ifName: 'eth1' },
  ),
  bridge('ADD', { isGateway: true }, { containerId: 'c3', ifName: 'eth2', args: 'MAC=02:11:22:33:44:88' }),
]);

bothDoTheSame('routes by a gateway of their own', [
  bridge('ADD', {
    isGateway: true,
    ipam: {
      ...IPAM,
      routes: [{ dst: '192.168.0.0/16', gw: '10.244.1.9' }, { dst: '172.16.0.0/12' }, { dst: '10.9.9.9/32' }],
    },
  }),
]);

const OTHER = { isGateway: true, ipam: { ...IPAM, ranges: [[{ subnet: '10.244.1.0/24', gateway: '10.244.1.99' }]] } };
bothDoTheSame('a gateway address that is in the way', [
  bridge('ADD', { isGateway: true }),
  bridge('DEL', { isGateway: true }),
  bridge('ADD', OTHER, { containerId: 'c3', ifName: 'eth2' }),
  bridge('ADD', { ...OTHER, forceAddress: true }, { containerId: 'c2', ifName: 'eth1' }),
]);

bothDoTheSame('a bridge of two subnets', [
  bridge('ADD', {
    ...GATEWAY,
    ipam: { ...IPAM, ranges: [[{ subnet: '10.1.0.0/24' }], [{ subnet: '10.2.0.0/24', rangeStart: '10.2.0.50' }]] },
  }),
  bridge('DEL', GATEWAY),
]);

const TWO_SUBNETS = { ...IPAM, ranges: [[{ subnet: '10.1.0.0/24' }], [{ subnet: '10.2.0.0/24' }]] };
bothDoTheSame('masquerading of two subnets', [
  bridge('ADD', { ipMasq: true, ipam: { ...TWO_SUBNETS, routes: [] } }),
  bridge('DEL', { ipMasq: true, ipam: TWO_SUBNETS }),
  bridge('DEL', { ipMasq: true, ipam: TWO_SUBNETS }),
]);

for (const cniVersion of ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '']) {
  bothDoTheSame(`a configuration of version '${cniVersion}'`, [
    bridge('ADD', { cniVersion }),
    check({ cniVersion }),
    bridge('DEL', { cniVersion }),
  ]);
}

const ERRORS: readonly (readonly [string, Invocation])[] = [
  ['no namespace', bridge('ADD', {}, { netns: 'missing' })],
  ['no JSON', { plugin: 'bridge', command: 'ADD', conf: '{"cniVersion":' }],
  ['nothing at all', { plugin: 'bridge', command: 'ADD', conf: '' }],
  ['a list', { plugin: 'bridge', command: 'ADD', conf: '[]' }],
  ['words', { plugin: 'bridge', command: 'ADD', conf: 'what' }],
  ['no name', bridge('ADD', { name: '' })],
  ['a wrong name', bridge('ADD', { name: 'a b' })],
  ['a version from the future', bridge('ADD', { cniVersion: '9.9.9' })],
  ['a version that is none', bridge('CHECK', { cniVersion: 'one' })],
  ['no container', bridge('ADD', {}, { containerId: '' })],
  ['nothing in the environment', bridge('', {}, { containerId: '', ifName: '' })],
  ['a wrong container', bridge('ADD', {}, { containerId: 'bad/id' })],
  ['a long name', bridge('ADD', {}, { ifName: 'way-too-long-ifname0' })],
  ['a name with a slash', bridge('ADD', {}, { ifName: 'a/b' })],
  ['a name of dots', bridge('ADD', {}, { ifName: '..' })],
  ['an unknown command', bridge('FROB')],
  ['CHECK without the result of ADD', bridge('CHECK')],
  ['an IPAM that is not there', bridge('ADD', { ipam: { type: 'nosuch' } })],
  ['hairpin and promiscuous', bridge('ADD', { hairpinMode: true, promiscMode: true })],
  ['arguments that are no pairs', bridge('ADD', {}, { args: 'WHAT' })],
  ['arguments that nobody knows', bridge('ADD', {}, { args: 'FOO=BAR' })],
  ['arguments that are to be ignored', bridge('ADD', {}, { args: 'IgnoreUnknown=1;FOO=BAR' })],
  ['a MAC address that is none', bridge('ADD', { mac: 'what' })],
  ['a bridge name that is no name', bridge('ADD', { bridge: 'way-too-long-ifname0' })],
  ['a bridge that is no bridge', bridge('ADD', { bridge: 'lo' })],
  ['an MTU too small', bridge('ADD', { mtu: 10 })],
  ['a field of the wrong type', bridge('ADD', { mtu: 'big' })],
];
for (const [name, step] of ERRORS) bothDoTheSame(`refused: ${name}`, [step, bridge('DEL')]);

bothDoTheSame('an interface that is there already', [bridge('ADD', GATEWAY), bridge('ADD', GATEWAY)]);
bothDoTheSame('DEL without the namespace gives the address back', [
  bridge('ADD', GATEWAY),
  bridge('DEL', GATEWAY, { netns: 'missing' }),
]);

const addressGone: Change = {
  side: 'pod',
  real: 'ip addr flush dev eth0',
  emulated: ({ fib, links }) => {
    const dev = links.require('eth0');
    for (const { address, prefixLength } of dev.addresses.slice()) fib.deleteAddress(dev, address, prefixLength);
  },
};
const linkGone: Change = {
  side: 'pod',
  real: 'ip link del eth0',
  emulated: ({ links }) => links.remove(links.require('eth0')),
};
const routeGone: Change = {
  side: 'pod',
  real: 'ip route del default',
  emulated: ({ fib }) => fib.deleteRoute({ destination: prefix('0.0.0.0/0') }),
};
const macChanged: Change = {
  side: 'pod',
  real: 'ip link set eth0 address 02:00:00:00:00:07',
  emulated: ({ links }) => links.set(links.require('eth0'), { mac: macFromParts(0x0200, 7) }),
};
const bridgeGone: Change = {
  side: 'host',
  real: 'ip link del br0',
  emulated: ({ links }) => links.remove(links.require('br0')),
};
const portGone: Change = {
  side: 'host',
  real: 'ip link set $(ls /sys/class/net/br0/brif) nomaster',
  emulated: ({ links, devices }) => {
    for (const dev of devices) if (dev.port !== undefined) links.set(dev, { master: null });
  },
};
const bridgeMac: Change = {
  side: 'host',
  real: 'ip link set br0 address 02:00:00:00:00:08',
  emulated: ({ links }) => links.set(links.require('br0'), { mac: macFromParts(0x0200, 8) }),
};
const podDown: Change = {
  side: 'pod',
  real: 'ip link set eth0 down',
  emulated: ({ links }) => links.set(links.require('eth0'), { up: false }),
};
for (const broken of [addressGone, linkGone, routeGone, macChanged, bridgeGone, portGone, bridgeMac, podDown]) {
  bothDoTheSame(`CHECK after ${broken.real}`, [bridge('ADD', GATEWAY), broken, check(GATEWAY), bridge('DEL', GATEWAY)]);
}
bothDoTheSame('CHECK against an unlike result', [
  bridge('ADD'),
  check({}, { ifName: 'eth9' }),
  check({ bridge: 'br9' }),
]);

bothDoTheSame('the MTU of a bridge is that of its ports, and Ethernet’s when they have gone', [
  bridge('ADD', { mtu: 1400 }),
  // Without an address of its own it would have the lower of two that are drawn.
  bridgeMac,
  bridge('ADD', { mtu: 1300 }, { containerId: 'c2', ifName: 'eth1' }),
  bridge('DEL', { mtu: 1300 }, { containerId: 'c2', ifName: 'eth1' }),
  bridge('DEL', { mtu: 1400 }),
]);

bothDoTheSame('the link goes, whatever IPAM says', [
  bridge('ADD', { ipam: { ...IPAM, ranges: [[{ subnet: '10.244.1.0/24', rangeEnd: '10.9.9.9' }]] } }),
  bridge('DEL', { ipam: { ...IPAM, ranges: [[{ subnet: '10.244.1.0/24', rangeEnd: '10.9.9.9' }]] } }),
]);

bothDoTheSame('a bridge that has lost its ports has no address to keep', [
  bridge('ADD', { ipam: { ...IPAM, ranges: [[{ subnet: 'none' }]] } }),
  {
    side: 'pod',
    real: 'ip link del eth0',
    emulated: ({ links }) => links.remove(links.require('eth0')),
  },
  bridge('ADD', GATEWAY, { containerId: 'c2', ifName: 'eth1' }),
]);

bothDoTheSame('a route with bits behind its prefix is refused', [
  bridge('ADD', { ...GATEWAY, ipam: { ...IPAM, routes: [{ dst: '10.9.3.4/16' }] } }),
]);

bothDoTheSame('lo is nobody’s to delete', [bridge('ADD'), bridge('DEL', {}, { ifName: 'lo' })]);

bothDoTheSame('of a command that there is none of arguments are not read', [
  bridge('NOPE', {}, { args: 'K8S_POD_NAME' }),
  bridge('NOPE', {}, { containerId: '' }),
  bridge('ADD', {}, { args: 'K8S_POD_NAME' }),
]);

bothDoTheSame('a MAC address that is none', [bridge('ADD', { runtimeConfig: { mac: 'zz' } })]);
