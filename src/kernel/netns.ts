/**
 * A network namespace (struct net): devices and addresses, routes, neighbours, netfilter, sockets and
 * switches, and the way of a packet among them. Each part is its own file; this one only wires them.
 */

import { ETHERNET_HEADER_LENGTH, ETHERTYPE, Ethernet, isGroupMac, MAC_BROADCAST } from '../packet/index.js';
import { type DropReason, type Place, type Programmed, type Step, tellAll, type WalkStep } from '../trace/index.js';
import { Conntrack } from './conntrack/index.js';
import type { Device } from './device.js';
import { DeviceTable } from './device-table.js';
import type { Emulation } from './emulation.js';
import { Fib } from './fib/index.js';
import type { Host } from './host.js';
import { Ipv4Stack } from './ipv4/index.js';
import { popTag, tagOf } from './link/bridge-vlan.js';
import { Links } from './link/links.js';
import { Mib } from './mib.js';
import { Arp } from './neigh/arp.js';
import { NeighbourTable } from './neigh/neighbour-table.js';
import { IpsetTable, Netfilter } from './netfilter/index.js';
import { Rtnetlink } from './rtnetlink.js';
import type { Skb } from './skb.js';
import { FrameSockets, SocketTable } from './socket/index.js';
import { Sysctls } from './sysctl.js';

export class Netns {
  /** `''` for the host's own. */
  readonly name: string;
  /** `net:[4026531833]`: its number as a file. */
  readonly inode: number;
  readonly host: Host;
  readonly emulation: Emulation;
  readonly place: Place;
  readonly devices: DeviceTable;
  readonly sysctl: Sysctls;
  readonly rtnetlink = new Rtnetlink();
  readonly links: Links;
  readonly fib: Fib;
  readonly neighbours: NeighbourTable;
  readonly arp: Arp;
  readonly ipsets: IpsetTable;
  readonly conntrack: Conntrack;
  readonly netfilter: Netfilter;
  readonly ipv4: Ipv4Stack;
  readonly sockets: SocketTable;
  readonly frames = new FrameSockets();
  /** What its protocols have counted since the start. */
  readonly mib = new Mib();
  /** Drops by reason since the start (kfree_skb). */
  readonly drops = new Map<DropReason, number>();

  constructor(host: Host, name: string, inode: number) {
    this.name = name;
    this.inode = inode;
    this.host = host;
    this.emulation = host.emulation;
    this.place = { host: host.name, netns: name };
    this.devices = new DeviceTable();
    this.sysctl = new Sysctls(() => this.devices);
    this.fib = new Fib(this);
    this.neighbours = new NeighbourTable(this);
    this.arp = new Arp(this);
    this.ipsets = new IpsetTable();
    this.conntrack = new Conntrack(this);
    this.netfilter = new Netfilter(this);
    this.ipv4 = new Ipv4Stack(this);
    this.sockets = new SocketTable(this);
    this.links = new Links(this);
    this.links.addLoopback();
    if (host.hasModule('ipip')) this.links.initIpip();
  }

  /** Tells whoever listens. Callers test `emulation.tracer` first, so that no step is built for nobody. */
  trace(skb: Skb, step: Step): void {
    this.emulation.tracer?.step(this.place, skb, step);
  }

  /** Several steps with nothing between them, which are not changed any more. */
  traceAll(skb: Skb, steps: readonly WalkStep[]): void {
    const { tracer } = this.emulation;
    if (tracer !== undefined && steps.length > 0) tellAll(tracer, this.place, skb, steps);
  }

  /** kfree_skb_reason(): the packet ends here, and is counted. `by` is what decided, where something did. */
  drop(skb: Skb, reason: DropReason, note?: string, by?: Programmed): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1);
    if (this.emulation.tracer === undefined) return;
    this.trace(skb, {
      kind: 'drop',
      reason,
      ...(note === undefined ? {} : { note }),
      ...(by === undefined ? {} : { by }),
    });
  }

  /** __netif_receive_skb_core(): from a device to the bridge or the protocol. */
  receive(dev: Device, skb: Skb): void {
    if (dev.hardHeaderLength === 0) {
      skb.network = skb.data;
      this.deliver(dev, skb);
      return;
    }
    if (skb.length < dev.hardHeaderLength) {
      this.drop(skb, 'dev-hdr');
      return;
    }
    const ethernet = new Ethernet(skb.view, skb.data);
    skb.mac = skb.data;
    skb.protocol = ethernet.etherType;
    skb.packetType = packetType(dev, ethernet);
    if (dev.port !== undefined) {
      dev.port.receive(skb);
      return;
    }
    this.deliverFrame(dev, skb);
  }

  /**
   * The rest of __netif_receive_skb_core() for a frame that no bridge takes; `data` stands at its Ethernet header. A tag
   * with a VLAN that no device here is for makes it somebody else's; one that gives a priority alone comes off.
   */
  deliverFrame(dev: Device, skb: Skb): void {
    const tag = tagOf(skb);
    if (tag !== undefined) {
      if (tag.vlanId !== 0) skb.packetType = 'otherhost';
      popTag(skb);
    }
    skb.protocol = new Ethernet(skb.view, skb.data).etherType;
    this.frames.deliver(dev, skb, skb.protocol);
    skb.pull(ETHERNET_HEADER_LENGTH);
    skb.network = skb.data;
    this.deliver(dev, skb);
  }

  /** The protocol handlers (ptype_base). `data` stands at the network header. */
  deliver(dev: Device, skb: Skb): void {
    switch (skb.protocol) {
      case ETHERTYPE.ipv4:
        this.ipv4.receive(dev, skb);
        return;
      case ETHERTYPE.arp:
        this.arp.receive(dev, skb);
        return;
      default:
        this.drop(skb, skb.packetType === 'otherhost' ? 'otherhost' : 'unhandled-proto');
    }
  }
}

/** net/ethernet/eth.c:eth_type_trans(). */
function packetType(dev: Device, ethernet: Ethernet): Skb['packetType'] {
  const { destination } = ethernet;
  if (destination === dev.mac) return 'host';
  if (destination === MAC_BROADCAST) return 'broadcast';
  if (isGroupMac(destination)) return 'multicast';
  return 'otherhost';
}
