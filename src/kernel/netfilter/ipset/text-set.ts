/**
 * Sets whose elements are only kept as text: those of family inet6, which no IPv4 packet is ever in, and
 * types that are not modelled, of which nobody knows what is in them.
 */

import type { Cause } from '../../../trace/index.js';
import type { SetOptions } from './create-options.js';
import { fail } from './errors.js';
import type { ElementArgument, Ipset } from './set.js';
import type { SetType } from './types.js';

export class TextSet implements Ipset {
  readonly type: SetType;
  readonly options: SetOptions;
  readonly header: string;
  readonly modelled: boolean;
  because: readonly Cause[];
  /** Element to the extensions after it, as given. */
  readonly #elements = new Map<string, string>();

  constructor(
    type: SetType,
    options: SetOptions,
    more: { header: string; modelled: boolean; because: readonly Cause[] },
  ) {
    this.type = type;
    this.options = options;
    this.header = more.header;
    this.modelled = more.modelled;
    this.because = more.because;
  }

  get size(): number {
    return this.#elements.size;
  }

  get memory(): number {
    return 208 + 64 * this.#elements.size;
  }

  add({ text, extensions, exist }: ElementArgument): void {
    if (this.#elements.has(text) && !exist) fail('elementExists');
    const words: string[] = [];
    if (extensions.timeoutS !== undefined) words.push(`timeout ${extensions.timeoutS}`);
    if (extensions.nomatch === true) words.push('nomatch');
    if (extensions.packets !== undefined) words.push(`packets ${extensions.packets}`);
    if (extensions.bytes !== undefined) words.push(`bytes ${extensions.bytes}`);
    if (extensions.comment !== undefined) words.push(`comment "${extensions.comment}"`);
    if (extensions.skbinfo !== undefined) words.push(extensions.skbinfo);
    this.#elements.set(text, words.map((word) => ` ${word}`).join(''));
  }

  delete({ text, exist }: ElementArgument): void {
    if (!this.#elements.delete(text) && !exist) fail('elementMissing');
  }

  test({ text }: ElementArgument): boolean {
    return this.#elements.has(text);
  }

  flush(): void {
    this.#elements.clear();
  }

  members(): string[] {
    return [...this.#elements].map(([text, extensions]) => text + extensions).sort();
  }

  matches(): boolean {
    return false;
  }

  addPacket(): boolean {
    return false;
  }

  deletePacket(): boolean {
    return false;
  }
}
