/** What a device's ups and downs do to routes: net/ipv4/fib_semantics.c:fib_sync_down_dev(), fib_sync_up(). */

import type { Device } from '../device.js';
import { SCOPE } from './names.js';
import type { Tables } from './tables.js';

/**
 * down: the device was set down; routes of host scope (local addresses) stay. last-address: the device lost its
 * last address. unregister: the device is gone, and with it every multipath route that it was part of.
 */
export type DownEvent = 'down' | 'last-address' | 'unregister';

/** Marks next hops dead, and takes out routes that have no other. */
export function syncDown(tables: Tables, dev: Device, event: DownEvent): void {
  let flush = false;
  for (const route of tables.routes()) {
    if (!route.nextHops.some((nextHop) => nextHop.dev === dev)) continue;
    for (const nextHop of route.nextHops) {
      if (nextHop.dev === dev && (event !== 'down' || nextHop.scope !== SCOPE.nowhere)) nextHop.dead = true;
    }
    tables.rebalance(route);
    if (event !== 'unregister' && !route.nextHops.every((nextHop) => nextHop.dead)) continue;
    route.dead = true;
    flush = true;
  }
  if (flush) tables.flushDead('next-hops');
}

/** Wakes the dead next hops of multipath routes. Routes that were flushed do not come back. */
export function syncUp(tables: Tables, dev: Device): void {
  if (!dev.up || tables.multipathRoutes === 0) return;
  for (const route of tables.routes()) {
    if (route.nextHops.length < 2) continue;
    for (const nextHop of route.nextHops) if (nextHop.dev === dev) nextHop.dead = false;
    tables.rebalance(route);
  }
}
