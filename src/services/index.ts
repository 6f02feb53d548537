/** The face of `services`: what runs in a cluster on behalf of Services. */

export { type EndpointContext } from './endpointslice/context.js';
export { EndpointSliceController, type ServiceSlices } from './endpointslice/controller.js';
export { deriveSlices } from './endpointslice/derive.js';
export { targetPortOf } from './endpointslice/ports.js';
export { withTopologyHints, type ZoneShares, zoneShares } from './endpointslice/topology-hints.js';
