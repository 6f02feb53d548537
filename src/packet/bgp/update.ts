/** BGP UPDATE (RFC 4271 §4.3): withdrawn prefixes, path attributes, prefixes that have them. */

import { viewOf } from '../bytes.js';
import { ByteWriter } from './byte-writer.js';
import { AFI, BGP_ERROR, BGP_MESSAGE } from './constants.js';
import { type BgpProblem, bgpProblem, encodeBgpMessage } from './message.js';
import { type RawBgpAttribute, splitAttributes } from './path-attributes.js';
import { type BgpPrefix, type PrefixProblem, readPrefixes, writePrefix } from './prefixes.js';

export interface BgpUpdate {
  readonly withdrawn: readonly BgpPrefix[];
  readonly attributes: readonly RawBgpAttribute[];
  /** Octets of all attributes together. */
  readonly attributesLength: number;
  readonly nlri: readonly BgpPrefix[];
  /** Prefixes that cannot be read; those before it are here. */
  readonly withdrawnProblem?: PrefixProblem;
  readonly nlriProblem?: PrefixProblem;
}

export interface BgpUpdateParts {
  readonly withdrawn?: readonly BgpPrefix[];
  /** The attributes as `writeAttribute` makes them. */
  readonly attributes?: Uint8Array;
  readonly nlri?: readonly BgpPrefix[];
  readonly addPath?: boolean;
}

export function encodeBgpUpdate(parts: BgpUpdateParts): Uint8Array {
  const addPath = parts.addPath ?? false;
  const attributes = parts.attributes ?? new Uint8Array();
  const body = new ByteWriter().u16(0);
  for (const prefix of parts.withdrawn ?? []) writePrefix(body, prefix, addPath);
  body.patch16(0, body.length - 2);
  body.u16(attributes.length).write(attributes);
  for (const prefix of parts.nlri ?? []) writePrefix(body, prefix, addPath);
  return encodeBgpMessage(BGP_MESSAGE.update, body.bytes);
}

/** The body of an UPDATE, or what is wrong with its frame (RFC 4271 §6.3). */
export function parseBgpUpdate(body: Uint8Array, addPath: boolean): BgpUpdate | BgpProblem {
  const malformed = bgpProblem(BGP_ERROR.updateMessage, 1);
  if (body.length < 4) return malformed;
  const view = viewOf(body);
  const withdrawnEnd = 2 + view.getUint16(0);
  if (withdrawnEnd + 2 > body.length) return malformed;
  const attributesLength = view.getUint16(withdrawnEnd);
  const attributesEnd = withdrawnEnd + 2 + attributesLength;
  if (attributesEnd > body.length) return malformed;
  if (attributesLength === 0 && attributesEnd < body.length) return malformed;
  const attributes = splitAttributes(body.subarray(withdrawnEnd + 2, attributesEnd));
  if (attributes === undefined) return malformed;
  const form = { afi: AFI.ipv4, addPath };
  const withdrawn = readPrefixes(body.subarray(2, withdrawnEnd), form);
  const nlri = readPrefixes(body.subarray(attributesEnd), form);
  return {
    withdrawn: withdrawn.prefixes,
    attributes,
    attributesLength,
    nlri: nlri.prefixes,
    ...(withdrawn.problem === undefined ? {} : { withdrawnProblem: withdrawn.problem }),
    ...(nlri.problem === undefined ? {} : { nlriProblem: nlri.problem }),
  };
}

/** RFC 4724 §2: no withdrawn prefix, no attribute, no prefix. */
export const encodeEndOfRib = (): Uint8Array => encodeBgpUpdate({});
