/**
 * Whether a segment fits the connection (net/netfilter/nf_conntrack_proto_tcp.c:tcp_in_window()), after Guido van
 * Rooij, "Real Stateful TCP Packet Filtering in IP Filter". For each end is kept what it has sent and may send:
 *
 *     I    sequence            <= sender.maxEnd                      not beyond what the receiver offered
 *     II   sequence + length   >= sender.end - receiver.maxWindow    not older than one window
 *     III  acknowledgment      <= receiver.end                       only of what was sent
 *     IV   acknowledgment      >= receiver.end - max(66000, window)  not too long ago
 *
 * Sequence numbers are signed 32-bit integers and compared modulo 2^32.
 */

import { TCP_ACK, TCP_HEADER_LENGTH, TCP_OPTION, TCP_RST, TCP_SYN, type Tcp } from '../../packet/index.js';
import { type CtDirection, type CtProtocolState, opposite } from './entry.js';
import { SEGMENT, TCP_STATE, TCP_STATES } from './tcp-transitions.js';

/** IP_CT_TCP_FLAG_*, include/uapi/linux/netfilter/nf_conntrack_tcp.h. */
export const TCP_CT_FLAG = {
  windowScale: 0x01,
  sackPermitted: 0x02,
  closeInit: 0x04,
  beLiberal: 0x08,
  dataUnacknowledged: 0x10,
  maxAckSet: 0x20,
  challengeAckExpected: 0x40,
  simultaneousOpen: 0x80,
} as const;

/** MAXACKWINCONST. */
const MAX_ACK_WINDOW = 66_000;
/** TCP_MAX_WSCALE, RFC 7323 §2.3. */
const MAX_WINDOW_SCALE = 14;

export const before = (a: number, b: number): boolean => ((a - b) | 0) < 0;
export const after = (a: number, b: number): boolean => ((b - a) | 0) < 0;

/** What one end has sent and may send (struct ip_ct_tcp_state). */
export class TcpEnd {
  /** Past the last octet sent. */
  end = 0;
  /** Past the last octet that it may send. */
  maxEnd = 0;
  /** Largest window that it offered, scaled. 0: no segment from it yet. */
  maxWindow = 0;
  /** Highest acknowledgment that it sent. */
  maxAck = 0;
  scale = 0;
  flags = 0;

  /** nf_ct_tcp_state_reset(). */
  reset(): void {
    this.end = 0;
    this.maxEnd = 0;
    this.maxWindow = 0;
    this.maxAck = 0;
    this.scale = 0;
    this.flags &= TCP_CT_FLAG.beLiberal;
  }
}

/** struct ip_ct_tcp. */
export class TcpConnection implements CtProtocolState {
  /** Place in TCP_STATES. */
  code: number = TCP_STATE.none;
  readonly original = new TcpEnd();
  readonly reply = new TcpEnd();
  /** Of the last segment that counted, or was let pass as ignored. */
  lastDirection: CtDirection = 'original';
  lastSegment: number = SEGMENT.none;
  lastSequence = 0;
  lastAck = 0;
  lastEnd = 0;
  /** As on the wire. */
  lastWindow = 0;
  lastScale = 0;
  lastFlags = 0;
  retransmissions = 0;

  get state(): string {
    return TCP_STATES[this.code] ?? 'NONE';
  }

  seen(direction: CtDirection): TcpEnd {
    return direction === 'original' ? this.original : this.reply;
  }
}

/** A segment's numbers; one object for all of them. */
export class Segment {
  direction: CtDirection = 'original';
  kind: number = SEGMENT.none;
  flags = 0;
  sequence = 0;
  ack = 0;
  /** Past its last octet, SYN and FIN counted. */
  end = 0;
  window = 0;
}

/** The first pass over the options of a SYN: what both ends may use (tcp_options()). */
export function noteOptions(seen: TcpEnd, tcp: Tcp): void {
  if (tcp.headerLength === TCP_HEADER_LENGTH) return;
  const { sackPermitted, windowScale } = tcp.parseOptions();
  seen.scale = windowScale === undefined ? 0 : Math.min(windowScale, MAX_WINDOW_SCALE);
  seen.flags =
    (seen.flags & TCP_CT_FLAG.beLiberal) |
    (sackPermitted === true ? TCP_CT_FLAG.sackPermitted : 0) |
    (windowScale === undefined ? 0 : TCP_CT_FLAG.windowScale);
}

/** NOP, NOP, timestamps of length 10: nothing else fits behind it in a header of 32 octets. */
const TIMESTAMPS_ONLY = (1 << 24) | (1 << 16) | (TCP_OPTION.timestamps << 8) | 10;

/** The highest right edge of the SACK blocks, or the acknowledgment itself (tcp_sack()). */
function highestSack(tcp: Tcp, ack: number): number {
  const { view, offset, headerLength } = tcp;
  if (headerLength === TCP_HEADER_LENGTH) return ack;
  if (headerLength === 32 && view.getInt32(offset + TCP_HEADER_LENGTH) === TIMESTAMPS_ONLY) return ack;
  let highest = ack;
  for (const block of tcp.parseOptions().sack ?? []) {
    if (after(block.right, highest)) highest = block.right | 0;
  }
  return highest;
}

/** tcp_init_sender(): a SYN or SYN-ACK says all about its sender. */
function startSender(connection: TcpConnection, segment: Segment, tcp: Tcp): void {
  const sender = connection.seen(segment.direction);
  const receiver = connection.seen(opposite(segment.direction));
  sender.end = segment.end;
  sender.maxEnd = segment.end;
  sender.maxWindow = Math.max(segment.window, 1);
  noteOptions(sender, tcp);
  // RFC 7323 §2.2: scaled only where both said so.
  if (segment.direction === 'reply' && (sender.flags & receiver.flags & TCP_CT_FLAG.windowScale) === 0) {
    sender.scale = 0;
    receiver.scale = 0;
  }
}

/** A connection whose beginning was missed: the segment's own numbers are all there is. */
function adoptSender(sender: TcpEnd, receiver: TcpEnd, segment: Segment, sack: number): void {
  sender.end = segment.end;
  sender.maxWindow = Math.max(segment.window << sender.scale, 1);
  sender.maxEnd = (segment.end + sender.maxWindow) | 0;
  if (receiver.maxWindow === 0) {
    receiver.end = sack;
    receiver.maxEnd = sack;
  } else if (sack === ((receiver.end + 1) | 0)) {
    // Most likely the answer to a keep-alive.
    receiver.end = sack;
  }
}

/** `ok`, or what is wrong. `ignored` passes without a change, `invalid` does not; be_liberal turns both to `ok`. */
export interface WindowCheck {
  readonly verdict: 'ok' | 'ignored' | 'invalid';
  readonly why: string;
}

const OK: WindowCheck = { verdict: 'ok', why: '' };
const BEYOND_WINDOW: WindowCheck = { verdict: 'invalid', why: 'sequence beyond the window of the receiver' };
const OVERSHOT: WindowCheck = { verdict: 'ignored', why: 'more octets than the window of the receiver has' };
const ACK_UNSEEN: WindowCheck = { verdict: 'invalid', why: 'acknowledges what was not sent' };
const TOO_OLD: WindowCheck = { verdict: 'ignored', why: 'retransmits what was acknowledged long ago' };
const ACK_TOO_OLD: WindowCheck = { verdict: 'ignored', why: 'acknowledgment is long out of date' };

/** tcp_in_window(). Brings the connection's numbers up to date where the segment fits. */
export function checkWindow(connection: TcpConnection, segment: Segment, tcp: Tcp): WindowCheck {
  const { direction, flags } = segment;
  const sender = connection.seen(direction);
  const receiver = connection.seen(opposite(direction));
  let { ack } = segment;
  let sack = (receiver.flags & TCP_CT_FLAG.sackPermitted) === 0 ? ack : highestSack(tcp, ack);
  const isSyn = (flags & TCP_SYN) !== 0;

  if (sender.maxWindow === 0) {
    if (isSyn) {
      startSender(connection, segment, tcp);
      if ((flags & TCP_ACK) === 0) return OK; // simultaneous open
    } else adoptSender(sender, receiver, segment, sack);
  } else if (isSyn && after(segment.end, sender.end) && isOpening(connection)) {
    // Another attempt: sequence number and options may be new (RFC 9293 §3.4.2).
    startSender(connection, segment, tcp);
    if (direction === 'reply' && (flags & TCP_ACK) === 0) return OK;
  }

  const ackIsReal = (flags & TCP_ACK) !== 0 && !((flags & TCP_RST) !== 0 && ack === 0);
  if (!ackIsReal) {
    ack = receiver.end;
    sack = ack;
  }
  const { sequence, end } = answersSyn(connection, segment) ? { sequence: sender.end, end: sender.end } : segment;

  const check = judge(sender, receiver, { sequence, end, sack });
  if (check !== OK) return check;
  update(sender, receiver, { segment, ack, sack, end });
  if (segment.kind === SEGMENT.ack) countRetransmission(connection, segment, { sequence, ack, end });
  return OK;
}

const isOpening = ({ code }: TcpConnection): boolean => code === TCP_STATE.synSent || code === TCP_STATE.synRecv;

/** A reset that refuses a SYN has sequence 0 (RFC 9293 §3.10.7.1). */
const answersSyn = (connection: TcpConnection, { flags, sequence }: Segment): boolean =>
  (flags & TCP_RST) !== 0 && sequence === 0 && connection.code === TCP_STATE.synSent;

interface Numbers {
  readonly sequence: number;
  readonly end: number;
  readonly sack: number;
}

/** Conditions I to IV. */
function judge(sender: TcpEnd, receiver: TcpEnd, { sequence, end, sack }: Numbers): WindowCheck {
  const ackNotTooHigh = before(sack, receiver.end + 1);
  const ackNotTooOld = after(sack, receiver.end - Math.max(sender.maxWindow, MAX_ACK_WINDOW) - 1);
  const dataNotTooOld = after(end, sender.end - receiver.maxWindow - 1);

  if (!before(sequence, sender.maxEnd + 1)) {
    const overshot = (end - sender.maxEnd + 1) >>> 0;
    const onlyOvershot = receiver.maxWindow !== 0 && dataNotTooOld && ackNotTooOld && ackNotTooHigh;
    if (!onlyOvershot || overshot > receiver.maxWindow) return BEYOND_WINDOW;
    // Should the receiver take it all the same, its acknowledgment must not be out of bounds then.
    sender.end = end;
    sender.flags |= TCP_CT_FLAG.dataUnacknowledged;
    return OVERSHOT;
  }
  if (!ackNotTooHigh) return ACK_UNSEEN;
  if (receiver.maxWindow !== 0 && !dataNotTooOld) return TOO_OLD;
  return ackNotTooOld ? OK : ACK_TOO_OLD;
}

interface Accepted {
  readonly segment: Segment;
  readonly ack: number;
  readonly sack: number;
  readonly end: number;
}

function update(sender: TcpEnd, receiver: TcpEnd, { segment, ack, sack, end }: Accepted): void {
  const window = (segment.flags & TCP_SYN) !== 0 ? segment.window : segment.window << sender.scale;
  const offered = (window + (sack - ack)) >>> 0;
  if (sender.maxWindow < offered) sender.maxWindow = offered;
  if (after(end, sender.end)) {
    sender.end = end;
    sender.flags |= TCP_CT_FLAG.dataUnacknowledged;
  }
  if ((segment.flags & TCP_ACK) !== 0) {
    if ((sender.flags & TCP_CT_FLAG.maxAckSet) === 0 || after(ack, sender.maxAck)) sender.maxAck = ack;
    sender.flags |= TCP_CT_FLAG.maxAckSet;
  }

  if (receiver.maxWindow !== 0 && after(end, sender.maxEnd)) receiver.maxWindow += (end - sender.maxEnd) | 0;
  if (after(sack + window, receiver.maxEnd - 1)) {
    receiver.maxEnd = (sack + window + (window === 0 ? 1 : 0)) | 0;
  }
  if (ack === receiver.end) receiver.flags &= ~TCP_CT_FLAG.dataUnacknowledged;
}

interface Sent {
  readonly sequence: number;
  readonly ack: number;
  readonly end: number;
}

function countRetransmission(connection: TcpConnection, segment: Segment, { sequence, ack, end }: Sent): void {
  const again =
    connection.lastDirection === segment.direction &&
    connection.lastSequence === sequence &&
    connection.lastAck === ack &&
    connection.lastEnd === end &&
    connection.lastWindow === segment.window;
  if (again) {
    connection.retransmissions += 1;
    return;
  }
  connection.lastDirection = segment.direction;
  connection.lastSequence = sequence;
  connection.lastAck = ack;
  connection.lastEnd = end;
  connection.lastWindow = segment.window;
  connection.retransmissions = 0;
}
