/** EndpointSlices of Endpoints that somebody keeps by hand for a Service without a selector (pkg/controller/endpointslicemirroring). */

import { type Endpoints, type EndpointSlice, isIpv4, type Labels, labelOf } from '../../kubernetes/index.js';
import { type AddressType, MIRRORING_CONTROLLER, type SliceEndpoint, type SlicePort } from './context.js';
import { portMapKey } from './ports.js';
import { makeSlice } from './slice.js';

/** `--mirroring-max-endpoints-per-subset`. */
const MAX_PER_SUBSET = 1000;

const SKIP_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader';
const LEFT_BEHIND = new Set([
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
]);

/** For what the controller does not look at them: the label or the annotation that says so. */
export function notMirroredFor({ labels, annotations }: Endpoints): string | undefined {
  if (labelOf(labels, SKIP_LABEL) === 'true') return `label ${SKIP_LABEL}`;
  return labelOf(annotations, LEADER_ANNOTATION) === undefined ? undefined : `annotation ${LEADER_ANNOTATION}`;
}

type Subset = Endpoints['subsets'][number];
type SubsetAddress = Subset['addresses'][number];

const endpointOf = ({ ip, hostname, nodeName, targetRef }: SubsetAddress, ready: boolean): SliceEndpoint => ({
  addresses: [ip],
  conditions: { ready, serving: true, terminating: false },
  hostname,
  nodeName,
  zone: '',
  targetRef,
  hints: undefined,
});

const keptAnnotations = (annotations: Labels): Labels =>
  Object.fromEntries(Object.entries(annotations).filter(([key]) => !LEFT_BEHIND.has(key)));

interface Mirrored {
  readonly addressType: AddressType;
  readonly ports: readonly SlicePort[];
  readonly endpoints: SliceEndpoint[];
}

/** One slice for each list of ports and family. */
export function mirrorSlices(endpoints: Endpoints, seed: number): readonly EndpointSlice[] {
  const found = new Map<string, Mirrored>();
  for (const { addresses, notReadyAddresses, ports } of endpoints.subsets) {
    const all = [
      ...addresses.map((address) => endpointOf(address, true)),
      ...notReadyAddresses.map((address) => endpointOf(address, false)),
    ];
    for (const endpoint of all.slice(0, MAX_PER_SUBSET)) {
      const addressType = endpoint.addresses.some(isIpv4) ? 'IPv4' : 'IPv6';
      const key = `${addressType}/${portMapKey(ports)}`;
      const mirrored = found.get(key) ?? { addressType, ports, endpoints: [] };
      mirrored.endpoints.push(endpoint);
      found.set(key, mirrored);
    }
  }
  const owner = { ...endpoints, annotations: keptAnnotations(endpoints.annotations) };
  return [...found].map(([purpose, { addressType, ports, endpoints: list }]) =>
    makeSlice({
      owner,
      managedBy: MIRRORING_CONTROLLER,
      headless: false,
      addressType,
      ports,
      endpoints: list,
      seed,
      purpose,
    }),
  );
}
