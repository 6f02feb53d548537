/** `-m connlimit`: how many connections an address has; net/netfilter/xt_connlimit.c:connlimit_mt(). */

import type { CtEntry } from '../../conntrack/entry.js';
import type { Netns } from '../../netns.js';
import { type MatchKind, RuleError } from '../extension.js';
import { type Options, parseUnsigned } from '../options.js';

/** `24` or `255.255.255.0`. */
function parseMask(options: Options): number {
  const text = options.text('--connlimit-mask');
  if (text === undefined) return 32;
  if (!text.includes('.')) {
    const length = parseUnsigned(text, 32);
    if (length === undefined)
      throw new RuleError('connlimit: bad integer value for option "--connlimit-mask", or out of range.');
    return length;
  }
  const mask = options.address('--connlimit-mask') ?? 0;
  const length = 32 - Math.clz32(~mask) === 32 ? 0 : Math.clz32(~mask);
  if (length < 32 && mask !== (length === 0 ? 0 : -1 << (32 - length)))
    throw new RuleError(`connlimit: bad mask "${text}"`);
  return length;
}

/** nf_conncount's already_closed() and found_same_tuple(): whether the connection still counts. */
function counts(netns: Netns, ct: CtEntry): boolean {
  const state = ct.protocolState.state;
  if (state === 'TIME_WAIT' || state === 'CLOSE') return false;
  return netns.conntrack.lookup(ct.original) !== undefined;
}

export const connlimit = {
  options: {
    '--connlimit-above': { invertible: true },
    '--connlimit-upto': { invertible: true },
    '--connlimit-mask': {},
    '--connlimit-saddr': { arguments: 0 },
    '--connlimit-daddr': { arguments: 0 },
  },
  pure: false,
  needsConntrack: true,
  parse(options) {
    const name = options.oneOf(['--connlimit-above', '--connlimit-upto']);
    const limit = options.number(name) ?? 0;
    const above = (name === '--connlimit-above') !== options.inverted(name);
    const length = parseMask(options);
    const mask = length === 0 ? 0 : -1 << (32 - length);
    const side = options.has('--connlimit-daddr') ? 'destination' : 'source';
    /** Connections that this rule has seen, by masked address. */
    const seen = new Map<number, Set<CtEntry>>();
    return {
      matches(packet) {
        const { ct } = packet.skb;
        const key = packet[side] & mask;
        const connections = seen.get(key) ?? new Set<CtEntry>();
        for (const other of connections) if (other !== ct && !counts(packet.netns, other)) connections.delete(other);
        seen.set(key, connections);
        // What nobody tracks counts by its own tuple for the moment, and is forgotten with the next packet.
        if (ct === undefined) return connections.size + 1 > limit === above;
        connections.add(ct);
        return connections.size > limit === above;
      },
      toString: () =>
        `--connlimit-${above ? 'above' : 'upto'} ${limit} --connlimit-mask ${length} --connlimit-${side === 'source' ? 'saddr' : 'daddr'}`,
    };
  },
} satisfies MatchKind;
