/** The few parts of a namespace that routing looks at, and devices that carry nothing. */

import { Clock } from '../../../src/kernel/clock.js';
import { Device } from '../../../src/kernel/device.js';
import { DeviceTable } from '../../../src/kernel/device-table.js';
import { Fib } from '../../../src/kernel/fib/index.js';
import type { LinkKind } from '../../../src/kernel/host-state.js';
import { Sysctls } from '../../../src/kernel/sysctl.js';
import type { NeighbourState } from '../../../src/trace/index.js';
import { type Ipv4Addr, type Ipv4Prefix, parseIpv4, parseIpv4Destination } from '../../../src/packet/index.js';

export class FakeDevice extends Device {
  readonly kind: LinkKind;
  /** The other end of a veth; without one there is always a carrier. */
  peer: FakeDevice | undefined = undefined;

  constructor(name: string, kind: LinkKind, mtu = 1500) {
    super({ name, mtu });
    this.kind = kind;
  }

  override get carrier(): boolean {
    return this.peer?.up ?? true;
  }

  startXmit(): void {
    throw new Error('nothing is sent here');
  }
}

export class FakeNetns {
  readonly devices = new DeviceTable();
  readonly sysctl = new Sysctls(() => this.devices);
  readonly emulation = { clock: new Clock(), seed: 7 };
  readonly place: { host: string; netns: string };
  readonly states = new Map<string, NeighbourState>();
  readonly neighbours = {
    lookup: (dev: Device, address: Ipv4Addr): { state: NeighbourState; valid: boolean } | undefined => {
      const state = this.states.get(`${dev.name} ${address}`);
      return state && { state, valid: state !== 'failed' && state !== 'incomplete' && state !== 'none' };
    },
  };
  readonly fib: Fib;

  constructor(host = 'node-1') {
    this.place = { host, netns: '' };
    this.fib = new Fib(this);
    this.insert(new FakeDevice('lo', 'loopback', 65_536));
  }

  insert(dev: FakeDevice): FakeDevice {
    dev.ifindex = this.devices.freeIndex();
    this.devices.insert(dev);
    return dev;
  }

  /** `ip link add NAME type veth peer name PEER`: the peer gets the lower index. */
  addVeth(name: string, peerName: string): void {
    const peer = this.insert(new FakeDevice(peerName, 'veth'));
    const dev = this.insert(new FakeDevice(name, 'veth'));
    dev.peer = peer;
    peer.peer = dev;
  }

  dev(name: string): FakeDevice {
    const dev = this.devices.named(name);
    if (!(dev instanceof FakeDevice)) throw new Error(`no device ${name}`);
    return dev;
  }

  setUp(name: string): void {
    const dev = this.dev(name);
    if (dev.up) return;
    dev.up = true;
    this.fib.linkUp(dev);
  }

  setDown(name: string): void {
    const dev = this.dev(name);
    if (!dev.up) return;
    dev.up = false;
    this.fib.linkDown(dev);
  }

  delete(name: string): void {
    this.setDown(name);
    const dev = this.dev(name);
    this.fib.linkRemoved(dev);
    this.devices.remove(dev);
  }
}

/** lo, and veths `v0`, `v1`… up with carrier, with the addresses given. */
export function netnsWith(...addresses: readonly string[]): FakeNetns {
  const netns = new FakeNetns();
  netns.setUp('lo');
  for (const [i, address] of addresses.entries()) {
    netns.addVeth(`v${i}`, `p${i}`);
    netns.setUp(`p${i}`);
    netns.setUp(`v${i}`);
    if (address !== '')
      netns.fib.addAddress(netns.dev(`v${i}`), {
        address: ip(address.split('/')[0] ?? ''),
        prefixLength: Number(address.split('/')[1] ?? '32'),
      });
  }
  return netns;
}

export function ip(text: string): Ipv4Addr {
  const addr = parseIpv4(text);
  if (addr === undefined) throw new Error(`no address: ${text}`);
  return addr;
}

export function net(text: string): Ipv4Prefix {
  const prefix = parseIpv4Destination(text);
  if (prefix === undefined) throw new Error(`no prefix: ${text}`);
  return prefix;
}
