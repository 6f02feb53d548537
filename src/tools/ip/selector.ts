/** The words behind `show`: what is to be listed. */

import { parsePrefixWord } from '../../kernel/index.js';
import { type Ipv4Prefix, ipv4Network } from '../../packet/index.js';
import { failure, type ToolResult } from '../tool.js';

/**
 * What a word may be followed by: a value, or nothing. With `*` its beginnings mean it too (matches() of iproute2);
 * where a beginning could be several, the first of the grammar is meant.
 */
export type Grammar = Readonly<Record<string, 'value' | 'flag' | 'value*' | 'flag*'>>;

export interface Selector {
  readonly values: ReadonlyMap<string, string>;
  readonly flags: ReadonlySet<string>;
}

/** A word that is none of the grammar stands for `word`; a second one is an error, or takes the place of the first. */
export interface Bare {
  readonly word: string;
  readonly again: 'garbage' | 'instead';
  /** What is said to a word that cannot stand for it. */
  readonly refusal?: (word: string) => ToolResult | undefined;
}

const once = (word: string): Bare => ({ word, again: 'garbage' });

function meant(grammar: Grammar, word: string): string | undefined {
  const begins = Object.keys(grammar).find((key) => grammar[key]?.endsWith('*') === true && key.startsWith(word));
  return Object.hasOwn(grammar, word) ? word : word === '' ? undefined : begins;
}

const incomplete = (): ToolResult => failure(255, 'Command line is not complete. Try option "help"');

export function readSelector(words: readonly string[], grammar: Grammar, bare: string | Bare): Selector | ToolResult {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  const { word: stands, again, refusal } = typeof bare === 'string' ? once(bare) : bare;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const key = meant(grammar, word);
    if (key === undefined) {
      if (again === 'garbage' && values.has(stands))
        return failure(255, `Error: either "${stands}" is duplicate, or "${word}" is a garbage.`);
      const refused = refusal?.(word);
      if (refused !== undefined) return refused;
      values.set(stands, word);
    } else if (grammar[key]?.startsWith('flag') === true) flags.add(key);
    else {
      i += 1;
      const value = words[i];
      if (value === undefined) return incomplete();
      values.set(key, value);
    }
  }
  return { values, flags };
}

/** What the command line got wrong, on its way to who answers for it. */
class Refused extends Error {
  readonly result: ToolResult;

  constructor(result: ToolResult) {
    super(result.stderr);
    this.result = result;
  }
}

export function refuse(result: ToolResult): never {
  throw new Refused(result);
}

/** `run`'s answer, or what it was refused with. */
export function unlessRefused(run: () => ToolResult): ToolResult {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refused) return error.result;
    throw error;
  }
}

export const isResult = (value: object): value is ToolResult => 'exitCode' in value;

/** A prefix whose bits of the host do not count; undefined where it is none. */
export function parsePrefix(text: string): Ipv4Prefix | undefined {
  const prefix = parsePrefixWord(text);
  return prefix === undefined ? undefined : { ...prefix, addr: ipv4Network(prefix.addr, prefix.length) };
}

/** iproute2's complaint about text that should have been an address. */
export const noPrefix = (text: string, expected = 'any valid prefix'): ToolResult =>
  failure(1, `Error: ${expected} is expected rather than "${text}".`);

/** invarg() of lib/utils.c. Some of its callers end the sentence with a line of their own. */
export const wrongArgument = (value: string, why: string): ToolResult =>
  failure(255, `Error: argument "${value}" is wrong: ${why}`);
