/**
 * The EndpointSlices of one Service with a selector (k8s.io/endpointslice/reconciler.go:reconcileByAddressType(), from
 * nothing): a function of the Service, the pods that it selects, their nodes.
 */

import {
  type EndpointSlice,
  type IpAddress,
  isFinished,
  isIpv4,
  labelOf,
  type Pod,
  type Service,
} from '../../kubernetes/index.js';
import {
  type AddressType,
  type EndpointContext,
  SLICE_CONTROLLER,
  type SliceEndpoint,
  type SlicePort,
  ZONE,
} from './context.js';
import { withDistribution } from './distribution.js';
import { endpointPorts, portMapKey } from './ports.js';
import { chunks, makeSlice, MAX_ENDPOINTS } from './slice.js';
import { wantsTopologyHints, withTopologyHints, type ZoneShares } from './topology-hints.js';

/** utils.go:getAddressTypesForService(), with the API server's defaults for what is not given. */
function addressTypesOf({ spec }: Service): readonly AddressType[] {
  if (spec.ipFamilies.length > 0) return spec.ipFamilies;
  const families = spec.clusterIPs.map((ip) => (isIpv4(ip) ? 'IPv4' : 'IPv6'));
  return families.length > 0 ? families : ['IPv4'];
}

/** podutil.IsPodReady(): the condition; a pod that nobody has run yet is taken to work. */
const isServing = ({ status }: Pod): boolean => status.ready !== false;

const isOfType = (address: IpAddress, type: AddressType): boolean => isIpv4(address) === (type === 'IPv4');

/** utils.go:podToEndpoint(). */
function endpointOf(pod: Pod, service: Service, at: { addresses: readonly IpAddress[]; zone: string }): SliceEndpoint {
  const serving = isServing(pod);
  const { hostname, subdomain, nodeName } = pod.spec;
  const named = hostname !== '' && subdomain === service.name;
  return {
    addresses: at.addresses,
    conditions: {
      ready: service.spec.publishNotReadyAddresses || (serving && !pod.terminating),
      serving,
      terminating: pod.terminating,
    },
    hostname: named ? hostname : '',
    nodeName,
    zone: at.zone,
    targetRef: { kind: 'Pod', namespace: pod.namespace, name: pod.name },
    hints: undefined,
  };
}

interface Group {
  readonly key: string;
  readonly ports: readonly SlicePort[];
  readonly endpoints: SliceEndpoint[];
}

/** Endpoints that have the same ports share slices. */
function groupByPorts(
  service: Service,
  pods: readonly Pod[],
  { type, context }: { readonly type: AddressType; readonly context: EndpointContext },
): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    const addresses = isFinished(pod) ? [] : context.addressesOf(pod);
    if (addresses.length === 0) continue;
    const ports = endpointPorts(service, pod);
    const key = portMapKey(ports);
    const group = groups.get(key) ?? { key, ports, endpoints: [] };
    groups.set(key, group);
    const node = context.store.get('Node', '', pod.spec.nodeName);
    if (node === undefined && !service.spec.publishNotReadyAddresses) continue;
    const own = addresses.filter((address) => isOfType(address, type));
    const zone = labelOf(node?.labels ?? {}, ZONE) ?? '';
    if (own.length > 0) group.endpoints.push(endpointOf(pod, service, { addresses: own, zone }));
  }
  return [...groups.values()].filter(({ endpoints }) => endpoints.length > 0);
}

/** Where nothing would exist, an empty slice says that somebody has looked. */
const PLACEHOLDER: Group = { key: '', ports: [], endpoints: [] };

export function deriveSlices(
  service: Service,
  pods: readonly Pod[],
  made: { readonly context: EndpointContext; readonly zones: ZoneShares | undefined },
): readonly EndpointSlice[] {
  const { context, zones } = made;
  return addressTypesOf(service).flatMap((type) => {
    const groups = groupByPorts(service, pods, { type, context });
    const slices = (groups.length === 0 ? [PLACEHOLDER] : groups).flatMap(({ key, ports, endpoints }) => {
      const lists = endpoints.length === 0 ? [[]] : chunks(endpoints, MAX_ENDPOINTS);
      return lists.map((list, i) =>
        makeSlice({
          owner: { ...service, annotations: {} },
          managedBy: SLICE_CONTROLLER,
          headless: service.spec.clusterIPs.length === 0,
          addressType: type,
          ports,
          endpoints: list,
          seed: context.seed,
          purpose: `${key}/${i}`,
        }),
      );
    });
    return wantsTopologyHints(service) ? withTopologyHints(slices, zones) : withDistribution(slices, service);
  });
}
