/** Endpoints of a Service port, out of EndpointSlices (pkg/proxy/endpointslicecache.go). */

import { append, type EndpointSlice, formatIp, labelOf } from '../../kubernetes/index.js';
import { type IpFamily, joinHostPort } from '../family.js';
import { portKey, serviceKey, unwatchedFor } from './service-port.js';

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  /** `ip:port`: its name in hashes, comments and in the order of lists. */
  readonly text: string;
  /** '' for one that is on no node. */
  readonly nodeName: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zoneHints: readonly string[];
  readonly nodeHints: readonly string[];
}

/** Endpoints of one port key, in the order of their texts. */
export interface EndpointList {
  readonly endpoints: readonly Endpoint[];
  /** The same `ip:port` from several slices, where they say different nodes. */
  readonly ambiguous: boolean;
}

export const NO_ENDPOINTS: EndpointList = { endpoints: [], ambiguous: false };

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** The Service that a slice speaks of, or undefined where no proxier looks at it. */
export function serviceOfSlice(slice: EndpointSlice): string | undefined {
  const name = labelOf(slice.labels, SERVICE_NAME_LABEL);
  if (name === undefined || name === '' || unwatchedFor(slice) !== undefined) return undefined;
  return serviceKey(slice.namespace, name);
}

const PROTOCOLS = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

const byText = (a: Endpoint, b: Endpoint): number => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0);

function endpointsOfSlice({ endpoints }: EndpointSlice, port: number): Endpoint[] {
  return endpoints.flatMap(({ addresses, conditions, nodeName, hints }) => {
    // Further addresses are fungible with the first, by the API's own words.
    const [address] = addresses;
    if (address === undefined) return [];
    const ip = formatIp(address);
    const { ready, serving, terminating } = conditions;
    const text = joinHostPort(ip, port);
    const zoneHints = hints?.forZones ?? [];
    return [{ ip, port, text, nodeName, ready, serving, terminating, zoneHints, nodeHints: hints?.forNodes ?? [] }];
  });
}

const sorted = (endpoints: Endpoint[]): EndpointList => {
  endpoints.sort(byText);
  const ambiguous = endpoints.some(({ text }, i) => text === endpoints[i + 1]?.text);
  return { endpoints, ambiguous };
};

/** Endpoints of one Service by port key, from its slices of a family in the order of their names. */
export function serviceEndpoints(
  slices: readonly EndpointSlice[],
  family: IpFamily,
): ReadonlyMap<string, EndpointList> {
  const found = new Map<string, Endpoint[]>();
  for (const slice of slices) {
    const service = serviceOfSlice(slice);
    if (slice.addressType !== family || service === undefined) continue;
    for (const { name, protocol, port } of slice.ports) {
      if (port === undefined) continue;
      const key = portKey({ spn: name === '' ? service : `${service}:${name}`, protocol: PROTOCOLS[protocol] });
      const list = found.get(key) ?? [];
      append(list, endpointsOfSlice(slice, port));
      found.set(key, list);
    }
  }
  return new Map([...found].map(([key, endpoints]) => [key, sorted(endpoints)]));
}

/** Each `ip:port` once: of several the one on this node, else that of the first slice. */
export function endpointsForNode({ endpoints, ambiguous }: EndpointList, nodeName: string): readonly Endpoint[] {
  if (!ambiguous) return endpoints;
  const once = new Map<string, Endpoint>();
  for (const endpoint of endpoints) {
    if (!once.has(endpoint.text) || endpoint.nodeName === nodeName) once.set(endpoint.text, endpoint);
  }
  return [...once.values()];
}

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i]);

export const sameEndpoint = (a: Endpoint, b: Endpoint): boolean =>
  a === b ||
  (a.text === b.text &&
    a.nodeName === b.nodeName &&
    a.ready === b.ready &&
    a.serving === b.serving &&
    a.terminating === b.terminating &&
    sameList(a.zoneHints, b.zoneHints) &&
    sameList(a.nodeHints, b.nodeHints));
