/** ICMP (RFC 792, RFC 1812 §4.3) as net/ipv4/icmp.c has it: errors sent and received, echo answered. */

import {
  encodeIcmp,
  ICMP_HEADER_LENGTH,
  ICMP_TYPE,
  ICMP_UNREACHABLE_CODE,
  Icmp as IcmpHeader,
  INADDR_ANY,
  IP_PROTOCOL,
  IPV4_HEADER_LENGTH,
  Ipv4,
  type Ipv4Addr,
  isIcmpError,
  UDP_HEADER_LENGTH,
  Udp,
} from '../../packet/index.js';
import type { DropReason } from '../../trace/index.js';
import { timeOfDayMs } from '../clock.js';
import { directionOf, IPS } from '../conntrack/entry.js';
import type { Flow4, RouteResult } from '../fib/index.js';
import type { Netns } from '../netns.js';
import type { Skb } from '../skb.js';
import { forbidden, TYPE_MAX } from './icmp-forbidden.js';
import { IcmpLimits } from './icmp-limits.js';
import type { InetPeers } from './inet-peer.js';
import type { EchoedOptions } from './options.js';
import { heedRedirect, REDIRECT_CODE_MAX } from './redirect.js';

/** RFC 1812 §4.3.2.3: as much of the packet as makes 576 octets in all. */
const ERROR_LENGTH_MAX = 576;
/** IPTOS_PREC_INTERNETCONTROL. */
const INTERNETWORK_CONTROL = 0xc0;
const TOS_MASK = 0x1e;
/** Of raw sockets that only send: icmp_socket_deliver() has nobody to tell of its packets, and counts a mistake. */
const IPPROTO_RAW = 255;

/** __ip_make_skb() counts the type of the flow, which icmp_reply() leaves at 0: every answer is counted as one of echo. */
const countedAs = (type: number): number => (type === ICMP_TYPE.timestampReply ? ICMP_TYPE.echoReply : type);

export class Icmp {
  readonly #netns: Netns;
  readonly #limits: IcmpLimits;

  constructor(netns: Netns, peers: InetPeers) {
    this.#netns = netns;
    this.#limits = new IcmpLimits(netns, peers);
  }

  timeExceeded(skb: Skb): void {
    this.send(skb, ICMP_TYPE.timeExceeded, 0);
  }

  fragmentationNeeded(skb: Skb, mtu: number): void {
    this.send(skb, ICMP_TYPE.destinationUnreachable, ICMP_UNREACHABLE_CODE.fragmentationNeeded, mtu);
  }

  /** __icmp_send(): an error about `skb`, unless one of its many conditions forbids it. `info` is the second word. */
  send(skb: Skb, type: number, code: number, info = 0): void {
    const about = skb.ipv4;
    const note = forbidden(skb, about, type);
    if (note !== undefined) {
      this.#step(skb, { type, code, to: about.source, note });
      return;
    }
    const tos = isIcmpError(type) ? (about.tos & TOS_MASK) | INTERNETWORK_CONTROL : about.tos;
    const mark = this.#replyMark(skb);
    const route = this.#netns.fib.routeOutput({
      destination: about.source,
      source: this.#errorSource(skb, about),
      tos,
      mark,
      protocol: IP_PROTOCOL.icmp,
      hashedAs: about,
    });
    if (typeof route === 'string') {
      this.#step(skb, { type, code, to: about.source, note: `no route back: ${route}` });
      return;
    }
    const limit = this.#limits.allow(type, code, {
      destination: about.source,
      loopback: route.dev?.isLoopback ?? false,
    });
    if (limit !== undefined) {
      this.#step(skb, { type, code, to: about.source, note: limit });
      return;
    }
    const options = this.#netns.ipv4.echoedOptions(skb);
    if (options === 'invalid') {
      this.#step(skb, { type, code, to: about.source, note: 'its options cannot be echoed' });
      return;
    }
    if (this.#netns.emulation.sendsIcmp) {
      this.#step(skb, { type, code, to: about.source, note: 'this was to be told while another ICMP message is sent' });
      return;
    }
    this.#step(skb, { type, code, to: about.source, note: undefined });
    options?.stamp(route.source);
    const optionsLength = options?.octets.length ?? 0;
    const room = Math.min(route.mtu, ERROR_LENGTH_MAX) - IPV4_HEADER_LENGTH - optionsLength - ICMP_HEADER_LENGTH;
    const quoted = Math.min(skb.tail - skb.network, room);
    const answer = this.#netns.emulation.allocSkb(ICMP_HEADER_LENGTH + quoted);
    answer.parent = skb.id;
    answer.slab.bytes.set(skb.slab.bytes.subarray(skb.network, skb.network + quoted), answer.data + ICMP_HEADER_LENGTH);
    answer.tail = answer.data + ICMP_HEADER_LENGTH + quoted;
    encodeIcmp(answer.view, answer.data, { type, code, rest: info, payloadLength: quoted });
    // icmp_glue_bits(): the connection may never be in the table, and the error belongs to it all the same.
    if (isIcmpError(type)) this.#netns.conntrack.attach(answer, skb);
    this.#transmit(answer, { route, destination: about.source, tos, mark, options });
  }

  /** icmp_ndo_send(): from a device's own transmit, where NAT may have put another source in already. */
  sendFromDevice(skb: Skb, type: number, code: number, info: number): void {
    const { ct } = skb;
    if (ct === undefined || !ct.has(IPS.srcNat | IPS.dstNat)) {
      this.send(skb, type, code, info);
      return;
    }
    const header = skb.ipv4;
    const { source } = header;
    header.source = ct.tuple(directionOf(skb.ctInfo)).source;
    this.send(skb, type, code, info);
    header.source = source;
  }

  /** icmp_rcv(). `data` stands at the ICMP header. */
  receive(skb: Skb): DropReason | undefined {
    const { mib } = this.#netns;
    mib.IcmpInMsgs += 1;
    const icmp = IcmpHeader.parse(skb.view, skb.data, skb.tail);
    if (icmp === undefined) return this.#inError('pkt-too-small');
    if (!icmp.checksumValid(skb.tail)) {
      mib.IcmpInCsumErrors += 1;
      return this.#inError('icmp-csum');
    }
    mib.countIcmpIn(icmp.type);
    if (icmp.type > TYPE_MAX) return this.#inError('unhandled-proto');
    const toMany = skb.route?.type === 'broadcast' || skb.route?.type === 'multicast';
    if (toMany && !this.#takesFromMany(icmp.type)) return this.#inError('not-specified');
    switch (icmp.type) {
      case ICMP_TYPE.echoRequest:
        return this.#echo(skb, icmp);
      case ICMP_TYPE.timestampRequest:
        return this.#timestamp(skb, icmp);
      case ICMP_TYPE.echoReply:
        return this.#netns.sockets.deliver(skb, IP_PROTOCOL.icmp);
      case ICMP_TYPE.destinationUnreachable:
      case ICMP_TYPE.timeExceeded:
      case ICMP_TYPE.parameterProblem:
      case ICMP_TYPE.sourceQuench:
      case ICMP_TYPE.redirect:
        return this.#error(skb, icmp);
      default:
        return 'not-specified';
    }
  }

  #inError(reason: DropReason): DropReason {
    this.#netns.mib.IcmpInErrors += 1;
    return reason;
  }

  /**
   * RFC 1122 §3.2.2.6 and §3.2.2.8: what may be sent to everybody, and is answered only where that is wanted. Masks are
   * never told, and who asks for them makes no mistake.
   */
  #takesFromMany(type: number): boolean {
    if (type === ICMP_TYPE.addressMaskRequest || type === ICMP_TYPE.addressMaskReply) return true;
    if (type !== ICMP_TYPE.echoRequest && type !== ICMP_TYPE.timestampRequest) return false;
    return this.#netns.sysctl.values['ipv4.icmp_echo_ignore_broadcasts'] === 0;
  }

  /** icmp_echo(). */
  #echo(skb: Skb, icmp: IcmpHeader): DropReason | undefined {
    if (this.#netns.sysctl.values['ipv4.icmp_echo_ignore_all'] !== 0) return 'not-specified';
    const { bytes } = skb.slab;
    this.#reply(skb, icmp, {
      type: ICMP_TYPE.echoReply,
      note: 'echo request, answered by the kernel',
      payload: bytes.subarray(icmp.payloadOffset, skb.tail),
    });
    return undefined;
  }

  /** icmp_timestamp() (RFC 1122 §3.2.2.8): originate as it came, receive and transmit of now. */
  #timestamp(skb: Skb, icmp: IcmpHeader): DropReason | undefined {
    if (skb.tail - icmp.payloadOffset < 4) return this.#inError('pkt-too-small');
    const payload = new Uint8Array(12);
    const view = new DataView(payload.buffer);
    const now = timeOfDayMs(this.#netns.emulation.clock);
    view.setUint32(0, skb.view.getUint32(icmp.payloadOffset));
    view.setUint32(4, now);
    view.setUint32(8, now);
    const note = 'timestamp request, answered by the kernel';
    this.#reply(skb, icmp, { type: ICMP_TYPE.timestampReply, note, payload });
    return undefined;
  }

  /** icmp_reply(). */
  #reply(
    skb: Skb,
    icmp: IcmpHeader,
    answer: { readonly type: number; readonly note: string; readonly payload: Uint8Array },
  ): void {
    const netns = this.#netns;
    const request = skb.ipv4;
    if (netns.emulation.tracer !== undefined) {
      netns.trace(skb, { kind: 'deliver', protocol: IP_PROTOCOL.icmp, port: 0, note: answer.note, because: [] });
    }
    const options = this.#netns.ipv4.echoedOptions(skb);
    if (options === 'invalid') return;
    const mark = this.#replyMark(skb);
    const route = netns.fib.routeOutput({
      destination: request.source,
      source: skb.route?.type === 'local' ? request.destination : INADDR_ANY,
      tos: request.tos,
      mark,
      protocol: IP_PROTOCOL.icmp,
    });
    if (typeof route === 'string' || netns.emulation.sendsIcmp) return;
    options?.stamp(route.source);
    const { payload } = answer;
    const reply = netns.emulation.allocSkb(ICMP_HEADER_LENGTH + payload.length);
    reply.parent = skb.id;
    reply.slab.bytes.set(payload, reply.data + ICMP_HEADER_LENGTH);
    reply.tail = reply.data + ICMP_HEADER_LENGTH + payload.length;
    encodeIcmp(reply.view, reply.data, { type: answer.type, code: 0, rest: icmp.rest, payloadLength: payload.length });
    this.#transmit(reply, { route, destination: request.source, tos: request.tos, mark, options });
  }

  /** icmp_push_reply(). */
  #transmit(
    skb: Skb,
    about: {
      readonly route: RouteResult;
      readonly destination: Ipv4Addr;
      readonly tos: number;
      readonly mark: number;
      readonly options: EchoedOptions | undefined;
    },
  ): void {
    const { route, destination, tos, mark, options } = about;
    const { emulation, ipv4, sockets, mib } = this.#netns;
    mib.countIcmpOut(countedAs(skb.view.getUint8(skb.data)));
    emulation.sendIcmp(() =>
      ipv4.output.send(skb, {
        source: route.source,
        destination,
        protocol: IP_PROTOCOL.icmp,
        route,
        tos,
        mark,
        dontFragment: false,
        socket: sockets.control,
        options: options?.octets,
        appended: true,
      }),
    );
  }

  /** icmp_unreach(), icmp_socket_deliver(): the sender of the quoted packet is told. */
  #error(skb: Skb, icmp: IcmpHeader): DropReason | undefined {
    const quotedAt = icmp.payloadOffset;
    if (skb.tail - quotedAt < IPV4_HEADER_LENGTH) return this.#inError('pkt-too-small');
    const quoted = new Ipv4(skb.view, quotedAt);
    if (quoted.headerLength < IPV4_HEADER_LENGTH || quotedAt + quoted.headerLength > skb.tail)
      return this.#inError('ip-inhdr');
    const needsFragmentation =
      icmp.type === ICMP_TYPE.destinationUnreachable && icmp.code === ICMP_UNREACHABLE_CODE.fragmentationNeeded;
    const mtu = needsFragmentation ? this.#toldMtu(icmp, quoted) : 0;
    if (mtu === undefined) return undefined;
    const whole = quoted.payloadOffset + 8 <= skb.tail;
    if (!whole || quoted.protocol === IPPROTO_RAW) this.#netns.mib.IcmpInErrors += 1;
    if (quoted.protocol === IP_PROTOCOL.ipip) {
      this.#tunnelError(skb, icmp, { quoted, mtu });
      return undefined;
    }
    const learn = (sender: Pick<Flow4, 'oif' | 'mark'>): void => {
      const { fib } = this.#netns;
      const { source, destination, tos, protocol } = quoted;
      const flow = { source, destination, tos, protocol, ...sender };
      if (needsFragmentation) fib.learnPmtu(destination, mtu, flow);
      else if (icmp.type === ICMP_TYPE.redirect) this.#redirected(skb, icmp, flow);
    };
    if (this.#aboutTunnel(quoted, skb)) return undefined;
    // icmp_err(): replies that the kernel has sent are nobody's else.
    if (
      whole &&
      quoted.protocol === IP_PROTOCOL.icmp &&
      skb.view.getUint8(quoted.payloadOffset) === ICMP_TYPE.echoReply
    )
      learn({});
    this.#netns.sockets.icmpError({
      type: icmp.type,
      code: icmp.code,
      mtu,
      from: skb.ipv4.source,
      view: skb.view,
      quoted: quotedAt,
      end: skb.tail,
      skb,
      learn,
    });
    return undefined;
  }

  /** __udp4_lib_err_encap(): what is quoted went through a tunnel of ours, which wants to hear nothing of it. */
  #aboutTunnel(quoted: Ipv4, skb: Skb): boolean {
    if (quoted.protocol !== IP_PROTOCOL.udp) return false;
    const payload = quoted.payloadOffset + UDP_HEADER_LENGTH;
    if (payload > skb.tail) return false;
    const { destinationPort } = new Udp(skb.view, quoted.payloadOffset);
    return this.#netns.ipv4.udpTunnels.get(destinationPort)?.sent(skb.view, payload, skb.tail) === true;
  }

  /**
   * What icmp_unreach() makes of fragmentation needed by ip_no_pmtu_disc: the MTU; with 1 none, so that the least is taken; with 2
   * no message is heard, with 3 those alone whose protocol can tell them from forged ones.
   */
  #toldMtu(icmp: IcmpHeader, { protocol }: Ipv4): number | undefined {
    switch (this.#netns.sysctl.values['ipv4.ip_no_pmtu_disc']) {
      case 0:
        return icmp.mtu;
      case 2:
        return undefined;
      case 3:
        return protocol === IP_PROTOCOL.tcp || protocol === IP_PROTOCOL.sctp ? icmp.mtu : undefined;
      default:
        return 0;
    }
  }

  /** ip_do_redirect(). */
  #redirected(skb: Skb, icmp: IcmpHeader, flow: Flow4): void {
    const { dev } = skb;
    if (dev === undefined || (icmp.code & 7) > REDIRECT_CODE_MAX) return;
    heedRedirect(this.#netns, { from: skb.ipv4.source, gateway: icmp.gateway, dev }, flow);
  }

  /** icmp_socket_deliver() → tunnel4_err(): what is quoted is a tunnel's outer packet. */
  #tunnelError(skb: Skb, icmp: IcmpHeader, { quoted, mtu }: { quoted: Ipv4; mtu: number }): void {
    const { ipv4 } = this.#netns;
    if (quoted.payloadOffset + 8 > skb.tail) return;
    ipv4.tunnelErrors.get(quoted.protocol)?.({
      type: icmp.type,
      code: icmp.code,
      mtu,
      from: skb.ipv4.source,
      view: skb.view,
      quoted: quoted.offset,
      end: skb.tail,
      skb,
    });
  }

  /** The address that the packet was sent to where it is ours; else routing, or the way in by which it was routed, chooses. */
  #errorSource(skb: Skb, about: Ipv4): Ipv4Addr {
    const netns = this.#netns;
    if (skb.route?.type === 'local') return about.destination;
    if (skb.iif === 0 || skb.route?.fake === true || netns.sysctl.values['ipv4.icmp_errors_use_inbound_ifaddr'] === 0)
      return INADDR_ANY;
    const dev = netns.devices.at(skb.iif);
    return dev === undefined ? INADDR_ANY : netns.fib.selectSource(dev, about.source, 'link');
  }

  #replyMark(skb: Skb): number {
    return this.#netns.sysctl.values['ipv4.fwmark_reflect'] === 0 ? 0 : skb.mark;
  }

  #step(skb: Skb, what: { type: number; code: number; to: Ipv4Addr; note: string | undefined }): void {
    if (this.#netns.emulation.tracer === undefined) return;
    const { type, code, to, note } = what;
    this.#netns.trace(skb, {
      kind: 'icmp',
      type,
      code,
      to,
      sent: note === undefined,
      ...(note === undefined ? {} : { note }),
    });
  }
}
