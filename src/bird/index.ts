/**
 * The face of `bird`: a BGP daemon as Calico's nodes (BIRD 1.6) and routers (BIRD 2) run it. It knows no Kubernetes
 * and no Calico: a text, a namespace, and what it learns from both.
 */

export { restingBirdc } from './birdc/resting.js';
export { formatIp, type IpAddr, Net } from './address.js';
export { parseConfig } from './config/config.js';
export type { Dialect } from './config/keywords.js';
export { type ConfigProblem, formatProblem } from './config/source.js';
export type { BgpConfig, BirdConfig } from './config/types.js';
export { ConvergedNetwork } from './converged/network.js';
export { netnsSpeaker, type Peering, type Speaker, type SpeakerMesh } from './converged/speaker.js';
export type { Withheld } from './converged/exchange.js';
export { BirdDaemon, type BirdOptions, type ProtocolStatus } from './daemon.js';
export { type Iface, Interfaces, plannedIface } from './interfaces.js';
export type { LinkAddresses } from './converged/link.js';
export { routeSpec } from './protocols/kernel-routes.js';
export type { KernelRoute } from './protocols/local-routes.js';
export type { Attributes } from './rib/attributes.js';
export type { Route } from './rib/route.js';
