/** UDP endpoints that connections may still lead to though traffic no longer goes there (pkg/proxy/endpointschangetracker.go:detectStaleConntrackEntries()). */

import type { Endpoint } from '../tracker/endpoint.js';

/** Endpoints by port key. */
export type EndpointsByPort = ReadonlyMap<string, readonly Endpoint[]>;

export interface StaleUdp {
  /** Endpoints that served, and serve no more. */
  readonly deleted: readonly { readonly key: string; readonly endpoint: Endpoint }[];
  /** Port keys that had nobody who serves, and have now. */
  readonly newlyActive: readonly string[];
}

const isUdp = (key: string): boolean => key.endsWith('/udp');
const serving = (endpoints: readonly Endpoint[] | undefined): readonly Endpoint[] =>
  endpoints?.filter((endpoint) => endpoint.serving) ?? [];

export function staleUdp(before: EndpointsByPort, after: EndpointsByPort): StaleUdp {
  const deleted: { key: string; endpoint: Endpoint }[] = [];
  const newlyActive: string[] = [];
  for (const [key, old] of before) {
    if (!isUdp(key) || old === after.get(key)) continue;
    const now = new Set(serving(after.get(key)).map(({ text }) => text));
    for (const endpoint of serving(old)) if (!now.has(endpoint.text)) deleted.push({ key, endpoint });
  }
  for (const [key, now] of after) {
    if (!isUdp(key) || now === before.get(key)) continue;
    if (serving(now).length > 0 && serving(before.get(key)).length === 0) newlyActive.push(key);
  }
  return { deleted, newlyActive };
}
