/**
 * The face of confd: BIRD's files out of the datastore. It is a face of its own, beside that of `calico`, so that what
 * needs no BGP does not load it. What reads the store is in ../datastore.
 */

export { ConfdDatastore } from '../datastore/confd.js';
export { isInMesh, meshAsNumber, meshSessionName, waitsFor } from './bird-peers.js';
export { ConfdCluster, type NodeTexts } from './cluster.js';
export { filterOfFunction } from './filters.js';
export { runConfd } from './files.js';
export type { AdvertisedService, ConfdHost } from './model.js';
export { type NodeConfig, nodeConfig } from './node-config.js';
export { announcersOf } from './services.js';
export { CONFD_FOLDER, renderBird, renderConfd } from './render.js';
