/**
 * Elements of a set, and the index that finds them: one hash over the element's numbers, collisions chained
 * through the members, so that a look-up makes nothing.
 */

/** The numbers of an element. Parts that its type lacks are 0, prefix lengths of plain addresses 32. */
export interface ElementKey {
  /** First address as a signed integer, or a MAC address. */
  readonly first: number;
  readonly firstLength: number;
  /** Protocol × 65536 + port. */
  readonly port: number;
  readonly second: number;
  readonly secondLength: number;
}

/** What `ipset add` gives besides the element. */
export interface Extensions {
  readonly timeoutS?: number;
  readonly packets?: number;
  readonly bytes?: number;
  readonly comment?: string;
  readonly nomatch?: boolean;
  /** `skbmark 0x1/0xff skbprio 1:2 skbqueue 3` as given. */
  readonly skbinfo?: string;
}

export class Member implements ElementKey {
  readonly first: number;
  readonly firstLength: number;
  readonly port: number;
  readonly second: number;
  readonly secondLength: number;
  /** Infinity: it stays. */
  expiresNs = Number.POSITIVE_INFINITY;
  packets = 0;
  bytes = 0;
  comment = '';
  nomatch = false;
  skbinfo = '';
  /** Next of the same hash value. */
  next: Member | undefined = undefined;

  constructor(key: ElementKey) {
    this.first = key.first;
    this.firstLength = key.firstLength;
    this.port = key.port;
    this.second = key.second;
    this.secondLength = key.secondLength;
  }
}

/** Multiplicative mixing; addresses alone differ in few bits. Prefix lengths need no share: networks differ. */
function mix(first: number, port: number, second: number): number {
  let hash = Math.imul((first | 0) ^ Math.floor(first / 0x1_0000_0000), 0x9e3779b1);
  hash = Math.imul((hash ^ (hash >>> 15)) + (port | 0), 0x85ebca77);
  hash = Math.imul((hash ^ (hash >>> 13)) + (second | 0), 0xc2b2ae3d);
  return hash ^ (hash >>> 16);
}

const same = (a: ElementKey, b: ElementKey): boolean =>
  a.first === b.first &&
  a.port === b.port &&
  a.second === b.second &&
  a.firstLength === b.firstLength &&
  a.secondLength === b.secondLength;

/** How many members have a prefix length, and which lengths there are, longest first (struct net_prefixes). */
class PrefixLengths {
  readonly #count = new Map<number, number>();
  list: readonly number[] = [];

  add(length: number): void {
    const before = this.#count.get(length) ?? 0;
    this.#count.set(length, before + 1);
    if (before === 0) this.list = [...this.#count.keys()].sort((a, b) => b - a);
  }

  remove(length: number): void {
    const left = (this.#count.get(length) ?? 0) - 1;
    if (left > 0) this.#count.set(length, left);
    else if (this.#count.delete(length)) this.list = [...this.#count.keys()].sort((a, b) => b - a);
  }

  clear(): void {
    this.#count.clear();
    this.list = [];
  }
}

/** `-1 << 32` is -1 in JavaScript. */
const masked = (addr: number, length: number): number =>
  length === 32 ? addr : length === 0 ? 0 : addr & (-1 << (32 - length));

export class MemberIndex implements Iterable<Member> {
  readonly #heads = new Map<number, Member>();
  readonly #firstLengths = new PrefixLengths();
  readonly #secondLengths = new PrefixLengths();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  *[Symbol.iterator](): Generator<Member, void> {
    for (const head of this.#heads.values()) {
      for (let member: Member | undefined = head; member !== undefined; member = member.next) yield member;
    }
  }

  /** Exactly that element, expired or not. */
  get(key: ElementKey): Member | undefined {
    let member = this.#heads.get(mix(key.first, key.port, key.second));
    while (member !== undefined && !same(member, key)) member = member.next;
    return member;
  }

  /**
   * The first live element that covers these, most specific network first, the first address' network before
   * the second's (ip_set_hash_gen.h:mtype_test_cidrs()).
   */
  find(packet: { first: number; port: number; second: number }, nowNs: number): Member | undefined {
    const { port } = packet;
    for (const firstLength of this.#firstLengths.list) {
      const first = masked(packet.first, firstLength);
      for (const secondLength of this.#secondLengths.list) {
        const second = masked(packet.second, secondLength);
        let member = this.#heads.get(mix(first, port, second));
        for (; member !== undefined; member = member.next) {
          const hit =
            member.first === first &&
            member.port === port &&
            member.second === second &&
            member.firstLength === firstLength &&
            member.secondLength === secondLength;
          if (hit && member.expiresNs > nowNs) return member;
        }
      }
    }
    return undefined;
  }

  insert(member: Member): void {
    const hash = mix(member.first, member.port, member.second);
    member.next = this.#heads.get(hash);
    this.#heads.set(hash, member);
    this.#firstLengths.add(member.firstLength);
    this.#secondLengths.add(member.secondLength);
    this.#size += 1;
  }

  remove(member: Member): void {
    const hash = mix(member.first, member.port, member.second);
    const head = this.#heads.get(hash);
    if (head === member) {
      if (member.next === undefined) this.#heads.delete(hash);
      else this.#heads.set(hash, member.next);
    } else {
      let before = head;
      while (before !== undefined && before.next !== member) before = before.next;
      if (before === undefined) return;
      before.next = member.next;
    }
    this.#firstLengths.remove(member.firstLength);
    this.#secondLengths.remove(member.secondLength);
    this.#size -= 1;
  }

  clear(): void {
    this.#heads.clear();
    this.#firstLengths.clear();
    this.#secondLengths.clear();
    this.#size = 0;
  }
}
