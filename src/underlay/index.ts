/** The face of `underlay`: the physical network, its document and its machines. */
export { defaultNetwork } from './default-network.js';
export { type LoadBalancerSpec, type PhysicalNetworkSpec, PODWIRE_GROUP, physicalNetworkKind } from './document.js';
export { type HostConfigSpec, hostConfigKind } from './host-config.js';
export {
  BIRD_CONF,
  type InterfacePlan,
  losesFrames,
  type MachinePlan,
  type NetworkPlan,
  type NodePlace,
  Planner,
} from './plan.js';
export { Underlay } from './underlay.js';
