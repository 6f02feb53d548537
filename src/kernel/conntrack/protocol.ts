/** What a protocol's tracker is given and what it answers (include/net/netfilter/nf_conntrack_l4proto.h). */

import { checksumPartial, finishChecksum, type Ipv4, pseudoHeaderSum } from '../../packet/index.js';
import type { HookName } from '../../trace/index.js';
import { NS_PER_S } from '../clock.js';
import type { ConntrackContext } from './context.js';
import { type CtDirection, type CtEntry, type CtProtocolState, IPS } from './entry.js';

/**
 * `accept`: part of the connection. `invalid`: not tracked, state INVALID. `kill`: part of it, and its end.
 * `repeat`: the entry is of a connection that is over; forget it and look again.
 */
export type TrackVerdict = 'accept' | 'invalid' | 'kill' | 'repeat';

/** The packet under inspection: offsets into its slab. One object for all packets of a namespace. */
export interface CtPacket {
  view: DataView;
  hook: HookName;
  ipv4: Ipv4;
  /** Offset of the transport header. */
  transport: number;
  /** Past the last octet of the datagram. */
  end: number;
  direction: CtDirection;
  /** Why the packet is invalid, or was let pass without a look at the state. For traces. */
  note: string;
}

export interface ProtocolTracker {
  readonly protocol: number;
  /** l4proto->allow_clash: two first packets of one flow may race for its entry. */
  readonly allowClash: boolean;
  initialState(): CtProtocolState;
  packet(entry: CtEntry, packet: CtPacket): TrackVerdict;
  /** nf_conntrack_set_closing(): only TCP has it. */
  setClosing?(entry: CtEntry): void;
  /** l4proto->can_early_drop: may give way in a full table although it is assured. */
  canEarlyDrop(entry: CtEntry): boolean;
}

const STATELESS: CtProtocolState = { state: '' };

/** For protocols that have no state. */
export const stateless = (): CtProtocolState => STATELESS;
export const never = (): boolean => false;

/** Marks the packet and says why. */
export function invalid(packet: CtPacket, why: string): 'invalid' {
  packet.note = why;
  return 'invalid';
}

/** nf_ct_refresh_acct(): the entry lives `seconds` from now on, and the packet counts. */
export function refresh(context: ConntrackContext, entry: CtEntry, packet: CtPacket, seconds: number): void {
  if (!entry.has(IPS.fixedTimeout)) {
    const timeoutNs = seconds * NS_PER_S;
    entry.expiresNs = entry.has(IPS.confirmed) ? context.emulation.clock.nowNs + timeoutNs : timeoutNs;
  }
  account(entry, packet);
}

/** nf_ct_acct_update(). */
export function account(entry: CtEntry, packet: CtPacket): void {
  if (!entry.accounted) return;
  const counters = packet.direction === 'original' ? entry.counters.original : entry.counters.reply;
  counters.packets += 1;
  counters.bytes += packet.end - packet.ipv4.offset;
}

/** Checksums are looked at where packets come in, and unless nf_conntrack_checksum says no. */
export const verifiesChecksums = (context: ConntrackContext, packet: CtPacket): boolean =>
  packet.hook === 'prerouting' && context.sysctl.values['netfilter.nf_conntrack_checksum'] !== 0;

/** nf_ip_checksum() with a pseudo-header: over everything behind the IPv4 header, whatever the transport header says. */
export function transportChecksumValid({ view, ipv4, transport, end }: CtPacket): boolean {
  const pseudo = pseudoHeaderSum(ipv4.source, ipv4.destination, ipv4.protocol, end - transport);
  return finishChecksum(checksumPartial(view, transport, end, pseudo)) === 0;
}
