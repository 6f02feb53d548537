/** podwire's own documents as objects with their place in the files. */

import type { KubernetesObject } from '../../kubernetes/index.js';
import type { HostConfigSpec, PhysicalNetworkSpec } from '../../underlay/index.js';

export type PhysicalNetworkObject = KubernetesObject<string, { readonly body: { readonly spec: PhysicalNetworkSpec } }>;
export type HostConfigObject = KubernetesObject<string, { readonly body: { readonly spec: HostConfigSpec } }>;
