/**
 * What a connection sends (net/ipv4/tcp_output.c). There is no congestion control but after a timeout: else the peer's window
 * alone limits.
 */

import type { Errno } from '../../errors.js';
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, type TcpOptions } from '../../../packet/index.js';
import { NS_PER_MS } from '../../clock.js';
import type { RouteResult } from '../../fib/types.js';
import { MD5_OPTION_LENGTH } from './md5.js';
import type { SentSegment } from './send-queue.js';
import { advance, after, before, distance } from './sequence.js';
import type { Tcb } from './tcb.js';
import { armLossProbe, armProbe, armRetransmit } from './timers.js';
import { transmitSegment } from './transmit.js';

/** net.ipv4.tcp_min_snd_mss. */
const MSS_LEAST = 48;
const MSS_DEFAULT = 536;
const HEADERS = 40;
const TIMESTAMPS_LENGTH = 12;
const OPTIONS_MAXIMUM = 40;

/** Milliseconds, RFC 7323 §5.4. */
export const timestampNow = (tcb: Tcb): number => advance(Math.floor(tcb.nowNs / NS_PER_MS), tcb.timestampOffset);

/** __sk_dst_check() and ip_route_output_ports(): the way there as it is now. */
export function refreshRoute(tcb: Tcb): RouteResult | undefined {
  const { socket } = tcb;
  const route = socket.netns.ipv4.route(socket.flowTo(socket.remoteAddress, socket.remotePort));
  if (typeof route === 'string') return undefined;
  tcb.route = route;
  return route;
}

/** tcp_current_mss(): data octets a segment, from path MTU, what passed of it, the peer's MSS, its window, and our options. */
export function currentMss(tcb: Tcb): number {
  const mtu = tcb.route?.mtu ?? MSS_DEFAULT + HEADERS;
  const beyond = tcb.ipOptions?.octets.length ?? 0;
  const path = Math.max(Math.min(mtu - HEADERS, tcb.mssClamp) - beyond, MSS_LEAST);
  const fits = path - (tcb.timestamps ? TIMESTAMPS_LENGTH : 0) - signatureLength(tcb);
  // tcp_bound_to_half_wnd(): never more than half of what the peer can take, or it could not open its window again
  const { maxWindow } = tcb;
  const half = maxWindow > MSS_DEFAULT ? maxWindow >> 1 : maxWindow;
  const least = half > 0 && fits > half ? Math.max(half, 68 - 20) : fits;
  const bounded = Math.min(least, tcb.searchedMss ?? least);
  const blocks = tcb.sack ? sackBlocks(tcb).length : 0;
  return blocks === 0 ? bounded : bounded - 4 - 8 * blocks;
}

const signatureLength = ({ socket }: Tcb): number => (socket.md5Key === undefined ? 0 : MD5_OPTION_LENGTH);

function sackBlocks(tcb: Tcb): NonNullable<TcpOptions['sack']> {
  if (!tcb.sack || !tcb.received.hasHole) return [];
  const room = OPTIONS_MAXIMUM - (tcb.timestamps ? TIMESTAMPS_LENGTH : 0) - signatureLength(tcb) - 4;
  return tcb.received.sackBlocks(Math.floor(room / 8));
}

/** tcp_established_options(). */
function options(tcb: Tcb): TcpOptions {
  const sack = sackBlocks(tcb);
  return {
    ...(tcb.timestamps ? { timestamps: { value: timestampNow(tcb), echo: tcb.tsRecent } } : {}),
    ...(sack.length === 0 ? {} : { sack }),
  };
}

/** tcp_syn_options(), and tcp_synack_options() where both ends opened at once. */
function synOptions(tcb: Tcb): TcpOptions {
  const { sysctl } = tcb.socket.netns;
  const answer = tcb.state === 'SYN_RECV';
  const signed = tcb.socket.md5Key !== undefined;
  const timestamps = answer ? tcb.timestamps : sysctl.values['ipv4.tcp_timestamps'] !== 0 && !signed;
  const sack = answer ? tcb.sack : sysctl.values['ipv4.tcp_sack'] !== 0;
  const scaling = answer ? tcb.receiveScale !== 0 : sysctl.values['ipv4.tcp_window_scaling'] !== 0;
  return {
    mss: tcb.advertisedMss,
    ...(sack ? { sackPermitted: true } : {}),
    ...(timestamps ? { timestamps: { value: timestampNow(tcb), echo: tcb.tsRecent } } : {}),
    ...(scaling ? { windowScale: tcb.receiveScale } : {}),
  };
}

/** tcp_receive_window(): what is left of the window that was advertised last. */
export const receiveWindow = (tcb: Tcb): number => Math.max(distance(tcb.rcvNxt, advance(tcb.rcvWup, tcb.rcvWnd)), 0);

const roundUp = (value: number, bits: number): number => Math.ceil(value / 2 ** bits) * 2 ** bits;

/** __tcp_select_window(): what could be offered now. Below half the buffer it closes rather than dribbles (RFC 1122 §4.2.3.3). */
export function selectWindow(tcb: Tcb): number {
  const scale = tcb.receiveScale;
  const full = Math.min(tcb.windowClamp, tcb.receiveSpace);
  const mss = Math.min(tcb.receiveMss, full);
  let free = Math.max(tcb.receiveSpace - tcb.received.held, 0);
  if (free < full >> 1) {
    tcb.quickAcks = 0;
    free -= free % 2 ** scale;
    if (free < mss) return 0;
  }
  free = Math.min(free, tcb.rcvSsthresh);
  if (scale > 0) return roundUp(free, scale);
  const window = tcb.rcvWnd;
  return window <= free - mss || window > free ? free - (free % Math.max(mss, 1)) : window;
}

/** tcp_select_window(): never takes back what was offered (RFC 9293 §3.8.6). As on the wire. */
function advertiseWindow(tcb: Tcb): number {
  const current = receiveWindow(tcb);
  let window = selectWindow(tcb);
  if (window < current) {
    if (window === 0) tcb.mib.TcpExtTCPWantZeroWindowAdv += 1;
    window = roundUp(current, tcb.receiveScale);
  }
  window = Math.min(window, 65_535 * 2 ** tcb.receiveScale);
  if (window === 0 && tcb.rcvWnd !== 0) tcb.mib.TcpExtTCPToZeroWindowAdv += 1;
  else if (window !== 0 && tcb.rcvWnd === 0) tcb.mib.TcpExtTCPFromZeroWindowAdv += 1;
  tcb.rcvWnd = window;
  tcb.rcvWup = tcb.rcvNxt;
  return Math.floor(window / 2 ** tcb.receiveScale);
}

interface Emission {
  readonly sequence: number;
  readonly flags: number;
  readonly payload: Uint8Array | undefined;
  readonly note: string | undefined;
}

/** A segment without octets of its own. */
function emitBare(tcb: Tcb, emission: Emission): Errno | undefined {
  tcb.mib.TcpOutSegs += 1;
  return emit(tcb, emission);
}

/** __tcp_transmit_skb(): what every segment of a connection has in common. */
function emit(tcb: Tcb, { sequence, flags, payload, note }: Emission): Errno | undefined {
  const { socket } = tcb;
  const syn = (flags & TCP_SYN) !== 0;
  const acknowledges = (flags & TCP_ACK) !== 0;
  const route = refreshRoute(tcb);
  const window = syn ? Math.min(tcb.rcvWnd, 65_535) : advertiseWindow(tcb);
  if (acknowledges) acknowledgmentSent(tcb);
  const { identification } = tcb;
  tcb.identification = (identification + 1) & 0xffff;
  return transmitSegment(socket.netns, {
    sequence,
    flags,
    payload,
    note,
    source: socket.localAddress,
    destination: socket.remoteAddress,
    sourcePort: socket.localPort,
    destinationPort: socket.remotePort,
    acknowledgment: acknowledges ? tcb.rcvNxt : 0,
    window,
    options: syn ? synOptions(tcb) : options(tcb),
    route,
    tos: socket.tos,
    ttl: socket.ttl,
    mark: socket.mark,
    dontFragment: socket.dontFragment(route),
    socket,
    identification,
    ipOptions: tcb.ipOptions,
    md5Key: socket.md5Key,
  });
}

/** tcp_event_ack_sent(). */
function acknowledgmentSent(tcb: Tcb): void {
  if (tcb.quickAcks > 0) tcb.quickAcks -= 1;
  tcb.ackNow = false;
  tcb.delayedAck?.cancel();
  tcb.delayedAck = undefined;
}

/** tcp_send_ack(). */
export function sendAck(tcb: Tcb, note?: string): void {
  if (tcb.state === 'CLOSED') return;
  emitBare(tcb, { sequence: acceptableSequence(tcb), flags: TCP_ACK, payload: undefined, note });
}

/** tcp_acceptable_seq(): the next number, or the window's edge where the peer took its window back. */
function acceptableSequence(tcb: Tcb): number {
  const edge = advance(tcb.sndUna, tcb.sndWnd);
  return before(edge, tcb.sndNxt) && distance(edge, tcb.sndNxt) >= 2 ** tcb.sendScale ? edge : tcb.sndNxt;
}

/** tcp_send_active_reset(): the application gave up. */
export function sendActiveReset(tcb: Tcb): void {
  tcb.mib.TcpOutRsts += 1;
  const reset = { sequence: acceptableSequence(tcb), flags: TCP_RST | TCP_ACK, payload: undefined, note: undefined };
  if (emitBare(tcb, reset) !== undefined) tcb.mib.TcpExtTCPAbortFailed += 1;
}

/** tcp_xmit_probe_skb(): an octet that was acknowledged already, so that the peer must answer. */
function sendProbe(tcb: Tcb): void {
  tcb.mib.TcpExtTCPWinProbe += 1;
  emitBare(tcb, { sequence: advance(tcb.sndUna, -1), flags: TCP_ACK, payload: undefined, note: 'window probe' });
}

/** tcp_transmit_skb() of a segment in the queue, for the first time or again. */
function sendSegment(tcb: Tcb, sent: SentSegment): Errno | undefined {
  const length = distance(sent.sequence, sent.end) - (sent.syn ? 1 : 0) - (sent.fin ? 1 : 0);
  const payload = length === 0 ? undefined : tcb.sending.copy(sent.sequence, length);
  const last = length > 0 && advance(sent.sequence, length) === tcb.sending.end;
  const acknowledges = !sent.syn || tcb.state === 'SYN_RECV';
  sent.sentNs = tcb.nowNs;
  sent.transmissions += 1;
  if (sent.transmissions === 1) tcb.mib.TcpOutSegs += 1;
  return emit(tcb, {
    sequence: sent.sequence,
    flags: (sent.syn ? TCP_SYN : 0) | (sent.fin ? TCP_FIN : 0) | (acknowledges ? TCP_ACK : 0) | (last ? TCP_PSH : 0),
    payload,
    note: sent.transmissions > 1 ? `transmission ${sent.transmissions}` : undefined,
  });
}

/** tcp_write_xmit(): data that this host does not let out is not sent, and waits. False then. */
function queueSegment(tcb: Tcb, octets: number, marks: { syn: boolean; fin: boolean }): boolean {
  const sent: SentSegment = {
    sequence: tcb.sndNxt,
    end: advance(tcb.sndNxt, octets + (marks.syn ? 1 : 0) + (marks.fin ? 1 : 0)),
    ...marks,
    sentNs: 0,
    transmissions: 0,
    sacked: false,
    lost: false,
  };
  tcb.sending.inFlight.push(sent);
  tcb.sndNxt = sent.end;
  const refused = sendSegment(tcb, sent);
  if (refused !== undefined && !marks.syn) {
    tcb.sending.inFlight.pop();
    tcb.sndNxt = sent.sequence;
    return false;
  }
  if (!marks.syn) tcb.mib.TcpExtTCPOrigDataSent += 1;
  const [first = sent] = tcb.sending.inFlight;
  if (marks.syn) armRetransmit(tcb);
  else if (first === sent || tcb.timerKind === 'loss-probe') armLossProbe(tcb, first.sentNs);
  return true;
}

/** tcp_connect(): the SYN. */
export function sendSyn(tcb: Tcb): void {
  queueSegment(tcb, 0, { syn: true, fin: false });
}

/** tcp_send_synack(): the peer opened too; the SYN goes out again, with its acknowledgment. */
export function sendSynAck(tcb: Tcb): void {
  const head = tcb.sending.inFlight[0];
  if (head !== undefined) sendSegment(tcb, head);
}

/** tcp_data_snd_check(), tcp_write_xmit(): everything that window, MSS and Nagle's rule let go. */
export function pushPending(tcb: Tcb): void {
  if (tcb.state === 'CLOSED' || tcb.state === 'SYN_SENT' || tcb.state === 'SYN_RECV') return;
  while (sendNext(tcb));
  const waits = unsent(tcb) > 0 || (tcb.finQueued && !tcb.finSent);
  if (waits && tcb.sending.inFlight.length === 0) armProbe(tcb);
}

/** Octets written that were never sent. */
export const unsent = (tcb: Tcb): number => (tcb.finSent ? 0 : distance(tcb.sndNxt, tcb.sending.end));

function sendNext(tcb: Tcb): boolean {
  // tcp_enter_loss(): since the timeout one segment may be under way, and that is the one which was sent again.
  if (tcb.retransmits > 0) return false;
  const left = unsent(tcb);
  const finish = tcb.finQueued && !tcb.finSent;
  if (left === 0 && !finish) return false;
  if (tcb.sending.inFlight.length === 0) refreshRoute(tcb);
  const mss = currentMss(tcb);
  const octets = Math.min(left, mss);
  const fin = finish && octets === left;
  const end = advance(tcb.sndNxt, octets + (fin ? 1 : 0));
  if (after(end, advance(tcb.sndUna, tcb.sndWnd))) return false;
  if (!fin && octets < mss && nagleHolds(tcb)) return false;
  if (!sendData(tcb, octets, fin)) return false;
  if (octets < mss) tcb.smallEnd = end;
  return true;
}

/** tcp_nagle_check(): one small segment in flight is enough (RFC 9293 §3.7.4, with tcp_minshall_check()). */
const nagleHolds = (tcb: Tcb): boolean =>
  !tcb.socket.noDelay && tcb.sending.inFlight.length > 0 && after(tcb.smallEnd, tcb.sndUna);

function sendData(tcb: Tcb, octets: number, fin: boolean): boolean {
  // tcp_event_data_sent(): data soon after data is an answer
  if (octets > 0 && tcb.nowNs - tcb.lastReceivedNs < 40 * NS_PER_MS && tcb.heardData) tcb.interactive = true;
  const sent = queueSegment(tcb, octets, { syn: false, fin });
  if (fin && sent) tcb.finSent = true;
  return sent;
}

/** tcp_write_wakeup(): into a window that is too small for the next segment goes what fits, else an empty probe. */
export function probeWindow(tcb: Tcb): void {
  const room = distance(tcb.sndNxt, advance(tcb.sndUna, tcb.sndWnd));
  const octets = Math.min(unsent(tcb), room, currentMss(tcb));
  if (octets > 0) sendData(tcb, octets, false);
  else sendProbe(tcb);
}

/** tcp_send_loss_probe(): something new if there is, else the last segment again. */
export function probeLoss(tcb: Tcb): void {
  const { inFlight } = tcb.sending;
  const before = inFlight.length;
  sendNext(tcb);
  const last = inFlight.at(-1);
  if (inFlight.length === before && last !== undefined) {
    refreshRoute(tcb);
    resend(tcb, last);
  }
  tcb.lossProbeEnd = tcb.sndNxt;
}

/** __tcp_retransmit_skb(): counted whether it leaves or not. */
function resend(tcb: Tcb, sent: SentSegment): Errno | undefined {
  const { mib } = tcb;
  mib.TcpRetransSegs += 1;
  if (sent.syn) mib.TcpExtTCPSynRetrans += 1;
  const refused = sendSegment(tcb, sent);
  if (refused !== undefined) mib.TcpExtTCPRetransFail += 1;
  return refused;
}

/** tcp_retransmit_skb(): again, and shorter where the path has become narrower. */
export function retransmit(tcb: Tcb, sent: SentSegment): Errno | undefined {
  refreshRoute(tcb);
  const mss = currentMss(tcb);
  const length = distance(sent.sequence, sent.end) - (sent.syn ? 1 : 0) - (sent.fin ? 1 : 0);
  const part = length > mss ? tcb.sending.split(sent, mss) : sent;
  part.lost = false;
  const refused = resend(tcb, part);
  tcb.retransmitStartNs ??= tcb.nowNs;
  return refused;
}
