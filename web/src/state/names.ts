/** Whose an address is. */

import type { Host, ListedObject, Pod } from '../api-types.js';

export type Names = ReadonlyMap<string, string>;

interface ServiceSpec {
  readonly clusterIP?: string;
  readonly clusterIPs?: readonly string[];
  readonly externalIPs?: readonly string[];
}

const specOf = ({ object }: ListedObject): ServiceSpec => (object?.['spec'] as ServiceSpec | undefined) ?? {};

/** The addresses of Services, as their objects have them. */
function* serviceAddresses(services: readonly ListedObject[]): Generator<[address: string, name: string]> {
  for (const service of services) {
    const { clusterIP, clusterIPs = [], externalIPs = [] } = specOf(service);
    const addresses = new Set([...(clusterIP === undefined ? [] : [clusterIP]), ...clusterIPs, ...externalIPs]);
    for (const address of addresses) yield [address, `svc/${service.namespace}/${service.name}`];
  }
}

/** Pods go before machines, whose address pods on the host's network share. */
export function namesOf(hosts: readonly Host[], pods: readonly Pod[], services: readonly ListedObject[]): Names {
  const names = new Map<string, string>(serviceAddresses(services));
  for (const pod of pods)
    if (!pod.hostNetwork) for (const address of pod.addresses) names.set(address, `pod/${pod.namespace}/${pod.name}`);
  for (const { name, role, interfaces } of hosts) {
    for (const { address } of interfaces)
      if (address !== undefined) names.set(address, `${role === 'node' ? 'node' : 'host'}/${name}`);
  }
  return names;
}

/** The place of a machine, as the API names it. */
export const placeOf = ({ name, role }: Pick<Host, 'name' | 'role'>): string =>
  `${role === 'node' ? 'node' : 'host'}/${name}`;
export const placeOfPod = ({ namespace, name }: Pick<Pod, 'namespace' | 'name'>): string => `pod/${namespace}/${name}`;
/** `pod/shop/web-1` → `web-1`. */
export const shortName = (place: string): string => place.split('/').at(-1) ?? place;
/** Of `pod/shop/web-1:80`, `svc/shop/web` or `web.shop.svc`; undefined where the name is in none. */
export const namespaceOf = (end: string): string | undefined =>
  /^(?:pod|svc)\/([^/]+)\//.exec(end)?.[1] ?? /^[^./]+\.([^./]+)\.svc(?:[.:]|$)/.exec(end)?.[1];
