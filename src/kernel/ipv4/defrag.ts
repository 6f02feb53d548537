/**
 * Puts datagrams together again (RFC 791 §3.2, RFC 815; net/ipv4/ip_fragment.c): before connection tracking, and
 * before local delivery. Who asks is part of the key, so that one never takes another's fragments.
 */

import {
  ICMP_TIME_EXCEEDED_CODE,
  ICMP_TYPE,
  Ipv4,
  IPV4_DONT_FRAGMENT,
  type SlabAllocator,
} from '../../packet/index.js';
import type { DropReason, Step, Tracer } from '../../trace/index.js';
import { NS_PER_S, type Timer } from '../clock.js';
import type { Device } from '../device.js';
import type { Flow4, RouteResult } from '../fib/index.js';
import type { Mib } from '../mib.js';
import { HEADROOM, type Skb } from '../skb.js';
import type { NetnsSysctl } from '../sysctl.js';
import { type DefragUser, type Fragment, FragmentQueue } from './fragment-queue.js';

export type { DefragUser } from './fragment-queue.js';

/** What reassembly needs of its namespace: `Netns`, or a few lines of a test. */
export interface DefragContext {
  readonly emulation: {
    readonly clock: { schedule(delayNs: number, callback: () => void): Timer };
    readonly slabs: SlabAllocator;
    readonly tracer: Tracer | undefined;
  };
  readonly sysctl: { readonly values: Readonly<Record<NetnsSysctl, number>> };
  readonly mib: Mib;
  readonly devices: { at(ifindex: number): Device | undefined };
  readonly fib: { routeInput(flow: Flow4 & { iif: Device }): RouteResult | DropReason };
  readonly ipv4: { readonly icmp: { send(skb: Skb, type: number, code: number): void } };
  trace(skb: Skb, step: Step): void;
  drop(skb: Skb, reason: DropReason, note?: string): void;
}

/** RFC 791 §3.1: total length has 16 bits. */
const DATAGRAM_MAX = 65_535;
/** sizeof(struct ipq), and what a packet costs besides its octets: sk_buff and skb_shared_info. Differs: rounded. */
const QUEUE_MEMORY = 256;
const PACKET_MEMORY = 640;
/** Senders are counted as long as they have datagrams that wait. */
interface Peer {
  fragments: number;
  queues: number;
}

interface Fate {
  readonly reason: DropReason;
  readonly note: string;
}

/** frag_expire_skip_icmp(): a router does not answer for datagrams that are not to it (RFC 792). */
const ANSWERS_ONLY_IF_LOCAL: ReadonlySet<DefragUser> = new Set(['conntrack-in', 'conntrack-bridge-in']);

export class Defrag {
  readonly #context: DefragContext;
  readonly #queues = new Map<string, FragmentQueue>();
  readonly #peers = new Map<number, Peer>();
  #memory = 0;

  constructor(context: DefragContext) {
    this.#context = context;
  }

  /** Datagrams that wait for more. */
  get size(): number {
    return this.#queues.size;
  }

  /** Octets of memory in use, as counted against ipfrag_high_thresh. */
  get memory(): number {
    return this.#memory;
  }

  /**
   * ip_defrag(). 'complete': `skb` is now the whole datagram, with the first fragment's identity, header and mark, and
   * the largest fragment's size in `fragMaxSize`; with DF set it has to be cut into that size again (IPSKB_FRAG_PMTU).
   * 'queued': the fragment waits. Else the caller drops it for that reason.
   */
  gather(skb: Skb, user: DefragUser): 'complete' | 'queued' | DropReason {
    const header = new Ipv4(skb.view, skb.network);
    if (!header.isFragment) return 'complete';
    const { sysctl, mib } = this.#context;
    mib.IpReasmReqds += 1;
    const limit = sysctl.values['ipv4.ipfrag_high_thresh'];
    if (limit === 0 || this.#memory > limit) {
      mib.IpReasmFails += 1;
      return 'proto-mem';
    }
    const queue = this.#queueOf(header, user);
    this.#checkDistance(queue, header);
    return this.#add(queue, skb, header);
  }

  /** ip_find(). */
  #queueOf(header: Ipv4, user: DefragUser): FragmentQueue {
    const key = `${header.source} ${header.destination} ${header.identification} ${header.protocol} ${user}`;
    const known = this.#queues.get(key);
    if (known !== undefined) return known;
    const queue = new FragmentQueue(key, user);
    this.#startTimer(queue);
    this.#queues.set(key, queue);
    this.#memory += QUEUE_MEMORY;
    const peer = this.#peers.get(header.source) ?? { fragments: 0, queues: 0 };
    peer.queues += 1;
    this.#peers.set(header.source, peer);
    return queue;
  }

  #startTimer(queue: FragmentQueue): void {
    const timeoutNs = this.#context.sysctl.values['ipv4.ipfrag_time'] * NS_PER_S;
    queue.timer?.cancel();
    queue.timer = this.#context.emulation.clock.schedule(timeoutNs, () => this.#expire(queue));
  }

  /** ip_frag_too_far(): identifications come round again; what is older than so many fragments is another datagram. */
  #checkDistance(queue: FragmentQueue, header: Ipv4): void {
    const limit = this.#context.sysctl.values['ipv4.ipfrag_max_dist'];
    const peer = this.#peers.get(header.source);
    if (limit === 0 || peer === undefined) return;
    const start = queue.peerCount;
    peer.fragments += 1;
    queue.peerCount = peer.fragments;
    if (queue.isEmpty || peer.fragments - start <= limit) return;
    this.#context.mib.IpReasmFails += 1;
    this.#memory -= queue.memory;
    this.#startTimer(queue);
    for (const { skb } of queue.restart()) this.#context.drop(skb, 'frag-too-far');
  }

  /** ip_frag_queue(). */
  #add(queue: FragmentQueue, skb: Skb, header: Ipv4): 'complete' | 'queued' | DropReason {
    const offset = header.fragmentOffset;
    const { moreFragments, headerLength } = header;
    const there = offset + Math.min(skb.tail, header.end) - skb.network - headerLength;
    // Only the last fragment may end off a multiple of eight.
    const end = moreFragments ? there & ~7 : there;
    if (!fits(queue, { end, moreFragments }) || end === offset) {
      this.#discard(queue, header, { reason: 'not-specified', note: 'the fragments contradict each other' });
      return 'not-specified';
    }
    if (!moreFragments) queue.lastSeen = true;
    queue.length = Math.max(queue.length, end);

    const result = queue.insert({ skb, offset, end });
    if (result === 'duplicate') return 'dup-frag';
    if (result === 'overlap') {
      this.#context.mib.IpExtReasmOverlaps += 1;
      this.#discard(queue, header, { reason: 'dup-frag', note: 'fragments overlap' });
      return 'dup-frag';
    }
    skb.tail = skb.network + headerLength + end - offset;
    this.#note(queue, skb, header);
    if (!queue.isComplete) {
      this.#step(skb, queue.pieces, false);
      return 'queued';
    }
    return this.#reassemble(queue, skb, header);
  }

  #note(queue: FragmentQueue, skb: Skb, header: Ipv4): void {
    const memory = skb.tail - skb.network + PACKET_MEMORY;
    queue.memory += memory;
    this.#memory += memory;
    if (skb.dev !== undefined) queue.iif = skb.dev.ifindex;
    queue.ecnSeen |= 1 << header.ecn;
    if (header.fragmentOffset === 0) queue.firstSeen = true;
    const size = skb.tail - skb.network;
    queue.maxSize = Math.max(queue.maxSize, size);
    if (header.dontFragment) queue.maxDontFragmentSize = Math.max(queue.maxDontFragmentSize, size);
  }

  /** ip_frag_reasm(). */
  #reassemble(queue: FragmentQueue, skb: Skb, header: Ipv4): 'complete' | DropReason {
    const { fragments, ecn, pieces } = queue;
    const head = fragments[0];
    const length = queue.length + (head === undefined ? 0 : head.skb.ipv4.headerLength);
    if (head === undefined || ecn === undefined || length > DATAGRAM_MAX) {
      const note = ecn === undefined ? 'ECN in some fragments only' : 'reassembled longer than 65535 octets';
      this.#discard(queue, header, { reason: 'not-specified', note }, skb);
      return 'not-specified';
    }
    this.#context.mib.IpReasmOKs += 1;
    this.#forget(queue, header);
    join(this.#context.emulation.slabs, { into: skb, head: head.skb, fragments, length });
    adoptIdentity(skb, head.skb);
    skb.fragMaxSize = Math.max(queue.maxSize, queue.maxDontFragmentSize);
    // ip_frag_coalesce_ok(): nobody needs the boundaries of what is delivered here.
    skb.pieces = queue.user === 'local-deliver' ? undefined : fragments.map(({ offset, end }) => end - offset);

    const whole = skb.ipv4;
    whole.totalLength = length;
    whole.tos |= ecn;
    // Who wanted to learn the path's MTU from its fragments gets fragments of that size further on.
    whole.flagsAndOffset = queue.maxDontFragmentSize === queue.maxSize ? IPV4_DONT_FRAGMENT : 0;
    whole.fillChecksum();
    this.#step(skb, pieces, true);
    return 'complete';
  }

  /** ip_expire(). */
  #expire(queue: FragmentQueue): void {
    const { fragments } = queue;
    const first = fragments[0];
    this.#context.mib.IpReasmFails += 1;
    this.#context.mib.IpReasmTimeout += 1;
    if (first !== undefined) this.#forget(queue, first.skb.ipv4);
    if (first !== undefined && queue.firstSeen) this.#answer(first.skb, queue.iif, queue.user);
    for (const { skb } of fragments) this.#context.drop(skb, 'fragment-reasm-timeout');
  }

  #answer(head: Skb, ifindex: number, user: DefragUser): void {
    const { devices, fib, ipv4 } = this.#context;
    const dev = devices.at(ifindex);
    if (dev === undefined) return;
    const { source, destination, tos, protocol } = head.ipv4;
    const route = fib.routeInput({ source, destination, tos, protocol, mark: head.mark, iif: dev });
    if (typeof route === 'string') return;
    if (ANSWERS_ONLY_IF_LOCAL.has(user) && route.type !== 'local') return;
    head.dev = dev;
    head.route = route;
    ipv4.icmp.send(head, ICMP_TYPE.timeExceeded, ICMP_TIME_EXCEEDED_CODE.reassembly);
  }

  /** The queue ends; its fragments but `current`, whose fate the caller decides, are lost. */
  #discard(queue: FragmentQueue, header: Ipv4, { reason, note }: Fate, current?: Skb): void {
    this.#context.mib.IpReasmFails += 1;
    this.#forget(queue, header);
    for (const { skb } of queue.fragments) if (skb !== current) this.#context.drop(skb, reason, note);
  }

  /** inet_frag_kill(). */
  #forget(queue: FragmentQueue, header: Ipv4): void {
    queue.timer?.cancel();
    this.#queues.delete(queue.key);
    this.#memory -= QUEUE_MEMORY + queue.memory;
    const peer = this.#peers.get(header.source);
    if (peer === undefined) return;
    peer.queues -= 1;
    if (peer.queues === 0) this.#peers.delete(header.source);
  }

  #step(skb: Skb, pieces: number, complete: boolean): void {
    if (this.#context.emulation.tracer !== undefined)
      this.#context.trace(skb, { kind: 'reassemble', pieces, complete });
  }
}

/** Nothing lies behind the last fragment, and there is only one end. */
const fits = (queue: FragmentQueue, { end, moreFragments }: { end: number; moreFragments: boolean }): boolean => {
  if (moreFragments) return end <= queue.length || !queue.lastSeen;
  return end >= queue.length && (!queue.lastSeen || end === queue.length);
};

interface Join {
  readonly into: Skb;
  readonly head: Skb;
  readonly fragments: readonly Fragment[];
  /** Of the datagram, header included. */
  readonly length: number;
}

/** New octets for `into`: the head's link-layer and IPv4 headers, then all payloads. */
function join(slabs: SlabAllocator, { into, head, fragments, length }: Join): void {
  const linkLength = head.mac < 0 ? 0 : head.network - head.mac;
  const start = slabs.reserve(HEADROOM + linkLength + length);
  const { slab } = slabs;
  const network = start + HEADROOM + linkLength;
  const { headerLength } = head.ipv4;
  slab.bytes.set(
    head.slab.bytes.subarray(head.network - linkLength, head.network + headerLength),
    network - linkLength,
  );
  for (const { skb, offset, end } of fragments) {
    const payload = skb.network + skb.ipv4.headerLength;
    slab.bytes.set(skb.slab.bytes.subarray(payload, payload + end - offset), network + headerLength + offset);
  }
  into.slab = slab;
  into.view = slab.view;
  into.head = start;
  into.mac = head.mac < 0 ? -1 : network - linkLength;
  into.network = network;
  into.transport = network + headerLength;
  into.data = network;
  into.tail = network + length;
  into.end = network + length;
}

/** What the whole takes over from its first fragment (skb_morph()). */
function adoptIdentity(skb: Skb, head: Skb): void {
  skb.id = head.id;
  skb.parent = head.parent;
  skb.protocol = head.protocol;
  skb.packetType = head.packetType;
  skb.iif = head.iif;
  skb.mark = head.mark;
  skb.priority = head.priority;
  skb.hash = head.hash;
  skb.hops = Math.max(skb.hops, head.hops);
}
