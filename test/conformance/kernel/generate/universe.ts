/** The addresses, ports and names that a generated case speaks of: few, so that rules and packets meet. */

import type { Dice } from './dice.js';

export interface Universe {
  readonly addresses: readonly string[];
  readonly prefixes: readonly string[];
  /** Names of sets with their type. */
  readonly sets: readonly { readonly name: string; readonly type: string }[];
  readonly interfaces: readonly string[];
}

/** What the UDP servers of a case listen on. */
export const UDP_PORT = 53;
export const PORTS: readonly number[] = [53, 80, 443, 8080, 30_080];
export const PROTOCOLS = ['tcp', 'udp', 'icmp', 'sctp'] as const;

export const ALL = '0.0.0.0/0';

/** An address or a prefix, sometimes one that nobody has. */
export const someNet = (dice: Dice, { addresses, prefixes }: Universe): string =>
  dice.weighted([
    [5, () => dice.pick(addresses)],
    [4, () => dice.pick(prefixes)],
    [1, () => '198.51.100.0/24'],
  ])();
