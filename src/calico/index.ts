/** The face of `calico`: what a node running Calico programs and records, as pure functions of objects and recorded state. */

export {
  type Address,
  addressBits,
  addressOf,
  addressOfIpv4,
  type Cidr,
  cidrAt,
  cidrContains,
  formatAddress,
  formatCidr,
  hostCidr,
  ipv4Of,
  ipv4PrefixOf,
  networkOf,
  parseAddress,
  parseCidr,
  parseCidrOrAddress,
} from './cidr.js';
export * from './cni-plugin/index.js';
export { namespaceProfile, podEndpoint, serviceAccountProfile } from './conversion.js';
export { bgpFindings } from './datastore/bgp-findings.js';
export { felixFindings } from './datastore/felix-findings.js';
export { poolFindings, poolsOverNodes } from './datastore/pool-findings.js';
export { addressFromStore, cidrFromStore, cidrToStore } from './datastore/addresses.js';
export { confdHost, confdOptions, storedBackend, unroutedPools } from './datastore/daemons.js';
export {
  convertedUid,
  keptAnnotations,
  keptCreationTimestamp,
  keptLabels,
  policyName,
} from './datastore/metadata.js';
export { nodesInUse, servicesInUse, workloadsInUse } from './datastore/ipam-in-use.js';
export {
  balancedByCalico,
  calicoLoadBalancers,
  loadBalancerHandle,
  loadBalancerRequest,
  VIRTUAL_LOAD_BALANCER,
} from './datastore/load-balancers.js';
export { FelixDatastore, felixLayers, nodeEnvironment } from './datastore/felix.js';
export { autoHostEndpoints, type InterfaceAddresses } from './datastore/host-endpoints.js';
export { ipamContext, recordIpam, recordIpamConfig, storedIpam } from './datastore/ipam.js';
export { adminNetworkPolicies, calicoVersion, storedTiers } from './datastore/policies.js';
export {
  annotationProblems,
  storedInternalIps,
  storedNodes,
  storedPools,
} from './datastore/resources.js';
export {
  FelixCluster,
  type FelixHost,
  type HostInterface,
} from './felix/calc/input.js';
export {
  applyFelix,
  applyFelixDevices,
  endConnections,
  type WorkloadInterfaces,
  workloadInterfaces,
} from './felix/dataplane/index.js';
export { explainDroppingRule, undecidedBy } from './felix/explain.js';
export { explainUndecided } from './felix/explain-rules.js';
export type { AskedPacket } from './felix/explain-transport.js';
export { computeFelix, computeFelixDevices, workloadRoutes } from './felix/felix.js';
export { lacksMarks } from './felix/rules/config.js';
export { unreadLists } from './felix/rules/unread-lists.js';
export {
  type FelixConfig,
  readFelixConfig,
  usesWireguard,
} from './felix/parameters.js';
export type { FelixRoute } from './felix/state.js';
export { assignAddress } from './ipam/assign.js';
export { autoAssign } from './ipam/auto-assign.js';
export { configureIpam } from './ipam/configure.js';
export { IpamError } from './ipam/errors.js';
export {
  type IpamConfig,
  type IpamContext,
  shortfall,
} from './ipam/model.js';
export { type IpamObjects, ipamObjects, loadIpam, printIpam } from './ipam/objects.js';
export { addressesByHandle, assignmentOf } from './ipam/query.js';
export { ipamFlaw } from './ipam/soundness.js';
export { releaseAddresses, releaseByHandle, releaseHostAffinities } from './ipam/release.js';
export {
  type Allocation,
  allocationsOf,
  checkIpam,
  type InUse,
  type IpamCheck,
  WINDOWS_RESERVED_HANDLE,
} from './ipam/check.js';
export {
  borrowedAddresses,
  utilization,
} from './ipam/utilization.js';
export { splitCidr } from './ipam/split.js';
export { IpamStore } from './ipam/store.js';
export type {
  CalicoNode,
  IpPool,
} from './model.js';
export { vethName, workloadEndpointName } from './names.js';
export { unconvertiblePeers } from './policy/from-admin-policy.js';
export { parseSelector } from './policy/selector.js';
export { SelectorError } from './policy/selector-tokens.js';
export * from './startup.js';
