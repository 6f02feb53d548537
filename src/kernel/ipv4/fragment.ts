/** Cutting a datagram into fragments (RFC 791 §3.2; net/ipv4/ip_output.c:ip_do_fragment(), its slow path). */

import { Ipv4, IPV4_MORE_FRAGMENTS } from '../../packet/index.js';
import type { Emulation } from '../emulation.js';
import type { Skb } from '../skb.js';
import { stripUncopied } from './options.js';

const DONT_FRAGMENT_AND_RESERVED = 0xc000;
const OFFSET_MASK = 0x1fff;

/**
 * The fragments of the datagram at `skb.network`, each no longer than `mtu`, in order.
 * A reassembled datagram is cut no larger than its largest fragment was (`fragMaxSize`).
 */
export function fragment(emulation: Emulation, skb: Skb, mtu: number): Skb[] {
  const header = skb.ipv4;
  const headerLength = header.headerLength;
  const limit = skb.fragMaxSize > 0 ? Math.min(mtu, skb.fragMaxSize) : mtu;
  const step = (limit - headerLength) & ~7;
  const payload = header.totalLength - headerLength;
  const flags = header.flagsAndOffset;
  const firstOffset = flags & OFFSET_MASK;
  const pieces: Skb[] = [];
  for (let done = 0; done < payload; done += step) {
    const length = Math.min(step, payload - done);
    const last = done + length >= payload;
    const piece = cut(emulation, skb, { headerLength, from: done, length });
    if (done > 0) stripUncopied(piece.view, piece.network, headerLength);
    const ip = new Ipv4(piece.view, piece.network);
    ip.totalLength = headerLength + length;
    const more = last ? flags & IPV4_MORE_FRAGMENTS : IPV4_MORE_FRAGMENTS;
    ip.flagsAndOffset = (flags & DONT_FRAGMENT_AND_RESERVED) | more | (firstOffset + (done >> 3));
    ip.fillChecksum();
    pieces.push(piece);
  }
  return pieces;
}

/** A packet of its own with the header and a part of the payload; its notes are those of the whole. */
function cut(
  emulation: Emulation,
  skb: Skb,
  part: { readonly headerLength: number; readonly from: number; readonly length: number },
): Skb {
  const piece = emulation.allocSkb(part.headerLength + part.length);
  const { bytes } = skb.slab;
  const start = skb.network + part.headerLength + part.from;
  piece.slab.bytes.set(bytes.subarray(skb.network, skb.network + part.headerLength), piece.data);
  piece.slab.bytes.set(bytes.subarray(start, start + part.length), piece.data + part.headerLength);
  piece.tail = piece.data + part.headerLength + part.length;
  piece.network = piece.data;
  piece.transport = piece.data + part.headerLength;
  piece.id = skb.id;
  piece.parent = skb.parent;
  piece.protocol = skb.protocol;
  piece.dev = skb.dev;
  piece.iif = skb.iif;
  piece.mark = skb.mark;
  piece.priority = skb.priority;
  piece.route = skb.route;
  piece.socket = skb.socket;
  piece.hops = skb.hops;
  piece.hash = skb.hash;
  piece.unknown = skb.unknown;
  return piece;
}
