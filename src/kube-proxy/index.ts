/** The face of `kube-proxy`: Services and endpoints in, rules out. */

export { type Categories, categorizeEndpoints, type ProxyNode } from './categories/categorize.js';
export { type Features, featuresOf, minorOfImage } from './config/features.js';
export {
  detectByCidr,
  type LocalDetector,
} from './config/local-detector.js';
export { NodePortAddresses } from './config/node-port-addresses.js';
export type { IpFamily } from './family.js';
export { IptablesProxier, type Sync, type SyncContext } from './iptables/proxier.js';
export { probability } from './iptables/render/service-rules.js';
export { formatMark, type IptablesSettings } from './iptables/settings.js';
export { type Endpoint, endpointsForNode, serviceEndpoints } from './tracker/endpoint.js';
export { portKey, type ServicePort, servicePorts } from './tracker/service-port.js';
export { ServiceTracker, type Tracked, type TrackedService } from './tracker/tracker.js';
export { ensureJumps } from './iptables/apply/jumps.js';
export { type Deletion, deletionsByService, formatDeletion } from './conntrack/by-service.js';
export { type EndpointsByPort, type StaleUdp, staleUdp } from './conntrack/stale.js';
export { localReadyEndpoints, noLocalEndpoints } from './metrics.js';
export type { Configuration } from './config/configuration.js';
export { findInstallation, type Installation } from './config/installation.js';
export { otherProxyOf } from './config/unwatched.js';
export { KubeProxy, type KubeProxyRequest } from './kube-proxy.js';
