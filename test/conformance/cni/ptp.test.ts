import type { CniObject } from '../../../src/cni/index.js';
import { parseIpv4Prefix } from '../../../src/packet/index.js';
import { bothDoTheSame, type Invocation } from './compare.js';
import type { Change } from './machines.js';

const IPAM: CniObject = {
  type: 'host-local',
  subnet: '10.7.0.0/24',
  routes: [{ dst: '0.0.0.0/0' }],
  dataDir: 'DATA_DIR',
};
const ptp = (command: string, fields: CniObject = {}, more: Partial<Invocation> = {}): Invocation => ({
  plugin: 'ptp',
  command,
  conf: { cniVersion: '1.0.0', name: 'link', type: 'ptp', ipam: IPAM, ...fields },
  ...more,
});
const check = (fields: CniObject = {}): Invocation => ptp('CHECK', fields, { withPrevResult: true });

bothDoTheSame('added, checked, deleted, deleted again', [ptp('ADD'), check(), ptp('DEL'), ptp('DEL')]);
bothDoTheSame('with masquerading', [
  ptp('ADD', { ipMasq: true }),
  check({ ipMasq: true }),
  ptp('DEL', { ipMasq: true }),
  ptp('DEL', { ipMasq: true }),
]);
bothDoTheSame('two containers', [
  ptp('ADD', {}, { containerId: 'a', ifName: 'eth1' }),
  ptp('ADD', { ipam: { ...IPAM, routes: [] } }, { containerId: 'b', ifName: 'eth2' }),
  ptp('DEL', {}, { containerId: 'a', ifName: 'eth1' }),
]);
bothDoTheSame('an MTU, and routes by a gateway of their own', [
  ptp('ADD', {
    mtu: 1300,
    ipam: { ...IPAM, routes: [{ dst: '10.8.0.0/16', gw: '10.7.0.9' }, { dst: '10.9.0.0/16' }] },
  }),
]);
bothDoTheSame('name servers of the configuration', [ptp('ADD', { dns: { nameservers: ['10.0.0.53'] } })]);
bothDoTheSame('two addresses', [
  ptp('ADD', { ipMasq: true, ipam: { ...IPAM, ranges: [[{ subnet: '10.6.0.0/24' }]] } }),
  ptp('DEL', { ipMasq: true }),
]);
for (const cniVersion of ['', '0.2.0', '0.3.1', '0.4.0']) {
  bothDoTheSame(`a configuration of version '${cniVersion}'`, [ptp('ADD', { cniVersion }), check({ cniVersion })]);
}

const REFUSED: readonly (readonly [string, Invocation])[] = [
  ['no namespace', ptp('ADD', {}, { netns: 'missing' })],
  ['no IPAM', ptp('ADD', { ipam: {} })],
  ['an IPAM that is not there', ptp('ADD', { ipam: { type: 'nosuch' } })],
  ['CHECK without the result of ADD', ptp('CHECK')],
  ['a field of the wrong type', ptp('ADD', { ipMasq: 'yes' })],
  ['an address that was asked for in vain', ptp('ADD', {}, { args: 'IP=10.7.0.1' })],
];
for (const [name, step] of REFUSED) bothDoTheSame(`refused: ${name}`, [step]);
bothDoTheSame('refused: an interface that is there already', [ptp('ADD'), ptp('ADD', {}, { containerId: 'c2' })]);

const BROKEN: readonly Change[] = [
  { side: 'pod', real: 'ip link del eth0', emulated: ({ links }) => links.remove(links.require('eth0')) },
  {
    side: 'pod',
    real: 'ip link set eth0 down',
    emulated: ({ links }) => links.set(links.require('eth0'), { up: false }),
  },
  {
    side: 'pod',
    real: 'ip route del default',
    emulated: ({ fib }) => fib.deleteRoute({ destination: parseIpv4Prefix('0.0.0.0/0') ?? fail() }),
  },
  {
    side: 'pod',
    real: 'ip route del 10.7.0.0/24',
    emulated: ({ fib }) => fib.deleteRoute({ destination: parseIpv4Prefix('10.7.0.0/24') ?? fail() }),
  },
];
function fail(): never {
  throw new Error('not a prefix');
}
for (const broken of BROKEN) bothDoTheSame(`CHECK after ${broken.real}`, [ptp('ADD'), broken, check(), ptp('DEL')]);
