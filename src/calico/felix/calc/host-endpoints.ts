/**
 * Which HostEndpoint governs which interface of a host: by the interface's name, else by an address that is on
 * it, and of several the first by name; felix/dataplane/linux/endpoint_mgr.go:resolveHostEndpoints().
 */

import { sameAddress } from '../../cidr.js';
import { compareText } from '../../digest.js';
import type { HostEndpoint } from '../../model.js';
import type { HostInterface } from './input.js';

/** What an endpoint for all interfaces is called in the names of chains. */
export const ALL_INTERFACES = 'any-interface-at-all';

export interface ResolvedHostEndpoint {
  readonly interfaceName: string;
  readonly endpoint: HostEndpoint;
}

export interface ResolvedHostEndpoints {
  readonly named: readonly ResolvedHostEndpoint[];
  /** For interfaces that have none of their own. */
  readonly all: HostEndpoint | undefined;
}

/** An endpoint that names an interface is not found by its addresses. */
function governs({ interfaceName, expectedIps }: HostEndpoint, { name, addresses }: HostInterface): boolean {
  if (interfaceName !== '') return interfaceName === name;
  return expectedIps.some((expected) => addresses.some((address) => sameAddress(expected, address)));
}

/** `endpoints` are those of the host, `interfaces` those that are not workloads'. */
export function resolveHostEndpoints(
  endpoints: readonly HostEndpoint[],
  interfaces: readonly HostInterface[],
): ResolvedHostEndpoints {
  const sorted = endpoints.toSorted((a, b) => compareText(a.name, b.name));
  const specific = sorted.filter(({ interfaceName }) => interfaceName !== '*');
  const named = interfaces.flatMap((one) => {
    const endpoint = specific.find((candidate) => governs(candidate, one));
    return endpoint === undefined ? [] : [{ interfaceName: one.name, endpoint }];
  });
  return { named, all: sorted.find(({ interfaceName }) => interfaceName === '*') };
}
