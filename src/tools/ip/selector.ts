/** The words behind `show`: what is to be listed. */

import { parseIpv4, parseIpv4Network, type Ipv4Prefix } from '../../packet/index.js';
import { failure, type ToolResult } from '../tool.js';

/** What a word may be followed by: a value, or nothing. */
export type Grammar = Readonly<Record<string, 'value' | 'flag'>>;

export interface Selector {
  readonly values: ReadonlyMap<string, string>;
  readonly flags: ReadonlySet<string>;
}

/** Reads selectors; a word that is none stands for `bare`, once. */
export function readSelector(words: readonly string[], grammar: Grammar, bare: string): Selector | ToolResult {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const kind = Object.hasOwn(grammar, word) ? grammar[word] : undefined;
    if (kind === 'flag') flags.add(word);
    else if (kind === 'value') {
      i += 1;
      const value = words[i];
      if (value === undefined) return failure(255, 'Command line is not complete. Try option "help"');
      values.set(word, value);
    } else if (values.has(bare))
      return failure(255, `Error: either "${bare}" is duplicate, or "${word}" is a garbage.`);
    else values.set(bare, word);
  }
  return { values, flags };
}

export const isResult = (value: object): value is ToolResult => 'exitCode' in value;

const ANY: Ipv4Prefix = { addr: 0 as Ipv4Prefix['addr'], length: 0 };

/** `default`, `10.0.0.0/8`, `10.0.0.1`; undefined where it is none of these. */
export function parsePrefix(text: string): Ipv4Prefix | undefined {
  if (text === 'default' || text === 'any' || text === 'all') return ANY;
  return text.includes('/') ? parseIpv4Network(text) : addressPrefix(text);
}

function addressPrefix(text: string): Ipv4Prefix | undefined {
  const addr = parseIpv4(text);
  return addr === undefined ? undefined : { addr, length: 32 };
}

/** iproute2's complaint about text that should have been an address. */
export const noPrefix = (text: string): ToolResult =>
  failure(1, `Error: any valid prefix is expected rather than "${text}".`);
