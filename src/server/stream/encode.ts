/**
 * Messages as they go over the websocket. A record is encoded once for all of its readers: a batch is put together of
 * pieces that are encoded already.
 */

import { toHex } from '../../packet/index.js';
import { encodeCbor } from '../session/cbor.js';
import type { BatchMessage } from './messages.js';
import { messageOf, type StreamRecord } from './record.js';

export type Format = 'cbor' | 'json';

type Bytes = Uint8Array<ArrayBuffer>;

const utf8 = new TextEncoder();

/** JSON has no byte strings. */
const jsonValue = (_key: string, value: unknown): unknown => (value instanceof Uint8Array ? toHex(value) : value);

export const encode = (message: object, format: Format): Bytes =>
  format === 'cbor' ? new Uint8Array(encodeCbor(message)) : utf8.encode(JSON.stringify(message, jsonValue));

/** Of a record, as its readers want it. */
export function encodeRecord(
  record: StreamRecord,
  { format, dissection }: { readonly format: Format; readonly dissection: boolean },
): Bytes {
  const key = `${format} ${dissection}`;
  const held = record.encoded.get(key);
  if (held !== undefined) return held;
  const bytes = encode(messageOf(record, { dissection }), format);
  record.encoded.set(key, bytes);
  return bytes;
}

/** RFC 8949 §3: major type 4, an array, with its length in the shortest form. */
function arrayHead(length: number): Uint8Array {
  const MAJOR_ARRAY = 0x80;
  if (length < 24) return Uint8Array.of(MAJOR_ARRAY | length);
  if (length < 256) return Uint8Array.of(MAJOR_ARRAY | 24, length);
  return Uint8Array.of(MAJOR_ARRAY | 25, length >>> 8, length & 0xff);
}

/** Major type 5, a map of five pairs. */
const MAP_OF_FIVE = 0xa5;

function concat(parts: readonly Uint8Array[]): Bytes {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A batch of at most 65,535 messages that are encoded in the same format. */
export function encodeBatch(
  head: Omit<BatchMessage, 'messages'>,
  messages: readonly Uint8Array[],
  format: Format,
): Bytes {
  if (format === 'json') {
    const text = JSON.stringify(head);
    const parts = messages.flatMap((message, i) => (i === 0 ? [message] : [utf8.encode(','), message]));
    return concat([utf8.encode(`${text.slice(0, -1)},"messages":[`), ...parts, utf8.encode(']}')]);
  }
  const pairs = Object.entries(head).flatMap(([name, value]) => [encodeCbor(name), encodeCbor(value)]);
  return concat([
    Uint8Array.of(MAP_OF_FIVE),
    ...pairs,
    encodeCbor('messages'),
    arrayHead(messages.length),
    ...messages,
  ]);
}
