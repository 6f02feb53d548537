/** CBOR (RFC 8949) that any reader reads: no private tags, no structures that are shared between messages. */

import { Decoder, Encoder } from 'cbor-x';
import { requireWellFormed } from './well-formed-cbor.js';

const OPTIONS = { useRecords: false, tagUint8Array: false, mapsAsObjects: true } as const;

/** An array of its own: the encoder's is a part of a larger one that is used again. */
export const encodeCbor = (value: unknown): Uint8Array => new Uint8Array(new Encoder(OPTIONS).encode(value));

/** @throws Error for bytes that are no CBOR, more than one item, or more than they can be meant to be */
export function decodeCbor(bytes: Uint8Array): unknown {
  requireWellFormed(bytes);
  return new Decoder(OPTIONS).decode(bytes);
}
