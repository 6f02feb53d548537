/** Several routes as one with several next hops (nest/rt-table.c: rt_export_merged(); nest/rt-attr.c: mpnh_merge()). */

import { isMergable } from '../rib/decision.js';
import { isReachable, type Route, type RouteHop } from '../rib/route.js';

const hopsOf = (route: Route): readonly RouteHop[] =>
  route.dest === 'multipath'
    ? route.hops
    : [{ gateway: route.gateway, iface: route.iface ?? '', weight: 1, onlink: route.onlink }];

/** mpnh_compare(): by gateway, then by interface. */
function compareHops(a: RouteHop, b: RouteHop): number {
  const key = ({ gateway, iface }: RouteHop): string =>
    `${typeof gateway === 'number' ? String(gateway >>> 0).padStart(10, '0') : (gateway?.join(',') ?? '')}|${iface}`;
  const [left, right] = [key(a), key(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** mpnh_merge(): in order, each once, so many at most. */
function mergeHops(a: readonly RouteHop[], b: readonly RouteHop[], limit: number): readonly RouteHop[] {
  const all = [...a];
  for (const hop of b) if (!all.some((each) => compareHops(each, hop) === 0)) all.push(hop);
  return all.sort(compareHops).slice(0, limit);
}

/** The best as it is exported, with the next hops of those that may share its traffic. */
export function exportMerged<E extends { readonly route: Route }>(
  routes: readonly Route[],
  limit: number,
  exportRoute: (route: Route, index: number) => E | undefined,
): E | undefined {
  const [best, ...others] = routes;
  if (best === undefined || best.filtered) return undefined;
  const exported = exportRoute(best, 0);
  if (exported === undefined || !isReachable(exported.route)) return exported;
  let hops: readonly RouteHop[] = [];
  others.forEach((other, i) => {
    if (!isMergable(best, other)) return;
    const also = exportRoute(other, i + 1);
    if (also !== undefined && isReachable(also.route)) hops = mergeHops(hops, hopsOf(also.route), limit);
  });
  if (hops.length === 0) return exported;
  hops = mergeHops(hops, hopsOf(exported.route), limit);
  return hops.length < 2 ? exported : { ...exported, route: { ...exported.route, dest: 'multipath', hops } };
}
