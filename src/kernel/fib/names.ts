/** Numbers of routing and the names that iproute2 prints for them (/etc/iproute2/rt_*). */

import type { Scope } from '../host-state.js';

/** enum rt_scope_t: the larger, the nearer. */
export const SCOPE = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const satisfies Record<
  Scope,
  number
>;

/** rt_protos. */
const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  0: 'unspec',
  1: 'redirect',
  2: 'kernel',
  3: 'boot',
  4: 'static',
  8: 'gated',
  9: 'ra',
  10: 'mrt',
  11: 'zebra',
  12: 'bird',
  13: 'dnrouted',
  14: 'xorp',
  15: 'ntk',
  16: 'dhcp',
  18: 'keepalived',
  42: 'babel',
  99: 'openr',
  186: 'bgp',
  187: 'isis',
  188: 'ospf',
  189: 'rip',
  192: 'eigrp',
};

/** rt_tables. */
const TABLE_NAMES: Readonly<Record<number, string>> = { 0: 'unspec', 253: 'default', 254: 'main', 255: 'local' };

/** rt_dsfield: DSCP names, shifted to where they lie in the TOS octet (RFC 2474, 2597, 3246). */
const DSFIELD_NAMES: Readonly<Record<number, string>> = {
  0x00: 'default',
  0x28: 'AF11',
  0x30: 'AF12',
  0x38: 'AF13',
  0x48: 'AF21',
  0x50: 'AF22',
  0x58: 'AF23',
  0x68: 'AF31',
  0x70: 'AF32',
  0x78: 'AF33',
  0x88: 'AF41',
  0x90: 'AF42',
  0x98: 'AF43',
  0x20: 'CS1',
  0x40: 'CS2',
  0x60: 'CS3',
  0x80: 'CS4',
  0xa0: 'CS5',
  0xc0: 'CS6',
  0xe0: 'CS7',
  0xb8: 'EF',
};

/** /etc/protocols, as far as rules are written for them. */
const IP_PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  1: 'icmp',
  2: 'igmp',
  4: 'ipencap',
  6: 'tcp',
  17: 'udp',
  47: 'gre',
  50: 'esp',
  51: 'ah',
  58: 'ipv6-icmp',
  112: 'vrrp',
  132: 'sctp',
};

const numberOf = (names: Readonly<Record<number, string>>, text: string, max: number): number | undefined => {
  if (/^(?:\d+|0x[\da-f]+)$/i.test(text)) return Number(text) <= max ? Number(text) : undefined;
  for (const [number, name] of Object.entries(names)) if (name === text) return Number(number);
  return undefined;
};

export const formatTable = (table: number): string => TABLE_NAMES[table] ?? String(table);
/** `main`, `local`, `default` or a number; undefined for anything else. */
export const parseTable = (text: string): number | undefined => numberOf(TABLE_NAMES, text, 0xffff_ffff);

export const formatRouteProtocol = (protocol: number): string => PROTOCOL_NAMES[protocol] ?? String(protocol);
/** `bird`, `kernel`, `80`…; undefined for anything else. */
export const parseRouteProtocol = (text: string): number | undefined => numberOf(PROTOCOL_NAMES, text, 0xff);

export const formatTos = (tos: number): string => DSFIELD_NAMES[tos] ?? `0x${tos.toString(16).padStart(2, '0')}`;

export const formatRuleIpProtocol = (protocol: number): string => IP_PROTOCOL_NAMES[protocol] ?? `ipproto-${protocol}`;
