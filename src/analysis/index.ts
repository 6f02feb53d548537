/** The face of `analysis`: what can be said of a cluster beyond one packet. */

export { formatComparisons } from './format.js';
export { allPairs, compareFlows, type Flow, type FlowComparison, type Side } from './what-if.js';
