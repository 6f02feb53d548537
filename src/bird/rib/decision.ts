/**
 * Which of two routes is better (nest/rt-table.c: rte_better(); proto/bgp/attrs.c: bgp_rte_better(),
 * bgp_rte_mergable()): preferences first, then the protocol's own order. RFC 4271 §9.1.2 with RFC 4456 §9 and
 * RFC 5004, in the order in which BIRD asks.
 */

import { asPathFirst, asPathLength, WELL_KNOWN_COMMUNITY } from '../../packet/index.js';
import { compareIp } from '../address.js';
import { type BgpOrigin, IGP_METRIC_UNKNOWN, isReachable, isResolvable, type Route } from './route.js';

const AS_PATH_MAX = 10_000;
const ORIGIN_INCOMPLETE = 2;

/** Where protocols have one preference, this order decides (BIRD compares where their code lies in memory). */
const KIND_ORDER: Readonly<Record<string, number>> = { device: 0, direct: 1, kernel: 2, static: 3, bgp: 4, pipe: 5 };

/** rte_stale(). */
export const isStale = ({ attributes }: Route): boolean =>
  attributes.community?.some((each) => each >>> 0 === WELL_KNOWN_COMMUNITY.llgrStale) === true;

/** The neighbouring AS: the first of the path, or the peer's own. */
export const neighborAs = (route: Route): number =>
  asPathFirst(route.attributes.asPath ?? []) ?? route.origin.bgp?.remoteAs ?? 0;

const pathLength = ({ attributes }: Route): number =>
  attributes.asPath === undefined ? AS_PATH_MAX : asPathLength(attributes.asPath);

/** Lower wins; zero asks on. */
type Criterion = (a: Route, b: Route, of: { readonly a: BgpOrigin; readonly b: BgpOrigin }) => number;

const resolvable: Criterion = (a, b, of) =>
  Number(!isResolvable(a, of.a.dialect)) - Number(!isResolvable(b, of.b.dialect));
const fresh: Criterion = (a, b) => Number(isStale(a)) - Number(isStale(b));
const localPreference: Criterion = (a, b, of) =>
  (b.attributes.localPref ?? of.b.options.defaultLocalPref) - (a.attributes.localPref ?? of.a.options.defaultLocalPref);
const shortPath: Criterion = (a, b, of) =>
  of.a.options.comparePathLengths || of.b.options.comparePathLengths ? pathLength(a) - pathLength(b) : 0;
const originCode: Criterion = (a, b) =>
  (a.attributes.origin ?? ORIGIN_INCOMPLETE) - (b.attributes.origin ?? ORIGIN_INCOMPLETE);
const multiExit: Criterion = (a, b, of) =>
  of.a.options.medMetric || of.b.options.medMetric || neighborAs(a) === neighborAs(b)
    ? (a.attributes.med ?? of.a.options.defaultMed) - (b.attributes.med ?? of.b.options.defaultMed)
    : 0;
const external: Criterion = (_, __, of) => Number(of.a.isInternal) - Number(of.b.isInternal);
const nearNextHop: Criterion = (a, b, of) =>
  (of.a.options.igpMetric ? a.igpMetric : 0) - (of.b.options.igpMetric ? b.igpMetric : 0);

/** Up to here routes that are equal may be merged (ECMP). */
const MERGE_CRITERIA: readonly Criterion[] = [
  fresh,
  localPreference,
  shortPath,
  originCode,
  multiExit,
  external,
  nearNextHop,
];

const identifierOf = (route: Route, origin: BgpOrigin): number =>
  (route.attributes.originatorId ?? origin.remoteId) >>> 0;

/** RFC 4271 §9.1.2.2 f and g, RFC 4456 §9. `undefined`: the older one stays (RFC 5004). */
function tieBreak(a: Route, b: Route, of: { readonly a: BgpOrigin; readonly b: BgpOrigin }): number | undefined {
  const [left, right] = [identifierOf(a, of.a), identifierOf(b, of.b)];
  const older = of.a.options.preferOlder || of.b.options.preferOlder;
  if (older && !of.a.isInternal && left !== right) return undefined;
  if (left !== right) return left - right;
  const clusters = (a.attributes.clusterList?.length ?? 0) - (b.attributes.clusterList?.length ?? 0);
  return clusters === 0 ? compareIp(of.a.remoteAddress, of.b.remoteAddress) : clusters;
}

/** Which of a group of one neighbouring AS are set back (`deterministic med`). */
export type Suppressed = (route: Route) => boolean;
const NONE_SUPPRESSED: Suppressed = () => false;

function bgpBetter(candidate: Route, than: Route, suppressed: Suppressed): boolean {
  const a = candidate.origin.bgp;
  const b = than.origin.bgp;
  if (a === undefined || b === undefined) return false;
  const of = { a, b };
  const held = Number(suppressed(candidate)) - Number(suppressed(than));
  if (held !== 0) return held < 0;
  for (const criterion of [resolvable, ...MERGE_CRITERIA]) {
    const difference = criterion(candidate, than, of);
    if (difference !== 0) return difference < 0;
  }
  const last = tieBreak(candidate, than, of);
  return last !== undefined && last < 0;
}

/** static_rte_better() of 2: less is better; 1.6 compares nothing. */
const staticMetric = ({ origin, attributes }: Route): number =>
  origin.comparesMetric === true ? (attributes.igpMetric ?? IGP_METRIC_UNKNOWN) : 0;

/** rte_better(): whether `candidate` takes the place of `than`. Filtered routes never do. */
export function isBetter(candidate: Route, than: Route | undefined, suppressed: Suppressed = NONE_SUPPRESSED): boolean {
  if (candidate.filtered) return false;
  if (than === undefined || than.filtered) return true;
  if (candidate.preference !== than.preference) return candidate.preference > than.preference;
  const [kind, other] = [candidate.origin.kind, than.origin.kind];
  if (kind !== other) return (KIND_ORDER[kind] ?? 0) > (KIND_ORDER[other] ?? 0);
  if (kind === 'static') return staticMetric(candidate) < staticMetric(than);
  return kind === 'bgp' && bgpBetter(candidate, than, suppressed);
}

/** rte_mergable(): whether `other` may share traffic with the best route `best`. */
export function isMergable(best: Route, other: Route): boolean {
  if (best.filtered || other.filtered || best.preference !== other.preference) return false;
  if (best.origin.kind === 'static' && other.origin.kind === 'static')
    return staticMetric(best) === staticMetric(other);
  const a = best.origin.bgp;
  const b = other.origin.bgp;
  if (a === undefined || b === undefined || !isReachable(other)) return false;
  return MERGE_CRITERIA.every((criterion) => criterion(best, other, { a, b }) === 0);
}
