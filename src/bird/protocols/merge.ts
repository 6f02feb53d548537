/** Several routes as one with several next hops (nest/rt-table.c: rt_export_merged(); nest/rt-attr.c: mpnh_merge()). */

import { isMergable } from '../rib/decision.js';
import { type IfindexOf, sortHops } from '../rib/next-hop.js';
import { isReachable, type Route, type RouteHop } from '../rib/route.js';

const hopsOf = (route: Route): readonly RouteHop[] =>
  route.dest === 'multipath'
    ? route.hops
    : [{ gateway: route.gateway, iface: route.iface ?? '', weight: 1, onlink: route.onlink }];

export interface MergeLimits {
  /** So many next hops at most. */
  readonly hops: number;
  readonly ifindex: IfindexOf;
}

/** mpnh_merge(): in order, each once. */
const mergeHops = (a: readonly RouteHop[], b: readonly RouteHop[], { hops, ifindex }: MergeLimits) =>
  sortHops([...a, ...b], ifindex).slice(0, hops);

/** The best as it is exported, with the next hops of those that may share its traffic. */
export function exportMerged<E extends { readonly route: Route; readonly copied: boolean }>(
  routes: readonly Route[],
  limits: MergeLimits,
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
    if (also !== undefined && isReachable(also.route)) hops = mergeHops(hops, hopsOf(also.route), limits);
  });
  if (hops.length === 0) return exported;
  hops = mergeHops(hops, hopsOf(exported.route), limits);
  return hops.length < 2
    ? exported
    : {
        ...exported,
        route: { ...exported.route, dest: 'multipath', hops },
        copied: true,
      };
}
