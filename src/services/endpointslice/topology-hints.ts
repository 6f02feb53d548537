/**
 * Hints of `service.kubernetes.io/topology-mode: Auto` (k8s.io/endpointslice/topologycache): endpoints are shared out
 * among zones in proportion to their CPUs. Where that cannot be done well there are no hints at all.
 */

import { type EndpointSlice, type KubeNode, labelOf, type Service } from '../../kubernetes/index.js';
import { type SliceEndpoint, ZONE } from './context.js';

/** Zone to its part of the cluster's CPUs, two zones or more. */
export type ZoneShares = ReadonlyMap<string, number>;

/** An endpoint may get so much more than its part. */
const OVERLOAD_THRESHOLD = 0.2;

const ANNOTATIONS = ['service.kubernetes.io/topology-aware-hints', 'service.kubernetes.io/topology-mode'];
const CONTROL_PLANE = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/** utils.go:hintsEnabled(): the older annotation has precedence. */
export function wantsTopologyHints({ annotations }: Service): boolean {
  const value = ANNOTATIONS.map((key) => labelOf(annotations, key)).find((given) => given !== undefined);
  return value === 'Auto' || value === 'auto';
}

/** Control planes do not count, nor nodes that are known not to be ready. */
const counts = ({ labels, status }: KubeNode): boolean =>
  status.ready !== false && !CONTROL_PLANE.some((key) => labelOf(labels, key) !== undefined);

/** SetNodes(): undefined where a node lacks its zone or CPUs, or there is only one zone. */
export function zoneShares(nodes: readonly KubeNode[]): ZoneShares | undefined {
  const cpus = new Map<string, number>();
  let total = 0;
  for (const node of nodes.filter(counts)) {
    const zone = labelOf(node.labels, ZONE) ?? '';
    const cpu = node.status.allocatableCpu ?? 0;
    if (zone === '' || cpu === 0) return undefined;
    cpus.set(zone, (cpus.get(zone) ?? 0) + cpu);
    total += cpu;
  }
  if (cpus.size < 2) return undefined;
  return new Map([...cpus].sort(([a], [b]) => (a < b ? -1 : 1)).map(([zone, cpu]) => [zone, cpu / total]));
}

/** getAllocations(): how many endpoints each zone wants; undefined where some zone would be overloaded. */
function desiredByZone(shares: ZoneShares, endpoints: number): ReadonlyMap<string, number> | undefined {
  if (shares.size > endpoints) return undefined;
  let left = endpoints;
  const desired = new Map<string, number>();
  for (const [zone, share] of shares) {
    const exact = share * endpoints;
    const minimum = Math.ceil(exact * (1 / (1 + OVERLOAD_THRESHOLD)));
    desired.set(zone, Math.max(exact, minimum));
    left -= minimum;
    if (left < 0) return undefined;
  }
  return desired;
}

/** getMost(). Differs: of equals the first by name, where upstream's map has no order. */
function most(zones: ReadonlyMap<string, number>): readonly [zone: string, count: number] {
  let found: readonly [string, number] = ['', 0];
  for (const [zone, count] of zones) if (count > found[1]) found = [zone, count];
  return found;
}

const add = (counts: Map<string, number>, zone: string, by: number): void => {
  counts.set(zone, (counts.get(zone) ?? 0) + by);
};

/** getGivingAndReceivingZones(): whole endpoints that zones with too many give to zones with too few. */
function exchanges(
  desired: ReadonlyMap<string, number>,
  held: ReadonlyMap<string, number>,
): { readonly giving: Map<string, number>; readonly receiving: Map<string, number> } {
  const surplus = new Map<string, number>();
  const want = new Map<string, number>();
  for (const [zone, target] of desired) {
    const difference = (held.get(zone) ?? 0) - target;
    if (difference > 0) surplus.set(zone, difference);
    else if (difference < 0) want.set(zone, -difference);
  }
  const giving = new Map<string, number>();
  const receiving = new Map<string, number>();
  for (;;) {
    const [from, gives] = most(surplus);
    const [to, wants] = most(want);
    if (from === '' || to === '' || (gives < 1 && wants < 1) || gives < 0.5 || wants < 0.5) break;
    add(giving, from, 1);
    add(surplus, from, -1);
    add(receiving, to, 1);
    add(want, to, -1);
  }
  return { giving, receiving };
}

/** redistributeHints(). */
function giveAway(endpoints: readonly SliceEndpoint[], { giving, receiving }: ReturnType<typeof exchanges>): string[] {
  return endpoints.map(({ zone, conditions }) => {
    if (!conditions.ready || (giving.get(zone) ?? 0) <= 0) return zone;
    const to = [...receiving].find(([, count]) => count > 0)?.[0];
    if (to === undefined) return zone;
    add(giving, zone, -1);
    add(receiving, to, -1);
    return to;
  });
}

/** TopologyCache.AddHints(), for slices that are all new. */
export function withTopologyHints(
  slices: readonly EndpointSlice[],
  shares: ZoneShares | undefined,
): readonly EndpointSlice[] {
  const endpoints = slices.flatMap((slice) => slice.endpoints);
  const ready = endpoints.filter(({ conditions }) => conditions.ready);
  const desired = shares && desiredByZone(shares, ready.length);
  if (desired === undefined || ready.some(({ zone }) => zone === '')) return slices;
  const held = new Map<string, number>();
  for (const { zone } of ready) add(held, zone, 1);
  const zones = giveAway(endpoints, exchanges(desired, held));
  let at = 0;
  return slices.map((slice) => ({
    ...slice,
    endpoints: slice.endpoints.map((endpoint) => {
      const zone = zones[at++] ?? '';
      return endpoint.conditions.ready ? { ...endpoint, hints: { forZones: [zone], forNodes: [] } } : endpoint;
    }),
  }));
}
