/** confd: BIRD's files out of the datastore. What reads the store is in ../datastore. */

export { ConfdCluster } from './cluster.js';
export { type ConfdRun, confdPath, runConfd } from './files.js';
export type { ConfdHost, ConfdResources } from './model.js';
export { CONFD_FILES, CONFD_FOLDER, type ConfdFile, renderConfd } from './render.js';
