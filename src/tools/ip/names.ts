/** Names that iproute2 prints, and the numbers that `-N` prints in their place (lib/rt_names.c, ip/rtm_map.c). */

import { formatRouteProtocol, formatTable, SCOPE, type Scope } from '../../kernel/index.js';
import type { RouteType } from '../../trace/index.js';

/** enum rtn_type. */
const ROUTE_TYPES: Readonly<Record<RouteType, number>> = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
};

/** How each is printed: by name, or by number. */
export interface Names {
  readonly type: (type: RouteType) => string;
  readonly scope: (scope: Scope) => string;
  readonly table: (table: number) => string;
  readonly protocol: (protocol: number) => string;
  /** `default` is the only group there is. */
  readonly group: string;
}

const WORDS: Names = {
  type: (type) => type,
  scope: (scope) => scope,
  table: formatTable,
  protocol: formatRouteProtocol,
  group: 'default',
};

const NUMBERS: Names = {
  type: (type) => String(ROUTE_TYPES[type]),
  scope: (scope) => String(SCOPE[scope]),
  table: String,
  protocol: String,
  group: '0',
};

export const namesOf = ({ numeric }: { readonly numeric: boolean }): Names => (numeric ? NUMBERS : WORDS);

const isKey = <K extends string>(numbers: Readonly<Record<K, number>>, text: string): text is K =>
  Object.hasOwn(numbers, text);

/** By name or number; undefined for what is neither. */
function keyOf<K extends string>(numbers: Readonly<Record<K, number>>, text: string): K | undefined {
  const name = Object.entries(numbers).find(([, number]) => String(number) === text)?.[0] ?? text;
  return isKey(numbers, name) ? name : undefined;
}

export const parseRouteType = (text: string): RouteType | undefined => keyOf(ROUTE_TYPES, text);
export const parseScope = (text: string): Scope | undefined => keyOf(SCOPE, text);
