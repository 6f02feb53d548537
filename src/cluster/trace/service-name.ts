/** `svc/NS/NAME` as a destination: the Service's cluster IP. */

import { isIpv4, type Store } from '../../kubernetes/index.js';
import type { Ipv4Addr } from '../../packet/index.js';
import type { TraceProtocol } from '../../trace/index.js';
import { longContainers } from '../input/containers.js';
import type { Destination } from './endpoint-name.js';
import type { PortProtocol } from '../node/listeners.js';

/** Its first IPv4 address, or a sentence that says why it has none. */
export function serviceAddress(store: Store, namespace: string, name: string): Ipv4Addr | string {
  const service = store.get('Service', namespace, name);
  if (service === undefined) return `there is no Service "${namespace}/${name}"`;
  const { type, headless, externalName, clusterIPs } = service.spec;
  const address = clusterIPs.find(isIpv4);
  if (type === 'ExternalName')
    return `Service "${namespace}/${name}" is another name for ${externalName}: it has no address, and its name leads there only by DNS, which the sender does not ask`;
  if (headless)
    return `Service "${namespace}/${name}" is headless: its name leads to its pods by DNS, which the sender does not ask; name a pod instead`;
  return address ?? `Service "${namespace}/${name}" has no IPv4 address`;
}

/** A Service's own address without that port: what it has instead, as a sentence; undefined where there is nothing to say. */
export function explainMissingPort(
  store: Store,
  { address, port }: { readonly address: Ipv4Addr; readonly port: number },
  protocol: PortProtocol,
): string | undefined {
  const service = store.list('Service').find(({ spec }) => spec.clusterIPs.includes(address));
  if (service === undefined) return undefined;
  const { namespace, name, spec } = service;
  if (spec.ports.some((one) => one.port === port && one.protocol.toLowerCase() === protocol)) return undefined;
  const has = spec.ports.map((one) => `${one.protocol.toLowerCase()} ${one.port}`).join(', ');
  return `Service ${namespace}/${name} has no ${protocol} port ${port}, but ${has === '' ? 'none' : has}.`;
}

/** The number of a port by its name, of a Service or of a pod's containers, or a sentence that says why there is none. */
export function namedPort(
  store: Store,
  endpoint: Destination['endpoint'],
  { name, protocol }: { readonly name: string; readonly protocol: Exclude<TraceProtocol, 'icmp'> },
): number | string {
  const ports = portsOf(store, endpoint).filter((port) => port.protocol.toLowerCase() === protocol);
  const found = ports.find((port) => port.name === name);
  if (found !== undefined) return found.number;
  const names = ports.map((port) => port.name).filter((one) => one !== '');
  return `no ${protocol} port is called "${name}"${names.length === 0 ? '' : `, but ${names.join(', ')}`}`;
}

interface NamedPort {
  readonly name: string;
  readonly number: number;
  readonly protocol: string;
}

function portsOf(store: Store, endpoint: Destination['endpoint']): readonly NamedPort[] {
  switch (endpoint.kind) {
    case 'svc':
    case 'lb': {
      const ports = store.get('Service', endpoint.namespace, endpoint.name)?.spec.ports ?? [];
      return ports.map(({ name, port, protocol }) => ({ name, number: port, protocol }));
    }
    case 'pod': {
      const pod = store.get('Pod', endpoint.namespace, endpoint.name);
      return (pod === undefined ? [] : longContainers(pod)).flatMap(({ ports }) =>
        ports.map(({ name, containerPort, protocol }) => ({ name, number: containerPort, protocol })),
      );
    }
    default:
      return [];
  }
}

/** The only port that a Service has of a protocol. */
export function onlyPort(store: Store, endpoint: Destination['endpoint'], protocol: PortProtocol): number | undefined {
  if (endpoint.kind !== 'svc' && endpoint.kind !== 'lb') return undefined;
  const ports = store.get('Service', endpoint.namespace, endpoint.name)?.spec.ports ?? [];
  const own = ports.filter((port) => port.protocol.toLowerCase() === protocol);
  return own.length === 1 ? own[0]?.port : undefined;
}
