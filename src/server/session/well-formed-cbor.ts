/**
 * Whether bytes are CBOR that can be decoded without harm (RFC 8949, appendix C): one item, no deeper than anybody means,
 * every length within what is there, so that a few bytes cannot ask for gigabytes, and no tags but those of large numbers.
 */

const MAX_DEPTH = 64;
const INDEFINITE = 31;
const BREAK = 0xff;
/** §3.4.3 bignums, §3.4.6 self-described CBOR. */
const TAGS: ReadonlySet<number> = new Set([2, 3, 55_799]);

/** What is wrong with the bytes, and where. */
class CborError extends Error {
  override readonly name = 'CborError';

  constructor(message: string, at: number) {
    super(`${message}, at octet ${at}`);
  }
}

class Walk {
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#view.byteLength - this.#at;
  }

  #skip(length: number): void {
    if (length > this.left) throw new CborError(`${length} octets are announced, ${this.left} are left`, this.#at);
    this.#at += length;
  }

  #byte(): number {
    if (this.left < 1) throw new CborError('it ends too early', this.#at);
    return this.#view.getUint8(this.#at++);
  }

  /** The argument of an initial byte. */
  #argument(info: number): number {
    if (info < 24) return info;
    const start = this.#at;
    if (info > 27) throw new CborError('a length that is reserved', start);
    this.#skip(1 << (info - 24));
    if (info === 24) return this.#view.getUint8(start);
    if (info === 25) return this.#view.getUint16(start);
    return info === 26 ? this.#view.getUint32(start) : Number(this.#view.getBigUint64(start));
  }

  /** Behind it is what `read` takes, until a break. */
  #untilBreak(read: () => void): void {
    for (;;) {
      if (this.left > 0 && this.#view.getUint8(this.#at) === BREAK) {
        this.#at += 1;
        return;
      }
      read();
    }
  }

  #chunk(major: number): void {
    const initial = this.#byte();
    if (initial >> 5 !== major || (initial & 31) === INDEFINITE) throw new CborError('no part of a string', this.#at);
    this.#skip(this.#argument(initial & 31));
  }

  #items(count: number, depth: number): void {
    if (count > this.left) throw new CborError(`${count} items are announced, ${this.left} octets are left`, this.#at);
    for (let i = 0; i < count; i += 1) this.item(depth + 1);
  }

  item(depth: number): void {
    if (depth > MAX_DEPTH) throw new CborError(`nested more than ${MAX_DEPTH} levels deep`, this.#at);
    const initial = this.#byte();
    const [major, info] = [initial >> 5, initial & 31];
    if (info === INDEFINITE) return this.#indefinite(major, depth);
    const argument = this.#argument(info);
    if (major === 2 || major === 3) this.#skip(argument);
    else if (major === 4) this.#items(argument, depth);
    else if (major === 5) this.#items(2 * argument, depth);
    else if (major === 6) {
      if (!TAGS.has(argument)) throw new CborError(`tag ${argument} is not understood`, this.#at);
      this.item(depth + 1);
    }
  }

  #indefinite(major: number, depth: number): void {
    if (major === 2 || major === 3) this.#untilBreak(() => this.#chunk(major));
    else if (major === 4) this.#untilBreak(() => this.item(depth + 1));
    else if (major === 5)
      this.#untilBreak(() => {
        this.item(depth + 1);
        this.item(depth + 1);
      });
    else throw new CborError('a break that ends nothing', this.#at);
  }
}

/** @throws CborError */
export function requireWellFormed(bytes: Uint8Array): void {
  const walk = new Walk(bytes);
  walk.item(0);
  if (walk.left > 0) throw new CborError(`${walk.left} octets follow the item`, walk.at);
}
