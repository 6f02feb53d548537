/** hash:* and bitmap:*: sets whose elements are addresses, ports and MAC addresses (ip_set_hash_gen.h). */

import type { Cause } from '../../../trace/index.js';
import type { Clock } from '../../clock.js';
import type { RulePacket } from '../packet.js';
import { formatSetOptions, type SetOptions } from './create-options.js';
import { formatElement, parseElements } from './element-text.js';
import { fail } from './errors.js';
import { applyExtensions, checkExtensions, countPacket, formatExtensions } from './extensions.js';
import { type ElementKey, type Extensions, Member, MemberIndex } from './member.js';
import { packetAddress, packetMac, packetPort } from './packet-key.js';
import type { ElementArgument, Ipset, SetChange, SetLookup } from './set.js';
import type { SetType } from './types.js';

const unsignedOrder = (a: number, b: number): number => (a < 0 ? a >>> 0 : a) - (b < 0 ? b >>> 0 : b);

/** Numeric, first address, then its prefix length, port, second address. */
const byNumber = (a: Member, b: Member): number =>
  unsignedOrder(a.first, b.first) ||
  a.firstLength - b.firstLength ||
  a.port - b.port ||
  unsignedOrder(a.second, b.second) ||
  a.secondLength - b.secondLength;

export class MemberSet implements Ipset {
  readonly type: SetType;
  readonly options: SetOptions;
  readonly modelled = true;
  because: readonly Cause[];
  readonly #clock: Clock;
  readonly #index = new MemberIndex();
  readonly #secondAt: number;
  readonly #portAt: number;
  /** What is looked for, filled anew for every packet. */
  readonly #probe = { first: 0, port: 0, second: 0 };
  /** No element expires before. */
  #earliestNs = Number.POSITIVE_INFINITY;

  constructor(type: SetType, options: SetOptions, more: { clock: Clock; because: readonly Cause[] }) {
    this.type = type;
    this.options = options;
    this.because = more.because;
    this.#clock = more.clock;
    this.#portAt = type.dimensions.indexOf('port');
    const secondAt = this.#portAt === 1 ? 2 : 1;
    this.#secondAt = type.dimensions.length > secondAt ? secondAt : -1;
  }

  get header(): string {
    return formatSetOptions(this.options, this.type);
  }

  get size(): number {
    this.#expire();
    return this.#index.size;
  }

  get memory(): number {
    return 208 + 64 * this.#index.size;
  }

  add(element: ElementArgument): void {
    checkExtensions(element.extensions, this.options, this.type);
    this.#expire();
    for (const parsed of parseElements(element.text, this.type)) this.#add(this.#normal(parsed), element);
  }

  #add(key: ElementKey, element: Pick<ElementArgument, 'extensions' | 'exist'>): void {
    const present = this.#index.get(key);
    if (present !== undefined) {
      if (!element.exist) fail('elementExists');
      this.#extend(present, element.extensions);
      return;
    }
    if (this.type.storage === 'hash' && this.#index.size >= this.options.maxelem) fail('full');
    const member = new Member(key);
    this.#extend(member, element.extensions);
    this.#index.insert(member);
  }

  #extend(member: Member, given: Extensions): void {
    applyExtensions(member, given, { options: this.options, nowNs: this.#clock.nowNs });
    this.#earliestNs = Math.min(this.#earliestNs, member.expiresNs);
  }

  delete(element: ElementArgument): void {
    this.#expire();
    for (const parsed of parseElements(element.text, this.type)) {
      const member = this.#index.get(this.#normal(parsed));
      if (member !== undefined) this.#index.remove(member);
      else if (!element.exist) fail('elementMissing');
    }
  }

  test(element: ElementArgument): boolean {
    const [parsed] = parseElements(element.text, this.type);
    if (parsed === undefined) return false;
    const key = this.#normal(parsed);
    const whole = key.firstLength === 32 && key.secondLength === 32;
    const member = whole ? this.#index.find(key, this.#clock.nowNs) : this.#index.get(key);
    return member !== undefined && member.nomatch === (element.extensions.nomatch ?? false);
  }

  flush(): void {
    this.#index.clear();
  }

  members(): string[] {
    this.#expire();
    const now = this.#clock.nowNs;
    return [...this.#index]
      .sort(byNumber)
      .map((member) => formatElement(member, this.type) + formatExtensions(member, this.options, now));
  }

  matches(packet: RulePacket, lookup: SetLookup): boolean {
    const member = this.#find(packet, lookup.flags);
    if (member === undefined) return false;
    if (this.options.counters && !countPacket(member, packet.length, lookup)) return false;
    return this.type.nomatch ? member.nomatch === lookup.returnNomatch : true;
  }

  #find(packet: RulePacket, flags: readonly ('src' | 'dst')[]): Member | undefined {
    return this.#readProbe(packet, flags) ? this.#index.find(this.#probe, this.#clock.nowNs) : undefined;
  }

  addPacket(packet: RulePacket, change: SetChange): boolean {
    if (!this.#readProbe(packet, change.flags)) return false;
    this.#expire();
    const key = { ...this.#probe, firstLength: 32, secondLength: 32 };
    const present = this.#index.get(key);
    if (present !== undefined && !change.exist) return false;
    if (present === undefined && this.#index.size >= this.options.maxelem && this.type.storage === 'hash') return false;
    packet.netns.emulation.journal?.push(this.#keep(key, present));
    // IP_SET_INIT_KEXT: the packet is the first that is counted.
    const extensions = {
      ...(change.timeoutS === undefined || this.options.timeout === undefined ? {} : { timeoutS: change.timeoutS }),
      ...(this.options.counters ? { packets: 1, bytes: packet.length } : {}),
    };
    this.#add(key, { extensions, exist: true });
    return true;
  }

  deletePacket(packet: RulePacket, change: SetChange): boolean {
    if (!this.#readProbe(packet, change.flags)) return false;
    const member = this.#index.get({ ...this.#probe, firstLength: 32, secondLength: 32 });
    if (member === undefined || member.expiresNs <= this.#clock.nowNs) return false;
    packet.netns.emulation.journal?.push(this.#keep(member, member));
    this.#index.remove(member);
    return true;
  }

  /** Puts the element back as it is now, or takes it out again. */
  #keep(key: ElementKey, present: Member | undefined): () => void {
    const { expiresNs = 0, packets = 0, bytes = 0 } = present ?? {};
    return () => {
      const now = this.#index.get(key);
      if (now !== undefined) this.#index.remove(now);
      if (present === undefined) return;
      Object.assign(present, { expiresNs, packets, bytes });
      this.#index.insert(present);
      this.#earliestNs = Math.min(this.#earliestNs, expiresNs);
    };
  }

  /** False where the rule names too few dimensions, or the packet lacks what the set is asked for. */
  #readProbe(packet: RulePacket, flags: readonly ('src' | 'dst')[]): boolean {
    const probe = this.#probe;
    const dims = this.type.dimensions;
    const flag = flags[0];
    if (flag === undefined || flags.length < dims.length) return false;
    if (dims[0] === 'port') return this.#readPort(packet, flag);
    if (dims[0] === 'mac') {
      probe.first = packetMac(packet, flag);
      return probe.first > 0;
    }
    const address = packetAddress(packet, flag);
    const { netmask, range } = this.options;
    if (range !== undefined && (address >>> 0 < range.first || address >>> 0 > range.last)) return false;
    probe.first = netmask === undefined ? address : address & (-1 << (32 - netmask));
    // hash_ip4_kadt(), hash_ipport4_kadt(): the element that the type cannot hold.
    if (probe.first === 0 && (this.type.name === 'hash:ip' || this.type.name === 'hash:ip,port')) return false;
    if (this.#portAt > 0) {
      probe.port = packetPort(packet, flags[this.#portAt] ?? 'dst');
      if (probe.port < 0) return false;
    }
    if (this.#secondAt > 0) probe.second = packetAddress(packet, flags[this.#secondAt] ?? 'dst');
    return true;
  }

  /** ip_set_get_ip_port(): bitmap:port looks at TCP and UDP only. */
  #readPort(packet: RulePacket, flag: 'src' | 'dst'): boolean {
    const { range } = this.options;
    const port = flag === 'src' ? packet.sourcePort : packet.destinationPort;
    const usable = packet.protocol === 6 || packet.protocol === 17;
    if (!usable || port < 0 || range === undefined || port < range.first || port > range.last) return false;
    this.#probe.port = port;
    return true;
  }

  /** The element as it is stored: masked, inside the range, not the one that the type cannot hold. */
  #normal(key: ElementKey): ElementKey {
    const { netmask, range } = this.options;
    if (this.type.name === 'bitmap:port') {
      const port = key.port & 0xffff;
      return range === undefined || port < range.first || port > range.last ? fail('outOfRange') : { ...key, port };
    }
    if (range !== undefined && (key.first >>> 0 < range.first || key.first >>> 0 > range.last)) fail('outOfRange');
    const first = netmask === undefined ? key.first : key.first & (-1 << (32 - netmask));
    if (first === 0 && (this.type.name === 'hash:ip' || this.type.name === 'hash:mac')) fail('nullElement');
    if (first === 0 && this.type.name === 'hash:ip,port') fail('invalid');
    return first === key.first ? key : { ...key, first };
  }

  /** Elements whose time is over go when somebody looks (the kernel's garbage collector runs by a timer). */
  #expire(): void {
    const now = this.#clock.nowNs;
    if (this.#earliestNs > now) return;
    let earliest = Number.POSITIVE_INFINITY;
    for (const member of this.#index) {
      if (member.expiresNs <= now) this.#index.remove(member);
      else earliest = Math.min(earliest, member.expiresNs);
    }
    this.#earliestNs = earliest;
  }
}
