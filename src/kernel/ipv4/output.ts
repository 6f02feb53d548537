/**
 * The way out (net/ipv4/ip_output.c):
 *
 *     send → OUTPUT → output → POSTROUTING → finish → [fragment] → neighbour → device
 */

import {
  encodeIpv4,
  ETHERTYPE,
  INADDR_ANY,
  IPV4_DONT_FRAGMENT,
  IPV4_HEADER_LENGTH,
  type Ipv4Addr,
} from '../../packet/index.js';
import type { Device } from '../device.js';
import type { Errno } from '../errors.js';
import type { Flow4, RouteResult } from '../fib/index.js';
import type { Netns } from '../netns.js';
import type { Skb } from '../skb.js';
import type { PacketSocket } from '../socket/socket.js';
import { dissected } from './flow-ports.js';
import { boundaries, fragment } from './fragment.js';
import { IdentGenerator } from './ident.js';
import { sentOptions } from './options.js';
import { traceRoute } from './route-step.js';

/** What a transport protocol says of a packet whose header and payload it has written. */
export interface SendRequest {
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly protocol: number;
  readonly route: RouteResult;
  readonly tos?: number | undefined;
  /** Absent: net.ipv4.ip_default_ttl. */
  readonly ttl?: number | undefined;
  readonly dontFragment: boolean;
  /** skb->ignore_df: may be cut here although DF is set. */
  readonly ignoreDontFragment?: boolean | undefined;
  readonly mark?: number | undefined;
  readonly socket?: PacketSocket | undefined;
  /** The transport protocol has told the tracer that it sends. */
  readonly told?: boolean;
  /** Absent: 0 with DF, else the next of the generator. */
  readonly identification?: number | undefined;
  readonly options?: Uint8Array | undefined;
  /** In place of `options`: those of a socket, in which the sender is still to write itself. */
  readonly ownOptions?: Uint8Array | undefined;
  /** Made by ip_append_data(): what is longer than the route takes stands in pieces of that length from the start. */
  readonly appended?: boolean;
}

/** Least MTU that IPv4 runs over (RFC 791). */
const IPV4_MIN_MTU = 68;

export class Ipv4Output {
  readonly #netns: Netns;
  readonly #ident: IdentGenerator;

  constructor(netns: Netns) {
    this.#netns = netns;
    this.#ident = new IdentGenerator(netns.emulation.random);
  }

  /** ip_queue_xmit(), ip_push_pending_frames(): writes the header and sends. `data` stands at the transport header. */
  send(skb: Skb, request: SendRequest): Errno | undefined {
    const { slabs } = this.#netns.emulation;
    const payloadLength = skb.length;
    skb.transport = skb.data;
    const options = this.#options(request);
    const optionsLength = options === undefined ? 0 : (options.length + 3) & ~3;
    const headerLength = IPV4_HEADER_LENGTH + optionsLength;
    if (request.appended === true && headerLength + payloadLength > request.route.mtu)
      skb.pieces = boundaries(payloadLength, Math.max(request.route.mtu, IPV4_MIN_MTU) - headerLength);
    const at = skb.push(headerLength, slabs);
    encodeIpv4(skb.view, at, {
      source: request.source,
      destination: request.destination,
      protocol: request.protocol,
      payloadLength,
      ttl: request.ttl ?? this.#netns.sysctl.values['ipv4.ip_default_ttl'],
      tos: request.tos ?? 0,
      identification: request.identification ?? this.#identification(request),
      flagsAndOffset: request.dontFragment ? IPV4_DONT_FRAGMENT : 0,
      options,
    });
    skb.network = at;
    skb.protocol = ETHERTYPE.ipv4;
    skb.mark = request.mark ?? request.socket?.mark ?? 0;
    skb.socket = request.socket;
    skb.route = request.route;
    const { mib } = this.#netns;
    const refused = this.localOut(skb, request.ignoreDontFragment === true ? 'may-fragment' : 'honour', request.told);
    // ip_send_skb()
    if (refused !== undefined && request.appended === true) mib.IpOutDiscards += 1;
    return refused;
  }

  #options({ options, ownOptions, source }: SendRequest): Uint8Array | undefined {
    if (ownOptions === undefined) return options;
    const { fib, emulation } = this.#netns;
    const isUnicast = (address: Ipv4Addr): boolean => fib.addressType(address) === 'unicast';
    return sentOptions(ownOptions, source, { isUnicast, clock: emulation.clock });
  }

  /** A whole packet made here (a TCP reset by REJECT, a raw socket): routed by its own header, then sent. */
  sendRaw(skb: Skb): Errno | undefined {
    const header = skb.ipv4;
    const flow: Flow4 = {
      destination: header.destination,
      source: header.source,
      tos: header.tos,
      mark: skb.mark,
      protocol: header.protocol,
    };
    const route = this.#netns.fib.routeOutput(flow);
    if (typeof route === 'string') return route;
    skb.transport = skb.network + header.headerLength;
    skb.protocol = ETHERTYPE.ipv4;
    skb.route = route;
    return this.localOut(skb, 'honour');
  }

  /** ip_local_out(). */
  localOut(skb: Skb, dontFragment: 'honour' | 'may-fragment', told = false): Errno | undefined {
    const netns = this.#netns;
    const out = skb.route?.dev;
    netns.mib.IpOutRequests += 1;
    if (netns.emulation.tracer !== undefined) this.#traceSend(skb, told);
    if (netns.netfilter.run('output', skb, undefined, out) !== 'accept') return netns.netfilter.error;
    return this.output(skb, dontFragment);
  }

  /** dst_output(): ip_output(), or what an unusable route does. */
  output(skb: Skb, dontFragment: 'honour' | 'may-fragment' = 'honour'): Errno | undefined {
    const netns = this.#netns;
    const dev = skb.route?.dev;
    if (dev === undefined) {
      netns.drop(skb, 'ip-outnoroutes');
      return 'EHOSTUNREACH';
    }
    skb.dev = dev;
    const type = skb.route?.type;
    if (type === 'multicast' || type === 'broadcast') {
      this.#loopBack(skb, dev);
      if (skb.ipv4.ttl === 0) {
        netns.drop(skb, 'not-specified', 'not for the link: TTL 0');
        return undefined;
      }
    }
    if (netns.netfilter.run('postrouting', skb, undefined, dev) !== 'accept') return netns.netfilter.error;
    return this.#finish(skb, dontFragment);
  }

  /** ip_mc_output(): what goes to many comes to us too, if we are one of them (dev_loopback_xmit()). */
  #loopBack(skb: Skb, dev: Device): void {
    const netns = this.#netns;
    const { route } = skb;
    const { destination } = skb.ipv4;
    // What came in for many is never sent on.
    if (skb.iif !== 0 || route === undefined) return;
    if (route.type === 'multicast' && !netns.fib.inGroup(dev, destination)) return;
    const copy = skb.copy(netns.emulation.slabs);
    copy.parent = skb.id;
    if (netns.netfilter.run('postrouting', copy, undefined, dev) !== 'accept') return;
    copy.packetType = route.type === 'multicast' ? 'multicast' : 'broadcast';
    copy.iif = dev.ifindex;
    netns.emulation.clock.schedule(0, () => netns.ipv4.receive(dev, copy));
  }

  /** ip_finish_output(), ip_fragment(). */
  #finish(skb: Skb, dontFragment: 'honour' | 'may-fragment'): Errno | undefined {
    const netns = this.#netns;
    const mtu = this.mtu(skb);
    const header = skb.ipv4;
    // What came in fragments goes on in fragments, though it would fit.
    if (skb.tail - skb.network <= mtu && skb.fragMaxSize === 0) {
      this.#transmit(skb);
      return undefined;
    }
    const honours = dontFragment === 'honour' && skb.fragMaxSize === 0;
    const { mib } = netns;
    if (header.dontFragment && (honours || skb.fragMaxSize > mtu)) {
      mib.IpFragFails += 1;
      netns.ipv4.icmp.fragmentationNeeded(skb, mtu);
      netns.drop(skb, 'pkt-too-big', `${skb.tail - skb.network} octets, MTU ${mtu}`);
      return 'EMSGSIZE';
    }
    const pieces = fragment(netns.emulation, skb, Math.max(mtu, IPV4_MIN_MTU));
    if (netns.emulation.tracer !== undefined) netns.trace(skb, { kind: 'fragment', mtu, pieces: pieces.length });
    for (const piece of pieces) this.#transmit(piece);
    mib.IpFragCreates += pieces.length;
    mib.IpFragOKs += 1;
    return undefined;
  }

  /** ip_skb_dst_mtu(): a forwarded packet does not look at learned path MTUs (ip_forward_use_pmtu 0). */
  mtu(skb: Skb): number {
    const { route } = skb;
    if (route?.dev === undefined) return 65_535;
    if (skb.socket?.pathMtuDiscovery === 'probe') return route.dev.mtu;
    if (skb.iif === 0 || this.#netns.sysctl.values['ipv4.ip_forward_use_pmtu'] !== 0) return route.mtu;
    return route.route?.mtu ?? route.dev.mtu;
  }

  /** ip_finish_output2(). */
  #transmit(skb: Skb): void {
    const { route } = skb;
    if (route?.dev === undefined) return;
    skb.data = skb.network;
    this.#count(skb, route.type);
    this.#netns.neighbours.output(skb, route.dev, route.gateway ?? skb.ipv4.destination);
    this.#netns.emulation.endOfTransmission();
  }

  #count({ length }: Skb, type: RouteResult['type']): void {
    const { mib } = this.#netns;
    mib.IpOutTransmits += 1;
    mib.IpExtOutOctets += length;
    if (type === 'multicast') {
      mib.IpExtOutMcastPkts += 1;
      mib.IpExtOutMcastOctets += length;
    } else if (type === 'broadcast') {
      mib.IpExtOutBcastPkts += 1;
      mib.IpExtOutBcastOctets += length;
    }
  }

  /**
   * ip_route_me_harder(): a hook of OUTPUT changed what the route depends on.
   * An error where there is no route any more; the packet is then dropped here.
   */
  reroute(skb: Skb): Errno | undefined {
    const netns = this.#netns;
    const header = skb.ipv4;
    const { source } = header;
    const kept = netns.fib.addressType(source);
    const keeps = kept === 'local' || kept === 'unicast';
    const flow: Flow4 = {
      destination: header.destination,
      source: keeps ? source : INADDR_ANY,
      anySource: keeps,
      tos: header.tos,
      mark: skb.mark,
      ...(netns.fib.dissects ? dissected(skb, header) : {}),
      oif: skb.socket?.device,
    };
    const route = netns.fib.routeOutput(flow);
    if (typeof route === 'string') {
      netns.drop(skb, 'ip-outnoroutes', 'no route after OUTPUT changed the packet');
      return route;
    }
    skb.route = route;
    return undefined;
  }

  /** __ip_select_ident(): the next identification of packets of a protocol between two addresses. */
  selectIdent(source: Ipv4Addr, destination: Ipv4Addr, protocol: number): number {
    return this.#ident.next(source, destination, protocol);
  }

  #identification(request: SendRequest): number {
    if (request.dontFragment && request.ignoreDontFragment !== true) return 0;
    return this.selectIdent(request.source, request.destination, request.protocol);
  }

  /** A socket says itself that it sent; what the kernel makes on its own is said here. */
  #traceSend(skb: Skb, told: boolean): void {
    const { protocol } = skb.ipv4;
    if (!told) this.#netns.trace(skb, { kind: 'send', protocol, note: 'made by the kernel' });
    traceRoute(this.#netns, skb, 'output');
  }
}
