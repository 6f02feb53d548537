/**
 * vxlan (RFC 7348; drivers/net/vxlan/vxlan_core.c): an Ethernet device whose wire is UDP over IPv4. The
 * destination MAC is looked up in the device's own forwarding table, whose entries name the remote VTEP.
 */

import {
  encodeUdp,
  encodeVxlan,
  Ethernet,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  IP_PROTOCOL,
  Ipv4,
  type Ipv4Addr,
  isGroupMac,
  MAC_ZERO,
  type Mac,
  pseudoHeaderSum,
  Udp,
  UDP_HEADER_LENGTH,
  Vxlan as VxlanHeader,
  VXLAN_FLAG_VNI,
  VXLAN_HEADER_LENGTH,
} from '../../packet/index.js';
import { type Cause, NO_CAUSE } from '../../trace/index.js';
import { NS_PER_S } from '../clock.js';
import { Device, type DeviceOptions } from '../device.js';
import { KernelError } from '../errors.js';
import type { VxlanState } from '../host-state.js';
import type { UdpTunnel } from '../ipv4/index.js';
import type { Skb } from '../skb.js';
import { parseDatagram } from '../socket/udp-socket.js';
import { decapsulateEcn, encapsulateEcn } from './ecn.js';
import { flowSourcePort, frameHash } from './flow-hash.js';

/** FDB_AGE_DEFAULT. */
const AGEING_NS = 300 * NS_PER_S;
export interface VxlanFdbEntry {
  readonly mac: Mac;
  readonly remote: Ipv4Addr;
  readonly permanent: boolean;
  usedNs: number;
  readonly because: readonly Cause[];
}

export class Vxlan extends Device {
  readonly kind = 'vxlan';
  readonly config: VxlanState;
  readonly #fdb = new Map<Mac, VxlanFdbEntry>();

  constructor(options: DeviceOptions, config: VxlanState) {
    super(options);
    this.config = config;
    if (config.group !== undefined) this.#put(MAC_ZERO, config.group, NO_CAUSE);
  }

  *entries(): IterableIterator<VxlanFdbEntry> {
    for (const entry of this.#fdb.values()) if (!this.#aged(entry)) yield entry;
  }

  /** `bridge fdb add MAC dev VXLAN dst REMOTE`. @throws KernelError EEXIST */
  addEntry(mac: Mac, remote: Ipv4Addr, because: readonly Cause[] = NO_CAUSE): void {
    const old = this.#fdb.get(mac);
    if (old !== undefined && !this.#aged(old) && mac !== MAC_ZERO) throw new KernelError('EEXIST', 'fdb add');
    this.#put(mac, remote, because);
  }

  /** `bridge fdb replace`. */
  replaceEntry(mac: Mac, remote: Ipv4Addr, because: readonly Cause[] = NO_CAUSE): void {
    this.#put(mac, remote, because);
  }

  /** @throws KernelError ENOENT */
  deleteEntry(mac: Mac): void {
    if (!this.#fdb.delete(mac)) throw new KernelError('ENOENT', 'fdb del');
  }

  /** vxlan_xmit(), vxlan_xmit_one(). */
  startXmit(skb: Skb): void {
    const { netns } = this;
    const { destination } = new Ethernet(skb.view, skb.data);
    const entry = this.#find(destination) ?? this.#fdb.get(MAC_ZERO);
    if (netns.emulation.tracer !== undefined) {
      netns.trace(skb, {
        kind: 'fdb',
        dev: this.name,
        mac: destination,
        remote: entry?.remote,
        because: entry?.because ?? NO_CAUSE,
      });
    }
    if (entry === undefined) this.drop(skb, 'vxlan-no-remote');
    else this.#encapsulate(skb, entry.remote);
  }

  #encapsulate(skb: Skb, remote: Ipv4Addr): void {
    const { netns, config } = this;
    const innerTos = this.#innerTos(skb);
    const tos = encapsulateEcn(0, innerTos);
    const sourcePort = flowSourcePort(frameHash(skb), netns.sysctl.localPortRange);
    const { mark } = skb;
    const route = netns.fib.routeOutput({
      destination: remote,
      source: config.local,
      tos,
      mark,
      protocol: IP_PROTOCOL.udp,
      sourcePort,
      destinationPort: config.port,
    });
    if (typeof route === 'string' || route.dev === undefined) {
      this.drop(skb, 'ip-outnoroutes', 'no route to the remote VTEP');
      return;
    }
    if (route.dev === this) {
      this.drop(skb, 'ip-outnoroutes', 'the route to the remote VTEP leads into the tunnel itself');
      return;
    }
    skb.scrub(false);
    const payloadLength = VXLAN_HEADER_LENGTH + skb.length;
    const at = skb.push(VXLAN_HEADER_LENGTH + UDP_HEADER_LENGTH, netns.emulation.slabs);
    skb.mac = -1;
    encodeVxlan(skb.view, at + UDP_HEADER_LENGTH, config.vni);
    encodeUdp(skb.view, at, { sourcePort, destinationPort: config.port, payloadLength });
    const pseudo = pseudoHeaderSum(route.source, remote, IP_PROTOCOL.udp, UDP_HEADER_LENGTH + payloadLength);
    new Udp(skb.view, at).fillChecksum(pseudo);
    if (netns.emulation.tracer !== undefined) {
      netns.trace(skb, {
        kind: 'encapsulate',
        dev: this.name,
        protocol: 'vxlan',
        source: route.source,
        destination: remote,
        vni: config.vni,
      });
    }
    skb.iif = 0;
    netns.ipv4.output.send(skb, {
      // Whoever made what is inside owns it still.
      socket: skb.socket,
      source: route.source,
      destination: remote,
      protocol: IP_PROTOCOL.udp,
      route,
      tos,
      mark,
      dontFragment: false,
      ttl: config.ttl === 0 ? undefined : config.ttl,
    });
  }

  #innerTos(skb: Skb): number {
    const { etherType } = new Ethernet(skb.view, skb.data);
    return etherType === ETHERTYPE.ipv4 ? new Ipv4(skb.view, skb.data + ETHERNET_HEADER_LENGTH).tos : 0;
  }

  /** vxlan_rcv() after the VNI is known: `data` stands at the inner Ethernet header. */
  decapsulate(skb: Skb, outerTos: number, remote: Ipv4Addr): void {
    const { netns } = this;
    if (!this.up) {
      this.drop(skb, 'dev-ready');
      return;
    }
    const { source } = new Ethernet(skb.view, skb.data);
    if (source === this.mac) {
      this.drop(skb, 'local-mac');
      return;
    }
    if (isGroupMac(source) || source === MAC_ZERO) {
      this.drop(skb, 'mac-invalid-source');
      return;
    }
    if (!this.#learn(source, remote)) {
      this.drop(skb, 'vxlan-entry-exists');
      return;
    }
    if (!decapsulateFrameEcn(skb, outerTos)) {
      this.drop(skb, 'ip-inhdr', 'congestion marked outside, not ECN-capable inside');
      return;
    }
    skb.scrub(false);
    skb.hash = 0;
    if (netns.emulation.tracer !== undefined) {
      netns.trace(skb, { kind: 'decapsulate', dev: this.name, protocol: 'vxlan', vni: this.config.vni });
    }
    netns.emulation.netifRx(this, skb);
  }

  /** vxlan_snoop(). False where a permanent entry says otherwise. */
  #learn(mac: Mac, remote: Ipv4Addr): boolean {
    if (!this.config.learning) return true;
    const { nowNs } = this.netns.emulation.clock;
    const entry = this.#find(mac);
    if (entry === undefined) {
      this.#fdb.set(mac, { mac, remote, permanent: false, usedNs: nowNs, because: NO_CAUSE });
      return true;
    }
    entry.usedNs = nowNs;
    if (entry.remote === remote) return true;
    if (entry.permanent) return false;
    this.#fdb.set(mac, { mac, remote, permanent: false, usedNs: nowNs, because: NO_CAUSE });
    return true;
  }

  #put(mac: Mac, remote: Ipv4Addr, because: readonly Cause[]): void {
    this.#fdb.set(mac, { mac, remote, permanent: true, usedNs: 0, because });
  }

  #aged(entry: VxlanFdbEntry): boolean {
    return !entry.permanent && this.netns.emulation.clock.nowNs - entry.usedNs > AGEING_NS;
  }

  #find(mac: Mac): VxlanFdbEntry | undefined {
    const entry = this.#fdb.get(mac);
    return entry === undefined || this.#aged(entry) ? undefined : entry;
  }
}

/** INET_ECN_decapsulate() for a frame with an IPv4 packet; others carry no congestion here. */
function decapsulateFrameEcn(skb: Skb, outerTos: number): boolean {
  if (new Ethernet(skb.view, skb.data).etherType !== ETHERTYPE.ipv4) return true;
  return decapsulateEcn(new Ipv4(skb.view, skb.data + ETHERNET_HEADER_LENGTH), outerTos);
}

/** The UDP socket that the VXLAN devices of one port of a namespace share (struct vxlan_sock). */
export class VxlanSocket implements UdpTunnel {
  readonly #byVni = new Map<number, Vxlan>();

  get empty(): boolean {
    return this.#byVni.size === 0;
  }

  /** @throws KernelError EEXIST where the VNI is taken */
  add(dev: Vxlan): void {
    if (this.#byVni.has(dev.config.vni)) throw new KernelError('EEXIST', `link add ${dev.name} type vxlan`);
    this.#byVni.set(dev.config.vni, dev);
  }

  remove(dev: Vxlan): void {
    this.#byVni.delete(dev.config.vni);
  }

  /** vxlan_err_lookup(). */
  sent(view: DataView, payload: number, end: number): boolean {
    const header = VxlanHeader.parse(view, payload, end);
    return header?.flags === VXLAN_FLAG_VNI && this.#byVni.has(header.vni);
  }

  /** udp_queue_rcv_one_skb() → vxlan_rcv(): always the owner of the packet. */
  receive(skb: Skb): boolean {
    const netns = skb.dev?.netns;
    if (netns === undefined) return false;
    const outer = skb.ipv4;
    const udp = parseDatagram(skb, outer, netns.mib);
    if (typeof udp === 'string') {
      netns.drop(skb, udp);
      return true;
    }
    netns.mib.UdpInDatagrams += 1;
    const header = VxlanHeader.parse(skb.view, udp.payloadOffset, udp.end);
    if (
      header === undefined ||
      udp.end - header.payloadOffset < ETHERNET_HEADER_LENGTH ||
      header.flags !== VXLAN_FLAG_VNI
    ) {
      netns.drop(skb, 'vxlan-invalid-hdr');
      return true;
    }
    const dev = this.#byVni.get(header.vni);
    if (dev === undefined) {
      netns.drop(skb, 'vxlan-vni-not-found', `VNI ${header.vni}`);
      return true;
    }
    const { tos, source } = outer;
    skb.data = header.payloadOffset;
    skb.tail = udp.end;
    dev.decapsulate(skb, tos, source);
    return true;
  }
}
