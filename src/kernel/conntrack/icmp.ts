/** Tracks ICMP questions and answers (net/netfilter/nf_conntrack_proto_icmp.c:nf_conntrack_icmp_packet()). */

import { ICMP_TYPE, IP_PROTOCOL } from '../../packet/index.js';
import type { ConntrackContext } from './context.js';
import type { CtEntry } from './entry.js';
import {
  type CtPacket,
  invalid,
  never,
  type ProtocolTracker,
  refresh,
  stateless,
  type TrackVerdict,
} from './protocol.js';

/** What a connection may begin with: valid_new[]. */
const QUESTIONS: ReadonlySet<number> = new Set<number>([
  ICMP_TYPE.echoRequest,
  ICMP_TYPE.timestampRequest,
  ICMP_TYPE.informationRequest,
  ICMP_TYPE.addressMaskRequest,
]);

/** NR_ICMP_TYPES: the highest type that there is. */
export const ICMP_TYPE_MAXIMUM = 18;

export class IcmpTracker implements ProtocolTracker {
  readonly protocol = IP_PROTOCOL.icmp;
  readonly allowClash = false;
  readonly initialState = stateless;
  readonly canEarlyDrop = never;
  readonly #context: ConntrackContext;

  constructor(context: ConntrackContext) {
    this.#context = context;
  }

  packet(entry: CtEntry, packet: CtPacket): TrackVerdict {
    const type = entry.original.destinationPort >>> 8;
    if (!QUESTIONS.has(type)) return invalid(packet, `no connection begins with ICMP type ${type}`);
    const context = this.#context;
    refresh(context, entry, packet, context.sysctl.values['netfilter.nf_conntrack_icmp_timeout']);
    return 'accept';
  }
}
