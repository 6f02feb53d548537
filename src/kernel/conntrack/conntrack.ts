/**
 * Connection tracking of a namespace (net/netfilter/nf_conntrack_core.c).
 *
 *     PREROUTING, OUTPUT (-200)   track()    finds or makes the entry, asks the protocol's tracker
 *     INPUT, POSTROUTING (last)   confirm()  puts a new entry into the table, once its packet got through
 *
 * Between the two a new entry belongs to its packet alone; NAT may still change its reply tuple. No helpers: nothing
 * is RELATED but ICMP errors.
 */

import { IP_PROTOCOL, Ipv4 } from '../../packet/index.js';
import type { ConntrackState, HookName } from '../../trace/index.js';
import { NS_PER_S } from '../clock.js';
import type { NfVerdict } from '../netfilter/hook.js';
import type { Skb } from '../skb.js';
import { ConnectionStore, canMerge } from './connection-store.js';
import type { ConntrackContext } from './context.js';
import { CtEntry, type CtInfo, type CtTuple, directionOf, IPS, isReply } from './entry.js';
import { type CtFilter, filterMatches } from './filter.js';
import { emptyStatistics, type FormatOptions, formatEntry } from './format.js';
import { GenericTracker, GreTracker } from './generic.js';
import { IcmpTracker } from './icmp.js';
import { classifyIcmp } from './icmp-error.js';
import { Nat } from './nat/nat.js';
import { readTuple, transportOffset } from './packet-tuple.js';
import { type CtPacket, type ProtocolTracker, verifiesChecksums } from './protocol.js';
import { SctpTracker } from './sctp.js';
import { CtSnapshot } from './snapshot.js';
import { TcpTracker } from './tcp.js';
import { copyTuple, emptyTuple, hashTuple, inverted } from './tuple.js';
import type { TupleHash } from './tuple-table.js';
import { UdpTracker } from './udp.js';

/** A second entry for one original tuple lives this long (nf_ct_resolve_clash_harder()). */
const CLASH_TIMEOUT_NS = NS_PER_S;

/** Protocols whose checksums conntrack looks at, and __skb_checksum_complete() remembers. */
const SUMMED: ReadonlySet<number> = new Set([IP_PROTOCOL.tcp, IP_PROTOCOL.udp, IP_PROTOCOL.icmp]);

const TABLE_FULL = 'nf_conntrack: table full, dropping packet';

const STATES: Readonly<Record<CtInfo, ConntrackState>> = {
  new: 'new',
  established: 'established',
  'established-reply': 'established',
  related: 'related',
  'related-reply': 'related',
  invalid: 'invalid',
  untracked: 'untracked',
};

export class Conntrack {
  /** Something in this namespace asks for tracking: a nat table, a conntrack match… Set by whoever loads rules. */
  active = false;
  readonly statistics = emptyStatistics();
  readonly nat: Nat;
  readonly #context: ConntrackContext;
  readonly #store: ConnectionStore;
  readonly #generic: ProtocolTracker;
  readonly #trackers: (ProtocolTracker | undefined)[] = Array.from({ length: 256 }, () => undefined);
  readonly #tuple: CtTuple = emptyTuple();
  #nextId = 1;

  constructor(context: ConntrackContext) {
    this.#context = context;
    this.#store = new ConnectionStore(context.emulation.clock);
    this.#generic = new GenericTracker(context);
    const trackers = [TcpTracker, UdpTracker, IcmpTracker, SctpTracker, GreTracker];
    for (const Tracker of trackers) {
      const tracker = new Tracker(context);
      this.#trackers[tracker.protocol] = tracker;
    }
    this.nat = new Nat(context, this.#store, this.statistics);
  }

  /** nf_conntrack_count. */
  get count(): number {
    return this.#store.size;
  }

  /**
   * nf_conntrack_in(), for a whole datagram with `data` at the network header: sets skb.ct, skb.ctInfo, skb.ctSeen.
   * On 'drop' the packet has been dropped, with its note.
   */
  track(hook: HookName, skb: Skb): NfVerdict {
    // Seen before: looped back, or somebody wants it untracked.
    if (skb.ct !== undefined || (skb.ctSeen && skb.ctInfo === 'untracked')) return 'accept';
    skb.ctSeen = true;
    skb.ctInfo = 'invalid';
    const ipv4 = new Ipv4(skb.view, skb.network);
    // A socket that sends fragments of its own (ipv4_conntrack_local()).
    if (hook === 'output' && ipv4.isFragment) return 'accept';

    const end = Math.min(skb.tail, ipv4.end);
    const transport = transportOffset(ipv4, end);
    const packet: CtPacket = { view: skb.view, hook, ipv4, transport, end, direction: 'original', note: '' };
    if (SUMMED.has(ipv4.protocol) && verifiesChecksums(this.#context, packet)) skb.summed = true;
    if (transport < 0) {
      packet.note = 'no transport header';
      this.statistics.invalid += 1;
    } else if (!this.#trackIcmpError(skb, packet) && !this.#trackPacket(skb, packet)) {
      this.statistics.drop += 1;
      this.#context.drop(skb, 'netfilter-drop', TABLE_FULL);
      return 'drop';
    }
    if (this.#context.emulation.tracer !== undefined) this.#trace(skb, packet);
    return 'accept';
  }

  /** nf_conntrack_confirm(): 'drop' where another packet was faster with the same tuple; it has been dropped then. */
  confirm(skb: Skb): NfVerdict {
    const entry = skb.ct;
    if (entry === undefined || entry.has(IPS.confirmed) || isReply(skb.ctInfo)) return 'accept';
    if (entry.has(IPS.dying)) {
      this.statistics.insertFailed += 1;
      return this.#drop(skb, 'nf_conntrack: the entry was deleted before its first packet got through');
    }
    const other = this.#store.find(entry.original) ?? this.#store.find(entry.reply);
    if (other !== undefined) return this.#resolveClash(skb, entry, other.entry);
    this.#settle(entry);
    this.#store.insert(entry);
    return 'accept';
  }

  /** NOTRACK: the packet stays without a connection. */
  setUntracked(skb: Skb): void {
    skb.ct = undefined;
    skb.ctInfo = 'untracked';
    skb.ctSeen = true;
  }

  /**
   * nf_conntrack_attach(): `answer`, made here because of `skb`, is related to the same connection. That of an untracked packet is
   * related, and to none: the conntrack match calls it INVALID, and NOTRACK passes over it.
   */
  attach(answer: Skb, skb: Skb): void {
    if (skb.ct === undefined) {
      if (!skb.ctSeen || skb.ctInfo !== 'untracked') return;
      answer.ctSeen = true;
      answer.ctInfo = 'related';
      return;
    }
    answer.ct = skb.ct;
    answer.ctInfo = isReply(skb.ctInfo) ? 'related' : 'related-reply';
    answer.ctSeen = true;
  }

  /** nf_ct_set_closing(): the packet's connection is reset by a rule. */
  setClosing({ ct }: Skb): void {
    if (ct !== undefined) this.#trackers[ct.original.protocol]?.setClosing?.(ct);
  }

  /** The connection and the direction of a tuple, or undefined. */
  lookup(tuple: CtTuple): TupleHash | undefined {
    return this.#store.find(tuple);
  }

  /** What `conntrack -L` lists, oldest first. */
  entries(filter: CtFilter = {}): CtEntry[] {
    return this.#store.entries().filter((entry) => !entry.has(IPS.natClash) && filterMatches(filter, entry));
  }

  /** What was deleted. */
  delete(filter: CtFilter): CtEntry[] {
    const entries = this.entries(filter);
    for (const entry of entries) this.kill(entry);
    return entries;
  }

  /** `conntrack -D`: of one that is in the table. */
  kill(entry: CtEntry): void {
    this.#store.kill(entry);
  }

  /** `conntrack -F`. */
  flush(): void {
    this.#store.clear();
  }

  /** The entry as it is now. */
  snapshot(entry: CtEntry): CtSnapshot {
    const { nowNs } = this.#context.emulation.clock;
    return new CtSnapshot(entry, entry.has(IPS.confirmed) ? entry.expiresNs - nowNs : entry.expiresNs);
  }

  /** A line of `conntrack -L`. */
  format(entry: CtEntry, options: FormatOptions = {}): string {
    return formatEntry(this.snapshot(entry), options);
  }

  /** nf_conntrack_handle_icmp(): true where nothing is left to do. */
  #trackIcmpError(skb: Skb, packet: CtPacket): boolean {
    if (packet.ipv4.protocol !== IP_PROTOCOL.icmp) return false;
    const result = classifyIcmp(packet, this.#store, verifiesChecksums(this.#context, packet));
    if (result === 'question') return false;
    if ('invalid' in result) {
      packet.note = result.invalid;
      this.statistics.error += 1;
      return true;
    }
    skb.ct = result.entry;
    skb.ctInfo = result.direction === 'original' ? 'related' : 'related-reply';
    return true;
  }

  /** resolve_normal_ct() and the tracker; false where the table is full. */
  #trackPacket(skb: Skb, packet: CtPacket): boolean {
    const tuple = this.#tuple;
    if (!readTuple(tuple, packet.ipv4, packet.transport, packet.end)) {
      this.#invalid(packet, 'no room for ports');
      return true;
    }
    const hash = hashTuple(tuple);
    const tracker = this.#trackers[tuple.protocol] ?? this.#generic;
    for (;;) {
      const found = this.#store.find(tuple, hash);
      const entry = found?.entry ?? this.#begin(tracker, packet, hash);
      if (typeof entry === 'string') return entry === 'invalid';
      const info = found === undefined ? 'new' : infoOf(found);
      packet.direction = found?.direction ?? 'original';
      const verdict = tracker.packet(entry, packet);
      switch (verdict) {
        case 'repeat':
          this.#store.kill(entry);
          continue;
        case 'invalid':
          this.statistics.invalid += 1;
          return true;
        case 'kill':
          this.#store.kill(entry);
          break;
        case 'accept':
      }
      skb.ct = entry;
      skb.ctInfo = info;
      if (info === 'established-reply') entry.status |= IPS.seenReply;
      return true;
    }
  }

  /** init_conntrack(). */
  #begin(tracker: ProtocolTracker, packet: CtPacket, hash: number): CtEntry | 'invalid' | 'full' {
    const original = copyTuple(this.#tuple);
    const reply = inverted(original);
    if (reply === undefined) {
      this.#invalid(packet, `nothing answers ICMP type ${original.destinationPort >>> 8}`);
      return 'invalid';
    }
    if (!this.#makeRoom(hash)) return 'full';
    const entry = new CtEntry(this.#nextId++, { original, reply }, tracker.initialState());
    if (this.#context.sysctl.values['netfilter.nf_conntrack_acct'] !== 0) entry.startAccounting();
    return entry;
  }

  /** __nf_conntrack_alloc(). Differs: what has expired goes first, where the kernel leaves that to a worker. */
  #makeRoom(hash: number): boolean {
    const limit = this.#context.sysctl.values['netfilter.nf_conntrack_max'];
    if (limit === 0 || this.#store.size < limit) return true;
    this.#store.sweep();
    if (this.#store.size < limit) return true;
    const dropped = this.#store.earlyDrop(hash);
    this.statistics.earlyDrop += dropped;
    return dropped > 0;
  }

  #invalid(packet: CtPacket, why: string): void {
    packet.note = why;
    this.statistics.invalid += 1;
  }

  /** The timeout counts from now on. */
  #settle(entry: CtEntry): void {
    entry.expiresNs += this.#context.emulation.clock.nowNs;
    entry.status |= IPS.confirmed;
  }

  /**
   * nf_ct_resolve_clash(): two first packets were on their way at once. Of one flow, the later one takes the
   * other's entry; with different NAT its own entry is kept for replies only; else the packet is lost.
   */
  #resolveClash(skb: Skb, entry: CtEntry, winner: CtEntry): NfVerdict {
    const { statistics } = this;
    if ((this.#trackers[entry.original.protocol] ?? this.#generic).allowClash) {
      const rival = this.#store.find(entry.reply)?.entry;
      const same = [winner, rival].find((other) => other !== undefined && canMerge(other, entry));
      if (same !== undefined) {
        mergeCounters(same, entry, skb);
        skb.ct = same;
        statistics.clashResolve += 1;
        return 'accept';
      }
      if (rival === undefined) {
        entry.expiresNs = CLASH_TIMEOUT_NS;
        entry.status |= IPS.fixedTimeout | IPS.natClash;
        this.#settle(entry);
        this.#store.insertReplyOnly(entry);
        statistics.clashResolve += 1;
        return 'accept';
      }
    }
    entry.status |= IPS.dying;
    statistics.insertFailed += 1;
    statistics.drop += 1;
    return this.#drop(skb, 'nf_conntrack: another connection has taken the same tuple');
  }

  #drop(skb: Skb, note: string): 'drop' {
    this.#context.drop(skb, 'netfilter-drop', note);
    return 'drop';
  }

  #trace(skb: Skb, packet: CtPacket): void {
    this.#context.trace(skb, {
      kind: 'conntrack',
      hook: packet.hook,
      state: STATES[skb.ctInfo],
      direction: directionOf(skb.ctInfo),
      entry: skb.ct === undefined ? undefined : this.snapshot(skb.ct),
      ...(packet.note === '' ? {} : { note: packet.note }),
    });
  }
}

/** The packet's relation to a connection that is in the table. */
function infoOf({ direction, entry }: TupleHash): CtInfo {
  if (direction === 'reply') return 'established-reply';
  if (entry.has(IPS.seenReply)) return 'established';
  return entry.has(IPS.expected) ? 'related' : 'new';
}

/** nf_ct_acct_merge(). */
function mergeCounters(winner: CtEntry, loser: CtEntry, skb: Skb): void {
  if (!winner.accounted || !loser.accounted) return;
  const direction = isReply(skb.ctInfo) ? 'reply' : 'original';
  winner.counters[direction].packets += 1;
  winner.counters[direction].bytes += loser.counters[direction].bytes;
}
