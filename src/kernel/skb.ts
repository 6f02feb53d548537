/**
 * A packet on its way: where its bytes lie in a slab, and what the kernel noted about it
 * (struct sk_buff, include/linux/skbuff.h). Headers are views over the slab, made where they are used.
 */

import { Ipv4, type Mac, type Slab, type SlabAllocator } from '../packet/index.js';
import type { CtEntry, CtInfo } from './conntrack/entry.js';
import type { Device } from './device.js';
import type { RouteResult } from './fib/index.js';
import type { ReceivedOptions } from './ipv4/options.js';
import type { BridgePort } from './link/bridge.js';
import type { PacketSocket } from './socket/socket.js';

/** Room before the data for what is pushed on the way: Ethernet 14, VXLAN 50, IP-in-IP 20, twice. */
export const HEADROOM = 128;

/** skb->pkt_type: to whom the frame was addressed. */
export type PacketType = 'host' | 'broadcast' | 'multicast' | 'otherhost' | 'outgoing';

export class Skb {
  slab: Slab;
  view: DataView;
  /** Start of the headroom; nothing of ours lies before it. */
  head: number;
  /** First octet of the packet: the link-layer header on a wire, the network header inside the stack. */
  data: number;
  /** Past the last octet. */
  tail: number;
  /** Past the last octet that is ours to write. */
  end: number;
  /** Offset of the link-layer header, -1 where there is none. */
  mac = -1;
  /** Offset of the network header, -1 before it is known. */
  network = -1;
  /** Offset of the transport header, -1 before it is known. */
  transport = -1;
  /** Identity in a trace; survives NAT, forwarding, encapsulation. */
  id: number;
  /** The packet that caused this one, or 0. */
  parent = 0;
  /** EtherType of what starts at `network`. */
  protocol = 0;
  packetType: PacketType = 'host';
  /** The device it came in on, later the one it leaves by. */
  dev: Device | undefined = undefined;
  /** Interface index of arrival; 0 for locally made packets (skb->skb_iif). */
  iif = 0;
  mark = 0;
  priority = 0;
  ct: CtEntry | undefined = undefined;
  ctInfo: CtInfo = 'untracked';
  /** False before conntrack has looked at it; 'untracked' above is a decision only when this is true. */
  ctSeen = false;
  /** Its checksum has been looked at when it came in (csum_valid): what changes of its header later counts no more. */
  summed = false;
  /** skb_dst(): the routing decision. */
  route: RouteResult | undefined = undefined;
  /** The local socket that made it (owner match, errors). */
  socket: PacketSocket | undefined = undefined;
  /** Bridge ports by which a bridged packet came and goes (physdev match). */
  physIn: Device | undefined = undefined;
  physOut: Device | undefined = undefined;
  /** nf_bridge_info.sabotage_in_done: the IP stack has passed over the PREROUTING that the bridge asked. */
  sabotageInDone = false;
  /** A bridged frame whose new neighbour is being asked for: where it came in, and from whom. */
  bridgedFrom: { readonly port: BridgePort; readonly source: Mac } | undefined = undefined;
  /** IPCB(skb)->opt: the IPv4 options that it came with. */
  options: ReceivedOptions | undefined = undefined;
  /** IPCB(skb)->frag_max_size: the largest fragment of a defragmented packet, else 0. */
  fragMaxSize = 0;
  /**
   * skb_shinfo(skb)->frag_list: payload octets of the fragments that a defragmented packet came in, or that a datagram was
   * made in, in order, as long as it can be taken apart there again; undefined for a packet in one piece.
   */
  pieces: readonly number[] | undefined = undefined;
  /** Forwarding hops so far in the whole emulation, against loops. */
  hops = 0;
  /** Set where a match or target outside the model could have decided. */
  unknown = false;
  /** Hash of the inner flow, kept for the VXLAN source port and ECMP; 0 before it is computed. */
  hash = 0;
  #ipv4: Ipv4 | undefined = undefined;

  constructor(slab: Slab, head: number, end: number) {
    this.slab = slab;
    this.view = slab.view;
    this.head = head;
    this.data = head;
    this.tail = head;
    this.end = end;
    this.id = 0;
  }

  get length(): number {
    return this.tail - this.data;
  }

  /** The IPv4 header at `network`. The view is kept for as long as the header stays where it is. */
  get ipv4(): Ipv4 {
    const kept = this.#ipv4;
    if (kept !== undefined && kept.offset === this.network && kept.view === this.view) return kept;
    const header = new Ipv4(this.view, this.network);
    this.#ipv4 = header;
    return header;
  }

  /** TracedPacket: a link-layer header stands at `data`. */
  get hasLinkHeader(): boolean {
    return this.mac >= 0 && this.mac === this.data;
  }

  /** skb_push(): `length` more octets before the data, from the headroom. */
  push(length: number, allocator: SlabAllocator): number {
    if (this.data - this.head < length) this.#reallocate(length + HEADROOM, allocator);
    this.data -= length;
    return this.data;
  }

  /** skb_pull(): the first `length` octets are done with. */
  pull(length: number): void {
    this.data += length;
  }

  /** A copy of the bytes as they are now, for captures. */
  toBytes(): Uint8Array {
    return this.slab.bytes.slice(this.data, this.tail);
  }

  /** The same packet in bytes of its own, notes included (skb_copy()). */
  copy(allocator: SlabAllocator): Skb {
    const headroom = this.data - this.head;
    const size = headroom + this.length;
    const at = allocator.reserve(size);
    const slab = allocator.slab;
    const other = new Skb(slab, at, at + size);
    slab.bytes.set(this.slab.bytes.subarray(this.data, this.tail), at + headroom);
    other.data = at + headroom;
    other.tail = at + size;
    const shift = other.data - this.data;
    other.mac = this.mac < 0 ? -1 : this.mac + shift;
    other.network = this.network < 0 ? -1 : this.network + shift;
    other.transport = this.transport < 0 ? -1 : this.transport + shift;
    other.#note(this);
    return other;
  }

  /** nf_reset_ct(): it belongs to no connection, and has never been looked at. */
  resetConntrack(): void {
    this.ct = undefined;
    this.ctInfo = 'untracked';
    this.ctSeen = false;
  }

  /**
   * inet_iif(), which sockets that are bound to a device are asked by: a packet that this host sent to itself came in by
   * the device that has the address, though it went over lo (ip_route_output_key_hash_rcu()).
   */
  get inetIif(): number {
    if (this.dev?.isLoopback !== true || this.route?.type !== 'local') return this.iif;
    return this.route.route?.nextHops[0]?.dev?.ifindex ?? this.iif;
  }

  /** What a packet keeps when it leaves a namespace: its bytes and its identity (skb_scrub_packet()). */
  scrub(crossesNetns: boolean): void {
    this.route = undefined;
    this.resetConntrack();
    this.physIn = undefined;
    this.physOut = undefined;
    this.sabotageInDone = false;
    this.bridgedFrom = undefined;
    this.packetType = 'host';
    this.fragMaxSize = 0;
    this.pieces = undefined;
    this.options = undefined;
    if (!crossesNetns) return;
    this.mark = 0;
    this.priority = 0;
    this.socket = undefined;
  }

  /**
   * skb_ensure_writable(): so many octets behind the IPv4 header are to be written to. Where they do not all lie in the
   * first piece, others move up into it, and the old boundaries are lost.
   */
  ensureWritable(transportOctets: number): void {
    if (this.pieces !== undefined && (this.pieces[0] ?? 0) < transportOctets) this.pieces = undefined;
  }

  #note(from: Skb): void {
    this.id = from.id;
    this.parent = from.parent;
    this.protocol = from.protocol;
    this.packetType = from.packetType;
    this.dev = from.dev;
    this.iif = from.iif;
    this.mark = from.mark;
    this.priority = from.priority;
    this.ct = from.ct;
    this.ctInfo = from.ctInfo;
    this.ctSeen = from.ctSeen;
    this.summed = from.summed;
    this.route = from.route;
    this.socket = from.socket;
    this.physIn = from.physIn;
    this.physOut = from.physOut;
    this.sabotageInDone = from.sabotageInDone;
    this.fragMaxSize = from.fragMaxSize;
    this.pieces = from.pieces;
    this.options = from.options;
    this.hops = from.hops;
    this.unknown = from.unknown;
    this.hash = from.hash;
  }

  #reallocate(headroom: number, allocator: SlabAllocator): void {
    const size = headroom + this.length;
    const at = allocator.reserve(size);
    const { slab } = allocator;
    const data = at + headroom;
    slab.bytes.set(this.slab.bytes.subarray(this.data, this.tail), data);
    const shift = data - this.data;
    this.slab = slab;
    this.view = slab.view;
    this.head = at;
    this.tail += shift;
    this.end = at + size;
    this.data = data;
    if (this.mac >= 0) this.mac += shift;
    if (this.network >= 0) this.network += shift;
    if (this.transport >= 0) this.transport += shift;
  }
}
