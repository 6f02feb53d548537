/** Prefixes as UPDATE carries them (RFC 4271 §4.3, RFC 7911 §3): [path identifier,] length in bits, octets. */

import { octet, viewOf } from '../bytes.js';
import { type Ipv4Addr, type Ipv6Addr, ipv4, ipv4Network } from '../ip.js';
import type { ByteWriter } from './byte-writer.js';
import { AFI } from './constants.js';

export interface BgpPrefix {
  readonly addr: Ipv4Addr | Ipv6Addr;
  readonly length: number;
  /** RFC 7911: only where the session has add-path. */
  readonly pathId?: number;
}

export interface PrefixForm {
  readonly afi: number;
  readonly addPath: boolean;
}

/** A prefix longer than its family allows is told from one that is cut short. */
export type PrefixProblem = 'length' | 'short';

const wordsOf = (addr: Ipv4Addr | Ipv6Addr): readonly number[] => (typeof addr === 'number' ? [addr] : addr);

export function writePrefix(writer: ByteWriter, prefix: BgpPrefix, addPath: boolean): void {
  if (addPath) writer.u32(prefix.pathId ?? 0);
  writer.u8(prefix.length);
  const words = wordsOf(prefix.addr);
  const count = (prefix.length + 7) >>> 3;
  for (let i = 0; i < count; i++) writer.u8(((words[i >>> 2] ?? 0) >>> (24 - 8 * (i & 3))) & 0xff);
}

/** Octets that a prefix takes. */
export const prefixSize = (prefix: BgpPrefix, addPath: boolean): number =>
  (addPath ? 4 : 0) + 1 + ((prefix.length + 7) >>> 3);

function readAddress(
  bytes: Uint8Array,
  at: number,
  form: { readonly bits: number; readonly length: number },
): number[] {
  const words = Array.from({ length: form.bits / 32 }, () => 0);
  const count = (form.length + 7) >>> 3;
  for (let i = 0; i < count; i++) {
    words[i >>> 2] = (words[i >>> 2] ?? 0) | (octet(bytes, at + i) << (24 - 8 * (i & 3)));
  }
  return words.map((word, i) => ipv4Network(ipv4(word), Math.max(0, Math.min(32, form.length - 32 * i))));
}

/** All prefixes of a field, bits beyond their length cleared. What was read before a problem is kept. */
export function readPrefixes(
  bytes: Uint8Array,
  form: PrefixForm,
): { readonly prefixes: readonly BgpPrefix[]; readonly problem?: PrefixProblem } {
  const bits = form.afi === AFI.ipv6 ? 128 : 32;
  const view = viewOf(bytes);
  const prefixes: BgpPrefix[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (form.addPath && bytes.length - at < 5) return { prefixes, problem: 'short' };
    const pathId = form.addPath ? view.getUint32(at) : undefined;
    if (form.addPath) at += 4;
    const length = octet(bytes, at);
    at += 1;
    if (length > bits) return { prefixes, problem: 'length' };
    const count = (length + 7) >>> 3;
    if (bytes.length - at < count) return { prefixes, problem: 'short' };
    const words = readAddress(bytes, at, { bits, length });
    const [a = 0, b = 0, c = 0, d = 0] = words;
    const addr: Ipv4Addr | Ipv6Addr = bits === 32 ? ipv4(a) : [a, b, c, d];
    prefixes.push(pathId === undefined ? { addr, length } : { addr, length, pathId });
    at += count;
  }
  return { prefixes };
}
