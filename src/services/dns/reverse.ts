/** Names of the reverse zones (RFC 1035 §3.5, RFC 3596 §2.5). */

import { type IpAddress, isIpv4, parseIp } from '../../kubernetes/index.js';

export const IPV4_REVERSE = 'in-addr.arpa';
export const IPV6_REVERSE = 'ip6.arpa';

export const isReverse = (name: string): boolean => {
  const text = name.toLowerCase();
  return text.endsWith(`.${IPV4_REVERSE}`) || text.endsWith(`.${IPV6_REVERSE}`);
};

/** The address that a reverse name asks for, or undefined for any other name. */
export function addressOfReverse(name: string): IpAddress | undefined {
  const text = name.toLowerCase();
  if (text.endsWith(`.${IPV4_REVERSE}`)) {
    const octets = text.slice(0, -IPV4_REVERSE.length - 1).split('.');
    return octets.length === 4 ? parseIp(octets.toReversed().join('.')) : undefined;
  }
  if (!text.endsWith(`.${IPV6_REVERSE}`)) return undefined;
  const nibbles = text.slice(0, -IPV6_REVERSE.length - 1).split('.');
  if (nibbles.length !== 32 || nibbles.some((nibble) => !/^[0-9a-f]$/.test(nibble))) return undefined;
  return parseIp(
    nibbles
      .toReversed()
      .join('')
      .replace(/(.{4})(?=.)/g, '$1:'),
  );
}

/** The name under which an address is looked up. */
export function reverseName(address: IpAddress): string {
  if (isIpv4(address)) {
    const octets = [address & 0xff, (address >>> 8) & 0xff, (address >>> 16) & 0xff, address >>> 24];
    return `${octets.join('.')}.${IPV4_REVERSE}`;
  }
  const nibbles = address.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  return `${nibbles.split('').toReversed().join('.')}.${IPV6_REVERSE}`;
}

/** A zone written as an address range, `10.0.0.0/16`: the reverse zones that cover it (plugin/pkg/cidr). */
export function reverseZones(text: string): readonly string[] | undefined {
  const match = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text);
  const address = match === null ? undefined : parseIp(match[1] ?? '');
  if (address === undefined) return undefined;
  const length = Number(match?.[2]);
  const step = isIpv4(address) ? 8 : 4;
  const total = isIpv4(address) ? 32 : 128;
  if (length > total) return undefined;
  const whole = Math.ceil(length / step);
  const labels = reverseName(address).split('.');
  const kept = labels.slice(labels.length - 2 - whole);
  const free = whole * step - length;
  if (free === 0) return [kept.join('.')];
  const [first = '0', ...rest] = kept;
  const radix = isIpv4(address) ? 10 : 16;
  const from = (Number.parseInt(first, radix) >> free) << free;
  return Array.from({ length: 1 << free }, (_, i) => [(from + i).toString(radix), ...rest].join('.'));
}
