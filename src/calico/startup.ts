/** What calico-node does before its daemons run: address, default pools, tunnel addresses, which daemons there are. */

export {
  type DetectionHost,
  type DetectionInterface,
  detectAddress,
  nodeAddress,
  nodeInterfaces,
} from './startup/autodetect.js';
export { type DefaultPoolFacts, defaultPools } from './startup/default-pools.js';
export { type Backend, type Environment, networkingBackend, StartupError } from './startup/environment.js';
export { type AddressOwner, type NodeBgp, startNode } from './startup/node-resource.js';
export { reconcileTunnelAddresses } from './startup/tunnel-addresses.js';
