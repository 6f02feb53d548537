/** Named counters that rules count into (net/netfilter/nfnetlink_acct.c), what `nfacct list` shows. */

export interface NfacctObject {
  packets: number;
  bytes: number;
}

export class NfacctTable implements Iterable<readonly [name: string, object: NfacctObject]> {
  readonly #objects = new Map<string, NfacctObject>();

  [Symbol.iterator](): IterableIterator<[string, NfacctObject]> {
    return this.#objects.entries();
  }

  get(name: string): NfacctObject | undefined {
    return this.#objects.get(name);
  }

  /** The object of that name, made where it is missing (`nfacct add`). */
  ensure(name: string): NfacctObject {
    const object = this.#objects.get(name) ?? { packets: 0, bytes: 0 };
    this.#objects.set(name, object);
    return object;
  }

  delete(name: string): boolean {
    return this.#objects.delete(name);
  }
}
