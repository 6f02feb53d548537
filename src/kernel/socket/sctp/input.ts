/**
 * Packets of an association that is there, chunk by chunk (RFC 9260 §5 to §9; net/sctp/sm_statetable.c and
 * sm_statefuns.c). What a chunk leads to goes out when the whole packet has been dealt with.
 */

import {
  SCTP_CAUSE,
  SCTP_CHUNK,
  SCTP_CHUNK_HEADER_LENGTH,
  SCTP_TAG_REFLECTED,
  type SctpChunk,
  sctpPadded,
  sctpParameters,
} from '../../../packet/index.js';
import type { DropReason } from '../../../trace/index.js';
import type { Association } from './association.js';
import { abortChunk, INIT_LENGTH, parameter, plainChunk, shutdownChunk, shutdownCompleteChunk } from './chunks.js';
import { initBytes } from './cookie.js';
import { receiveData, receiveSack } from './data.js';
import { receiveCookieAgain } from './duplicate-cookie.js';
import { makeInitAck, takeInit } from './establish.js';
import { readInit } from './init.js';
import { answer, outOfTheBlue } from './out-of-the-blue.js';
import { acknowledge, acknowledgeShutdown, queueCookieEcho, queueInit } from './output.js';
import type { SctpPacket } from './packet.js';
import { startTimer, stopTimer } from './timers.js';
import { tsnAfter } from './tsn.js';

/** What is done with the rest of the packet. */
export type Disposition = 'consumed' | 'discard-packet';

type Handler = (asoc: Association, packet: SctpPacket, chunk: SctpChunk) => Disposition;

const OPENING: ReadonlySet<Association['state']> = new Set(['COOKIE_WAIT', 'COOKIE_ECHOED']);

/** sctp_vtag_verify(). */
const hasTag = (asoc: Association, packet: SctpPacket): boolean => packet.verificationTag === asoc.localTag;

/** sctp_vtag_verify_either(): of ABORT and SHUTDOWN COMPLETE. */
function hasEitherTag(asoc: Association, packet: SctpPacket, chunk: SctpChunk): boolean {
  if ((chunk.flags & SCTP_TAG_REFLECTED) === 0) return hasTag(asoc, packet);
  return asoc.remoteTag !== 0 && packet.verificationTag === asoc.remoteTag;
}

/** A handler for packets that carry our tag. */
const tagged =
  (handler: Handler): Handler =>
  (asoc, packet, chunk) =>
    hasTag(asoc, packet) ? handler(asoc, packet, chunk) : 'discard-packet';

const HANDLERS: Readonly<Record<number, Handler>> = {
  [SCTP_CHUNK.data]: tagged(receiveDataChunk),
  [SCTP_CHUNK.init]: receiveInitAgain,
  [SCTP_CHUNK.initAck]: tagged(receiveInitAck),
  [SCTP_CHUNK.sack]: tagged(receiveSackChunk),
  [SCTP_CHUNK.heartbeat]: tagged(receiveHeartbeat),
  [SCTP_CHUNK.heartbeatAck]: tagged(() => 'consumed'),
  [SCTP_CHUNK.abort]: receiveAbort,
  [SCTP_CHUNK.shutdown]: tagged(receiveShutdown),
  [SCTP_CHUNK.shutdownAck]: receiveShutdownAck,
  [SCTP_CHUNK.error]: tagged(receiveError),
  [SCTP_CHUNK.cookieEcho]: receiveCookieAgain,
  [SCTP_CHUNK.cookieAck]: tagged(receiveCookieAck),
  [SCTP_CHUNK.shutdownComplete]: receiveShutdownComplete,
};

/** sctp_assoc_bh_rcv(). */
export function receivePacket(asoc: Association, packet: SctpPacket): DropReason | undefined {
  let dataSeen = false;
  for (const [i, chunk] of packet.chunks.entries()) {
    if (asoc.state === 'CLOSED') return undefined;
    // Differs: dropped without the ABORT that sctp_sf_violation_chunklen() sends.
    if (!packet.isWhole(chunk)) return i === 0 ? 'not-specified' : undefined;
    const handler = HANDLERS[chunk.type] ?? receiveUnknown;
    dataSeen ||= chunk.type === SCTP_CHUNK.data;
    if (handler(asoc, packet, chunk) === 'discard-packet') return i === 0 ? 'not-specified' : undefined;
  }
  if (dataSeen) acknowledgeData(asoc);
  return undefined;
}

/** SCTP_CMD_GEN_SACK at the end of the packet; with a SHUTDOWN sent, that once more (sctp_sf_eat_data_fast_4_4()). */
function acknowledgeData(asoc: Association): void {
  if (asoc.state === 'SHUTDOWN_SENT') {
    asoc.outgoing.push(shutdownChunk(asoc.received.cumulative));
    acknowledge(asoc, 'now');
    startTimer(asoc, 't2-shutdown');
  } else if (asoc.state === 'ESTABLISHED' || asoc.state === 'SHUTDOWN_PENDING') acknowledge(asoc, 'in-time');
}

function receiveDataChunk(asoc: Association, packet: SctpPacket, chunk: SctpChunk): Disposition {
  if (asoc.state === 'ESTABLISHED' || asoc.state === 'SHUTDOWN_PENDING' || asoc.state === 'SHUTDOWN_SENT')
    receiveData(asoc, packet, chunk);
  return 'consumed';
}

function receiveSackChunk(asoc: Association, packet: SctpPacket, chunk: SctpChunk): Disposition {
  if (asoc.state !== 'COOKIE_WAIT' && asoc.state !== 'SHUTDOWN_SENT' && asoc.state !== 'SHUTDOWN_ACK_SENT')
    receiveSack(asoc, packet, chunk);
  return 'consumed';
}

/** sctp_sf_do_5_1C_ack(). */
function receiveInitAck(asoc: Association, packet: SctpPacket, chunk: SctpChunk): Disposition {
  if (asoc.state !== 'COOKIE_WAIT') return 'consumed';
  if (!packet.single || !packet.isWhole(chunk, INIT_LENGTH)) return 'discard-packet';
  const init = readInit(packet.view, chunk.offset, chunk.length);
  const { socket } = asoc;
  if ('causes' in init) {
    const verificationTag = packet.view.getUint32(chunk.offset + SCTP_CHUNK_HEADER_LENGTH);
    const chunks = [abortChunk('own', init.causes)];
    answer(socket.netns, packet, { chunks, verificationTag, note: 'its INIT ACK cannot be taken' });
    socket.fail('ECONNREFUSED');
    return 'consumed';
  }
  // The peer answers from where it likes, and is asked there from now on.
  socket.remoteAddress = packet.source;
  takeInit(asoc, init);
  asoc.cookie = init.cookie;
  asoc.resetInitCounter();
  stopTimer(asoc, 't1-init');
  startTimer(asoc, 't1-cookie');
  asoc.state = 'COOKIE_ECHOED';
  queueCookieEcho(asoc);
  if (init.unrecognized.length > 0) asoc.outgoing.push(plainChunk(SCTP_CHUNK.error, init.unrecognized));
  return 'consumed';
}

/** sctp_sf_do_5_1E_ca(). */
function receiveCookieAck(asoc: Association): Disposition {
  if (asoc.state !== 'COOKIE_ECHOED') return 'consumed';
  asoc.resetInitCounter();
  stopTimer(asoc, 't1-cookie');
  asoc.cookie = undefined;
  asoc.state = 'ESTABLISHED';
  asoc.events.connected = true;
  return 'consumed';
}

/** sctp_sf_do_5_2_1_siminit(), sctp_sf_do_5_2_2_dupinit(): who asks again gets an answer, and nothing changes here. */
function receiveInitAgain(asoc: Association, packet: SctpPacket, chunk: SctpChunk): Disposition {
  if (!packet.single || !packet.isWhole(chunk, INIT_LENGTH) || packet.verificationTag !== 0) return 'discard-packet';
  if (asoc.state === 'SHUTDOWN_ACK_SENT') {
    asoc.outgoing.push(plainChunk(SCTP_CHUNK.shutdownAck)); // sctp_sf_do_9_2_reshutack()
    return 'consumed';
  }
  const init = readInit(packet.view, chunk.offset, chunk.length);
  if ('causes' in init || (!OPENING.has(asoc.state) && init.tag === asoc.remoteTag)) return 'discard-packet';
  const { socket } = asoc;
  const chunks = [
    makeInitAck({
      netns: socket.netns,
      key: undefined,
      init,
      chunk: initBytes(packet.view, chunk),
      remoteAddress: packet.source,
      remotePort: packet.sourcePort,
      localPort: packet.destinationPort,
      addresses: asoc.localAddresses,
      window: asoc.window,
      existing: asoc,
    }),
  ];
  answer(socket.netns, packet, { chunks, verificationTag: init.tag, note: 'asked again' });
  return 'consumed';
}

/** sctp_sf_beat_8_3(). */
function receiveHeartbeat(asoc: Association, packet: SctpPacket, chunk: SctpChunk): Disposition {
  if (!OPENING.has(asoc.state)) asoc.outgoing.push(plainChunk(SCTP_CHUNK.heartbeatAck, packet.valueOf(chunk)));
  return 'consumed';
}

/** sctp_sf_cookie_wait_abort(), sctp_sf_do_9_1_abort(). */
function receiveAbort(asoc: Association, packet: SctpPacket, chunk: SctpChunk): Disposition {
  if (!hasEitherTag(asoc, packet, chunk)) return 'discard-packet';
  asoc.socket.fail(OPENING.has(asoc.state) ? 'ECONNREFUSED' : 'ECONNRESET');
  return 'consumed';
}

/** sctp_sf_do_9_2_shutdown(); while our own is on its way, sctp_sf_do_9_2_shutdown_ack(). */
function receiveShutdown(asoc: Association, packet: SctpPacket, chunk: SctpChunk): Disposition {
  const open = asoc.state === 'ESTABLISHED' || asoc.state === 'SHUTDOWN_PENDING';
  if (asoc.state === 'SHUTDOWN_SENT') {
    acknowledgeShutdown(asoc);
    return 'consumed';
  }
  if (!packet.isWhole(chunk, 8)) return 'discard-packet';
  const cumulative = packet.view.getUint32(chunk.offset + SCTP_CHUNK_HEADER_LENGTH);
  if (!open || !tsnAfter(asoc.sending.nextTsn, cumulative)) return 'consumed';
  if (asoc.state === 'ESTABLISHED') asoc.events.ended = true;
  asoc.state = 'SHUTDOWN_RECEIVED';
  asoc.sending.acknowledge(cumulative, asoc.sending.peerWindow, asoc.nowNs);
  if (asoc.sending.isEmpty) acknowledgeShutdown(asoc);
  return 'consumed';
}

/** sctp_sf_do_9_2_final(); of an association that is only coming to be, sctp_sf_do_8_5_1_E_sa(). */
function receiveShutdownAck(asoc: Association, packet: SctpPacket): Disposition {
  if (OPENING.has(asoc.state)) {
    outOfTheBlue(asoc.socket.netns, packet);
    return 'consumed';
  }
  if (!hasTag(asoc, packet)) return 'discard-packet';
  if (asoc.state !== 'SHUTDOWN_SENT' && asoc.state !== 'SHUTDOWN_ACK_SENT') return 'consumed';
  finish(asoc);
  asoc.outgoing.push(shutdownCompleteChunk('own'));
  return 'consumed';
}

/** sctp_sf_do_4_C(). */
function receiveShutdownComplete(asoc: Association, packet: SctpPacket, chunk: SctpChunk): Disposition {
  if (!hasEitherTag(asoc, packet, chunk)) return 'discard-packet';
  if (asoc.state === 'SHUTDOWN_ACK_SENT') finish(asoc);
  return 'consumed';
}

/** Both ends have finished. */
function finish(asoc: Association): void {
  asoc.socket.forget();
  asoc.events.closed = true;
}

/** sctp_sf_cookie_echoed_err(), sctp_sf_do_5_2_6_stale(): a cookie that has expired is asked for anew, and to live longer. */
function receiveError(asoc: Association, packet: SctpPacket, chunk: SctpChunk): Disposition {
  if (asoc.state !== 'COOKIE_ECHOED') return 'consumed';
  const causes = [...sctpParameters(packet.view, chunk.offset + SCTP_CHUNK_HEADER_LENGTH, chunk.offset + chunk.length)];
  const stale = causes.find(({ type, length }) => type === SCTP_CAUSE.staleCookie && length >= 8);
  if (stale === undefined) return 'discard-packet';
  if (asoc.initErrors + 1 > asoc.socket.netns.sysctl.values['sctp.max_init_retransmits']) {
    asoc.socket.fail('ETIMEDOUT');
    return 'consumed';
  }
  const microseconds = packet.view.getUint32(stale.offset + SCTP_CHUNK_HEADER_LENGTH);
  asoc.cookieLifeMs = Math.floor((microseconds * 2) / 1000);
  asoc.remoteTag = 0;
  asoc.initErrors += 1;
  stopTimer(asoc, 't1-cookie');
  asoc.state = 'COOKIE_WAIT';
  startTimer(asoc, 't1-init');
  queueInit(asoc);
  return 'consumed';
}

/** sctp_sf_unk_chunk(): the two highest bits of the type say what to do. */
function receiveUnknown(asoc: Association, packet: SctpPacket, chunk: SctpChunk): Disposition {
  if (!hasTag(asoc, packet)) return 'discard-packet';
  const told = (chunk.type & 0x40) !== 0;
  if (told) {
    const bytes = initBytes(packet.view, { offset: chunk.offset, length: sctpPadded(chunk.length) });
    asoc.outgoing.push(plainChunk(SCTP_CHUNK.error, parameter(SCTP_CAUSE.unrecognizedChunk, bytes)));
  }
  return (chunk.type & 0x80) === 0 ? 'discard-packet' : 'consumed';
}
