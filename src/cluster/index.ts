/** The face of `cluster`: topology in, hosts and traces out. */
export { recordedAddresses } from './allocations.js';
export { Cluster } from './cluster.js';
export type { ChangeOutcome, ClusterOptions } from './options.js';
export {
  type Destination,
  type EndpointName,
  formatEndpointName,
  isNameProblem,
  type NameProblem,
  parseDestination,
  parseEndpointName,
} from './endpoint-name.js';
export { changedObjects, type ExpectedChange, type ExpectedTrace, unmetBy } from './expectations.js';
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
export type { ClusterEvent } from './observe.js';
export { type RecordedState, withoutPods } from './recorded.js';
export { type ConnectionRequest, runConnection } from './connection.js';
export { type Asker, awaitLookup, resolverOf } from './name-resolution.js';
export { UnknownEndpoint } from './places.js';
export { startServer } from './servers.js';
export type { TraceRequest } from './tracing.js';
