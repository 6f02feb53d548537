/** Tracks TCP (net/netfilter/nf_conntrack_proto_tcp.c:nf_conntrack_tcp_packet()). */

import {
  IP_PROTOCOL,
  TCP_ACK,
  TCP_CWR,
  TCP_ECE,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
  Tcp,
} from '../../packet/index.js';
import { NS_PER_S } from '../clock.js';
import { assert } from '../errors.js';
import type { NetnsSysctl } from '../sysctl.js';
import type { ConntrackContext } from './context.js';
import { type CtEntry, IPS, opposite } from './entry.js';
import {
  account,
  type CtPacket,
  invalid,
  type ProtocolTracker,
  refresh,
  type TrackVerdict,
  transportChecksumValid,
  verifiesChecksums,
} from './protocol.js';
import { describeSegment, nextState, SEGMENT, segmentKind, TCP_STATE } from './tcp-transitions.js';
import { before, checkWindow, noteOptions, Segment, TCP_CT_FLAG, TcpConnection, TcpEnd } from './tcp-window.js';

const TIMEOUT_KEYS: readonly NetnsSysctl[] = [
  'netfilter.nf_conntrack_tcp_timeout_syn_sent',
  'netfilter.nf_conntrack_tcp_timeout_syn_sent',
  'netfilter.nf_conntrack_tcp_timeout_syn_recv',
  'netfilter.nf_conntrack_tcp_timeout_established',
  'netfilter.nf_conntrack_tcp_timeout_fin_wait',
  'netfilter.nf_conntrack_tcp_timeout_close_wait',
  'netfilter.nf_conntrack_tcp_timeout_last_ack',
  'netfilter.nf_conntrack_tcp_timeout_time_wait',
  'netfilter.nf_conntrack_tcp_timeout_close',
  'netfilter.nf_conntrack_tcp_timeout_syn_sent',
];

/** tcp_valid_flags[]: what may come together, besides PSH, ECE and CWR, which always may. */
const VALID_FLAGS: ReadonlySet<number> = new Set([
  TCP_SYN,
  TCP_SYN | TCP_URG,
  TCP_SYN | TCP_ACK,
  TCP_RST,
  TCP_RST | TCP_ACK,
  TCP_FIN | TCP_ACK,
  TCP_FIN | TCP_ACK | TCP_URG,
  TCP_ACK,
  TCP_ACK | TCP_URG,
]);

/** A shorter wait than this is not shortened by an invalid FIN or RST (nf_tcp_handle_invalid()). */
const INVALID_CLOSE_MINIMUM_NS = 120 * NS_PER_S;

/** What a look at state and flags says before the window is asked. */
interface Judgement {
  readonly next: number;
  readonly what: 'check-window' | 'skip-window' | 'pass' | 'invalid' | 'reopen';
}

export class TcpTracker implements ProtocolTracker {
  readonly protocol = IP_PROTOCOL.tcp;
  readonly allowClash = false;
  readonly #context: ConntrackContext;
  readonly #segment = new Segment();

  constructor(context: ConntrackContext) {
    this.#context = context;
  }

  initialState(): TcpConnection {
    return new TcpConnection();
  }

  /** tcp_can_early_drop(). */
  canEarlyDrop(entry: CtEntry): boolean {
    return isClosing(connectionOf(entry).code);
  }

  /** nf_conntrack_tcp_set_closing(): this machine itself resets the connection. */
  setClosing(entry: CtEntry): void {
    if (!entry.has(IPS.confirmed)) return;
    const connection = connectionOf(entry);
    const wasClosed = connection.code === TCP_STATE.close;
    connection.code = TCP_STATE.close;
    if (wasClosed || entry.has(IPS.fixedTimeout)) return;
    const { sysctl, emulation } = this.#context;
    const seconds = sysctl.values['netfilter.nf_conntrack_tcp_timeout_close'];
    entry.expiresNs = emulation.clock.nowNs + seconds * NS_PER_S;
  }

  packet(entry: CtEntry, packet: CtPacket): TrackVerdict {
    const tcp = this.#parse(packet);
    if (tcp === undefined) return 'invalid';
    const connection = connectionOf(entry);
    const segment = this.#read(tcp, packet);
    if (!entry.has(IPS.confirmed) && !this.#begin(connection, segment, tcp)) {
      return invalid(packet, describeSegment(segment.kind, TCP_STATE.none));
    }

    const old = connection.code;
    const { next, what } = this.#judge(entry, segment, tcp);
    switch (what) {
      case 'reopen':
        return 'repeat';
      case 'invalid':
        return invalid(packet, describeSegment(segment.kind, old));
      case 'pass':
        packet.note = `ignored: ${describeSegment(segment.kind, old)}`;
        return 'accept';
      case 'check-window': {
        const verdict = this.#checkWindow(entry, segment, { tcp, packet });
        if (verdict !== 'ok') return verdict;
        break;
      }
      case 'skip-window':
    }
    return this.#advance(entry, packet, { segment, old, next });
  }

  /** tcp_error(). */
  #parse(packet: CtPacket): Tcp | undefined {
    const tcp = Tcp.parse(packet.view, packet.transport, packet.end);
    if (tcp === undefined) packet.note = 'truncated TCP header';
    else if (verifiesChecksums(this.#context, packet) && !transportChecksumValid(packet)) {
      packet.note = 'bad TCP checksum';
    } else if (!VALID_FLAGS.has(tcp.flags & ~(TCP_PSH | TCP_ECE | TCP_CWR))) {
      packet.note = 'invalid combination of TCP flags';
    } else return tcp;
    return undefined;
  }

  #read(tcp: Tcp, packet: CtPacket): Segment {
    const segment = this.#segment;
    const { flags } = tcp;
    segment.direction = packet.direction;
    segment.flags = flags;
    segment.kind = segmentKind(flags);
    segment.sequence = tcp.sequence | 0;
    segment.ack = tcp.acknowledgment | 0;
    segment.window = tcp.window;
    const length =
      packet.end - tcp.payloadOffset + ((flags & TCP_SYN) === 0 ? 0 : 1) + ((flags & TCP_FIN) === 0 ? 0 : 1);
    segment.end = (segment.sequence + length) | 0;
    return segment;
  }

  /** tcp_new(): the first segment of an entry; false where nothing begins with it. */
  #begin(connection: TcpConnection, segment: Segment, tcp: Tcp): boolean {
    const state = nextState('original', TCP_STATE.none, segment.kind);
    if (state >= TCP_STATE.invalid) return false;
    const { original, reply } = connection;
    original.end = segment.end;
    original.maxWindow = Math.max(segment.window, 1);
    if (state === TCP_STATE.synSent) {
      original.maxEnd = segment.end;
      noteOptions(original, tcp);
      return true;
    }
    if (this.#context.sysctl.values['netfilter.nf_conntrack_tcp_loose'] === 0) return false;
    // Picked up in the middle: its options are unknown, so SACK is assumed and scaling makes windows unknowable.
    original.maxEnd = (segment.end + original.maxWindow) | 0;
    original.flags = TCP_CT_FLAG.sackPermitted | TCP_CT_FLAG.beLiberal;
    reply.flags = original.flags;
    return true;
  }

  #judge(entry: CtEntry, segment: Segment, tcp: Tcp): Judgement {
    const connection = connectionOf(entry);
    const { direction, kind } = segment;
    const old = connection.code;
    const next = nextState(direction, old, kind);
    switch (next) {
      case TCP_STATE.synSent:
        if (old < TCP_STATE.timeWait) return { next, what: 'check-window' };
        return mayReopen(connection, segment) ? { next, what: 'reopen' } : ignore(connection, segment, tcp);
      case TCP_STATE.ignored:
        return ignore(connection, segment, tcp);
      case TCP_STATE.invalid:
        return { next, what: 'invalid' };
      case TCP_STATE.timeWait:
        return isChallengeAck(connection, segment) ? { next, what: 'pass' } : { next, what: 'check-window' };
      case TCP_STATE.synSent2:
        connection.lastFlags |= TCP_CT_FLAG.simultaneousOpen;
        return { next, what: 'check-window' };
      case TCP_STATE.synRecv: {
        const simultaneous = (connection.lastFlags & TCP_CT_FLAG.simultaneousOpen) !== 0;
        const opened = direction === 'reply' && kind === SEGMENT.ack && simultaneous;
        return { next: opened ? TCP_STATE.established : next, what: 'check-window' };
      }
      case TCP_STATE.close:
        return kind === SEGMENT.rst ? this.#judgeReset(entry, segment) : { next, what: 'check-window' };
      default:
        return { next, what: 'check-window' };
    }
  }

  /** Whom a reset closes (RFC 5961 §3): exactly in place, or it may be forged. */
  #judgeReset(entry: CtEntry, segment: Segment): Judgement {
    const connection = connectionOf(entry);
    const { code: old } = connection;
    const { direction, sequence, ack } = segment;
    let next: number = TCP_STATE.close;
    if (isClosing(old)) return { next, what: 'skip-window' };

    const receiver = connection.seen(opposite(direction));
    if ((receiver.flags & TCP_CT_FLAG.maxAckSet) !== 0 && connection.lastSegment !== SEGMENT.syn) {
      const established = old === TCP_STATE.established && entry.has(IPS.assured);
      if (sequence === 0 && !established) return { next, what: 'check-window' };
      const lenient = this.#context.sysctl.values['netfilter.nf_conntrack_tcp_ignore_invalid_rst'] !== 0;
      if (before(sequence, receiver.maxAck) && !lenient) return { next, what: 'invalid' };
      if (!established || sequence === receiver.maxAck) return { next, what: 'check-window' };
      if (endsTrain(connection, segment)) return { next, what: 'check-window' };
      // Not exactly in place: the receiver may answer with a challenge ACK, and the connection live on.
      next = old;
    }
    const afterIgnoredSyn = entry.has(IPS.seenReply) && connection.lastSegment === SEGMENT.syn;
    const afterHalfOpenAck = !entry.has(IPS.assured) && connection.lastSegment === SEGMENT.ack;
    const answersIgnored = connection.lastDirection !== direction && ack === connection.lastEnd;
    if ((afterIgnoredSyn || afterHalfOpenAck) && answersIgnored) return { next, what: 'skip-window' };
    return { next, what: answersChallengeAck(connection, segment) ? 'skip-window' : 'check-window' };
  }

  #checkWindow(
    entry: CtEntry,
    segment: Segment,
    { tcp, packet }: { readonly tcp: Tcp; readonly packet: CtPacket },
  ): 'ok' | TrackVerdict {
    const connection = connectionOf(entry);
    const { verdict, why } = checkWindow(connection, segment, tcp);
    if (verdict === 'ok' || this.#isLiberal(connection.seen(segment.direction))) return 'ok';
    packet.note = why;
    if (verdict === 'ignored') return 'accept';
    this.#noteInvalid(entry, segment);
    return 'invalid';
  }

  #isLiberal(sender: TcpEnd): boolean {
    return (
      (sender.flags & TCP_CT_FLAG.beLiberal) !== 0 ||
      this.#context.sysctl.values['netfilter.nf_conntrack_tcp_be_liberal'] !== 0
    );
  }

  /** nf_tcp_handle_invalid(): two ends that close out of window are soon forgotten. */
  #noteInvalid(entry: CtEntry, { kind, direction }: Segment): void {
    if (!entry.has(IPS.assured) || entry.has(IPS.fixedTimeout)) return;
    if (kind !== SEGMENT.rst && kind !== SEGMENT.fin) return;
    const connection = connectionOf(entry);
    const { lastSegment, lastDirection } = connection;
    if (lastDirection === direction || (lastSegment !== SEGMENT.fin && lastSegment !== SEGMENT.rst)) {
      connection.lastSegment = kind;
      connection.lastDirection = direction;
      return;
    }
    const { nowNs } = this.#context.emulation.clock;
    const remainingNs = entry.expiresNs - nowNs;
    const timeoutNs = this.#unacknowledgedSeconds() * NS_PER_S;
    if (remainingNs >= INVALID_CLOSE_MINIMUM_NS && remainingNs > timeoutNs) entry.expiresNs = nowNs + timeoutNs;
  }

  /** The segment is in its place: the new state, its timeout, and what it says about the connection. */
  #advance(
    entry: CtEntry,
    packet: CtPacket,
    { segment, old, next }: { readonly segment: Segment; readonly old: number; readonly next: number },
  ): TrackVerdict {
    const connection = connectionOf(entry);
    const { direction, kind } = segment;
    connection.lastSegment = kind;
    connection.lastDirection = direction;
    connection.code = next;
    if (old !== next && next === TCP_STATE.finWait) connection.seen(direction).flags |= TCP_CT_FLAG.closeInit;
    let timeout = this.#timeout(connection, kind);

    if (!entry.has(IPS.seenReply)) {
      if (kind === SEGMENT.rst) {
        // Refused before anything was answered: nothing to keep.
        account(entry, packet);
        return 'kill';
      }
      // A retransmitted SYN does not prolong: else a reused port kept the entry, and its NAT, forever.
      if (kind === SEGMENT.syn && old === TCP_STATE.synSent) return 'accept';
      if (next === TCP_STATE.established) timeout = Math.min(timeout, this.#unacknowledgedSeconds());
    } else if (!entry.has(IPS.assured) && next === TCP_STATE.established) {
      if (old === TCP_STATE.synRecv || old === TCP_STATE.established) entry.status |= IPS.assured;
    }
    refresh(this.#context, entry, packet, timeout);
    return 'accept';
  }

  #timeout(connection: TcpConnection, kind: number): number {
    const { sysctl } = this.#context;
    const ofState = sysctl.values[TIMEOUT_KEYS[connection.code] ?? 'netfilter.nf_conntrack_tcp_timeout_syn_sent'];
    const givesUp = connection.retransmissions >= sysctl.values['netfilter.nf_conntrack_tcp_max_retrans'];
    if (givesUp && ofState > this.#retransmittedSeconds()) return this.#retransmittedSeconds();
    if (kind === SEGMENT.rst) return sysctl.values['netfilter.nf_conntrack_tcp_timeout_close'];
    const unacknowledged =
      ((connection.original.flags | connection.reply.flags) & TCP_CT_FLAG.dataUnacknowledged) !== 0;
    if (unacknowledged && ofState > this.#unacknowledgedSeconds()) return this.#unacknowledgedSeconds();
    return connection.lastWindow === 0 ? Math.min(ofState, this.#retransmittedSeconds()) : ofState;
  }

  #retransmittedSeconds(): number {
    return this.#context.sysctl.values['netfilter.nf_conntrack_tcp_timeout_max_retrans'];
  }

  #unacknowledgedSeconds(): number {
    return this.#context.sysctl.values['netfilter.nf_conntrack_tcp_timeout_unacknowledged'];
  }
}

/** The state that a TCP entry was made with. */
export function connectionOf(entry: CtEntry): TcpConnection {
  const { protocolState } = entry;
  assert(protocolState instanceof TcpConnection, 'a TCP entry has the state of a TCP connection');
  return protocolState;
}

const isClosing = (state: number): boolean => state >= TCP_STATE.finWait && state <= TCP_STATE.close;

/** A SYN in TIME_WAIT or CLOSE: one end closed in order, or this one has just reset (RFC 9293 §3.6.1). */
const mayReopen = (connection: TcpConnection, { direction }: Segment): boolean =>
  ((connection.original.flags | connection.reply.flags) & TCP_CT_FLAG.closeInit) !== 0 ||
  (connection.lastDirection === direction && connection.lastSegment === SEGMENT.rst);

/** In LAST_ACK an ACK that answers an ignored SYN is no acknowledgment of the FIN (RFC 5961 §4). */
function isChallengeAck(connection: TcpConnection, { direction, kind }: Segment): boolean {
  const expected =
    connection.code === TCP_STATE.lastAck &&
    kind === SEGMENT.ack &&
    connection.lastDirection !== direction &&
    connection.lastSegment === SEGMENT.syn &&
    (connection.lastFlags & TCP_CT_FLAG.challengeAckExpected) !== 0;
  if (expected) connection.lastFlags &= ~TCP_CT_FLAG.challengeAckExpected;
  return expected;
}

/** The reset follows at once on data of its sender. */
const endsTrain = (connection: TcpConnection, { direction, sequence }: Segment): boolean =>
  connection.lastSegment === SEGMENT.ack && connection.lastDirection === direction && sequence === connection.lastEnd;

/** A reset that answers the challenge ACK which was let pass in SYN_SENT. */
const answersChallengeAck = (connection: TcpConnection, { sequence }: Segment): boolean =>
  connection.code === TCP_STATE.synSent &&
  connection.lastSegment === SEGMENT.ack &&
  connection.lastDirection === 'reply' &&
  sequence === connection.lastAck;

/** TCP_CONNTRACK_IGNORE: either end may be right and the table out of date. Notes what the answer may prove. */
function ignore(connection: TcpConnection, segment: Segment, tcp: Tcp): Judgement {
  const { direction, kind } = segment;
  const provesIgnoredSyn =
    kind === SEGMENT.synAck &&
    connection.lastSegment === SEGMENT.syn &&
    connection.lastDirection !== direction &&
    segment.ack === connection.lastEnd;
  if (provesIgnoredSyn) {
    resynchronize(connection, segment);
    return { next: TCP_STATE.synRecv, what: 'check-window' };
  }
  connection.lastSegment = kind;
  connection.lastDirection = direction;
  connection.lastSequence = segment.sequence;
  connection.lastEnd = segment.end;
  connection.lastWindow = segment.window;
  if (kind === SEGMENT.syn && direction === 'original') {
    const seen = new TcpEnd();
    noteOptions(seen, tcp);
    const challenge = connection.code === TCP_STATE.lastAck ? TCP_CT_FLAG.challengeAckExpected : 0;
    connection.lastFlags = seen.flags | challenge;
    connection.lastScale = seen.scale;
  }
  if (connection.code === TCP_STATE.synSent && kind === SEGMENT.ack && direction === 'reply') {
    connection.lastAck = segment.ack;
  }
  return { next: TCP_STATE.ignored, what: 'pass' };
}

/** The SYN-ACK of a SYN that was ignored: both ends agree on a new connection, and the entry becomes it. */
function resynchronize(connection: TcpConnection, { direction }: Segment): void {
  const opener = connection.seen(connection.lastDirection);
  opener.end = connection.lastEnd;
  opener.maxEnd = connection.lastEnd;
  opener.maxWindow = Math.max(connection.lastWindow, 1);
  opener.scale = connection.lastScale;
  connection.lastFlags &= ~TCP_CT_FLAG.challengeAckExpected;
  opener.flags = connection.lastFlags;
  connection.seen(direction).reset();
}
