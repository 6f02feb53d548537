/** What somebody asks of the routing tables: the arguments of `ip route`, `ip rule` and `ip address`. */

import type { Ipv4Addr, Ipv4Prefix } from '../../packet/index.js';
import type { Cause, RouteType } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { RuleState, Scope } from '../host-state.js';

export interface NextHopSpec {
  readonly dev?: Device | undefined;
  readonly via?: Ipv4Addr | undefined;
  readonly onlink?: boolean | undefined;
  /** 1 to 256; 1 where absent. */
  readonly weight?: number | undefined;
}

/** A route to add. What is absent takes the default of `ip route add`. */
export interface RouteSpec {
  readonly destination: Ipv4Prefix;
  /** `unicast` where absent. */
  readonly type?: RouteType | undefined;
  /** Table `local` for local, broadcast and anycast routes, else `main`. */
  readonly table?: number | undefined;
  readonly tos?: number | undefined;
  readonly metric?: number | undefined;
  /** By type and gateway: host, link or global. */
  readonly scope?: Scope | undefined;
  /** `boot` where absent. */
  readonly protocol?: number | undefined;
  readonly prefSrc?: Ipv4Addr | undefined;
  readonly mtu?: number | undefined;
  readonly nextHops?: readonly NextHopSpec[] | undefined;
  readonly because?: readonly Cause[] | undefined;
}

/** Which route to delete: the first that has all that is said here (net/ipv4/fib_trie.c:fib_table_delete()). */
export interface RouteSelector {
  readonly destination: Ipv4Prefix;
  readonly type?: RouteType | undefined;
  readonly table?: number | undefined;
  readonly tos?: number | undefined;
  readonly metric?: number | undefined;
  readonly scope?: Scope | undefined;
  readonly protocol?: number | undefined;
  readonly prefSrc?: Ipv4Addr | undefined;
  readonly mtu?: number | undefined;
  readonly nextHops?: readonly NextHopSpec[] | undefined;
  /** RTA_MULTIPATH: they were given as `nexthop`, even where it is one. */
  readonly multipath?: boolean | undefined;
}

/**
 * NLM_F_CREATE, _EXCL, _REPLACE and _APPEND as `ip route` sets them: exclusive-create is `add`, create is
 * `prepend` (before equals), append puts it after equals, replace takes the place of the first equal, change
 * does so only if there is one.
 */
export type RouteMode = 'exclusive-create' | 'create' | 'append' | 'replace' | 'change';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A policy rule to add; what is absent matches everything. `from all lookup main` is `{}`. */
export type RuleSpec = Partial<RuleState>;

export interface AddressSpec {
  readonly address: Ipv4Addr;
  readonly prefixLength: number;
  readonly peer?: Ipv4Addr | undefined;
  readonly broadcast?: Ipv4Addr | undefined;
  /** `host` for 127.0.0.0/8, else `global`. */
  readonly scope?: Scope | undefined;
  /** The device's name where absent. */
  readonly label?: string | undefined;
  readonly noPrefixRoute?: boolean | undefined;
  readonly because?: readonly Cause[] | undefined;
}
