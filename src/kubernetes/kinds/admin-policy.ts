/**
 * Policies of the network-policy-api project: ClusterNetworkPolicy (v1alpha2), and the pair that it replaced,
 * AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1).
 */

import {
  check,
  cidr,
  count,
  integer,
  listOf,
  oneOf,
  optional,
  port,
  rawMap,
  record,
  text,
  type Value,
  withDefault,
} from '../schema/schema.js';
import { labelSelector } from './label-selector.js';
import { protocol } from './pod.js';

const pods = record({ namespaceSelector: labelSelector, podSelector: labelSelector }, { closed: true });

/** Exactly one of the two. */
const subject = check(
  record({ namespaces: optional(labelSelector), pods: optional(pods) }, { closed: true }),
  (given) =>
    (given.namespaces === undefined) === (given.pods === undefined)
      ? { path: [], expected: 'either namespaces or pods' }
      : undefined,
);
export type PolicySubject = Value<typeof subject>;

const ingressPeer = record({ namespaces: optional(labelSelector), pods: optional(pods) }, { closed: true });
export type AdminIngressPeer = Value<typeof ingressPeer>;

const egressPeer = record(
  {
    namespaces: optional(labelSelector),
    pods: optional(pods),
    nodes: optional(rawMap),
    networks: listOf(cidr),
    domainNames: listOf(text),
  },
  { closed: true },
);
export type AdminEgressPeer = Value<typeof egressPeer>;

const range = record({ start: port, end: port }, { closed: true });
const inOrder = ({ start, end }: { readonly start: number; readonly end: number }) =>
  end < start ? { path: ['end'], expected: 'a port not below start' } : undefined;

const destination = optional(
  record(
    { destinationPort: optional(record({ number: optional(port), range: optional(check(range, inOrder)) })) },
    { closed: true },
  ),
);
const clusterProtocol = record(
  { tcp: destination, udp: destination, sctp: destination, destinationNamedPort: withDefault(text, '') },
  { closed: true },
);
export type ClusterPolicyProtocol = Value<typeof clusterProtocol>;

const name = withDefault(text, '');
const clusterAction = oneOf('Accept', 'Deny', 'Pass');
const protocols = listOf(clusterProtocol);

export const clusterNetworkPolicyBody = record({
  spec: record(
    {
      tier: oneOf('Admin', 'Baseline'),
      priority: integer(0, 1000),
      subject,
      ingress: listOf(record({ name, action: clusterAction, from: listOf(ingressPeer), protocols }, { closed: true })),
      egress: listOf(record({ name, action: clusterAction, to: listOf(egressPeer), protocols }, { closed: true })),
    },
    { closed: true },
  ),
});

const adminPort = record(
  {
    portNumber: optional(record({ protocol, port }, { closed: true })),
    namedPort: withDefault(text, ''),
    portRange: optional(check(record({ protocol, start: port, end: port }, { closed: true }), inOrder)),
  },
  { closed: true },
);
export type AdminPolicyPort = Value<typeof adminPort>;

const ports = listOf(adminPort);
const adminAction = oneOf('Allow', 'Deny', 'Pass');
const baselineAction = oneOf('Allow', 'Deny');

export const adminNetworkPolicyBody = record({
  spec: record(
    {
      priority: count,
      subject,
      ingress: listOf(record({ name, action: adminAction, from: listOf(ingressPeer), ports }, { closed: true })),
      egress: listOf(record({ name, action: adminAction, to: listOf(egressPeer), ports }, { closed: true })),
    },
    { closed: true },
  ),
});

export const baselineAdminNetworkPolicyBody = record({
  spec: record(
    {
      subject,
      ingress: listOf(record({ name, action: baselineAction, from: listOf(ingressPeer), ports }, { closed: true })),
      egress: listOf(record({ name, action: baselineAction, to: listOf(egressPeer), ports }, { closed: true })),
    },
    { closed: true },
  ),
});
