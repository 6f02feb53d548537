/**
 * A hash of a flow (skb_get_hash(), net/core/flow_dissector.c): the same for every packet of one flow, in both
 * directions. Linux keys its hash at random; ours is fixed, so that a trace is the same each time.
 */

import { ETHERTYPE, Ethernet, ETHERNET_HEADER_LENGTH, IP_PROTOCOL, Ipv4 } from '../../packet/index.js';
import type { Skb } from '../skb.js';

const mix = (hash: number, word: number): number => {
  const rotated = Math.imul(hash ^ word, 0x9e3779b1);
  return rotated ^ (rotated >>> 15);
};

/** Of the frame at `skb.data`; kept in the packet once it is computed. Never 0. */
export function frameHash(skb: Skb): number {
  if (skb.hash !== 0) return skb.hash;
  const ethernet = new Ethernet(skb.view, skb.data);
  let hash = mix(0x243f6a88, ethernet.etherType);
  if (ethernet.etherType === ETHERTYPE.ipv4 && skb.length >= ETHERNET_HEADER_LENGTH + 20) {
    hash = ipv4Hash(new Ipv4(skb.view, skb.data + ETHERNET_HEADER_LENGTH), skb.tail, hash);
  } else {
    hash = mix(mix(hash, skb.view.getInt32(skb.data)), skb.view.getInt32(skb.data + 8));
  }
  skb.hash = hash === 0 ? 1 : hash;
  return skb.hash;
}

/** The same of a packet without a link-layer header: its IPv4 header stands at `skb.data`. */
export function packetHash(skb: Skb): number {
  if (skb.hash !== 0) return skb.hash;
  const hash = ipv4Hash(new Ipv4(skb.view, skb.data), skb.tail, mix(0x243f6a88, ETHERTYPE.ipv4));
  skb.hash = hash === 0 ? 1 : hash;
  return skb.hash;
}

/** __flow_hash_consistentify(): both directions of a flow are one. */
function ipv4Hash(ip: Ipv4, end: number, start: number): number {
  const { protocol, source, destination } = ip;
  const hasPorts = protocol === IP_PROTOCOL.tcp || protocol === IP_PROTOCOL.udp || protocol === IP_PROTOCOL.sctp;
  const readable = hasPorts && !ip.isFragment && ip.payloadOffset + 4 <= end;
  const from = readable ? ip.view.getUint16(ip.payloadOffset) : 0;
  const to = readable ? ip.view.getUint16(ip.payloadOffset + 2) : 0;
  const swap = destination >>> 0 < source >>> 0 || (destination === source && to < from);
  const hash = mix(mix(mix(start, swap ? destination : source), swap ? source : destination), protocol);
  return readable ? mix(hash, swap ? (to << 16) | from : (from << 16) | to) : hash;
}

/** include/net/udp.h:udp_flow_src_port(): a port of the local range, spread by the hash. */
export function flowSourcePort(hash: number, range: { readonly first: number; readonly last: number }): number {
  const spread = (hash ^ (hash << 16)) >>> 0;
  return range.first + Math.floor((spread * (range.last - range.first)) / 0x1_0000_0000);
}
