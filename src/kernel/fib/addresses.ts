/**
 * Addresses of devices and the routes that come with them: net/ipv4/devinet.c and
 * net/ipv4/fib_frontend.c:fib_add_ifaddr(), fib_del_ifaddr().
 */

import {
  INADDR_ANY,
  INADDR_BROADCAST,
  INADDR_LOOPBACK,
  type Ipv4Addr,
  ipv4BroadcastOf,
  ipv4Mask,
  ipv4Network,
  isLoopback,
} from '../../packet/index.js';
import { NO_CAUSE } from '../../trace/index.js';
import type { Device, InterfaceAddress } from '../device.js';
import { RT_PROTOCOL, RT_TABLE } from '../host-state.js';
import { orConf } from '../sysctl.js';
import type { FibContext } from './context.js';
import { createRoute } from './create-route.js';
import { SCOPE } from './names.js';
import { type Refusal, refuse } from './netlink-error.js';
import type { AddressSpec, RouteSpec } from './spec.js';
import { syncDown, syncUp } from './sync.js';
import type { Tables } from './tables.js';

/** IFNAMSIZ less the terminating zero, which labels share with names. */
const LABEL_MAX = 15;

/** inet_ifa_match(): `addr` is in the subnet of that address. */
export const inSubnet = (addr: Ipv4Addr, of: InterfaceAddress): boolean =>
  ((addr ^ of.peer) & ipv4Mask(of.prefixLength)) === 0;

const sameSubnet = (a: InterfaceAddress, b: InterfaceAddress): boolean =>
  a.prefixLength === b.prefixLength && inSubnet(a.peer, b);

/** The subnet's own network address. */
const networkOf = (entry: InterfaceAddress): Ipv4Addr => ipv4Network(entry.peer, entry.prefixLength);

/** A prefix of which others can be neighbours: not 0.0.0.0/n, and not just the address itself. */
const hasSubnet = (entry: InterfaceAddress): boolean =>
  networkOf(entry) !== INADDR_ANY && (networkOf(entry) !== entry.address || entry.prefixLength < 32);

/** fib_magic(): the route that the kernel itself makes for an address. */
const kernelRoute = (
  type: 'local' | 'unicast' | 'broadcast',
  entry: InterfaceAddress,
  dev: Device,
): Omit<RouteSpec, 'destination'> => ({
  type,
  table: type === 'unicast' ? RT_TABLE.main : RT_TABLE.local,
  scope: type === 'local' ? 'host' : 'link',
  protocol: RT_PROTOCOL.kernel,
  prefSrc: entry.address,
  nextHops: [{ dev }],
  because: entry.because,
});

export class Addresses {
  readonly #context: FibContext;
  readonly #tables: Tables;
  /** inet_addr_lst: who has an address, the newest last. */
  readonly #owners = new Map<Ipv4Addr, Device[]>();
  /** dev_addr_genid: sources remembered by next hops are good for one generation. */
  generation = 0;

  constructor(context: FibContext, tables: Tables) {
    this.#context = context;
    this.#tables = tables;
  }

  /** __ip_dev_find() over addresses: the device that got this one last. */
  owner(addr: Ipv4Addr): Device | undefined {
    const owners = this.#owners.get(addr);
    return owners === undefined ? undefined : owners[owners.length - 1];
  }

  /** __inet_insert_ifa(). */
  add(dev: Device, spec: AddressSpec): Refusal | undefined {
    const list = dev.addresses;
    if (spec.prefixLength < 0 || spec.prefixLength > 32) return refuse('EINVAL', 'ipv4: Invalid prefix length');
    // rtm_to_ifaddr(): from here on `default` no longer speaks for the device.
    dev.switchesSet.addAll();
    const entry: InterfaceAddress = {
      address: spec.address,
      prefixLength: spec.prefixLength,
      peer: spec.peer ?? spec.address,
      broadcast: spec.broadcast,
      scope: spec.scope ?? (isLoopback(spec.address) ? 'host' : 'global'),
      label: spec.label ?? dev.name,
      noPrefixRoute: spec.noPrefixRoute ?? false,
      secondary: false,
      because: spec.because ?? NO_CAUSE,
    };
    if (entry.address === INADDR_ANY) return undefined;
    let at = 0;
    for (const [i, other] of list.entries()) {
      if (!other.secondary && SCOPE[entry.scope] <= SCOPE[other.scope]) at = i + 1;
      if (!sameSubnet(other, entry)) continue;
      if (other.address === entry.address) return refuse('EEXIST', 'ipv4: Address already assigned');
      if (other.scope !== entry.scope) return refuse('EINVAL', 'ipv4: Invalid scope value');
      entry.secondary = true;
    }
    list.splice(entry.secondary ? list.length : at, 0, entry);
    this.#own(entry.address, dev);
    this.#announce(dev, entry);
    return undefined;
  }

  /** inet_rtm_deladdr(). */
  delete(dev: Device, address: Ipv4Addr, prefixLength: number): Refusal | undefined {
    const entry = dev.addresses.find(
      (other) => other.address === address && other.prefixLength === prefixLength && inSubnet(address, other),
    );
    if (entry === undefined) return refuse('EADDRNOTAVAIL', 'ipv4: Address not found');
    this.#remove(dev, entry);
    return undefined;
  }

  /** The device goes: its addresses go first, without promotions (inetdev_destroy()). */
  deleteAll(dev: Device): void {
    for (let entry = dev.addresses[0]; entry !== undefined; entry = dev.addresses[0]) {
      dev.addresses.shift();
      this.#disown(entry.address, dev);
      this.#deleteRoutes(dev, entry, undefined);
      this.generation += 1;
      this.#tell(dev);
    }
  }

  /** NETDEV_UP: lo gets its address, and all addresses their routes. */
  linkUp(dev: Device): void {
    if (dev.isLoopback) this.add(dev, { address: INADDR_LOOPBACK, prefixLength: 8, scope: 'host' });
    for (const entry of dev.addresses) this.#addRoutes(dev, entry);
    syncUp(this.#tables, dev);
    this.generation += 1;
  }

  /**
   * inetdev_changename(): the first address has the name for a label, others keep what they have behind a colon, or get
   * their number.
   */
  relabel(dev: Device): void {
    for (const [i, entry] of dev.addresses.entries()) {
      const colon = entry.label.indexOf(':');
      const suffix = i === 0 ? '' : colon < 0 ? `:${i + 1}` : entry.label.slice(colon);
      entry.label = dev.name.slice(0, LABEL_MAX - suffix.length) + suffix;
    }
  }

  /** rtmsg_ifa(). */
  #tell(dev: Device): void {
    this.#context.rtnetlink?.notify({ kind: 'address', dev });
  }

  #own(address: Ipv4Addr, dev: Device): void {
    const owners = this.#owners.get(address);
    if (owners === undefined) this.#owners.set(address, [dev]);
    else owners.push(dev);
  }

  #disown(address: Ipv4Addr, dev: Device): void {
    const owners = this.#owners.get(address);
    const at = owners?.lastIndexOf(dev) ?? -1;
    if (owners === undefined || at < 0) return;
    owners.splice(at, 1);
    if (owners.length === 0) this.#owners.delete(address);
  }

  /** fib_inetaddr_event(NETDEV_UP). */
  #announce(dev: Device, entry: InterfaceAddress): void {
    this.#tell(dev);
    this.#addRoutes(dev, entry);
    syncUp(this.#tables, dev);
    this.generation += 1;
  }

  /** fib_inetaddr_event(NETDEV_DOWN): with its last address a device loses all its routes. */
  #retire(dev: Device, entry: InterfaceAddress): void {
    this.#tell(dev);
    this.#disown(entry.address, dev);
    this.#deleteRoutes(dev, entry, undefined);
    this.generation += 1;
    if (dev.addresses.length === 0) syncDown(this.#tables, dev, 'last-address');
  }

  /** __inet_del_ifa(). */
  #remove(dev: Device, entry: InterfaceAddress): void {
    const list = dev.addresses;
    const promoted = entry.secondary ? undefined : this.#nextPrimary(dev, entry);
    const siblings =
      promoted === undefined ? [] : list.slice(list.indexOf(promoted)).filter((other) => sameSubnet(entry, other));
    // All secondaries change the source of their routes: away with them while the old primary is still there.
    for (const sibling of siblings) this.#deleteRoutes(dev, sibling, entry);
    list.splice(list.indexOf(entry), 1);
    this.#retire(dev, entry);
    if (promoted === undefined) return;
    list.splice(list.indexOf(promoted), 1);
    promoted.secondary = false;
    const after = list.findLastIndex((other) => !other.secondary && SCOPE[entry.scope] <= SCOPE[other.scope]);
    list.splice(after + 1, 0, promoted);
    this.#announce(dev, promoted);
    for (const sibling of siblings) if (sibling !== promoted) this.#addRoutes(dev, sibling);
  }

  /** The secondary that takes the place of a primary; without promote_secondaries they all go with it. */
  #nextPrimary(dev: Device, primary: InterfaceAddress): InterfaceAddress | undefined {
    const secondaries = dev.addresses
      .slice(dev.addresses.indexOf(primary) + 1)
      .filter((other) => other.secondary && sameSubnet(primary, other));
    if (orConf(this.#context.sysctl.all, dev.ipv4Conf, 'promote_secondaries')) return secondaries[0];
    for (const secondary of secondaries) {
      dev.addresses.splice(dev.addresses.indexOf(secondary), 1);
      this.#retire(dev, secondary);
    }
    return undefined;
  }

  #insert(route: Omit<RouteSpec, 'destination'>, addr: Ipv4Addr, length: number): void {
    const created = createRoute(this.#tables, { destination: { addr, length }, ...route });
    if (!('errno' in created)) this.#tables.insert(created, 'append'); // an equal one that is there is as good
  }

  #delete(route: Omit<RouteSpec, 'destination'>, addr: Ipv4Addr, length: number): void {
    this.#tables.delete(route.table ?? RT_TABLE.main, { destination: { addr, length }, ...route });
  }

  /** inet_ifa_byprefix(). */
  #byPrefix(dev: Device, of: InterfaceAddress): InterfaceAddress | undefined {
    return dev.addresses.find((other) => sameSubnet(of, other));
  }

  /** fib_add_ifaddr(). A secondary's routes have its primary as source. */
  #addRoutes(dev: Device, entry: InterfaceAddress): void {
    const primary = entry.secondary ? this.#byPrefix(dev, entry) : entry;
    if (primary === undefined) return;
    this.#insert(kernelRoute('local', primary, dev), entry.address, 32);
    if (!dev.up) return;
    if (entry.broadcast !== undefined && entry.broadcast !== INADDR_BROADCAST) {
      this.#insert(kernelRoute('broadcast', primary, dev), entry.broadcast, 32);
    }
    if (entry.secondary || !hasSubnet(entry)) return;
    const network = networkOf(entry);
    if (!entry.noPrefixRoute) this.#insert(subnetRoute(primary, dev), network, entry.prefixLength);
    if (entry.prefixLength < 31) {
      this.#insert(kernelRoute('broadcast', primary, dev), ipv4BroadcastOf(network, entry.prefixLength), 32);
    }
  }

  /**
   * fib_del_ifaddr(): takes away what no other address of the device still stands for. `leaving` is the primary
   * that goes while its secondaries are promoted: its subnet does not count then.
   */
  #deleteRoutes(dev: Device, entry: InterfaceAddress, leaving: InterfaceAddress | undefined): void {
    const primary = entry.secondary ? this.#byPrefix(dev, entry) : entry;
    if (primary === undefined) return;
    const subnet = !entry.secondary && hasSubnet(entry);
    const network = networkOf(entry);
    if (subnet && !entry.noPrefixRoute) this.#delete(subnetRoute(primary, dev), network, entry.prefixLength);
    const kept = this.#stillNeeded(dev, entry, { primary, leaving });
    const broadcast = kernelRoute('broadcast', primary, dev);
    if (entry.broadcast !== undefined && !kept.broadcasts.has(entry.broadcast))
      this.#delete(broadcast, entry.broadcast, 32);
    const directed = ipv4BroadcastOf(network, entry.prefixLength);
    if (subnet && entry.prefixLength < 31 && !kept.broadcasts.has(directed)) this.#delete(broadcast, directed, 32);
    if (kept.address) return;
    this.#delete(kernelRoute('local', primary, dev), entry.address, 32);
    const gone = !dev.addresses.includes(entry);
    if (gone && this.#tables.addressType(entry.address) !== 'local') this.#forgetSource(entry.address);
  }

  /** The part of fib_del_ifaddr() that looks for other addresses with the same source, address or broadcast. */
  #stillNeeded(
    dev: Device,
    entry: InterfaceAddress,
    by: { readonly primary: InterfaceAddress; readonly leaving: InterfaceAddress | undefined },
  ): { readonly address: boolean; readonly broadcasts: ReadonlySet<Ipv4Addr> } {
    const broadcasts = new Set<Ipv4Addr>();
    let address = false;
    for (const other of dev.addresses) {
      if (other === entry || (by.leaving !== undefined && sameSubnet(other, by.leaving))) continue;
      const primary = other.secondary ? this.#byPrefix(dev, other) : other;
      if (primary?.address !== by.primary.address) continue;
      if (other.address === entry.address) address = true;
      if (other.broadcast !== undefined) broadcasts.add(other.broadcast);
      if (primary === other && other.prefixLength < 31 && networkOf(other) !== INADDR_ANY) {
        broadcasts.add(ipv4BroadcastOf(networkOf(other), other.prefixLength));
      }
    }
    return { address, broadcasts };
  }

  /** fib_sync_down_addr(): routes of table main with a preferred source that is gone. */
  #forgetSource(address: Ipv4Addr): void {
    let stray = false;
    for (const route of this.#tables.routes()) {
      if (route.prefSrc !== address || route.table !== RT_TABLE.main) continue;
      route.dead = true;
      stray = true;
    }
    if (stray) this.#tables.flushDead('source');
  }
}

/** The connected route: on lo the whole subnet is local. */
const subnetRoute = (primary: InterfaceAddress, dev: Device): Omit<RouteSpec, 'destination'> =>
  kernelRoute(dev.isLoopback ? 'local' : 'unicast', primary, dev);
