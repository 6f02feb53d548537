/** NetworkPolicy (k8s.io/api/networking/v1), with the defaults of pkg/apis/networking/v1/defaults.go. */

import { cidrContains, formatCidr } from '../address.js';
import {
  check,
  checkAll,
  cidr,
  listOf,
  map,
  oneOf,
  optional,
  orEmpty,
  port,
  portReference,
  record,
  type Value,
  withDefault,
} from '../schema/schema.js';
import { labelSelector } from './label-selector.js';
import { protocol } from './pod.js';
import { isServiceName, SERVICE_NAME_WANT } from './service-rules.js';

/** pkg/apis/networking/validation/validation.go:ValidateNetworkPolicyPort(). */
const policyPort = checkAll(
  record({ protocol, port: optional(portReference), endPort: optional(port) }, { closed: true }),
  ({ port: first, endPort }) => [
    ...(first === 0 ? [{ path: ['port'], expected: 'a port from 1 to 65535' }] : []),
    ...(typeof first === 'string' && !isServiceName(first) ? [{ path: ['port'], expected: SERVICE_NAME_WANT }] : []),
    ...(endPort !== undefined && (typeof first !== 'number' || endPort < first)
      ? [{ path: ['endPort'], expected: 'a port not below a numeric port' }]
      : []),
  ],
);
export type NetworkPolicyPort = Value<typeof policyPort>;

const peerFields = record(
  {
    podSelector: optional(labelSelector),
    namespaceSelector: optional(labelSelector),
    ipBlock: optional(record({ cidr, except: listOf(cidr) }, { closed: true })),
  },
  { closed: true },
);

/** pkg/apis/networking/validation/validation.go:ValidateNetworkPolicyPeer(). */
const peer = check(peerFields, ({ podSelector, namespaceSelector, ipBlock }) => {
  const selects = podSelector !== undefined || namespaceSelector !== undefined;
  if (ipBlock === undefined) {
    return selects ? undefined : { path: [], expected: 'a podSelector, a namespaceSelector or an ipBlock' };
  }
  if (selects) return { path: ['ipBlock'], expected: 'no selector beside an ipBlock' };
  const outside = ipBlock.except.findIndex(
    (one) => one.length <= ipBlock.cidr.length || !cidrContains(ipBlock.cidr, one.addr),
  );
  return outside < 0
    ? undefined
    : { path: ['ipBlock', 'except', outside], expected: `a part of ${formatCidr(ipBlock.cidr)}` };
});
export type NetworkPolicyPeer = Value<typeof peer>;

const ports = listOf(policyPort);

const fields = {
  podSelector: orEmpty(labelSelector),
  policyTypes: listOf(oneOf('Ingress', 'Egress')),
  ingress: listOf(record({ from: listOf(peer), ports }, { closed: true })),
  egress: listOf(record({ to: listOf(peer), ports }, { closed: true })),
};

const spec = map(record(fields, { closed: true }), ({ policyTypes, ...rest }) => ({
  ...rest,
  policyTypes: policyTypes.length > 0 ? policyTypes : defaultTypes(rest.egress.length > 0),
}));

type PolicyType = 'Ingress' | 'Egress';

const defaultTypes = (egress: boolean): readonly PolicyType[] => (egress ? ['Ingress', 'Egress'] : ['Ingress']);

export const networkPolicyBody = record({ spec });

/** Calico's staged form of the same; no API server fills in its types. */
export const stagedKubernetesNetworkPolicyBody = record({
  spec: orEmpty(
    record(
      { ...fields, stagedAction: withDefault(oneOf('Set', 'Delete', 'Learn', 'Ignore'), 'Set') },
      { closed: true },
    ),
  ),
});
