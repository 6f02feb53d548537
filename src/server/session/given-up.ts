/**
 * When nodes that are not heard are given up, so that their pods end: nodelifecycle/node_lifecycle_controller.go of 1.34,
 * doNoExecuteTaintingPass(), ComputeZoneState() and handleDisruption(), and its queue of nodes in each zone.
 */

import type { KubeNode } from '../../kubernetes/index.js';
import { NS_PER_S } from '../../kernel/index.js';

/** --node-eviction-rate, --secondary-node-eviction-rate: nodes in a second. */
const RATE = 0.1;
const SECONDARY_RATE = 0.01;
/** --unhealthy-zone-threshold, and --large-cluster-size-threshold of nodes in a zone. */
const UNHEALTHY = 0.55;
const LARGE_ZONE = 50;
/** Fewer nodes are no disruption of a zone. */
const FEW = 2;

/** A node, and from when nobody hears of it, which may be later than now. */
export interface HeardNode {
  readonly node: KubeNode;
  readonly silentFromNs: number | undefined;
}

interface Zone {
  readonly nodes: readonly HeardNode[];
  /** In the order in which they are not heard any more. */
  readonly silent: readonly { readonly name: string; readonly fromNs: number }[];
}

const REGION = ['topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region'];
const ZONE = ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone'];

/** component-helpers/node/topology/helpers.go:GetZoneKey(). */
function zoneKey({ labels }: KubeNode): string {
  const [region, zone] = [REGION, ZONE].map((names) => names.map((name) => labels[name] ?? '').find(Boolean) ?? '');
  return `${region}/${zone}`;
}

function zonesOf(nodes: readonly HeardNode[]): readonly Zone[] {
  const names = new Set(nodes.map(({ node }) => zoneKey(node)));
  const members = [...names].map((name) => nodes.filter(({ node }) => zoneKey(node) === name));
  return members.map((own) => ({
    nodes: own,
    silent: own
      .flatMap(({ node: { name }, silentFromNs: fromNs }) => (fromNs === undefined ? [] : [{ name, fromNs }]))
      .toSorted((a, b) => a.fromNs - b.fromNs || (a.name < b.name ? -1 : 1)),
  }));
}

const isReady = ({ node, silentFromNs = Infinity }: HeardNode, atNs: number): boolean =>
  silentFromNs > atNs && (node.status.silent || node.status.ready !== false);

type ZoneState = 'normal' | 'partial' | 'full';

function stateOf({ nodes }: Zone, atNs: number): ZoneState {
  const ready = nodes.filter((one) => isReady(one, atNs)).length;
  const others = nodes.length - ready;
  if (ready === 0) return 'full';
  return others > FEW && others / nodes.length >= UNHEALTHY ? 'partial' : 'normal';
}

/** Nodes in a second; none where no zone has a node that is heard: it is the controller that nobody hears. */
function rateOf(zone: Zone, zones: readonly Zone[], atNs: number): number {
  if (zones.every((one) => stateOf(one, atNs) === 'full')) return 0;
  if (stateOf(zone, atNs) !== 'partial') return RATE;
  return zone.nodes.length > LARGE_ZONE ? SECONDARY_RATE : 0;
}

/** A time from which a rate holds, and the rate. */
interface Phase {
  readonly fromNs: number;
  readonly untilNs: number;
  readonly rate: number;
}

function phasesOf(zone: Zone, zones: readonly Zone[]): readonly Phase[] {
  const times = zones.flatMap(({ silent }) => silent.map(({ fromNs }) => fromNs));
  const points = [...new Set(times)].toSorted((a, b) => a - b);
  return points.map((fromNs, i) => ({
    fromNs,
    untilNs: points[i + 1] ?? Infinity,
    rate: rateOf(zone, zones, fromNs),
  }));
}

const secondsOf = (rate: number): number => NS_PER_S / rate;

/** Of one zone, by name. */
function givenUpIn(zone: Zone, zones: readonly Zone[]): ReadonlyMap<string, number> {
  const given = new Map<string, number>();
  let freeNs = -Infinity;
  let before: number | undefined;
  for (const { fromNs, untilNs, rate } of phasesOf(zone, zones)) {
    // A limiter that is exchanged while it holds back is replaced by one that has nothing to give yet.
    const heldBack = before === 0 || freeNs > fromNs;
    if (before !== undefined && rate !== before && heldBack) freeNs = rate === 0 ? Infinity : fromNs + secondsOf(rate);
    before = rate;
    if (rate === 0) {
      if (zones.every((one) => stateOf(one, fromNs) === 'full')) given.clear();
      continue;
    }
    for (const { name, fromNs: silentNs } of zone.silent) {
      const atNs = Math.max(silentNs, freeNs, fromNs);
      if (given.has(name) || silentNs >= untilNs || atNs >= untilNs) continue;
      given.set(name, atNs);
      freeNs = atNs + secondsOf(rate);
    }
  }
  return given;
}

/** When each is given up, as far as nobody else is heard of or not; those that are heard count as if they had always been. */
export function givenUpTimes(nodes: readonly HeardNode[]): ReadonlyMap<string, number> {
  const zones = zonesOf(nodes);
  return new Map(zones.flatMap((zone) => [...givenUpIn(zone, zones)]));
}
