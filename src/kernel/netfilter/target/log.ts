/** `-j LOG`, `-j NFLOG`, `-j TRACE`: they tell somebody and change nothing; net/netfilter/xt_LOG.c, xt_NFLOG.c. */

import { type Target, type TargetKind, RuleError } from '../extension.js';
import type { Options } from '../options.js';
import { quoteWord } from '../text/tokenize.js';

const LEVELS = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug'] as const;
const LEVEL_ALIASES: ReadonlyMap<string, number> = new Map([
  ['panic', 0],
  ['err', 3],
  ['warn', 4],
]);
const DEFAULT_LEVEL = 4;
/** struct xt_log_info and struct xt_nflog_info have so much room. */
const LOG_PREFIX_MAX = 29;
const NFLOG_PREFIX_MAX = 63;

const LOG_FLAGS = [
  '--log-tcp-sequence',
  '--log-tcp-options',
  '--log-ip-options',
  '--log-uid',
  '--log-macdecode',
] as const;

function parseLevel(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LEVEL;
  if (/^[0-7]$/.test(text)) return Number(text);
  const name = text.toLowerCase();
  const found = LEVEL_ALIASES.get(name) ?? LEVELS.findIndex((level) => level === name);
  if (found < 0) throw new RuleError(`log-level "${text}" unknown`);
  return found;
}

function parsePrefix(options: Options, name: '--log-prefix' | '--nflog-prefix', max: number): string {
  const prefix = options.text(name) ?? '';
  if (prefix.includes('\n')) throw new RuleError(`${options.owner}: Newlines not allowed in ${name}`);
  if (prefix.length > max) throw new RuleError(`${options.owner}: too long value for option "${name}"`);
  return prefix;
}

const logTarget = (field: 'log' | 'nflog', value: string, text: string): Target => ({
  outcome: 'continue',
  apply({ skb, netns }) {
    if (netns.emulation.tracer !== undefined) netns.trace(skb, { kind: 'set', field, value });
    return 'continue';
  },
  toString: () => text,
});

export const log = {
  options: {
    '--log-prefix': {},
    '--log-level': {},
    '--log-tcp-sequence': { arguments: 0 },
    '--log-tcp-options': { arguments: 0 },
    '--log-ip-options': { arguments: 0 },
    '--log-uid': { arguments: 0 },
    '--log-macdecode': { arguments: 0 },
  },
  parse(options) {
    const prefix = parsePrefix(options, '--log-prefix', LOG_PREFIX_MAX);
    const level = parseLevel(options.text('--log-level'));
    const words = [
      ...(prefix === '' ? [] : [`--log-prefix ${quoteWord(prefix)}`]),
      ...(level === DEFAULT_LEVEL ? [] : [`--log-level ${level}`]),
      ...LOG_FLAGS.filter((flag) => options.has(flag)),
    ];
    return logTarget('log', prefix, words.join(' '));
  },
} satisfies TargetKind;

export const nflog = {
  options: {
    '--nflog-group': {},
    '--nflog-prefix': {},
    '--nflog-range': {},
    '--nflog-size': {},
    '--nflog-threshold': {},
  },
  parse(options) {
    const prefix = parsePrefix(options, '--nflog-prefix', NFLOG_PREFIX_MAX);
    const group = options.number('--nflog-group', 0xffff) ?? 0;
    const size = options.number('--nflog-size');
    const threshold = options.number('--nflog-threshold', 0xffff) ?? 0;
    // --nflog-range never did anything, and the real one does not print it.
    const words = [
      ...(prefix === '' ? [] : [`--nflog-prefix ${quoteWord(prefix)}`]),
      ...(group === 0 ? [] : [`--nflog-group ${group}`]),
      ...(size === undefined ? [] : [`--nflog-size ${size}`]),
      ...(threshold === 0 ? [] : [`--nflog-threshold ${threshold}`]),
    ];
    return logTarget('nflog', prefix === '' ? `group ${group}` : prefix, words.join(' '));
  },
} satisfies TargetKind;

export const trace = {
  options: {},
  tables: ['raw', 'filter', 'mangle', 'nat', 'security'],
  parse: (): Target => ({ outcome: 'continue', apply: () => 'continue', toString: () => '' }),
} satisfies TargetKind;
