/** The lists of `-m recent`: addresses and when they were last seen (net/netfilter/xt_recent.c). */

import type { Ipv4Addr } from '../../packet/index.js';

/** ip_list_tot and ip_pkt_list_tot, the module's parameters. */
const LIST_TOTAL = 100;
const DEFAULT_STAMPS = 32;

/** struct recent_entry. */
export class RecentEntry {
  readonly addr: Ipv4Addr;
  ttl: number;
  /** Times, oldest first, at most as many as the list keeps. */
  readonly stampsNs: number[];

  constructor(addr: Ipv4Addr, ttl: number, nowNs: number) {
    this.addr = addr;
    this.ttl = ttl;
    this.stampsNs = [nowNs];
  }

  get lastNs(): number {
    return this.stampsNs.at(-1) ?? 0;
  }
}

/** struct recent_table: what /proc/net/xt_recent/NAME shows. */
export class RecentList implements Iterable<RecentEntry> {
  /** Stamps kept for an address: enough for the largest --hitcount, a power of two. */
  depth = DEFAULT_STAMPS;
  /** Rules that use it; the list goes with the last of them. */
  references = 0;
  /** Least recently touched first. */
  readonly #entries = new Map<Ipv4Addr, RecentEntry>();

  [Symbol.iterator](): IterableIterator<RecentEntry> {
    return this.#entries.values();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Puts back what there is now. */
  keep(): () => void {
    const entries = [...this.#entries.values()].map((entry) => ({
      entry,
      ttl: entry.ttl,
      stampsNs: [...entry.stampsNs],
    }));
    return () => {
      this.#entries.clear();
      for (const { entry, ttl, stampsNs } of entries) {
        entry.ttl = ttl;
        entry.stampsNs.splice(0, Number.POSITIVE_INFINITY, ...stampsNs);
        this.#entries.set(entry.addr, entry);
      }
    };
  }

  /** `ttl` 0 asks for the address alone. */
  lookup(addr: Ipv4Addr, ttl: number): RecentEntry | undefined {
    const entry = this.#entries.get(addr);
    return entry === undefined || (ttl !== 0 && entry.ttl !== ttl) ? undefined : entry;
  }

  insert(addr: Ipv4Addr, ttl: number, nowNs: number): void {
    if (this.#entries.size >= LIST_TOTAL) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(addr, new RecentEntry(addr, ttl, nowNs));
  }

  update(entry: RecentEntry, ttl: number, nowNs: number): void {
    entry.stampsNs.push(nowNs);
    if (entry.stampsNs.length > this.depth) entry.stampsNs.shift();
    entry.ttl = ttl;
    this.#entries.delete(entry.addr);
    this.#entries.set(entry.addr, entry);
  }

  remove(entry: RecentEntry): void {
    this.#entries.delete(entry.addr);
  }

  /** recent_entry_reap(): the least recently touched goes if it is older than `sinceNs`. */
  reap(sinceNs: number): void {
    const [entry] = this.#entries.values();
    if (entry !== undefined && entry.lastNs < sinceNs) this.remove(entry);
  }

  flush(): void {
    this.#entries.clear();
  }
}

/** All lists of a namespace, by name. */
export class RecentTable {
  readonly #lists = new Map<string, RecentList>();

  get(name: string): RecentList | undefined {
    return this.#lists.get(name);
  }

  get names(): string[] {
    return [...this.#lists.keys()];
  }

  /** recent_mt_check(): the rule's list, made where it is the first. */
  acquire(name: string, hitcount: number): RecentList {
    const list = this.#lists.get(name) ?? new RecentList();
    list.references += 1;
    if (hitcount > 0) list.depth = Math.max(list.depth, 2 ** Math.ceil(Math.log2(hitcount + 1)));
    this.#lists.set(name, list);
    return list;
  }

  release(name: string): void {
    const list = this.#lists.get(name);
    if (list === undefined) return;
    list.references -= 1;
    if (list.references === 0) this.#lists.delete(name);
  }
}
