/** The face of `server`: REST over HTTP. */
export type { InitialCluster, Limits, ServeOptions } from './options.js';
export { Problem } from './problem.js';
export { DEFAULT_PORT, type RunningServer, serve, ServeError } from './server.js';
export { isClusterName } from './clusters.js';
