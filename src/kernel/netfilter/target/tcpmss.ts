/** `-j TCPMSS`: the largest segment that a SYN announces; net/netfilter/xt_TCPMSS.c:tcpmss_mangle_packet(). */

import { IPV4_HEADER_LENGTH, INADDR_ANY, Tcp, TCP_HEADER_LENGTH, updateChecksum16 } from '../../../packet/index.js';
import { type Target, type TargetKind, type TargetVerdict, RuleError } from '../extension.js';
import type { RulePacket } from '../packet.js';

const MSS_KIND = 2;
const MSS_LENGTH = 4;
/** A host that announces nothing takes so much (RFC 9293 §3.7.1). */
const DEFAULT_MSS = 536;
const TCP_HEADER_MAXIMUM = 60;
const MINIMUM_OVERHEAD = IPV4_HEADER_LENGTH + TCP_HEADER_LENGTH;

/** Path MTU here and back, less both headers; undefined where that leaves nothing. */
function clampedMss({ skb, netns, source }: RulePacket): number | undefined {
  const back = netns.ipv4.route({ destination: source, source: INADDR_ANY });
  const mtu = Math.min(skb.route?.mtu ?? 0xffff, typeof back === 'string' ? 0xffff : back.mtu);
  return mtu > MINIMUM_OVERHEAD ? mtu - MINIMUM_OVERHEAD : undefined;
}

/** Offset of the MSS option's value, or -1. */
function findMss(view: DataView, tcp: Tcp): number {
  const end = tcp.payloadOffset;
  for (let at = tcp.offset + TCP_HEADER_LENGTH; at <= end - MSS_LENGTH; ) {
    const kind = view.getUint8(at);
    if (kind === MSS_KIND && view.getUint8(at + 1) === MSS_LENGTH) return at + 2;
    at += kind < 2 ? 1 : Math.max(1, view.getUint8(at + 1));
  }
  return -1;
}

/**
 * Four octets of room behind the fixed TCP header. Packets fill their space to the end, so it is made at the
 * front: what lies before moves, a received link-layer header in the headroom too.
 */
function makeRoom({ skb, netns }: RulePacket, option: number): void {
  const start = skb.mac >= skb.head && skb.mac < skb.data ? skb.mac : skb.data;
  const lead = skb.data - start;
  const toNetwork = skb.network - start;
  const moved = skb.slab.bytes.slice(start, option);
  skb.push(MSS_LENGTH + lead, netns.emulation.slabs);
  const at = skb.data;
  skb.slab.bytes.set(moved, at);
  if (skb.mac >= 0) skb.mac = at;
  skb.data = at + lead;
  skb.network = at + toNetwork;
  skb.transport = skb.network + skb.ipv4.headerLength;
}

/** A SYN without the option gets one, before its other options. */
function insertMss(packet: RulePacket, tcp: Tcp, mss: number): void {
  const { skb } = packet;
  makeRoom(packet, tcp.offset + TCP_HEADER_LENGTH);
  const moved = new Tcp(skb.view, skb.transport);
  const { view } = skb;
  const option = skb.transport + TCP_HEADER_LENGTH;
  view.setUint16(option, (MSS_KIND << 8) | MSS_LENGTH);
  view.setUint16(option + 2, mss);

  const header = skb.ipv4;
  header.checksum = updateChecksum16(header.checksum, header.totalLength, header.totalLength + MSS_LENGTH);
  header.totalLength += MSS_LENGTH;
  moved.adjustChecksum16(0, (MSS_KIND << 8) | MSS_LENGTH);
  moved.adjustChecksum16(0, mss);
  // The length in the pseudo-header, and the data offset.
  moved.adjustChecksum16(0, MSS_LENGTH);
  const before = view.getUint16(skb.transport + 12);
  moved.headerLength += MSS_LENGTH;
  moved.adjustChecksum16(before, view.getUint16(skb.transport + 12));
}

function mangle(packet: RulePacket, newMss: number): TargetVerdict {
  const { skb, fragmentOffset } = packet;
  if (fragmentOffset !== 0) return 'continue';
  const tcp = Tcp.parse(skb.view, packet.transport, packet.end);
  if (tcp === undefined) return 'drop';
  skb.ensureWritable(packet.end - packet.transport);
  const at = findMss(skb.view, tcp);
  if (at >= 0) {
    const before = skb.view.getUint16(at);
    // Never raised: the sender knows its own limits.
    if (before <= newMss) return 'continue';
    skb.view.setUint16(at, newMss);
    // At an odd offset the octets stand in two checksum words.
    const swap = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);
    const odd = (at - tcp.offset) % 2 === 1;
    tcp.adjustChecksum16(odd ? swap(before) : before, odd ? swap(newMss) : newMss);
    return 'continue';
  }
  // No room, or data already: an announced segment could be longer than what it says.
  if (packet.end > tcp.payloadOffset || tcp.headerLength > TCP_HEADER_MAXIMUM - MSS_LENGTH) return 'continue';
  insertMss(packet, tcp, Math.min(newMss, DEFAULT_MSS));
  packet.load(skb, packet.hook, packet.in, packet.out);
  return 'continue';
}

export const tcpmss = {
  options: { '--set-mss': {}, '--clamp-mss-to-pmtu': { arguments: 0 } },
  protocols: [6],
  parse(options): Target {
    const clamps = options.has('--clamp-mss-to-pmtu');
    const fixed = options.number('--set-mss', 0xffff);
    if (clamps === (fixed !== undefined)) throw new RuleError('TCPMSS target: At least one parameter is required');
    return {
      outcome: 'continue',
      ...(clamps ? { hooks: ['forward', 'output', 'postrouting'] as const } : {}),
      apply(packet) {
        const mss = fixed ?? clampedMss(packet);
        return mss === undefined ? 'drop' : mangle(packet, mss);
      },
      toString: () => (fixed === undefined ? '--clamp-mss-to-pmtu' : `--set-mss ${fixed}`),
    };
  },
} satisfies TargetKind;
