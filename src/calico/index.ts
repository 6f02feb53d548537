/** The face of `calico`: what a node running Calico programs and records, as pure functions of objects and recorded state. */

export {
  type Address,
  addressBits,
  addressOf,
  addressOfIpv4,
  type Cidr,
  cidrContains,
  formatAddress,
  formatCidr,
  hostCidr,
  type IpVersion,
  ipv4Of,
  ipv4PrefixOf,
  networkOf,
  parseAddress,
  parseCidr,
  parseCidrOrAddress,
} from './cidr.js';
export * from './cni-plugin/index.js';
export { namespaceProfile, type PodFacts, podEndpoint, serviceAccountProfile } from './conversion.js';
export { bgpFindings } from './datastore/bgp-findings.js';
export { felixFindings } from './datastore/felix-findings.js';
export { poolFindings, poolsOverNodes } from './datastore/pool-findings.js';
export { addressFromStore, cidrFromStore, cidrToStore } from './datastore/addresses.js';
export { confdHost, type ConfdOptions, confdOptions, storedBackend, unroutedPools } from './datastore/daemons.js';
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
export { blockSummaries, ipamContext, recordIpam, recordIpamConfig, storedIpam } from './datastore/ipam.js';
export { adminNetworkPolicies, calicoVersion, storedTiers } from './datastore/policies.js';
export {
  annotationProblems,
  storedInternalIps,
  storedNodes,
  storedPools,
  storedProfiles,
  storedReservations,
  storedServiceCidrs,
} from './datastore/resources.js';
export {
  type ClusterResources,
  FelixCluster,
  type FelixHost,
  type HostInterface,
  type ServiceCidr,
} from './felix/calc/input.js';
export {
  applyFelix,
  applyFelixDevices,
  endConnections,
  type FelixOwnership,
  type WorkloadInterfaces,
  workloadInterfaces,
} from './felix/dataplane/index.js';
export { type DroppingRule, explainDroppingRule, undecidedBy } from './felix/explain.js';
export { explainUndecided, type UndecidedPacket } from './felix/explain-rules.js';
export type { AskedPacket } from './felix/explain-transport.js';
export { computeFelix, computeFelixDevices, workloadRoutes } from './felix/felix.js';
export { lacksMarks } from './felix/rules/config.js';
export { formatIpsets, formatTable, formatTables } from './felix/format.js';
export {
  type FelixConfig,
  felixEnvironment,
  type ParameterLayer,
  type ParsedParameters,
  readFelixConfig,
} from './felix/parameters.js';
export type {
  CalicoTableName,
  FelixIpset,
  FelixRoute,
  FelixState,
  FelixSysctl,
  FelixTable,
  IpipDevice,
  Mtus,
  Vtep,
  VxlanDevice,
} from './felix/state.js';
export { assignAddress } from './ipam/assign.js';
export { autoAssign } from './ipam/auto-assign.js';
export { type AllocationAttribute, AllocationBlock } from './ipam/block.js';
export { configureIpam } from './ipam/configure.js';
export { IpamError, type IpamErrorCode } from './ipam/errors.js';
export {
  type AssignRequest,
  type Assignments,
  type AutoAssignRequest,
  type BlockAffinity,
  type IpamConfig,
  type IpamContext,
  shortfall,
} from './ipam/model.js';
export { type IpamObjects, ipamObjects, loadIpam, type PrintedObject, printIpam } from './ipam/objects.js';
export { blockCidrFor, enabledPools, poolContaining, poolSelectsNode } from './ipam/pools.js';
export { addressesByHandle, assignmentOf } from './ipam/query.js';
export { type Release, releaseAddresses, releaseByHandle, releaseHostAffinities } from './ipam/release.js';
export {
  type Allocation,
  allocationsOf,
  checkIpam,
  type InUse,
  type IpamCheck,
} from './ipam/check.js';
export {
  type BorrowedAddress,
  borrowedAddresses,
  type PoolUtilization,
  utilization,
} from './ipam/utilization.js';
export { splitCidr } from './ipam/split.js';
export { type HandleBlocks, IpamStore } from './ipam/store.js';
export type {
  BlockSummary,
  CalicoNode,
  EncapsulationMode,
  IpPool,
  PoolUse,
  Profile,
  WorkloadEndpoint,
} from './model.js';
export { vethName, vethNameOfContainer, vtepMac, workloadEndpointName } from './names.js';
export { unconvertiblePeers } from './policy/from-admin-policy.js';
export { type Labels, parseSelector, Selector } from './policy/selector.js';
export { SelectorError } from './policy/selector-tokens.js';
export * from './startup.js';
