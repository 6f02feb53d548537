/** NetworkPolicy (k8s.io/api/networking/v1), with the defaults of pkg/apis/networking/v1/defaults.go. */

import {
  check,
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
} from '../schema/schema.js';
import { labelSelector, protocol } from './pod.js';

const policyPort = check(
  record({ protocol, port: optional(portReference), endPort: optional(port) }, { closed: true }),
  ({ port: first, endPort }) =>
    endPort !== undefined && (typeof first !== 'number' || endPort < first)
      ? { path: ['endPort'], expected: 'a port not below a numeric port' }
      : undefined,
);
export type NetworkPolicyPort = Value<typeof policyPort>;

const peer = record(
  {
    podSelector: optional(labelSelector),
    namespaceSelector: optional(labelSelector),
    ipBlock: optional(record({ cidr, except: listOf(cidr) }, { closed: true })),
  },
  { closed: true },
);
export type NetworkPolicyPeer = Value<typeof peer>;

const ports = listOf(policyPort);

const spec = map(
  record(
    {
      podSelector: orEmpty(labelSelector),
      policyTypes: listOf(oneOf('Ingress', 'Egress')),
      ingress: listOf(record({ from: listOf(peer), ports }, { closed: true })),
      egress: listOf(record({ to: listOf(peer), ports }, { closed: true })),
    },
    { closed: true },
  ),
  ({ policyTypes, ...rest }) => ({
    ...rest,
    policyTypes: policyTypes.length > 0 ? policyTypes : defaultTypes(rest.egress.length > 0),
  }),
);

type PolicyType = 'Ingress' | 'Egress';

const defaultTypes = (egress: boolean): readonly PolicyType[] => (egress ? ['Ingress', 'Egress'] : ['Ingress']);

export const networkPolicyBody = record({ spec });
