/** How people name the ends of a connection: `pod/NS/NAME`, `svc/NS/NAME`, `lb/NS/NAME`, `node/NAME`, `host/NAME`, an address, a DNS name. */

import { type Ipv4Addr, isDnsName, parseIpv4 } from '../../packet/index.js';

export type EndpointName =
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string }
  /** By its cluster IP: only a destination. */
  | { readonly kind: 'svc'; readonly namespace: string; readonly name: string }
  /** A Service by the address of its load balancer: only a destination. */
  | { readonly kind: 'lb'; readonly namespace: string; readonly name: string }
  | WorkloadName
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'host'; readonly name: string }
  | { readonly kind: 'address'; readonly address: Ipv4Addr };

/** One of the pods of a workload, as `kubectl exec deployment/web` picks it. */
export interface WorkloadName {
  readonly kind: 'workload';
  readonly resource: Workload;
  readonly namespace: string;
  readonly name: string;
}

export type Workload = 'Deployment' | 'ReplicaSet' | 'StatefulSet' | 'DaemonSet' | 'Job' | 'ReplicationController';

/** kubectl's names of resources, singular, plural and short. */
const WORKLOADS: ReadonlyMap<string, Workload> = new Map(
  (
    [
      ['Deployment', ['deploy', 'deployment', 'deployments']],
      ['ReplicaSet', ['rs', 'replicaset', 'replicasets']],
      ['StatefulSet', ['sts', 'statefulset', 'statefulsets']],
      ['DaemonSet', ['ds', 'daemonset', 'daemonsets']],
      ['Job', ['job', 'jobs']],
      ['ReplicationController', ['rc', 'replicationcontroller', 'replicationcontrollers']],
    ] as const
  ).flatMap(([workload, names]) => names.map((name) => [name, workload] as const)),
);

/** A name for the sender's resolver, `db.shop` or `www.example.com`: only a destination. */
export interface DnsEndpoint {
  readonly kind: 'name';
  readonly name: string;
}

export interface Destination {
  readonly endpoint: EndpointName | DnsEndpoint;
  readonly port: number | undefined;
  /** A Service's or a container's name of a port, in place of its number. */
  readonly portName?: string;
}

/** A name that says nothing, with what was expected of it. */
export interface NameProblem {
  readonly problem: string;
}

const FORMS =
  'pod/NAMESPACE/NAME, deployment/NAMESPACE/NAME (or another workload), svc/NAMESPACE/NAME, lb/NAMESPACE/NAME, node/NAME, host/NAME or an IPv4 address';

export const isNameProblem = (value: object): value is NameProblem => 'problem' in value;

const isIpv6 = (text: string): boolean => /^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(text);

/** Numbers and dots are no DNS name either: no top-level domain is a number (RFC 3696 §2). */
const isLikeIpv4 = (text: string): boolean => /^\d+(\.\d+)+\.?$/.test(text);

const ipv6Problem = (text: string): NameProblem => ({
  problem: `"${text}" is an IPv6 address, and IPv6 is not modelled yet`,
});

export function parseEndpointName(text: string): EndpointName | NameProblem {
  const address = parseIpv4(text);
  if (address !== undefined) return { kind: 'address', address };
  if (isIpv6(text)) return ipv6Problem(text);
  if (isLikeIpv4(text)) return { problem: `"${text}" is no IPv4 address: that is four numbers from 0 to 255` };
  const [kind = '', first = '', second, extra] = text.split('/');
  if (first !== '' && extra === undefined) {
    // As kubectl has it, one without a namespace is in `default`.
    const object = second === undefined ? { namespace: 'default', name: first } : { namespace: first, name: second };
    if (kind === 'pod' || kind === 'svc' || kind === 'lb') return { kind, ...object };
    const resource = WORKLOADS.get(kind);
    if (resource !== undefined) return { kind: 'workload', resource, ...object };
  }
  if ((kind === 'node' || kind === 'host') && first !== '' && second === undefined) return { kind, name: first };
  return { problem: `"${text}" is none of ${FORMS}` };
}

/** What is no path and no address, and can be a name. */
const dnsEndpoint = (text: string): DnsEndpoint | undefined =>
  /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(text) && isDnsName(text) && parseIpv4(text) === undefined && !isLikeIpv4(text)
    ? { kind: 'name', name: text }
    : undefined;

/** `NAME` or `NAME:PORT`; the port of a Service or a pod may be a name. */
export function parseDestination(text: string): Destination | NameProblem {
  if (isIpv6(text)) return ipv6Problem(text);
  const match = /^(.*?)(?::([^:/]*))?$/.exec(text);
  const [, name = '', portText] = match ?? [];
  const endpoint = dnsEndpoint(name) ?? parseEndpointName(name);
  if (isNameProblem(endpoint)) return endpoint;
  if (portText === undefined) return { endpoint, port: undefined };
  if (hasNamedPorts(endpoint) && isPortName(portText)) return { endpoint, port: undefined, portName: portText };
  const port = Number(portText);
  if (!/^\d+$/.test(portText) || port < 1 || port > 65_535)
    return { problem: `"${portText}" is not a port from 1 to 65535` };
  return { endpoint, port };
}

const hasNamedPorts = ({ kind }: Destination['endpoint']): boolean =>
  kind === 'svc' || kind === 'lb' || kind === 'pod' || kind === 'workload';

/** RFC 6335 §5.1, as Kubernetes' IsValidPortName has it, and what a Service's port may be called besides (a DNS label). */
const isPortName = (text: string): boolean => /^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text);

export function formatEndpointName(
  endpoint: EndpointName | DnsEndpoint,
  format: (address: Ipv4Addr) => string,
): string {
  switch (endpoint.kind) {
    case 'name':
      return endpoint.name;
    case 'pod':
    case 'svc':
    case 'lb':
      return `${endpoint.kind}/${endpoint.namespace}/${endpoint.name}`;
    case 'workload':
      return `${endpoint.resource.toLowerCase()}/${endpoint.namespace}/${endpoint.name}`;
    case 'address':
      return format(endpoint.address);
    default:
      return `${endpoint.kind}/${endpoint.name}`;
  }
}
