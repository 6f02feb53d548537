/** What a route lookup is asked and what it answers. */

import type { Ipv4Addr, Ipv4Prefix } from '../../packet/index.js';
import type { Cause, Programmed, RouteType } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { Errno } from '../errors.js';
import type { Scope } from '../host-state.js';

/** One next hop of a route (struct fib_nh). */
export interface NextHop {
  /** Undefined only for route types without a device (blackhole…). */
  readonly dev: Device | undefined;
  readonly via: Ipv4Addr | undefined;
  readonly onlink: boolean;
  readonly weight: number;
  /** RTNH_F_DEAD: its device went down, or lost its last address, and other next hops keep the route alive. */
  readonly dead?: boolean;
  /** RTNH_F_LINKDOWN: its device has no carrier. */
  readonly linkdown?: boolean;
}

/** A route of a table (struct fib_alias with its fib_info). Prints as `ip route` does. */
export interface FibRoute extends Programmed {
  readonly table: number;
  readonly type: RouteType;
  readonly destination: Ipv4Prefix;
  readonly tos: number;
  readonly metric: number;
  readonly scope: Scope;
  readonly protocol: number;
  readonly prefSrc: Ipv4Addr | undefined;
  readonly mtu: number | undefined;
  readonly nextHops: readonly NextHop[];
  readonly because: readonly Cause[];
}

/** struct flowi4. */
export interface Flow4 {
  readonly destination: Ipv4Addr;
  /** 0.0.0.0: not chosen yet. */
  readonly source: Ipv4Addr;
  readonly tos?: number | undefined;
  readonly mark?: number | undefined;
  /** Device of arrival; undefined for locally made packets. */
  readonly iif?: Device | undefined;
  /** Device that the sender is bound to. */
  readonly oif?: Device | undefined;
  readonly protocol?: number | undefined;
  readonly sourcePort?: number | undefined;
  readonly destinationPort?: number | undefined;
  /** flowi4_multipath_hash: mixed into what ECMP hashes, by tunnels. */
  readonly hash?: number | undefined;
  /** Whose addresses ECMP hashes instead of these: of the packet that an ICMP error is about. */
  readonly hashedAs?: { readonly source: Ipv4Addr; readonly destination: Ipv4Addr } | undefined;
  /** FLOWI_FLAG_ANYSRC: the source need not be an address of ours (transparent sockets, re-routing after NAT). */
  readonly anySource?: boolean | undefined;
}

/** struct fib_result: which route the tables give, before sources, martians or ICMP are thought of. */
export interface FibResult {
  readonly type: RouteType;
  /** Undefined where a rule decided (`ip rule add blackhole`). */
  readonly route: FibRoute | undefined;
  /** Undefined for blackhole and its like. The first that can be used; ECMP chooses later. */
  readonly nextHop: NextHop | undefined;
  /** Table of the route, or that the rule names; 0 for a rule without one. */
  readonly table: number;
  readonly rule: Programmed | undefined;
  /** EINVAL, EHOSTUNREACH, EACCES… for blackhole and its like. */
  readonly error: Errno | undefined;
}

/** struct rtable: the decision for one packet. */
export interface RouteResult {
  readonly type: RouteType;
  /** Leaves by this device; for `local` the device it is delivered through. Undefined for blackhole and its like. */
  readonly dev: Device | undefined;
  /** Next hop address, or undefined where the destination is on the link. */
  readonly gateway: Ipv4Addr | undefined;
  /** Source that a locally made packet takes. */
  readonly source: Ipv4Addr;
  /** Route's MTU, a learned path MTU, or the device's. */
  readonly mtu: number;
  /** ip_mtu_locked(): nobody looks for the path's MTU. */
  readonly mtuLocked: boolean;
  readonly route: FibRoute | undefined;
  /** RTCF_DOREDIRECT: the packet leaves by the device it came from, to a neighbour of the sender. */
  readonly redirect: boolean;
  /** dst.error: why there is no way (types blackhole, unreachable, prohibit). ICMP is chosen by it (ip_error()). */
  readonly error?: Errno | undefined;
  /** The policy rule that led to the route. */
  readonly rule?: Programmed | undefined;
  /** DST_FAKE_RTABLE: of what only crosses a bridge; nobody looked it up. */
  readonly fake?: true;
}
