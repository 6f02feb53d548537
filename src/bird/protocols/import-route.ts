/** A route on its way into a table (nest/rt-table.c: rte_update2()). Pure, for daemons and the converged computation. */

import { isRoutable } from '../address.js';
import type { ChannelConfig } from '../config/types.js';
import { type FilterOutcome, freshAfter, runFilter } from '../filter/filter.js';
import type { FilterEnvironment } from '../filter/run.js';
import { NULL_LIST } from '../filter/value.js';
import { type AttributeId, type Attributes, withoutAttributes } from '../rib/attributes.js';
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

/** A table's routes have lists of their own (rta_copy()): one that is empty is defined there. */
function ownLists(attributes: Attributes): Attributes {
  const entries = Object.entries(attributes);
  if (!entries.some(([, value]) => value === NULL_LIST)) return attributes;
  return Object.fromEntries(entries.map(([id, value]) => [id, value === NULL_LIST ? [] : value]));
}

/** What a filter of 1.6 sets of the attributes that are the kernel protocol's own is lost: they are as they came. */
function withoutTemporary(before: Attributes, after: Attributes, touched: readonly AttributeId[]): Attributes {
  if (touched.length === 0) return after;
  const lost = (['krtMetric', 'krtSource'] as const).filter((id) => touched.includes(id));
  const had = Object.fromEntries(lost.flatMap((id) => (before[id] === undefined ? [] : [[id, before[id]]])));
  return lost.length === 0 ? after : { ...withoutAttributes(after, ...lost), ...had };
}

/** The route as a table keeps it (rta_lookup()). */
function stored(came: Route, outcome: FilterOutcome, { environment, keepsTemporary }: ImportContext): Route {
  const { route, touched } = outcome;
  const fresh = freshAfter(came, outcome);
  let { attributes } = route;
  if (environment.dialect === 'bird-2') attributes = ownLists(attributes);
  else if (!keepsTemporary) attributes = withoutTemporary(came.attributes, attributes, touched);
  return attributes === route.attributes && fresh === route.fresh ? route : { ...route, attributes, fresh };
}

export function importRoute(route: Route, context: ImportContext): ImportOutcome {
  if (!isRoutable(route.net)) return { verdict: 'invalid', route: undefined };
  const { channel, environment } = context;
  const outcome = runFilter(channel.importFilter, route, environment);
  const kept = stored(route, outcome, context);
  if (outcome.verdict === 'accept') return { verdict: 'accepted', route: kept };
  return { verdict: 'filtered', route: channel.keepFiltered ? { ...kept, filtered: true } : undefined };
}
