/** The command lines of ipset: what `ipset restore` reads and what `ipset ARGS…` is given. */

import { splitWords } from '../text/tokenize.js';
import { IpsetError, syntax } from './errors.js';
import type { Extensions } from './member.js';
import type { ElementArgument, ListPlace } from './set.js';

export type IpsetCommand =
  | {
      readonly kind: 'create';
      readonly set: string;
      readonly type: string;
      readonly options: readonly string[];
      readonly exist: boolean;
    }
  | { readonly kind: 'add' | 'del' | 'test'; readonly set: string; readonly element: ElementArgument }
  | { readonly kind: 'destroy' | 'flush' | 'save' | 'list'; readonly set: string | undefined }
  | { readonly kind: 'swap' | 'rename'; readonly set: string; readonly other: string }
  /** COMMIT, quit, an empty line. */
  | { readonly kind: 'nothing' };

/** IPSET_MAXNAMELEN less the final zero. */
const MAX_NAME = 31;
const MAX_COMMENT = 255;

/** Names, which may be cut short, in the order in which ipset looks at them; and the letters of ipset 4. */
const NAMES = [
  ['create', 'N'],
  ['add', 'A'],
  ['del', 'D'],
  ['test', 'T'],
  ['destroy', 'X'],
  ['list', 'L'],
  ['save', 'S'],
  ['restore', 'R'],
  ['flush', 'F'],
  ['rename', 'E'],
  ['swap', 'W'],
  ['help', 'h'],
  ['version', 'v'],
  ['quit', 'q'],
] as const;
type IpsetCommandName = (typeof NAMES)[number][0];

/** ipset_match_cmd(): `list`, `l`, `-L`, `--list`. */
export const ipsetCommandNamed = (word: string): IpsetCommandName | undefined =>
  NAMES.find(
    ([name, letter]) => (word !== '' && name.startsWith(word)) || word === `-${letter}` || word === `--${name}`,
  )?.[0];

const EXIST: ReadonlySet<string> = new Set(['-exist', '-!', '--exist']);

function setName(name: string | undefined): string {
  if (name === undefined || name === '') return syntax('Missing mandatory argument: setname');
  return name.length > MAX_NAME ? syntax(`setname '${name}' is longer than ${MAX_NAME} characters`) : name;
}

function second(words: readonly string[], command: string): string {
  const word = words[2];
  if (word === undefined) throw new IpsetError(`Missing second mandatory argument to command ${command}`);
  return word;
}

const U64 = /^(0x[0-9a-f]+|\d+)$/i;

function number(text: string): number {
  return U64.test(text) ? Number(text) : syntax(`'${text}' is invalid as number`);
}

function comment(text: string): string {
  if (text.includes('"')) return syntax('" character is not permitted in comments');
  return text.length > MAX_COMMENT
    ? syntax(`Comment is longer than the maximum allowed ${MAX_COMMENT} characters`)
    : text;
}

/** Extensions while they are read. */
type Given = { -readonly [K in keyof Extensions]: Extensions[K] };

const SKBINFO: ReadonlySet<string> = new Set(['skbmark', 'skbprio', 'skbqueue']);

/** One extension with its value; false where the name is none. */
function readExtension(given: Given, name: string, value: string): boolean {
  if (name === 'timeout') given.timeoutS = number(value);
  else if (name === 'packets') given.packets = number(value);
  else if (name === 'bytes') given.bytes = number(value);
  else if (name === 'comment') {
    if (value !== '') given.comment = comment(value);
  } else if (SKBINFO.has(name)) {
    const text = `${name} ${value}`;
    given.skbinfo = given.skbinfo === undefined ? text : `${given.skbinfo} ${text}`;
  } else return false;
  return true;
}

/** What follows the element: `timeout 5 nomatch comment "x" before other`. */
function parseExtensions(words: readonly string[]): { extensions: Extensions; place: ListPlace | undefined } {
  const extensions: Given = {};
  let place: ListPlace | undefined;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const name = word.replace(/^--?/, '');
    if (name === 'nomatch') {
      extensions.nomatch = true;
      continue;
    }
    i += 1;
    const value = words[i];
    if (value === undefined) throw new IpsetError(`Missing mandatory argument of option \`${name}'`);
    if (name === 'before' || name === 'after') place = { where: name, name: value };
    else if (!readExtension(extensions, name, value)) throw new IpsetError(`Unknown argument: \`${word}'`);
  }
  return { extensions, place };
}

function parseElement(words: readonly string[], kind: string, exist: boolean): ElementArgument {
  const text = second(words, kind);
  const { extensions, place } = parseExtensions(words.slice(3));
  return { text, extensions, exist, ...(place === undefined ? {} : { place }) };
}

/** @throws IpsetError */
export function parseIpsetCommand(given: readonly string[], defaults: { exist?: boolean } = {}): IpsetCommand {
  const exist = (defaults.exist ?? false) || given.some((word) => EXIST.has(word));
  const words = given.filter((word) => !EXIST.has(word));
  const [command = '', name] = words;
  if (command === '' || command === 'COMMIT') return { kind: 'nothing' };
  const kind = ipsetCommandNamed(command);
  switch (kind) {
    case undefined:
    case 'restore':
    case 'help':
    case 'version':
      throw new IpsetError(`No command specified: unknown argument ${command}`);
    case 'quit':
      return { kind: 'nothing' };
    case 'create':
      return { kind, set: setName(name), type: second(words, kind), options: words.slice(3), exist };
    case 'add':
    case 'del':
    case 'test':
      return { kind, set: setName(name), element: parseElement(words, kind, exist) };
    case 'swap':
    case 'rename':
      return { kind, set: setName(name), other: setName(second(words, kind)) };
    default:
      return { kind, set: name };
  }
}

/** The commands of a restore file with their lines; comment and empty lines are left out. */
export function* ipsetLines(
  text: string,
): Generator<{ readonly line: number; readonly words: readonly string[] }, void> {
  for (const [i, line] of text.split('\n').entries()) {
    if (line.startsWith('#')) continue;
    const { words } = splitWords(line);
    if (words.length > 0) yield { line: i + 1, words };
  }
}
