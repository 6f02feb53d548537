/**
 * What ICMP told of the way to one destination (struct fib_nh_exception, net/ipv4/route.c): a path MTU, a better first hop; and
 * how long a packet may be on its way.
 */

import type { Ipv4Addr } from '../../packet/index.js';
import type { Clock } from '../clock.js';
import { NS_PER_S } from '../clock.js';
import type { Device } from '../device.js';
import type { Sysctls } from '../sysctl.js';
import type { NextHopException, Route, RouteNextHop } from './route.js';

/** IP_MAX_MTU. */
const IP_MAX_MTU = 0xffff;
/** ip_rt_mtu_expires: ten minutes. */
const MTU_EXPIRES_NS = 600 * NS_PER_S;
/** ip_rt_gc_timeout. */
const REDIRECT_EXPIRES_NS = 300 * NS_PER_S;

/** find_exception(): what was learned for that destination and still holds. */
export function learned(
  nextHop: RouteNextHop | undefined,
  destination: Ipv4Addr,
  clock: Clock,
): NextHopException | undefined {
  const exception = nextHop?.exceptions?.get(destination);
  return exception !== undefined && exception.expiresNs > clock.nowNs ? exception : undefined;
}

/** The part of ip_dst_mtu_maybe_forward() that looks no further than the first hop. */
export const firstHopMtu = (route: Route | undefined, dev: Device): number =>
  Math.min(route?.mtu ?? dev.mtu, IP_MAX_MTU);

/** ipv4_mtu(): for packets that are made here a learned path MTU comes first. */
export function outputMtu(
  nextHop: RouteNextHop | undefined,
  route: Route | undefined,
  to: { readonly dev: Device; readonly destination: Ipv4Addr; readonly clock: Clock },
): number {
  return learned(nextHop, to.destination, to.clock)?.mtu ?? firstHopMtu(route, to.dev);
}

/**
 * __ip_rt_update_pmtu(): all next hops of the route learn it, since any of them may carry the next packet. One below min_pmtu is
 * raised to it, and locked: what is sent from then on may be cut.
 */
export function learnMtu(
  route: Route,
  nextHop: RouteNextHop,
  told: { readonly destination: Ipv4Addr; readonly mtu: number; readonly clock: Clock; readonly sysctl: Sysctls },
): void {
  const { destination, clock, sysctl } = told;
  if (nextHop.dev === undefined) return;
  const known = learned(nextHop, destination, clock);
  const present = known?.mtu ?? firstHopMtu(route, nextHop.dev);
  if (known?.mtuLocked === true || present < told.mtu) return;
  const least = sysctl.values['ipv4.route.min_pmtu'];
  const mtuLocked = told.mtu < least;
  const mtu = mtuLocked ? Math.min(present, least) : told.mtu;
  if (known?.mtu === mtu && !mtuLocked && clock.nowNs < known.expiresNs - MTU_EXPIRES_NS / 2) return;
  const expiresNs = clock.nowNs + MTU_EXPIRES_NS;
  for (const each of route.nextHops) {
    const gateway = learned(each, destination, clock)?.gateway;
    keep(each, destination, { mtu, mtuLocked, gateway, expiresNs });
  }
}

/** __ip_do_redirect(): from now on packets of that next hop to `destination` go to `gateway` first. */
export function learnGateway(
  nextHop: RouteNextHop,
  told: { readonly destination: Ipv4Addr; readonly gateway: Ipv4Addr; readonly clock: Clock },
): void {
  const { destination, gateway, clock } = told;
  const known = learned(nextHop, destination, clock);
  const expiresNs = clock.nowNs + REDIRECT_EXPIRES_NS;
  keep(nextHop, destination, { mtu: known?.mtu, mtuLocked: known?.mtuLocked ?? false, gateway, expiresNs });
}

/** update_or_create_fnhe(). */
function keep(nextHop: RouteNextHop, destination: Ipv4Addr, exception: NextHopException): void {
  nextHop.exceptions ??= new Map();
  nextHop.exceptions.set(destination, exception);
}

/**
 * fib_nhc_update_mtu(): the device's MTU went from `before` to what it is now. Exceptions above it come down;
 * those that it had limited go up with it.
 */
export function deviceMtuChanged(nextHop: RouteNextHop, dev: Device, before: number): void {
  if (nextHop.dev !== dev || nextHop.exceptions === undefined) return;
  for (const [destination, exception] of nextHop.exceptions) {
    const { mtu, mtuLocked } = exception;
    if (mtuLocked) {
      // One that the device has come down below is its own again.
      if (mtu !== undefined && dev.mtu <= mtu)
        nextHop.exceptions.set(destination, { ...exception, mtu: dev.mtu, mtuLocked: false });
    } else if (mtu !== undefined && (dev.mtu < mtu || mtu === before))
      nextHop.exceptions.set(destination, { ...exception, mtu: dev.mtu });
  }
}
