/**
 * `ip link`: devices made, changed, moved and removed (net/core/rtnetlink.c, drivers/net). Names and
 * limits are the kernel's; errors are its errno.
 */

import {
  INADDR_ANY,
  INADDR_LOOPBACK,
  isGroupMac,
  isMulticast,
  MAC_ZERO,
  type Mac,
  macFromParts,
} from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import type { Device } from '../device.js';
import { KernelError } from '../errors.js';
import type { BridgePortState, IpipState, VxlanState } from '../host-state.js';
import type { Netns } from '../netns.js';
import { Bridge } from './bridge.js';
import { Dummy } from './dummy.js';
import { Ethernet } from './ethernet.js';
import { FALLBACK_TUNNEL, Ipip, IPIP_OVERHEAD, IpipTunnels } from './ipip.js';
import { Loopback } from './loopback.js';
import { Veth } from './veth.js';
import { Vxlan, VxlanSocket } from './vxlan.js';

/** IFNAMSIZ less the terminating zero. */
export const IFNAME_MAX = 15;
const MTU_MIN = 68;
const MTU_MAX = 65_535;
/** Outer Ethernet, IPv4, UDP, VXLAN: VXLAN_HEADROOM. */
const VXLAN_OVERHEAD = 50;

export interface LinkOptions {
  readonly name: string;
  readonly mac?: Mac;
  readonly mtu?: number;
  readonly txqlen?: number;
  readonly ifindex?: number;
  readonly because?: readonly Cause[];
}

export interface LinkChanges {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: Mac;
  readonly name?: string;
  readonly txqlen?: number;
  /** Bridge to be a port of; null takes it out. */
  readonly master?: Bridge | null;
  readonly bridgePort?: Partial<BridgePortState>;
  readonly promisc?: boolean;
  readonly allmulti?: boolean;
}

/** dev_valid_name(). */
const validName = (name: string): boolean =>
  name.length > 0 && name.length <= IFNAME_MAX && name !== '.' && name !== '..' && !/[\s/:]/.test(name);

/**
 * The address that a device gets where nobody gives it one: locally administered, and a function of where
 * the device is made and of nothing else. (Linux draws it at random.)
 */
export function deviceMac(
  seed: number,
  at: { readonly host: string; readonly netns: string; readonly name: string },
): Mac {
  const text = `${at.host}/${at.netns}/${at.name}`;
  let a = seed ^ 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < text.length; i += 1) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ a ^ (a >>> 13), 0x5bd1e995);
  }
  b ^= b >>> 15;
  return macFromParts(((a >>> 8) & 0xfcff) | 0x0200, b);
}

export class Links {
  readonly #netns: Netns;
  readonly #vxlanSockets = new Map<number, VxlanSocket>();
  readonly #ipip: IpipTunnels;

  constructor(netns: Netns) {
    this.#netns = netns;
    this.#ipip = new IpipTunnels(netns);
  }

  /** lo, there from the start and down. */
  addLoopback(): Device {
    return this.#insert(new Loopback(), { name: 'lo', ifindex: 1 });
  }

  /** `ip link add NAME type veth peer name PEER netns NETNS`. */
  addVeth(options: LinkOptions, peer: LinkOptions & { readonly netns?: Netns }): Veth {
    const there = peer.netns ?? this.#netns;
    this.#check(options);
    there.links.#check(peer);
    if (there === this.#netns && peer.name === options.name) throw new KernelError('EEXIST', `link add ${peer.name}`);
    const far = new Veth({ ...peer, mac: peer.mac ?? there.links.#mac(peer.name) });
    const near = new Veth({ ...options, mac: options.mac ?? this.#mac(options.name) }, far);
    // rtnl_newlink() registers the peer first: it gets the lower index.
    there.links.#insert(far, peer);
    this.#insert(near, options);
    return near;
  }

  addBridge(options: LinkOptions): Bridge {
    this.#check(options);
    const bridge = new Bridge(options);
    if (options.mac === undefined) bridge.mac = this.#mac(options.name);
    return this.#insert(bridge, options);
  }

  addDummy(options: LinkOptions): Dummy {
    this.#check(options);
    return this.#insert(new Dummy({ ...options, mac: options.mac ?? this.#mac(options.name) }), options);
  }

  addEthernet(options: LinkOptions): Ethernet {
    this.#check(options);
    return this.#insert(new Ethernet({ ...options, mac: options.mac ?? this.#mac(options.name) }), options);
  }

  /** `ip link add NAME type vxlan id VNI …`. @throws KernelError EEXIST for a VNI in use, ENODEV */
  addVxlan(options: LinkOptions, config: VxlanState): Vxlan {
    this.#check(options);
    const lower = config.dev === undefined ? undefined : this.require(config.dev);
    const mtu = options.mtu ?? (lower?.mtu ?? 1500) - (lower === undefined ? 0 : VXLAN_OVERHEAD);
    const dev = new Vxlan({ ...options, mtu, mac: options.mac ?? this.#mac(options.name) }, config);
    const socket = this.#vxlanSockets.get(config.port) ?? new VxlanSocket();
    socket.add(dev);
    this.#vxlanSockets.set(config.port, socket);
    this.#netns.ipv4.udpTunnels.set(config.port, socket);
    const { group } = config;
    if (lower !== undefined && group !== undefined && isMulticast(group)) this.#netns.fib.joinGroup(lower, group);
    return this.#insert(dev, options);
  }

  /**
   * `ip link add NAME type ipip …`; loads the module, where it is not there.
   * @throws KernelError EEXIST for the ends of another tunnel
   */
  addIpip(options: LinkOptions, config: IpipState): Ipip {
    if (!config.fallback) this.#netns.host.loadModule('ipip');
    this.#check({ name: options.name });
    if (this.#ipip.find(config) !== undefined) throw new KernelError('EEXIST', `link add ${options.name} type ipip`);
    this.#ipip.register();
    const dev = new Ipip(options, config);
    this.#insert(dev, options);
    const mtu = options.mtu ?? this.#ipip.guessMtu(config);
    dev.mtu = Math.min(Math.max(mtu, MTU_MIN), this.#maxMtu(dev));
    this.#ipip.add(dev);
    return dev;
  }

  /** `ip link set NAME type ipip …`, `ip tunnel change`. @throws KernelError EEXIST, EINVAL */
  changeIpip(dev: Ipip, config: IpipState): void {
    const other = this.#ipip.find(config);
    const request = `link set ${dev.name} type ipip`;
    if (dev.pointToPoint !== (config.remote !== INADDR_ANY)) throw new KernelError('EINVAL', request);
    if (other !== undefined && other !== dev) throw new KernelError('EEXIST', request);
    const before = dev.config;
    dev.config = { ...config, fallback: before.fallback, mode: before.mode };
    if (before.dev !== config.dev || before.fwmark !== config.fwmark) this.#setMtu(dev, this.#ipip.guessMtu(config));
  }

  /** What the module ipip does in each namespace (ipip_init_net()). */
  initIpip(): void {
    const isThere = this.#ipip.find(FALLBACK_TUNNEL) !== undefined;
    if (!isThere && this.#netns.devices.named('tunl0') === undefined) this.addIpip({ name: 'tunl0' }, FALLBACK_TUNNEL);
  }

  /** dev_load(): a name by which a module can be asked for. */
  autoload(name: string): Device | undefined {
    if (name !== 'tunl0' || this.#netns.host.hasModule('ipip')) return undefined;
    this.#netns.host.loadModule('ipip');
    return this.#netns.devices.named(name);
  }

  /** @throws KernelError ENODEV */
  require(name: string): Device {
    const dev = this.#netns.devices.named(name);
    if (dev === undefined) throw new KernelError('ENODEV', `device ${name}`);
    return dev;
  }

  /** `ip link set`. @throws KernelError EINVAL, EEXIST, EBUSY */
  set(dev: Device, changes: LinkChanges): void {
    if (changes.name !== undefined && changes.name !== dev.name) {
      this.#check({ name: changes.name });
      this.#netns.devices.rename(dev, changes.name);
      this.#netns.fib.linkRenamed(dev);
    }
    if (changes.mac !== undefined) this.#setMac(dev, changes.mac);
    if (changes.mtu !== undefined) this.#setMtu(dev, changes.mtu);
    if (changes.txqlen !== undefined) dev.txqlen = changes.txqlen;
    if (changes.promisc !== undefined) dev.promisc = changes.promisc;
    if (changes.allmulti !== undefined) dev.allmulti = changes.allmulti;
    if (changes.master !== undefined) {
      if (dev.port !== undefined && dev.port.bridge !== changes.master) dev.port.bridge.removePort(dev);
      if (changes.master !== null && dev.port === undefined) changes.master.addPort(dev);
    }
    if (changes.bridgePort !== undefined && dev.port !== undefined) {
      dev.port.state = { ...dev.port.state, ...changes.bridgePort };
    }
    if (changes.up !== undefined && changes.up !== dev.up) this.#setUp(dev, changes.up);
    this.#netns.rtnetlink.notify({ kind: 'link', dev });
  }

  /** `ip link set DEV netns NETNS [name NAME]`: addresses, routes and neighbours stay behind. */
  move(dev: Device, to: Netns, name: string = dev.name): void {
    // Differs: of tunnels only the module's own is bound to its namespace in Linux.
    if (dev.isLoopback || dev.kind === 'bridge' || dev.kind === 'ipip')
      throw new KernelError('EINVAL', `link set ${dev.name} netns`);
    if (to.devices.named(name) !== undefined && to !== this.#netns)
      throw new KernelError('EEXIST', `link set ${dev.name} netns`);
    this.#leave(dev);
    dev.name = name;
    const free = to.devices.at(dev.ifindex) === undefined;
    to.links.#insert(dev, { name, ifindex: free ? dev.ifindex : to.devices.freeIndex() });
  }

  /**
   * `ip link del`: a veth takes its other end with it. The device of a module stays, and nobody is told.
   * @throws KernelError EOPNOTSUPP for what nobody has made: lo and network cards (rtnl_delete_link())
   */
  remove(dev: Device): void {
    if (dev.isLoopback || dev.kind === 'ethernet') throw new KernelError('EOPNOTSUPP', `link del ${dev.name}`);
    if (dev instanceof Ipip && dev.config.fallback) return;
    this.unregister(dev);
  }

  /** unregister_netdevice(). */
  unregister(dev: Device): void {
    if (dev instanceof Bridge) for (const port of dev.ports.slice()) dev.removePort(port.dev);
    this.#leave(dev);
    if (dev instanceof Ipip) this.#ipip.remove(dev);
    if (dev instanceof Vxlan) {
      const socket = this.#vxlanSockets.get(dev.config.port);
      socket?.remove(dev);
      if (socket?.empty === true) {
        this.#vxlanSockets.delete(dev.config.port);
        this.#netns.ipv4.udpTunnels.delete(dev.config.port);
      }
    }
    if (!(dev instanceof Veth) || dev.peer === undefined) return;
    const { peer } = dev;
    dev.peer = undefined;
    peer.peer = undefined;
    peer.netns.links.remove(peer);
  }

  #leave(dev: Device): void {
    if (dev.up) this.#setUp(dev, false);
    dev.port?.bridge.removePort(dev);
    this.#netns.fib.linkRemoved(dev);
    this.#netns.neighbours.flush(dev);
    dev.addresses.length = 0;
    this.#netns.devices.remove(dev);
    this.#netns.sysctl.forget(dev);
    dev.activated = false; // dev_shutdown()
    this.#netns.rtnetlink.notify({ kind: 'link-gone', dev });
  }

  #check(options: { readonly name: string; readonly mtu?: number; readonly mac?: Mac }): void {
    const request = `link add ${options.name}`;
    if (!validName(options.name)) throw new KernelError('EINVAL', request);
    if (this.#netns.devices.named(options.name) !== undefined) throw new KernelError('EEXIST', request);
    if (options.mtu !== undefined && (options.mtu < MTU_MIN || options.mtu > MTU_MAX))
      throw new KernelError('EINVAL', `${request} mtu ${options.mtu}`);
    if (options.mac !== undefined && isGroupMac(options.mac)) throw new KernelError('EADDRNOTAVAIL', request);
  }

  #insert<D extends Device>(dev: D, options: { readonly name: string; readonly ifindex?: number }): D {
    const { devices, sysctl } = this.#netns;
    if (options.ifindex !== undefined && devices.at(options.ifindex) !== undefined) {
      throw new KernelError('EBUSY', `link add ${options.name} index ${options.ifindex}`);
    }
    dev.ifindex = options.ifindex ?? devices.freeIndex();
    dev.netns = this.#netns;
    sysctl.inherit(dev);
    devices.insert(dev);
    this.#netns.rtnetlink.notify({ kind: 'link', dev });
    return dev;
  }

  #mac(name: string): Mac {
    const { host, emulation } = this.#netns;
    return deviceMac(emulation.seed, { host: host.name, netns: this.#netns.name, name });
  }

  /** @throws KernelError EADDRNOTAVAIL for a group or zero address */
  #setMac(dev: Device, mac: Mac): void {
    if (dev.kind === 'ipip') throw new KernelError('EOPNOTSUPP', `link set ${dev.name} address`);
    if (isGroupMac(mac) || (mac === MAC_ZERO && !dev.isLoopback))
      throw new KernelError('EADDRNOTAVAIL', `link set ${dev.name} address`);
    if (dev instanceof Bridge) dev.setMac(mac);
    else dev.mac = mac;
  }

  /** A VXLAN device can be no longer than its lower device leaves room for (vxlan_change_mtu()). */
  #maxMtu(dev: Device): number {
    if (dev.kind === 'ipip') return MTU_MAX - IPIP_OVERHEAD;
    const lower =
      dev instanceof Vxlan && dev.config.dev !== undefined ? this.#netns.devices.named(dev.config.dev) : undefined;
    return lower === undefined ? MTU_MAX + (dev.isLoopback ? 1 : 0) : lower.mtu - VXLAN_OVERHEAD;
  }

  #setMtu(dev: Device, mtu: number): void {
    const max = this.#maxMtu(dev);
    if (mtu < MTU_MIN || mtu > max) throw new KernelError('EINVAL', `link set ${dev.name} mtu ${mtu}`);
    const before = dev.mtu;
    if (dev instanceof Bridge) dev.setMtu(mtu);
    else dev.mtu = mtu;
    this.#netns.fib.linkMtuChanged(dev, before);
    dev.port?.bridge.adjustMtu();
  }

  /** dev_open(), dev_close(), and what inetdev_event() makes of it. */
  #setUp(dev: Device, up: boolean): void {
    const { fib, neighbours } = this.#netns;
    dev.up = up;
    if (up) dev.activated = true;
    this.#netns.rtnetlink.notify({ kind: 'link', dev });
    dev.port?.bridge.carrierChanged();
    if (dev instanceof Veth) dev.peer?.carrierChanged();
    if (!up) {
      fib.linkDown(dev);
      neighbours.flush(dev);
      return;
    }
    if (dev.isLoopback && dev.addresses.length === 0) {
      fib.addAddress(dev, { address: INADDR_LOOPBACK, prefixLength: 8, scope: 'host' });
    }
    fib.linkUp(dev);
  }
}
