/** `ipset` 7.17: what lists and tests. */

import { formatListing, ipsetCommandNamed, IpsetError, type IpsetTable, type SetSlot } from '../kernel/index.js';
import { IPSET_USAGE } from './ipset-usage.js';
import { failure, lines, ok, type Tool, type ToolResult } from './tool.js';

const NAME = 'ipset v7.17';
const HELP = "Try `ipset help' for more information.";

/** A sentence of the tool's own, and one about the command line as a whole. */
const refused = (message: string): ToolResult => failure(1, `${NAME}: ${message}`);
const wrong = (message: string): ToolResult => failure(2, `${NAME}: ${message}\n${HELP}`);

const FLAGS = {
  n: 'name',
  t: 'terse',
  s: 'sorted',
  q: 'quiet',
  r: 'resolve',
  '!': 'exist',
} as const;
type Flag = keyof typeof FLAGS;
const FLAG_LETTERS = ['n', 't', 's', 'q', 'r', '!'] as const satisfies readonly Flag[];
const VALUES = { o: 'output', f: 'file' } as const;
const VALUE_LETTERS = ['o', 'f'] as const satisfies readonly (keyof typeof VALUES)[];

/** `-q`, `-quiet`, `--quiet`. */
const isOption = (word: string, letter: string, name: string): boolean =>
  word === `-${letter}` || word === `-${name}` || word === `--${name}`;

interface Asked {
  readonly words: readonly string[];
  readonly flags: ReadonlySet<Flag>;
  readonly values: ReadonlyMap<'o' | 'f', string>;
  /** What is wrong with an option. */
  readonly problem: ToolResult | undefined;
}

/** Options stand anywhere. */
function read(args: readonly string[]): Asked {
  const words: string[] = [];
  const flags = new Set<Flag>();
  const values = new Map<'o' | 'f', string>();
  let problem: ToolResult | undefined;
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? '';
    const flag = FLAG_LETTERS.find((letter) => isOption(word, letter, FLAGS[letter]));
    const valued = VALUE_LETTERS.find((letter) => isOption(word, letter, VALUES[letter]));
    if (flag !== undefined) flags.add(flag);
    else if (valued === undefined) words.push(word);
    else {
      i += 1;
      const value = args[i];
      if (value === undefined) problem ??= wrong(`Missing mandatory argument to option -${valued}`);
      else values.set(valued, value);
    }
  }
  return { words, flags, values, problem };
}

/** The tool warns on a terminal's behalf where it would have said nothing else. */
function test(sets: IpsetTable, [set, element, ...more]: readonly string[]): ToolResult {
  if (set === undefined) return wrong('Missing mandatory argument to command test');
  if (element === undefined) return wrong('Missing second mandatory argument to command test');
  const takesNomatch = sets.require(set).type.nomatch;
  const unknown = more.find((word) => word !== 'nomatch' || !takesNomatch);
  if (unknown !== undefined) return wrong(`Unknown argument: \`${unknown}'`);
  const stderr = sets.execute(['test', set, element, ...more]);
  return { exitCode: stderr.startsWith('Warning: ') ? 0 : 1, stdout: '', stderr };
}

const OUTPUTS = ['plain', 'save', 'xml'] as const;
type Output = (typeof OUTPUTS)[number];

function list(sets: IpsetTable, words: readonly string[], asked: Asked & { readonly usual: Output }): ToolResult {
  const [name, extra] = words;
  if (extra !== undefined) return wrong(`Unknown argument ${extra}`);
  const given = asked.values.get('o') ?? asked.usual;
  const output = OUTPUTS.find((one) => one === given);
  if (output === undefined) return refused(`Syntax error: unknown output mode '${given}'`);
  if (output === 'save') return ok(sets.save(name));
  const slots = sets.listed(name);
  const namesOnly = asked.flags.has('n');
  const terse = asked.flags.has('t');
  if (output === 'xml') {
    const documents = slots.map((slot) => (namesOnly ? `<ipset name="${slot.name}"/>\n` : xmlOf(slot, { terse })));
    return ok(`<ipsets>\n${documents.join('')}</ipsets>\n`);
  }
  if (namesOnly) return ok(lines(slots.map((slot) => slot.name)));
  return ok(slots.map((slot) => formatListing(slot, { terse })).join('\n'));
}

/** Words that stand alone; the others have a value behind them. */
const ALONE: ReadonlySet<string> = new Set(['counters', 'comment', 'skbinfo', 'forceadd', 'wildcard', 'nomatch']);

/** `timeout 5 counters` → `<timeout>5</timeout><counters/>`. */
function elementsOf(text: string, alone: ReadonlySet<string>): string {
  const words = text.match(/"[^"]*"|\S+/g) ?? [];
  let xml = '';
  for (let i = 0; i < words.length; i++) {
    const name = words[i] ?? '';
    if (alone.has(name)) xml += `<${name}/>`;
    else xml += `<${name}>${words[++i] ?? ''}</${name}>`;
  }
  return xml;
}

const NOMATCH: ReadonlySet<string> = new Set(['nomatch']);

function memberXml(member: string): string {
  const [, element = '', extensions = ''] = /^(\S+)(.*)$/.exec(member) ?? [];
  return `<member><elem>${element}</elem>${elementsOf(extensions, NOMATCH)}</member>`;
}

/** One `<ipset>` (lib/session.c). */
function xmlOf({ name, set, references }: SetSlot, { terse }: { readonly terse: boolean }): string {
  return lines([
    `<ipset name="${name}">`,
    `<type>${set.type.name}</type>`,
    `<revision>${set.type.revision}</revision>`,
    `<header>${elementsOf(set.header, ALONE)}`,
    `<memsize>${set.memory}</memsize>`,
    `<references>${references}</references>`,
    `<numentries>${set.size}</numentries>`,
    '</header>',
    ...(terse ? [] : ['<members>', ...set.members().map(memberXml), '</members>']),
    '</ipset>',
  ]);
}

function run(sets: IpsetTable, asked: Asked): ToolResult {
  const [command, ...rest] = asked.words;
  if (asked.problem !== undefined) return asked.problem;
  if (command === undefined) return wrong('No command specified.');
  const kind = command === '-V' ? 'version' : ipsetCommandNamed(command);
  switch (kind) {
    case undefined:
      return wrong(`No command specified: unknown argument ${command}`);
    case 'version':
      return ok(`${NAME}, protocol version: 7\n`);
    case 'help':
      return ok(IPSET_USAGE);
    case 'quit':
      return ok('');
    case 'test':
      return test(sets, rest);
    case 'save':
    case 'list':
      if (asked.values.has('f')) return refused(`-f ${asked.values.get('f')}: only what shows is offered here`);
      return list(sets, rest, { ...asked, usual: kind === 'save' ? 'save' : 'plain' });
    default:
      return failure(2, `${NAME}: ${command}: only what shows is offered here`);
  }
}

export const ipset: Tool = ({ netns }, args) => {
  const asked = read(args);
  const answer = (): ToolResult => {
    try {
      return run(netns.ipsets, asked);
    } catch (error) {
      if (!(error instanceof IpsetError)) throw error;
      return refused(error.message);
    }
  };
  const result = answer();
  return asked.flags.has('q') ? { ...result, stderr: '' } : result;
};
