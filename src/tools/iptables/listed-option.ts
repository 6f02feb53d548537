/** Options of a match or target as `iptables-save` prints them, which the listings of `iptables -L` are made of. */

import { splitWords } from '../../kernel/index.js';

/** `! --dport 53`: its words, and whether it is inverted. */
export interface ListedOption {
  readonly name: string;
  readonly values: readonly string[];
  readonly inverted: boolean;
}

const WORD = /"(?:[^"\\]|\\.)*"|\S+/g;

/** Options of a match or target as it prints them; quotes are kept. */
export function optionsOf(text: string): ListedOption[] {
  const options: { name: string; values: string[]; inverted: boolean }[] = [];
  let inverted = false;
  for (const [word] of text.matchAll(WORD)) {
    if (word === '!') inverted = true;
    else if (word.startsWith('--')) {
      options.push({ name: word.slice(2), values: [], inverted });
      inverted = false;
    } else options.at(-1)?.values.push(word);
  }
  return options;
}

/** `protocol` is the name of the rule's. */
export type List = (options: readonly ListedOption[], protocol: string) => string;

export const unquoted = (word: string): string => splitWords(word).words[0] ?? '';
export const valueOf = (options: readonly ListedOption[], name: string): string | undefined =>
  options.find((option) => option.name === name)?.values[0];
export const bang = ({ inverted }: { readonly inverted: boolean }, text = '!'): string => (inverted ? text : '');

export const portWords: Readonly<Record<string, string>> = { sport: 'spt', dport: 'dpt' };

export const LOG_FLAGS: Readonly<Record<string, number>> = {
  'log-tcp-sequence': 1,
  'log-tcp-options': 2,
  'log-ip-options': 4,
  'log-uid': 8,
  'log-macdecode': 32,
};
