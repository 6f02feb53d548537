/** Felix's slice of the routing table; felix/routetable. What others have on Calico's interfaces goes away. */

import { type FibRoute, KernelError, type Netns, RT_PROTOCOL, RT_TABLE } from '../../../kernel/index.js';
import { ipv4Of, ipv4PrefixOf } from '../../cidr.js';
import type { FelixRoute, FelixState } from '../state.js';

const isCalicoInterface = (name: string | undefined): boolean =>
  name !== undefined && (name.startsWith('cali') || name === 'vxlan.calico');

/** RemoveExternalRoutes: on its own interfaces, and with its own protocol number, every route is Felix's to judge. */
const isJudged = (route: FibRoute): boolean =>
  route.table === RT_TABLE.main &&
  route.protocol !== RT_PROTOCOL.kernel &&
  (route.protocol === RT_PROTOCOL.felix || route.nextHops.some(({ dev }) => isCalicoInterface(dev?.name)));

/** Makes the table what Felix wants, and says which routes the kernel refused: Felix logs those and tries again. */
export function applyRoutes(netns: Netns, state: FelixState): string[] {
  for (const route of [...netns.fib.routes()].filter(isJudged)) {
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
