/** Tracks SCTP (RFC 9260; net/netfilter/nf_conntrack_proto_sctp.c:nf_conntrack_sctp_packet()). */

import { IP_PROTOCOL, SCTP_CHUNK, SCTP_CHUNK_HEADER_LENGTH, Sctp } from '../../packet/index.js';
import { assert } from '../errors.js';
import type { NetnsSysctl } from '../sysctl.js';
import type { ConntrackContext } from './context.js';
import { type CtDirection, type CtEntry, type CtProtocolState, IPS, opposite } from './entry.js';
import {
  type CtPacket,
  invalid,
  type ProtocolTracker,
  refresh,
  type TrackVerdict,
  verifiesChecksums,
} from './protocol.js';
import { isHeartbeat, nextSctpState, type SctpStateName } from './sctp-transitions.js';

const TIMEOUT_KEYS: Readonly<Record<SctpStateName, NetnsSysctl>> = {
  NONE: 'netfilter.nf_conntrack_sctp_timeout_closed',
  CLOSED: 'netfilter.nf_conntrack_sctp_timeout_closed',
  COOKIE_WAIT: 'netfilter.nf_conntrack_sctp_timeout_cookie_wait',
  COOKIE_ECHOED: 'netfilter.nf_conntrack_sctp_timeout_cookie_echoed',
  ESTABLISHED: 'netfilter.nf_conntrack_sctp_timeout_established',
  SHUTDOWN_SENT: 'netfilter.nf_conntrack_sctp_timeout_shutdown_sent',
  SHUTDOWN_RECD: 'netfilter.nf_conntrack_sctp_timeout_shutdown_recd',
  SHUTDOWN_ACK_SENT: 'netfilter.nf_conntrack_sctp_timeout_shutdown_ack_sent',
  HEARTBEAT_SENT: 'netfilter.nf_conntrack_sctp_timeout_heartbeat_sent',
};

/** The T bit of ABORT and SHUTDOWN COMPLETE: the sender knows no association and reflects the tag (RFC 9260 §8.4). */
const TAG_REFLECTED = 0x01;

/** Octets of a fixed INIT or INIT ACK behind the chunk header; the tag comes first. */
const INIT_LENGTH = 16;

/** What each direction's packets carry (RFC 9260 §8.5). */
interface PerDirection<T> {
  original: T;
  reply: T;
}

class Association implements CtProtocolState {
  state: SctpStateName = 'NONE';
  readonly tag: PerDirection<number> = { original: 0, reply: 0 };
  /** An INIT was seen and no COOKIE ACK since. */
  readonly opening: PerDirection<boolean> = { original: false, reply: false };
  /** A HEARTBEAT with another tag was seen; its answer may prove it. */
  tagDoubtful = false;
  lastDirection: CtDirection = 'original';
}

interface Chunk {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
}

/** Chunks of which a packet may have no other, and those that come first (do_basic_checks()). */
const ALONE: ReadonlySet<number> = new Set([SCTP_CHUNK.init, SCTP_CHUNK.initAck, SCTP_CHUNK.shutdownComplete]);
const FIRST: ReadonlySet<number> = new Set([SCTP_CHUNK.cookieAck, SCTP_CHUNK.cookieEcho]);
/** Nothing begins with these (RFC 9260 §8.4). */
const NEVER_FIRST: readonly number[] = [SCTP_CHUNK.abort, SCTP_CHUNK.shutdownComplete, SCTP_CHUNK.cookieAck];
/** Packets with one of these have rules of their own for the tag. */
const TAG_RULES: readonly number[] = [
  SCTP_CHUNK.init,
  SCTP_CHUNK.shutdownComplete,
  SCTP_CHUNK.cookieEcho,
  SCTP_CHUNK.abort,
  SCTP_CHUNK.shutdownAck,
  SCTP_CHUNK.heartbeat,
  SCTP_CHUNK.heartbeatAck,
];

/** What a chunk's tag comes to: `skip` passes it over without a change of state. */
type TagVerdict = 'right' | 'wrong' | 'skip';

export class SctpTracker implements ProtocolTracker {
  readonly protocol = IP_PROTOCOL.sctp;
  readonly allowClash = false;
  readonly #context: ConntrackContext;

  constructor(context: ConntrackContext) {
    this.#context = context;
  }

  initialState(): CtProtocolState {
    return new Association();
  }

  canEarlyDrop(entry: CtEntry): boolean {
    return associationOf(entry).state.startsWith('SHUTDOWN');
  }

  packet(entry: CtEntry, packet: CtPacket): TrackVerdict {
    const sctp = Sctp.parse(packet.view, packet.transport, packet.end);
    if (sctp === undefined) return invalid(packet, 'truncated SCTP header');
    if (verifiesChecksums(this.#context, packet) && !sctp.checksumValid(packet.end)) {
      return invalid(packet, 'bad SCTP checksum');
    }
    const chunks = readChunks(sctp, packet.end);
    if (chunks === undefined) return invalid(packet, 'SCTP chunks that cannot come together');
    const has = (types: readonly number[]): boolean => chunks.some((chunk) => types.includes(chunk.type));

    const association = associationOf(entry);
    if (!entry.has(IPS.confirmed) && (has(NEVER_FIRST) || !begin(association, sctp, { chunks, end: packet.end }))) {
      return invalid(packet, 'no association begins with these SCTP chunks');
    }
    if (!has(TAG_RULES) && sctp.verificationTag !== association.tag[packet.direction]) {
      return invalid(packet, 'wrong SCTP verification tag');
    }
    return this.#advance(entry, packet, { sctp, chunks });
  }

  #advance(
    entry: CtEntry,
    packet: CtPacket,
    { sctp, chunks }: { readonly sctp: Sctp; readonly chunks: readonly Chunk[] },
  ): TrackVerdict {
    const association = associationOf(entry);
    const { direction } = packet;
    const hasData = chunks.some((chunk) => chunk.type === SCTP_CHUNK.data);
    let keepTimeout = false;
    let state: SctpStateName = 'NONE';
    for (const chunk of chunks) {
      const strict = hasData || keepTimeout;
      const tag = checkTag(association, { chunk, direction, tag: sctp.verificationTag, strict });
      if (tag === 'wrong') return invalid(packet, 'wrong SCTP verification tag');
      if (tag === 'skip') {
        association.tagDoubtful = true;
        association.lastDirection = direction;
        keepTimeout = true;
        continue;
      }
      const old = association.state;
      const next = nextSctpState(direction, old, chunk.type);
      if (next === undefined) return invalid(packet, `SCTP chunk ${chunk.type} in state ${old}`);
      if (!noteInit(association, { chunk, direction, view: packet.view, end: packet.end })) {
        return invalid(packet, 'SCTP INIT or INIT ACK with another tag');
      }
      // A retransmitted INIT does not prolong, as a retransmitted SYN does not.
      const again = chunk.type === SCTP_CHUNK.init && next === 'CLOSED' && old === 'CLOSED';
      if (again && entry.has(IPS.confirmed)) keepTimeout = true;
      association.state = next;
      state = next;
      if (old !== next && next === 'ESTABLISHED') entry.status |= IPS.assured;
    }
    if (!keepTimeout) refresh(this.#context, entry, packet, this.#context.sysctl.values[TIMEOUT_KEYS[state]]);
    return 'accept';
  }
}

function associationOf({ protocolState }: CtEntry): Association {
  assert(protocolState instanceof Association, 'an SCTP entry has the state of an association');
  return protocolState;
}

/** Type, flags and place of each chunk; undefined for an empty packet and for chunks that cannot come together. */
function readChunks({ view, payloadOffset }: Sctp, end: number): readonly Chunk[] | undefined {
  const chunks: Chunk[] = [];
  let alone = false;
  let at = payloadOffset;
  while (at + SCTP_CHUNK_HEADER_LENGTH <= end) {
    const type = view.getUint8(at);
    const length = view.getUint16(at + 2);
    alone ||= ALONE.has(type);
    if (((alone || FIRST.has(type)) && chunks.length > 0) || length === 0) return undefined;
    chunks.push({ type, flags: view.getUint8(at + 1), offset: at });
    at += (length + 3) & ~3;
  }
  return chunks.length === 0 ? undefined : chunks;
}

/** The tag that an INIT or INIT ACK asks the other end for; undefined where the chunk is cut short. */
function initiateTag(view: DataView, chunk: Chunk, end: number): number | undefined {
  const at = chunk.offset + SCTP_CHUNK_HEADER_LENGTH;
  return at + INIT_LENGTH <= end ? view.getUint32(at) : undefined;
}

/** sctp_new(): the tags as the first packet tells them. */
function begin(
  association: Association,
  sctp: Sctp,
  { chunks, end }: { readonly chunks: readonly Chunk[]; readonly end: number },
): boolean {
  const tag = sctp.verificationTag;
  for (const chunk of chunks) {
    const state = nextSctpState('original', 'NONE', chunk.type);
    if (state === undefined || state === 'NONE') return false;
    if (chunk.type === SCTP_CHUNK.init) {
      const initiate = initiateTag(sctp.view, chunk, end);
      if (tag !== 0 || initiate === undefined) return false;
      association.tag.reply = initiate;
    } else if (isHeartbeat(chunk.type)) association.tag.original = tag;
    else association.tag.reply = tag;
  }
  return true;
}

interface TaggedChunk {
  readonly chunk: Chunk;
  readonly direction: CtDirection;
  /** The packet's verification tag. */
  readonly tag: number;
  /** The packet carries more than one heartbeat, whose tag may be news. */
  readonly strict: boolean;
}

/** RFC 9260 §8.5.1, and the tags of further paths, which only heartbeats tell. */
function checkTag(association: Association, tagged: TaggedChunk): TagVerdict {
  const { chunk, direction, tag } = tagged;
  const own = association.tag[direction];
  switch (chunk.type) {
    case SCTP_CHUNK.init:
      return tag === 0 ? 'right' : 'wrong';
    case SCTP_CHUNK.abort:
    case SCTP_CHUNK.shutdownComplete: {
      const reflected = (chunk.flags & TAG_REFLECTED) !== 0;
      return tag === (reflected ? association.tag[opposite(direction)] : own) ? 'right' : 'wrong';
    }
    case SCTP_CHUNK.cookieEcho:
      return tag === own ? 'right' : 'wrong';
    case SCTP_CHUNK.cookieAck:
      association.opening.original = false;
      association.opening.reply = false;
      return 'right';
    case SCTP_CHUNK.heartbeat:
    case SCTP_CHUNK.heartbeatAck:
      return checkHeartbeat(association, tagged);
    default:
      return 'right';
  }
}

function checkHeartbeat(association: Association, { chunk, direction, tag, strict }: TaggedChunk): TagVerdict {
  const tags = association.tag;
  if (tags[direction] === 0) tags[direction] = tag;
  else if (tags[direction] === tag) association.tagDoubtful = false;
  else if (strict) return 'wrong';
  else if (chunk.type === SCTP_CHUNK.heartbeat) return 'skip';
  else {
    if (!association.tagDoubtful || association.lastDirection === direction) return 'wrong';
    association.tagDoubtful = false;
    tags[direction] = tag;
    tags[opposite(direction)] = 0;
  }
  return 'right';
}

/** Notes what an INIT or INIT ACK asks for; false where that contradicts what was asked before. */
function noteInit(
  association: Association,
  at: { readonly chunk: Chunk; readonly direction: CtDirection; readonly view: DataView; readonly end: number },
): boolean {
  const { chunk, direction, view, end } = at;
  if (chunk.type !== SCTP_CHUNK.init && chunk.type !== SCTP_CHUNK.initAck) return true;
  const initiate = initiateTag(view, chunk, end);
  if (initiate === undefined) return false;
  const other = opposite(direction);
  const { tag, opening } = association;
  if (chunk.type === SCTP_CHUNK.init) {
    if (opening[direction] && opening[other]) opening[other] = false;
    opening[direction] = true;
  } else {
    if (!opening[other] && tag[other] !== 0 && tag[other] !== initiate) return false;
    if (opening[direction] && opening[other] && tag[other] !== initiate) return false;
  }
  tag[other] = initiate;
  return true;
}
