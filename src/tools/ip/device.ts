/** What `ip link`, `ip addr` and `bridge link` say of a device alike (iproute2's ip/ipaddress.c). */

import { Bridge, type Device, Ipip, Loopback, type Netns, Veth, Vxlan } from '../../kernel/index.js';
import { formatIpv4, formatMac } from '../../packet/index.js';
import { failure, type ToolResult } from '../tool.js';
import type { Row } from './row.js';
import { type Selector, wrongArgument } from './selector.js';

/** include/uapi/linux/if.h. */
export const IFF: Readonly<Record<string, number>> = {
  UP: 0x1,
  BROADCAST: 0x2,
  LOOPBACK: 0x8,
  POINTOPOINT: 0x10,
  RUNNING: 0x40,
  NOARP: 0x80,
  PROMISC: 0x100,
  ALLMULTI: 0x200,
  MULTICAST: 0x1000,
};

const isLoopback = (dev: Device): boolean => dev instanceof Loopback;

function kindFlags(dev: Device): string[] {
  if (isLoopback(dev)) return ['LOOPBACK'];
  if (dev instanceof Ipip) return [...(dev.pointToPoint ? ['POINTOPOINT'] : []), 'NOARP'];
  return ['BROADCAST', ...(dev.noArp ? ['NOARP'] : ['MULTICAST'])];
}

export function flagsOf(dev: Device): string[] {
  const names = kindFlags(dev);
  if (dev.allmulti) names.push('ALLMULTI');
  if (dev.promisc) names.push('PROMISC');
  const lowerDown = isLowerDown(dev) ? ['M-DOWN'] : [];
  if (!dev.up) return [...names, ...lowerDown];
  const noCarrier = dev.carrier ? [] : ['NO-CARRIER'];
  return [...noCarrier, ...names, 'UP', ...(dev.carrier ? ['LOWER_UP'] : []), ...lowerDown];
}

/** print_link_flags(): the device that this one is bound to is here, and down. */
function isLowerDown(dev: Device): boolean {
  const lower =
    dev instanceof Ipip && dev.config.dev !== undefined ? dev.netns.devices.named(dev.config.dev) : undefined;
  const peer = dev instanceof Veth && dev.peer?.netns === dev.netns ? dev.peer : undefined;
  return (lower ?? peer)?.up === false;
}

/** operstate of RFC 2863, as the kernel's drivers set it. */
export function operstateOf(dev: Device): string {
  if (!dev.up) return 'DOWN';
  if (isLoopback(dev) || dev.kind === 'dummy' || dev instanceof Vxlan || dev instanceof Ipip) return 'UNKNOWN';
  if (dev instanceof Veth) return dev.carrier ? 'UP' : 'LOWERLAYERDOWN';
  if (dev instanceof Bridge && dev.ports.length === 0) return 'DOWN';
  return dev.carrier ? 'UP' : 'DOWN';
}

/** A device has a queueing discipline from when it is first up. */
export function qdiscOf(dev: Device): string {
  if (dev.qdisc !== undefined) return 'tbf';
  if (!dev.activated) return 'noop';
  return dev.kind === 'ethernet' ? 'pfifo_fast' : 'noqueue';
}

/** `@if2` where the other end is in another namespace, `@v1` where it is here. */
export function displayName(dev: Device): string {
  if (dev instanceof Ipip) return `${dev.name}@${dev.config.dev ?? 'NONE'}`;
  if (!(dev instanceof Veth) || dev.peer === undefined) return dev.name;
  return dev.peer.netns === dev.netns ? `${dev.name}@${dev.peer.name}` : `${dev.name}@if${dev.peer.ifindex}`;
}

/** Names the device and the other end of a veth, for `-j`. */
export function noteName(row: Row, dev: Device): void {
  const peer = dev instanceof Veth ? dev.peer : undefined;
  if (peer !== undefined) {
    if (peer.netns === dev.netns) row.note('link', peer.name);
    else row.note('link_index', peer.ifindex);
  }
  if (dev instanceof Ipip) row.note('link', dev.config.dev ?? null);
  row.note('ifname', dev.name);
}

/** The first line. */
export function addHead(row: Row, dev: Device, { object, group }: { object: 'link' | 'addr'; group: string }): void {
  row.note('ifindex', dev.ifindex);
  noteName(row, dev);
  row.say(`${dev.ifindex}: ${displayName(dev)}: `);
  const flags = flagsOf(dev);
  row.add('flags', flags, `<${flags.join(',')}> `);
  row.add('mtu', dev.mtu, `mtu ${dev.mtu} `).add('qdisc', qdiscOf(dev), `qdisc ${qdiscOf(dev)} `);
  if (dev.port !== undefined) row.add('master', dev.port.bridge.name, `master ${dev.port.bridge.name} `);
  row.add('operstate', operstateOf(dev), `state ${operstateOf(dev)} `);
  if (object === 'link') row.add('linkmode', 'DEFAULT', 'mode DEFAULT ');
  row.add('group', group, `group ${group} `).add('txqlen', dev.txqlen, `qlen ${dev.txqlen}`);
}

/** include/uapi/linux/if_arp.h. */
const ARPHRD = { ether: 1, ipip: 768, loopback: 772 } as const;

const kindOfLink = (dev: Device): keyof typeof ARPHRD =>
  dev instanceof Ipip ? 'ipip' : isLoopback(dev) ? 'loopback' : 'ether';

export const hardwareType = (dev: Device): number => ARPHRD[kindOfLink(dev)];

const linkType = (dev: Device, numeric: boolean): string => (numeric ? `[${hardwareType(dev)}]` : kindOfLink(dev));

/** A tunnel's link-layer addresses are the ends of its outer packets. */
export const linkAddress = (dev: Device): string =>
  dev instanceof Ipip ? formatIpv4(dev.config.local) : formatMac(dev.mac);

export function broadcastAddress(dev: Device): string {
  if (dev instanceof Ipip) return formatIpv4(dev.config.remote);
  return isLoopback(dev) ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff';
}

/** The line of `link/ether`. */
export function addLinkLayer(row: Row, dev: Device, numeric: boolean): void {
  const type = linkType(dev, numeric);
  const [address, broadcast] = [linkAddress(dev), broadcastAddress(dev)];
  row.add('link_type', type, `\n    link/${type} `);
  if (dev.pointToPoint) row.note('link_pointtopoint', true);
  row
    .add('address', address, address)
    .add('broadcast', broadcast, ` ${dev.pointToPoint ? 'peer' : 'brd'} ${broadcast}`);
  if (!(dev instanceof Veth) || dev.peer === undefined || dev.peer.netns === dev.netns) return;
  const { name } = dev.peer.netns;
  if (name === '') row.add('link_netnsid', 0, ' link-netnsid 0');
  else row.add('link_netns', name, ` link-netns ${name}`);
}

/** By index, as the kernel dumps them. */
export const devicesOf = (netns: Netns): Device[] => [...netns.devices].sort((a, b) => a.ifindex - b.ifindex);

/** `[dev] NAME`, `up`, `type KIND`, `master BRIDGE`, `nomaster`, `group default`. */
export const DEVICE_SELECTORS = {
  dev: 'value',
  up: 'flag',
  type: 'value',
  master: 'value',
  nomaster: 'flag',
  group: 'value',
} as const;

/** What `type` is called. */
const KINDS: Readonly<Record<Device['kind'], string>> = {
  loopback: '',
  ethernet: '',
  veth: 'veth',
  bridge: 'bridge',
  vxlan: 'vxlan',
  dummy: 'dummy',
  ipip: 'ipip',
};

export function chosenDevices(netns: Netns, { values, flags }: Selector): readonly Device[] | ToolResult {
  const [name, master, type] = [values.get('dev'), values.get('master'), values.get('type')];
  if (name !== undefined && netns.devices.named(name) === undefined)
    return failure(1, `Device "${name}" does not exist.`);
  if (master !== undefined && netns.devices.named(master) === undefined)
    return wrongArgument(master, 'Device does not exist\n');
  const group = values.get('group') ?? 'default';
  if (!/^(?:default|\d+)$/.test(group)) return wrongArgument(group, 'Invalid "group" value\n');
  if (group !== 'default' && group !== '0') return [];
  return devicesOf(netns).filter(
    (dev) =>
      (name === undefined || dev.name === name) &&
      (!flags.has('up') || dev.up) &&
      (!flags.has('nomaster') || dev.port === undefined) &&
      (master === undefined || dev.port?.bridge.name === master) &&
      (type === undefined || KINDS[dev.kind] === type || (type === 'bridge_slave' && dev.port !== undefined)),
  );
}
