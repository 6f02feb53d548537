/** The face of `kernel`: a virtual Linux that executes programmed state. It knows no Kubernetes. */

export { Clock, LATEST_NS, NS_PER_MS, NS_PER_S, NS_PER_US, Timer } from './clock.js';
export * from './conntrack/index.js';
export { Device, type InterfaceAddress } from './device.js';
export { cannotGoOn, Emulation, NeverAtRest } from './emulation.js';
export { assert, ERRNO_TEXT, type Errno, KernelError } from './errors.js';
export * from './fib/index.js';
export { Host } from './host.js';
export * from './host-state.js';
export {
  parseAddressWord,
  parseNeighbourState,
  parseNumberWord,
  parsePrefixWord,
  runIpBatch,
  runIpCommand,
} from './ip-command/index.js';
export * from './link/index.js';
export { Neighbour } from './neigh/neighbour-table.js';
export * from './netfilter/index.js';
export { Netns } from './netns.js';
export { TokenBucket, type TokenBucketState } from './qdisc/token-bucket.js';
export { Random } from './random.js';
export type { RtnetlinkEvent } from './rtnetlink.js';
export { Skb } from './skb.js';
export * from './socket/index.js';
export { applyHostState, hostState, netnsState } from './state.js';
export { sysctlFile } from './sysctl.js';
export { freshSwitches } from './sysctl-defaults.js';
