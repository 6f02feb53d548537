/**
 * A route as a table holds it: struct fib_alias with its fib_info and next hops (include/net/ip_fib.h).
 * Unlike the kernel's, a fib_info is not shared between routes; `sameInfo` says where it would be.
 */

import { INADDR_ANY, type Ipv4Addr, type Ipv4Prefix } from '../../packet/index.js';
import { type Cause, NO_CAUSE, type RouteType } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { Errno } from '../errors.js';
import type { Scope } from '../host-state.js';
import { formatRoute } from './format.js';
import { SCOPE } from './names.js';
import type { FibRoute, NextHop, RouteResult } from './types.js';

/** What ICMP told of the way to one destination (struct fib_nh_exception). */
export interface NextHopException {
  /** A learned path MTU. */
  readonly mtu: number | undefined;
  /** fnhe_mtu_locked: it was below min_pmtu, and is not looked for any more. */
  readonly mtuLocked: boolean;
  /** The first hop that a redirect named. */
  readonly gateway: Ipv4Addr | undefined;
  readonly expiresNs: number;
}

/** fib_props[].error (net/ipv4/fib_semantics.c): how a lookup ends on routes that lead nowhere. */
const REJECTIONS: Partial<Record<RouteType, Errno>> = {
  blackhole: 'EINVAL',
  unreachable: 'EHOSTUNREACH',
  prohibit: 'EACCES',
  throw: 'EAGAIN',
};

export const rejection = (type: RouteType): Errno | undefined => REJECTIONS[type];

export interface RouteNextHopFields {
  readonly dev: Device | undefined;
  readonly via: Ipv4Addr | undefined;
  readonly onlink: boolean;
  readonly weight: number;
  /** Scope of the route by which the gateway is reached; host where there is no gateway. */
  readonly scope: number;
}

export class RouteNextHop implements NextHop {
  readonly dev: Device | undefined;
  readonly via: Ipv4Addr | undefined;
  readonly onlink: boolean;
  readonly weight: number;
  readonly scope: number;
  /** What packets are sent to: `via`, unless that is an address of our own. */
  readonly gateway: Ipv4Addr | undefined;
  dead = false;
  /** fib_nh_upper_bound: flows whose hash is at most this go here, unless an earlier next hop takes them; -1 for none. */
  upperBound = -1;
  /** Whether it had no carrier when bounds were last drawn. */
  wasLinkdown = false;
  /** nh_saddr: the source that this next hop gives, as of `sourceGeneration`. */
  source: Ipv4Addr = INADDR_ANY;
  sourceGeneration = -1;
  exceptions: Map<Ipv4Addr, NextHopException> | undefined = undefined;
  /** nh_rth_input and nh_pcpu_rth_output: the last decisions, used again while they hold. */
  input: RouteResult | undefined = undefined;
  output: RouteResult | undefined = undefined;

  constructor(fields: RouteNextHopFields) {
    this.dev = fields.dev;
    this.via = fields.via;
    this.onlink = fields.onlink;
    this.weight = fields.weight;
    this.scope = fields.scope;
    this.gateway = fields.scope === SCOPE.link ? fields.via : undefined;
  }

  /** RTNH_F_LINKDOWN. The kernel keeps a flag; here the device is asked. */
  get linkdown(): boolean {
    if (this.dead) return true;
    return this.dev !== undefined && this.scope !== SCOPE.nowhere && !this.dev.carrier;
  }

  /** nh_comp(). */
  equals(other: RouteNextHop): boolean {
    return (
      this.dev === other.dev &&
      this.via === other.via &&
      this.onlink === other.onlink &&
      this.weight === other.weight &&
      this.scope === other.scope
    );
  }
}

export interface RouteFields {
  readonly table: number;
  readonly type: RouteType;
  readonly destination: Ipv4Prefix;
  readonly tos: number;
  readonly metric: number;
  readonly scope: Scope;
  readonly protocol: number;
  readonly prefSrc: Ipv4Addr | undefined;
  readonly mtu: number | undefined;
  readonly nextHops: readonly RouteNextHop[];
  readonly because: readonly Cause[] | undefined;
}

export class Route implements FibRoute {
  readonly table: number;
  readonly type: RouteType;
  readonly destination: Ipv4Prefix;
  readonly tos: number;
  readonly metric: number;
  readonly scope: Scope;
  readonly protocol: number;
  readonly prefSrc: Ipv4Addr | undefined;
  readonly mtu: number | undefined;
  readonly nextHops: readonly RouteNextHop[];
  readonly because: readonly Cause[];
  /** `scope` as a number, for comparison on the packet path. */
  readonly scopeNumber: number;
  readonly error: Errno | undefined;
  /** RTNH_F_DEAD: about to be flushed. */
  dead = false;
  /** fa_default: which of several equal default routes was taken last (fib_select_default()). */
  lastDefault = -1;

  constructor(fields: RouteFields) {
    this.table = fields.table;
    this.type = fields.type;
    this.destination = fields.destination;
    this.tos = fields.tos;
    this.metric = fields.metric;
    this.scope = fields.scope;
    this.protocol = fields.protocol;
    this.prefSrc = fields.prefSrc;
    this.mtu = fields.mtu;
    this.nextHops = fields.nextHops;
    this.because = fields.because ?? NO_CAUSE;
    this.scopeNumber = SCOPE[fields.scope];
    this.error = rejection(fields.type);
  }

  /** fib_find_info(): equal in all but the prefix and TOS. */
  sameInfo(other: Route): boolean {
    return (
      this.type === other.type &&
      this.table === other.table &&
      this.scope === other.scope &&
      this.protocol === other.protocol &&
      this.prefSrc === other.prefSrc &&
      this.metric === other.metric &&
      this.mtu === other.mtu &&
      this.nextHops.length === other.nextHops.length &&
      this.nextHops.every((nextHop, i) => {
        const counterpart = other.nextHops[i];
        return counterpart !== undefined && nextHop.equals(counterpart);
      })
    );
  }

  /** As `ip route show` prints it, on one line. */
  toString(): string {
    return formatRoute(this).replaceAll('\n\t', '').trimEnd();
  }
}
