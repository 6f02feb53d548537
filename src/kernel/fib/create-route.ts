/**
 * From what is asked for to a route, or the reason why not: net/ipv4/fib_semantics.c:fib_create_info() and
 * fib_check_nh(), with the defaults that iproute2 fills in (ip/iproute.c:iproute_modify()).
 */

import { INADDR_ANY, type Ipv4Addr, type Ipv4Prefix } from '../../packet/index.js';
import type { RouteType } from '../../trace/index.js';
import { RT_PROTOCOL, RT_TABLE, type Scope } from '../host-state.js';
import { FlowKey, LookupResult } from './flow-key.js';
import { SCOPE } from './names.js';
import { type Refusal, refuse } from './netlink-error.js';
import { rejection, Route, RouteNextHop } from './route.js';
import type { NextHopSpec, RouteSpec } from './spec.js';
import type { Tables } from './tables.js';

/** fib_props[].scope: the widest scope that a route of that type may have. */
const WIDEST_SCOPE: Partial<Record<RouteType, number>> = {
  local: SCOPE.host,
  broadcast: SCOPE.link,
  anycast: SCOPE.link,
};

export const defaultTable = (type: RouteType | undefined): number =>
  type === 'local' || type === 'broadcast' || type === 'anycast' ? RT_TABLE.local : RT_TABLE.main;

/** A unicast route without any gateway leads to neighbours. */
export function defaultScope(type: RouteType, nextHops: readonly NextHopSpec[]): Scope {
  if (type === 'local') return 'host';
  if (type === 'broadcast' || type === 'multicast' || type === 'anycast') return 'link';
  const multipath = nextHops.length > 1;
  return type === 'unicast' && !multipath && nextHops[0]?.via === undefined ? 'link' : 'global';
}

const isRefusal = (outcome: RouteNextHop | Route | Refusal): outcome is Refusal => 'errno' in outcome;

/** What of the route its next hops are checked by. */
interface NextHopRequest {
  readonly table: number;
  readonly scope: number;
}

const nextHop = (spec: NextHopSpec, scope: number, dev = spec.dev): RouteNextHop =>
  new RouteNextHop({
    dev,
    via: given(spec.via),
    onlink: spec.onlink ?? false,
    weight: spec.weight ?? 1,
    scope,
  });

/** `via 0.0.0.0` is no gateway. */
const given = (via: Ipv4Addr | undefined): Ipv4Addr | undefined => (via === INADDR_ANY ? undefined : via);

/** fib_check_nh_v4_gw() for `onlink`: nobody is asked how the gateway is reached. */
function checkOnlink(tables: Tables, spec: NextHopSpec, via: Ipv4Addr): RouteNextHop | Refusal {
  const { dev } = spec;
  if (dev === undefined) return refuse('ENODEV', 'Nexthop device required for onlink');
  if (!dev.up) return refuse('ENETDOWN', 'Nexthop device is not up');
  if (tables.addressType(via) !== 'unicast') return refuse('EINVAL', 'Nexthop has invalid gateway');
  return nextHop(spec, SCOPE.link);
}

/** fib_check_nh_v4_gw(): the gateway must be nearer than the route that goes by it. */
function checkGateway(
  tables: Tables,
  spec: NextHopSpec,
  via: Ipv4Addr,
  request: NextHopRequest,
): RouteNextHop | Refusal {
  if (spec.onlink === true) {
    return request.scope >= SCOPE.link ? refuse('EINVAL', 'Nexthop has invalid scope') : checkOnlink(tables, spec, via);
  }
  const key = new FlowKey();
  const result = new LookupResult();
  key.setAddress(via, Math.max(request.scope + 1, SCOPE.link));
  key.oif = spec.dev;
  key.ignoreLinkState = true;
  const own = request.table !== RT_TABLE.main && tables.lookupIn(request.table, key, result);
  if (!own && !tables.lookup(key, result)) return refuse(result.error ?? 'EINVAL', 'Nexthop has invalid gateway');
  const { route } = result;
  const dev = result.nextHop?.dev;
  if (route === undefined || (route.type !== 'unicast' && route.type !== 'local')) {
    return refuse('EINVAL', 'Nexthop has invalid gateway');
  }
  if (dev === undefined) return refuse('EINVAL', 'No egress device for nexthop gateway');
  if (!dev.up) return refuse('ENETDOWN');
  return nextHop(spec, route.scopeNumber, dev);
}

/** fib_check_nh_nongw(). */
function checkDevice(spec: NextHopSpec): RouteNextHop | Refusal {
  if (spec.onlink === true) {
    return refuse('EINVAL', 'Invalid flags for nexthop - PERVASIVE and ONLINK can not be set');
  }
  if (spec.dev === undefined) return refuse('ENODEV');
  if (!spec.dev.up) return refuse('ENETDOWN', 'Device for nexthop is not up');
  return nextHop(spec, SCOPE.host);
}

/** A route of host scope: one next hop, a device and nothing else. */
function checkHostScope(specs: readonly NextHopSpec[]): RouteNextHop | Refusal {
  const spec = specs[0] ?? {};
  if (specs.length > 1) return refuse('EINVAL', 'Route with host scope can not have multiple nexthops');
  if (given(spec.via) !== undefined) return refuse('EINVAL', 'Route with host scope can not have a gateway');
  if (spec.dev === undefined) return refuse('ENODEV');
  return nextHop(spec, SCOPE.nowhere);
}

/** The next hops as they will be, or the first reason against one. */
function checkNextHops(tables: Tables, spec: RouteSpec, request: NextHopRequest): readonly RouteNextHop[] | Refusal {
  const specs = spec.nextHops ?? [];
  if (request.scope === SCOPE.host) {
    const only = checkHostScope(specs);
    return isRefusal(only) ? only : [only];
  }
  const checked: RouteNextHop[] = [];
  for (const wanted of specs.length === 0 ? [{}] : specs) {
    const via = given(wanted.via);
    const outcome = via === undefined ? checkDevice(wanted) : checkGateway(tables, wanted, via, request);
    if (isRefusal(outcome)) return outcome;
    checked.push(outcome);
  }
  return checked;
}

/** fib_valid_prefsrc(): a preferred source must be an address of ours. */
function validSource(tables: Tables, spec: RouteSpec, type: RouteType, table: number): boolean {
  const { prefSrc } = spec;
  if (prefSrc === undefined || (type === 'local' && prefSrc === spec.destination.addr)) return true;
  const asked = table === RT_TABLE.main ? RT_TABLE.local : table;
  return tables.addressType(prefSrc, undefined, asked) === 'local' || tables.addressType(prefSrc) === 'local';
}

/** rtm_to_fib_config(): a route's TOS has no ECN bits. */
export const checkTos = (tos: number): Refusal | undefined =>
  (tos & 3) === 0 ? undefined : refuse('EINVAL', 'Invalid dsfield (tos): ECN bits must be 0');

/** fib_valid_key_len(). */
export function checkTarget(destination: Ipv4Prefix): Refusal | undefined {
  if (destination.length > 32) return refuse('EINVAL', 'Invalid prefix length');
  const hostBits = destination.length < 32 && destination.addr << destination.length !== 0;
  return hostBits ? refuse('EINVAL', 'Invalid prefix for given prefix length') : undefined;
}

export function createRoute(tables: Tables, spec: RouteSpec): Route | Refusal {
  const type = spec.type ?? 'unicast';
  const table = spec.table === undefined || spec.table === 0 ? defaultTable(type) : spec.table;
  const specs = spec.nextHops ?? [];
  const scope = spec.scope ?? defaultScope(type, specs);
  const tos = spec.tos ?? 0;
  const badTos = checkTos(tos);
  if (badTos !== undefined) return badTos;
  const badTarget = checkTarget(spec.destination);
  if (badTarget !== undefined) return badTarget;
  tables.require(table); // even if nothing comes into it
  if ((WIDEST_SCOPE[type] ?? 0) > SCOPE[scope]) return refuse('EINVAL', 'Invalid scope');
  let nextHops: readonly RouteNextHop[] | Refusal = [];
  if (rejection(type) === undefined) {
    if (scope === 'nowhere') return refuse('EINVAL', 'Invalid scope');
    nextHops = checkNextHops(tables, spec, { table, scope: SCOPE[scope] });
    if ('errno' in nextHops) return nextHops;
    if (!validSource(tables, spec, type, table)) return refuse('EINVAL', 'Invalid prefsrc address');
  } else if (specs.length > 0) {
    return refuse('EINVAL', 'Gateway, device and multipath can not be specified for this route type');
  }
  return new Route({
    table,
    type,
    destination: spec.destination,
    tos,
    metric: spec.metric ?? 0,
    scope,
    protocol: spec.protocol ?? RT_PROTOCOL.boot,
    prefSrc: given(spec.prefSrc),
    mtu: spec.mtu === 0 ? undefined : spec.mtu,
    nextHops,
    because: spec.because,
  });
}
