/** Services and EndpointSlices that kube-proxy does not look at for a label of theirs. */

import {
  type EndpointSlice,
  type Finding,
  finding,
  labelOf,
  type Service,
  type Store,
} from '../../kubernetes/index.js';
import { SERVICE_NAME_LABEL } from '../tracker/endpoint.js';
import { PROXY_NAME_LABEL, unwatchedFor } from '../tracker/service-port.js';

/** Where kube-proxy would have rules for it but for the label. */
const isProxied = ({ spec }: Service): boolean => !spec.headless && spec.type !== 'ExternalName';

function told(object: Service | EndpointSlice): readonly Finding[] {
  const label = unwatchedFor(object);
  if (label === undefined) return [];
  const proxy = otherProxyOf(object);
  const why =
    proxy === undefined
      ? 'it counts as headless'
      : `another proxy, ${JSON.stringify(proxy)}, serves it, which is not modelled`;
  const message = `kube-proxy passes it over for its label ${label}: ${why}`;
  return [finding(object, ['metadata', 'labels', label], { code: 'unmodelled', severity: 'notice', message })];
}

/** The proxy that a Service names for itself instead of kube-proxy, or undefined. */
export const otherProxyOf = ({ labels }: Pick<Service | EndpointSlice, 'labels'>): string | undefined =>
  labelOf(labels, PROXY_NAME_LABEL);

/** Slices have their Service's labels from the controller: that is told of the Service alone. */
function isOnItsOwn(store: Store, slice: EndpointSlice): boolean {
  const service = store.get('Service', slice.namespace, labelOf(slice.labels, SERVICE_NAME_LABEL) ?? '');
  return otherProxyOf(slice) !== undefined && (service === undefined || otherProxyOf(service) === undefined);
}

export const unwatched = (store: Store): readonly Finding[] => [
  ...store.list('Service').filter(isProxied).flatMap(told),
  ...store
    .list('EndpointSlice')
    .filter((slice) => isOnItsOwn(store, slice))
    .flatMap(told),
];
