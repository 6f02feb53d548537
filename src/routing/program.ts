/** What daemons know, in the kernels of the machines that packets pass: routes come and go by difference. */

import { startServer, type RouteEvent } from '../cluster/index.js';
import {
  type FibRoute,
  type Host,
  KernelError,
  type Netns,
  type NextHopSpec,
  RT_PROTOCOL,
  type RouteSpec,
} from '../kernel/index.js';
import { formatPrefix } from '../packet/index.js';
import type { Cause } from '../trace/index.js';

/** A route of this machine, of another, or one that is wanted. */
export type Described = RouteSpec | FibRoute;

const hopText = ({ dev, via, weight = 1, onlink = false }: NextHopSpec): string =>
  [dev?.name, via, weight, onlink].join(' ');

/** All that a table tells two routes apart by, devices by name: routes of two machines can be compared. */
export const routeText = ({ destination, table, type, tos, metric, protocol, mtu, prefSrc, nextHops }: Described) =>
  [
    `${formatPrefix(destination)} table ${table} ${type ?? 'unicast'} proto ${protocol}`,
    `tos ${tos ?? 0} metric ${metric ?? 0} mtu ${mtu ?? 0} src ${prefSrc ?? 0}`,
    ...(nextHops ?? []).map(hopText),
  ].join('; ');

/** Routes of another machine, by devices of that name here. What the kernel refuses, in words. */
export function addRoutes(netns: Netns, routes: Iterable<Described>): readonly string[] {
  const refused: string[] = [];
  for (const route of routes) {
    const nextHops = (route.nextHops ?? []).map(
      ({ dev, via, weight, onlink }): NextHopSpec => ({
        dev: dev === undefined ? undefined : netns.devices.named(dev.name),
        via,
        weight,
        onlink,
      }),
    );
    try {
      netns.fib.addRoute({ ...route, nextHops });
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      refused.push(error.message);
    }
  }
  return refused;
}

export interface Programmed {
  readonly events: readonly RouteEvent[];
  /** What the kernel refuses, in words. */
  readonly refused: readonly string[];
}

const causesText = ({ because = [] }: Described): string => JSON.stringify(because);

/** Whatever their table. */
const birdRoutes = ({ fib }: Netns): readonly FibRoute[] =>
  fib.routes().filter(({ protocol }) => protocol === RT_PROTOCOL.bird);

/** Makes a machine's routes of BIRD those that are wanted. One that has other causes now is no event. */
export function programRoutes({ name, netns }: Host, routes: readonly Described[]): Programmed {
  const there = birdRoutes(netns);
  const event = (type: RouteEvent['type'], route: FibRoute): RouteEvent => ({ host: name, type, route });
  if (there.length === 0) {
    const refused = addRoutes(netns, routes);
    return { events: birdRoutes(netns).map((route) => event('learned', route)), refused };
  }
  const wanted = new Map(routes.map((route) => [routeText(route), route]));
  const before = new Set(there.map(routeText));
  const kept = new Set<string>();
  for (const route of there) {
    const text = routeText(route);
    const same = wanted.get(text);
    if (same !== undefined && causesText(same) === causesText(route)) kept.add(text);
    else netns.fib.deleteRoute(route);
  }
  const refused = addRoutes(
    netns,
    routes.filter((route) => !kept.has(routeText(route))),
  );
  const now = birdRoutes(netns);
  const after = new Set(now.map(routeText));
  const gone = there.filter((route) => !after.has(routeText(route)));
  const learned = now.filter((route) => !before.has(routeText(route)));
  return {
    events: [...gone.map((route) => event('withdrawn', route)), ...learned.map((route) => event('learned', route))],
    refused,
  };
}

/** BIRD listens where it listens there: whoever tries is answered by its socket. */
export function copyListeners(from: Host, to: Host, because: readonly Cause[]): void {
  for (const { protocol, address, port, process } of from.netns.sockets.listeners()) {
    if (process === 'bird' && protocol === 'tcp') startServer(to.netns, { protocol, address, port, process, because });
  }
}
