/** What a kernel protocol programs of a table's routes. */

import type { KernelConfig } from '../config/types.js';
import { runFilter } from '../filter/filter.js';
import { kernelExport } from '../protocols/kernel.js';
import { exportMerged } from '../protocols/merge.js';
import type { Route } from '../rib/route.js';
import type { ConvergedNode } from './node.js';

/** `nets`: of each network its routes, the best first. */
export function programmedBy(
  { environment }: ConvergedNode,
  config: KernelConfig,
  nets: readonly (readonly Route[])[],
): readonly Route[] {
  const [channel] = config.channels;
  if (channel === undefined) return [];
  const programmed: Route[] = [];
  const exportRoute = (of: Route): { readonly route: Route; readonly copied: boolean } | undefined => {
    const prepared = kernelExport(config, of, environment.dialect);
    const outcome = prepared && runFilter(channel.exportFilter, prepared, environment);
    return outcome?.verdict === 'accept' ? outcome : undefined;
  };
  for (const routes of nets) {
    const [best] = routes;
    if (best === undefined || best.filtered) continue;
    const limits = { hops: config.mergePaths, ifindex: environment.ifindex };
    const exported = limits.hops > 0 ? exportMerged(routes, limits, exportRoute) : exportRoute(best);
    if (exported !== undefined) programmed.push(exported.route);
  }
  return programmed;
}
