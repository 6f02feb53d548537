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
