/** An EndpointSlice as its controllers make it: name, labels, owner (k8s.io/endpointslice/utils.go:newEndpointSlice()). */

import { type EndpointSlice, type Labels, type ObjectSource, seededSuffix } from '../../kubernetes/index.js';
import { type AddressType, HEADLESS, MANAGED_BY, SERVICE_NAME, type SliceEndpoint, type SlicePort } from './context.js';

/** `--max-endpoints-per-slice`. */
export const MAX_ENDPOINTS = 100;
/** A name that ends in a dash must leave room: IsDNS1123Subdomain's length. */
const MAX_NAME = 253;

interface Owner {
  readonly kind: 'Service' | 'Endpoints';
  readonly namespace: string;
  readonly name: string;
  readonly uid: string | undefined;
  readonly labels: Labels;
  readonly annotations?: Labels;
  readonly source: ObjectSource;
}

export interface SliceParts {
  readonly owner: Owner;
  readonly managedBy: string;
  readonly headless: boolean;
  readonly addressType: AddressType;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
  readonly seed: number;
  /** Tells slices of one owner apart. */
  readonly purpose: string;
}

const RESERVED: ReadonlySet<string> = new Set([SERVICE_NAME, MANAGED_BY, HEADLESS]);

const ownLabels = (labels: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).filter(([key]) => !RESERVED.has(key)));

/** getEndpointSlicePrefix(). */
const prefixOf = (name: string): string => (name.length < MAX_NAME ? `${name}-` : name);

export function makeSlice(parts: SliceParts): EndpointSlice {
  const { owner, managedBy, headless, addressType, ports, endpoints, seed, purpose } = parts;
  const { kind, namespace, name, uid, source } = owner;
  const suffix = seededSuffix(seed, `EndpointSlice/${namespace}/${name}/${addressType}/${purpose}`);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    namespace,
    name: prefixOf(name) + suffix,
    labels: {
      ...ownLabels(owner.labels),
      ...(headless ? { [HEADLESS]: '' } : {}),
      [SERVICE_NAME]: name,
      [MANAGED_BY]: managedBy,
    },
    annotations: owner.annotations ?? {},
    uid: undefined,
    ownerReferences: [{ kind, name, uid, controller: true }],
    terminating: false,
    source,
    addressType,
    ports,
    endpoints: [...endpoints],
  };
}

/** In lists of at most so many. */
export function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const lists: T[][] = [];
  for (let at = 0; at < items.length; at += size) lists.push(items.slice(at, at + size));
  return lists;
}
