/**
 * bandwidth: limits a container's traffic with token buckets; plugins/meta/bandwidth. Chained.
 * Differs: what the container sends is held back at its own end of the veth; the real plugin redirects it to
 * an ifb device of the host that has the bucket (docs/fidelity.md).
 */

import { type Host, TokenBucket, type TokenBucketState, Veth } from '../../kernel/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall, PluginMachine } from '../plugin.js';
import type { CniObject, CniResult } from '../result.js';
import { checkEntry, number, object, reference } from './common.js';

const DEFAULT_TX_QUEUE_LEN = 1000;
const KEYS = ['ingressRate', 'ingressBurst', 'egressRate', 'egressBurst'] as const;

type Limits = Readonly<Record<(typeof KEYS)[number], number>>;

const limitsOf = (entry: CniObject): Limits => ({
  ingressRate: number(entry['ingressRate']),
  ingressBurst: number(entry['ingressBurst']),
  egressRate: number(entry['egressRate']),
  egressBurst: number(entry['egressBurst']),
});

const TYPES = { ingressRate: 'uint64', ingressBurst: 'uint64', egressRate: 'uint64', egressBurst: 'uint64' } as const;
const PREFIX = 'failed to parse network configuration';

/** The runtime's limits, where it has any, in place of the configuration's; parseConfig(). @throws CniError */
function load({ config }: PluginCall): Limits {
  checkEntry(config, TYPES, { field: 'PluginConf', prefix: PREFIX });
  const own = limitsOf(config);
  const given = object(object(config['runtimeConfig'])['bandwidth']);
  checkEntry(given, TYPES, { field: 'BandwidthEntry.runtimeConfig.bandwidth', prefix: PREFIX });
  const runtime = limitsOf(given);
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
  if (Math.floor(burst / 8) >= 2 ** 32 - 1) throw internalError('burst cannot be more than 4GB');
}

/** latencyInUsec: how long a packet may wait. */
const LATENCY_MS = 25;
const MS_PER_S = 1000;

/** Bits in the configuration, octets in the kernel; ifb_creator.go:createTBF(). */
function bucketOf(rateBits: number, burstBits: number): TokenBucketState {
  const rate = Math.floor(rateBits / 8);
  const burst = Math.floor(burstBits / 8);
  return { rate, burst, limit: Math.floor((rate * LATENCY_MS) / MS_PER_S) + burst };
}

const US_PER_S = 1_000_000;
const TICKS_PER_US = 15.625;
const NS_PER_TICK = 64;

/**
 * net/sched/sch_tbf.c:tbf_change() takes no bucket into which no octet goes; the burst comes to it as the time that it takes, in
 * whole microseconds.
 */
function isBucket(rateBits: number, burstBits: number): boolean {
  const rate = Math.floor(rateBits / 8);
  const burst = Math.floor(burstBits / 8);
  if (rate === 0) return false;
  const ticks = Math.floor(Math.floor((burst * US_PER_S) / rate) * TICKS_PER_US);
  return Math.floor((ticks * NS_PER_TICK * rate) / 1e9) > 0;
}

/** ingress: towards the container, at the host's end. egress: away from it. */
function shape({ emulation }: Host, call: PluginCall, limits: Limits): void {
  const inside = call.netns?.devices.named(call.ifName);
  if (!(inside instanceof Veth) || inside.peer === undefined) return;
  const { ingressRate, ingressBurst, egressRate, egressBurst } = limits;
  const { clock } = emulation;
  if (ingressRate > 0 && !isBucket(ingressRate, ingressBurst)) throw internalError('create qdisc: invalid argument');
  if (ingressRate > 0) inside.peer.qdisc = new TokenBucket(clock, bucketOf(ingressRate, ingressBurst));
  if (egressRate > 0 && !isBucket(egressRate, egressBurst))
    throw internalError('create ifb qdisc: create qdisc: invalid argument');
  if (egressRate > 0) inside.qdisc = new TokenBucket(clock, bucketOf(egressRate, egressBurst));
}

/** A queueing discipline on a device without a queue gives it one (net/sched/sch_api.c:qdisc_create()). */
function addQueue({ netns }: Host, call: PluginCall): void {
  const inside = call.netns?.devices.named(call.ifName);
  const outside = inside instanceof Veth ? inside.peer : undefined;
  if (outside === undefined || outside.txqlen !== 0) return;
  netns.links.set(outside, { txqlen: DEFAULT_TX_QUEUE_LEN });
}

function add(call: PluginCall, { host }: PluginMachine): CniResult {
  const limits = load(call);
  if (call.prevResult === undefined) throw internalError('must be called as chained plugin');
  if (limits.ingressRate > 0) addQueue(host, call);
  shape(host, call, limits);
  return call.prevResult;
}

export const bandwidth: Plugin = {
  ...reference('bandwidth', '0.3.0'),
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
