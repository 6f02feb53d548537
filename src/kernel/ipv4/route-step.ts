/** The step that says which route won. */

import type { Netns } from '../netns.js';
import { formatTable } from '../fib/index.js';
import type { Skb } from '../skb.js';

/** Call only where somebody listens. */
export function traceRoute(netns: Netns, skb: Skb, direction: 'input' | 'output'): void {
  const { route } = skb;
  if (route === undefined) return;
  netns.trace(skb, {
    kind: 'route',
    direction,
    destination: skb.ipv4.destination,
    type: route.type,
    table: route.route === undefined ? '' : formatTable(route.route.table),
    route: route.route,
    rule: route.rule,
    dev: route.dev?.name,
    gateway: route.gateway,
    source: route.source,
    mtu: route.mtu,
  });
}
