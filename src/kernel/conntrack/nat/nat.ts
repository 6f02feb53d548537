/**
 * Network address translation (net/netfilter/nf_nat_core.c). A rule of the nat table speaks once, for the first
 * packet of a connection: setup() chooses a tuple and writes it, turned around, into the entry's reply. From then on
 * mangle() makes every packet of one direction look like the other direction's tuple from its far end.
 *
 *     hook         prerouting, output    input, postrouting
 *     original     DNAT                  SNAT
 *     replies      SNAT undone           DNAT undone
 */

import {
  ICMP_HEADER_LENGTH,
  Icmp,
  ICMP_TYPE,
  IP_PROTOCOL,
  IPV4_HEADER_LENGTH,
  type Ipv4Addr,
} from '../../../packet/index.js';
import type { HookName } from '../../../trace/index.js';
import { assert } from '../../errors.js';
import type { NfVerdict } from '../../netfilter/hook.js';
import type { Skb } from '../../skb.js';
import type { ConnectionStore } from '../connection-store.js';
import type { ConntrackContext } from '../context.js';
import { type CtEntry, type CtTuple, directionOf, IPS, isReply, opposite } from '../entry.js';
import type { CtStatistics } from '../format.js';
import { readTuple } from '../packet-tuple.js';
import { emptyTuple, inverted, invertInto, tuplesEqual } from '../tuple.js';
import { type Datagram, rewrite, writtenOctets } from './manip.js';
import { doneBit, manipOf, NAT_RANGE, type NatManip, type NatRange, natBit, otherManip } from './range.js';
import { type DrawOffset, TupleChooser } from './unique-tuple.js';

const NAT_BITS = IPS.srcNat | IPS.dstNat;
const NAT_DONE_BITS = IPS.srcNatDone | IPS.dstNatDone;

/** What MASQUERADE found out: the address of the device that the packet leaves by. */
export interface Masquerade {
  readonly address: Ipv4Addr;
  readonly ifindex: number;
  /** Ports and flags of the rule; its addresses are not looked at. */
  readonly range?: NatRange;
}

export class Nat {
  readonly #context: ConntrackContext;
  readonly #store: ConnectionStore;
  readonly #chooser: TupleChooser;
  readonly #target = emptyTuple();
  /** Whoever holds an emulation to a kernel that has drawn before draws what that one drew. */
  drawOffset: DrawOffset;

  constructor(context: ConntrackContext, store: ConnectionStore, statistics: CtStatistics) {
    this.#context = context;
    this.#store = store;
    this.drawOffset = () => context.emulation.random.below(0x10000);
    this.#chooser = new TupleChooser(store, statistics, (ports) => this.drawOffset(ports));
  }

  /** nf_nat_initialized(): the nat table has been asked about this half. */
  initialized(entry: CtEntry, manip: NatManip): boolean {
    return entry.has(doneBit(manip));
  }

  /** nf_nat_setup_info(): decides the connection's translation in one half. Once confirmed it stays as it is. */
  setup(entry: CtEntry, range: NatRange, manip: NatManip): NfVerdict {
    if (entry.has(IPS.confirmed)) return 'accept';
    assert(!entry.has(doneBit(manip)), 'a half of a connection is translated once');
    const current = inverted(entry.reply);
    assert(current !== undefined, 'a reply tuple can be turned around');
    const chosen = this.#chooser.choose(current, { entry, range, manip });
    if (!tuplesEqual(chosen, current)) {
      const reply = inverted(chosen);
      assert(reply !== undefined, 'a translated tuple can be turned around');
      entry.reply = reply;
      entry.status |= manip === 'src' ? IPS.srcNat : IPS.dstNat;
    }
    entry.status |= doneBit(manip);
    return 'accept';
  }

  /** nf_nat_alloc_null_binding(): no rule spoke; the addresses stay, and a port moves only where another has taken it. */
  setupNull(entry: CtEntry, hook: HookName): NfVerdict {
    const manip = manipOf(hook);
    const address = manip === 'src' ? entry.reply.destination : entry.reply.source;
    return this.setup(entry, { flags: NAT_RANGE.mapIps, minAddr: address }, manip);
  }

  /** nf_nat_masquerade_ipv4(): the entry goes when the device or its address does. */
  masquerade(entry: CtEntry, { address, ifindex, range = { flags: 0 } }: Masquerade): NfVerdict {
    entry.masqueradeIndex = ifindex;
    const flags = range.flags | NAT_RANGE.mapIps;
    return this.setup(entry, { ...range, flags, minAddr: address, maxAddr: address }, 'src');
  }

  /** masq_device_event(): the device went down; its connections would come back under another address. */
  masqueradeDeviceDown(ifindex: number): void {
    for (const entry of this.#store.entries()) if (entry.masqueradeIndex === ifindex) this.#store.kill(entry);
  }

  /** masq_inet_event(): the device lost an address. */
  masqueradeAddressGone(ifindex: number, address: Ipv4Addr): void {
    for (const entry of this.#store.entries()) {
      if (entry.masqueradeIndex === ifindex && entry.reply.destination === address) this.#store.kill(entry);
    }
  }

  /**
   * nf_nat_packet(), and nf_nat_icmp_reply_translation() for ICMP errors. Where a masqueraded connection would leave by
   * another device than it did (`outIfindex`) it ends. On 'drop' the packet has been dropped, with its note.
   */
  mangle(skb: Skb, hook: HookName, outIfindex: number = skb.route?.dev?.ifindex ?? 0): NfVerdict {
    const entry = skb.ct;
    if (entry === undefined) return 'accept';
    const manip = manipOf(hook);
    const ipv4 = skb.ipv4;
    const datagram: Datagram = { view: skb.view, offset: skb.network, end: Math.min(skb.tail, ipv4.end) };
    const isRelated = skb.ctInfo === 'related' || skb.ctInfo === 'related-reply';
    if (isRelated && ipv4.protocol === IP_PROTOCOL.icmp) return this.#translateError(skb, { hook, datagram });

    if (hook === 'postrouting' && movedDevice(entry, skb, outIfindex)) {
      this.#store.kill(entry);
      return this.#drop(skb, 'nat: a masqueraded connection would leave by another device');
    }
    if (!entry.has(natBit(manip, directionOf(skb.ctInfo)))) return 'accept';
    const target = this.#target;
    invertInto(target, entry.tuple(opposite(directionOf(skb.ctInfo))));
    skb.ensureWritable(writtenOctets(ipv4.protocol, datagram.end - ipv4.payloadOffset));
    return this.#traced(skb, hook, () => rewrite(datagram, target, manip));
  }

  /** nf_nat_icmp_reply_translation(): the quoted packet as its sender knows it, then the error's own address. */
  #translateError(skb: Skb, at: { readonly hook: HookName; readonly datagram: Datagram }): NfVerdict {
    const entry = skb.ct;
    assert(entry !== undefined, 'a related packet has a connection');
    const { hook, datagram } = at;
    const manip = manipOf(hook);
    const icmp = Icmp.parse(datagram.view, skb.ipv4.payloadOffset, datagram.end);
    if (icmp === undefined || !icmp.checksumValid(datagram.end)) {
      return this.#drop(skb, 'nat: truncated ICMP error, or bad checksum');
    }
    if (icmp.type === ICMP_TYPE.redirect && !mayRedirect(entry)) {
      return this.#drop(skb, 'nat: a redirect cannot be translated');
    }
    const direction = directionOf(skb.ctInfo);
    if (!entry.has(natBit(manip, direction))) return 'accept';

    const other = entry.tuple(opposite(direction));
    skb.ensureWritable(ICMP_HEADER_LENGTH + IPV4_HEADER_LENGTH);
    const quoted: Datagram = { view: datagram.view, offset: icmp.payloadOffset, end: datagram.end };
    // The error itself has no port: only its address follows.
    const outer = inverted(other);
    assert(outer !== undefined, 'a tuple of a connection can be turned around');
    outer.protocol = IP_PROTOCOL.icmp;
    return this.#traced(skb, hook, () => {
      if (!rewrite(quoted, other, otherManip(manip))) return false;
      icmp.fillChecksum(datagram.end);
      return rewrite(datagram, outer, manip);
    });
  }

  #traced(skb: Skb, hook: HookName, change: () => boolean): NfVerdict {
    const before = this.#context.emulation.tracer === undefined ? undefined : headerTuple(skb);
    if (!change()) return this.#drop(skb, 'nat: no room for the translated header');
    if (before !== undefined) {
      const type = manipOf(hook) === 'src' ? 'snat' : 'dnat';
      this.#context.trace(skb, { kind: 'nat', hook, type, before, after: headerTuple(skb) });
    }
    return 'accept';
  }

  #drop(skb: Skb, note: string): 'drop' {
    this.#context.drop(skb, 'netfilter-drop', note);
    return 'drop';
  }
}

/** nf_nat_oif_changed(). */
const movedDevice = (entry: CtEntry, skb: Skb, outIfindex: number): boolean =>
  entry.masqueradeIndex !== 0 && outIfindex !== 0 && outIfindex !== entry.masqueradeIndex && !isReply(skb.ctInfo);

/** The gateway in a redirect is an address that nobody translates. */
const mayRedirect = (entry: CtEntry): boolean =>
  (entry.status & NAT_DONE_BITS) === NAT_DONE_BITS && !entry.has(NAT_BITS);

/** The packet's own headers, for a trace. */
function headerTuple(skb: Skb): CtTuple {
  const tuple = emptyTuple();
  const { ipv4 } = skb;
  readTuple(tuple, ipv4, ipv4.payloadOffset, Math.min(skb.tail, ipv4.end));
  return tuple;
}
