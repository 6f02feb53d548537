/** Services and the ranges of their addresses (k8s.io/api/core/v1, k8s.io/api/networking/v1), with the API server's defaults. */

import { isIpv4 } from '../address.js';
import { textMap } from '../schema/kind.js';
import {
  sloppyAddressOrCidr,
  admit,
  tolerate,
  check,
  cidr,
  either,
  flag,
  integer,
  listOf,
  map,
  oneOf,
  optional,
  orEmpty,
  port,
  portOrZero,
  portReference,
  raw,
  record,
  sloppyAddress,
  sloppyCidr,
  text,
  type Value,
  type Want,
  withDefault,
} from '../schema/schema.js';
import { protocol } from './pod.js';
import { serviceRules } from './service-rules.js';

const servicePort = record({
  name: withDefault(text, ''),
  protocol,
  port,
  targetPort: optional(portReference),
  nodePort: withDefault(portOrZero, 0),
  appProtocol: withDefault(text, ''),
});
const withTarget = (given: Value<typeof servicePort>) => ({ ...given, targetPort: given.targetPort || given.port });
export type ServicePort = ReturnType<typeof withTarget>;

const clusterIP = either('an address or "None"', oneOf('None'), sloppyAddress);
const trafficPolicy = optional(oneOf('Cluster', 'Local'));

/** core/v1 DefaultClientIPServiceAffinitySeconds. */
const AFFINITY_SECONDS = 10_800;
const MAX_AFFINITY_SECONDS = 86_400;

const sessionAffinityConfig = record({
  clientIP: orEmpty(record({ timeoutSeconds: withDefault(integer(1, MAX_AFFINITY_SECONDS), AFFINITY_SECONDS) })),
});

/** As it was given: rules of the API server ask whether a field is there. */
const givenSpec = orEmpty(
  record({
    type: withDefault(oneOf('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'), 'ClusterIP'),
    clusterIP: optional(clusterIP),
    clusterIPs: listOf(clusterIP),
    ipFamilies: listOf(oneOf('IPv4', 'IPv6')),
    ipFamilyPolicy: optional(oneOf('SingleStack', 'PreferDualStack', 'RequireDualStack')),
    ports: listOf(servicePort),
    selector: textMap,
    externalIPs: listOf(sloppyAddress),
    externalName: withDefault(text, ''),
    loadBalancerIP: optional(sloppyAddress),
    loadBalancerClass: optional(text),
    loadBalancerSourceRanges: listOf(sloppyCidr),
    allocateLoadBalancerNodePorts: optional(flag),
    externalTrafficPolicy: trafficPolicy,
    internalTrafficPolicy: trafficPolicy,
    trafficDistribution: optional(oneOf('PreferClose', 'PreferSameZone', 'PreferSameNode')),
    healthCheckNodePort: withDefault(portOrZero, 0),
    publishNotReadyAddresses: withDefault(flag, false),
    sessionAffinity: withDefault(oneOf('None', 'ClientIP'), 'None'),
    sessionAffinityConfig: optional(sessionAffinityConfig),
  }),
);

const serviceSpec = map(
  tolerate(givenSpec, serviceRules),
  ({ clusterIP: first, clusterIPs, sessionAffinityConfig: config, ...spec }) => {
    const given = clusterIPs.length > 0 || first === undefined ? clusterIPs : [first];
    return {
      ...spec,
      ports: spec.ports.map(withTarget),
      allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true,
      externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster',
      internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
      /** Empty for a headless Service, and for one that has not been given an address yet. */
      clusterIPs: given.filter((ip) => ip !== 'None'),
      headless: given.includes('None'),
      sessionAffinityTimeoutSeconds: config?.clientIP.timeoutSeconds ?? AFFINITY_SECONDS,
    };
  },
);
export type ServiceSpec = Value<typeof serviceSpec>;

/** Some providers write the address with its host prefix. */
const ingressAddress = map(
  check(sloppyAddressOrCidr, ({ addr, length }) =>
    length === (isIpv4(addr) ? 32 : 128) ? undefined : { path: [], expected: sloppyAddress.expected },
  ),
  ({ addr }) => addr,
);

const loadBalancerIngress = record({
  ip: optional(ingressAddress),
  hostname: withDefault(text, ''),
  ipMode: withDefault(oneOf('VIP', 'Proxy'), 'VIP'),
});

const serviceStatus = orEmpty(record({ loadBalancer: orEmpty(record({ ingress: listOf(loadBalancerIngress) })) }));

/** IsDNS1035Label(). */
const SERVICE_NAME = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

const given = record({ metadata: orEmpty(record({ name: optional(raw) })), spec: serviceSpec, status: serviceStatus });

const nameRule = ({ metadata: { name } }: Value<typeof given>): readonly Want[] =>
  typeof name !== 'string' || name === '' || SERVICE_NAME.test(name)
    ? []
    : [
        {
          path: ['metadata', 'name'],
          expected: 'a name that begins with a letter, of letters, digits and "-", at most 63',
        },
      ];

export const serviceBody = map(admit(given, nameRule), ({ spec, status }) => ({ spec, status }));

/** k8s.io/api/networking/v1: ranges that cluster IPs are taken of. */
export const serviceCidrBody = record({ spec: orEmpty(record({ cidrs: listOf(cidr) })) });
