/** Connection tracking and NAT. */

export { Conntrack } from './conntrack.js';
export type { ConntrackContext } from './context.js';
export * from './entry.js';
export type { CtFilter } from './filter.js';
export { formatStatistics, protocolNameOf } from './format.js';
export type { CtSnapshot } from './snapshot.js';
export { manipOf, NAT_RANGE, type NatManip, type NatRange } from './nat/range.js';
export { tuplesEqual } from './tuple.js';
