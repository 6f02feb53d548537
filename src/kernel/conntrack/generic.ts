/** Tracks whatever has no tracker of its own: two addresses and a protocol number (nf_conntrack_core.c:generic_packet()). */

import type { ConntrackContext } from './context.js';
import { type CtEntry, IPS } from './entry.js';
import { type CtPacket, never, type ProtocolTracker, refresh, stateless, type TrackVerdict } from './protocol.js';

export class GenericTracker implements ProtocolTracker {
  readonly protocol = 0;
  readonly allowClash = false;
  readonly initialState = stateless;
  readonly canEarlyDrop = never;
  readonly #context: ConntrackContext;

  constructor(context: ConntrackContext) {
    this.#context = context;
  }

  packet(entry: CtEntry, packet: CtPacket): TrackVerdict {
    const context = this.#context;
    refresh(context, entry, packet, context.sysctl.values['netfilter.nf_conntrack_generic_timeout']);
    return 'accept';
  }
}

/** gre_timeouts[]; there are switches for them, but nobody here sets them. */
const GRE_TIMEOUT_S = 30;
const GRE_STREAM_TIMEOUT_S = 180;

/** GRE (nf_conntrack_proto_gre.c). Differs: no keys, which only PPTP's enhanced GRE has a use for. */
export class GreTracker implements ProtocolTracker {
  readonly protocol = 47;
  readonly allowClash = true;
  readonly initialState = stateless;
  readonly canEarlyDrop = never;
  readonly #context: ConntrackContext;

  constructor(context: ConntrackContext) {
    this.#context = context;
  }

  packet(entry: CtEntry, packet: CtPacket): TrackVerdict {
    const isStream = entry.has(IPS.seenReply);
    refresh(this.#context, entry, packet, isStream ? GRE_STREAM_TIMEOUT_S : GRE_TIMEOUT_S);
    if (isStream) entry.status |= IPS.assured;
    return 'accept';
  }
}
