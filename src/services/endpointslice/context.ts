/** What EndpointSlices are made of besides the Service. */

import type { EndpointSlice, IpAddress, Pod, Store } from '../../kubernetes/index.js';

export interface EndpointContext {
  readonly store: Store;
  /** A pod's addresses, as its status would have them; empty for one that does not run. */
  readonly addressesOf: (pod: Pod) => readonly IpAddress[];
  /** For the ends of generated names. */
  readonly seed: number;
}

export type SliceEndpoint = EndpointSlice['endpoints'][number];
export type SlicePort = EndpointSlice['ports'][number];
export type AddressType = 'IPv4' | 'IPv6';

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const HEADLESS = 'service.kubernetes.io/headless';
export const ZONE = 'topology.kubernetes.io/zone';

export const SLICE_CONTROLLER = 'endpointslice-controller.k8s.io';
export const MIRRORING_CONTROLLER = 'endpointslicemirroring-controller.k8s.io';
