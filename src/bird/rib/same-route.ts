/** rte_same(): nothing that anybody would see of a route differs. */

import { sameGateway } from '../filter/route-access.js';
import { attributesEqual } from './attributes.js';
import { sameHops } from './next-hop.js';
import type { Route } from './route.js';

export function sameRoute(a: Route, b: Route): boolean {
  return (
    a.preference === b.preference &&
    a.source === b.source &&
    a.scope === b.scope &&
    a.dest === b.dest &&
    a.iface === b.iface &&
    a.filtered === b.filtered &&
    a.igpMetric === b.igpMetric &&
    a.hostEntry === b.hostEntry &&
    a.onlink === b.onlink &&
    a.origin === b.origin &&
    a.fresh === b.fresh &&
    sameGateway(a.gateway, b.gateway) &&
    sameGateway(a.from, b.from) &&
    sameHops(a.hops, b.hops) &&
    attributesEqual(a.attributes, b.attributes)
  );
}
