/** Where SCTP's chunks have what hosts draw: tags, TSNs, and the parts of the state cookie (struct sctp_signed_cookie). */

import {
  ETHERNET_HEADER_LENGTH,
  fromHex,
  IP_PROTOCOL,
  Ipv4,
  IPV4_HEADER_LENGTH,
  Sctp,
  SCTP_CHUNK,
  SCTP_CHUNK_HEADER_LENGTH,
  SCTP_PARAMETER,
  type SctpChunk,
  sctpParameters,
  viewOf,
} from '../../../src/packet/index.js';
import type { KernelCase, RunRecord } from './record.js';

const INIT_LENGTH = 20;
/** Ahead of struct sctp_cookie: signature and four octets. */
const BODY = 36;
const COPY_OF_INIT = BODY + 140;

/** Offsets in a cookie. */
export const COOKIE_FIELDS = {
  /** HMAC-SHA-1 with a key of the socket; expiry; SCTP-AUTH's random number behind its header. */
  drawn: [
    [0, 20],
    [BODY + 16, BODY + 24],
    [BODY + 72, BODY + 104],
  ],
  /** Both tags, and both tie-tags. */
  tags: [BODY, BODY + 4, BODY + 8, BODY + 12],
  tsn: BODY + 28,
  peerPort: BODY + 34,
  initTag: COPY_OF_INIT + 4,
  initTsn: COPY_OF_INIT + 16,
} as const;

const COOKIE_LEAST = COPY_OF_INIT + INIT_LENGTH;

/** The cookie of an INIT ACK or a COOKIE ECHO. */
export function cookieAt(view: DataView, { type, offset, length, malformed }: SctpChunk): number | undefined {
  const end = offset + length;
  if (malformed) return undefined;
  if (type === SCTP_CHUNK.cookieEcho) return length >= COOKIE_LEAST ? offset + SCTP_CHUNK_HEADER_LENGTH : undefined;
  if (type !== SCTP_CHUNK.initAck) return undefined;
  for (const found of sctpParameters(view, offset + INIT_LENGTH, end))
    if (found.type === SCTP_PARAMETER.stateCookie && found.length >= COOKIE_LEAST) return found.offset + 4;
  return undefined;
}

/** The TSNs of a chunk. */
export function tsnsOf({ type, offset, malformed }: SctpChunk): readonly number[] {
  if (malformed) return [];
  switch (type) {
    case SCTP_CHUNK.init:
    case SCTP_CHUNK.initAck:
      return [offset + 16];
    case SCTP_CHUNK.data:
    case SCTP_CHUNK.sack:
    case SCTP_CHUNK.shutdown:
      return [offset + 4];
    default:
      return [];
  }
}

/** Tags and initial TSNs of the INITs and INIT ACKs in these frames. */
function namesIn(hex: string, bare: boolean): number[] {
  const bytes = fromHex(hex) ?? new Uint8Array();
  const view = viewOf(bytes);
  const at = bare ? 0 : ETHERNET_HEADER_LENGTH;
  if (at + IPV4_HEADER_LENGTH > bytes.length || view.getUint8(at) >> 4 !== 4) return [];
  const ip = new Ipv4(view, at);
  const sctp = ip.protocol === IP_PROTOCOL.sctp ? Sctp.parse(view, ip.payloadOffset, bytes.length) : undefined;
  if (sctp === undefined) return [];
  return [...sctp.chunks(bytes.length)]
    .filter(({ type, length }) => (type === SCTP_CHUNK.init || type === SCTP_CHUNK.initAck) && length >= INIT_LENGTH)
    .flatMap(({ offset }) => [view.getUint32(offset + 4), view.getUint32(offset + 16)]);
}

/** What the emulator's hosts have drawn: what was injected keeps its name. */
export function drawnTags({ orders }: KernelCase, emulated: RunRecord): ReadonlySet<number> {
  const injected = new Set(orders.flatMap((order) => (order.kind === 'frame' ? namesIn(order.hex, false) : [])));
  const made = emulated.rounds.flatMap(({ frames }) =>
    [...frames.values()].flatMap((of) => of.flatMap(({ hex }) => namesIn(hex, false))),
  );
  return new Set(made.filter((name) => !injected.has(name)));
}
