/** Which entries a deletion is about, in the words of conntrack(8). */

import type { Ipv4Addr } from '../../packet/index.js';
import { type CtEntry, type CtTuple, IPS } from './entry.js';

/** What is absent matches everything. */
export interface CtFilter {
  /** `-p`, as a number. */
  readonly protocol?: number;
  /** `-s`, `--orig-src`. */
  readonly source?: Ipv4Addr;
  /** `-d`, `--orig-dst`. */
  readonly destination?: Ipv4Addr;
  /** `-r`, `--reply-src`. */
  readonly replySource?: Ipv4Addr;
  /** `-q`, `--reply-dst`. */
  readonly replyDestination?: Ipv4Addr;
  /** `--sport`, `--orig-port-src`; for ICMP the identifier. */
  readonly sourcePort?: number;
  /** `--dport`, `--orig-port-dst`. */
  readonly destinationPort?: number;
  /** `--reply-port-src`. */
  readonly replySourcePort?: number;
  /** `--reply-port-dst`. */
  readonly replyDestinationPort?: number;
  /** `-n`, `-g`, `-j`. */
  readonly nat?: 'src' | 'dst' | 'any';
}

const same = <T>(wanted: T | undefined, value: T): boolean => wanted === undefined || wanted === value;

const originalMatches = (filter: CtFilter, original: CtTuple): boolean =>
  same(filter.protocol, original.protocol) &&
  same(filter.source, original.source) &&
  same(filter.destination, original.destination) &&
  same(filter.sourcePort, original.sourcePort) &&
  same(filter.destinationPort, original.destinationPort);

const replyMatches = (filter: CtFilter, reply: CtTuple): boolean =>
  same(filter.replySource, reply.source) &&
  same(filter.replyDestination, reply.destination) &&
  same(filter.replySourcePort, reply.sourcePort) &&
  same(filter.replyDestinationPort, reply.destinationPort);

const NAT_BITS = { src: IPS.srcNat, dst: IPS.dstNat, any: IPS.srcNat | IPS.dstNat } as const;

export function filterMatches(filter: CtFilter, entry: CtEntry): boolean {
  const { nat } = filter;
  return (
    originalMatches(filter, entry.original) &&
    replyMatches(filter, entry.reply) &&
    (nat === undefined || entry.has(NAT_BITS[nat]))
  );
}
