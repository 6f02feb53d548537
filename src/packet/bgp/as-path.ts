/** AS_PATH and AS4_PATH (RFC 4271 §5.1.2, RFC 5065, RFC 6793): segments of AS numbers. */

import { octet, viewOf } from '../bytes.js';
import { ByteWriter } from './byte-writer.js';
import { AS_TRANS } from './constants.js';

export type AsPathSegmentKind = 'set' | 'sequence' | 'confed-sequence' | 'confed-set';

export interface AsPathSegment {
  readonly kind: AsPathSegmentKind;
  readonly asns: readonly number[];
}

export type AsPath = readonly AsPathSegment[];

const KINDS: readonly (AsPathSegmentKind | undefined)[] = [
  undefined,
  'set',
  'sequence',
  'confed-sequence',
  'confed-set',
];

/** A segment holds at most as many. */
export const AS_PATH_SEGMENT_MAX = 255;

/** `size` is 4 where both ends speak four-octet numbers, else 2, and larger numbers become AS_TRANS. */
export function encodeAsPath(path: AsPath, size: 2 | 4): Uint8Array {
  const writer = new ByteWriter(64);
  for (const { kind, asns } of path) {
    for (let from = 0; from === 0 || from < asns.length; from += AS_PATH_SEGMENT_MAX) {
      const part = asns.slice(from, from + AS_PATH_SEGMENT_MAX);
      writer.u8(KINDS.indexOf(kind)).u8(part.length);
      for (const as of part) {
        if (size === 4) writer.u32(as);
        else writer.u16(as > 0xffff ? AS_TRANS : as);
      }
    }
  }
  return writer.bytes;
}

/** The segments; undefined where a segment is cut short or of no known kind. Empty segments are left out. */
export function parseAsPath(bytes: Uint8Array, size: 2 | 4): AsPath | undefined {
  const view = viewOf(bytes);
  const path: AsPathSegment[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < 2) return undefined;
    const kind = KINDS[octet(bytes, at)];
    const count = octet(bytes, at + 1);
    const end = at + 2 + count * size;
    if (kind === undefined || end > bytes.length) return undefined;
    const asns: number[] = [];
    for (let i = at + 2; i < end; i += size) asns.push(size === 4 ? view.getUint32(i) : view.getUint16(i));
    if (count > 0) path.push({ kind, asns });
    at = end;
  }
  return path;
}

/** RFC 4271 §9.1.2.2 a: a set counts one; confederation segments count nothing (RFC 5065 §5.3). */
export function asPathLength(path: AsPath): number {
  let length = 0;
  for (const { kind, asns } of path) {
    if (kind === 'sequence') length += asns.length;
    else if (kind === 'set') length += 1;
  }
  return length;
}

/** How often that number stands in the path. */
export function asPathCount(path: AsPath, as: number): number {
  let count = 0;
  for (const { asns } of path) for (const each of asns) if (each === as) count += 1;
  return count;
}

/** RFC 4271 §5.1.2 b: the number becomes the first of a leading sequence. */
export function asPathPrepend(path: AsPath, as: number): AsPath {
  const [first, ...rest] = path;
  if (first?.kind === 'sequence' && first.asns.length < AS_PATH_SEGMENT_MAX) {
    return [{ kind: 'sequence', asns: [as, ...first.asns] }, ...rest];
  }
  return [{ kind: 'sequence', asns: [as] }, ...path];
}

/** The neighbouring AS: first of a leading sequence; undefined where the path is empty or begins with a set. */
export function asPathFirst(path: AsPath): number | undefined {
  const [first] = path;
  return first?.kind === 'sequence' ? first.asns[0] : undefined;
}

/** The originating AS: last of a closing sequence. */
export function asPathLast(path: AsPath): number | undefined {
  const last = path.at(-1);
  return last?.kind === 'sequence' ? last.asns.at(-1) : undefined;
}

/** The last number before the first set: the AS that did the aggregation. */
export function asPathLastNonAggregated(path: AsPath): number | undefined {
  let last: number | undefined;
  for (const { kind, asns } of path) {
    if (kind === 'set' || kind === 'confed-set') break;
    if (kind === 'sequence') last = asns.at(-1);
  }
  return last;
}

export const asPathHasFourOctets = (path: AsPath): boolean => path.some(({ asns }) => asns.some((as) => as > 0xffff));

/** `65001 { 65002 65003 } 65004`. */
export const formatAsPath = (path: AsPath): string =>
  path
    .map(({ kind, asns }) => {
      const list = asns.join(' ');
      if (kind === 'sequence') return list;
      if (kind === 'set') return `{ ${list} }`;
      return kind === 'confed-sequence' ? `( ${list} )` : `({ ${list} })`;
    })
    .join(' ');
