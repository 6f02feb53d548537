/** `ip link` and `ip addr`, as iproute2 6.1 prints them. */

import { Bridge, type Device, Ipip, Loopback, type Netns, Veth, Vxlan } from '../kernel/index.js';
import { formatIpv4, formatMac, INADDR_ANY, type Ipv4Addr } from '../packet/index.js';
import { lines } from './tool.js';

const isLoopback = (dev: Device): boolean => dev instanceof Loopback;

function kindFlags(dev: Device): string[] {
  if (isLoopback(dev)) return ['LOOPBACK'];
  if (dev instanceof Ipip) return [...(dev.pointToPoint ? ['POINTOPOINT'] : []), 'NOARP'];
  return ['BROADCAST', ...(dev.noArp ? ['NOARP'] : ['MULTICAST'])];
}

function flags(dev: Device): string[] {
  const names = kindFlags(dev);
  if (!dev.up) return names;
  const noCarrier = dev.carrier ? [] : ['NO-CARRIER'];
  return [...noCarrier, ...names, 'UP', ...(dev.carrier ? ['LOWER_UP'] : [])];
}

/** operstate of RFC 2863, as the kernel's drivers set it. */
function operstate(dev: Device): string {
  if (!dev.up) return 'DOWN';
  if (isLoopback(dev) || dev instanceof Vxlan || dev instanceof Ipip) return 'UNKNOWN';
  if (dev instanceof Veth) return dev.carrier ? 'UP' : 'LOWERLAYERDOWN';
  if (dev instanceof Bridge && dev.ports.length === 0) return 'DOWN';
  return dev.carrier ? 'UP' : 'DOWN';
}

function qdisc(dev: Device): string {
  if (dev.kind === 'ethernet') return dev.up ? 'pfifo_fast' : 'noop';
  return dev.up ? 'noqueue' : 'noop';
}

/** `@if2` where the other end is in another namespace, `@v1` where it is here. */
function displayName(dev: Device): string {
  if (dev instanceof Ipip) return `${dev.name}@${dev.config.dev ?? 'NONE'}`;
  if (!(dev instanceof Veth) || dev.peer === undefined) return dev.name;
  return dev.peer.netns === dev.netns ? `${dev.name}@${dev.peer.name}` : `${dev.name}@if${dev.peer.ifindex}`;
}

/** The name of the namespace that holds the other end, or its number here where that is the host's own. */
function linkNetns(dev: Device): string {
  if (!(dev instanceof Veth) || dev.peer === undefined || dev.peer.netns === dev.netns) return '';
  const { name } = dev.peer.netns;
  return name === '' ? ' link-netnsid 0' : ` link-netns ${name}`;
}

function linkType(dev: Device): string {
  if (dev instanceof Ipip) return 'ipip';
  return isLoopback(dev) ? 'loopback' : 'ether';
}

/** A tunnel's link-layer addresses are the ends of its outer packets. */
const linkAddress = (dev: Device): string => (dev instanceof Ipip ? formatIpv4(dev.config.local) : formatMac(dev.mac));

function broadcastAddress(dev: Device): string {
  if (dev instanceof Ipip) return formatIpv4(dev.config.remote);
  return isLoopback(dev) ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff';
}

function firstLine(dev: Device, mode: string): string {
  const master = dev.port === undefined ? '' : ` master ${dev.port.bridge.name}`;
  return `${dev.ifindex}: ${displayName(dev)}: <${flags(dev).join(',')}> mtu ${dev.mtu} qdisc ${qdisc(dev)}${master} state ${operstate(dev)}${mode} group default qlen ${dev.txqlen}`;
}

const secondLine = (dev: Device): string =>
  `    link/${linkType(dev)} ${linkAddress(dev)} ${dev.pointToPoint ? 'peer' : 'brd'} ${broadcastAddress(dev)}${linkNetns(dev)}`;

/** iproute2's ip/link_iptnl.c:iptunnel_print_opt(). */
function ipipDetails({ config }: Ipip): string {
  const { mode, remote, local, dev, ttl, tos, pmtudisc, fwmark } = config;
  const end = (address: Ipv4Addr): string => (address === INADDR_ANY ? 'any' : formatIpv4(address));
  const lower = dev === undefined ? '' : `dev ${dev} `;
  const service = tos === 0 ? '' : `tos ${tos === 1 ? 'inherit' : `0x${tos.toString(16)}`} `;
  const mark = fwmark === 0 ? '' : `fwmark 0x${fwmark.toString(16)} `;
  return `ipip ${mode} remote ${end(remote)} local ${end(local)} ${lower}ttl ${ttl === 0 ? 'inherit' : ttl} ${service}${pmtudisc ? '' : 'no'}pmtudisc ${mark}`;
}

/** With `-d`: what the driver says. */
function details(dev: Device): string[] {
  if (dev instanceof Veth) return ['    veth'];
  if (dev instanceof Ipip) return [`    ${ipipDetails(dev)}`];
  if (!(dev instanceof Vxlan)) return dev.kind === 'bridge' ? ['    bridge'] : [];
  const { vni, local, dev: lower, port, learning } = dev.config;
  const under = lower === undefined ? '' : ` dev ${lower}`;
  const learn = learning ? '' : ' nolearning';
  return [
    `    vxlan id ${vni} local ${formatIpv4(local)}${under} srcport 0 0 dstport ${port}${learn} ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx`,
  ];
}

export const formatLinks = (devices: readonly Device[], detailed: 'plain' | 'detailed'): string =>
  lines(
    devices.flatMap((dev) => [
      firstLine(dev, ' mode DEFAULT'),
      secondLine(dev),
      ...(detailed === 'detailed' ? details(dev) : []),
    ]),
  );

function addressLines(dev: Device): string[] {
  return dev.addresses.flatMap((address) => {
    const peer = address.peer === address.address ? '' : ` peer ${formatIpv4(address.peer)}`;
    const brd = address.broadcast === undefined ? '' : ` brd ${formatIpv4(address.broadcast)}`;
    const secondary = address.secondary ? ' secondary' : '';
    const noPrefix = address.noPrefixRoute ? ' noprefixroute' : '';
    return [
      `    inet ${formatIpv4(address.address)}${peer}/${address.prefixLength}${brd} scope ${address.scope}${secondary}${noPrefix} ${address.label}`,
      '       valid_lft forever preferred_lft forever',
    ];
  });
}

export const formatAddresses = (devices: readonly Device[]): string =>
  lines(devices.flatMap((dev) => [firstLine(dev, ''), secondLine(dev), ...addressLines(dev)]));

/** With `-br`: a line for each device. */
const formatBrief = (devices: readonly Device[], rest: (dev: Device) => string): string =>
  lines(devices.map((dev) => `${displayName(dev).padEnd(16)} ${operstate(dev).padEnd(14)} ${rest(dev)}`));

export const formatBriefAddresses = (devices: readonly Device[]): string =>
  formatBrief(devices, (dev) =>
    dev.addresses.map(({ address, prefixLength }) => `${formatIpv4(address)}/${prefixLength} `).join(''),
  );

export const formatBriefLinks = (devices: readonly Device[]): string =>
  formatBrief(devices, (dev) => `${linkAddress(dev)} <${flags(dev).join(',')}> `);

export interface LinkJson {
  readonly [key: string]: unknown;
}

/** What `ip link` and `ip addr` have in common; only the former tells the link mode. */
function deviceJson(dev: Device, object: 'link' | 'addr'): LinkJson {
  const peer = dev instanceof Veth ? dev.peer : undefined;
  const here = peer !== undefined && peer.netns === dev.netns;
  return {
    ifindex: dev.ifindex,
    ...(dev instanceof Ipip ? { link: dev.config.dev ?? null } : {}),
    ...(peer === undefined ? {} : here ? { link: peer.name } : { link_index: peer.ifindex }),
    ifname: dev.name,
    flags: flags(dev),
    mtu: dev.mtu,
    qdisc: qdisc(dev),
    ...(dev.port === undefined ? {} : { master: dev.port.bridge.name }),
    operstate: operstate(dev),
    ...(object === 'link' ? { linkmode: 'DEFAULT' } : {}),
    group: 'default',
    txqlen: dev.txqlen,
    link_type: linkType(dev),
    ...(dev.pointToPoint ? { link_pointtopoint: true } : {}),
    address: linkAddress(dev),
    broadcast: broadcastAddress(dev),
  };
}

export const linkJson = (dev: Device): LinkJson => deviceJson(dev, 'link');

const FOREVER = 4_294_967_295;

export const addressJson = (dev: Device): LinkJson => ({
  ...deviceJson(dev, 'addr'),
  addr_info: dev.addresses.map((address) => ({
    family: 'inet',
    local: formatIpv4(address.address),
    prefixlen: address.prefixLength,
    ...(address.broadcast === undefined ? {} : { broadcast: formatIpv4(address.broadcast) }),
    scope: address.scope,
    ...(address.secondary ? { secondary: true } : {}),
    label: address.label,
    valid_life_time: FOREVER,
    preferred_life_time: FOREVER,
  })),
});

/** By index, as the kernel dumps them. */
export const devicesOf = (netns: Netns): Device[] => [...netns.devices].sort((a, b) => a.ifindex - b.ifindex);
