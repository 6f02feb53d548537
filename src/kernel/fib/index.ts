/** The face of `fib`: routes, rules, addresses, and the decision for each packet. */
export type { FibContext } from './context.js';
export { Fib } from './fib.js';
export {
  cacheFlags,
  formatRoute,
  formatRouteGet,
  formatRule,
  formatRuleBody,
  type RouteFormat,
  type RouteGetAnswer,
  type RuleText,
} from './format.js';
export type { InputFlow } from './input.js';
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
