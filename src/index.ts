/** The library's face: `import { Cluster } from 'podwire'`. */
export { RoutedCluster as Cluster } from './routing/index.js';
export {
  type ClusterOptions,
  type Destination,
  type EndpointName,
  isNameProblem,
  parseDestination,
  parseEndpointName,
  type RouteEvent,
  type RoutingChange,
  type TraceRequest,
  UnknownEndpoint,
} from './cluster/index.js';
export {
  type ConfigError,
  type Finding,
  formatConfigError,
  formatFinding,
  type SourceText,
} from './kubernetes/index.js';
export type { HostState, NetnsState } from './kernel/index.js';
export { hostState, netnsState } from './kernel/index.js';
export {
  type ConnectionTrace,
  formatMinimal,
  formatTrace,
  traceJson,
  tracePcapng,
  VERDICTS,
  type Verdict,
} from './trace/index.js';
