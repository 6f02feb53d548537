/** What a NAT target asks for (struct nf_nat_range2, include/uapi/linux/netfilter/nf_nat.h). */

import type { Ipv4Addr } from '../../../packet/index.js';
import type { HookName } from '../../../trace/index.js';
import { type CtDirection, IPS } from '../entry.js';

/** NF_NAT_RANGE_*. */
export const NAT_RANGE = {
  /** minAddr to maxAddr are meant. */
  mapIps: 1 << 0,
  /** minPort to maxPort are meant. */
  protoSpecified: 1 << 1,
  /** `--random`. */
  random: 1 << 2,
  /** `--persistent`: a client has the same address towards all destinations. */
  persistent: 1 << 3,
  /** `--random-fully`. */
  randomFully: 1 << 4,
  /** `--to-destination :min-max/base`: ports shifted from basePort. */
  protoOffset: 1 << 5,
} as const;

export interface NatRange {
  /** NAT_RANGE bits. An address or a port without its bit is not looked at. */
  readonly flags: number;
  readonly minAddr?: Ipv4Addr;
  /** Absent: minAddr. */
  readonly maxAddr?: Ipv4Addr;
  /** A port, or an ICMP identifier. */
  readonly minPort?: number;
  /** Absent: minPort. */
  readonly maxPort?: number;
  readonly basePort?: number;
}

/** NF_NAT_MANIP_SRC and _DST: which half of the original direction's packets changes. */
export type NatManip = 'src' | 'dst';

/** HOOK2MANIP: destinations change before routing, sources behind it. */
export const manipOf = (hook: HookName): NatManip => (hook === 'postrouting' || hook === 'input' ? 'src' : 'dst');

export const otherManip = (manip: NatManip): NatManip => (manip === 'src' ? 'dst' : 'src');

/** The bit that says that set-up for this half is over, whatever came of it. */
export const doneBit = (manip: NatManip): number => (manip === 'src' ? IPS.srcNatDone : IPS.dstNatDone);

/** The bit that says that packets of `direction` change in this half: replies change in the other one. */
export const natBit = (manip: NatManip, direction: CtDirection): number =>
  (manip === 'src') === (direction === 'original') ? IPS.srcNat : IPS.dstNat;
