/** A tracked connection (struct nf_conn, include/net/netfilter/nf_conntrack.h) and the words for it. */

import type { Ipv4Addr } from '../../packet/index.js';

/** enum ip_conntrack_info, with NULL as `invalid` and IP_CT_UNTRACKED as `untracked`. */
export type CtInfo =
  | 'new'
  | 'established'
  | 'related'
  | 'established-reply'
  | 'related-reply'
  | 'invalid'
  | 'untracked';

/** enum ip_conntrack_dir. */
export type CtDirection = 'original' | 'reply';

/** struct nf_conntrack_tuple: for ICMP, `sourcePort` is the identifier, `destinationPort` type × 256 + code. */
export interface CtTuple {
  source: Ipv4Addr;
  destination: Ipv4Addr;
  protocol: number;
  sourcePort: number;
  destinationPort: number;
}

/** enum ip_conntrack_status bits, include/uapi/linux/netfilter/nf_conntrack_common.h. */
export const IPS = {
  expected: 1 << 0,
  seenReply: 1 << 1,
  assured: 1 << 2,
  confirmed: 1 << 3,
  srcNat: 1 << 4,
  dstNat: 1 << 5,
  seqAdjust: 1 << 6,
  srcNatDone: 1 << 7,
  dstNatDone: 1 << 8,
  dying: 1 << 9,
  fixedTimeout: 1 << 10,
  /** Lost a race for its original tuple: found by its replies only, and for one second. */
  natClash: 1 << 12,
} as const;

export interface CtCounters {
  packets: number;
  bytes: number;
}

/** What each direction has counted. */
export interface CtBothCounters {
  readonly original: CtCounters;
  readonly reply: CtCounters;
}

/** Of the entries that count nothing; nobody writes into it. */
const NO_COUNTERS: CtBothCounters = Object.freeze({
  original: Object.freeze({ packets: 0, bytes: 0 }),
  reply: Object.freeze({ packets: 0, bytes: 0 }),
});

/** Protocol state: TCP, SCTP and whether a UDP flow became a stream. The protocol's own file reads it. */
export interface CtProtocolState {
  /** `SYN_SENT`, `ESTABLISHED`… for TCP and SCTP, as `conntrack -L` prints it; '' elsewhere. */
  readonly state: string;
}

export class CtEntry {
  /** Both directions; NAT replaces `reply` as long as the entry is not confirmed, and nobody writes into either. */
  readonly original: CtTuple;
  reply: CtTuple;
  status = 0;
  mark = 0;
  /** Virtual time at which it expires. Before confirmation: the timeout that it will get. */
  expiresNs = 0;
  /** The connection that this one belongs to (RELATED by expectation), else undefined. */
  master: CtEntry | undefined = undefined;
  readonly id: number;
  /** All zero where nothing is counted. */
  counters: CtBothCounters = NO_COUNTERS;
  protocolState: CtProtocolState;
  /** nat->masq_index: the device that MASQUERADE took the address of, 0 for none. */
  masqueradeIndex = 0;
  /** The next older entry of the same bucket by original source (nat_bysource). */
  nextBySource: CtEntry | undefined = undefined;

  constructor(id: number, tuples: { original: CtTuple; reply: CtTuple }, protocolState: CtProtocolState) {
    this.id = id;
    this.original = tuples.original;
    this.reply = tuples.reply;
    this.protocolState = protocolState;
  }

  has(bit: number): boolean {
    return (this.status & bit) !== 0;
  }

  /** Packets and bytes are counted (nf_conntrack_acct was on when it began). */
  get accounted(): boolean {
    return this.counters !== NO_COUNTERS;
  }

  /** nf_ct_acct_ext_add(). */
  startAccounting(): void {
    this.counters = { original: { packets: 0, bytes: 0 }, reply: { packets: 0, bytes: 0 } };
  }

  tuple(direction: CtDirection): CtTuple {
    return direction === 'original' ? this.original : this.reply;
  }
}

/** CTINFO2DIR: whether the packet goes against the direction of the connection's first packet. */
export const isReply = (info: CtInfo): boolean => info === 'established-reply' || info === 'related-reply';

/** CTINFO2DIR. */
export const directionOf = (info: CtInfo): CtDirection => (isReply(info) ? 'reply' : 'original');

export const opposite = (direction: CtDirection): CtDirection => (direction === 'original' ? 'reply' : 'original');
