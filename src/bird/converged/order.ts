/** The routes to one network in a table's order, the best first, whatever order they came in. */

import { isBetter, neighborAs, type Suppressed } from '../rib/decision.js';
import type { Route } from '../rib/route.js';

/** `deterministic med`: of each neighbouring AS only the best takes part (bgp_rte_recalculate()). */
function suppression(routes: readonly Route[]): Suppressed | undefined {
  const grouped = routes.filter((route) => route.origin.bgp?.options.deterministicMed === true);
  if (grouped.length === 0) return undefined;
  const heads = new Map<string, Route>();
  for (const route of grouped) {
    const key = `${route.preference}|${neighborAs(route)}`;
    if (isBetter(route, heads.get(key))) heads.set(key, route);
  }
  const held = new Set(grouped);
  for (const head of heads.values()) held.delete(head);
  return (route) => held.has(route);
}

export function inOrder(routes: readonly Route[], sorted: boolean): readonly Route[] {
  const [first] = routes;
  if (first === undefined || routes.length === 1) return routes;
  const suppressed = suppression(routes);
  const better = (a: Route, b: Route | undefined): boolean => isBetter(a, b, suppressed);
  if (!sorted) {
    let best = first;
    for (const route of routes) if (better(route, best)) best = route;
    return best === first ? routes : [best, ...routes.filter((route) => route !== best)];
  }
  const ordered: Route[] = [];
  for (const route of routes) {
    const at = ordered.findIndex((each) => better(route, each));
    ordered.splice(at < 0 ? ordered.length : at, 0, route);
  }
  return ordered;
}
