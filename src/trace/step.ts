/**
 * The typed steps of a packet: one for every decision of the virtual kernel. Steps hold numbers and
 * references to what decided (a rule, a route); text is made only for what a reader asks for.
 */

import type { Ipv4Addr, Mac } from '../packet/index.js';
import type { Cause } from './cause.js';
import type { DropReason } from './drop-reason.js';

export type HookName = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
export type TableName = 'raw' | 'mangle' | 'nat' | 'filter' | 'security';

/** Anything programmed that can print itself as its tool prints it, and knows what caused it. */
export interface Programmed {
  toString(): string;
  readonly because: readonly Cause[];
}

/** What a rule, or the end of a chain, did with the packet. */
export type RuleOutcome = 'accept' | 'drop' | 'return' | 'jump' | 'goto' | 'continue' | 'queue' | 'stolen' | 'unknown';

export type ConntrackState = 'new' | 'established' | 'related' | 'invalid' | 'untracked';

/** One direction of a flow. For ICMP `sourcePort` is the identifier and `destinationPort` is type × 256 + code. */
export interface FlowTuple {
  readonly protocol: number;
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export type RouteType =
  | 'unicast'
  | 'local'
  | 'broadcast'
  | 'multicast'
  | 'anycast'
  | 'blackhole'
  | 'unreachable'
  | 'prohibit'
  | 'throw';

export type NeighbourState =
  | 'none'
  | 'incomplete'
  | 'reachable'
  | 'stale'
  | 'delay'
  | 'probe'
  | 'failed'
  | 'noarp'
  | 'permanent';

export type Step =
  /** A frame came in on a device. */
  | { readonly kind: 'receive'; readonly dev: string }
  /** A frame left through a device (after its header was written). */
  | { readonly kind: 'transmit'; readonly dev: string }
  /** A rule matched, or a built-in chain reached its policy (`rule` undefined). */
  | {
      readonly kind: 'rule';
      readonly hook: HookName;
      readonly table: TableName;
      readonly chain: string;
      /** Position in the chain, from 1; 0 for the policy or the implicit return. */
      readonly position: number;
      readonly rule: Programmed | undefined;
      readonly outcome: RuleOutcome;
      /** Chain that a jump or goto leads to. */
      readonly target?: string;
    }
  /** A table was walked and nothing in it matched but the policy; kept so that a reader sees it was asked. */
  | { readonly kind: 'table'; readonly hook: HookName; readonly table: TableName; readonly rulesTried: number }
  | {
      readonly kind: 'conntrack';
      readonly hook: HookName;
      readonly state: ConntrackState;
      readonly direction: 'original' | 'reply';
      readonly entry: Programmed | undefined;
      /** Why it is invalid or untracked. */
      readonly note?: string;
    }
  | {
      readonly kind: 'nat';
      readonly hook: HookName;
      readonly type: 'dnat' | 'snat';
      readonly before: FlowTuple;
      readonly after: FlowTuple;
    }
  | {
      readonly kind: 'route';
      readonly direction: 'input' | 'output';
      readonly destination: Ipv4Addr;
      readonly type: RouteType;
      readonly table: string;
      /** The winner as `ip route` prints it; undefined where no route matched. */
      readonly route: Programmed | undefined;
      readonly rule: Programmed | undefined;
      readonly dev: string | undefined;
      readonly gateway: Ipv4Addr | undefined;
      readonly source?: Ipv4Addr;
      readonly mtu?: number;
    }
  | {
      readonly kind: 'neighbour';
      readonly dev: string;
      readonly address: Ipv4Addr;
      readonly state: NeighbourState;
      readonly mac: Mac | undefined;
      readonly because: readonly Cause[];
      /** True where the packet waits for the answer. */
      readonly pending: boolean;
    }
  | {
      readonly kind: 'arp';
      readonly dev: string;
      readonly action: 'reply' | 'proxy-reply' | 'ignore' | 'learn';
      readonly address: Ipv4Addr;
      readonly note?: string;
    }
  | {
      readonly kind: 'bridge';
      readonly bridge: string;
      readonly action: 'forward' | 'flood' | 'local' | 'learn';
      readonly ports: readonly string[];
    }
  | {
      readonly kind: 'fdb';
      readonly dev: string;
      readonly mac: Mac;
      readonly remote: Ipv4Addr | undefined;
      readonly because: readonly Cause[];
    }
  | {
      readonly kind: 'encapsulate';
      readonly dev: string;
      readonly protocol: 'vxlan' | 'ipip';
      readonly source: Ipv4Addr;
      readonly destination: Ipv4Addr;
      readonly vni?: number;
    }
  | { readonly kind: 'decapsulate'; readonly dev: string; readonly protocol: 'vxlan' | 'ipip'; readonly vni?: number }
  | { readonly kind: 'forward'; readonly ttl: number }
  | { readonly kind: 'fragment'; readonly mtu: number; readonly pieces: number }
  | { readonly kind: 'reassemble'; readonly pieces: number; readonly complete: boolean }
  | {
      readonly kind: 'icmp';
      readonly type: number;
      readonly code: number;
      readonly to: Ipv4Addr;
      readonly sent: boolean;
      readonly note?: string;
    }
  /** A socket took it (or ICMP answered an echo request). */
  | {
      readonly kind: 'deliver';
      readonly protocol: number;
      readonly port: number;
      readonly note: string;
      readonly because: readonly Cause[];
    }
  /** A socket made it. */
  | { readonly kind: 'send'; readonly protocol: number; readonly note: string }
  /** A target that changes something but decides nothing (MARK, LOG, DSCP…), after the fact. */
  | {
      readonly kind: 'set';
      readonly field: 'mark' | 'connmark' | 'dscp' | 'log' | 'nflog' | 'notrack' | 'recent';
      readonly value: string;
    }
  | { readonly kind: 'link'; readonly from: string; readonly to: string; readonly delayNs: number }
  | { readonly kind: 'drop'; readonly reason: DropReason; readonly note?: string; readonly by?: Programmed };

export type StepKind = Step['kind'];
export type StepOf<K extends StepKind> = Extract<Step, { kind: K }>;

/** What a walk through the rules of a table tells, which may be told together. */
export type WalkStep = StepOf<'rule' | 'table' | 'set'>;
