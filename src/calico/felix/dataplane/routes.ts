/** Felix' slice of the routing table; felix/routetable. */

import {
  type FibRoute,
  KernelError,
  type Netns,
  type RouteSpec,
  RT_PROTOCOL,
  RT_TABLE,
} from '../../../kernel/index.js';
import { formatPrefix, type Ipv4Addr } from '../../../packet/index.js';
import { type Cause, formatCause } from '../../../trace/index.js';
import { addressOf, ipv4Of, ipv4PrefixOf } from '../../cidr.js';
import { ownRouteProtocol } from '../calc/route-managers.js';
import type { FelixRoute, FelixState } from '../state.js';

export interface FelixOwnership {
  /** `cali`: interfaces that begin so are workloads'. */
  readonly interfacePrefixes: readonly string[];
  /** Whether strangers' routes on them go. */
  readonly removeExternalRoutes: boolean;
  /** Of routes to workloads. */
  readonly deviceRouteProtocol: number;
  /** Whether it looks at no route at all. */
  readonly routeSyncDisabled: boolean;
}

/**
 * What Felix takes away where it does not want it: its own routes, and strangers on workload interfaces;
 * felix/routetable/ownershippol/main_route_table_policy.go.
 */
function isJudged(route: FibRoute, ownership: FelixOwnership): boolean {
  if (route.table !== RT_TABLE.main || route.protocol === RT_PROTOCOL.kernel) return false;
  const { interfacePrefixes, removeExternalRoutes, deviceRouteProtocol } = ownership;
  const own = ownRouteProtocol(deviceRouteProtocol);
  if (route.protocol === own) return true;
  // There any tool's default protocol is Felix' too: the CNI plugin's route goes in either case.
  const usual = route.protocol === deviceRouteProtocol;
  return route.nextHops.some(({ dev }) => {
    const name = dev?.name ?? '';
    if (name === 'vxlan.calico') return true;
    return (removeExternalRoutes || usual) && interfacePrefixes.some((prefix) => name.startsWith(prefix));
  });
}

/** Two routes that the kernel takes for the same place in a table. */
const keyOf = ({ table, destination, metric, type, protocol }: FibRoute): string =>
  `${table} ${formatPrefix(destination)} ${metric} ${type} ${protocol}`;

/** What `addRoute` is to be asked for, or undefined for a route that waits for its interface. */
function specOf(netns: Netns, route: FelixRoute): RouteSpec | undefined {
  const { dev, via, onlink, type } = route;
  const device = dev === undefined ? undefined : netns.devices.named(dev);
  if (type === 'unicast' && device === undefined) return undefined;
  return {
    destination: ipv4PrefixOf(route.destination),
    type,
    scope: type === 'unicast' ? route.scope : undefined,
    metric: route.metric,
    protocol: route.protocol,
    mtu: route.mtu,
    prefSrc: route.source && ipv4Of(route.source),
    nextHops: type === 'unicast' ? [{ dev: device, via: via && ipv4Of(via), onlink }] : undefined,
    because: route.because,
  };
}

/** Whether a route that is there is what is wanted, the objects behind it included. */
function isSame(there: FibRoute, wanted: RouteSpec): boolean {
  const [hop, ...more] = there.nextHops;
  const [next] = wanted.nextHops ?? [];
  const sameHop =
    wanted.nextHops === undefined
      ? hop?.dev === undefined
      : more.length === 0 &&
        hop?.dev === next?.dev &&
        hop?.via === next?.via &&
        hop?.onlink === (next?.onlink ?? false);
  return (
    sameHop &&
    there.mtu === wanted.mtu &&
    there.prefSrc === wanted.prefSrc &&
    (wanted.scope === undefined || there.scope === wanted.scope) &&
    sameCauses(there.because, wanted.because ?? [])
  );
}

const sameCauses = (a: readonly Cause[], b: readonly Cause[]): boolean =>
  a.length === b.length && a.every((cause, i) => formatCause(cause) === formatCause(b[i] ?? cause));

/**
 * Makes the table what Felix wants, by difference, and says which routes the kernel refused: Felix logs those and tries
 * again.
 */
export function applyRoutes(netns: Netns, state: FelixState, ownership: FelixOwnership): string[] {
  if (ownership.routeSyncDisabled) return [];
  const judged = new Map(
    [...netns.fib.routes()].filter((one) => isJudged(one, ownership)).map((one) => [keyOf(one), one]),
  );
  const missing: RouteSpec[] = [];
  for (const route of state.routes) {
    const spec = specOf(netns, route);
    if (spec === undefined) continue;
    const key = `${RT_TABLE.main} ${formatPrefix(spec.destination)} ${spec.metric ?? 0} ${route.type} ${route.protocol}`;
    const there = judged.get(key);
    if (there !== undefined && isSame(there, spec)) judged.delete(key);
    else missing.push(spec);
  }
  for (const { table, destination, metric, protocol, type } of judged.values())
    netns.fib.deleteRoute({ table, destination, metric, protocol, type });
  return missing.flatMap((spec) => {
    try {
      netns.fib.addRoute(spec, 'replace');
      return [];
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      return [error.message];
    }
  });
}

/** Where each workload's address is: by address, the name of its interface. */
export type WorkloadInterfaces = ReadonlyMap<Ipv4Addr, string>;

export const workloadInterfaces = ({ routes }: FelixState): WorkloadInterfaces =>
  new Map(
    routes.flatMap(({ class: whose, destination, dev }) =>
      whose === 'local-workload' && dev !== undefined ? [[ipv4Of(addressOf(destination)), dev] as const] : [],
    ),
  );

/**
 * felix/conntrack/conntrack.go:RemoveConntrackFlows(), which the route table asks for: connections of an address
 * that has left its interface end, in whichever of the four places of an entry it stands.
 */
export function endConnections({ conntrack }: Netns, before: WorkloadInterfaces, now: WorkloadInterfaces): void {
  for (const [address, dev] of before) {
    if (now.get(address) === dev) continue;
    for (const place of ['source', 'destination', 'replySource', 'replyDestination'] as const)
      conntrack.delete({ [place]: address });
  }
}
