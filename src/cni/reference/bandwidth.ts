/**
 * bandwidth: takes limits for a container's traffic; plugins/meta/bandwidth. Chained.
 * Differs: the limits are checked and kept in the configuration, the traffic is not shaped (docs/fidelity.md).
 */

import { internalError } from '../errors.js';
import type { Plugin, PluginCall } from '../plugin.js';
import type { CniResult } from '../result.js';
import { number, object, reference } from './common.js';

/** validateRateAndBurst(): both or neither. @throws CniError */
function checkLimits({ config }: PluginCall): void {
  const limits = { ...object(object(config['runtimeConfig'])['bandwidth']), ...config };
  for (const direction of ['ingress', 'egress'] as const) {
    const rate = number(limits[`${direction}Rate`]);
    const burst = number(limits[`${direction}Burst`]);
    if (burst < 0 || rate < 0) throw internalError('rate and burst must be a positive integer');
    if (burst === 0 && rate !== 0) throw internalError('if rate is set, burst must also be set');
    if (rate === 0 && burst !== 0) throw internalError('if burst is set, rate must also be set');
    if (burst / 8 >= 2 ** 32) throw internalError('burst cannot be more than 4GB');
  }
}

function add(call: PluginCall): CniResult {
  checkLimits(call);
  if (call.prevResult === undefined) throw internalError('must be called as chained plugin');
  return call.prevResult;
}

export const bandwidth: Plugin = {
  ...reference,
  add,
  del: () => undefined,
  check: (call) => {
    checkLimits(call);
    if (call.prevResult === undefined) throw internalError('must be called as a chained plugin');
    return undefined;
  },
};
