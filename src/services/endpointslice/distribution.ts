/** Hints of `spec.trafficDistribution` (k8s.io/endpointslice/trafficdist): each ready endpoint for its own zone, or node. */

import type { EndpointSlice, Service } from '../../kubernetes/index.js';
import type { SliceEndpoint } from './context.js';

function hinted(endpoint: SliceEndpoint, forNode: boolean): SliceEndpoint {
  if (!endpoint.conditions.ready) return endpoint;
  const forZones = endpoint.zone === '' ? [] : [endpoint.zone];
  const forNodes = forNode && endpoint.nodeName !== '' ? [endpoint.nodeName] : [];
  return forZones.length + forNodes.length === 0 ? endpoint : { ...endpoint, hints: { forZones, forNodes } };
}

export function withDistribution(slices: readonly EndpointSlice[], { spec }: Service): readonly EndpointSlice[] {
  const { trafficDistribution } = spec;
  if (trafficDistribution === undefined) return slices;
  const forNode = trafficDistribution === 'PreferSameNode';
  return slices.map((slice) => ({
    ...slice,
    endpoints: slice.endpoints.map((endpoint) => hinted(endpoint, forNode)),
  }));
}
