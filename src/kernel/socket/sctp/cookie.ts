/**
 * The state cookie: all that a listener would have to remember of an INIT, signed and given to the peer
 * (RFC 9260 §5.1.3; net/sctp/sm_make_chunk.c:sctp_pack_cookie(), sctp_unpack_cookie()). Its form is nobody's business but
 * the kernel's own; this is struct sctp_signed_cookie as it lies in memory on x86-64, least significant octets first:
 *
 *     0 signature, 32 octets    36 struct sctp_cookie, 144 octets, the peer's INIT in it from 140 on; addresses; padding
 */

import { createHmac } from 'node:crypto';
import { bytesEqual, bytesOf, ipv4, type Ipv4Addr, SCTP_CHUNK, SCTP_PARAMETER, viewOf } from '../../../packet/index.js';
import { addressParameters, INIT_LENGTH } from './chunks.js';
import { type BadInit, readInit, type ReceivedInit } from './init.js';

const SIGNATURE_LENGTH = 32;
/** The signature, and four octets that bring what follows to a multiple of eight. */
const BODY = 36;
const COOKIE_LENGTH = 144;
/** SCTP_COOKIE_MULTIPLE. */
const MULTIPLE = 32;

// Offsets in struct sctp_cookie.
const LOCAL_TAG = 0;
const REMOTE_TAG = 4;
const LOCAL_TIE_TAG = 8;
const REMOTE_TIE_TAG = 12;
const EXPIRATION = 16;
const OUTBOUND_STREAMS = 24;
const INBOUND_STREAMS = 26;
const INITIAL_TSN = 28;
const PEER_FAMILY = 32;
const PEER_PORT = 34;
const PEER_ADDRESS = 36;
const LOCAL_PORT = 60;
const FORWARD_TSN = 62;
const AUTH_RANDOM = 68;
const ADDRESSES_LENGTH = 136;
const PEER_INIT = 140;

const AF_INET = 2;
const AUTH_RANDOM_TYPE = 0x8002;
const AUTH_RANDOM_LENGTH = 36;

/** What it remembers of both ends. */
export interface CookieFields {
  readonly localTag: number;
  readonly remoteTag: number;
  /** Tags of an association that was there already: it may have started anew (RFC 9260 §5.2.4). */
  readonly localTieTag: number;
  readonly remoteTieTag: number;
  readonly expiresNs: number;
  readonly outboundStreams: number;
  readonly inboundStreams: number;
  readonly initialTsn: number;
  readonly remoteAddress: Ipv4Addr;
  readonly remotePort: number;
  readonly localPort: number;
  readonly forwardTsn: boolean;
}

export interface Cookie extends CookieFields {
  readonly init: ReceivedInit;
  /** Addresses that the INIT ACK has listed; none where it listed none. */
  readonly addresses: readonly Ipv4Addr[];
}

/** A key of each listener; who does not listen signs nothing (sctp_sk(sk)->hmac is NULL). */
export type CookieKey = Uint8Array | undefined;

const digest = (key: Uint8Array, body: Uint8Array): Uint8Array => {
  const signature = new Uint8Array(SIGNATURE_LENGTH);
  signature.set(createHmac('sha1', key).update(body).digest());
  return signature;
};

export interface CookieSource {
  readonly fields: CookieFields;
  /** The peer's INIT chunk, header included. */
  readonly init: Uint8Array;
  readonly addresses: readonly Ipv4Addr[];
  /** SCTP-AUTH's random number, which is there though nobody uses it. */
  readonly random: () => number;
}

export function packCookie(key: CookieKey, { fields, init, addresses, random }: CookieSource): Uint8Array {
  const raw = addressParameters(addresses);
  const length = COOKIE_LENGTH + init.length + raw.length;
  const cookie = new Uint8Array(BODY + Math.ceil(length / MULTIPLE) * MULTIPLE);
  const body = cookie.subarray(BODY);
  const view = viewOf(body);
  view.setUint32(LOCAL_TAG, fields.localTag, true);
  view.setUint32(REMOTE_TAG, fields.remoteTag, true);
  view.setUint32(LOCAL_TIE_TAG, fields.localTieTag, true);
  view.setUint32(REMOTE_TIE_TAG, fields.remoteTieTag, true);
  view.setBigInt64(EXPIRATION, BigInt(Math.round(fields.expiresNs)), true);
  view.setUint16(OUTBOUND_STREAMS, fields.outboundStreams, true);
  view.setUint16(INBOUND_STREAMS, fields.inboundStreams, true);
  view.setUint32(INITIAL_TSN, fields.initialTsn, true);
  view.setUint16(PEER_FAMILY, AF_INET, true);
  view.setUint16(PEER_PORT, fields.remotePort);
  view.setInt32(PEER_ADDRESS, fields.remoteAddress);
  view.setUint16(LOCAL_PORT, fields.localPort, true);
  view.setUint8(FORWARD_TSN, fields.forwardTsn ? 1 : 0);
  view.setUint16(AUTH_RANDOM, AUTH_RANDOM_TYPE);
  view.setUint16(AUTH_RANDOM + 2, AUTH_RANDOM_LENGTH);
  for (let at = 4; at < AUTH_RANDOM_LENGTH; at += 4) view.setUint32(AUTH_RANDOM + at, random());
  view.setUint32(ADDRESSES_LENGTH, raw.length, true);
  body.set(init, PEER_INIT);
  body.set(raw, PEER_INIT + init.length);
  if (key !== undefined) cookie.set(digest(key, body));
  return cookie;
}

/** Its INIT was good when it came: only who signs nothing has to ask again. */
const isGood = (init: ReceivedInit | BadInit): init is ReceivedInit => !('causes' in init);

/** The cookie, where it is one of ours and whole. */
export function unpackCookie(key: CookieKey, bytes: Uint8Array): Cookie | undefined {
  const bodyLength = bytes.length - BODY;
  if (bodyLength < COOKIE_LENGTH || bodyLength % MULTIPLE !== 0) return undefined;
  const body = bytes.subarray(BODY);
  if (key !== undefined && !bytesEqual(digest(key, body), bytes.subarray(0, SIGNATURE_LENGTH))) return undefined;
  const view = viewOf(body);
  const initLength = view.getUint16(PEER_INIT + 2);
  const rawLength = view.getUint32(ADDRESSES_LENGTH, true);
  if (view.getUint8(PEER_INIT) !== SCTP_CHUNK.init || initLength < INIT_LENGTH) return undefined;
  if (PEER_INIT + initLength + rawLength > bodyLength) return undefined;
  const init = readInit(view, PEER_INIT, initLength);
  if (!isGood(init)) return undefined;
  return { ...readFields(view), init, addresses: readAddresses(view, PEER_INIT + initLength, rawLength) };
}

const readFields = (view: DataView): CookieFields => ({
  localTag: view.getUint32(LOCAL_TAG, true),
  remoteTag: view.getUint32(REMOTE_TAG, true),
  localTieTag: view.getUint32(LOCAL_TIE_TAG, true),
  remoteTieTag: view.getUint32(REMOTE_TIE_TAG, true),
  expiresNs: Number(view.getBigInt64(EXPIRATION, true)),
  outboundStreams: view.getUint16(OUTBOUND_STREAMS, true),
  inboundStreams: view.getUint16(INBOUND_STREAMS, true),
  initialTsn: view.getUint32(INITIAL_TSN, true),
  remoteAddress: ipv4(view.getInt32(PEER_ADDRESS)),
  remotePort: view.getUint16(PEER_PORT),
  localPort: view.getUint16(LOCAL_PORT, true),
  forwardTsn: view.getUint8(FORWARD_TSN) !== 0,
});

function readAddresses(view: DataView, offset: number, length: number): readonly Ipv4Addr[] {
  const addresses: Ipv4Addr[] = [];
  for (let at = offset; at + 8 <= offset + length; at += 8)
    if (view.getUint16(at) === SCTP_PARAMETER.ipv4Address) addresses.push(ipv4(view.getInt32(at + 4)));
  return addresses;
}

/** The peer's INIT chunk, header included, copied. */
export const initBytes = (view: DataView, { offset, length }: { offset: number; length: number }): Uint8Array =>
  bytesOf(view, offset, offset + length).slice();
