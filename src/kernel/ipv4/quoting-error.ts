/** ICMP errors as those hear of them whose packets they quote. */

import type { Ipv4Addr } from '../../packet/index.js';
import type { Flow4 } from '../fib/index.js';
import type { Skb } from '../skb.js';

/** An ICMP error that came about a packet of ours. Offsets are into `view`. */
export interface QuotingError {
  readonly type: number;
  readonly code: number;
  /** MTU of a fragmentation-needed, else 0. */
  readonly mtu: number;
  /** Who sent it. */
  readonly from: Ipv4Addr;
  readonly view: DataView;
  /** The quoted IPv4 header. */
  readonly quoted: number;
  readonly end: number;
  readonly skb: Skb;
}

/** One for one of our sockets. */
export interface IcmpError extends QuotingError {
  /**
   * ipv4_sk_update_pmtu(), ipv4_sk_redirect(): whoever sent the quoted packet, by that device and with that mark, has the FIB
   * learn what the error says of the path's MTU or its first hop; nothing of other errors.
   */
  learn(sender: Pick<Flow4, 'oif' | 'mark'>): void;
}
