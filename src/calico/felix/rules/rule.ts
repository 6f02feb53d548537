/**
 * Felix' rules as data, before they are spelled for iptables (or nftables): matches, actions, comments.
 * The order of matches and comments is part of a rule: its hash is taken over its text.
 * Counterpart: felix/generictables.
 */

import type { Cause } from '../../../trace/index.js';
import type { PortRange } from '../../policy/resources.js';

export type Direction = 'source' | 'destination';

/** What a match can be turned round to. */
interface Negatable {
  readonly not?: true;
}

export type Match =
  | ({ readonly kind: 'mark'; readonly value: number; readonly mask: number } & Negatable)
  | { readonly kind: 'interface'; readonly way: 'in' | 'out'; readonly name: string }
  | ({ readonly kind: 'ct-state'; readonly states: string } & Negatable)
  | ({ readonly kind: 'protocol'; readonly protocol: string | number } & Negatable)
  | ({ readonly kind: 'net'; readonly direction: Direction; readonly net: string } & Negatable)
  | ({
      readonly kind: 'ip-set';
      readonly direction: Direction;
      readonly set: string;
      readonly withPort?: true;
    } & Negatable)
  | ({ readonly kind: 'ports'; readonly direction: Direction; readonly ports: readonly PortRange[] } & Negatable)
  /** Without the multiport module: where only one port can be meant. */
  | { readonly kind: 'destination-port'; readonly port: number }
  | ({
      readonly kind: 'address-type';
      readonly direction: Direction;
      readonly type: 'LOCAL';
      readonly limitInterfaceOut?: true;
    } & Negatable)
  | ({ readonly kind: 'icmp' | 'icmpv6'; readonly type: number; readonly code?: number } & Negatable)
  /** Packets within a rate; no burst: iptables' own. */
  | { readonly kind: 'limit'; readonly rate: string; readonly burst: number }
  /** Reverse path check failed, the mark taken into account. */
  | { readonly kind: 'rpf-failed' };

export type Action =
  | { readonly kind: 'accept' | 'drop' | 'reject' | 'return' | 'no-track' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | { readonly kind: 'set-mark'; readonly value: number; readonly mask: number }
  /** As set-mark, in upstream's other spelling of nothing to set. */
  | { readonly kind: 'set-masked-mark'; readonly value: number; readonly mask: number }
  /** Marks packets within a rate. */
  | { readonly kind: 'limit-packet-rate'; readonly rate: number; readonly burst: number; readonly mark: number }
  /** Resets TCP connections above a number. */
  | { readonly kind: 'limit-connections'; readonly above: number }
  | { readonly kind: 'dscp'; readonly value: number }
  | { readonly kind: 'masquerade'; readonly toPorts?: string }
  | { readonly kind: 'snat' | 'dnat'; readonly to: string }
  | { readonly kind: 'log'; readonly prefix: string }
  /** Tells Felix' collector of flows. */
  | { readonly kind: 'nflog'; readonly group: number; readonly prefix: string };

export interface Rule {
  readonly match: readonly Match[];
  /** None: the rule only carries a comment. */
  readonly action?: Action;
  readonly comments: readonly string[];
  readonly because: readonly Cause[];
}

export interface Chain {
  readonly name: string;
  readonly rules: readonly Rule[];
}

export const ACCEPT: Action = { kind: 'accept' };
export const DROP: Action = { kind: 'drop' };
export const REJECT: Action = { kind: 'reject' };
export const RETURN: Action = { kind: 'return' };
export const NO_TRACK: Action = { kind: 'no-track' };
export const jump = (chain: string): Action => ({ kind: 'jump', chain });
export const goto = (chain: string): Action => ({ kind: 'goto', chain });
export const setMark = (bits: number): Action => ({ kind: 'set-mark', value: bits, mask: bits });
export const clearMark = (bits: number): Action => ({ kind: 'set-mark', value: 0, mask: bits });
export const setMaskedMark = (value: number, mask: number): Action => ({ kind: 'set-masked-mark', value, mask });

export const marked = (bits: number): Match => ({ kind: 'mark', value: bits, mask: bits });
export const notMarked = (bits: number): Match => ({ kind: 'mark', value: 0, mask: bits });
/** Any of the bits. */
export const someMarked = (bits: number): Match => ({ kind: 'mark', value: 0, mask: bits, not: true });
export const inInterface = (name: string): Match => ({ kind: 'interface', way: 'in', name });
export const outInterface = (name: string): Match => ({ kind: 'interface', way: 'out', name });
export const ctState = (states: string): Match => ({ kind: 'ct-state', states });
export const protocol = (name: string | number): Match => ({ kind: 'protocol', protocol: name });
export const inSet = (direction: Direction, set: string): Match => ({ kind: 'ip-set', direction, set });
export const notInSet = (direction: Direction, set: string): Match => ({ kind: 'ip-set', direction, set, not: true });
export const port = (direction: Direction, number: number): Match => ({
  kind: 'ports',
  direction,
  ports: [{ first: number, last: number }],
});
export const localAddress = (direction: Direction): Match => ({ kind: 'address-type', direction, type: 'LOCAL' });

/** The word for a deny action at the start of a comment. */
export const denyWord = (action: Action): string => (action.kind === 'reject' ? 'Reject' : 'Drop');

export const ESTABLISHED = 'RELATED,ESTABLISHED';
/** Protocols go by number where the kernel need not know the name. */
export const PROTO_IPIP = 4;
export const PROTO_UDP = 17;
export const PROTO_ICMPV6 = 58;
