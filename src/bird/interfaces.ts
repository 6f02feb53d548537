/**
 * Interfaces and their addresses as a BIRD knows them (nest/iface.c, nest/neighbor.c): read from the namespace when
 * it is scanned, and told apart from what was there before.
 */

import { INADDR_ANY, ipv4, type Ipv4Addr, ipv4Mask } from '../packet/index.js';
import type { Device, InterfaceAddress } from '../kernel/index.js';
import { classifyIp, type IpAddr, ipEquals, maskIp, maxLength, Net, netContainsIp } from './address.js';
import { patternMatches } from './filter/match.js';
import type { InterfacePattern } from './config/types.js';

export interface IfaceAddress {
  readonly ip: IpAddr;
  readonly net: Net;
  readonly opposite: IpAddr | undefined;
  readonly broadcast: IpAddr | undefined;
  /** Not the first of its network on that interface. */
  readonly secondary: boolean;
}

export interface Iface {
  readonly name: string;
  readonly index: number;
  readonly up: boolean;
  readonly adminUp: boolean;
  readonly linkUp: boolean;
  readonly mtu: number;
  readonly loopback: boolean;
  readonly pointToPoint: boolean;
  /** The bridge that it is a port of. */
  readonly master?: string;
  readonly addresses: readonly IfaceAddress[];
}

/** sysdep/linux/netlink.c:nl_parse_addr4(). */
function readAddress(
  entry: Pick<InterfaceAddress, 'address' | 'peer' | 'prefixLength' | 'broadcast' | 'secondary'>,
): IfaceAddress {
  const { address, peer, prefixLength, broadcast, secondary } = entry;
  const isPeer = peer !== address;
  const net = isPeer
    ? new Net(maskIp(peer, prefixLength), prefixLength)
    : new Net(maskIp(address, prefixLength), prefixLength);
  let opposite: IpAddr | undefined = isPeer && prefixLength === 32 ? peer : undefined;
  if (!isPeer && prefixLength === 31) opposite = ipv4(address ^ 1);
  if (!isPeer && prefixLength === 30) {
    const host = address & 3;
    if (host === 1 || host === 2) opposite = ipv4(address ^ 3);
  }
  return { ip: address, net, opposite, broadcast: broadcast === INADDR_ANY ? undefined : broadcast, secondary };
}

/** A device as the kernel describes it now. */
export function readIface(dev: Device): Iface {
  const loopback = dev.isLoopback;
  return {
    name: dev.name,
    index: dev.ifindex,
    up: dev.up,
    adminUp: dev.up,
    linkUp: dev.up && dev.carrier,
    mtu: dev.mtu,
    loopback,
    pointToPoint: dev.kind === 'ipip',
    ...(dev.port === undefined ? {} : { master: dev.port.bridge.name }),
    addresses: dev.addresses.map(readAddress),
  };
}

/** An interface that is up, of which only its addresses are known: as a scan would read it. */
export function plannedIface(
  name: string,
  addresses: readonly { readonly address: Ipv4Addr; readonly prefixLength: number }[],
  of: { readonly index: number; readonly mtu: number; readonly pointToPoint?: boolean },
): Iface {
  const { index, mtu, pointToPoint = false } = of;
  const read = addresses.map(({ address, prefixLength }) =>
    readAddress({ address, prefixLength, peer: address, broadcast: INADDR_ANY, secondary: false }),
  );
  return { name, index, up: true, adminUp: true, linkUp: true, mtu, loopback: false, pointToPoint, addresses: read };
}

const sameAddress = (a: IfaceAddress, b: IfaceAddress): boolean =>
  ipEquals(a.ip, b.ip) && a.net.key === b.net.key && a.secondary === b.secondary;

/** What a scan found to be different. */
export interface IfaceChange {
  readonly before: Iface | undefined;
  readonly after: Iface | undefined;
}

function changed(a: Iface, b: Iface): boolean {
  return (
    a.index !== b.index ||
    a.up !== b.up ||
    a.linkUp !== b.linkUp ||
    a.mtu !== b.mtu ||
    a.master !== b.master ||
    a.addresses.length !== b.addresses.length ||
    !a.addresses.every((address, i) => {
      const other = b.addresses[i];
      return other !== undefined && sameAddress(address, other);
    })
  );
}

/** A directly connected address: by which interface, or one of ours. */
export interface Neighbor {
  readonly iface: Iface;
  /** Ours on that interface. */
  readonly address: IfaceAddress;
  readonly self: boolean;
}

/** Network and broadcast addresses are nobody's (if_connected()). */
const isEdge = (addr: IpAddr, net: Net): boolean =>
  typeof addr === 'number' &&
  typeof net.addr === 'number' &&
  net.length < 31 &&
  (addr === net.addr || addr === ipv4(net.addr | ~ipv4Mask(net.length)));

export class Interfaces {
  #byName = new Map<string, Iface>();

  [Symbol.iterator](): IterableIterator<Iface> {
    return this.#byName.values();
  }

  named(name: string): Iface | undefined {
    return this.#byName.get(name);
  }

  /** Reads the devices of a namespace; what is different is returned, in the order of indices. */
  scan(devices: Iterable<Device>): readonly IfaceChange[] {
    const found = new Map<string, Iface>();
    const sorted = Array.from(devices).sort((a, b) => a.ifindex - b.ifindex);
    for (const dev of sorted) found.set(dev.name, readIface(dev));
    return this.replace(found);
  }

  /** The same from facts that were put together elsewhere. */
  replace(found: Map<string, Iface>): readonly IfaceChange[] {
    const changes: IfaceChange[] = [];
    for (const before of this.#byName.values()) {
      if (!found.has(before.name)) changes.push({ before, after: undefined });
    }
    for (const after of found.values()) {
      const before = this.#byName.get(after.name);
      if (before === undefined || changed(before, after)) changes.push({ before, after });
    }
    this.#byName = found;
    return changes;
  }

  /** if_update(): one interface as an event describes it. By another name it is another one. */
  update(found: Iface): readonly IfaceChange[] {
    const others = [...this.#byName].filter(([name, { index }]) => name !== found.name && index !== found.index);
    const all = [...others, [found.name, found] as const].sort(([, a], [, b]) => a.index - b.index);
    return this.replace(new Map(all));
  }

  /** if_delete(). */
  remove(index: number): readonly IfaceChange[] {
    return this.replace(new Map([...this.#byName].filter(([, iface]) => iface.index !== index)));
  }

  /** if_connected() on one interface, or on the first that is connected. */
  neighbor(addr: IpAddr, iface?: string): Neighbor | undefined {
    const kind = classifyIp(addr);
    if (kind === 'loopback' || kind === 'invalid' || kind === 'multicast' || kind === 'broadcast') return undefined;
    if (kind === 'link' && iface === undefined) return undefined;
    for (const each of this.#byName.values()) {
      if (!each.up || (iface !== undefined && each.name !== iface)) continue;
      for (const address of each.addresses) {
        if (ipEquals(address.ip, addr)) return { iface: each, address, self: true };
        const { opposite, net } = address;
        const peer = opposite !== undefined && net.length === maxLength(addr) && ipEquals(opposite, addr);
        if (peer || (netContainsIp(net, addr) && !isEdge(addr, net))) return { iface: each, address, self: false };
      }
    }
    return undefined;
  }

  isLocal(addr: IpAddr, iface: string): boolean {
    return this.#byName.get(iface)?.addresses.some(({ ip }) => ipEquals(ip, addr)) === true;
  }

  /** The address that stands for the router where none was given: the lowest of the interfaces that are up. */
  routerId(patterns?: readonly InterfacePattern[]): number | undefined {
    let best: number | undefined;
    for (const iface of this.#byName.values()) {
      if (!iface.up || iface.loopback) continue;
      for (const { ip } of iface.addresses) {
        if (typeof ip !== 'number') continue;
        if (patterns !== undefined && !patternsMatch(patterns, iface, ip)) continue;
        if (best === undefined || ip >>> 0 < best) best = ip >>> 0;
        break;
      }
    }
    return best;
  }
}

/** iface_patt_match(): the first pattern that fits decides, and says yes or no. */
export function patternsMatch(patterns: readonly InterfacePattern[], iface: Iface, addr: IpAddr | undefined): boolean {
  for (const { positive, pattern, prefix } of patterns) {
    // Of old the negation is inside the text.
    const inverted = pattern?.startsWith('-') === true;
    if (pattern !== undefined && !patternMatches(inverted ? pattern.slice(1) : pattern, iface.name)) continue;
    if (prefix !== undefined && (addr === undefined || !netContainsIp(prefix, addr))) continue;
    return inverted ? !positive : positive;
  }
  return false;
}
