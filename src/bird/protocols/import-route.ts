/** A route on its way into a table (nest/rt-table.c: rte_update2()). Pure, for daemons and the converged computation. */

import { isRoutable } from '../address.js';
import type { ChannelConfig } from '../config/types.js';
import { runFilter } from '../filter/filter.js';
import type { FilterEnvironment } from '../filter/run.js';
import { withoutAttributes } from '../rib/attributes.js';
import type { Route } from '../rib/route.js';

export interface ImportContext {
  readonly channel: ChannelConfig;
  readonly environment: FilterEnvironment;
  /** Routes of the kernel protocol keep krt_metric and krt_source, which others lose in 1.6. */
  readonly keepsTemporary: boolean;
}

export interface ImportOutcome {
  /** `invalid`: no network that routes may lead to. */
  readonly verdict: 'accepted' | 'filtered' | 'invalid';
  /** What the table gets: filtered ones only where they are kept. */
  readonly route: Route | undefined;
}

function stripTemporary(route: Route, { environment, keepsTemporary }: ImportContext): Route {
  if (environment.dialect === 'bird-2' || keepsTemporary) return route;
  const attributes = withoutAttributes(route.attributes, 'krtMetric', 'krtSource');
  return attributes === route.attributes ? route : { ...route, attributes };
}

export function importRoute(route: Route, context: ImportContext): ImportOutcome {
  if (!isRoutable(route.net)) return { verdict: 'invalid', route: undefined };
  const { channel, environment } = context;
  const outcome = runFilter(channel.importFilter, route, environment);
  const kept = stripTemporary(outcome.route, context);
  if (outcome.verdict === 'accept') return { verdict: 'accepted', route: kept };
  return { verdict: 'filtered', route: channel.keepFiltered ? { ...kept, filtered: true } : undefined };
}
