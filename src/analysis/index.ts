/** The face of `analysis`: what can be said of a cluster beyond one packet. */

export { type Decision, decisionsOf } from './decisions.js';
export { formatComparisons } from './format.js';
export { allPairs, compareFlows, type Flow, type FlowComparison, type FlowOutcome } from './what-if.js';
