/** A case about what few packets meet: a last hop, a narrow way, marks beside marks, a proxy that must keep quiet, a liar. */

import { encodeArp, ETHERTYPE, Ipv4, mac, MAC_BROADCAST, parseIpv4, toHex, viewOf } from '../../../src/packet/index.js';
import { udp } from '../../kernel/conntrack/packets.js';
import { EmulatedRun } from '../kernel/emulated.js';
import { Scene, type Sender } from '../kernel/generate/case.js';
import { framed } from '../kernel/generate/frames.js';
import type { KernelCase, Order } from '../kernel/record.js';
import { topologyCase } from '../kernel/topologies.js';

/** Where node1 has a route of a small MTU, and where it has one that is none. */
const NARROW = '198.51.100.7';
const UNREACHABLE = '10.66.1.1';

const HANDS = {
  file: 'hands.json',
  text: JSON.stringify({
    apiVersion: 'podwire.dev/v1alpha1',
    kind: 'HostConfig',
    metadata: { name: 'hands' },
    spec: {
      hosts: ['node1'],
      sysctls: { 'net.ipv4.conf.all.rp_filter': '1' },
      ip: 'route add 198.51.100.0/24 via 172.18.0.1 mtu 900\nroute add unreachable 10.66.0.0/16\n',
      iptables: [
        '*mangle',
        '-A PREROUTING -j MARK --set-xmark 0x1/0xffffffff',
        '-A PREROUTING -j MARK --set-xmark 0x10/0x10',
        '-A PREROUTING -m mark --mark 0x1/0x1 -j LOG --log-prefix "both: "',
        'COMMIT',
        '',
      ].join('\n'),
    },
  }),
};

const address = (text: string): NonNullable<ReturnType<typeof parseIpv4>> => {
  const parsed = parseIpv4(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
};

function arpRequest({ dev, address: from }: Sender, to: string): Uint8Array {
  const packet = new Uint8Array(28);
  encodeArp(viewOf(packet), 0, {
    operation: 1,
    senderMac: dev.mac,
    senderIp: address(from),
    targetMac: mac(0),
    targetIp: address(to),
  });
  return framed({ sourceMac: dev.mac, destinationMac: MAC_BROADCAST }, packet, ETHERTYPE.arp);
}

export function oddPackets(): KernelCase {
  const topology = topologyCase('two-nodes-vxlan');
  const sources = [...topology.sources, HANDS];
  const name = 'odd packets';
  const scene = new Scene(new EmulatedRun({ name, sources, orders: [] }));
  const client = scene.senders.find(({ place }) => place === 'pod/default/client');
  const web = scene.senders.find(({ place }) => place === 'pod/default/web');
  const node1 = scene.senders.find(({ place }) => place === 'node/node1');
  const node2 = scene.senders.find(({ place }) => place === 'node/node2');
  if (client === undefined || web === undefined || node1 === undefined || node2 === undefined)
    throw new Error('the topology has two nodes with a pod each');
  const frame = (note: string, bytes: Uint8Array, { place, dev }: Sender = client): Order => ({
    kind: 'frame',
    place,
    dev: dev.name,
    hex: toHex(bytes),
    note,
  });
  const datagram = (
    to: string,
    spec: { readonly data: number; readonly ttl?: number; readonly tos?: number },
  ): Uint8Array => {
    const { data, ttl = 64, tos = 0 } = spec;
    const packet = udp({ from: `${client.address}:40000`, to: `${to}:9`, data, tos, ipId: 7 });
    viewOf(packet).setUint8(8, ttl);
    new Ipv4(viewOf(packet), 0).fillChecksum();
    return framed({ sourceMac: client.dev.mac, destinationMac: scene.nextHop(client, to) }, packet);
  };
  /** It says that it is from a pod of the node that it comes to. */
  const forged = framed(
    { sourceMac: node2.dev.mac, destinationMac: scene.nextHop(node2, node1.address) },
    udp({ from: `${client.address}:40000`, to: `${node1.address}:9`, data: 8, ipId: 8 }),
  );
  return {
    name,
    sources,
    orders: [
      frame('its last hop', datagram(web.address, { data: 8, ttl: 1 })),
      frame('too long for the route, not to be cut', datagram(NARROW, { data: 1200 })),
      frame('marked twice, and by ECN', datagram(web.address, { data: 8, tos: 2 })),
      frame('a question about what cannot be reached', arpRequest(client, UNREACHABLE)),
      frame('in the name of somebody who is elsewhere', forged, node2),
    ],
  };
}
