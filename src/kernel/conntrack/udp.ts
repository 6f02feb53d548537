/** Tracks UDP (net/netfilter/nf_conntrack_proto_udp.c:nf_conntrack_udp_packet()). */

import { IP_PROTOCOL, Udp } from '../../packet/index.js';
import { NS_PER_S } from '../clock.js';
import type { ConntrackContext } from './context.js';
import { type CtEntry, type CtProtocolState, IPS } from './entry.js';
import {
  type CtPacket,
  invalid,
  never,
  type ProtocolTracker,
  refresh,
  type TrackVerdict,
  transportChecksumValid,
  verifiesChecksums,
} from './protocol.js';

/** Traffic both ways for longer than this makes a stream of it: more than a question and its answer. */
const STREAM_AFTER_NS = 2 * NS_PER_S;

class UdpFlow implements CtProtocolState {
  readonly state = '';
  /** ct->proto.udp.stream_ts: a stream once it is later than this. */
  streamNs = 0;
}

export class UdpTracker implements ProtocolTracker {
  readonly protocol = IP_PROTOCOL.udp;
  readonly allowClash = true;
  readonly canEarlyDrop = never;
  readonly #context: ConntrackContext;

  constructor(context: ConntrackContext) {
    this.#context = context;
  }

  initialState(): CtProtocolState {
    return new UdpFlow();
  }

  packet(entry: CtEntry, packet: CtPacket): TrackVerdict {
    const context = this.#context;
    // udp_error().
    const udp = Udp.parse(packet.view, packet.transport, packet.end);
    if (udp === undefined) return invalid(packet, 'truncated or malformed UDP header');
    if (udp.checksum !== 0 && verifiesChecksums(context, packet) && !transportChecksumValid(packet)) {
      return invalid(packet, 'bad UDP checksum');
    }

    const { nowNs } = context.emulation.clock;
    const flow = entry.protocolState instanceof UdpFlow ? entry.protocolState : undefined;
    if (flow !== undefined && !entry.has(IPS.confirmed)) flow.streamNs = nowNs + STREAM_AFTER_NS;
    const isStream = entry.has(IPS.seenReply) && flow !== undefined && nowNs > flow.streamNs;
    const timeout = isStream ? 'netfilter.nf_conntrack_udp_timeout_stream' : 'netfilter.nf_conntrack_udp_timeout';
    refresh(context, entry, packet, context.sysctl.values[timeout]);
    if (isStream && !entry.has(IPS.natClash)) entry.status |= IPS.assured;
    return 'accept';
  }
}
