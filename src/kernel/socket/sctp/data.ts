/** DATA and SACK (sctp_sf_eat_data_6_2(), sctp_eat_data(), sctp_sf_eat_sack_6_2(), sctp_outq_sack()). */

import { SCTP_CAUSE, SCTP_CHUNK, SCTP_CHUNK_HEADER_LENGTH, type SctpChunk } from '../../../packet/index.js';
import type { Association } from './association.js';
import { DATA_HEADER_LENGTH, SACK_LENGTH, abortChunk, parameter, plainChunk } from './chunks.js';
import { acknowledgeShutdown, startShutdown, flush } from './output.js';
import type { SctpPacket } from './packet.js';
import { startTimer, stopTimer } from './timers.js';
import { tsnAfter, tsnPlus } from './tsn.js';

/** Octets of a DATA chunk's header behind the chunk header. */
const PAYLOAD = DATA_HEADER_LENGTH - SCTP_CHUNK_HEADER_LENGTH;

export function receiveData(asoc: Association, packet: SctpPacket, chunk: SctpChunk): void {
  if (!packet.isWhole(chunk, DATA_HEADER_LENGTH)) return;
  const value = packet.valueOf(chunk);
  const at = chunk.offset + SCTP_CHUNK_HEADER_LENGTH;
  const tsn = packet.view.getUint32(at);
  const { received } = asoc;
  const seen = received.check(tsn);
  if (seen === 'too-far') return;
  if (seen === 'duplicate') {
    received.noteDuplicate(tsn);
    asoc.sackNeeded = true;
    return;
  }
  if (chunk.length === DATA_HEADER_LENGTH) {
    refuseEmpty(asoc, value.slice(0, 4));
    return;
  }
  if (value.length - PAYLOAD > asoc.window) {
    asoc.sackNeeded = true;
    return;
  }
  const payload = value.slice(PAYLOAD);
  asoc.unread += payload.length;
  const messages = received.accept({ tsn, flags: chunk.flags, payload });
  if (packet.view.getUint16(at + 4) < asoc.inboundStreams) asoc.events.messages.push(...messages);
  else refuseStream(asoc, value.slice(4, 6), payload.length);
}

/** sctp_make_abort_no_data(). */
function refuseEmpty(asoc: Association, tsn: Uint8Array): void {
  asoc.outgoing.push(abortChunk('own', parameter(SCTP_CAUSE.noUserData, tsn)));
  flush(asoc, 'DATA without data');
  asoc.socket.fail('ECONNABORTED');
}

function refuseStream(asoc: Association, stream: Uint8Array, octets: number): void {
  asoc.unread -= octets;
  const cause = parameter(SCTP_CAUSE.invalidStream, Uint8Array.of(...stream, 0, 0));
  asoc.outgoing.push(plainChunk(SCTP_CHUNK.error, cause));
}

export function receiveSack(asoc: Association, packet: SctpPacket, chunk: SctpChunk): void {
  if (!packet.isWhole(chunk, SACK_LENGTH)) return;
  const { view } = packet;
  const at = chunk.offset + SCTP_CHUNK_HEADER_LENGTH;
  const cumulative = view.getUint32(at);
  const { sending } = asoc;
  if (!tsnAfter(sending.nextTsn, cumulative)) return;
  const oldest = sending.inFlight[0]?.tsn;
  const measured = sending.acknowledge(cumulative, view.getUint32(at + 4), asoc.nowNs);
  const gaps = view.getUint16(at + 8);
  for (let i = 0; i < gaps && SACK_LENGTH + 4 * (i + 1) <= chunk.length; i += 1) {
    const gap = at + 12 + 4 * i;
    sending.acknowledgeGap(tsnPlus(cumulative, view.getUint16(gap)), tsnPlus(cumulative, view.getUint16(gap + 2)));
  }
  if (measured !== undefined) asoc.rto.measure(measured);
  const advanced = sending.inFlight[0]?.tsn !== oldest;
  if (advanced) asoc.errors = 0;
  if (sending.inFlight.length === 0) stopTimer(asoc, 't3-rtx');
  else if (advanced) startTimer(asoc, 't3-rtx');
  allAcknowledged(asoc);
}

/** SCTP_EVENT_NO_PENDING_TSN: a shutdown that waited for it begins, or is agreed to. */
function allAcknowledged(asoc: Association): void {
  if (!asoc.sending.isEmpty) return;
  if (asoc.state === 'SHUTDOWN_PENDING') startShutdown(asoc);
  else if (asoc.state === 'SHUTDOWN_RECEIVED') acknowledgeShutdown(asoc);
}
