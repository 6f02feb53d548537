/**
 * Matches and targets that are not modelled: kept word for word, printed back, and honest about not knowing.
 * Harmless are targets that change neither the packet nor its fate.
 */

import type { Match } from './extension.js';
import { quoteWord } from './text/tokenize.js';

/** Targets of which a packet notices nothing: counters, lights, security labels, what a device computes anyway. */
const HARMLESS: ReadonlySet<string> = new Set([
  'AUDIT',
  'CHECKSUM',
  'CONNSECMARK',
  'IDLETIMER',
  'LED',
  'RATEEST',
  'SECMARK',
  'ULOG',
]);

/** Extensions that iptables and xtables-addons have and this kernel has not: their names are no chains. */
const KNOWN_TARGETS: ReadonlySet<string> = new Set([
  ...HARMLESS,
  'ACCOUNT',
  'CHAOS',
  'CLASSIFY',
  'CLUSTERIP',
  'DELUDE',
  'DHCPMAC',
  'DNETMAP',
  'ECHO',
  'ECN',
  'HL',
  'HMARK',
  'IPMARK',
  'LOGMARK',
  'NETMAP',
  'NFQUEUE',
  'PROTO',
  'SYNPROXY',
  'SYSRQ',
  'TARPIT',
  'TCPOPTSTRIP',
  'TEE',
  'TPROXY',
  'TTL',
]);

export const isUnmodelledTarget = (name: string): boolean => KNOWN_TARGETS.has(name);

const OPTION = /^(!|--?[a-z][\w-]*)$/i;

/** As it can be read again. */
export const plainOrQuoted = (word: string): string =>
  OPTION.test(word) || /^[\w./:,=-]+$/.test(word) ? word : quoteWord(word);

export class UnknownExtension {
  readonly name: string;
  readonly words: readonly string[];

  constructor(name: string, words: readonly string[]) {
    this.name = name;
    this.words = words;
  }

  get harmless(): boolean {
    return HARMLESS.has(this.name);
  }

  toString(): string {
    return this.words.map(plainOrQuoted).join(' ');
  }
}

/** An unknown match: `known` is what the walk looks at, `matches` is never asked. */
export const unknownMatch = (extension: UnknownExtension): Match => ({
  known: false,
  matches: () => false,
  toString: () => extension.toString(),
});
