/** The fragments of one datagram, as far as they came (struct ipq; net/ipv4/inet_fragment.c:inet_frag_queue_insert()). */

import type { Timer } from '../clock.js';
import type { Skb } from '../skb.js';

/** enum ip_defrag_users. */
export type DefragUser = 'local-deliver' | 'conntrack-in' | 'conntrack-out' | 'conntrack-bridge-in';

/** A fragment's payload within the datagram: octets [offset, end). */
export interface Fragment {
  readonly skb: Skb;
  readonly offset: number;
  readonly end: number;
}

/** Fragments that arrived in order, each joining the one before. */
interface Run {
  readonly offset: number;
  end: number;
  readonly fragments: Fragment[];
}

export type InsertResult = 'inserted' | 'duplicate' | 'overlap';

/** ECN codepoints (RFC 3168 §5). */
const NOT_ECT = 0;
const CE = 3;

export class FragmentQueue {
  readonly key: string;
  readonly user: DefragUser;
  timer: Timer | undefined = undefined;
  /** Ordered by offset, apart from each other. */
  #runs: Run[] = [];
  /** Payload octets that are there. */
  #present = 0;
  /** Payload octets of the whole, as far as is known. */
  length = 0;
  firstSeen = false;
  lastSeen = false;
  /** Largest fragment, header included, and the largest of those with DF. */
  maxSize = 0;
  maxDontFragmentSize = 0;
  /** ECN codepoints that were seen: bit 1 << codepoint. */
  ecnSeen = 0;
  /** Interface index of the last fragment's arrival. */
  iif = 0;
  /** The sender's count of fragments when the last one came (ip_frag_too_far()). */
  peerCount = 0;
  /** Octets of memory that the fragments cost. */
  memory = 0;

  constructor(key: string, user: DefragUser) {
    this.key = key;
    this.user = user;
  }

  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  get isComplete(): boolean {
    return this.firstSeen && this.lastSeen && this.#present === this.length;
  }

  get pieces(): number {
    return this.#runs.reduce((count, run) => count + run.fragments.length, 0);
  }

  /** All fragments, by offset. */
  get fragments(): Fragment[] {
    return this.#runs.flatMap((run) => run.fragments);
  }

  /**
   * A fragment that lies in a run is a duplicate, and only lost. One that overlaps in any other way spoils the
   * datagram (RFC 5722 §3, for IPv4 too).
   */
  insert(fragment: Fragment): InsertResult {
    const result = this.#place(fragment);
    if (result === 'inserted') this.#present += fragment.end - fragment.offset;
    return result;
  }

  #place(fragment: Fragment): InsertResult {
    const { offset, end } = fragment;
    const last = this.#runs.at(-1);
    if (last === undefined || last.end < end) {
      if (last !== undefined && offset < last.end) return 'overlap';
      if (last !== undefined && offset === last.end) {
        last.fragments.push(fragment);
        last.end = end;
      } else this.#runs.push({ offset, end, fragments: [fragment] });
      return 'inserted';
    }
    const next = this.#runs.findIndex((run) => run.end > offset);
    const run = this.#runs[next];
    if (run !== undefined && run.offset < end) return run.offset <= offset && end <= run.end ? 'duplicate' : 'overlap';
    this.#runs.splice(next, 0, { offset, end, fragments: [fragment] });
    return 'inserted';
  }

  /** ip_frag_reinit(): forgets what came so far, and returns it. */
  restart(): Fragment[] {
    const { fragments } = this;
    this.#runs = [];
    this.#present = 0;
    this.length = 0;
    this.firstSeen = false;
    this.lastSeen = false;
    this.ecnSeen = 0;
    this.iif = 0;
    this.memory = 0;
    return fragments;
  }

  /**
   * ip_frag_ecn_table[]: what the whole adds to the first fragment's ECN (RFC 3168 §5.3), or undefined where some
   * fragments are of an ECN-capable transport and some are not.
   */
  get ecn(): number | undefined {
    const notCapable = 1 << NOT_ECT;
    if ((this.ecnSeen & notCapable) !== 0 && this.ecnSeen !== notCapable) return undefined;
    return (this.ecnSeen & (1 << CE)) === 0 ? 0 : CE;
  }
}
