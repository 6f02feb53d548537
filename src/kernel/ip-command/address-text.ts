/** Addresses and prefixes as iproute2 reads them (lib/utils.c): short ones, and octets in any base. */

import { type Ipv4Addr, type Ipv4Prefix, ipv4Network, parseIpv4 } from '../../packet/index.js';

/** strtoul() with base 0: decimal, 0x hexadecimal, 0 octal. */
export function parseNumberWord(text: string): number | undefined {
  if (/^0x[0-9a-f]+$/i.test(text)) return Number(text);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
}

/** `10.1` is 10.1.0.0: octets that are missing are zero (get_addr_ipv4(), which is not inet_aton()). */
export function parseAddressWord(text: string): Ipv4Addr | undefined {
  const octets = text.split('.').map(parseNumberWord);
  if (octets.length > 4 || octets.some((octet) => octet === undefined || octet > 255)) return undefined;
  return parseIpv4([...octets, 0, 0, 0].slice(0, 4).join('.'));
}

const ANY: Ipv4Prefix = { addr: 0 as Ipv4Addr, length: 0 };

/** `24`, or `255.255.255.0` (get_netmask()). */
function parseLength(text: string): number | undefined {
  const number = parseNumberWord(text);
  if (number !== undefined) return number <= 32 ? number : undefined;
  const mask = parseAddressWord(text);
  if (mask === undefined) return undefined;
  const length = Math.clz32(~mask);
  return ipv4Network(mask, length) === mask ? length : undefined;
}

/** get_prefix(): `default`, `10.0.0.0/8`, `10/8`, `10.0.0.1`, bits of the host kept; undefined for anything else. */
export function parsePrefixWord(text: string): Ipv4Prefix | undefined {
  if (text === 'default' || text === 'any' || text === 'all') return ANY;
  const [address = '', suffix] = text.split('/', 2);
  const addr = parseAddressWord(address);
  const length = suffix === undefined ? 32 : parseLength(suffix);
  return addr === undefined || length === undefined ? undefined : { addr, length };
}
