/**
 * IPv4 (RFC 791, RFC 1812), stage by stage as net/ipv4 has it:
 *
 *     receive ─ PREROUTING ─ receiveFinish ─┬─ localDeliver ─ INPUT ─ protocol
 *      (ip_rcv)              (route)        └─ forward ─ FORWARD ─ output ─ POSTROUTING ─ neighbour
 */

import {
  ICMP_TYPE,
  ICMP_UNREACHABLE_CODE,
  INADDR_ANY,
  IP_PROTOCOL,
  IPV4_HEADER_LENGTH,
  Ipv4,
  Icmp as IcmpHeader,
  isIcmpError,
} from '../../packet/index.js';
import type { DropReason } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { Errno } from '../errors.js';
import type { Flow4, RouteResult } from '../fib/index.js';
import type { Netns } from '../netns.js';
import type { Skb } from '../skb.js';
import { Defrag } from './defrag.js';
import { portsOf } from './flow-ports.js';
import { checkHeader } from './header.js';
import { Icmp } from './icmp.js';
import { InetPeers } from './inet-peer.js';
import {
  type EchoedOptions,
  echoOptions,
  forwardOptions,
  type MalformedOptions,
  type ReceivedOptions,
  receiveOptions,
} from './options.js';
import { Ipv4Output, type SendRequest } from './output.js';
import type { QuotingError } from './quoting-error.js';
import { traceRoute } from './route-step.js';

/** More forwarding hops than any TTL allows: encapsulation in a loop. */
const MAX_HOPS = 512;

/** ip_error(): what the sender is told for what the routing tables say; of other errors it is told nothing. */
const UNREACHABLE_BY_ERROR: Readonly<Partial<Record<Errno, number>>> = {
  EHOSTUNREACH: ICMP_UNREACHABLE_CODE.host,
  ENETUNREACH: ICMP_UNREACHABLE_CODE.network,
  EACCES: ICMP_UNREACHABLE_CODE.filtered,
};

/** A tunnel that takes packets off the stack: UDP port or IP protocol. True where it took the packet. */
export type TunnelReceiver = (skb: Skb) => boolean;

export interface UdpTunnel {
  /** encap_rcv. */
  receive(skb: Skb): boolean;
  /** encap_err_lookup: whether a datagram to its port, of which an ICMP error quotes the beginning, is one of its own. */
  sent(view: DataView, payload: number, end: number): boolean;
}

export class Ipv4Stack {
  readonly icmp: Icmp;
  readonly output: Ipv4Output;
  readonly defrag: Defrag;
  /** UDP ports with an encapsulation socket (udp_tunnel_sock): VXLAN. */
  readonly udpTunnels = new Map<number, UdpTunnel>();
  /** IP protocols with a tunnel handler: IP-in-IP. */
  readonly protocolTunnels = new Map<number, TunnelReceiver>();
  /** What those handlers do about ICMP errors that quote their packets (net_protocol.err_handler). */
  readonly tunnelErrors = new Map<number, (error: QuotingError) => void>();
  readonly #netns: Netns;
  readonly #peers: InetPeers;

  constructor(netns: Netns) {
    this.#netns = netns;
    this.#peers = new InetPeers(netns.emulation.clock);
    this.icmp = new Icmp(netns, this.#peers);
    this.output = new Ipv4Output(netns);
    this.defrag = new Defrag(netns);
  }

  /** ip_route_output_key(). */
  route(flow: Flow4): RouteResult | Errno {
    return this.#netns.fib.routeOutput(flow);
  }

  send(skb: Skb, request: SendRequest): Errno | undefined {
    return this.output.send(skb, request);
  }

  sendRaw(skb: Skb): Errno | undefined {
    return this.output.sendRaw(skb);
  }

  reroute(skb: Skb): Errno | undefined {
    return this.output.reroute(skb);
  }

  /** ip_rcv(): checks the header, then PREROUTING. `data` stands at the IPv4 header. */
  receive(dev: Device, skb: Skb): void {
    const netns = this.#netns;
    if (skb.packetType === 'otherhost') {
      netns.drop(skb, 'otherhost');
      return;
    }
    const { mib } = netns;
    mib.IpInReceives += 1;
    mib.IpExtInOctets += skb.length;
    const bad = checkHeader(skb, mib);
    if (bad !== undefined) {
      netns.drop(skb, bad);
      return;
    }
    if (skb.physIn !== undefined && !skb.sabotageInDone) {
      // br_netfilter_hooks.c:ip_sabotage_in(): the bridge has asked PREROUTING already. physdev still knows the port.
      skb.sabotageInDone = true;
    } else if (netns.netfilter.run('prerouting', skb, dev, undefined) !== 'accept') return;
    this.receiveFinish(dev, skb);
  }

  /** ip_rcv_finish(): where does it go? A packet that came over lo knows already. */
  receiveFinish(dev: Device, skb: Skb): void {
    const netns = this.#netns;
    const header = skb.ipv4;
    if (skb.route === undefined) {
      const ports = portsOf(skb, header);
      const route = netns.fib.routeInput({
        destination: header.destination,
        source: header.source,
        tos: header.tos,
        mark: skb.mark,
        iif: dev,
        protocol: header.protocol,
        sourcePort: ports >>> 16,
        destinationPort: ports & 0xffff,
        hashedAs: header.protocol === IP_PROTOCOL.icmp ? quotedBy(skb, header) : undefined,
      });
      if (typeof route === 'string') {
        if (route === 'ip-rpfilter') netns.mib.TcpExtIPReversePathFilter += 1;
        netns.drop(skb, route);
        return;
      }
      skb.route = route;
    }
    if (header.headerLength > IPV4_HEADER_LENGTH && !this.#optionsAccepted(dev, skb, header)) return;
    this.#dispatch(dev, skb, skb.route);
  }

  /** dst_input(). */
  #dispatch(dev: Device, skb: Skb, route: RouteResult): void {
    switch (route.type) {
      case 'broadcast':
      case 'multicast':
        this.#countForMany(skb, route.type);
        this.#traceInput(skb);
        this.localDeliver(skb);
        return;
      case 'local':
        this.#traceInput(skb);
        this.localDeliver(skb);
        return;
      case 'unicast':
        this.#traceInput(skb);
        this.forward(skb, route);
        return;
      default:
        this.#traceInput(skb);
        this.#unroutable(dev, skb, route);
    }
  }

  #countForMany(skb: Skb, type: 'broadcast' | 'multicast'): void {
    const { mib } = this.#netns;
    const length = skb.tail - skb.network;
    if (type === 'multicast') {
      mib.IpExtInMcastPkts += 1;
      mib.IpExtInMcastOctets += length;
    } else {
      mib.IpExtInBcastPkts += 1;
      mib.IpExtInBcastOctets += length;
    }
  }

  /** ip_error(), or dst_discard() for a blackhole. */
  #unroutable(dev: Device, skb: Skb, route: RouteResult): void {
    const netns = this.#netns;
    const by = route.route;
    if (dev.ipv4Conf.forwarding === 0) {
      netns.mib.IpInAddrErrors += 1;
      netns.drop(skb, 'ip-inaddrerrors', 'not an address of this host, and forwarding is off');
      return;
    }
    if (route.type === 'blackhole') {
      netns.drop(skb, 'ip-innoroutes', 'blackhole route', by);
      return;
    }
    const error = route.error ?? 'ENETUNREACH';
    if (error === 'ENETUNREACH') netns.mib.IpExtInNoRoutes += 1;
    const code = UNREACHABLE_BY_ERROR[error];
    if (code === undefined) {
      netns.drop(skb, 'ip-innoroutes', 'no route', by);
      return;
    }
    const told = this.#peers.allowError(skb.ipv4.source);
    if (told) this.icmp.send(skb, ICMP_TYPE.destinationUnreachable, code);
    const what = by === undefined ? 'no route' : `${route.type} route`;
    netns.drop(skb, 'ip-innoroutes', told ? what : `${what}; the sender has been told too often`, by);
  }

  /** ip_local_deliver(): reassembles, INPUT, then the protocol. */
  localDeliver(skb: Skb): void {
    const netns = this.#netns;
    if (skb.ipv4.isFragment) {
      const gathered = this.defrag.gather(skb, 'local-deliver');
      if (gathered === 'queued') return;
      if (gathered !== 'complete') {
        netns.drop(skb, gathered);
        return;
      }
      skb.transport = skb.network + skb.ipv4.headerLength;
    }
    if (netns.netfilter.run('input', skb, skb.dev, undefined) !== 'accept') return;
    this.#toProtocol(skb);
  }

  /** ip_local_deliver_finish(). */
  #toProtocol(skb: Skb): void {
    const netns = this.#netns;
    const header = skb.ipv4;
    skb.data = skb.network + header.headerLength;
    skb.transport = skb.data;
    const { protocol } = header;
    const reason = this.#taken(skb, protocol) ? undefined : this.#handler(skb, protocol);
    if (reason === 'ip-noproto') netns.mib.IpInUnknownProtos += 1;
    else netns.mib.IpInDelivers += 1;
    if (reason !== undefined) netns.drop(skb, reason);
  }

  /** A tunnel has it. */
  #taken(skb: Skb, protocol: number): boolean {
    if (protocol === IP_PROTOCOL.udp && skb.tail - skb.data >= 8) {
      const tunnel = this.udpTunnels.get(skb.view.getUint16(skb.data + 2));
      if (tunnel?.receive(skb) === true) return true;
    }
    return this.protocolTunnels.get(protocol)?.(skb) === true;
  }

  #handler(skb: Skb, protocol: number): DropReason | undefined {
    if (protocol === IP_PROTOCOL.icmp) return this.icmp.receive(skb);
    // tcp_v4_rcv() wants what was sent to this host alone, on the link too.
    if (protocol === IP_PROTOCOL.tcp)
      return skb.packetType === 'host' ? this.#netns.sockets.deliver(skb, protocol) : 'not-specified';
    if (protocol === IP_PROTOCOL.sctp && this.#netns.host.hasModule('sctp'))
      return skb.packetType === 'host' ? this.#netns.sockets.deliver(skb, protocol) : 'not-specified';
    if (protocol === IP_PROTOCOL.udp || protocol === IP_PROTOCOL.udplite) {
      // nf_reset_ct() in __udp4_lib_rcv(): what is answered from here on belongs to no connection yet.
      skb.resetConntrack();
      const reason = this.#netns.sockets.deliver(skb, protocol);
      if (reason === 'no-socket') this.#unreachable(skb, ICMP_UNREACHABLE_CODE.port);
      return reason;
    }
    this.#unreachable(skb, ICMP_UNREACHABLE_CODE.protocol);
    return 'ip-noproto';
  }

  #unreachable(skb: Skb, code: number): void {
    this.icmp.send(skb, ICMP_TYPE.destinationUnreachable, code);
  }

  /** ip_forward(). The route was found before, in ip_rcv_finish(). */
  forward(skb: Skb, route: RouteResult): void {
    const netns = this.#netns;
    if (skb.packetType !== 'host') {
      netns.drop(skb, 'not-specified', 'not addressed to this host on the link');
      return;
    }
    const header = skb.ipv4;
    if (header.ttl <= 1) {
      netns.mib.IpInHdrErrors += 1;
      this.icmp.timeExceeded(skb);
      netns.drop(skb, 'ip-inhdr', 'TTL exceeded');
      return;
    }
    netns.mib.IpForwDatagrams += 1;
    const mtu = this.output.mtu(skb);
    const length = skb.tail - skb.network;
    if (length > mtu && header.dontFragment) {
      netns.mib.IpFragFails += 1;
      this.icmp.fragmentationNeeded(skb, mtu);
      netns.drop(skb, 'pkt-too-big', `${length} octets, MTU ${mtu}, not to be fragmented`);
      return;
    }
    skb.hops += 1;
    if (skb.hops > MAX_HOPS) {
      netns.drop(skb, 'ip-too-many-hops');
      return;
    }
    header.decrementTtl();
    if (route.redirect) this.#redirect(skb, route);
    if (netns.emulation.tracer !== undefined) netns.trace(skb, { kind: 'forward', ttl: header.ttl });
    if (netns.netfilter.run('forward', skb, skb.dev, route.dev) !== 'accept') return;
    this.#forwardOptions(skb);
    this.output.output(skb);
  }

  /** ip_rt_send_redirect(): the sender has a better first hop on its own link. */
  #redirect(skb: Skb, route: RouteResult): void {
    const header = skb.ipv4;
    if (!this.#peers.allowRedirect(header.source)) return;
    this.icmp.send(skb, ICMP_TYPE.redirect, 1, route.gateway ?? header.destination);
  }

  /**
   * ipv4_link_failure(), ipv4_send_dest_unreach(): the neighbour did not answer. Options are read once more, which writes
   * into them once more.
   */
  linkFailure(skb: Skb): void {
    const header = skb.ipv4;
    if (header.headerLength > IPV4_HEADER_LENGTH && skb.dev !== undefined) {
      const options = this.#readOptions(skb.dev, skb, header);
      if ('pointer' in options) return;
      skb.options = options;
    }
    this.icmp.send(skb, ICMP_TYPE.destinationUnreachable, ICMP_UNREACHABLE_CODE.host);
  }

  #readOptions(dev: Device, skb: Skb, header: Ipv4): ReceivedOptions | MalformedOptions {
    const { fib, emulation } = this.#netns;
    const { destination, source, tos } = header;
    return receiveOptions(header, {
      ownAddress: () => {
        const { route } = skb;
        return route === undefined
          ? INADDR_ANY
          : fib.answerFrom({ destination, source, tos, mark: skb.mark, iif: dev }, route);
      },
      isUnicast: (address) => fib.addressType(address) === 'unicast',
      clock: emulation.clock,
    });
  }

  /** ip_rcv_options(). */
  #optionsAccepted(dev: Device, skb: Skb, header: Ipv4): boolean {
    const options = this.#readOptions(dev, skb, header);
    if ('pointer' in options) {
      skb.options = options.before;
      this.#netns.mib.IpInHdrErrors += 1;
      this.icmp.send(skb, ICMP_TYPE.parameterProblem, 0, options.pointer << 24);
      this.#netns.drop(skb, 'ip-inhdr', 'malformed IP option');
      return false;
    }
    if (options.sourceRoute !== 0) {
      this.#netns.drop(skb, 'ip-inhdr', 'source-routed packets are not accepted');
      return false;
    }
    skb.options = options;
    return true;
  }

  /** __ip_options_echo(): what an answer to a packet carries of its options. */
  echoedOptions(skb: Skb): EchoedOptions | 'invalid' | undefined {
    if (skb.options === undefined) return undefined;
    const { fib, emulation } = this.#netns;
    return echoOptions(skb.ipv4, skb.options, {
      isUnicast: (address) => fib.addressType(address) === 'unicast',
      clock: emulation.clock,
    });
  }

  /** ip_forward_options(), with ip_rt_get_source() for the address. */
  #forwardOptions(skb: Skb): void {
    const { options, route } = skb;
    const header = skb.ipv4;
    if (options === undefined || route?.dev === undefined) return;
    const { dev, gateway } = route;
    const { fib } = this.#netns;
    const { destination, source, tos } = header;
    forwardOptions(header, options, () => {
      const found = fib.lookup({ destination, source, tos, mark: skb.mark, oif: dev });
      return found?.route?.prefSrc ?? fib.selectSource(dev, gateway ?? destination, 'global');
    });
  }

  #traceInput(skb: Skb): void {
    if (this.#netns.emulation.tracer === undefined) return;
    traceRoute(this.#netns, skb, 'input');
  }
}

/** ip_multipath_l3_keys(): the header that an ICMP error quotes. */
function quotedBy(skb: Skb, header: Ipv4): Ipv4 | undefined {
  const icmp = header.fragmentOffset === 0 ? IcmpHeader.parse(skb.view, skb.transport, skb.tail) : undefined;
  if (icmp === undefined || !isIcmpError(icmp.type) || icmp.payloadOffset + IPV4_HEADER_LENGTH > skb.tail)
    return undefined;
  return new Ipv4(skb.view, icmp.payloadOffset);
}
