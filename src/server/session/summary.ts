/** A cluster in a few numbers. */

import type { Cluster } from '../../cluster/index.js';

export interface SessionSummary {
  readonly name: string;
  readonly seed: number;
  /** Goes up with every change of objects. */
  readonly generation: number;
  readonly objects: number;
  readonly nodes: number;
  readonly pods: number;
  readonly services: number;
  readonly warnings: number;
  readonly notices: number;
  readonly nowNs: number;
}

/** What there is to count in it. */
export function countsOf({ store, findings, underlay, emulation }: Cluster) {
  const warnings = findings.filter(({ severity }) => severity === 'warning').length;
  return {
    nodes: [...underlay.plan.machines.values()].filter(({ role }) => role === 'node').length,
    pods: store.list('Pod').length,
    services: store.list('Service').length,
    warnings,
    notices: findings.length - warnings,
    nowNs: emulation.clock.nowNs,
  };
}
