/** Programmed state as a document that people and programs read: addresses are texts, everything else stays. */

import { formatIpv4, formatMac, formatPrefix, type Ipv4Addr, type Mac } from '../../packet/index.js';
import type { HostState, NetnsState } from '../../kernel/index.js';

const ADDRESSES = new Set(['address', 'broadcast', 'prefSrc', 'via', 'local', 'remote', 'group', 'peer']);

const isPrefix = (value: object): value is { addr: Ipv4Addr; length: number } => {
  const keys = Object.keys(value);
  return keys.length === 2 && 'addr' in value && 'length' in value;
};

/** One value; `name` is its field's. */
function readable(name: string, value: unknown): unknown {
  if (typeof value === 'number') {
    if (ADDRESSES.has(name)) return formatIpv4(value as Ipv4Addr);
    return name === 'mac' ? formatMac(value as Mac) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => readable(name, item));
  if (isPrefix(value)) return formatPrefix(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, readable(key, inner)]));
}

export const stateJson = (state: HostState | NetnsState): unknown => readable('', state);
