/** What calico-node does before its daemons run: address, default pools, tunnel addresses, which daemons there are. */

export {
  type DetectionHost,
  nodeInterfaces,
} from './startup/autodetect.js';
export { defaultPools } from './startup/default-pools.js';
export { type Environment, networkingBackend, StartupError } from './startup/environment.js';
export { type NodeBgp, startNode } from './startup/node-resource.js';
export { reconcileTunnelAddresses } from './startup/tunnel-addresses.js';
