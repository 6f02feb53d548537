/** The face of `cni`: the specification, a runtime, and the reference plugins. It knows no Kubernetes. */
export * from './errors.js';
export type * from './plugin.js';
export * from './reference.js';
export * from './result.js';
export * from './runtime.js';
export { execPlugin, parseArgs, pluginMachine } from './skel.js';
export * from './version.js';
