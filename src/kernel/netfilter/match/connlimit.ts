/** `-m connlimit`: how many connections an address has; net/netfilter/xt_connlimit.c:connlimit_mt(). */

import { type CtEntry, IPS } from '../../conntrack/entry.js';
import { NS_PER_MS } from '../../clock.js';
import type { Netns } from '../../netns.js';
import { type MatchKind, RuleError } from '../extension.js';
import type { RulePacket } from '../packet.js';
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

/** Connections are looked through once a tick at most; at 250 Hz as distributions have it. */
const JIFFY_NS = 4 * NS_PER_MS;

/** already_closed() and find_or_evict(): whether the connection still counts. */
function counts(netns: Netns, ct: CtEntry | undefined): boolean {
  if (ct === undefined) return false;
  const { state } = ct.protocolState;
  if (state === 'TIME_WAIT' || state === 'CLOSE') return false;
  return netns.conntrack.lookup(ct.original) !== undefined;
}

/** struct nf_conncount_list: what a masked address has. What nobody tracks counts until the list is looked through. */
class Connections {
  #all: (CtEntry | undefined)[] = [];
  #lastGc: number;

  constructor(jiffy: number) {
    this.#lastGc = jiffy;
  }

  get size(): number {
    return this.#all.length;
  }

  /** Puts back what there is now. */
  keep(): () => void {
    const [all, lastGc] = [[...this.#all], this.#lastGc];
    return () => {
      this.#all = all;
      this.#lastGc = lastGc;
    };
  }

  /** The first packet for an address counts, even where its connection is an old one (insert_tree()). */
  begin({ skb: { ct } }: RulePacket): void {
    this.#all.push(ct);
  }

  /**
   * __nf_conncount_add(): a confirmed connection has been added with its first packet, or never will be; but one of this
   * host with itself is confirmed before it comes in, and looked for. One that this packet has ended (a reset that is
   * the only answer) is none any more.
   */
  add({ netns, skb: { ct }, in: inDev }: RulePacket, jiffy: number): void {
    const added = ct?.has(IPS.confirmed) === true;
    const withItself = added && inDev?.isLoopback === true;
    if (withItself || jiffy !== this.#lastGc) {
      this.#all = this.#all.filter((other) => counts(netns, other));
      this.#lastGc = jiffy;
    }
    if (!added || ct.has(IPS.dying) || (withItself && !this.#all.includes(ct))) this.#all.push(ct);
  }
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
    const seen = new Map<number, Connections>();
    return {
      matches(packet) {
        const jiffy = Math.floor(packet.netns.emulation.clock.nowNs / JIFFY_NS);
        const key = packet[side] & mask;
        const known = seen.get(key);
        const connections = known ?? new Connections(jiffy);
        seen.set(key, connections);
        packet.netns.emulation.journal?.push(connections.keep());
        if (known === undefined) connections.begin(packet);
        else connections.add(packet, jiffy);
        // None is taken for a want of memory: what comes late to connections that are all closed is dropped.
        packet.hotdrop = connections.size === 0;
        return !packet.hotdrop && connections.size > limit === above;
      },
      toString: () =>
        `--connlimit-${above ? 'above' : 'upto'} ${limit} --connlimit-mask ${length} --connlimit-${side === 'source' ? 'saddr' : 'daddr'}`,
    };
  },
} satisfies MatchKind;
