/** The face of `cluster`: topology in, hosts and traces out. */
export { recordedAddresses } from './addresses/allocations.js';
export { Cluster } from './cluster.js';
export type { ClusterOptions } from './options.js';
export {
  type Destination,
  type EndpointName,
  formatEndpointName,
  isNameProblem,
  parseDestination,
  parseEndpointName,
} from './trace/endpoint-name.js';
export { changedObjects, type ExpectedChange, type ExpectedTrace, unmetBy } from './trace/expectations.js';
export {
  type LostConnection,
  type MakeRouting,
  type RouteEvent,
  type Routing,
  type RoutingChange,
  type RoutingSession,
  type RoutingSite,
  runsBird,
} from './routing.js';
export { FAULT_FIELDS, type FaultRequest, faultSubject, isFaultRequest } from './input/fault.js';
export type { Environment } from './node/environment.js';
export { ownerOf, type Process, type RuntimeContainer, type RuntimePod } from './node/processes.js';
export type { ClusterEvent } from './change/observe.js';
export { type RecordedState, withoutPods } from './input/recorded.js';
export { LARGEST_SIZE, runConnection } from './trace/connection.js';
export { awaitLookup, resolverOf } from './trace/name-resolution.js';
export { UnknownEndpoint } from './trace/unknown-endpoint.js';
export { startServer } from './node/servers.js';
export type { TraceRequest } from './trace/tracing.js';
