/** `ifconfig` of net-tools 2.10, and `netstat -i`: devices with their first addresses, and labels as devices of their own. */

import { type Device, Ipip, Loopback, type Netns } from '../../kernel/index.js';
import { formatIpv4, formatMac, INADDR_ANY, ipv4, ipv4Mask } from '../../packet/index.js';
import { flagsOf, IFF } from '../ip/device.js';
import { failure, lines, ok, type Tool } from '../tool.js';
import { onlyShows } from './proc.js';

/** A device, or a label that an address of it has (`eth0:1`). */
export interface Interface {
  readonly name: string;
  readonly dev: Device;
}

const isLabel = ({ name, dev }: Interface): boolean => name !== dev.name;

/** nstrcmp(): by letters, and by the number that begins where two names part. */
function byName(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  const [one, other] = [/^\d/.test(a.slice(at)), /^\d/.test(b.slice(at))];
  if (!one && !other) return (a.charCodeAt(at) || 0) - (b.charCodeAt(at) || 0);
  if (!one || !other) return one ? -1 : 1;
  while (at > 0 && /\d/.test(a[at - 1] ?? '')) at -= 1;
  return Number.parseInt(a.slice(at), 10) - Number.parseInt(b.slice(at), 10);
}

/** Those that are up, or all. */
export function interfacesOf({ devices }: Netns, all: boolean): readonly Interface[] {
  return [...devices]
    .flatMap((dev) =>
      [...new Set([dev.name, ...dev.addresses.map(({ label }) => label)])].map((name) => ({ name, dev })),
    )
    .filter(({ dev }) => all || dev.up)
    .sort((a, b) => byName(a.name, b.name));
}

/** SIOCGIFFLAGS: what `ip link` calls LOWER_UP is RUNNING here. */
function flagNames(dev: Device): readonly string[] {
  const set = new Set(flagsOf(dev));
  if (dev.up && dev.carrier) set.add('RUNNING');
  const order = ['UP', 'BROADCAST', 'LOOPBACK', 'POINTOPOINT', 'RUNNING', 'NOARP', 'PROMISC', 'ALLMULTI', 'MULTICAST'];
  return order.filter((name) => set.has(name));
}

const flagNumber = (names: readonly string[]): number => names.reduce((sum, name) => sum | (IFF[name] ?? 0), 0);

const UNITS = [
  [2 ** 50, 'PiB'],
  [2 ** 40, 'TiB'],
  [2 ** 30, 'GiB'],
  [2 ** 20, 'MiB'],
  [2 ** 10, 'KiB'],
] as const;

/** One digit behind the point, of which nothing is rounded up. */
function octetsText(octets: number): string {
  const [size, unit] = UNITS.find(([least]) => octets > least) ?? [1, 'B'];
  const tenths = Math.floor((octets * 10) / size);
  return `${octets} (${Math.floor(tenths / 10)}.${tenths % 10} ${unit})`;
}

function statistics({ counters: c }: Device): readonly string[] {
  return [
    `RX packets ${c.rxPackets}  bytes ${octetsText(c.rxBytes)}`,
    `RX errors ${c.rxErrors}  dropped ${c.rxDropped}  overruns 0  frame 0`,
    `TX packets ${c.txPackets}  bytes ${octetsText(c.txBytes)}`,
    `TX errors ${c.txErrors}  dropped ${c.txDropped} overruns 0  carrier ${c.txCarrierErrors}  collisions ${c.collisions}`,
  ];
}

/** SIOCGIFADDR: the first address with that label. */
function addressLine({ name, dev }: Interface): string | undefined {
  const first = dev.addresses.find(({ label }) => label === name);
  if (first === undefined) return undefined;
  const names = flagNames(dev);
  const broadcast = names.includes('BROADCAST')
    ? `  broadcast ${formatIpv4(first.broadcast ?? INADDR_ANY)}`
    : names.includes('POINTOPOINT')
      ? `  destination ${formatIpv4(first.peer)}`
      : '';
  return `inet ${formatIpv4(first.address)}  netmask ${formatIpv4(ipv4(ipv4Mask(first.prefixLength)))}${broadcast}`;
}

function hardwareLine(dev: Device): string {
  const queue = `txqueuelen ${dev.txqlen}`;
  if (dev instanceof Loopback) return `loop  ${queue}  (Local Loopback)`;
  return dev instanceof Ipip ? `tunnel   ${queue}  (IPIP Tunnel)` : `ether ${formatMac(dev.mac)}  ${queue}  (Ethernet)`;
}

/** ife_print_long(). */
export function longForm(one: Interface): string {
  const { name, dev } = one;
  const names = flagNames(dev);
  const address = addressLine(one);
  const rows = [
    ...(address === undefined ? [] : [address]),
    hardwareLine(dev),
    ...(isLabel(one) ? [] : statistics(dev)),
  ].map((row) => `        ${row}`);
  return lines([`${name}: flags=${flagNumber(names)}<${names.join(',')}>  mtu ${dev.mtu}`, ...rows, '']);
}

const LETTERS = [
  ['ALLMULTI', 'A'],
  ['BROADCAST', 'B'],
  ['LOOPBACK', 'L'],
  ['MULTICAST', 'M'],
  ['PROMISC', 'P'],
  ['NOARP', 'O'],
  ['POINTOPOINT', 'P'],
  ['RUNNING', 'R'],
  ['UP', 'U'],
] as const;

/** ife_print_short(). */
export function shortForm(one: Interface): string {
  const { name, dev } = one;
  const { counters: c } = dev;
  const names = flagNames(dev);
  const letters = LETTERS.map(([flag, letter]) => (names.includes(flag) ? letter : '')).join('');
  const flags = letters === '' ? '[NO FLAGS]' : letters;
  const begin = `${name.padEnd(15)} ${String(dev.mtu).padStart(5)}`;
  if (isLabel(one)) return `${begin}      - no statistics available -${' '.repeat(24)}${flags}`;
  const received = [c.rxErrors, c.rxDropped].map((count) => String(count).padStart(6)).join(' ');
  const sent = [c.txErrors, c.txDropped, 0].map((count) => String(count).padStart(6)).join(' ');
  return `${begin} ${String(c.rxPackets).padStart(8)} ${received} ${'0'.padEnd(6)} ${String(c.txPackets).padStart(8)} ${sent} ${flags}`;
}

const SHORT_HEADER = 'Iface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg';

/** `ifconfig [-a] [-s] [-v] [INTERFACE]`. */
export const ifconfig: Tool = ({ netns }, args) => {
  const options = args.filter((word) => word.startsWith('-'));
  const [name, change] = args.filter((word) => !word.startsWith('-'));
  const unknown = options.find((word) => !['-a', '-s', '-v', '-V', '--version'].includes(word));
  if (unknown !== undefined)
    return failure(1, `ifconfig: option \`${unknown}' not recognised.\nifconfig: \`--help' gives usage information.`);
  if (options.includes('-V') || options.includes('--version')) return ok('net-tools 2.10\n');
  if (change !== undefined) return onlyShows('ifconfig', change);
  const all = interfacesOf(netns, options.includes('-a') || name !== undefined);
  const shown = name === undefined ? all : all.filter((one) => one.name === name);
  if (name !== undefined && shown.length === 0)
    return failure(1, `${name}: error fetching interface information: Device not found`);
  if (options.includes('-s')) return ok(lines([SHORT_HEADER, ...shown.map(shortForm)]));
  return ok(shown.map(longForm).join(''));
};
