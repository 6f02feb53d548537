/**
 * A network device (struct net_device, include/linux/netdevice.h): what all kinds have in common.
 * A kind is one file under link/, with its own `startXmit`.
 */

import { MAC_ZERO, type Ipv4Addr, type Mac } from '../packet/index.js';
import { type Cause, type DropReason, NO_CAUSE } from '../trace/index.js';
import type { BridgePort } from './link/bridge.js';
import type { LinkKind, Scope } from './host-state.js';
import type { Netns } from './netns.js';
import type { TokenBucket } from './qdisc/token-bucket.js';
import type { Skb } from './skb.js';
import { SwitchesSet } from './sysctl.js';
import { type Ipv4DevConf, type Ipv4NeighConf, ipv4DevConfDefaults, ipv4NeighConfDefaults } from './sysctl-defaults.js';

/** An IPv4 address of a device (struct in_ifaddr). */
export interface InterfaceAddress {
  readonly address: Ipv4Addr;
  readonly prefixLength: number;
  /** Far end of a point-to-point address, else the address itself. */
  readonly peer: Ipv4Addr;
  readonly broadcast: Ipv4Addr | undefined;
  readonly scope: Scope;
  /** Follows the name of the device. */
  label: string;
  readonly noPrefixRoute: boolean;
  /** Changes when an earlier address of the subnet goes. */
  secondary: boolean;
  because: readonly Cause[];
}

export interface DeviceCounters {
  rxPackets: number;
  rxBytes: number;
  rxErrors: number;
  rxDropped: number;
  txPackets: number;
  txBytes: number;
  txErrors: number;
  txDropped: number;
  /** Of tunnels: no route to the other end. */
  txCarrierErrors: number;
  /** Of tunnels: the route to the other end leads into the tunnel. */
  collisions: number;
}

export interface DeviceOptions {
  readonly name: string;
  readonly mac?: Mac;
  readonly mtu?: number;
  readonly txqlen?: number;
  readonly because?: readonly Cause[];
}

/** net/core/dev.h: tunnels in tunnels, deeper than anybody means. */
const XMIT_RECURSION_LIMIT = 8;

/** What a capture sees: the frame, its direction, and when. */
export type Tap = (dev: Device, skb: Skb, direction: 'in' | 'out') => void;

export abstract class Device {
  abstract readonly kind: LinkKind;
  /** The name as netfilter compares it (netfilter/interface-name.ts), made when it is first asked for. */
  nameKeys: Int32Array | undefined = undefined;
  mac: Mac;
  mtu: number;
  txqlen: number;
  /** IFF_UP. */
  up = false;
  /** dev_activate(): it was up before, and has kept the queueing discipline that it got then. */
  activated = false;
  /** IFF_PROMISC and IFF_ALLMULTI, as somebody set them. A port of a bridge is promiscuous without the flag. */
  promisc = false;
  allmulti = false;
  /** Set when the device is put into a namespace. */
  ifindex = 0;
  because: readonly Cause[];
  readonly addresses: InterfaceAddress[] = [];
  readonly ipv4Conf: Ipv4DevConf = ipv4DevConfDefaults();
  readonly neighConf: Ipv4NeighConf = ipv4NeighConfDefaults();
  readonly switchesSet = new SwitchesSet();
  readonly counters: DeviceCounters = {
    rxPackets: 0,
    rxBytes: 0,
    rxErrors: 0,
    rxDropped: 0,
    txPackets: 0,
    txBytes: 0,
    txErrors: 0,
    txDropped: 0,
    txCarrierErrors: 0,
    collisions: 0,
  };
  /** Set where this device is a port of a bridge. */
  port: BridgePort | undefined = undefined;
  tap: Tap | undefined = undefined;
  /** What holds frames back on the way out; undefined sends at once (noqueue, or a queue that is never full). */
  qdisc: TokenBucket | undefined = undefined;
  #name: string;
  #netns: Netns | undefined = undefined;

  constructor(options: DeviceOptions) {
    this.#name = options.name;
    this.mac = options.mac ?? MAC_ZERO;
    this.mtu = options.mtu ?? 1500;
    this.txqlen = options.txqlen ?? 1000;
    this.because = options.because ?? NO_CAUSE;
  }

  get name(): string {
    return this.#name;
  }

  set name(name: string) {
    this.#name = name;
    this.nameKeys = undefined;
  }

  get netns(): Netns {
    if (this.#netns === undefined) throw new Error(`device ${this.name} is in no namespace`);
    return this.#netns;
  }

  set netns(netns: Netns) {
    this.#netns = netns;
  }

  /** IFF_LOOPBACK. */
  get isLoopback(): boolean {
    return this.kind === 'loopback';
  }

  /** IFF_NOARP: no neighbour discovery on this device; its header needs no destination of its own. */
  get noArp(): boolean {
    return this.kind === 'dummy' || this.kind === 'ipip' || this.kind === 'loopback';
  }

  /** IFF_POINTOPOINT: there is one other end. */
  get pointToPoint(): boolean {
    return false;
  }

  /** Octets of link-layer header that the stack writes. */
  get hardHeaderLength(): number {
    return this.kind === 'ipip' ? 0 : 14;
  }

  /** IFF_LOWER_UP: something is plugged in and up at the other end. */
  get carrier(): boolean {
    return true;
  }

  /** linkwatch_do_dev(): the carrier may have come or gone, of the device and of the bridge that it is a port of. */
  carrierChanged(): void {
    if (!this.up) return;
    this.netns.rtnetlink.notify({ kind: 'link', dev: this });
    this.port?.bridge.carrierChanged();
  }

  /** Up with a carrier: what RTNH_F_LINKDOWN and ARP look at. */
  get running(): boolean {
    return this.up && this.carrier;
  }

  /** ndo_start_xmit: the frame, link-layer header written, leaves by this device. */
  abstract startXmit(skb: Skb): void;

  /** dev_queue_xmit(): through the queueing discipline, where there is one. */
  transmit(skb: Skb): void {
    if (!this.up) {
      this.drop(skb, 'dev-ready');
      return;
    }
    skb.dev = this;
    if (this.qdisc === undefined) this.#hardStartXmit(skb);
    else if (!this.qdisc.enqueue(skb, (next) => this.#hardStartXmit(next))) {
      this.counters.txDropped += 1;
      this.drop(skb, 'qdisc-drop');
    }
  }

  /** dev_hard_start_xmit(): counters and taps, then the device's own way. */
  #hardStartXmit(skb: Skb): void {
    const { netns } = this;
    const { emulation } = netns;
    if (emulation.xmitRecursion > XMIT_RECURSION_LIMIT) {
      this.counters.txDropped += 1;
      this.drop(skb, 'recursion-limit', `dead loop on virtual device ${this.name}`);
      return;
    }
    this.countTransmitted(skb);
    this.tap?.(this, skb, 'out');
    if (emulation.tracer !== undefined) netns.trace(skb, { kind: 'transmit', dev: this.name });
    emulation.xmitRecursion += 1;
    this.startXmit(skb);
    emulation.xmitRecursion -= 1;
  }

  protected countTransmitted(skb: Skb): void {
    this.counters.txPackets += 1;
    this.counters.txBytes += skb.length;
  }

  /** __netif_receive_skb_core(): a frame came in; `data` stands at the link-layer header. */
  receive(skb: Skb): void {
    if (!this.up) {
      this.drop(skb, 'dev-ready');
      return;
    }
    const { counters } = this;
    counters.rxPackets += 1;
    counters.rxBytes += skb.length;
    skb.dev = this;
    skb.iif = this.ifindex;
    skb.mac = this.hardHeaderLength > 0 ? skb.data : -1;
    this.tap?.(this, skb, 'in');
    const { netns } = this;
    if (netns.emulation.tracer !== undefined) netns.trace(skb, { kind: 'receive', dev: this.name });
    netns.receive(this, skb);
  }

  /** kfree_skb_reason(): the packet ends here. */
  drop(skb: Skb, reason: DropReason, note?: string): void {
    this.netns.drop(skb, reason, note);
  }
}
