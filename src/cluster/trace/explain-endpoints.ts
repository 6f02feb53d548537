/** Why a rule of kube-proxy's refuses what is sent to a Service: its endpoints are not ready, or are on other nodes. */

import {
  type EndpointSlice,
  formatLabels,
  formatObject,
  hasLabels,
  labelOf,
  type Service,
  type Store,
} from '../../kubernetes/index.js';
import type { Ipv4Addr } from '../../packet/index.js';
import { type ConnectionTrace, lastOf } from '../../trace/index.js';
import type { PortProtocol } from '../node/listeners.js';

type Endpoint = EndpointSlice['endpoints'][number];
type ServicePort = Service['spec']['ports'][number];

interface Asked {
  readonly address: Ipv4Addr;
  readonly port: number;
  readonly protocol: PortProtocol;
}

interface Refusal {
  readonly service: Service;
  readonly port: ServicePort;
  /** Whose rule it was. */
  readonly node: string;
}

/** Whom a request was for that ended at a rule about a Service. */
function refusalOf({ packets }: Pick<ConnectionTrace, 'packets'>, asked: Asked, store: Store): Refusal | undefined {
  const isAsked = ({ port, nodePort, protocol }: ServicePort): boolean =>
    (port === asked.port || nodePort === asked.port) && protocol.toLowerCase() === asked.protocol;
  for (const { role, story } of packets) {
    const drop = role === 'request' ? lastOf(story, 'drop') : undefined;
    const cause = drop?.step.by?.because.find(({ kind }) => kind === 'Service');
    const service = cause && store.get('Service', cause.namespace ?? '', cause.name);
    const port = service?.spec.ports.find(isAsked);
    if (drop !== undefined && service !== undefined && port !== undefined)
      return { service, port, node: drop.recorded.place.host };
  }
  return undefined;
}

function endpointsOf(store: Store, { service, port }: Refusal): readonly Endpoint[] {
  const isOfService = ({ labels, addressType }: EndpointSlice): boolean =>
    addressType === 'IPv4' && labelOf(labels, 'kubernetes.io/service-name') === service.name;
  const serves = ({ ports }: EndpointSlice): boolean =>
    ports.some(({ name, protocol }) => name === port.name && protocol === port.protocol);
  const slices = store.list('EndpointSlice', service.namespace).filter((slice) => isOfService(slice) && serves(slice));
  return slices.flatMap(({ endpoints }) => endpoints);
}

/** pkg/proxy/topology.go:CategorizeEndpoints(): one that is ending is asked where no other is there. */
const takesConnections = ({ conditions: { ready, serving, terminating } }: Endpoint): boolean =>
  ready || (serving && terminating);

const MAX_NAMED = 3;

function named(endpoints: readonly Endpoint[]): string {
  const names = endpoints
    .slice(0, MAX_NAMED)
    .map(({ targetRef, addresses }) => (targetRef === undefined ? addresses.join(', ') : formatObject(targetRef)));
  const more = endpoints.length - names.length;
  return [...names, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

/** Which policy keeps packets on the node that they came to. */
const policyOf = ({ service: { spec } }: Refusal, { address }: Asked) =>
  spec.clusterIPs.includes(address) ? 'internalTrafficPolicy' : 'externalTrafficPolicy';

/** As sentences; nothing where no rule about a Service refused the request, or for another reason. */
export function explainEndpoints(trace: Pick<ConnectionTrace, 'packets'>, asked: Asked, store: Store): string[] {
  const refusal = refusalOf(trace, asked, store);
  if (refusal === undefined) return [];
  const endpoints = endpointsOf(store, refusal);
  const service = formatObject(refusal.service);
  const usable = endpoints.filter(takesConnections);
  if (usable.length > 0) {
    const policy = policyOf(refusal, asked);
    const isLocal = refusal.service.spec[policy] === 'Local';
    if (!isLocal || usable.some(({ nodeName }) => nodeName === refusal.node)) return [];
    return [`${service} has ${policy} Local, and node/${refusal.node} none of its endpoints: ${named(usable)}.`];
  }
  if (endpoints.length > 0) return [`None of the endpoints of ${service} is ready: ${named(endpoints)}.`];
  return explainNone(refusal, service, store);
}

function explainNone({ service: { namespace, spec }, port }: Refusal, service: string, store: Store): string[] {
  const { selector } = spec;
  if (Object.keys(selector).length === 0)
    return [`${service} has no selector, and nobody has given it endpoints for its port ${port.port}.`];
  const selected = store.list('Pod', namespace).some(({ labels }) => hasLabels(selector, labels));
  if (selected && typeof port.targetPort === 'string')
    return [`No pod that ${service} selects has a ${port.protocol} port called ${port.targetPort}.`];
  if (selected) return [];
  return [`${service} selects no pod: none in namespace ${namespace} has the labels ${formatLabels(selector)}.`];
}
