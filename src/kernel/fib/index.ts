/** The face of `fib`: routes, rules, addresses, and the decision for each packet. */
export { Fib } from './fib.js';
export {
  cacheFlags,
  formatRoute,
  type RouteGetAnswer,
} from './format.js';
export {
  formatRouteProtocol,
  formatRuleIpProtocol,
  formatTable,
  formatTos,
  parseRouteProtocol,
  parseTable,
  SCOPE,
} from './names.js';
export { NetlinkError } from './netlink-error.js';
export { FibRule } from './rules.js';
export type * from './spec.js';
export type * from './types.js';
