/**
 * IPv4 neighbours and their states (net/core/neighbour.c):
 *
 *     none → incomplete → reachable ⇄ stale → delay → probe → reachable
 *                └→ failed                            └→ failed
 *
 * Ageing is computed when an entry is looked at; only what sends a packet (solicitations) sets a timer.
 * Differs: the reachable time is base_reachable_time_ms itself, not a draw from half to one and a half of it,
 * and nothing is collected as garbage.
 */

import {
  ETHERTYPE,
  encodeEthernet,
  INADDR_BROADCAST,
  type Ipv4Addr,
  isMulticast,
  MAC_BROADCAST,
  MAC_ZERO,
  type Mac,
  macFromParts,
} from '../../packet/index.js';
import { type Cause, type NeighbourState, NO_CAUSE } from '../../trace/index.js';
import { NS_PER_MS, NS_PER_S, type Timer } from '../clock.js';
import type { Device } from '../device.js';
import { KernelError } from '../errors.js';
import { NetlinkError } from '../fib/index.js';
import type { NeighbourEntryState } from '../host-state.js';
import type { Netns } from '../netns.js';
import type { Skb } from '../skb.js';

const isValid = (state: NeighbourState): boolean => state !== 'none' && state !== 'incomplete' && state !== 'failed';

/** What `ip neigh add` asks for. */
export type NeighbourRequest = Omit<NeighbourEntryState, 'state'> & { readonly state: NeighbourState };

export class Neighbour {
  readonly dev: Device;
  readonly address: Ipv4Addr;
  mac: Mac = MAC_ZERO;
  state: NeighbourState = 'none';
  /** When the address was last known to be right. */
  confirmedNs = 0;
  updatedNs = 0;
  usedNs = 0;
  probes = 0;
  timer: Timer | undefined = undefined;
  /** Packets that wait for the address, oldest first. */
  readonly queue: Skb[] = [];
  because: readonly Cause[] = NO_CAUSE;

  constructor(dev: Device, address: Ipv4Addr) {
    this.dev = dev;
    this.address = address;
  }

  /** NUD_VALID: the address may be used. */
  get valid(): boolean {
    return isValid(this.state);
  }

  /** NUD_CONNECTED: it is used without a question. */
  get connected(): boolean {
    return this.state === 'permanent' || this.state === 'noarp' || this.state === 'reachable';
  }
}

export class NeighbourTable {
  readonly #netns: Netns;
  readonly #entries = new Map<Device, Map<Ipv4Addr, Neighbour>>();
  /** `ip neigh add proxy`. */
  readonly #proxies = new Map<Device, Map<Ipv4Addr, readonly Cause[]>>();

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  /** All entries with their states as of now, by device index and address. */
  *entries(): IterableIterator<Neighbour> {
    for (const byAddress of this.#entries.values()) {
      for (const entry of byAddress.values()) {
        this.#age(entry);
        yield entry;
      }
    }
  }

  lookup(dev: Device, address: Ipv4Addr): Neighbour | undefined {
    const entry = this.#entries.get(dev)?.get(address);
    if (entry !== undefined) this.#age(entry);
    return entry;
  }

  /** neigh_create() where there is none. */
  require(dev: Device, address: Ipv4Addr): Neighbour {
    return this.lookup(dev, address) ?? this.#create(dev, address);
  }

  /**
   * neigh_add(): `ip neigh replace ADDRESS lladdr MAC dev DEV nud STATE`, and its kin. Without a MAC address it is the one
   * that the entry has.
   * @throws KernelError EEXIST where it is to be added and there, ENOENT where it is to be changed and is not, EINVAL
   */
  set(entry: NeighbourRequest, mode: 'add' | 'change' | 'replace' = 'replace'): void {
    const dev = this.#device(entry.dev, 'neigh add');
    if (entry.proxy) {
      const proxies = this.#proxies.get(dev) ?? new Map<Ipv4Addr, readonly Cause[]>();
      this.#proxies.set(dev, proxies.set(entry.address, entry.because));
      return;
    }
    const isThere = this.lookup(dev, entry.address) !== undefined;
    if (mode === 'add' && isThere) throw new KernelError('EEXIST', 'neigh add');
    if (mode === 'change' && !isThere) throw new KernelError('ENOENT', 'neigh change');
    const neighbour = this.require(dev, entry.address);
    if (!isValid(entry.state)) {
      this.#invalidate(neighbour, entry.state);
      return;
    }
    if (entry.mac === undefined && !neighbour.valid)
      throw new NetlinkError({ errno: 'EINVAL', extack: 'No link layer address given' }, 'neigh add');
    neighbour.because = entry.because;
    neighbour.timer?.cancel();
    neighbour.mac = entry.mac ?? neighbour.mac;
    neighbour.state = entry.state;
    neighbour.updatedNs = this.#netns.emulation.clock.nowNs;
    if (neighbour.connected) this.#confirm(neighbour);
    // NUD_IN_TIMER: its timer is due at once.
    if (neighbour.state === 'delay' || neighbour.state === 'probe') {
      neighbour.probes = 0;
      neighbour.timer = this.#netns.emulation.clock.schedule(0, () => this.#probe(neighbour));
    }
    this.#flushQueue(neighbour);
  }

  /** neigh_update() to a state without an address: nothing is asked, and what waits goes on waiting unless it failed. */
  #invalidate(neighbour: Neighbour, state: NeighbourState): void {
    const asked = neighbour.state === 'incomplete' || neighbour.state === 'probe';
    neighbour.timer?.cancel();
    neighbour.timer = undefined;
    if (asked && state === 'failed') this.#fail(neighbour);
    neighbour.state = state;
  }

  /** `ip neigh del`. @throws KernelError ENOENT */
  delete(dev: Device, address: Ipv4Addr): void {
    const entry = this.#entries.get(dev)?.get(address);
    if (entry === undefined) throw new KernelError('ENOENT', 'neigh del');
    this.#forget(entry);
    this.#entries.get(dev)?.delete(address);
  }

  /** `ip neigh del proxy`. */
  deleteProxy(dev: Device, address: Ipv4Addr): void {
    if (this.#proxies.get(dev)?.delete(address) !== true) throw new KernelError('ENOENT', 'neigh del proxy');
  }

  /** pneigh_lookup(). */
  isProxy(dev: Device, address: Ipv4Addr): boolean {
    return this.#proxies.get(dev)?.has(address) ?? false;
  }

  *proxies(): IterableIterator<{
    readonly dev: Device;
    readonly address: Ipv4Addr;
    readonly because: readonly Cause[];
  }> {
    for (const [dev, addresses] of this.#proxies)
      for (const [address, because] of addresses) yield { dev, address, because };
  }

  /** neigh_ifdown(): the device went down or away. */
  flush(dev: Device): void {
    for (const entry of this.#entries.get(dev)?.values() ?? []) this.#forget(entry);
    this.#entries.delete(dev);
    this.#proxies.delete(dev);
  }

  /**
   * What the device's neighbour at `address` said: neigh_update(). An address that is known gives way to another only
   * with 'override' (NEIGH_UPDATE_F_OVERRIDE).
   */
  update(neighbour: Neighbour, mac: Mac, state: 'reachable' | 'stale', other: 'override' | 'keep'): void {
    this.#age(neighbour);
    if (neighbour.state === 'permanent' || neighbour.state === 'noarp') return;
    const { nowNs } = this.#netns.emulation.clock;
    const changed = !neighbour.valid || neighbour.mac !== mac;
    if (state === 'reachable') neighbour.confirmedNs = nowNs;
    if (changed && neighbour.valid && other === 'keep') return;
    // A hint that says nothing new leaves a confirmed entry as it is.
    if (state === 'stale' && !changed) return;
    if (changed || neighbour.state !== state) neighbour.updatedNs = nowNs;
    neighbour.timer?.cancel();
    neighbour.mac = mac;
    neighbour.state = state;
    this.#flushQueue(neighbour);
  }

  /** neigh_confirm(): a higher layer had an answer from there. */
  confirm(dev: Device, address: Ipv4Addr): void {
    const neighbour = this.lookup(dev, address);
    if (neighbour === undefined || !neighbour.valid) return;
    if (neighbour.state === 'delay' || neighbour.state === 'probe') neighbour.state = 'reachable';
    this.#confirm(neighbour);
  }

  /** neigh_output(): writes the link-layer header and sends, or waits for the address. */
  output(skb: Skb, dev: Device, nextHop: Ipv4Addr): void {
    const neighbour = this.require(dev, nextHop);
    const { emulation } = this.#netns;
    neighbour.usedNs = emulation.clock.nowNs;
    if (!neighbour.connected) this.#resolve(neighbour, skb);
    const pending = !neighbour.valid;
    if (emulation.tracer !== undefined) {
      this.#netns.trace(skb, {
        kind: 'neighbour',
        dev: dev.name,
        address: nextHop,
        state: neighbour.state,
        // On a device without a link layer there is nothing to be at.
        mac: neighbour.valid && dev.hardHeaderLength > 0 ? neighbour.mac : undefined,
        because: neighbour.because,
        pending,
      });
    }
    if (pending) this.#enqueue(neighbour, skb);
    else this.#send(neighbour, skb);
  }

  /** neigh_event_send() without a packet: the address will be wanted. */
  solicit(neighbour: Neighbour): void {
    if (!neighbour.connected) this.#resolve(neighbour, undefined);
  }

  /** arp_constructor(): some addresses need no question. */
  #create(dev: Device, address: Ipv4Addr): Neighbour {
    const neighbour = new Neighbour(dev, address);
    const { nowNs } = this.#netns.emulation.clock;
    neighbour.usedNs = nowNs;
    neighbour.updatedNs = nowNs;
    // ___neigh_create(): long enough ago that it does not count as confirmed.
    neighbour.confirmedNs = nowNs - 2 * dev.neighConf.base_reachable_time_ms * NS_PER_MS;
    if (isMulticast(address)) {
      neighbour.state = 'noarp';
      neighbour.mac = macFromParts(0x0100, 0x5e000000 | (address & 0x7fffff)); // RFC 1112 §6.4
    } else if (dev.noArp) {
      neighbour.state = 'noarp';
      neighbour.mac = dev.mac;
    } else if (address === INADDR_BROADCAST || this.#netns.fib.addressType(address, dev) === 'broadcast') {
      neighbour.state = 'noarp';
      neighbour.mac = MAC_BROADCAST;
    }
    const byAddress = this.#entries.get(dev) ?? new Map<Ipv4Addr, Neighbour>();
    this.#entries.set(dev, byAddress.set(address, neighbour));
    return neighbour;
  }

  /** __neigh_event_send(): a packet wants to go there. */
  #resolve(neighbour: Neighbour, skb: Skb | undefined): void {
    const { clock } = this.#netns.emulation;
    if (neighbour.state === 'stale') {
      neighbour.state = 'delay';
      neighbour.timer = clock.schedule(neighbour.dev.neighConf.delay_first_probe_time * NS_PER_S, () =>
        this.#probe(neighbour),
      );
      return;
    }
    if (neighbour.state !== 'none' && neighbour.state !== 'failed') return;
    neighbour.state = 'incomplete';
    neighbour.probes = 0;
    neighbour.updatedNs = clock.nowNs;
    this.#solicit(neighbour, skb);
  }

  /** neigh_probe() while the address is unknown: a broadcast each second, then failure. */
  #solicit(neighbour: Neighbour, skb: Skb | undefined): void {
    const { emulation, arp } = this.#netns;
    const { neighConf } = neighbour.dev;
    if (neighbour.probes >= neighConf.mcast_solicit) {
      this.#fail(neighbour);
      return;
    }
    neighbour.probes += 1;
    neighbour.timer = emulation.clock.schedule(neighConf.retrans_time_ms * NS_PER_MS, () =>
      this.#solicit(neighbour, neighbour.queue[0]),
    );
    arp.solicit(neighbour, skb, MAC_BROADCAST);
  }

  /** neigh_timer_handler() in delay and probe: unicast questions to the address that we have. */
  #probe(neighbour: Neighbour): void {
    const { emulation, arp } = this.#netns;
    const { neighConf } = neighbour.dev;
    if (emulation.clock.nowNs - neighbour.confirmedNs < neighConf.delay_first_probe_time * NS_PER_S) {
      neighbour.state = 'reachable';
      return;
    }
    if (neighbour.state === 'delay') {
      neighbour.state = 'probe';
      neighbour.probes = 0;
    }
    if (neighbour.probes >= neighConf.ucast_solicit) {
      this.#fail(neighbour);
      return;
    }
    neighbour.probes += 1;
    neighbour.timer = emulation.clock.schedule(neighConf.retrans_time_ms * NS_PER_MS, () => this.#probe(neighbour));
    arp.solicit(neighbour, undefined, neighbour.mac);
  }

  /** neigh_invalidate() → arp_error_report(): what waited is told that the host is unreachable. */
  #fail(neighbour: Neighbour): void {
    neighbour.state = 'failed';
    neighbour.timer = undefined;
    neighbour.updatedNs = this.#netns.emulation.clock.nowNs;
    for (const skb of neighbour.queue.splice(0)) {
      this.#netns.ipv4.linkFailure(skb);
      this.#netns.drop(skb, 'neigh-failed');
    }
  }

  #enqueue(neighbour: Neighbour, skb: Skb): void {
    if (neighbour.queue.length >= neighbour.dev.neighConf.unres_qlen) {
      const oldest = neighbour.queue.shift();
      if (oldest !== undefined) this.#netns.drop(oldest, 'neigh-queuefull');
    }
    neighbour.queue.push(skb);
  }

  #flushQueue(neighbour: Neighbour): void {
    for (const skb of neighbour.queue.splice(0)) {
      const { emulation } = this.#netns;
      if (emulation.tracer !== undefined) {
        this.#netns.trace(skb, {
          kind: 'neighbour',
          dev: neighbour.dev.name,
          address: neighbour.address,
          state: neighbour.state,
          mac: neighbour.mac,
          because: neighbour.because,
          pending: false,
        });
      }
      this.#send(neighbour, skb);
    }
  }

  /** dev_hard_header() and dev_queue_xmit(). */
  #send(neighbour: Neighbour, skb: Skb): void {
    const { dev } = neighbour;
    if (dev.hardHeaderLength > 0) {
      const at = skb.push(dev.hardHeaderLength, this.#netns.emulation.slabs);
      encodeEthernet(skb.view, at, { destination: neighbour.mac, source: dev.mac, etherType: ETHERTYPE.ipv4 });
      skb.mac = at;
    } else skb.mac = -1;
    dev.transmit(skb);
  }

  #confirm(neighbour: Neighbour): void {
    neighbour.confirmedNs = this.#netns.emulation.clock.nowNs;
    neighbour.updatedNs = neighbour.confirmedNs;
  }

  /** reachable becomes stale when nobody confirmed it for the reachable time. */
  #age(neighbour: Neighbour): void {
    if (neighbour.state !== 'reachable') return;
    const ageNs = this.#netns.emulation.clock.nowNs - neighbour.confirmedNs;
    if (ageNs > neighbour.dev.neighConf.base_reachable_time_ms * NS_PER_MS) neighbour.state = 'stale';
  }

  #forget(entry: Neighbour): void {
    entry.timer?.cancel();
    for (const skb of entry.queue.splice(0)) this.#netns.drop(skb, 'neigh-dead');
  }

  #device(name: string, request: string): Device {
    const dev = this.#netns.devices.named(name);
    if (dev === undefined) throw new KernelError('ENODEV', `${request} dev ${name}`);
    return dev;
  }
}
