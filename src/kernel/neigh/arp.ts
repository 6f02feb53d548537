/** ARP (RFC 826) as net/ipv4/arp.c has it: who is asked, who answers for whom, what is learned. */

import {
  ARP_LENGTH,
  Arp as ArpHeader,
  encodeArp,
  encodeEthernet,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  INADDR_ANY,
  type Ipv4Addr,
  isLoopback,
  isMulticast,
  MAC_ZERO,
  type Mac,
} from '../../packet/index.js';
import { NS_PER_MS } from '../clock.js';
import type { Device } from '../device.js';
import { inSubnet } from '../fib/addresses.js';
import type { Netns } from '../netns.js';
import type { Skb } from '../skb.js';
import { maxConf, orConf } from '../sysctl.js';
import type { Neighbour } from './neighbour-table.js';

const REQUEST = 1;
const REPLY = 2;
/** USER_HZ: proxy_delay and locktime are in hundredths of a second. */
const NS_PER_CENTISECOND = 10 * NS_PER_MS;

interface ArpMessage {
  readonly operation: number;
  readonly targetIp: Ipv4Addr;
  readonly senderIp: Ipv4Addr;
  readonly targetMac: Mac;
  readonly to: Mac;
  /** The packet that this message is about. */
  readonly parent: number;
}

/** What was made of a message, for a trace. */
interface ArpAction {
  readonly action: 'reply' | 'proxy-reply' | 'ignore' | 'learn';
  readonly address: Ipv4Addr;
  readonly note?: string;
}

export class Arp {
  readonly #netns: Netns;

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  /** arp_solicit(): asks for the neighbour's address, broadcast or to the one that we know. */
  solicit(neighbour: Neighbour, skb: Skb | undefined, to: Mac): void {
    const { dev, address } = neighbour;
    this.#send(dev, {
      operation: REQUEST,
      senderIp: this.#announce(dev, address, skb),
      targetIp: address,
      targetMac: MAC_ZERO,
      to,
      parent: skb?.id ?? 0,
    });
  }

  /** arp_send(ARPOP_REQUEST) with our own address: `arping -U`, a new address that is announced. */
  announce(dev: Device, address: Ipv4Addr, to: Mac): void {
    this.#send(dev, { operation: REQUEST, senderIp: address, targetIp: address, targetMac: MAC_ZERO, to, parent: 0 });
  }

  /** arp_rcv(), arp_process(). `data` stands at the ARP header. */
  receive(dev: Device, skb: Skb): void {
    const netns = this.#netns;
    const arp = ArpHeader.parse(skb.view, skb.data, skb.tail);
    if (skb.packetType === 'otherhost') {
      netns.drop(skb, 'otherhost');
      return;
    }
    if (arp === undefined || dev.noArp || (arp.operation !== REQUEST && arp.operation !== REPLY)) {
      netns.drop(skb, 'not-specified', 'ARP for something else than IPv4 over Ethernet');
      return;
    }
    const { targetIp } = arp;
    const localnet = orConf(netns.sysctl.all, dev.ipv4Conf, 'route_localnet');
    if (isMulticast(targetIp) || (!localnet && isLoopback(targetIp))) {
      this.#ignored(skb, dev, targetIp, 'no ARP for multicast and loopback addresses');
      return;
    }
    if (arp.operation === REQUEST && this.#answer(dev, skb, arp)) return;
    this.#learn(dev, skb, arp);
  }

  /** True where a reply was, or will be, sent. */
  #answer(dev: Device, skb: Skb, arp: ArpHeader): boolean {
    const { fib, neighbours } = this.#netns;
    const { senderIp, targetIp, senderMac } = arp;
    if (senderIp === INADDR_ANY) {
      // Duplicate address detection, RFC 2131 §4.4.1.
      if (!fib.isLocal(targetIp) || this.#mustIgnore(dev, senderIp, targetIp)) return false;
      this.#reply(dev, skb, arp, 'reply');
      return true;
    }
    const route = fib.routeInput({ destination: targetIp, source: senderIp, iif: dev });
    if (typeof route === 'string') {
      this.#step(skb, dev, { action: 'ignore', address: targetIp, note: `its source would be dropped: ${route}` });
      return false;
    }
    if (route.type === 'local') {
      if (this.#mustIgnore(dev, senderIp, targetIp) || this.#filtered(dev, senderIp, targetIp)) return false;
      neighbours.update(neighbours.require(dev, senderIp), senderMac, 'stale', 'override');
      this.#reply(dev, skb, arp, 'reply');
      return true;
    }
    if (route.type !== 'unicast' || dev.ipv4Conf.forwarding === 0) {
      this.#step(skb, dev, {
        action: 'ignore',
        address: targetIp,
        note: route.type === 'unicast' ? 'forwarding is off' : 'no route to that address',
      });
      return false;
    }
    const proxied = this.#proxies(dev, route.dev) || (route.dev !== dev && neighbours.isProxy(dev, targetIp));
    if (!proxied) {
      this.#step(skb, dev, {
        action: 'ignore',
        address: targetIp,
        note: route.dev === dev ? 'it is on the same link' : 'proxy_arp is off',
      });
      return false;
    }
    neighbours.update(neighbours.require(dev, senderIp), senderMac, 'stale', 'override');
    this.#proxyReply(dev, skb, arp);
    return true;
  }

  /** arp_fwd_proxy() and arp_fwd_pvlan(). */
  #proxies(dev: Device, out: Device | undefined): boolean {
    if (out === dev) return orConf(this.#netns.sysctl.all, dev.ipv4Conf, 'proxy_arp_pvlan');
    return orConf(this.#netns.sysctl.all, dev.ipv4Conf, 'proxy_arp');
  }

  /** At once for a frame to our own address or without proxy_delay, else after a random part of it (pneigh_enqueue()). */
  #proxyReply(dev: Device, skb: Skb, arp: ArpHeader): void {
    const { emulation } = this.#netns;
    const delay = dev.neighConf.proxy_delay;
    if (skb.packetType === 'host' || delay === 0) {
      this.#reply(dev, skb, arp, 'proxy-reply');
      return;
    }
    emulation.clock.schedule(emulation.random.below(delay) * NS_PER_CENTISECOND, () =>
      this.#reply(dev, skb, arp, 'proxy-reply'),
    );
  }

  #reply(dev: Device, skb: Skb, arp: ArpHeader, action: 'reply' | 'proxy-reply'): void {
    this.#step(skb, dev, { action, address: arp.targetIp });
    this.#send(dev, {
      operation: REPLY,
      senderIp: arp.targetIp,
      targetIp: arp.senderIp,
      targetMac: arp.senderMac,
      to: arp.senderMac,
      parent: skb.id,
    });
  }

  /** arp_ignore(): arp_ignore 0 answers for any local address, 1 only for this device's, 2 only within its subnet… */
  #mustIgnore(dev: Device, senderIp: Ipv4Addr, targetIp: Ipv4Addr): boolean {
    const onDevice = dev.addresses.find(({ address }) => address === targetIp);
    switch (maxConf(this.#netns.sysctl.all, dev.ipv4Conf, 'arp_ignore')) {
      case 0:
        return false;
      case 1:
        return onDevice === undefined;
      case 2:
        return onDevice === undefined || (onDevice.address ^ senderIp) >>> (32 - onDevice.prefixLength || 0) !== 0;
      case 3: {
        const owner = [...this.#netns.devices]
          .flatMap((other) => other.addresses)
          .find(({ address }) => address === targetIp);
        return owner?.scope === 'host';
      }
      case 8:
        return true;
      default:
        return false;
    }
  }

  /** arp_filter(): answer only where our own way to the sender leaves by this device. */
  #filtered(dev: Device, senderIp: Ipv4Addr, targetIp: Ipv4Addr): boolean {
    const { fib, sysctl, mib } = this.#netns;
    if (!orConf(sysctl.all, dev.ipv4Conf, 'arp_filter')) return false;
    const route = fib.routeOutput({ destination: senderIp, source: targetIp });
    if (typeof route === 'string') return true;
    if (route.dev === dev) return false;
    mib.TcpExtArpFilter += 1;
    return true;
  }

  /**
   * The end of arp_process(): an entry that is there is brought up to date; a reply makes it reachable. Of several that
   * answer within `locktime` the first is believed.
   */
  #learn(dev: Device, skb: Skb, arp: ArpHeader): void {
    const { emulation, neighbours, sysctl } = this.#netns;
    const { senderIp, senderMac } = arp;
    const gratuitous = this.#isGratuitous(dev, arp);
    const accepts = orConf(sysctl.all, dev.ipv4Conf, 'arp_accept') && (gratuitous || this.#isUnicastReply(dev, arp));
    const neighbour = neighbours.lookup(dev, senderIp) ?? (accepts ? neighbours.require(dev, senderIp) : undefined);
    if (neighbour === undefined) return;
    const lockedNs = dev.neighConf.locktime * NS_PER_CENTISECOND;
    const overrides = gratuitous || emulation.clock.nowNs - neighbour.updatedNs > lockedNs;
    const state = arp.operation === REPLY && skb.packetType === 'host' ? 'reachable' : 'stale';
    this.#step(skb, dev, { action: 'learn', address: senderIp });
    neighbours.update(neighbour, senderMac, state, overrides ? 'override' : 'keep');
  }

  /** arp_is_garp(): about the sender itself, and in a reply to itself. */
  #isGratuitous(dev: Device, { operation, senderIp, senderMac, targetIp, targetMac }: ArpHeader): boolean {
    if (senderIp !== targetIp || (operation === REPLY && targetMac !== senderMac)) return false;
    return this.#netns.fib.addressType(senderIp, dev) === 'unicast';
  }

  #isUnicastReply(dev: Device, { operation, senderIp }: ArpHeader): boolean {
    return operation === REPLY && this.#netns.fib.addressType(senderIp, dev) === 'unicast';
  }

  /** arp_announce: which of our addresses the question names. */
  #announce(dev: Device, target: Ipv4Addr, skb: Skb | undefined): Ipv4Addr {
    const { fib, sysctl } = this.#netns;
    const source = skb === undefined || skb.network < 0 ? INADDR_ANY : skb.ipv4.source;
    const level = maxConf(sysctl.all, dev.ipv4Conf, 'arp_announce');
    const local = source !== INADDR_ANY && fib.isLocal(source);
    // inet_addr_onlink(): both in one subnet of the device.
    const onLink = dev.addresses.some((own) => inSubnet(target, own) && inSubnet(source, own));
    if (local && (level === 0 || (level === 1 && onLink))) return source;
    return fib.selectSource(dev, target, 'link');
  }

  #send(dev: Device, message: ArpMessage): void {
    const { emulation } = this.#netns;
    const skb = emulation.allocSkb(ETHERNET_HEADER_LENGTH + ARP_LENGTH);
    skb.parent = message.parent;
    skb.tail = skb.data + ETHERNET_HEADER_LENGTH + ARP_LENGTH;
    skb.mac = skb.data;
    skb.network = skb.data + ETHERNET_HEADER_LENGTH;
    skb.protocol = ETHERTYPE.arp;
    encodeEthernet(skb.view, skb.data, { destination: message.to, source: dev.mac, etherType: ETHERTYPE.arp });
    encodeArp(skb.view, skb.network, {
      operation: message.operation,
      senderMac: dev.mac,
      senderIp: message.senderIp,
      targetMac: message.targetMac,
      targetIp: message.targetIp,
    });
    dev.transmit(skb);
  }

  #ignored(skb: Skb, dev: Device, address: Ipv4Addr, note: string): void {
    this.#step(skb, dev, { action: 'ignore', address, note });
  }

  #step(skb: Skb, dev: Device, what: ArpAction): void {
    if (this.#netns.emulation.tracer === undefined) return;
    this.#netns.trace(skb, { kind: 'arp', dev: dev.name, ...what });
  }
}
