/** Endpoints of Services (k8s.io/api/core/v1 Endpoints, k8s.io/api/discovery/v1), with the API server's defaults. */

import { type IpAddress, isIpv4, parseIps, parseIpSloppy } from '../address.js';
import {
  tolerate,
  check,
  flag,
  listOf,
  map,
  oneOf,
  optional,
  orEmpty,
  port,
  record,
  sloppyAddress,
  text,
  type Value,
  type Want,
  withDefault,
} from '../schema/schema.js';
import type { FieldPath } from '../source/json.js';
import { protocol } from './pod.js';
import { endpointAddressWant, isPortName, PORT_NAME_WANT } from './service-rules.js';

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

const subset = record({
  addresses: listOf(endpointAddress),
  notReadyAddresses: listOf(endpointAddress),
  ports: listOf(endpointPort),
});

/** pkg/apis/core/validation:validateEndpointSubsets(). */
function subsetRules({ addresses, notReadyAddresses, ports }: Value<typeof subset>): readonly Want[] {
  const lists = [
    ['addresses', addresses],
    ['notReadyAddresses', notReadyAddresses],
  ] as const;
  const empty = addresses.length + notReadyAddresses.length === 0;
  return [
    ...(empty ? [{ path: [], expected: 'addresses or notReadyAddresses' }] : []),
    ...lists.flatMap(([field, list]) => list.flatMap(({ ip }, i) => addressRule(ip, [field, i, 'ip']))),
    ...ports.flatMap(({ name }, i) =>
      name === '' && ports.length > 1
        ? [{ path: ['ports', i, 'name'], expected: 'a name, since there are several ports' }]
        : portNameRule(name, i),
    ),
  ];
}

function addressRule(ip: IpAddress, path: FieldPath): readonly Want[] {
  const expected = endpointAddressWant(ip);
  return expected === undefined ? [] : [{ path, expected }];
}

const portNameRule = (name: string, i: number): readonly Want[] =>
  isPortName(name) ? [] : [{ path: ['ports', i, 'name'], expected: PORT_NAME_WANT }];

export const endpointsBody = record({ subsets: listOf(tolerate(subset, subsetRules)) });

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

/** pkg/apis/discovery/validation:ValidateEndpointSlice(). */
function sliceRules({ addressType, endpoints, ports }: Value<typeof slice>): readonly Want[] {
  const names = ports.map(({ name }) => name);
  const addressRules = endpoints.flatMap(({ addresses }, i) => [
    ...(addresses.length === 0 ? [{ path: ['endpoints', i, 'addresses'], expected: 'an address' }] : []),
    ...addresses.flatMap((given, j) => {
      const ip = addressType === 'FQDN' ? undefined : parseIpSloppy(given);
      return ip === undefined ? [] : addressRule(ip, ['endpoints', i, 'addresses', j]);
    }),
  ]);
  return [
    ...addressRules,
    ...names.flatMap((name, i) =>
      names.indexOf(name) < i
        ? [{ path: ['ports', i, 'name'], expected: 'a name that no other port has' }]
        : portNameRule(name, i),
    ),
  ];
}

const familyOf = (ip: IpAddress | undefined): 'IPv4' | 'IPv6' | undefined =>
  ip === undefined ? undefined : isIpv4(ip) ? 'IPv4' : 'IPv6';

/** Addresses of type FQDN are left out, as kube-proxy does. */
export const endpointSliceBody = map(tolerate(check(slice, wrongFamily), sliceRules), ({ endpoints, ...rest }) => ({
  ...rest,
  endpoints: endpoints.map(({ addresses, ...endpoint }) => ({
    ...endpoint,
    addresses: parseIps(addresses),
  })),
}));
