/**
 * Changes that wait to be told to a neighbour, put together into UPDATEs: withdrawals first, then prefixes with the
 * same attributes in one message (proto/bgp/attrs.c: buckets; packets.c: bgp_create_update()).
 */

import {
  BGP_HEADER_LENGTH,
  BGP_MAX_EXTENDED_MESSAGE_LENGTH,
  BGP_MAX_MESSAGE_LENGTH,
  type BgpPrefix,
  encodeBgpUpdate,
  encodeEndOfRib,
  prefixSize,
} from '../../packet/index.js';
import type { Net } from '../address.js';
import type { Attributes } from '../rib/attributes.js';
import { encodeAttributes, encodeReach6, encodeUnreach6, type WireForm } from './wire.js';

interface Waiting {
  readonly prefix: BgpPrefix;
  /** Undefined withdraws it. */
  readonly attributes: Attributes | undefined;
}

/** Octets of a message that are no prefix and no attribute. */
const OVERHEAD = BGP_HEADER_LENGTH + 4;

const keyOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

interface Bucket {
  readonly attributes: Attributes;
  readonly bytes: Uint8Array;
  readonly prefixes: BgpPrefix[];
}

export class UpdateQueue {
  form: WireForm;
  extendedMessages = false;
  readonly #waiting = new Map<string, Waiting>();
  #buckets: Bucket[] = [];
  #withdrawn: BgpPrefix[] = [];

  constructor(form: WireForm) {
    this.form = form;
  }

  get empty(): boolean {
    return this.#waiting.size === 0 && this.#buckets.length === 0 && this.#withdrawn.length === 0;
  }

  /** A later word on a prefix takes the place of an earlier one that was not sent yet. */
  push(net: Net, pathId: number, attributes: Attributes | undefined): void {
    const { addPath } = this.form;
    const prefix: BgpPrefix = addPath
      ? { addr: net.addr, length: net.length, pathId }
      : { addr: net.addr, length: net.length };
    const key = `${net.key}|${addPath ? pathId : 0}`;
    this.#waiting.delete(key);
    this.#waiting.set(key, { prefix, attributes });
  }

  clear(): void {
    this.#waiting.clear();
    this.#buckets = [];
    this.#withdrawn = [];
  }

  #sort(): void {
    const buckets = new Map<string, Bucket>();
    for (const { prefix, attributes } of this.#waiting.values()) {
      if (attributes === undefined) {
        this.#withdrawn.push(prefix);
        continue;
      }
      const bytes = encodeAttributes(attributes, this.form);
      const hop =
        this.form.family === 'ipv6' ? `${String(attributes.nextHop)}|${String(attributes.linkLocalNextHop)}` : '';
      const key = `${hop}${keyOf(bytes)}`;
      const bucket = buckets.get(key);
      if (bucket === undefined) buckets.set(key, { attributes, bytes, prefixes: [prefix] });
      else bucket.prefixes.push(prefix);
    }
    this.#waiting.clear();
    this.#buckets = [...buckets.values()];
  }

  /** As many prefixes as fit behind `used` octets, taken from the list. */
  #fit(prefixes: BgpPrefix[], used: number): BgpPrefix[] {
    const limit = this.extendedMessages ? BGP_MAX_EXTENDED_MESSAGE_LENGTH : BGP_MAX_MESSAGE_LENGTH;
    let room = limit - OVERHEAD - used;
    let count = 0;
    for (const prefix of prefixes) {
      room -= prefixSize(prefix, this.form.addPath);
      if (room < 0) break;
      count += 1;
    }
    return prefixes.splice(0, count);
  }

  /** The next message; undefined where nothing waits. */
  next(): Uint8Array | undefined {
    if (this.#buckets.length === 0 && this.#withdrawn.length === 0) this.#sort();
    if (this.#withdrawn.length > 0) return this.#nextWithdrawal();
    for (;;) {
      const [bucket] = this.#buckets;
      if (bucket === undefined) return undefined;
      if (bucket.prefixes.length > 0) {
        const message = this.#nextAnnouncement(bucket);
        if (message !== undefined) return message;
      }
      this.#buckets.shift();
    }
  }

  #nextWithdrawal(): Uint8Array {
    const { addPath, family } = this.form;
    if (family === 'ipv4') return encodeBgpUpdate({ withdrawn: this.#fit(this.#withdrawn, 0), addPath });
    return encodeBgpUpdate({ attributes: encodeUnreach6(this.#fit(this.#withdrawn, 16), this.form) });
  }

  /** Undefined where the attributes alone do not fit. */
  #nextAnnouncement({ attributes, bytes, prefixes }: Bucket): Uint8Array | undefined {
    const { addPath, family } = this.form;
    const nlri = this.#fit(prefixes, bytes.length + (family === 'ipv6' ? 48 : 0));
    if (nlri.length === 0) return undefined;
    if (family === 'ipv4') return encodeBgpUpdate({ attributes: bytes, nlri, addPath });
    const reach = encodeReach6(attributes, nlri, this.form);
    const all = new Uint8Array(bytes.length + reach.length);
    all.set(bytes);
    all.set(reach, bytes.length);
    return encodeBgpUpdate({ attributes: all });
  }

  /** RFC 4724 §2, for that family. */
  endOfRib(): Uint8Array {
    return this.form.family === 'ipv4'
      ? encodeEndOfRib()
      : encodeBgpUpdate({ attributes: encodeUnreach6([], this.form) });
  }
}
