/** The face of `underlay`: the physical network, its document and its machines. */
export { DEFAULT_ROUTER, defaultNetwork } from './default-network.js';
export { type LoadBalancerSpec, type PhysicalNetworkSpec, PODWIRE_GROUP, physicalNetworkKind } from './document.js';
export { type HostConfigSpec, hostConfigKind } from './host-config.js';
export {
  BIRD_CONF,
  type BirdPlan,
  type InterfacePlan,
  losesFrames,
  type MachinePlan,
  type NetworkPlan,
  type NodePlace,
  type PlanProblem,
  Planner,
} from './plan.js';
export { type Equip, Underlay } from './underlay.js';
