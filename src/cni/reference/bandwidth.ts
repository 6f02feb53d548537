/**
 * bandwidth: takes limits for a container's traffic; plugins/meta/bandwidth. Chained.
 * Differs: the limits are checked and kept in the configuration, the traffic is not shaped (docs/fidelity.md).
 */

import { type Host, Veth } from '../../kernel/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall, PluginMachine } from '../plugin.js';
import type { CniObject, CniResult } from '../result.js';
import { number, object, reference } from './common.js';

const DEFAULT_TX_QUEUE_LEN = 1000;
const KEYS = ['ingressRate', 'ingressBurst', 'egressRate', 'egressBurst'] as const;

type Limits = Readonly<Record<(typeof KEYS)[number], number>>;

const limitsOf = (entry: CniObject): Limits => ({
  ingressRate: number(entry['ingressRate']),
  ingressBurst: number(entry['ingressBurst']),
  egressRate: number(entry['egressRate']),
  egressBurst: number(entry['egressBurst']),
});

/** The runtime's limits, where it has any, in place of the configuration's; parseConfig(). @throws CniError */
function load({ config }: PluginCall): Limits {
  for (const key of KEYS) {
    const value = config[key];
    if (typeof value !== 'number' || (value >= 0 && Number.isInteger(value))) continue;
    throw internalError(
      `failed to parse network configuration: json: cannot unmarshal number ${value} into Go struct field PluginConf.${key} of type uint64`,
    );
  }
  const own = limitsOf(config);
  const runtime = limitsOf(object(object(config['runtimeConfig'])['bandwidth']));
  const limits = KEYS.some((key) => own[key] !== 0) ? own : runtime;
  checkRate(limits.ingressRate, limits.ingressBurst);
  checkRate(limits.egressRate, limits.egressBurst);
  return limits;
}

/** validateRateAndBurst(): both or neither. @throws CniError */
function checkRate(rate: number, burst: number): void {
  if (burst < 0 || rate < 0) throw internalError('rate and burst must be a positive integer');
  if (burst === 0 && rate !== 0) throw internalError('if rate is set, burst must also be set');
  if (rate === 0 && burst !== 0) throw internalError('if burst is set, rate must also be set');
  if (burst / 8 >= 2 ** 32) throw internalError('burst cannot be more than 4GB');
}

/** A queueing discipline on a device without a queue gives it one (net/sched/sch_api.c:qdisc_create()). */
function addQueue({ netns }: Host, call: PluginCall): void {
  const inside = call.netns?.devices.named(call.ifName);
  const outside = inside instanceof Veth ? inside.peer : undefined;
  if (outside === undefined || outside.txqlen !== 0) return;
  netns.links.set(outside, { txqlen: DEFAULT_TX_QUEUE_LEN });
}

function add(call: PluginCall, { host }: PluginMachine): CniResult {
  const { ingressRate } = load(call);
  if (call.prevResult === undefined) throw internalError('must be called as chained plugin');
  if (ingressRate > 0) addQueue(host, call);
  return call.prevResult;
}

export const bandwidth: Plugin = {
  ...reference('bandwidth'),
  add,
  del: (call) => {
    load(call);
  },
  check: (call) => {
    load(call);
    if (call.prevResult === undefined) throw internalError('must be called as a chained plugin');
    return undefined;
  },
};
