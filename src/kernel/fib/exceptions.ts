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
export const IP_MAX_MTU = 0xffff;
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
 * __ip_rt_update_pmtu(): all next hops of the route learn it, since any of them may carry the next packet.
 * Differs: an MTU below min_pmtu is raised to it, but does not switch off path MTU discovery (mtu_locked).
 */
export function learnMtu(
  route: Route,
  nextHop: RouteNextHop,
  told: { readonly destination: Ipv4Addr; readonly mtu: number; readonly clock: Clock; readonly sysctl: Sysctls },
): void {
  const { destination, clock, sysctl } = told;
  if (nextHop.dev === undefined) return;
  const present = outputMtu(nextHop, route, { dev: nextHop.dev, destination, clock });
  if (present < told.mtu) return;
  const known = learned(nextHop, destination, clock);
  if (known?.mtu === told.mtu && clock.nowNs < known.expiresNs - MTU_EXPIRES_NS / 2) return;
  const mtu = Math.max(told.mtu, Math.min(present, sysctl.values['ipv4.min_pmtu']));
  const expiresNs = clock.nowNs + MTU_EXPIRES_NS;
  for (const each of route.nextHops) {
    const gateway = learned(each, destination, clock)?.gateway;
    keep(each, destination, { mtu, gateway, expiresNs });
  }
}

/** __ip_do_redirect(): from now on packets of that next hop to `destination` go to `gateway` first. */
export function learnGateway(
  nextHop: RouteNextHop,
  told: { readonly destination: Ipv4Addr; readonly gateway: Ipv4Addr; readonly clock: Clock },
): void {
  const { destination, gateway, clock } = told;
  const mtu = learned(nextHop, destination, clock)?.mtu;
  keep(nextHop, destination, { mtu, gateway, expiresNs: clock.nowNs + REDIRECT_EXPIRES_NS });
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
    const { mtu } = exception;
    if (mtu !== undefined && (dev.mtu < mtu || mtu === before))
      nextHop.exceptions.set(destination, { ...exception, mtu: dev.mtu });
  }
}
