/** Device names in rules: `eth0`, and `cali+` for every name that starts so. */

import { RuleError } from './extension.js';

/** IFNAMSIZ less the final zero. */
const MAX_NAME = 15;

export interface InterfaceName {
  /** Without the plus. */
  readonly name: string;
  readonly wildcard: boolean;
}

export function parseInterfaceName(text: string): InterfaceName {
  if (text === '') throw new RuleError('Empty interface is likely to be undesired');
  if (text.length > MAX_NAME) {
    throw new RuleError(`interface name \`${text}' must be shorter than IFNAMSIZ (${MAX_NAME})`);
  }
  // Differs: iptables warns and keeps such a name, which no device can have and its own save text cannot carry.
  if (/[\s/]/.test(text))
    throw new RuleError(`interface name \`${text}' has a character that the kernel does not allow`);
  const wildcard = text.endsWith('+');
  return { name: wildcard ? text.slice(0, -1) : text, wildcard };
}

export const formatInterfaceName = ({ name, wildcard }: InterfaceName): string => (wildcard ? `${name}+` : name);

/** A missing device has the empty name, which only a bare plus matches (ifname_compare_aligned()). */
export const interfaceMatches = (
  { name, wildcard }: InterfaceName,
  dev: { readonly name: string } | undefined,
): boolean => (dev === undefined ? wildcard && name === '' : wildcard ? dev.name.startsWith(name) : dev.name === name);

/** The key of a whole name; below it those of its beginnings, by their length. */
const WHOLE = MAX_NAME + 1;
const PRIME = 0x01000193;
const BASIS = 0x811c9dc5;

/** What every name begins with. */
const ANY_KEY = 0;

export interface InterfaceKey {
  /** Which of a device's keys. */
  readonly at: number;
  readonly key: number;
}

/**
 * A device's name as numbers, so that a rule's `-i cali+` or `-o eth0` is one comparison: a hash of the whole name and
 * of every beginning of it (FNV-1a). Equal keys may in theory be of other names, so what they let pass is asked again.
 */
export function interfaceKeys(name: string | undefined): Int32Array {
  const keys = new Int32Array(WHOLE + 1);
  if (name === undefined) return keys;
  let hash = BASIS | 0;
  for (let i = 0; i < name.length && i < MAX_NAME; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), PRIME);
    keys[i + 1] = hash;
  }
  keys[WHOLE] = Math.imul(hash ^ 0xff, PRIME);
  return keys;
}

/** Of no device at all. */
export const NO_INTERFACE_KEYS: Int32Array = interfaceKeys(undefined);

/** The key that devices which match have. */
export function interfaceKey({ name, wildcard }: InterfaceName): InterfaceKey {
  const at = wildcard ? name.length : WHOLE;
  return { at, key: at === 0 ? ANY_KEY : (interfaceKeys(name)[at] ?? 0) };
}
