/**
 * The physical network below the hosts: a learning Ethernet switch (IEEE 802.1D, no spanning tree) whose
 * ports are cables with delay and loss. It belongs to no host and has no namespace.
 *
 * A port may stand for a host that nobody has built yet. It says which MAC and IPv4 addresses it answers
 * for, and is built when the first frame for it comes. A broadcast wakes such a port only where it asks
 * for one of its addresses: for all others the frame would change nothing (net/ipv4/arp.c:arp_process()
 * makes no entry for a request that is not for us).
 */

import {
  ARP_LENGTH,
  Arp,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  Ethernet as EthernetHeader,
  type Ipv4Addr,
  isGroupMac,
  type Mac,
} from '../../packet/index.js';
import type { Emulation } from '../emulation.js';
import type { CableState } from '../host-state.js';
import type { Skb } from '../skb.js';
import type { Cable, Ethernet } from './ethernet.js';

export interface CableOptions {
  /** One way, nanoseconds. */
  readonly delayNs?: number;
  /** Chance from 0 to 1 that a frame is lost. */
  readonly loss?: number;
  /** Longest IP packet that the segment carries; 0 for no limit of its own. */
  readonly mtu?: number;
}

/** A host that is built when a frame for it comes. */
export interface SleepingHost {
  readonly mac: Mac;
  /** Whether it answers for that address: its own, or one that a program on it announces. */
  answersFor(address: Ipv4Addr): boolean;
  /** Builds the host; afterwards its interface has plugged itself into `port`. */
  wake(): void;
}

/** The smaller of two limits, of which 0 is none. */
const narrower = (a: number, b: number): number => (a === 0 || b === 0 ? Math.max(a, b) : Math.min(a, b));

export class SwitchPort implements Cable {
  readonly name: string;
  readonly #fabric: Switch;
  readonly options: CableOptions;
  /** Of the cable or of the switch, whichever takes less; 0 where neither has a limit. */
  readonly mtu: number;
  nic: Ethernet | undefined = undefined;
  sleeping: SleepingHost | undefined = undefined;
  /** The port of another switch at the other end of a trunk. */
  trunk: SwitchPort | undefined = undefined;
  #down = false;

  constructor(fabric: Switch, name: string, options: CableOptions) {
    this.#fabric = fabric;
    this.name = name;
    this.options = options;
    this.mtu = narrower(options.mtu ?? 0, fabric.mtu);
  }

  get state(): CableState {
    const { delayNs = 0, loss = 0 } = this.options;
    return { switch: this.#fabric.name, delayNs, loss, mtu: this.mtu };
  }

  /** Set by a fault: the cable is pulled. */
  get down(): boolean {
    return this.#down;
  }

  set down(down: boolean) {
    this.#down = down;
    this.nic?.carrierChanged();
  }

  get carrier(): boolean {
    return !this.down && !this.#fabric.down;
  }

  send(skb: Skb, from: Ethernet): void {
    this.#fabric.take(this, skb, from);
  }

  /** Plugs an interface in, in place of a sleeping host if there was one. */
  plug(nic: Ethernet): void {
    this.nic = nic;
    this.sleeping = undefined;
    nic.cable = this;
    nic.carrierChanged();
  }

  /** True where a broadcast frame concerns the sleeping host. */
  concerns(skb: Skb): boolean {
    const { sleeping } = this;
    if (sleeping === undefined || new EthernetHeader(skb.view, skb.data).etherType !== ETHERTYPE.arp) return false;
    const at = skb.data + ETHERNET_HEADER_LENGTH;
    if (at + ARP_LENGTH > skb.tail) return false;
    return sleeping.answersFor(new Arp(skb.view, at).targetIp);
  }
}

export class Switch {
  readonly name: string;
  /** Longest IP packet that it takes; 0 for no limit of its own. */
  readonly mtu: number;
  readonly #emulation: Emulation;
  readonly ports: SwitchPort[] = [];
  readonly #learned = new Map<Mac, SwitchPort>();
  #down = false;

  constructor(emulation: Emulation, name: string, { mtu = 0 }: Pick<CableOptions, 'mtu'> = {}) {
    this.#emulation = emulation;
    this.name = name;
    this.mtu = mtu;
  }

  /** Set by a fault: the whole switch is off. */
  get down(): boolean {
    return this.#down;
  }

  set down(down: boolean) {
    this.#down = down;
    for (const { nic } of this.ports) nic?.carrierChanged();
  }

  addPort(name: string, options: CableOptions = {}): SwitchPort {
    const port = new SwitchPort(this, name, options);
    this.ports.push(port);
    return port;
  }

  /** Takes a port away; an interface that was plugged in has no cable any more. */
  removePort(port: SwitchPort): void {
    const at = this.ports.indexOf(port);
    if (at >= 0) this.ports.splice(at, 1);
    for (const [mac, known] of this.#learned) if (known === port) this.#learned.delete(mac);
    if (port.nic === undefined) return;
    port.nic.cable = undefined;
    port.nic.carrierChanged();
  }

  /** Joins two switches. The whole must stay free of loops: there is no spanning tree. */
  connect(other: Switch, options: CableOptions = {}): void {
    const here = this.addPort(`to ${other.name}`, options);
    const there = other.addPort(`to ${this.name}`);
    here.trunk = there;
    there.trunk = here;
  }

  /** A port whose host is built later. */
  addSleepingPort(name: string, host: SleepingHost, options: CableOptions = {}): SwitchPort {
    const port = this.addPort(name, options);
    port.sleeping = host;
    this.#learned.set(host.mac, port);
    return port;
  }

  /** A frame enters by `port`. */
  take(port: SwitchPort, skb: Skb, from: Ethernet): void {
    if (!port.carrier) {
      from.drop(skb, 'link-down', `${this.name} ${port.name}`);
      return;
    }
    const header = new EthernetHeader(skb.view, skb.data);
    this.#learned.set(header.source, port);
    const destination = header.destination;
    const known = isGroupMac(destination) ? undefined : this.#learned.get(destination);
    if (known === port) {
      from.drop(skb, 'bridge-no-egress-port', `${this.name}: the destination is behind the same port`);
      return;
    }
    if (known !== undefined) this.#carry(skb, { from, in: port, out: known });
    else this.#flood(port, skb, from);
  }

  #flood(port: SwitchPort, skb: Skb, from: Ethernet): void {
    const out = this.ports.filter(
      (other) => other !== port && (other.nic !== undefined || other.trunk !== undefined || other.concerns(skb)),
    );
    if (out.length === 0) {
      from.drop(skb, 'bridge-no-egress-port', `${this.name}: nobody has that address`);
      return;
    }
    out.forEach((other, i) => {
      const frame = i === out.length - 1 ? skb : skb.copy(this.#emulation.slabs);
      this.#carry(frame, { from, in: port, out: other });
    });
  }

  #carry(skb: Skb, way: { readonly from: Ethernet; readonly in: SwitchPort; readonly out: SwitchPort }): void {
    const { from, out } = way;
    if (!out.carrier) {
      from.drop(skb, 'link-down', `${this.name} ${out.name}`);
      return;
    }
    const loss = (way.in.options.loss ?? 0) + (out.options.loss ?? 0);
    if (loss > 0 && this.#emulation.random.next() < loss) {
      from.drop(skb, 'link-loss', `${this.name} ${out.name}`);
      return;
    }
    const mtu = Math.min(way.in.mtu || 65_535, out.mtu || 65_535);
    if (skb.length > mtu + ETHERNET_HEADER_LENGTH + 4) {
      from.drop(skb, 'pkt-too-big', `longer than the MTU ${mtu} of ${this.name}`);
      return;
    }
    const arrive = this.#arrival(out, skb, from);
    if (arrive === undefined) {
      from.drop(skb, 'no-carrier', `${this.name} ${out.name}: nothing is plugged in`);
      return;
    }
    const delayNs = (way.in.options.delayNs ?? 0) + (out.options.delayNs ?? 0);
    if (this.#emulation.tracer !== undefined) {
      from.netns.trace(skb, {
        kind: 'link',
        from: `${this.name} ${way.in.name}`,
        to: `${this.name} ${out.name}`,
        delayNs,
      });
    }
    if (delayNs === 0) arrive();
    else this.#emulation.clock.schedule(delayNs, arrive);
  }

  /** What happens at the other end of the cable. */
  #arrival(out: SwitchPort, skb: Skb, from: Ethernet): (() => void) | undefined {
    if (out.nic === undefined) out.sleeping?.wake();
    const { nic, trunk } = out;
    if (trunk !== undefined) return () => trunk.send(skb, from);
    return nic && (() => nic.arrive(skb));
  }
}
