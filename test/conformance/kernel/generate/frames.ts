/** Random frames: well-formed ones, odd ones, and fragments of both. */

import {
  encodeArp,
  encodeEthernet,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  encodeVxlan,
  encodeUdp,
  encodeIpv4,
  Ipv4,
  type Ipv4Addr,
  IPV4_HEADER_LENGTH,
  type Mac,
  mac,
  MAC_BROADCAST,
  parseIpv4,
  Udp,
  UDP_HEADER_LENGTH,
  viewOf,
  VXLAN_HEADER_LENGTH,
} from '../../../../src/packet/index.js';
import { icmp, other, sctp, tcp, udp } from '../../../kernel/conntrack/packets.js';
import type { Dice } from './dice.js';
import { PORTS, UDP_PORT } from './universe.js';

/** Who sends to whom. */
export interface Way {
  readonly from: string;
  readonly to: string;
  readonly sourceMac: Mac;
  readonly destinationMac: Mac;
  /** MTU of the device that sends. */
  readonly mtu: number;
}

export interface MadeFrame {
  readonly bytes: Uint8Array;
  readonly note: string;
}

const address = (text: string): Ipv4Addr => parseIpv4(text) ?? (0 as Ipv4Addr);

/** An Ethernet frame around a packet. */
export function framed(
  way: Pick<Way, 'sourceMac' | 'destinationMac'>,
  packet: Uint8Array,
  etherType: number = ETHERTYPE.ipv4,
): Uint8Array {
  const bytes = new Uint8Array(ETHERNET_HEADER_LENGTH + packet.length);
  encodeEthernet(viewOf(bytes), 0, { source: way.sourceMac, destination: way.destinationMac, etherType });
  bytes.set(packet, ETHERNET_HEADER_LENGTH);
  return bytes;
}

const DONT_FRAGMENT = 0x4000;

interface Named {
  readonly packet: Uint8Array;
  readonly note: string;
}

type PacketMaker = (dice: Dice, way: Way) => Named;

/** Never that of a UDP server: two that echo each other would not stop. */
const sourcePort = (dice: Dice): number =>
  dice.pick([40_000, 40_001, 41_000, ...PORTS.filter((port) => port !== UDP_PORT)]);
const id = (dice: Dice): number => dice.between(1, 0xffff);
const flagsAndOffset = (dice: Dice): number => dice.pick([DONT_FRAGMENT, DONT_FRAGMENT, 0]);
const tos = (dice: Dice): number => dice.pick([0, 0, 0, 0x10, 0xb8, 1, 2, 3]);

const ends = (
  dice: Dice,
  { from, to }: Way,
): { from: string; to: string; ipId: number; tos: number; flagsAndOffset: number } => ({
  from: `${from}:${sourcePort(dice)}`,
  to: `${to}:${dice.pick(PORTS)}`,
  ipId: id(dice),
  tos: tos(dice),
  flagsAndOffset: flagsAndOffset(dice),
});

const TCP_FLAGS = ['S', 'S', 'S', 'SA', 'A', 'PA', 'FA', 'R', 'RA', '', 'SF', 'FPU', 'SR'];

const aTcp: PacketMaker = (dice, way) => {
  const flags = dice.pick(TCP_FLAGS);
  const options = dice.chance(0.5)
    ? { mss: dice.pick([1460, 1410, 600]), sackPermitted: true, windowScale: 7 }
    : undefined;
  const packet = tcp({
    ...ends(dice, way),
    flags,
    seq: dice.between(0, 0xffff_ffff),
    ack: dice.between(0, 0xffff_ffff),
    data: flags.includes('P') ? dice.between(1, 64) : 0,
    ...(options === undefined ? {} : { options }),
    ...(dice.chance(0.06) ? { checksum: 'bad' as const } : {}),
  });
  return { packet, note: `tcp ${flags || 'without flags'}` };
};

const aUdp: PacketMaker = (dice, way) => {
  const checksum = dice.weighted([
    [8, undefined],
    [1, 'bad' as const],
    [1, 'none' as const],
  ]);
  const data = dice.weighted([
    [6, dice.between(0, 60)],
    [1, dice.between(900, way.mtu - 28)],
  ]);
  const packet = udp({ ...ends(dice, way), data, ...(checksum === undefined ? {} : { checksum }) });
  return { packet, note: `udp of ${data} octets${checksum === undefined ? '' : `, checksum ${checksum}`}` };
};

const aPing: PacketMaker = (dice, way) => {
  const type = dice.pick([8, 8, 8, 0, 13, 17]);
  const packet = icmp({
    ...ends(dice, way),
    type,
    id: dice.between(1, 5),
    seq: dice.between(1, 3),
    ...(dice.chance(0.08) ? { checksum: 'bad' as const } : {}),
  });
  return { packet, note: `icmp type ${type}` };
};

/** An error about a packet that the receiver may have sent, or never sent. */
const anIcmpError: PacketMaker = (dice, way) => {
  const quoted = dice.pick([aUdp, aTcp, aPing])(dice, {
    ...way,
    from: way.to,
    to: dice.pick([way.from, '203.0.113.10']),
  });
  const type = dice.pick([3, 3, 11, 12, 5]);
  const code = type === 3 ? dice.pick([0, 1, 3, 4, 13]) : 0;
  const packet = icmp({
    ...ends(dice, way),
    type,
    code,
    rest: type === 3 && code === 4 ? dice.pick([1200, 576, 0]) : type === 5 ? 0x0a01_0001 : 0,
    quoted: quoted.packet.subarray(0, dice.pick([28, 28, 48])),
  });
  return { packet, note: `icmp error ${type}/${code} about ${quoted.note}` };
};

const aSctp: PacketMaker = (dice, way) => {
  const init = dice.chance(0.6);
  const packet = sctp({
    ...ends(dice, way),
    tag: init ? 0 : dice.between(1, 1000),
    chunks: init ? [{ type: 1, initTag: 77 }] : [{ type: dice.pick([0, 3, 6, 7, 10]), value: 12 }],
  });
  return { packet, note: `sctp ${init ? 'INIT' : 'chunk'}` };
};

const anOther: PacketMaker = (dice, way) => {
  const protocol = dice.pick([4, 47, 50, 51, 88, 200, 255]);
  return { packet: other(ends(dice, way), protocol), note: `protocol ${protocol}` };
};

const ORDINARY: readonly (readonly [number, PacketMaker])[] = [
  [5, aTcp],
  [5, aUdp],
  [3, aPing],
  [2, anIcmpError],
  [0.7, aSctp],
  [0.7, anOther],
];

/** The same packet with IPv4 options behind its header. */
function withOptions(packet: Uint8Array, options: Uint8Array): Uint8Array {
  const header = new Ipv4(viewOf(packet), 0);
  const payload = packet.subarray(header.headerLength);
  const length = (options.length + 3) & ~3;
  const bytes = new Uint8Array(IPV4_HEADER_LENGTH + length + payload.length);
  const { source, destination, protocol, ttl, tos: type, identification } = header;
  encodeIpv4(viewOf(bytes), 0, {
    source,
    destination,
    protocol,
    ttl,
    tos: type,
    identification,
    payloadLength: payload.length,
    flagsAndOffset: viewOf(packet).getUint16(6),
    options,
  });
  bytes.set(payload, IPV4_HEADER_LENGTH + length);
  return bytes;
}

const OPTIONS: readonly (readonly [string, readonly number[]])[] = [
  ['no-operations', [1, 1, 1, 1]],
  ['record route', [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0]],
  ['record route, full', [7, 7, 8, 10, 1, 1, 1]],
  ['loose source route', [131, 7, 4, 10, 1, 0, 1]],
  ['strict source route', [137, 7, 4, 10, 1, 0, 1]],
  ['timestamps without room', [68, 4, 5, 0]],
  ['timestamps that nobody counts any more', [68, 4, 5, 0xf0]],
  ['router alert', [148, 4, 0, 0]],
  ['an option longer than the header', [7, 40, 4, 0]],
  ['an option of length 1', [7, 1, 0, 0]],
  ['record route with a bad pointer', [7, 11, 3, 0, 0, 0, 0, 0, 0, 0, 0]],
  ['an unknown option', [94, 4, 0, 0]],
];

/** As long as a header has room for. */
const IP_OPTIONS_LENGTH = 40;

/** A timestamp option: times alone, with addresses, or for addresses that are given; empty, begun, full. */
function timestamps(dice: Dice, destination: Ipv4Addr): Uint8Array {
  const kind = dice.pick([0, 0, 1, 1, 3, 2]);
  const step = kind === 0 ? 4 : 8;
  const length = Math.min(4 + step * dice.between(1, 36 / step) + (dice.chance(0.1) ? 2 : 0), IP_OPTIONS_LENGTH);
  const octets = new Uint8Array(length);
  const taken = dice.chance(0.3) ? step : 0;
  octets.set([68, length, 5 + taken, dice.pick([0, 0, 0x10, 0xe0]) | kind]);
  const view = viewOf(octets);
  if (taken > 0) view.setUint32(4, 0xc633_6401);
  if (kind === 3 && taken + 8 < length) view.setInt32(4 + taken, destination);
  return octets;
}

/** What may be odd about any packet. */
const ODDITIES: readonly (readonly [number, (dice: Dice, packet: Uint8Array) => Named])[] = [
  [
    3,
    (dice, packet) => {
      const ttl = dice.pick([0, 1, 1, 2]);
      const view = viewOf(packet);
      view.setUint8(8, ttl);
      new Ipv4(view, 0).fillChecksum();
      return { packet, note: `TTL ${ttl}` };
    },
  ],
  [
    2,
    (dice, packet) => {
      if (dice.chance(0.25)) {
        const { destination } = new Ipv4(viewOf(packet), 0);
        return { packet: withOptions(packet, timestamps(dice, destination)), note: 'timestamps' };
      }
      const [note, octets] = dice.pick(OPTIONS);
      return { packet: withOptions(packet, Uint8Array.from(octets)), note };
    },
  ],
  [
    1,
    (_, packet) => {
      viewOf(packet).setUint16(10, viewOf(packet).getUint16(10) ^ 0x1111);
      return { packet, note: 'bad IPv4 checksum' };
    },
  ],
  [
    1,
    (dice, packet) => {
      const padded = new Uint8Array(packet.length + dice.between(1, 18));
      padded.set(packet);
      return { packet: padded, note: 'octets behind the packet' };
    },
  ],
  [1, (dice, packet) => ({ packet: packet.subarray(0, dice.between(1, packet.length - 1)), note: 'cut short' })],
  [
    1,
    (dice, packet) => {
      const view = viewOf(packet);
      view.setUint8(0, dice.pick([0x44, 0x46, 0x55, 0x4f]));
      if (new Ipv4(view, 0).headerLength <= packet.length) new Ipv4(view, 0).fillChecksum();
      return { packet, note: `first octet 0x${view.getUint8(0).toString(16)}` };
    },
  ],
  [
    1,
    (_, packet) => {
      const view = viewOf(packet);
      view.setUint16(6, 0x8000);
      new Ipv4(view, 0).fillChecksum();
      return { packet, note: 'the reserved bit' };
    },
  ],
];

/** A datagram cut into pieces, in some order, perhaps with one missing. */
function fragments(dice: Dice, packet: Uint8Array): Uint8Array[] {
  const view = viewOf(packet);
  const header = new Ipv4(view, 0);
  const payload = packet.subarray(header.headerLength);
  const size = Math.max(8, (Math.ceil(payload.length / dice.between(2, 4)) + 7) & ~7);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const part = payload.subarray(at, at + size);
    const bytes = new Uint8Array(IPV4_HEADER_LENGTH + part.length);
    encodeIpv4(viewOf(bytes), 0, {
      source: header.source,
      destination: header.destination,
      protocol: header.protocol,
      ttl: header.ttl,
      tos: header.tos,
      identification: header.identification,
      payloadLength: part.length,
      flagsAndOffset: (at + size < payload.length ? 0x2000 : 0) | (at >> 3),
    });
    bytes.set(part, IPV4_HEADER_LENGTH);
    pieces.push(bytes);
  }
  const ordered = dice.chance(0.4) ? dice.shuffled(pieces) : pieces;
  return dice.chance(0.15) ? ordered.slice(1) : ordered;
}

export function somePacket(dice: Dice, way: Way): { readonly packets: readonly Uint8Array[]; readonly note: string } {
  const { packet, note } = dice.weighted(ORDINARY)(dice, way);
  if (dice.chance(0.12)) {
    const large = dice.chance(0.6)
      ? udp({ ...ends(dice, way), flagsAndOffset: 0, data: dice.between(400, 2500) })
      : packet;
    const pieces = fragments(dice, large);
    return { packets: pieces, note: `${pieces.length} fragments` };
  }
  if (!dice.chance(0.18)) return { packets: [packet], note };
  const odd = dice.weighted(ODDITIES)(dice, packet.slice());
  return { packets: [odd.packet], note: `${note}, ${odd.note}` };
}

/** An ARP message of any kind. */
function someArp(dice: Dice, way: Way): MadeFrame {
  const request = dice.chance(0.7);
  const packet = new Uint8Array(28);
  encodeArp(viewOf(packet), 0, {
    operation: request ? 1 : 2,
    senderMac: way.sourceMac,
    senderIp: address(way.from),
    targetMac: request ? mac(0) : way.destinationMac,
    targetIp: address(dice.chance(0.15) ? way.from : way.to),
  });
  const destinationMac = request || dice.chance(0.3) ? MAC_BROADCAST : way.destinationMac;
  return {
    bytes: framed({ sourceMac: way.sourceMac, destinationMac }, packet, ETHERTYPE.arp),
    note: `arp ${request ? 'request' : 'reply'} for ${way.to}`,
  };
}

/** VXLAN as some other VTEP would send it, or as none would. */
function someVxlan(dice: Dice, way: Way, inner: Uint8Array): MadeFrame {
  const innerMac = {
    sourceMac: mac(0x66_0000_0001 + dice.between(0, 3)),
    destinationMac: dice.pick([way.destinationMac, MAC_BROADCAST]),
  };
  const frame = framed(innerMac, inner);
  const payloadLength = VXLAN_HEADER_LENGTH + frame.length;
  const bytes = new Uint8Array(IPV4_HEADER_LENGTH + UDP_HEADER_LENGTH + payloadLength);
  const view = viewOf(bytes);
  const ends_ = { source: address(way.from), destination: address(way.to) };
  encodeIpv4(view, 0, {
    ...ends_,
    protocol: 17,
    payloadLength: UDP_HEADER_LENGTH + payloadLength,
    identification: id(dice),
  });
  encodeUdp(view, IPV4_HEADER_LENGTH, { sourcePort: 50_000, destinationPort: 4789, payloadLength });
  const at = IPV4_HEADER_LENGTH + UDP_HEADER_LENGTH;
  encodeVxlan(view, at, dice.pick([4096, 4096, 77, 1]));
  if (dice.chance(0.1)) view.setUint8(at, dice.pick([0, 0x88]));
  bytes.set(frame, at + VXLAN_HEADER_LENGTH);
  new Udp(view, IPV4_HEADER_LENGTH).checksum = 0;
  return { bytes: framed(way, bytes), note: 'vxlan from nobody' };
}

/** Frames for one way; several where a datagram is in pieces. */
export function someFrames(dice: Dice, way: Way): MadeFrame[] {
  const kind = dice.weighted([
    [1, 'arp'],
    [1, 'vxlan'],
    [14, 'ip'],
    [0.3, 'unknown'],
  ] as const);
  if (kind === 'arp') return [someArp(dice, way)];
  const { packets, note } = somePacket(dice, way);
  const [first] = packets;
  if (kind === 'unknown')
    return [{ bytes: framed(way, new Uint8Array(20), 0x88b5), note: 'an EtherType that nobody knows' }];
  if (kind === 'vxlan' && first !== undefined && first.length < 400) return [someVxlan(dice, way, first)];
  return packets.map((packet) => ({ bytes: framed(way, packet), note }));
}
