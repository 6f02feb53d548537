/** Services and their endpoints (k8s.io/api/core/v1, k8s.io/api/discovery/v1), with the API server's defaults. */

import { type IpAddress, isIpv4, parseIps, parseIpSloppy } from '../address.js';
import { textMap } from '../schema/kind.js';
import {
  addressOrCidr,
  check,
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
  record,
  sloppyAddress,
  sloppyCidr,
  text,
  type Value,
  withDefault,
} from '../schema/schema.js';
import { protocol } from './pod.js';

const servicePort = map(
  record({
    name: withDefault(text, ''),
    protocol,
    port,
    targetPort: optional(portReference),
    nodePort: withDefault(portOrZero, 0),
    appProtocol: withDefault(text, ''),
  }),
  (given) => ({ ...given, targetPort: given.targetPort || given.port }),
);
export type ServicePort = Value<typeof servicePort>;

const clusterIP = either('an address or "None"', oneOf('None'), sloppyAddress);
const trafficPolicy = withDefault(oneOf('Cluster', 'Local'), 'Cluster');

/** core/v1 DefaultClientIPServiceAffinitySeconds. */
const AFFINITY_SECONDS = 10_800;
const MAX_AFFINITY_SECONDS = 86_400;

const sessionAffinityConfig = orEmpty(
  record({
    clientIP: orEmpty(record({ timeoutSeconds: withDefault(integer(1, MAX_AFFINITY_SECONDS), AFFINITY_SECONDS) })),
  }),
);

const serviceSpec = map(
  orEmpty(
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
      allocateLoadBalancerNodePorts: withDefault(flag, true),
      externalTrafficPolicy: trafficPolicy,
      internalTrafficPolicy: trafficPolicy,
      trafficDistribution: optional(oneOf('PreferClose', 'PreferSameZone', 'PreferSameNode')),
      healthCheckNodePort: withDefault(portOrZero, 0),
      publishNotReadyAddresses: withDefault(flag, false),
      sessionAffinity: withDefault(oneOf('None', 'ClientIP'), 'None'),
      sessionAffinityConfig,
    }),
  ),
  ({ clusterIP: first, clusterIPs, sessionAffinityConfig: config, ...spec }) => {
    const given = clusterIPs.length > 0 || first === undefined ? clusterIPs : [first];
    return {
      ...spec,
      /** Empty for a headless Service, and for one that has not been given an address yet. */
      clusterIPs: given.filter((ip) => ip !== 'None'),
      headless: given.includes('None'),
      sessionAffinityTimeoutSeconds: config.clientIP.timeoutSeconds,
    };
  },
);
export type ServiceSpec = Value<typeof serviceSpec>;

/** Some providers write the address with its host prefix. */
const ingressAddress = map(
  check(addressOrCidr, ({ addr, length }) =>
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

export const serviceBody = record({ spec: serviceSpec, status: serviceStatus });

const targetRef = optional(
  record({ kind: withDefault(text, ''), namespace: withDefault(text, ''), name: withDefault(text, '') }),
);

const endpointAddress = record({
  ip: sloppyAddress,
  hostname: withDefault(text, ''),
  nodeName: withDefault(text, ''),
  targetRef,
});

const endpointPort = record({
  name: withDefault(text, ''),
  protocol,
  port,
  appProtocol: withDefault(text, ''),
});

export const endpointsBody = record({
  subsets: listOf(
    record({
      addresses: listOf(endpointAddress),
      notReadyAddresses: listOf(endpointAddress),
      ports: listOf(endpointPort),
    }),
  ),
});

const hints = record({
  forZones: listOf(map(record({ name: text }), ({ name }) => name)),
  forNodes: listOf(map(record({ name: text }), ({ name }) => name)),
});

/** A condition that is not given: ready and serving count as true, terminating as false (discovery/v1 EndpointConditions). */
const conditions = orEmpty(
  record({ ready: withDefault(flag, true), serving: withDefault(flag, true), terminating: withDefault(flag, false) }),
);

const sliceEndpoint = record({
  addresses: listOf(text),
  conditions,
  hostname: withDefault(text, ''),
  nodeName: withDefault(text, ''),
  zone: withDefault(text, ''),
  targetRef,
  hints: optional(hints),
});

const slicePort = record({
  name: withDefault(text, ''),
  protocol,
  /** Undefined: every port. */
  port: optional(port),
  appProtocol: withDefault(text, ''),
});
export type EndpointSlicePort = Value<typeof slicePort>;

const slice = record({
  addressType: withDefault(oneOf('IPv4', 'IPv6', 'FQDN'), 'IPv4'),
  endpoints: listOf(sliceEndpoint),
  ports: listOf(slicePort),
});

/** The first address that is not of the slice's family. */
function wrongFamily({ addressType, endpoints }: Value<typeof slice>) {
  if (addressType === 'FQDN') return undefined;
  for (const [i, endpoint] of endpoints.entries()) {
    const j = endpoint.addresses.findIndex((given) => familyOf(parseIpSloppy(given)) !== addressType);
    if (j >= 0) return { path: ['endpoints', i, 'addresses', j], expected: `an ${addressType} address` };
  }
  return undefined;
}

const familyOf = (ip: IpAddress | undefined): 'IPv4' | 'IPv6' | undefined =>
  ip === undefined ? undefined : isIpv4(ip) ? 'IPv4' : 'IPv6';

/** Addresses of type FQDN are left out, as kube-proxy does. */
export const endpointSliceBody = map(check(slice, wrongFamily), ({ endpoints, ...rest }) => ({
  ...rest,
  endpoints: endpoints.map(({ addresses, ...endpoint }) => ({
    ...endpoint,
    addresses: parseIps(addresses),
  })),
}));
