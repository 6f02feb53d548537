/** What an association sends, and when (net/sctp/outqueue.c:sctp_outq_flush(), net/sctp/output.c). */

import { type Ipv4Addr, SCTP_CHUNK, SCTP_HEADER_LENGTH, type SctpChunkFields } from '../../../packet/index.js';
import type { RouteResult } from '../../fib/types.js';
import type { Association } from './association.js';
import { DATA_HEADER_LENGTH, initChunk, plainChunk, sackChunk, shutdownChunk } from './chunks.js';
import { startTimer, stopTimer } from './timers.js';
import { chunkSize, transmitPacket } from './transmit.js';

const IPV4_HEADER_LENGTH = 20;
const OVERHEAD = IPV4_HEADER_LENGTH + SCTP_HEADER_LENGTH;
/** sackfreq - 1: with one packet unacknowledged, the next is acknowledged at once. */
const SACK_FREQUENCY = 1;

/** Those that share a packet with nobody. */
const ALONE: ReadonlySet<number> = new Set([SCTP_CHUNK.init, SCTP_CHUNK.initAck, SCTP_CHUNK.shutdownComplete]);
/** States in which DATA is sent. */
const SENDING: ReadonlySet<Association['state']> = new Set(['ESTABLISHED', 'SHUTDOWN_PENDING', 'SHUTDOWN_RECEIVED']);

function routeOf(asoc: Association): RouteResult | undefined {
  const { socket } = asoc;
  const route = socket.netns.ipv4.route(socket.flowTo(socket.remoteAddress, socket.remotePort));
  return typeof route === 'string' ? undefined : route;
}

/** sctp_v4_get_dst(): the route's own choice, where that is one of the association's; else the first of those. */
function sourceOf(asoc: Association, route: RouteResult | undefined): Ipv4Addr {
  const { socket, localAddresses } = asoc;
  const chosen = route?.source ?? socket.localAddress;
  return localAddresses.length === 0 || localAddresses.includes(chosen) ? chosen : (localAddresses[0] ?? chosen);
}

function mtuOf(route: RouteResult | undefined): number {
  return route?.mtu ?? 1500;
}

/** sctp_assoc_update_frag_point(): octets of a message in one chunk. */
export const fragmentPoint = (asoc: Association): number => (mtuOf(routeOf(asoc)) - OVERHEAD - DATA_HEADER_LENGTH) & ~3;

interface Sending {
  readonly chunks: readonly SctpChunkFields[];
  readonly route: RouteResult | undefined;
  readonly mayFragment?: boolean;
  readonly note?: string | undefined;
}

function send(asoc: Association, { chunks, route, mayFragment = false, note }: Sending): void {
  const { socket } = asoc;
  // INIT goes without a tag, and an ABORT with the T bit with the peer's own.
  const verificationTag = chunks[0]?.type === SCTP_CHUNK.init ? 0 : asoc.remoteTag;
  if (asoc.identification !== undefined) asoc.identification = (asoc.identification + 1) & 0xffff;
  transmitPacket(socket.netns, {
    source: sourceOf(asoc, route),
    destination: socket.remoteAddress,
    sourcePort: socket.localPort,
    destinationPort: socket.remotePort,
    verificationTag,
    chunks,
    route,
    tos: socket.tos,
    ttl: socket.ttl,
    mark: socket.mark,
    socket,
    identification: asoc.identification,
    mayFragment,
    note,
  });
}

/** Everything that waits, in as few packets as it takes: control first, then DATA. */
export function flush(asoc: Association, note?: string): void {
  const control = asoc.outgoing.splice(0);
  if (control.length === 0 && !mayStillSend(asoc)) return;
  const route = routeOf(asoc);
  const room = mtuOf(route) - OVERHEAD;
  let chunks: SctpChunkFields[] = [];
  const add = (chunk: SctpChunkFields): void => {
    const size = chunks.reduce((sum, one) => sum + chunkSize(one), chunkSize(chunk));
    if (chunks.length > 0 && size > room) {
      send(asoc, { chunks, route, note });
      chunks = [];
    }
    chunks.push(chunk);
  };
  for (const chunk of control) {
    if (ALONE.has(chunk.type)) send(asoc, { chunks: [chunk], route, note });
    else add(chunk);
  }
  if (mayStillSend(asoc)) addData(asoc, add);
  if (chunks.length > 0) send(asoc, { chunks, route, note });
}

const mayStillSend = ({ state, sending }: Association): boolean =>
  SENDING.has(state) && sending.nextLength !== undefined;

/** sctp_packet_can_append_data(), sctp_packet_bundle_sack(): a small piece waits while another is on the way (Nagle). */
function addData(asoc: Association, add: (chunk: SctpChunkFields) => void): void {
  const most = fragmentPoint(asoc);
  for (;;) {
    const length = asoc.sending.nextLength;
    const small = asoc.state === 'ESTABLISHED' && length !== undefined && length < most;
    if (length === undefined || (small && asoc.sending.inFlight.length > 0)) return;
    const chunk = asoc.sending.next(asoc.nowNs);
    if (chunk === undefined) return;
    if (asoc.timers.has('sack')) add(takeSack(asoc));
    add(chunk);
    if (!asoc.timers.has('t3-rtx')) startTimer(asoc, 't3-rtx', asoc.rto.timeoutNs);
  }
}

/** The SACK that is due. */
function takeSack(asoc: Association): SctpChunkFields {
  asoc.sackNeeded = false;
  stopTimer(asoc, 'sack');
  const { received } = asoc;
  return sackChunk({
    cumulativeTsn: received.cumulative,
    window: asoc.window,
    gaps: received.gaps(),
    duplicates: received.takeDuplicates(),
  });
}

/** sctp_gen_sack(): the first packet with DATA is acknowledged at once, then every second, the others in time. */
export function acknowledge(asoc: Association, when: 'now' | 'in-time'): void {
  if (when === 'now' || asoc.received.hasGap) asoc.sackNeeded = true;
  if (asoc.sackNeeded) {
    asoc.sackCount = 0;
    asoc.outgoing.push(takeSack(asoc));
    return;
  }
  asoc.sackCount += 1;
  if (asoc.sackCount >= SACK_FREQUENCY) asoc.sackNeeded = true;
  startTimer(asoc, 'sack');
}

/** sctp_sf_do_prm_asoc(), and each of its repetitions. */
export function queueInit(asoc: Association): void {
  asoc.initSent += 1;
  const fields = {
    tag: asoc.localTag,
    window: asoc.window,
    outboundStreams: asoc.outboundStreams,
    inboundStreams: asoc.inboundStreams,
    tsn: asoc.initialTsn,
  };
  asoc.outgoing.push(initChunk(fields, asoc.localAddresses, asoc.cookieLifeMs));
}

export function queueCookieEcho(asoc: Association): void {
  asoc.initSent += 1;
  asoc.outgoing.push(plainChunk(SCTP_CHUNK.cookieEcho, asoc.cookie));
}

/** sctp_sf_do_9_2_start_shutdown(). */
export function startShutdown(asoc: Association): void {
  asoc.state = 'SHUTDOWN_SENT';
  asoc.outgoing.push(shutdownChunk(asoc.received.cumulative));
  startTimer(asoc, 't2-shutdown', asoc.rto.timeoutNs);
  startTimer(asoc, 't5-shutdown-guard');
}

/** sctp_sf_do_9_2_shutdown_ack(). */
export function acknowledgeShutdown(asoc: Association): void {
  asoc.state = 'SHUTDOWN_ACK_SENT';
  asoc.outgoing.push(plainChunk(SCTP_CHUNK.shutdownAck));
  startTimer(asoc, 't2-shutdown', asoc.rto.timeoutNs);
}

/** sctp_retransmit(): what fits of the oldest, once more; `too-long` where the path has turned out to be narrower. */
export function retransmit(asoc: Association, why: 'timeout' | 'too-long'): void {
  const route = routeOf(asoc);
  const chunks = asoc.sending.retransmit(mtuOf(route) - OVERHEAD, chunkSize);
  if (chunks.length === 0) return;
  const size = chunks.reduce((sum, chunk) => sum + chunkSize(chunk), OVERHEAD);
  startTimer(asoc, 't3-rtx', asoc.rto.timeoutNs);
  const note = why === 'timeout' ? 'not acknowledged in time' : 'once more: the path carries less';
  send(asoc, { chunks, route, note, mayFragment: size > mtuOf(route) });
}
