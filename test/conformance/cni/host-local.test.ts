import type { CniObject } from '../../../src/cni/index.js';
import { bothDoTheSame, type Invocation } from './compare.js';

const call = (
  command: string,
  ipam: CniObject,
  more: Partial<Invocation> & { readonly fields?: CniObject } = {},
): Invocation => {
  const { fields = {}, ...rest } = more;
  const whole = { type: 'host-local', dataDir: 'DATA_DIR', ...ipam };
  return { plugin: 'host-local', command, conf: { cniVersion: '1.0.0', name: 'net', ...fields, ipam: whole }, ...rest };
};

const id = (containerId: string, ifName = 'eth0'): Partial<Invocation> => ({ containerId, ifName });

const SUBNET = { subnet: '10.1.1.0/24' };
const FOUR = { subnet: '10.1.1.0/29', rangeStart: '10.1.1.2', rangeEnd: '10.1.1.5' };

bothDoTheSame('an address is taken, found, given back', [
  call('ADD', SUBNET),
  call('CHECK', SUBNET),
  call('CHECK', SUBNET, { withPrevResult: true }),
  call('DEL', SUBNET),
  call('CHECK', SUBNET, { withPrevResult: true }),
  call('DEL', SUBNET),
]);

bothDoTheSame('round robin: what was given back comes last', [
  call('ADD', FOUR, id('a')),
  call('ADD', FOUR, id('b')),
  call('DEL', FOUR, id('a')),
  call('ADD', FOUR, id('c')),
  call('ADD', FOUR, id('d')),
  call('ADD', FOUR, id('e')),
  call('ADD', FOUR, id('f')),
  call('DEL', FOUR, id('c')),
  call('ADD', FOUR, id('f')),
]);

bothDoTheSame('one container with two interfaces, and the same interface twice', [
  call('ADD', SUBNET, id('a')),
  call('ADD', SUBNET, id('a', 'eth1')),
  call('ADD', SUBNET, id('a')),
  call('DEL', SUBNET, id('a')),
  call('ADD', SUBNET, id('a')),
]);

bothDoTheSame('several ranges and several sets', [
  call(
    'ADD',
    { ranges: [[{ subnet: '10.1.1.0/30' }, { subnet: '10.1.2.0/30' }], [{ subnet: '10.2.0.0/24' }]] },
    id('a'),
  ),
  call(
    'ADD',
    { ranges: [[{ subnet: '10.1.1.0/30' }, { subnet: '10.1.2.0/30' }], [{ subnet: '10.2.0.0/24' }]] },
    id('b'),
  ),
  call(
    'ADD',
    { ranges: [[{ subnet: '10.1.1.0/30' }, { subnet: '10.1.2.0/30' }], [{ subnet: '10.2.0.0/24' }]] },
    id('c'),
  ),
  call(
    'DEL',
    { ranges: [[{ subnet: '10.1.1.0/30' }, { subnet: '10.1.2.0/30' }], [{ subnet: '10.2.0.0/24' }]] },
    id('b'),
  ),
]);

bothDoTheSame('a subnet beside ranges', [
  call('ADD', { subnet: '10.3.0.0/24', gateway: '10.3.0.9', ranges: [[{ subnet: '10.4.0.0/24' }]] }),
]);

bothDoTheSame('ranges of the runtime', [
  call('ADD', SUBNET, {
    fields: { runtimeConfig: { ipRanges: [[{ subnet: '10.5.0.0/24', rangeStart: '10.5.0.9' }]] } },
  }),
]);

bothDoTheSame('routes and a gateway of the configuration', [
  call('ADD', {
    subnet: '10.1.1.0/24',
    gateway: '10.1.1.254',
    routes: [{ dst: '0.0.0.0/0' }, { dst: '192.168.0.0/16', gw: '10.1.1.3' }],
  }),
]);

bothDoTheSame('an address that is asked for', [
  call('ADD', SUBNET, { args: 'IP=10.1.1.77' }),
  call('ADD', SUBNET, { args: 'IP=10.1.1.77', containerId: 'b' }),
  call('ADD', SUBNET, { containerId: 'c' }),
  call('ADD', SUBNET, { containerId: 'd', fields: { args: { cni: { ips: ['10.1.1.80'] } } } }),
  call('ADD', SUBNET, { containerId: 'e', fields: { runtimeConfig: { ips: ['10.1.1.90/24'] } } }),
  call('ADD', SUBNET, { containerId: 'g' }),
]);

const TWO_SETS = { ranges: [[SUBNET], [{ subnet: '10.2.0.0/24' }]] };
bothDoTheSame('an address of each set that is asked for', [
  call('ADD', TWO_SETS, { fields: { runtimeConfig: { ips: ['10.2.0.91'] } }, args: 'IP=10.1.1.92' }),
  call('ADD', TWO_SETS, { fields: { runtimeConfig: { ips: ['10.2.0.91'] } }, containerId: 'b' }),
]);

const REFUSED: readonly (readonly [string, Invocation])[] = [
  ['an address that is the gateway', call('ADD', SUBNET, { args: 'IP=10.1.1.1' })],
  ['an address of another network', call('ADD', SUBNET, { args: 'IP=10.9.9.9' })],
  ['an address outside of the range', call('ADD', FOUR, { args: 'IP=10.1.1.6' })],
  ['an address that is the network', call('ADD', SUBNET, { args: 'IP=10.1.1.0' })],
  ['an address that is none', call('ADD', SUBNET, { args: 'IP=what' })],
  ['an address that is none, of the runtime', call('ADD', SUBNET, { fields: { runtimeConfig: { ips: ['what'] } } })],
  ['an address that is none, of the arguments', call('ADD', SUBNET, { fields: { args: { cni: { ips: ['what'] } } } })],
  ['an unknown argument', call('ADD', SUBNET, { args: 'FOO=1;BAR=2' })],
  ['no range', call('ADD', {})],
  ['an empty range set', call('ADD', { ranges: [[]] })],
  ['a subnet that is none', call('ADD', { subnet: 'what' })],
  ['a subnet that is an address', call('ADD', { subnet: '10.1.1.0' })],
  ['a subnet with host bits', call('ADD', { subnet: '10.1.1.5/24' })],
  ['a subnet too small', call('ADD', { subnet: '10.1.1.0/31' })],
  ['a single address', call('ADD', { ranges: [[{ subnet: '10.1.1.0/32' }]] })],
  ['a start outside', call('ADD', { ...SUBNET, rangeStart: '10.1.2.1' })],
  ['an end outside', call('ADD', { ...SUBNET, rangeEnd: '10.1.2.1' })],
  ['a start that is none', call('ADD', { ...SUBNET, rangeStart: 'x' })],
  ['a gateway that is none', call('ADD', { ...SUBNET, gateway: 'x' })],
  ['a gateway outside', call('ADD', { ...SUBNET, gateway: '10.9.9.9' })],
  ['a range without a subnet', call('ADD', { ranges: [[{ rangeStart: '10.1.1.2' }]] })],
  ['overlapping ranges of a set', call('ADD', { ranges: [[{ subnet: '10.1.1.0/24' }, { subnet: '10.1.1.0/24' }]] })],
  ['overlapping sets', call('ADD', { ranges: [[{ subnet: '10.1.1.0/24' }], [{ subnet: '10.1.1.128/25' }]] })],
  ['start behind end', call('ADD', { ...SUBNET, rangeStart: '10.1.1.9', rangeEnd: '10.1.1.3' })],
  ['a route that is none', call('ADD', { ...SUBNET, routes: [{ dst: 'x' }] })],
  ['a route by a gateway that is none', call('ADD', { ...SUBNET, routes: [{ dst: '0.0.0.0/0', gw: 'x' }] })],
  ['no ipam', { plugin: 'host-local', command: 'ADD', conf: { cniVersion: '1.0.0', name: 'net' } }],
  ['a resolv.conf that is not there', call('ADD', { ...SUBNET, resolvConf: '/no/such/file' })],
];
for (const [name, step] of REFUSED) bothDoTheSame(`refused: ${name}`, [step]);

for (const cniVersion of ['', '0.2.0', '0.3.1', '0.4.0']) {
  bothDoTheSame(`the result in version '${cniVersion}'`, [
    call('ADD', { ...SUBNET, routes: [{ dst: '0.0.0.0/0' }] }, { fields: { cniVersion } }),
  ]);
}

bothDoTheSame('an end that is before the start is looked at where it was written', [
  call('ADD', { subnet: '10.1.1.0/30', rangeStart: '10.1.1.3' }, id('a')),
  call('ADD', { subnet: '10.1.1.0/30', rangeStart: '10.1.1.3' }, id('b')),
  call('ADD', { subnet: '10.1.1.0/24', rangeEnd: '10.1.0.9' }, id('c')),
  call('ADD', { subnet: '192.168.7.64/28', rangeEnd: '10.1.2.1' }, id('d')),
]);

bothDoTheSame('of two mistakes the first', [
  call('ADD', { subnet: 'none', rangeStart: 'x' }),
  call('ADD', { rangeStart: 'x', subnet: 'none' }),
]);
