/**
 * A route's extended attributes (nest/rt-attr.c:ea_list) as an immutable record: what BGP carries, what the kernel
 * protocol knows, and the names by which filters reach them.
 */

import type { AsPath, BgpAggregator, ExtendedCommunity, LargeCommunity } from '../../packet/index.js';
import type { IpAddr } from '../address.js';

/** An attribute that nobody here knows; passed on where it is transitive (RFC 4271 §5). */
export interface UnknownAttribute {
  readonly code: number;
  readonly flags: number;
  readonly value: Uint8Array;
}

export interface Attributes {
  readonly igpMetric?: number;
  readonly origin?: number;
  readonly asPath?: AsPath;
  readonly nextHop?: IpAddr;
  /** The link-local one of two IPv6 next hops. */
  readonly linkLocalNextHop?: IpAddr;
  readonly med?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: true;
  readonly aggregator?: BgpAggregator;
  readonly community?: readonly number[];
  readonly originatorId?: number;
  readonly clusterList?: readonly number[];
  readonly extendedCommunity?: readonly ExtendedCommunity[];
  readonly largeCommunity?: readonly LargeCommunity[];
  readonly unknown?: readonly UnknownAttribute[];
  readonly krtSource?: number;
  readonly krtMetric?: number;
  readonly krtPrefsrc?: IpAddr;
  readonly krtRealm?: number;
  readonly krtScope?: number;
  readonly krtTunnel?: string;
  /** krt_lock_* and krt_feature_*: bit fields. */
  readonly krtLock?: number;
  readonly krtFeatures?: number;
  readonly krtMtu?: number;
  readonly krtWindow?: number;
  readonly krtRtt?: number;
  readonly krtRttvar?: number;
  readonly krtSstresh?: number;
  readonly krtCwnd?: number;
  readonly krtAdvmss?: number;
  readonly krtReordering?: number;
  readonly krtHoplimit?: number;
  readonly krtInitcwnd?: number;
  readonly krtRtoMin?: number;
  readonly krtInitrwnd?: number;
  readonly krtQuickack?: number;
}

export type AttributeId = keyof Attributes;

export type AttributeType =
  | 'int'
  | 'string'
  | 'quad'
  | 'opaque'
  | 'ip'
  | 'path'
  | 'bit'
  | 'clist'
  | 'eclist'
  | 'lclist'
  | 'origin';

/** A name of the filter language. */
export interface AttributeDefinition {
  readonly name: string;
  readonly id: AttributeId;
  readonly type: AttributeType;
  /** Of a bit field. */
  readonly mask?: number;
  /** EAF_TEMP of 1.6: it does not stay with the route past the protocol that knows it. */
  readonly temporary?: boolean;
}

const define = (name: string, id: AttributeId, type: AttributeType, more: Partial<AttributeDefinition> = {}) =>
  ({ name, id, type, ...more }) satisfies AttributeDefinition;

/** Of krt_lock: a bit for each of the kernel's metrics (RTAX_*) that may be locked. */
export const KERNEL_LOCKS: readonly (readonly [name: string, mask: number])[] = (
  [
    ['mtu', 2],
    ['window', 3],
    ['rtt', 4],
    ['rttvar', 5],
    ['sstresh', 6],
    ['cwnd', 7],
    ['advmss', 8],
    ['reordering', 9],
    ['hoplimit', 10],
    ['rto_min', 13],
  ] as const
).map(([name, bit]) => [name, 1 << bit]);

export const KERNEL_FEATURES: readonly (readonly [name: string, mask: number])[] = [
  ['ecn', 1],
  ['allfrag', 8],
];

/** What the virtual kernel's routes have no place for: BIRD alone knows it. */
const BIRD_ALONE: ReadonlySet<AttributeId> = new Set<AttributeId>([
  'krtRealm',
  'krtLock',
  'krtFeatures',
  'krtWindow',
  'krtRtt',
  'krtRttvar',
  'krtSstresh',
  'krtCwnd',
  'krtAdvmss',
  'krtReordering',
  'krtHoplimit',
  'krtInitcwnd',
  'krtRtoMin',
  'krtInitrwnd',
  'krtQuickack',
]);

/** Whether the kernel's routes lack it, where real ones would have it. */
export const isBirdAlone = ({ id }: AttributeDefinition): boolean => BIRD_ALONE.has(id);

const DEFINITIONS: readonly AttributeDefinition[] = [
  define('igp_metric', 'igpMetric', 'int'),
  define('bgp_origin', 'origin', 'origin'),
  define('bgp_path', 'asPath', 'path'),
  define('bgp_next_hop', 'nextHop', 'ip'),
  define('bgp_med', 'med', 'int'),
  define('bgp_local_pref', 'localPref', 'int'),
  define('bgp_atomic_aggr', 'atomicAggregate', 'opaque'),
  define('bgp_aggregator', 'aggregator', 'opaque'),
  define('bgp_community', 'community', 'clist'),
  define('bgp_originator_id', 'originatorId', 'quad'),
  define('bgp_cluster_list', 'clusterList', 'clist'),
  define('bgp_ext_community', 'extendedCommunity', 'eclist'),
  define('bgp_large_community', 'largeCommunity', 'lclist'),
  define('krt_source', 'krtSource', 'int', { temporary: true }),
  define('krt_metric', 'krtMetric', 'int', { temporary: true }),
  define('krt_prefsrc', 'krtPrefsrc', 'ip'),
  define('krt_realm', 'krtRealm', 'int'),
  define('krt_scope', 'krtScope', 'int'),
  define('krt_tunnel', 'krtTunnel', 'string'),
  define('krt_mtu', 'krtMtu', 'int'),
  define('krt_window', 'krtWindow', 'int'),
  define('krt_rtt', 'krtRtt', 'int'),
  define('krt_rttvar', 'krtRttvar', 'int'),
  define('krt_sstresh', 'krtSstresh', 'int'),
  define('krt_cwnd', 'krtCwnd', 'int'),
  define('krt_advmss', 'krtAdvmss', 'int'),
  define('krt_reordering', 'krtReordering', 'int'),
  define('krt_hoplimit', 'krtHoplimit', 'int'),
  define('krt_initcwnd', 'krtInitcwnd', 'int'),
  define('krt_rto_min', 'krtRtoMin', 'int'),
  define('krt_initrwnd', 'krtInitrwnd', 'int'),
  define('krt_quickack', 'krtQuickack', 'int'),
  ...KERNEL_LOCKS.map(([name, mask]) => define(`krt_lock_${name}`, 'krtLock', 'bit', { mask })),
  ...KERNEL_FEATURES.map(([name, mask]) => define(`krt_feature_${name}`, 'krtFeatures', 'bit', { mask })),
];

const BY_NAME: ReadonlyMap<string, AttributeDefinition> = new Map(DEFINITIONS.map((each) => [each.name, each]));

/** What an attribute's name in the filter language stands for. */
export const attributeNamed = (name: string): AttributeDefinition | undefined => BY_NAME.get(name);

/** What filters set into attributes at run time; the definition's type says which it is. */
export type AttributeValue = Exclude<Attributes[AttributeId], undefined>;

export function withoutAttributes(attributes: Attributes, ...ids: readonly AttributeId[]): Attributes {
  if (!ids.some((id) => attributes[id] !== undefined)) return attributes;
  const rest: Partial<Record<AttributeId, AttributeValue>> = { ...attributes };
  for (const id of ids) delete rest[id];
  return rest as Attributes;
}

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((octet, i) => octet === b[i]);
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left: Readonly<Record<string, unknown>> = { ...a };
  const right: Readonly<Record<string, unknown>> = { ...b };
  const keys = Object.keys(left).filter((key) => left[key] !== undefined);
  const others = Object.keys(right).filter((key) => right[key] !== undefined);
  return keys.length === others.length && keys.every((key) => same(left[key], right[key]));
}

/** Equal in every attribute (nest/rt-attr.c:ea_same()). */
export const attributesEqual = (a: Attributes, b: Attributes): boolean => a === b || same(a, b);
