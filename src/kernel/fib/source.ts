/** Which of our addresses a packet gets as its source: net/ipv4/devinet.c:inet_select_addr(). */

import { INADDR_ANY, type Ipv4Addr } from '../../packet/index.js';
import type { Device } from '../device.js';
import { orConf } from '../sysctl.js';
import { type Addresses, inSubnet } from './addresses.js';
import type { FibContext } from './context.js';
import { SCOPE } from './names.js';
import type { Route, RouteNextHop } from './route.js';

/** in_dev_select_addr(): any primary address of the device that is known that far out. */
function anyAddress(dev: Device, scope: number): Ipv4Addr | undefined {
  return dev.addresses.find((entry) => !entry.secondary && entry.scope !== 'link' && SCOPE[entry.scope] <= scope)
    ?.address;
}

/**
 * The first primary address of the device in the destination's subnet, else its first, else one of any other
 * device, lo first; INADDR_ANY where there is none. `scope` is the widest that will do.
 */
export function selectAddress(context: FibContext, dev: Device, destination: Ipv4Addr, scope: number): Ipv4Addr {
  const routeLocalnet = orConf(context.sysctl.all, dev.ipv4Conf, 'route_localnet');
  const localnetScope = routeLocalnet ? SCOPE.link : SCOPE.host;
  let chosen: Ipv4Addr | undefined;
  for (const entry of dev.addresses) {
    if (entry.secondary || Math.min(SCOPE[entry.scope], localnetScope) > scope) continue;
    if (destination === INADDR_ANY || inSubnet(destination, entry)) return entry.address;
    chosen ??= entry.address;
  }
  if (chosen !== undefined) return chosen;
  for (const other of context.devices) {
    const address = anyAddress(other, scope);
    if (address !== undefined) return address;
  }
  return INADDR_ANY;
}

/** nh_saddr: the source that a next hop gives, remembered until an address changes. */
export function nextHopSource(
  context: FibContext,
  addresses: Addresses,
  route: Route,
  nextHop: RouteNextHop,
): Ipv4Addr {
  if (nextHop.sourceGeneration !== addresses.generation) {
    nextHop.sourceGeneration = addresses.generation;
    nextHop.source =
      nextHop.dev === undefined
        ? INADDR_ANY
        : selectAddress(context, nextHop.dev, nextHop.via ?? INADDR_ANY, route.scopeNumber);
  }
  return nextHop.source;
}
