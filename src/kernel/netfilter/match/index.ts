/** The matches that are modelled, by the name after `-m`. */

import type { MatchKind } from '../extension.js';
import { addrtype } from './addrtype.js';
import { comment } from './comment.js';
import { connlimit } from './connlimit.js';
import { connmark } from './connmark.js';
import { conntrack, state } from './conntrack.js';
import { icmp, icmp6 } from './icmp.js';
import { limit } from './limit.js';
import { mark } from './mark.js';
import { multiport } from './multiport.js';
import { nfacct } from './nfacct.js';
import { owner } from './owner.js';
import { physdev } from './physdev.js';
import { recent } from './recent.js';
import { rpfilter } from './rpfilter.js';
import { sctp } from './sctp.js';
import { set } from './set.js';
import { statistic } from './statistic.js';
import { tcp } from './tcp.js';
import { udp } from './udp.js';

const MATCHES = {
  addrtype,
  comment,
  connlimit,
  connmark,
  conntrack,
  icmp,
  icmp6,
  limit,
  mark,
  multiport,
  nfacct,
  owner,
  physdev,
  recent,
  rpfilter,
  sctp,
  set,
  state,
  statistic,
  tcp,
  udp,
} satisfies Record<string, MatchKind>;

const KINDS: ReadonlyMap<string, MatchKind> = new Map(Object.entries(MATCHES));

export const matchKind = (name: string): MatchKind | undefined => KINDS.get(name);

/** The match that `-p NAME` loads by itself when one of its options comes (xtables_find_proto()). */
export function protocolMatch(protocol: number): string | undefined {
  switch (protocol) {
    case 1:
      return 'icmp';
    case 6:
      return 'tcp';
    case 17:
      return 'udp';
    case 58:
      return 'icmp6';
    case 132:
      return 'sctp';
    default:
      return undefined;
  }
}
