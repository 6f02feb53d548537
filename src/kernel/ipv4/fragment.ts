/** Cutting a datagram into fragments (RFC 791 §3.2; net/ipv4/ip_output.c:ip_do_fragment()). */

import { Ipv4, IPV4_DONT_FRAGMENT, IPV4_MORE_FRAGMENTS } from '../../packet/index.js';
import type { Emulation } from '../emulation.js';
import type { Skb } from '../skb.js';
import { stripUncopied } from './options.js';

const OFFSET_MASK = 0x1fff;

/**
 * The fragments of the datagram at `skb.network`, each no longer than `mtu`, in order. A datagram that came in
 * fragments goes on in the same ones where they fit, else in new ones no larger than its largest was.
 */
export function fragment(emulation: Emulation, skb: Skb, mtu: number): Skb[] {
  const { headerLength, totalLength, flagsAndOffset: flags } = skb.ipv4;
  const room = (skb.fragMaxSize > 0 ? Math.min(mtu, skb.fragMaxSize) : mtu) - headerLength;
  const asTheyCame = oldBoundaries(skb, room, flags);
  const lengths = asTheyCame ?? boundaries(totalLength - headerLength, room);
  // IPSKB_FRAG_PMTU, which the way along old boundaries forgets: only what was put together again has DF here.
  const dontFragment = asTheyCame === undefined && skb.fragMaxSize > 0 ? flags & IPV4_DONT_FRAGMENT : 0;
  const firstOffset = flags & OFFSET_MASK;
  const pieces: Skb[] = [];
  let done = 0;
  for (const [i, length] of lengths.entries()) {
    const piece = cut(emulation, skb, { headerLength, from: done, length });
    if (done > 0) stripUncopied(piece.view, piece.network, headerLength);
    const ip = new Ipv4(piece.view, piece.network);
    ip.totalLength = headerLength + length;
    const more = i === lengths.length - 1 ? flags & IPV4_MORE_FRAGMENTS : IPV4_MORE_FRAGMENTS;
    ip.flagsAndOffset = dontFragment | more | (firstOffset + (done >> 3));
    ip.fillChecksum();
    pieces.push(piece);
    done += length;
  }
  return pieces;
}

/** The fast path along frag_list; undefined where the geometry does not fit any more. */
function oldBoundaries({ pieces }: Skb, room: number, flags: number): readonly number[] | undefined {
  if (pieces === undefined || (flags & (OFFSET_MASK | IPV4_MORE_FRAGMENTS)) !== 0) return undefined;
  const fits = pieces.every((length, i) => length <= room && ((length & 7) === 0 || i === pieces.length - 1));
  return fits ? pieces : undefined;
}

/**
 * The slow path (ip_frag_next()), and ip_append_data()'s: as long as they may be, all but the last in units of eight octets.
 * The payload octets of each; `room` is what an MTU leaves beside the header.
 */
export function boundaries(payload: number, room: number): readonly number[] {
  const unit = room & ~7;
  const lengths: number[] = [];
  let left = payload;
  for (; left > room; left -= unit) lengths.push(unit);
  lengths.push(left);
  return lengths;
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
