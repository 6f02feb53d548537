/** The face of `kernel`: a virtual Linux that executes programmed state. It knows no Kubernetes. */

export { Clock, LATEST_NS, NS_PER_MS, NS_PER_S, NS_PER_US, TimeEnds, Timer } from './clock.js';
export * from './conntrack/index.js';
export { Device, type InterfaceAddress, type Tap } from './device.js';
export { DeviceTable } from './device-table.js';
export { cannotGoOn, Emulation, type EmulationOptions, NeverAtRest } from './emulation.js';
export { assert, ERRNO_TEXT, type Errno, KernelError } from './errors.js';
export * from './fib/index.js';
export { Host, type KernelModule } from './host.js';
export * from './host-state.js';
export {
  type IpProblem,
  parseAddressWord,
  parseNeighbourState,
  parseNumberWord,
  parsePrefixWord,
  runIpBatch,
  runIpCommand,
} from './ip-command/index.js';
export type { IcmpError, SendRequest } from './ipv4/index.js';
export * from './link/index.js';
export { Neighbour, NeighbourTable } from './neigh/neighbour-table.js';
export * from './netfilter/index.js';
export { Netns } from './netns.js';
export { TokenBucket, type TokenBucketState } from './qdisc/token-bucket.js';
export { Random } from './random.js';
export type { RtnetlinkEvent } from './rtnetlink.js';
export { HEADROOM, type PacketType, Skb } from './skb.js';
export * from './socket/index.js';
export { applyHostState, applyNetnsState, hostState, netnsState } from './state.js';
export { type NetnsSysctl, sysctlFile, Sysctls } from './sysctl.js';
export { freshSwitches, type Ipv4DevConf, type Ipv4NeighConf } from './sysctl-defaults.js';
