/** The face of `services`: what runs in a cluster on behalf of Services. */

export { type EndpointContext } from './endpointslice/context.js';
export { EndpointSliceController, type ServiceSlices } from './endpointslice/controller.js';
export { targetPortOf } from './endpointslice/ports.js';
