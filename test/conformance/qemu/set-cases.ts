/**
 * Random cases about what the host's kernel may lack beside tunnels: sets of pairs of networks and of link-layer
 * addresses, and dummy devices. Two nodes, and rules on one of them that ask the sets about everything that comes by.
 */

import { formatMac, toHex } from '../../../src/packet/index.js';
import { EmulatedRun } from '../kernel/emulated.js';
import { fits, Scene, someSocket, someWay, sourcesOf } from '../kernel/generate/case.js';
import type { Document } from '../kernel/generate/cluster.js';
import { Dice } from '../kernel/generate/dice.js';
import { someFrames } from '../kernel/generate/frames.js';
import type { KernelCase, Order } from '../kernel/record.js';

const PODWIRE = 'podwire.dev/v1alpha1';
const NODES = [
  { name: 'n0', address: '10.1.0.10' },
  { name: 'n1', address: '10.1.0.11' },
] as const;
const DUMMY = '10.55.0.1';

const PLAIN: readonly Document[] = [
  {
    apiVersion: PODWIRE,
    kind: 'PhysicalNetwork',
    metadata: { name: 'net' },
    spec: {
      subnets: [{ name: 'rack', cidr: '10.1.0.0/24', gateway: '10.1.0.1' }],
      routers: [{ name: 'router', interfaces: [{ subnet: 'rack', address: '10.1.0.1' }] }],
    },
  },
  ...NODES.map(
    ({ name, address }): Document => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'kubernetes.io/hostname': name } },
      spec: {},
      status: { addresses: [{ type: 'InternalIP', address }] },
    }),
  ),
];

const NETWORKS = ['10.1.0.0/24', '10.1.0.11', '10.1.0.10/31', '10.55.0.0/16', DUMMY, '10.0.0.0/8', '0.0.0.0/1'];

/** Members that are not one and the same but for `nomatch`. */
function distinct(members: readonly string[]): string[] {
  const seen = new Set<string>();
  return members.filter((member) => {
    const key = member.replace(' nomatch', '').replaceAll('/32', '');
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function sets(dice: Dice, macs: readonly string[]): string {
  const many = (make: () => string): string[] => distinct(Array.from({ length: dice.between(1, 6) }, make));
  const nomatch = (): string => (dice.chance(0.25) ? ' nomatch' : '');
  const counters = (): string => (dice.chance(0.4) ? ' counters' : '');
  return [
    `create nn hash:net,net${counters()}`,
    ...many(() => `add nn ${dice.pick(NETWORKS)},${dice.pick(NETWORKS)}${nomatch()}`),
    `create mac hash:mac${counters()}`,
    ...many(() => `add mac ${dice.pick([...macs, '02:00:00:00:99:99'])}`),
    `create np hash:net,port`,
    ...many(() => `add np ${dice.pick(NETWORKS)},${dice.pick(['tcp', 'udp'])}:${dice.pick([53, 80])}`),
    `create bi bitmap:ip range 10.1.0.0/24`,
    ...many(() => `add bi 10.1.0.${dice.pick([1, 10, 11, 12])}`),
    '',
  ].join('\n');
}

function rules(dice: Dice): string {
  const not = (): string => (dice.chance(0.25) ? '! ' : '');
  const ask = (chain: string): string => {
    const [set, flags] = dice.weighted([
      [4, ['nn', dice.pick(['src,dst', 'dst,src', 'src,src', 'dst,dst'])] as const],
      // A packet that is made here has no link-layer header yet.
      [chain === 'OUTPUT' ? 0 : 3, ['mac', 'src'] as const],
      [2, ['np', dice.pick(['src,dst', 'dst,dst', 'dst,src'])] as const],
      [1, ['bi', dice.pick(['src', 'dst'])] as const],
    ]);
    const more = dice.weighted([
      [5, ''],
      [1, ' --return-nomatch'],
      [1, ' ! --update-counters'],
    ]);
    const target = dice.weighted([
      [4, ' -j MARK --set-xmark 0x1/0x1'],
      [2, ' -j ACCEPT'],
      [1, ' -j DROP'],
      [2, ''],
    ]);
    return `-A ${chain} -m set ${not()}--match-set ${set} ${flags}${set === 'nn' || more !== ' --return-nomatch' ? more : ''}${target}`;
  };
  const chain = (name: string): string[] => Array.from({ length: dice.between(1, 4) }, () => ask(name));
  return [
    '*raw',
    ...chain('PREROUTING'),
    ...chain('OUTPUT'),
    'COMMIT',
    '*filter',
    ...chain('INPUT'),
    ...chain('FORWARD'),
    ...chain('OUTPUT'),
    'COMMIT',
    '',
  ].join('\n');
}

const hand = (dice: Dice, macs: readonly string[]): Document => ({
  apiVersion: PODWIRE,
  kind: 'HostConfig',
  metadata: { name: 'hand' },
  spec: {
    hosts: ['n0'],
    // A node with another CNI is none of Calico's.
    files: {
      '/etc/cni/net.d/10-none.conflist': '{"cniVersion": "1.0.0", "name": "none", "plugins": [{"type": "loopback"}]}',
    },
    ip: `link add keep type dummy\nlink set keep up mtu 1400\naddr add ${DUMMY}/24 dev keep\n`,
    ipsets: sets(dice, macs),
    iptables: rules(dice),
    listen: [
      { protocol: 'tcp', port: 80 },
      { protocol: 'udp', port: 53 },
    ],
    sysctls: {
      'net.ipv4.conf.all.send_redirects': '0',
      'net.ipv4.conf.default.send_redirects': '0',
      'net.ipv4.conf.eth0.send_redirects': '0',
    },
  },
});

const WAY: Document = {
  apiVersion: PODWIRE,
  kind: 'HostConfig',
  metadata: { name: 'way' },
  spec: { hosts: ['n1', 'router'], routes: [{ to: '10.55.0.0/16', via: '10.1.0.10' }] },
};

/** The case of a seed. */
export function setCase(seed: number, count = 24): KernelCase {
  const dice = new Dice(seed * 6151 + 5);
  const name = `sets of seed ${seed}`;
  const bare = new Scene(new EmulatedRun({ name, sources: sourcesOf(PLAIN), orders: [] }));
  const macs = bare.senders.map(({ dev }) => formatMac(dev.mac));
  const sources = sourcesOf([...PLAIN, WAY, hand(dice, macs)]);
  const scene = new Scene(new EmulatedRun({ name, sources, orders: [] }));
  const orders: Order[] = [];
  while (orders.length < count) {
    if (dice.chance(0.3)) {
      orders.push(someSocket(dice, scene, orders.length));
      continue;
    }
    const sender = dice.pick(scene.senders);
    for (const { bytes, note } of someFrames(dice, someWay(dice, scene, sender)))
      if (fits(bytes, sender.dev))
        orders.push({ kind: 'frame', place: sender.place, dev: sender.dev.name, hex: toHex(bytes), note });
  }
  return { name, sources, orders };
}
