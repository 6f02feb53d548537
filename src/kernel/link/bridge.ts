/**
 * bridge: learns where addresses are and forwards frames between its ports (net/bridge/br_input.c,
 * br_forward.c, br_fdb.c). No spanning tree: ports are always forwarding. The bridge itself is a port too.
 *
 *     port → br_handle_frame → [bridge-nf-call-iptables: PREROUTING] → fdb → local: up the stack
 *                                                                        → port:  [FORWARD, POSTROUTING] → port
 */

import { Ethernet, isGroupMac, MAC_ZERO, type Mac } from '../../packet/index.js';
import { type Cause, NO_CAUSE } from '../../trace/index.js';
import { NS_PER_S } from '../clock.js';
import { Device, type DeviceOptions } from '../device.js';
import { KernelError } from '../errors.js';
import type { BridgePortState } from '../host-state.js';
import type { Skb } from '../skb.js';
import { asksIptables, bridgeForward, bridgePrerouting } from './bridge-netfilter.js';

/** BR_DEFAULT_AGEING_TIME: a learned entry that nobody used for so long is forgotten. */
const AGEING_NS = 300 * NS_PER_S;

export const DEFAULT_PORT: BridgePortState = { hairpin: false, learning: true, flood: true, isolated: false };

export interface BridgeFdbEntry {
  readonly mac: Mac;
  /** Undefined: the bridge's own address. */
  readonly port: BridgePort | undefined;
  readonly permanent: boolean;
  usedNs: number;
  readonly because: readonly Cause[];
}

export class BridgePort {
  readonly bridge: Bridge;
  readonly dev: Device;
  state: BridgePortState = DEFAULT_PORT;

  constructor(bridge: Bridge, dev: Device) {
    this.bridge = bridge;
    this.dev = dev;
  }

  /** br_handle_frame(). */
  receive(skb: Skb): void {
    this.bridge.input(skb, this);
  }
}

export class Bridge extends Device {
  readonly kind = 'bridge';
  readonly ports: BridgePort[] = [];
  readonly #fdb = new Map<Mac, BridgeFdbEntry>();
  /** True once somebody chose the address; before that it follows the lowest of the ports. */
  #macSet: boolean;

  constructor(options: DeviceOptions) {
    super(options);
    this.#macSet = options.mac !== undefined;
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
    return port;
  }

  /** br_del_if(): its learned addresses go with it. */
  removePort(dev: Device): void {
    const at = this.ports.findIndex((port) => port.dev === dev);
    if (at < 0) return;
    this.ports.splice(at, 1);
    dev.port = undefined;
    for (const [mac, entry] of this.#fdb) if (entry.port?.dev === dev) this.#fdb.delete(mac);
    this.#followPorts();
  }

  /** `ip link set BRIDGE address`. */
  setMac(mac: Mac): void {
    this.#macSet = true;
    this.mac = mac;
  }

  /** br_stp_recalculate_bridge_id() and br_mtu_auto_adjust(): lowest MAC and lowest MTU of the ports. */
  #followPorts(): void {
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
    this.mtu = Math.min(...this.ports.map(({ dev }) => dev.mtu));
  }

  /** Learned and static entries that are still alive. */
  *entries(): IterableIterator<BridgeFdbEntry> {
    for (const entry of this.#fdb.values()) if (!this.#aged(entry)) yield entry;
  }

  /** `bridge fdb add MAC dev PORT master static`. */
  addEntry(mac: Mac, port: BridgePort, because: readonly Cause[] = NO_CAUSE): void {
    if (this.#fdb.get(mac)?.permanent === true) throw new KernelError('EEXIST', 'fdb add');
    this.#fdb.set(mac, { mac, port, permanent: true, usedNs: this.netns.emulation.clock.nowNs, because });
  }

  /** @throws KernelError ENOENT */
  deleteEntry(mac: Mac): void {
    if (!this.#fdb.delete(mac)) throw new KernelError('ENOENT', 'fdb del');
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
    this.#dispatch(skb, port);
  }

  /** br_handle_frame_finish(). */
  #dispatch(skb: Skb, port: BridgePort): void {
    const { destination, source } = new Ethernet(skb.view, skb.data);
    if (port.state.learning) this.#learn(source, port);
    if (destination === this.mac || this.ports.some(({ dev }) => dev.mac === destination)) {
      this.#passUp(skb, 'host');
      return;
    }
    if (isGroupMac(destination)) {
      this.#flood(skb, port);
      this.#passUp(skb, skb.packetType);
      return;
    }
    const known = this.#find(destination);
    if (known?.port !== undefined) this.#forward(skb, known.port, port);
    else this.#flood(skb, port);
  }

  /** The bridge's own frames: br_dev_xmit(). */
  startXmit(skb: Skb): void {
    const { bridgedFrom } = skb;
    if (bridgedFrom !== undefined) {
      // br_nf_pre_routing_finish_bridge_slow(): bridged all along, and only its neighbour was asked for.
      skb.bridgedFrom = undefined;
      new Ethernet(skb.view, skb.data).source = bridgedFrom.source;
      this.#dispatch(skb, bridgedFrom.port);
      return;
    }
    const { destination } = new Ethernet(skb.view, skb.data);
    const known = isGroupMac(destination) ? undefined : this.#find(destination);
    if (known?.port !== undefined) {
      this.#step(skb, 'forward', [known.port]);
      known.port.dev.transmit(skb);
    } else this.#flood(skb, undefined);
  }

  #learn(mac: Mac, port: BridgePort): void {
    const { nowNs } = this.netns.emulation.clock;
    const entry = this.#fdb.get(mac);
    if (entry?.permanent === true) return;
    if (entry?.port === port) entry.usedNs = nowNs;
    else this.#fdb.set(mac, { mac, port, permanent: false, usedNs: nowNs, because: NO_CAUSE });
  }

  #aged(entry: BridgeFdbEntry): boolean {
    return !entry.permanent && this.netns.emulation.clock.nowNs - entry.usedNs > AGEING_NS;
  }

  #find(mac: Mac): BridgeFdbEntry | undefined {
    const entry = this.#fdb.get(mac);
    return entry === undefined || this.#aged(entry) ? undefined : entry;
  }

  /** should_deliver(): not back where it came from unless hairpin; not between isolated ports; not to one that is down. */
  #allowed(out: BridgePort, port: BridgePort | undefined): boolean {
    if (!out.dev.running) return false;
    if (port === undefined) return true;
    return (out !== port || out.state.hairpin) && !(out.state.isolated && port.state.isolated);
  }

  #forward(skb: Skb, out: BridgePort, port: BridgePort): void {
    if (!this.#allowed(out, port)) {
      this.drop(
        skb,
        'bridge-no-egress-port',
        out === port ? 'same port, hairpin mode is off' : `port ${out.dev.name} takes no frame`,
      );
      return;
    }
    this.#step(skb, 'forward', [out]);
    this.#leave(skb, out);
  }

  #flood(skb: Skb, port: BridgePort | undefined): void {
    const out = this.ports.filter((other) => other.state.flood && this.#allowed(other, port));
    if (out.length === 0) {
      if (!isGroupMac(new Ethernet(skb.view, skb.data).destination)) this.drop(skb, 'bridge-no-egress-port');
      return;
    }
    this.#step(skb, 'flood', out);
    const group = isGroupMac(new Ethernet(skb.view, skb.data).destination);
    out.forEach((other, i) => {
      const last = i === out.length - 1 && !(group && port !== undefined);
      const frame = last ? skb : skb.copy(this.netns.emulation.slabs);
      if (port === undefined) other.dev.transmit(frame);
      else this.#leave(frame, other);
    });
  }

  /** br_forward_finish(): with the bridge's netfilter where it is asked for. */
  #leave(skb: Skb, out: BridgePort): void {
    for (const frame of bridgeForward(this, skb, out)) {
      // is_skb_forwardable(): with its header and room for a VLAN tag.
      if (frame.length > out.dev.mtu + 14 + 4)
        this.drop(frame, 'pkt-too-big', `longer than the MTU ${out.dev.mtu} of port ${out.dev.name}`);
      else out.dev.transmit(frame);
    }
  }

  /** br_pass_frame_up(): the bridge is the receiver. */
  #passUp(skb: Skb, packetType: Skb['packetType']): void {
    const { netns } = this;
    if (netns.emulation.tracer !== undefined) this.#step(skb, 'local', []);
    this.counters.rxPackets += 1;
    this.counters.rxBytes += skb.length;
    skb.dev = this;
    skb.iif = this.ifindex;
    skb.packetType = packetType;
    this.tap?.(this, skb, 'in');
    skb.mac = skb.data;
    skb.pull(14);
    skb.network = skb.data;
    skb.protocol = new Ethernet(skb.view, skb.mac).etherType;
    netns.deliver(this, skb);
  }

  #step(skb: Skb, action: 'forward' | 'flood' | 'local', ports: readonly BridgePort[]): void {
    if (this.netns.emulation.tracer === undefined) return;
    this.netns.trace(skb, { kind: 'bridge', bridge: this.name, action, ports: ports.map(({ dev }) => dev.name) });
  }
}
