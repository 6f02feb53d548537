/**
 * bridge: learns where addresses are and forwards frames between its ports (net/bridge/br_input.c,
 * br_forward.c, br_fdb.c). No spanning tree: ports are always forwarding. The bridge itself is a port too.
 *
 *     port → br_handle_frame → [vlan] → [bridge-nf-call-iptables: PREROUTING] → fdb → local: up the stack
 *                                                                         → port:  [vlan, FORWARD, POSTROUTING] → port
 *
 * Differs: the VLAN of a frame is looked at before PREROUTING, not behind it.
 */

import {
  Ethernet,
  ETHERNET_HEADER_LENGTH,
  isGroupMac,
  MAC_ZERO,
  type Mac,
  VLAN_TAG_LENGTH,
} from '../../packet/index.js';
import { type Cause, NO_CAUSE } from '../../trace/index.js';
import { NS_PER_S } from '../clock.js';
import { Device, type DeviceOptions } from '../device.js';
import { KernelError } from '../errors.js';
import type { BridgePortState } from '../host-state.js';
import type { Skb } from '../skb.js';
import { asksIptables, bridgeForward, bridgeLocalIn, bridgePrerouting, parentRoute } from './bridge-netfilter.js';
import { VlanGroup } from './bridge-vlan.js';

/** BR_DEFAULT_AGEING_TIME: a learned entry that nobody used for so long is forgotten. */
const AGEING_NS = 300 * NS_PER_S;

const DEFAULT_PORT: BridgePortState = { hairpin: false, learning: true, flood: true, isolated: false };

/** ETH_DATA_LEN. */
const ETHERNET_MTU = 1500;
/** What every port is in from the start (default_pvid). */
const DEFAULT_PVID = 1;
/** Of a bridge that does not filter: all frames are of one table. */
const NO_VLAN = 0;

export interface BridgeFdbEntry {
  readonly mac: Mac;
  /** 0 where the bridge does not filter by VLAN. */
  readonly vlan: number;
  readonly port: BridgePort;
  readonly permanent: boolean;
  usedNs: number;
  readonly because: readonly Cause[];
}

export class BridgePort {
  readonly bridge: Bridge;
  readonly dev: Device;
  readonly vlans = new VlanGroup();
  state: BridgePortState = DEFAULT_PORT;

  constructor(bridge: Bridge, dev: Device) {
    this.bridge = bridge;
    this.dev = dev;
    this.vlans.add({ vlan: bridge.defaultPvid, pvid: true, untagged: true });
  }

  /** br_handle_frame(). */
  receive(skb: Skb): void {
    this.bridge.input(skb, this);
  }
}

export class Bridge extends Device {
  readonly kind = 'bridge';
  readonly ports: BridgePort[] = [];
  /** `ip link set BRIDGE type bridge vlan_filtering 1`. */
  vlanFiltering = false;
  readonly defaultPvid = DEFAULT_PVID;
  /** Of the bridge as its own port. */
  readonly vlans = new VlanGroup();
  /** Of frames that only cross it. */
  readonly parentRoute = parentRoute(this);
  /** By VLAN. */
  readonly #tables = new Map<number, Map<Mac, BridgeFdbEntry>>();
  /** True once somebody chose the address; before that it follows the lowest of the ports. */
  #macSet: boolean;
  /** True once somebody chose the MTU; before that it follows the lowest of the ports. */
  #mtuSet = false;

  constructor(options: DeviceOptions) {
    super(options);
    this.#macSet = options.mac !== undefined;
    this.vlans.add({ vlan: DEFAULT_PVID, pvid: true, untagged: true });
  }

  override get carrier(): boolean {
    return this.ports.some((port) => port.dev.running);
  }

  /** `ip link set DEV master BRIDGE`: br_add_if(). @throws KernelError EBUSY, ELOOP, EINVAL */
  addPort(dev: Device): BridgePort {
    if (dev.port !== undefined) throw new KernelError('EBUSY', `link set ${dev.name} master ${this.name}`);
    if (dev.kind === 'bridge') throw new KernelError('ELOOP', `link set ${dev.name} master ${this.name}`);
    if (dev.kind === 'loopback' || dev.hardHeaderLength === 0) {
      throw new KernelError('EINVAL', `link set ${dev.name} master ${this.name}`);
    }
    const port = new BridgePort(this, dev);
    this.ports.push(port);
    dev.port = port;
    this.#followPorts();
    this.carrierChanged();
    return port;
  }

  /** br_del_if(): its learned addresses go with it. */
  removePort(dev: Device): void {
    const at = this.ports.findIndex((port) => port.dev === dev);
    if (at < 0) return;
    this.ports.splice(at, 1);
    dev.port = undefined;
    for (const table of this.#tables.values())
      for (const [mac, entry] of table) if (entry.port.dev === dev) table.delete(mac);
    this.#followPorts();
    this.carrierChanged();
  }

  /** `ip link set BRIDGE address`. */
  setMac(mac: Mac): void {
    this.#macSet = true;
    this.mac = mac;
  }

  /** `ip link set BRIDGE mtu`: from now on it does not follow those of the ports (BROPT_MTU_SET_BY_USER). */
  setMtu(mtu: number): void {
    this.#mtuSet = true;
    this.mtu = mtu;
  }

  /** br_mtu_auto_adjust(): the lowest MTU of the ports, or Ethernet's where there is none. */
  adjustMtu(): void {
    const before = this.mtu;
    if (this.#mtuSet) return;
    this.mtu = this.ports.length === 0 ? ETHERNET_MTU : Math.min(...this.ports.map(({ dev }) => dev.mtu));
    if (this.mtu !== before) this.netns.fib.linkMtuChanged(this, before);
  }

  #followPorts(): void {
    this.#followMacs();
    this.adjustMtu();
  }

  /** br_stp_recalculate_bridge_id(): the lowest MAC of the ports. */
  #followMacs(): void {
    if (this.ports.length === 0) {
      // br_stp_recalculate_bridge_id(): without ports the least address is none at all.
      if (!this.#macSet) this.mac = MAC_ZERO;
      return;
    }
    if (!this.#macSet)
      this.mac = this.ports.reduce(
        (least, { dev }) => (dev.mac < least ? dev.mac : least),
        this.ports[0]?.dev.mac ?? this.mac,
      );
  }

  /** Learned and static entries that are still alive. */
  *entries(): IterableIterator<BridgeFdbEntry> {
    for (const table of this.#tables.values()) for (const entry of table.values()) if (!this.#aged(entry)) yield entry;
  }

  #table(vlan: number): Map<Mac, BridgeFdbEntry> {
    const present = this.#tables.get(vlan);
    if (present !== undefined) return present;
    const table = new Map<Mac, BridgeFdbEntry>();
    this.#tables.set(vlan, table);
    return table;
  }

  /** The tables that an entry of no VLAN in particular goes into: that of no VLAN, and of each that the port is in. */
  #tablesOf(port: BridgePort): readonly number[] {
    return this.vlanFiltering ? [NO_VLAN, ...port.vlans.list().map(({ vlan }) => vlan)] : [NO_VLAN];
  }

  /** `bridge fdb add MAC dev PORT master static`. @throws KernelError EEXIST */
  addEntry(mac: Mac, port: BridgePort, because: readonly Cause[] = NO_CAUSE): void {
    const vlans = this.#tablesOf(port);
    if (vlans.some((vlan) => this.#table(vlan).get(mac)?.permanent === true))
      throw new KernelError('EEXIST', 'fdb add');
    const usedNs = this.netns.emulation.clock.nowNs;
    for (const vlan of vlans) this.#table(vlan).set(mac, { mac, vlan, port, permanent: true, usedNs, because });
  }

  /** Of every VLAN. @throws KernelError ENOENT */
  deleteEntry(mac: Mac): void {
    const deleted = [...this.#tables.values()].filter((table) => table.delete(mac));
    if (deleted.length === 0) throw new KernelError('ENOENT', 'fdb del');
  }

  /** `ip link set BRIDGE type bridge fdb_flush`: br_fdb_flush(), what was learned is forgotten. */
  flush(): void {
    for (const table of this.#tables.values())
      for (const [mac, { permanent }] of table) if (!permanent) table.delete(mac);
  }

  /** br_handle_frame(). */
  input(skb: Skb, port: BridgePort): void {
    if (!this.up) {
      this.drop(skb, 'bridge-ingress-stp-state', `bridge ${this.name} is down`);
      return;
    }
    const { source, destination } = new Ethernet(skb.view, skb.data);
    if (isGroupMac(source) || source === MAC_ZERO) {
      this.drop(skb, 'mac-invalid-source');
      return;
    }
    if (destination === this.mac) skb.packetType = 'host';
    if (asksIptables(this, skb) && !bridgePrerouting(this, skb, port)) return;
    this.#handle(skb, port);
  }

  /** br_handle_frame_finish(). */
  #handle(skb: Skb, port: BridgePort): void {
    const vlan = this.#vlanOf(skb, port.vlans);
    if (vlan === undefined) return;
    if (port.state.learning) this.#learn(new Ethernet(skb.view, skb.data).source, port, vlan);
    this.#dispatch(skb, port, vlan);
  }

  /** br_allowed_ingress(); undefined where the frame has been dropped. */
  #vlanOf(skb: Skb, group: VlanGroup): number | undefined {
    if (!this.vlanFiltering) return NO_VLAN;
    const vlan = group.ingress(skb);
    if (vlan === undefined) this.drop(skb, 'not-specified', `${this.name} takes no frame of that VLAN here`);
    return vlan;
  }

  #dispatch(skb: Skb, port: BridgePort, vlan: number): void {
    const { destination } = new Ethernet(skb.view, skb.data);
    if (destination === this.mac || this.ports.some(({ dev }) => dev.mac === destination)) {
      this.#passUp(skb, 'host', vlan);
      return;
    }
    if (isGroupMac(destination)) {
      this.#flood(skb, port, vlan);
      this.#passUp(skb, skb.packetType, vlan);
      return;
    }
    // A promiscuous bridge sees what it forwards, as somebody else's.
    if (this.promisc) this.#passUp(skb.copy(this.netns.emulation.slabs), 'otherhost', vlan);
    const known = this.#find(destination, vlan);
    if (known === undefined) this.#flood(skb, port, vlan);
    else this.#forward(skb, { from: port, to: known.port, vlan });
  }

  /** The bridge's own frames: br_dev_xmit(). */
  startXmit(skb: Skb): void {
    const { bridgedFrom } = skb;
    if (bridgedFrom !== undefined) {
      // br_nf_pre_routing_finish_bridge_slow(): bridged all along, and only its neighbour was asked for.
      skb.bridgedFrom = undefined;
      new Ethernet(skb.view, skb.data).source = bridgedFrom.source;
      this.#handle(skb, bridgedFrom.port);
      return;
    }
    const vlan = this.#vlanOf(skb, this.vlans);
    if (vlan === undefined) return;
    const { destination } = new Ethernet(skb.view, skb.data);
    const known = isGroupMac(destination) ? undefined : this.#find(destination, vlan);
    if (known === undefined) {
      this.#flood(skb, undefined, vlan);
      return;
    }
    if (!this.#inVlan(known.port, vlan)) {
      this.drop(skb, 'bridge-no-egress-port', `port ${known.port.dev.name} is not in VLAN ${vlan}`);
      return;
    }
    this.#step(skb, 'forward', [known.port]);
    this.#tag(skb, known.port.vlans, vlan);
    known.port.dev.transmit(skb);
  }

  #learn(mac: Mac, port: BridgePort, vlan: number): void {
    const { nowNs } = this.netns.emulation.clock;
    const table = this.#table(vlan);
    const entry = table.get(mac);
    if (entry?.permanent === true) return;
    if (entry?.port === port) entry.usedNs = nowNs;
    else table.set(mac, { mac, vlan, port, permanent: false, usedNs: nowNs, because: NO_CAUSE });
  }

  /** br_allowed_egress(). */
  #inVlan(port: BridgePort, vlan: number): boolean {
    return !this.vlanFiltering || port.vlans.has(vlan);
  }

  #tag(skb: Skb, group: VlanGroup, vlan: number): void {
    if (this.vlanFiltering) group.egress(skb, vlan, this.netns.emulation.slabs);
  }

  #aged(entry: BridgeFdbEntry): boolean {
    return !entry.permanent && this.netns.emulation.clock.nowNs - entry.usedNs > AGEING_NS;
  }

  #find(mac: Mac, vlan: number): BridgeFdbEntry | undefined {
    const entry = this.#tables.get(vlan)?.get(mac);
    return entry === undefined || this.#aged(entry) ? undefined : entry;
  }

  /**
   * should_deliver(): not back where it came from unless hairpin; not between isolated ports; not to one that is down,
   * or in other VLANs.
   */
  #allowed(to: BridgePort, from: BridgePort | undefined, vlan: number): boolean {
    if (!to.dev.running || !this.#inVlan(to, vlan)) return false;
    if (from === undefined) return true;
    return (to !== from || to.state.hairpin) && !(to.state.isolated && from.state.isolated);
  }

  #forward(skb: Skb, way: { readonly from: BridgePort; readonly to: BridgePort; readonly vlan: number }): void {
    const { from, to, vlan } = way;
    if (!this.#allowed(to, from, vlan)) {
      const why = to === from ? 'same port, hairpin mode is off' : `port ${to.dev.name} takes no frame`;
      this.drop(skb, 'bridge-no-egress-port', why);
      return;
    }
    this.#step(skb, 'forward', [to]);
    this.#leave(skb, to, vlan);
  }

  #flood(skb: Skb, port: BridgePort | undefined, vlan: number): void {
    const group = isGroupMac(new Ethernet(skb.view, skb.data).destination);
    // br_add_if() puts a port before those that are there.
    const out = this.ports
      .filter((other) => (group || other.state.flood) && this.#allowed(other, port, vlan))
      .reverse();
    if (out.length === 0) {
      if (!group) this.drop(skb, 'bridge-no-egress-port');
      return;
    }
    this.#step(skb, 'flood', out);
    out.forEach((other, i) => {
      const last = i === out.length - 1 && !(group && port !== undefined);
      const frame = last ? skb : skb.copy(this.netns.emulation.slabs);
      if (port !== undefined) this.#leave(frame, other, vlan);
      else {
        this.#tag(frame, other.vlans, vlan);
        other.dev.transmit(frame);
      }
    });
  }

  /** br_forward_finish(): with the bridge's netfilter where it is asked for. */
  #leave(skb: Skb, out: BridgePort, vlan: number): void {
    this.#tag(skb, out.vlans, vlan);
    for (const frame of bridgeForward(this, skb, out)) {
      // is_skb_forwardable(): with its header and room for a VLAN tag.
      if (frame.length > out.dev.mtu + ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH)
        this.drop(frame, 'pkt-too-big', `longer than the MTU ${out.dev.mtu} of port ${out.dev.name}`);
      else out.dev.transmit(frame);
    }
  }

  /** br_pass_frame_up(): the bridge is the receiver. */
  #passUp(skb: Skb, packetType: Skb['packetType'], vlan: number): void {
    const { netns } = this;
    if (this.vlanFiltering && !this.promisc && !this.vlans.has(vlan)) {
      this.drop(skb, 'not-specified', `${this.name} itself is not in VLAN ${vlan}`);
      return;
    }
    this.#tag(skb, this.vlans, vlan);
    skb.packetType = packetType;
    if (!bridgeLocalIn(this, skb)) return;
    // br_drop_fake_rtable().
    if (skb.route === this.parentRoute) skb.route = undefined;
    if (netns.emulation.tracer !== undefined) this.#step(skb, 'local', []);
    this.counters.rxPackets += 1;
    this.counters.rxBytes += skb.length;
    skb.dev = this;
    skb.iif = this.ifindex;
    this.tap?.(this, skb, 'in');
    skb.mac = skb.data;
    netns.deliverFrame(this, skb);
  }

  #step(skb: Skb, action: 'forward' | 'flood' | 'local', ports: readonly BridgePort[]): void {
    if (this.netns.emulation.tracer === undefined) return;
    this.netns.trace(skb, { kind: 'bridge', bridge: this.name, action, ports: ports.map(({ dev }) => dev.name) });
  }
}
