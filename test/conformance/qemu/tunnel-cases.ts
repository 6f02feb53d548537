/**
 * Random cases about IP-in-IP: three nodes on two wires whose pods reach each other through tunnels, Calico's way (tunl0
 * and routes with a gateway), by tunnels from node to node, or each node in a way of its own. No Kubernetes decides here.
 */

import {
  encodeIpv4,
  IPV4_HEADER_LENGTH,
  IP_PROTOCOL,
  Ipv4,
  parseIpv4,
  toHex,
  viewOf,
  type Ipv4Addr,
} from '../../../src/packet/index.js';
import { icmp } from '../../kernel/conntrack/packets.js';
import { EmulatedRun } from '../kernel/emulated.js';
import { fits, Scene, type Sender, someSocket, someWay, sourcesOf } from '../kernel/generate/case.js';
import type { Document } from '../kernel/generate/cluster.js';
import { Dice } from '../kernel/generate/dice.js';
import { framed, type MadeFrame, someFrames, somePacket, type Way } from '../kernel/generate/frames.js';
import { someRules, someSets } from '../kernel/generate/rules.js';
import type { KernelCase, Order } from '../kernel/record.js';

const PODWIRE = 'podwire.dev/v1alpha1';

interface NodePlan {
  readonly name: string;
  readonly address: string;
  readonly pods: string;
  readonly tunnel: string;
}

const NODES: readonly NodePlan[] = [
  { name: 'n0', address: '10.1.0.10', pods: '10.22.0.0/24', tunnel: '10.22.0.0' },
  { name: 'n1', address: '10.1.0.11', pods: '10.22.1.0/24', tunnel: '10.22.1.0' },
  { name: 'n2', address: '10.1.1.12', pods: '10.22.2.0/24', tunnel: '10.22.2.0' },
];

const subnetOf = (address: string): string => address.replace(/\.\d+$/, '');
const gatewayOf = ({ address }: NodePlan): string => `${subnetOf(address)}.1`;

const network = (dice: Dice): Document => ({
  apiVersion: PODWIRE,
  kind: 'PhysicalNetwork',
  metadata: { name: 'net' },
  spec: {
    subnets: [
      { name: 'rack0', cidr: '10.1.0.0/24', gateway: '10.1.0.1', mtu: dice.pick([1500, 1500, 1400]) },
      { name: 'rack1', cidr: '10.1.1.0/24', gateway: '10.1.1.1', mtu: dice.pick([1500, 1500, 1300]) },
      { name: 'outside', cidr: '203.0.113.0/24', gateway: '203.0.113.1' },
    ],
    routers: [
      {
        name: 'router',
        interfaces: [
          { subnet: 'rack0', address: '10.1.0.1' },
          { subnet: 'rack1', address: '10.1.1.1' },
          { subnet: 'outside', address: '203.0.113.1' },
        ],
      },
    ],
    hosts: [{ name: 'laptop', interfaces: [{ subnet: 'outside', address: '203.0.113.10' }] }],
  },
});

const node = ({ name, address }: NodePlan): Document => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  spec: {},
  status: { addresses: [{ type: 'InternalIP', address }] },
});

const pod = (name: string, nodeName: string): Document => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: {
    nodeName,
    containers: [{ name: 'c', image: 'x', ports: [{ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }] }],
  },
});

const conflist = (dice: Dice, subnet: string): string =>
  JSON.stringify({
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        mtu: dice.pick([0, 1480, 1400]),
        ipam: { type: 'host-local', ranges: [[{ subnet }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
    ],
  });

/** Calico's way: the module's own tunnel, and routes whose gateway is the other node. */
function byFallback(dice: Dice, own: NodePlan): string[] {
  return [
    `link set tunl0 mtu ${dice.pick([1480, 1480, 1440, 1500])} up`,
    ...(dice.chance(0.85) ? [`addr add ${own.tunnel}/32 dev tunl0`] : []),
    ...(dice.chance(0.15) ? [`tunnel change tunl0 mode ipip ttl ${dice.pick([1, 5, 64])}`] : []),
    ...(dice.chance(0.1) ? ['tunnel change tunl0 mode ipip tos inherit nopmtudisc'] : []),
    ...NODES.filter((other) => other !== own).map((other) => {
      const mtu = dice.chance(0.3) ? ` mtu ${dice.pick([1480, 1200])}` : '';
      return `route replace ${other.pods} via ${other.address} dev tunl0 onlink proto bird${mtu}`;
    }),
  ];
}

/** A tunnel to each other node. */
function byTunnels(dice: Dice, own: NodePlan): string[] {
  return NODES.filter((other) => other !== own).flatMap((other) => {
    const name = `to${other.name}`;
    const pmtudisc = dice.chance(0.6);
    const words = [
      `link add ${name} type ipip`,
      `${dice.pick(['local any', `local ${own.address}`, `local ${own.address}`])} remote ${other.address}`,
      pmtudisc ? dice.pick(['', 'ttl 64', 'ttl 2', 'ttl 1']) : '',
      dice.pick(['', '', 'tos inherit', 'tos 0xb8', 'tos 0x11']),
      pmtudisc ? dice.pick(['', 'pmtudisc']) : 'nopmtudisc',
      dice.pick(['', '', 'dev eth0']),
      dice.chance(0.3) ? 'mode ipip' : '',
    ];
    return [
      words.filter((word) => word !== '').join(' '),
      `link set ${name} up${dice.chance(0.2) ? ' mtu 1400' : ''}`,
      ...(dice.chance(0.5) ? [`addr add ${own.tunnel}/32 dev ${name}`] : []),
      `route replace ${other.pods} dev ${name}`,
    ];
  });
}

const SWITCHES: readonly (readonly [path: string, values: readonly number[]])[] = [
  ['net.ipv4.conf.all.rp_filter', [0, 1, 2]],
  ['net.ipv4.conf.all.accept_local', [0, 1]],
  ['net.ipv4.ip_forward_use_pmtu', [0, 1]],
  ['net.ipv4.ip_no_pmtu_disc', [0, 0, 1]],
  ['net.ipv4.icmp_errors_use_inbound_ifaddr', [0, 1]],
  ['net.ipv4.fwmark_reflect', [0, 1]],
];

function hands(dice: Dice, own: NodePlan, addresses: readonly string[]): Document {
  const tunnels = dice.weighted([
    [6, byFallback],
    [3, byTunnels],
  ])(dice, own);
  const universe = {
    addresses: [...new Set([...addresses, ...NODES.map(({ address }) => address)])],
    prefixes: ['10.22.0.0/16', '10.22.1.0/24', '10.1.0.0/24', '203.0.113.0/24', '0.0.0.0/1'],
    interfaces: ['eth0', 'tunl0', 'ton+', 'veth+', 'lo'],
  };
  const { text: ipsets, sets } = someSets(dice, universe);
  return {
    apiVersion: PODWIRE,
    kind: 'HostConfig',
    metadata: { name: `hand-${own.name}` },
    spec: {
      hosts: [own.name],
      ip: `${tunnels.join('\n')}\n`,
      routes: [{ to: '0.0.0.0/0', via: gatewayOf(own) }],
      files: { '/etc/cni/net.d/10-pods.conflist': conflist(dice, own.pods) },
      sysctls: {
        ...Object.fromEntries(dice.some(SWITCHES, 0.3).map(([path, values]) => [path, String(dice.pick(values))])),
        'net.ipv4.conf.all.send_redirects': '0',
        'net.ipv4.conf.default.send_redirects': '0',
        'net.ipv4.conf.eth0.send_redirects': '0',
      },
      ...(dice.chance(0.4) ? { ipsets, iptables: someRules(dice, { ...universe, sets }) } : {}),
    },
  };
}

const address = (text: string): Ipv4Addr => parseIpv4(text) ?? (0 as Ipv4Addr);

/** The packet in an outer header, as any node or none would write it. */
function wrapped(dice: Dice, inner: Uint8Array, ends: { readonly from: string; readonly to: string }): Uint8Array {
  const cut = dice.chance(0.06) ? inner.subarray(0, dice.between(0, 24)) : inner;
  const bytes = new Uint8Array(IPV4_HEADER_LENGTH + cut.length);
  encodeIpv4(viewOf(bytes), 0, {
    source: address(ends.from),
    destination: address(ends.to),
    protocol: IP_PROTOCOL.ipip,
    payloadLength: cut.length,
    ttl: dice.pick([64, 64, 63, 2, 1]),
    tos: dice.pick([0, 0, 1, 2, 3, 3, 0xb8, 0xb9]),
    identification: dice.between(1, 0xffff),
    flagsAndOffset: dice.pick([0, 0x4000]),
  });
  bytes.set(cut, IPV4_HEADER_LENGTH);
  return bytes;
}

/** IP-in-IP out of nowhere, from a machine to a machine. */
function someWrapped(dice: Dice, scene: Scene, sender: Sender): MadeFrame[] {
  const { sourceMac, mtu } = someWay(dice, scene, sender);
  const to = dice.pick(NODES).address;
  const from = dice.weighted([
    [3, () => sender.address],
    [4, () => dice.pick(NODES).address],
    [1, () => dice.pick(scene.addresses)],
  ])();
  const inner: Way = {
    from: dice.pick(scene.addresses),
    to: dice.pick(scene.addresses),
    sourceMac,
    destinationMac: sourceMac,
    mtu: mtu - IPV4_HEADER_LENGTH,
  };
  const { packets, note } = somePacket(dice, inner);
  const destinationMac = scene.nextHop(sender, to);
  return packets.map((packet) => ({
    bytes: framed({ sourceMac, destinationMac }, wrapped(dice, packet, { from, to })),
    note: `ipip ${from} to ${to} around ${note}`,
  }));
}

/** An error about a packet that a node may have sent through a tunnel. */
function someTunnelError(dice: Dice, scene: Scene, sender: Sender): MadeFrame[] {
  const [own, other] = dice.shuffled(NODES);
  if (own === undefined || other === undefined) return [];
  const way = someWay(dice, scene, sender);
  const inner = somePacket(dice, { ...way, from: dice.pick(scene.addresses), to: dice.pick(scene.addresses) });
  const quoted = wrapped(dice, inner.packets[0] ?? new Uint8Array(28), { from: own.address, to: other.address });
  const type = dice.pick([3, 3, 3, 11, 12]);
  const code = type === 3 ? dice.pick([0, 1, 2, 3, 4, 4, 4, 5, 13]) : dice.pick([0, 0, 1]);
  const packet = icmp({
    from: `${sender.address}:0`,
    to: `${own.address}:0`,
    type,
    code,
    rest: type === 3 && code === 4 ? dice.pick([1400, 1200, 576, 300]) : 0,
    quoted: quoted.subarray(0, dice.pick([20, 28, 28, 48, 68])),
    ipId: dice.between(1, 0xffff),
  });
  const destinationMac = scene.nextHop(sender, own.address);
  return [
    {
      bytes: framed({ sourceMac: way.sourceMac, destinationMac }, packet),
      note: `icmp ${type}/${code} about ipip ${own.address} to ${other.address}`,
    },
  ];
}

/** As large as its wire allows, and not to be cut. */
function someLarge(dice: Dice, scene: Scene, sender: Sender): MadeFrame[] {
  const way = someWay(dice, scene, sender);
  const length = dice.pick([1500, 1481, 1480, 1460, 1400, 1380, 1281, 1280, 1180]);
  if (length > way.mtu) return [];
  const packet = new Uint8Array(length);
  const view = viewOf(packet);
  encodeIpv4(view, 0, {
    source: address(sender.address),
    destination: address(dice.pick(scene.addresses)),
    protocol: dice.pick([200, 201]),
    payloadLength: length - IPV4_HEADER_LENGTH,
    tos: dice.pick([0, 1, 2, 3, 0x28]),
    ttl: dice.pick([64, 3]),
    identification: dice.between(1, 0xffff),
    flagsAndOffset: dice.pick([0x4000, 0x4000, 0]),
  });
  new Ipv4(view, 0).fillChecksum();
  return [
    {
      bytes: framed({ sourceMac: way.sourceMac, destinationMac: scene.nextHop(sender, '10.22.1.2') }, packet),
      note: `${length} octets`,
    },
  ];
}

function someOrders(dice: Dice, scene: Scene, count: number): Order[] {
  const orders: Order[] = [];
  const machines = scene.senders.filter(({ place }) => !place.startsWith('pod/'));
  const pods = scene.senders.filter(({ place }) => place.startsWith('pod/'));
  while (orders.length < count) {
    const make = dice.weighted([
      [3, 'socket'],
      [2, 'plain'],
      [3, 'wrapped'],
      [1, 'error'],
      [3, 'large'],
    ] as const);
    if (make === 'socket') {
      orders.push(someSocket(dice, scene, orders.length));
      continue;
    }
    const sender = dice.pick(make === 'large' ? pods : make === 'plain' ? scene.senders : machines);
    const made =
      make === 'plain'
        ? someFrames(dice, someWay(dice, scene, sender))
        : { wrapped: someWrapped, error: someTunnelError, large: someLarge }[make](dice, scene, sender);
    for (const { bytes, note } of made) {
      if (fits(bytes, sender.dev))
        orders.push({ kind: 'frame', place: sender.place, dev: sender.dev.name, hex: toHex(bytes), note });
    }
  }
  return orders;
}

/** The case of a seed. */
export function tunnelCase(seed: number, orders = 24): KernelCase {
  const dice = new Dice(seed * 7919 + 13);
  const name = `tunnels of seed ${seed}`;
  const plain = [network(dice), ...NODES.map(node), ...NODES.map(({ name: on }, i) => pod(`p${i}`, on))];
  const addresses = NODES.map(({ pods }) => pods.replace('.0/24', '.2'));
  const sources = sourcesOf([...plain, ...NODES.map((own) => hands(dice, own, addresses))]);
  const scene = new Scene(new EmulatedRun({ name, sources, orders: [] }));
  return { name, sources, orders: someOrders(dice, scene, orders) };
}
