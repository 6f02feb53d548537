/** `-m connlimit`: how many connections an address has; net/netfilter/xt_connlimit.c:connlimit_mt(). */

import { type CtEntry, IPS } from '../../conntrack/entry.js';
import { readTuple, transportOffset } from '../../conntrack/packet-tuple.js';
import { emptyTuple, tuplesEqual } from '../../conntrack/tuple.js';
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

/** The connection as conntrack has it now; one with the same tuple stands for it. What nobody tracks is not found. */
const found = (netns: Netns, ct: CtEntry | undefined): CtEntry | undefined =>
  ct && netns.conntrack.lookup(ct.original)?.entry;

/** already_closed(). */
const isClosed = ({ protocolState: { state } }: CtEntry): boolean => state === 'TIME_WAIT' || state === 'CLOSE';

/** nf_ct_get_tuplepr(), which is asked of what nobody tracks: a later fragment has no tuple, nor what ends before its ports. */
function hasTuple({ skb, end }: RulePacket): boolean {
  const transport = transportOffset(skb.ipv4, end);
  return transport >= 0 && readTuple(emptyTuple(), skb.ipv4, transport, end);
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
   * __nf_conncount_add(): a connection that is assured has been added, or never will be. One that is confirmed and not yet
   * assured is looked for; one that is new is added at once where the list has just been looked through.
   */
  add({ netns, skb: { ct } }: RulePacket, jiffy: number): void {
    const confirmed = ct?.has(IPS.confirmed) === true;
    if (confirmed && ct.has(IPS.assured)) {
      this.#collect(netns, jiffy);
      return;
    }
    if (confirmed || jiffy !== this.#lastGc) {
      if (this.#has(netns, ct)) return;
      this.#lastGc = jiffy;
    }
    this.#all.push(ct);
  }

  /** nf_conncount_gc_list(): once a tick, those that are gone or closed. */
  #collect(netns: Netns, jiffy: number): void {
    if (jiffy === this.#lastGc) return;
    this.#lastGc = jiffy;
    this.#all = this.#all.filter((one) => {
      const entry = found(netns, one);
      return entry !== undefined && !isClosed(entry);
    });
  }

  /** Whether it is among those that are still there; on the way to it, those that are gone or closed go. */
  #has(netns: Netns, ct: CtEntry | undefined): boolean {
    const kept: (CtEntry | undefined)[] = [];
    for (const [i, one] of this.#all.entries()) {
      const entry = found(netns, one);
      if (entry === undefined) continue;
      if (ct !== undefined && tuplesEqual(entry.original, ct.original)) {
        this.#all = [...kept, ...this.#all.slice(i)];
        return true;
      }
      if (!isClosed(entry)) kept.push(one);
    }
    this.#all = kept;
    return false;
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
    const name = options.oneOf(
      ['--connlimit-above', '--connlimit-upto'],
      'You must specify "--connlimit-above" or "--connlimit-upto".',
    );
    const limit = options.number(name) ?? 0;
    const above = (name === '--connlimit-above') !== options.inverted(name);
    const length = parseMask(options);
    const mask = length === 0 ? 0 : -1 << (32 - length);
    const side = options.has('--connlimit-daddr') ? 'destination' : 'source';
    const seen = new Map<number, Connections>();
    return {
      matches(packet) {
        if (packet.skb.ct === undefined && !hasTuple(packet)) {
          packet.hotdrop = true;
          return false;
        }
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
