/** Felix' slice of the routing table; felix/routetable. */

import { type FibRoute, KernelError, type Netns, RT_PROTOCOL, RT_TABLE } from '../../../kernel/index.js';
import { ipv4Of, ipv4PrefixOf } from '../../cidr.js';
import type { FelixRoute, FelixState } from '../state.js';

export interface FelixOwnership {
  /** `cali`: interfaces that begin so are workloads'. */
  readonly interfacePrefixes: readonly string[];
  /** Whether strangers' routes on them go. */
  readonly removeExternalRoutes: boolean;
}

/** What Felix takes away where it does not want it: its own routes, and strangers on workload interfaces. */
function isJudged(route: FibRoute, { interfacePrefixes, removeExternalRoutes }: FelixOwnership): boolean {
  if (route.table !== RT_TABLE.main || route.protocol === RT_PROTOCOL.kernel) return false;
  const onOwnDevice = route.nextHops.some(({ dev }) => {
    const name = dev?.name ?? '';
    if (name === 'vxlan.calico') return true;
    return removeExternalRoutes && interfacePrefixes.some((prefix) => name.startsWith(prefix));
  });
  return onOwnDevice || route.protocol === RT_PROTOCOL.felix;
}

/** Makes the table what Felix wants, and says which routes the kernel refused: Felix logs those and tries again. */
export function applyRoutes(netns: Netns, state: FelixState, ownership: FelixOwnership): string[] {
  for (const route of [...netns.fib.routes()].filter((one) => isJudged(one, ownership))) {
    const { table, destination, metric, protocol, type } = route;
    netns.fib.deleteRoute({ table, destination, metric, protocol, type });
  }
  return state.routes.flatMap((route) => {
    try {
      addRoute(netns, route);
      return [];
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      return [error.message];
    }
  });
}

function addRoute(netns: Netns, route: FelixRoute): void {
  const { dev, via, onlink, type } = route;
  const device = dev === undefined ? undefined : netns.devices.named(dev);
  // A route waits for its interface, as in the real route table.
  if (type === 'unicast' && device === undefined) return;
  netns.fib.addRoute(
    {
      destination: ipv4PrefixOf(route.destination),
      type,
      scope: type === 'unicast' ? route.scope : undefined,
      metric: route.metric,
      protocol: route.protocol,
      mtu: route.mtu,
      prefSrc: route.source && ipv4Of(route.source),
      nextHops: type === 'unicast' ? [{ dev: device, via: via && ipv4Of(via), onlink }] : undefined,
      because: route.because,
    },
    'replace',
  );
}
