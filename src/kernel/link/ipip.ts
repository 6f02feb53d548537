/**
 * ipip: IPv4 in IPv4 (RFC 2003; net/ipv4/ipip.c, ip_tunnel.c, ip_tunnel_core.c). A device without a link layer, whose
 * wire is IP protocol 4.
 *
 *     packet for the device ─ remote address (the tunnel's, or the route's gateway) ─ route ─ path MTU ─ outer header
 *                                                                                       └ OUTPUT ─ POSTROUTING ─ wire
 *     protocol 4 for us ─ tunnel by (local, remote), tunl0 last ─ ECN ─ received by the tunnel's device
 *
 * The module brings a device of its own into every namespace, `tunl0`: local and remote any, so that it sends to the
 * gateway of the route that led there, and takes what no other tunnel takes.
 *
 * Differs: a tunnel cannot be moved into another namespace; path MTUs are
 * never locked. Not modelled: metadata mode (`external`), encapsulation in UDP (`encap fou|gue`), MPLS inside.
 */

import {
  ETHERTYPE,
  ICMP_TIME_EXCEEDED_CODE,
  ICMP_TYPE,
  ICMP_UNREACHABLE_CODE,
  INADDR_ANY,
  IP_PROTOCOL,
  IPV4_HEADER_LENGTH,
  Ipv4,
  type Ipv4Addr,
  isMulticast,
} from '../../packet/index.js';
import { NS_PER_S } from '../clock.js';
import { Device, type DeviceOptions } from '../device.js';
import type { RouteResult } from '../fib/index.js';
import type { IpipState } from '../host-state.js';
import type { QuotingError } from '../ipv4/quoting-error.js';
import type { Netns } from '../netns.js';
import type { Skb } from '../skb.js';
import { decapsulateEcn, encapsulateEcn } from './ecn.js';
import { packetHash } from './flow-hash.js';

/** Outer header. */
export const IPIP_OVERHEAD = IPV4_HEADER_LENGTH;
/** What the module's own device is (ip_tunnel_init_net()). */
export const FALLBACK_TUNNEL: IpipState = {
  local: INADDR_ANY,
  remote: INADDR_ANY,
  ttl: 0,
  tos: 0,
  pmtudisc: false,
  fwmark: 0,
  mode: 'any',
  fallback: true,
};
/** In a TOS: take the inner packet's. */
const TOS_INHERIT = 1;
const DSCP_MASK = 0xfc;
/** ETH_DATA_LEN. */
const ETHERNET_MTU = 1500;
const IPV4_MIN_MTU = 68;
/** IPTUNNEL_ERR_TIMEO: so long a sender is told of an error of the way between the tunnel's ends. */
const ERROR_TIMEOUT_NS = 30 * NS_PER_S;

export class Ipip extends Device {
  readonly kind = 'ipip';
  config: IpipState;
  /** ip_tunnel.err_count, err_time. */
  #errors = 0;
  #lastErrorNs = 0;

  constructor(options: DeviceOptions, config: IpipState) {
    super(options);
    this.config = config;
  }

  /** IFF_POINTOPOINT. */
  override get pointToPoint(): boolean {
    return this.config.remote !== INADDR_ANY;
  }

  /** Only what went out wrapped counts as sent (iptunnel_xmit_stats()). */
  protected override countTransmitted(): void {}

  /** ipip_tunnel_xmit(), ip_tunnel_xmit(): `data` stands at the inner header, and the way here is still known. */
  startXmit(skb: Skb): void {
    if (skb.protocol !== ETHERTYPE.ipv4 || skb.length < IPV4_HEADER_LENGTH) {
      this.#fail(skb, 'only IPv4 goes into the tunnel');
      return;
    }
    skb.network = skb.data;
    const inner = skb.ipv4;
    const destination = this.#destination(skb, inner);
    if (destination === undefined) {
      this.#fail(skb, 'the tunnel has no remote address, and no route says which');
      return;
    }
    const tos = this.config.tos & TOS_INHERIT ? inner.tos : this.config.tos;
    const route = this.#route(skb, destination, tos);
    if (typeof route === 'string') {
      this.counters.txCarrierErrors += 1;
      this.#fail(skb, `no route to the other end: ${route}`);
      return;
    }
    if (route.dev === this) {
      this.counters.collisions += 1;
      this.#fail(skb, 'the route to the other end leads into the tunnel itself');
      return;
    }
    const dontFragment = this.config.pmtudisc || inner.dontFragment;
    if (!this.#fitsPath(skb, route, dontFragment)) return;
    this.#reportErrors(skb);
    // iptunnel_xmit(): where nobody looks for the path's MTU, the outer packet may be cut.
    const mayNot = dontFragment && !route.mtuLocked;
    this.#send(skb, { route, destination, tos: encapsulateEcn(tos, inner.tos), dontFragment: mayNot });
  }

  /** The tunnel's own, or in an NBMA tunnel the gateway (rt_nexthop()). */
  #destination(skb: Skb, inner: Ipv4): Ipv4Addr | undefined {
    const { remote } = this.config;
    if (remote !== INADDR_ANY) return remote;
    return skb.route === undefined ? undefined : (skb.route.gateway ?? inner.destination);
  }

  #route(skb: Skb, destination: Ipv4Addr, tos: number): RouteResult | string {
    const { netns, config } = this;
    const lower = config.dev === undefined ? undefined : netns.devices.named(config.dev);
    if (config.dev !== undefined && lower === undefined) return `${config.dev} is gone`;
    const route = netns.fib.routeOutput({
      destination,
      source: config.local,
      tos: tos & DSCP_MASK,
      mark: config.fwmark,
      protocol: IP_PROTOCOL.ipip,
      hash: packetHash(skb),
      ...(lower === undefined ? {} : { oif: lower }),
    });
    return typeof route !== 'string' && route.dev === undefined ? 'EHOSTUNREACH' : route;
  }

  /**
   * tnl_update_pmtu(): the route that led here learns what the way between the tunnel's ends takes, and the sender of
   * what must not be cut is told. False where the packet has ended here.
   */
  #fitsPath(skb: Skb, route: RouteResult, dontFragment: boolean): boolean {
    const { netns } = this;
    const inner = skb.ipv4;
    const mtu = dontFragment ? route.mtu - IPIP_OVERHEAD : this.#innerMtu(skb, inner);
    if (skb.route !== undefined) {
      netns.fib.learnPmtu(inner.destination, mtu, {
        source: inner.source,
        tos: inner.tos,
        mark: skb.mark,
        protocol: inner.protocol,
        oif: this,
      });
    }
    if (!inner.dontFragment || skb.length <= mtu) return true;
    netns.ipv4.icmp.sendFromDevice(
      skb,
      ICMP_TYPE.destinationUnreachable,
      ICMP_UNREACHABLE_CODE.fragmentationNeeded,
      mtu,
    );
    this.counters.txErrors += 1;
    this.drop(skb, 'not-specified', `${skb.length} octets, ${mtu} go through the tunnel, not to be fragmented`);
    return false;
  }

  #innerMtu(skb: Skb, inner: Ipv4): number {
    return skb.route === undefined ? this.mtu : this.netns.fib.dstMtu(skb.route, inner.destination);
  }

  /** Errors that came from the way between the ends are passed on to whoever sends next, one for each. */
  #reportErrors(skb: Skb): void {
    if (this.#errors === 0) return;
    if (this.netns.emulation.clock.nowNs >= this.#lastErrorNs + ERROR_TIMEOUT_NS) {
      this.#errors = 0;
      return;
    }
    this.#errors -= 1;
    this.netns.ipv4.linkFailure(skb);
  }

  /** iptunnel_xmit(). */
  #send(
    skb: Skb,
    to: {
      readonly route: RouteResult;
      readonly destination: Ipv4Addr;
      readonly tos: number;
      readonly dontFragment: boolean;
    },
  ): void {
    const { netns, config, counters } = this;
    const { length, mark } = skb;
    const { ttl } = skb.ipv4;
    const { source } = to.route;
    skb.scrub(false);
    skb.iif = 0;
    const { route, destination, tos, dontFragment } = to;
    if (netns.emulation.tracer !== undefined)
      netns.trace(skb, { kind: 'encapsulate', dev: this.name, protocol: 'ipip', source, destination });
    const refused = netns.ipv4.output.send(skb, {
      source,
      destination,
      protocol: IP_PROTOCOL.ipip,
      route,
      tos,
      ttl: config.ttl === 0 ? ttl : config.ttl,
      mark,
      dontFragment,
      // It has one although it is not to be cut.
      identification: netns.ipv4.output.selectIdent(source, destination, IP_PROTOCOL.ipip),
      socket: skb.socket,
    });
    if (refused === undefined) {
      counters.txPackets += 1;
      counters.txBytes += length;
    } else counters.txDropped += 1;
  }

  /** tx_error: kfree_skb() without a reason of its own. */
  #fail(skb: Skb, note: string): void {
    this.counters.txErrors += 1;
    this.drop(skb, 'not-specified', note);
  }

  /** ip_tunnel_rcv(): `data` stands at the inner header. */
  decapsulate(skb: Skb, outerTos: number): void {
    const { netns, counters } = this;
    skb.scrub(false);
    skb.hash = 0;
    skb.mac = -1;
    skb.network = skb.data;
    skb.protocol = ETHERTYPE.ipv4;
    if (!decapsulateEcn(skb.ipv4, outerTos)) {
      counters.rxErrors += 1;
      this.drop(skb, 'not-specified', 'congestion marked outside, not ECN-capable inside');
      return;
    }
    if (netns.emulation.tracer !== undefined)
      netns.trace(skb, { kind: 'decapsulate', dev: this.name, protocol: 'ipip' });
    netns.emulation.netifRx(this, skb);
  }

  /** ipip_err(), what is left of it when the path MTU has been dealt with. */
  noteError(type: number): void {
    if (this.config.remote === INADDR_ANY) return;
    if (this.config.ttl === 0 && type === ICMP_TYPE.timeExceeded) return;
    const { nowNs } = this.netns.emulation.clock;
    this.#errors = nowNs < this.#lastErrorNs + ERROR_TIMEOUT_NS ? this.#errors + 1 : 1;
    this.#lastErrorNs = nowNs;
  }
}

/** Larger than any rank. */
const NO_MATCH = 4;

/** How well a tunnel's ends fit those of a packet: 0 is best. */
function rankOf({ local, remote }: IpipState, ends: { readonly local: Ipv4Addr; readonly remote: Ipv4Addr }): number {
  if (remote === ends.remote) {
    if (local === ends.local) return 0;
    if (local === INADDR_ANY) return 1;
  }
  if (local === ends.local && remote === INADDR_ANY) return 2;
  if (remote === ends.local && isMulticast(remote)) return 2;
  return local === INADDR_ANY && remote === INADDR_ANY ? 3 : NO_MATCH;
}

/** The tunnels of a namespace (struct ip_tunnel_net), and the handler of their protocol. */
export class IpipTunnels {
  readonly #netns: Netns;
  /** The newest first, as in a bucket of the hash table. */
  #tunnels: readonly Ipip[] = [];

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  /** xfrm4_tunnel_register(): from now on protocol 4 has somebody here. */
  register(): void {
    const { ipv4 } = this.#netns;
    ipv4.protocolTunnels.set(IP_PROTOCOL.ipip, (skb) => this.receive(skb));
    ipv4.tunnelErrors.set(IP_PROTOCOL.ipip, (error) => this.error(error));
  }

  /** ip_tunnel_bind_dev(): what the device to the other end leaves room for, as far as that is known. */
  guessMtu({ local, remote, dev, tos, fwmark }: IpipState): number {
    const { fib, devices } = this.#netns;
    const oif = dev === undefined ? undefined : devices.named(dev);
    const common = { source: local, tos: tos & DSCP_MASK, mark: fwmark, protocol: IP_PROTOCOL.ipip };
    const route =
      remote === INADDR_ANY
        ? undefined
        : fib.routeOutput({ ...common, destination: remote, ...(oif === undefined ? {} : { oif }) });
    const lower = (typeof route === 'string' ? undefined : route?.dev) ?? oif;
    return Math.max((lower?.mtu ?? ETHERNET_MTU) - IPIP_OVERHEAD, IPV4_MIN_MTU);
  }

  add(dev: Ipip): void {
    this.#tunnels = [dev, ...this.#tunnels];
  }

  remove(dev: Ipip): void {
    this.#tunnels = this.#tunnels.filter((one) => one !== dev);
  }

  /** ip_tunnel_find(): the tunnel with exactly these ends. */
  find({ local, remote, dev }: Pick<IpipState, 'local' | 'remote' | 'dev'>): Ipip | undefined {
    return this.#tunnels.find(({ config }) => config.local === local && config.remote === remote && config.dev === dev);
  }

  /**
   * ip_tunnel_lookup(): the tunnel with both ends, else with the remote, else with the local, else one with neither;
   * but rather any of these that stands on the device of arrival. `local` is our end.
   */
  lookup(ends: { readonly local: Ipv4Addr; readonly remote: Ipv4Addr }, link: Device | undefined): Ipip | undefined {
    let onLink: Ipip | undefined;
    let onLinkRank = NO_MATCH;
    let candidate: Ipip | undefined;
    let candidateRank = NO_MATCH;
    for (const dev of this.#tunnels) {
      const rank = dev.up ? rankOf(dev.config, ends) : NO_MATCH;
      if (rank === NO_MATCH) continue;
      const { dev: lower } = dev.config;
      if (lower !== undefined && this.#netns.devices.named(lower) === link) {
        if (rank < onLinkRank) [onLink, onLinkRank] = [dev, rank];
      } else if (rank < candidateRank || rank === 0) {
        // Of several with both ends the oldest is left.
        [candidate, candidateRank] = [dev, rank];
      }
    }
    return onLink ?? candidate;
  }

  /** tunnel4_rcv(), ipip_rcv(): always the owner of the packet. */
  receive(skb: Skb): boolean {
    const netns = this.#netns;
    if (skb.length < IPV4_HEADER_LENGTH) {
      netns.drop(skb, 'not-specified', 'IP-in-IP without a header inside');
      return true;
    }
    const { source, destination, tos } = skb.ipv4;
    const dev = this.lookup({ local: destination, remote: source }, skb.dev);
    if (dev === undefined) {
      netns.ipv4.icmp.send(skb, ICMP_TYPE.destinationUnreachable, ICMP_UNREACHABLE_CODE.port);
      netns.drop(skb, 'not-specified', 'no tunnel takes it');
      return true;
    }
    dev.decapsulate(skb, tos);
    return true;
  }

  /** ipip_err(): somebody on the way between the ends did not like a packet of ours. */
  error({ type, code, mtu, view, quoted, skb }: QuotingError): void {
    const outer = new Ipv4(view, quoted);
    const { source, destination } = outer;
    const dev = this.lookup({ local: source, remote: destination }, skb.dev);
    if (dev === undefined) return;
    if (type === ICMP_TYPE.timeExceeded && code !== ICMP_TIME_EXCEEDED_CODE.ttl) return;
    if (type === ICMP_TYPE.destinationUnreachable) {
      if (code === ICMP_UNREACHABLE_CODE.sourceRouteFailed) return;
      if (code === ICMP_UNREACHABLE_CODE.fragmentationNeeded) {
        this.#learnPmtu(dev, outer, mtu);
        return;
      }
    } else if (type !== ICMP_TYPE.timeExceeded) return;
    dev.noteError(type);
  }

  /** ipv4_update_pmtu(). */
  #learnPmtu({ config }: Ipip, outer: Ipv4, mtu: number): void {
    const { fib, devices } = this.#netns;
    const oif = config.dev === undefined ? undefined : devices.named(config.dev);
    fib.learnPmtu(outer.destination, mtu, {
      source: outer.source,
      tos: outer.tos,
      protocol: IP_PROTOCOL.ipip,
      ...(oif === undefined ? {} : { oif }),
    });
  }
}
