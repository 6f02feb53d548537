/**
 * Routes of others in a table of the kernel (sysdep/unix/krt.c: krt->krt_table): one a network and metric, of which that with
 * the lowest metric is told to BIRD's own table. What a scan or an event has not changed is not told again.
 */

import type { Net } from '../address.js';
import type { Route } from '../rib/route.js';
import { sameRoute } from '../rib/same-route.js';

/** The route to a network that is to be told; undefined takes it back. */
export interface Inherited {
  readonly net: Net;
  readonly route: Route | undefined;
}

interface Known {
  readonly net: Net;
  /** By metric (krt_same_key()). */
  readonly routes: ReadonlyMap<number, Route>;
  /** What was told last. */
  readonly told: Route | undefined;
}

const metricOf = ({ attributes }: Route): number => attributes.krtMetric ?? 0;

/** What a first scan tells: of each network the route with the lowest metric, of two with one metric the later. */
export function inheritedAtFirst(found: Iterable<Route>): Iterable<Route> {
  const nets = new Map<Net['key'], Route>();
  for (const route of found) {
    const known = nets.get(route.net.key);
    if (known === undefined || metricOf(route) <= metricOf(known)) nets.set(route.net.key, route);
  }
  return nets.values();
}

function best(routes: ReadonlyMap<number, Route>): Route | undefined {
  const [first, ...others] = routes.values();
  return others.reduce(
    (least, route) => (least === undefined || metricOf(route) < metricOf(least) ? route : least),
    first,
  );
}

export class InheritedRoutes {
  readonly #nets = new Map<Net['key'], Known>();

  /** krt_learn_scan(), krt_learn_prune(): these are all that there are. */
  scan(found: Iterable<Route>): readonly Inherited[] {
    const nets = new Map<Net['key'], { readonly net: Net; readonly routes: Map<number, Route> }>();
    for (const { net } of this.#nets.values()) nets.set(net.key, { net, routes: new Map() });
    for (const route of found) {
      const { net } = route;
      const entry = nets.get(net.key) ?? { net, routes: new Map<number, Route>() };
      nets.set(net.key, entry);
      entry.routes.set(metricOf(route), route);
    }
    return [...nets.values()].flatMap(({ net, routes }) => this.#change(net, routes));
  }

  /** krt_learn_async(): one has come, or gone. */
  hear(route: Route, what: 'route' | 'route-gone'): readonly Inherited[] {
    const { net } = route;
    const routes = new Map(this.#nets.get(net.key)?.routes);
    if (what === 'route') routes.set(metricOf(route), route);
    else routes.delete(metricOf(route));
    return this.#change(net, routes);
  }

  /** All that is told, once more. */
  *all(): Generator<Inherited, void> {
    for (const { net, told } of this.#nets.values()) yield { net, route: told };
  }

  clear(): void {
    this.#nets.clear();
  }

  #change(net: Net, routes: ReadonlyMap<number, Route>): readonly Inherited[] {
    const before = this.#nets.get(net.key)?.told;
    const route = best(routes);
    const same = before !== undefined && route !== undefined && sameRoute(before, route);
    const told = same ? before : route;
    if (routes.size === 0) this.#nets.delete(net.key);
    else this.#nets.set(net.key, { net, routes, told });
    return told === before ? [] : [{ net, route }];
  }
}
