/** What came in: octets that the application has not read, and pieces that wait behind a hole (tcp_ofo_queue()). */

import { concatBytes, type SackBlock } from '../../../packet/index.js';
import { advance, after, before, distance } from './sequence.js';

interface Piece {
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly fin: boolean;
}

const endOf = ({ sequence, bytes, fin }: Piece): number => advance(sequence, bytes.length + (fin ? 1 : 0));

export class ReceiveQueue {
  #ready: Uint8Array[] = [];
  #readyLength = 0;
  /** By sequence number; they may overlap. */
  #pieces: Piece[] = [];
  #waitingLength = 0;
  #newest: Piece | undefined = undefined;

  /** Octets in order, not read. */
  get ready(): number {
    return this.#readyLength;
  }

  /** Octets held, in order or not: what the advertised window is less by. */
  get held(): number {
    return this.#readyLength + this.#waitingLength;
  }

  get hasHole(): boolean {
    return this.#pieces.length > 0;
  }

  /** Takes octets that are next. */
  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#ready.push(bytes);
    this.#readyLength += bytes.length;
  }

  /** Keeps a piece that lies behind a hole, unless it is there already. */
  hold(sequence: number, bytes: Uint8Array, fin: boolean): void {
    const piece: Piece = { sequence, bytes, fin };
    const known = this.#pieces.find((other) => !before(sequence, other.sequence) && !after(endOf(piece), endOf(other)));
    if (known !== undefined) {
      this.#newest = known;
      return;
    }
    const at = this.#pieces.findIndex((other) => before(sequence, other.sequence));
    this.#pieces.splice(at < 0 ? this.#pieces.length : at, 0, piece);
    this.#waitingLength += bytes.length;
    this.#newest = piece;
  }

  /** Pieces that have become next move up. Where the stream now ends, and whether a FIN was reached. */
  close(next: number): { readonly next: number; readonly fin: boolean } {
    let reached = next;
    let fin = false;
    while (this.#pieces[0] !== undefined && !after(this.#pieces[0].sequence, reached) && !fin) {
      const piece = this.#pieces[0];
      this.#pieces.shift();
      this.#waitingLength -= piece.bytes.length;
      if (!after(endOf(piece), reached)) continue;
      this.append(piece.bytes.subarray(distance(piece.sequence, reached)));
      reached = endOf(piece);
      fin = piece.fin;
    }
    if (fin) this.forget();
    return { next: reached, fin };
  }

  /** Up to `limit` blocks, the one that changed last first (RFC 2018 §4). */
  sackBlocks(limit: number): SackBlock[] {
    const blocks: { left: number; right: number }[] = [];
    for (const piece of this.#pieces) {
      const last = blocks.at(-1);
      const end = endOf(piece);
      if (last === undefined || after(piece.sequence, last.right)) blocks.push({ left: piece.sequence, right: end });
      else if (after(end, last.right)) last.right = end;
    }
    const newest = this.#newest;
    if (newest === undefined) return blocks.slice(0, limit);
    const first = (block: SackBlock): boolean =>
      !before(newest.sequence, block.left) && before(newest.sequence, block.right);
    return [...blocks.filter(first), ...blocks.filter((block) => !first(block))].slice(0, limit);
  }

  /** At most `limit` octets, now the application's. */
  read(limit: number): Uint8Array {
    if (limit >= this.#readyLength) {
      const all = this.#ready.length === 1 ? (this.#ready[0] ?? new Uint8Array()) : concatBytes(this.#ready);
      this.#ready = [];
      this.#readyLength = 0;
      return all;
    }
    const all = concatBytes(this.#ready);
    this.#ready = [all.subarray(limit)];
    this.#readyLength -= limit;
    return all.slice(0, limit);
  }

  /** Behind the stream's end nothing is waited for. */
  forget(): void {
    this.#pieces = [];
    this.#waitingLength = 0;
    this.#newest = undefined;
  }
}
