/** The face of `kube-proxy`: Services and endpoints in, rules out. */

export { categorizeEndpoints } from './categories/categorize.js';
export { featuresOf, minorOfImage } from './config/features.js';
export { detectByCidr } from './config/local-detector.js';
export { NodePortAddresses } from './config/node-port-addresses.js';
export type { IpFamily } from './family.js';
export { IptablesProxier, type Sync } from './iptables/proxier.js';
export { probability } from './iptables/render/service-rules.js';
export { formatMark, type IptablesSettings } from './iptables/settings.js';
export { type Endpoint, endpointsForNode, serviceEndpoints } from './tracker/endpoint.js';
export { portKey, type ServicePort, servicePorts } from './tracker/service-port.js';
export { ServiceTracker, type Tracked } from './tracker/tracker.js';
export { ensureJumps } from './iptables/apply/jumps.js';
export { deletionsByService, formatDeletion } from './conntrack/by-service.js';
export { type EndpointsByPort, staleUdp } from './conntrack/stale.js';
export { localReadyEndpoints, noLocalEndpoints } from './metrics.js';
export { findInstallation, type Installation } from './config/installation.js';
export { otherProxyOf } from './config/unwatched.js';
export { KubeProxy } from './kube-proxy.js';
