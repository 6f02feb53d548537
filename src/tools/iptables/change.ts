/**
 * `iptables -A`, `-C`, `-D`, `-I`, `-R`, `-N`, `-X`, `-F`, `-E` and `-P`: one line of iptables-restore, committed at once.
 * What is changed lasts as long as the emulated cluster.
 */

import type { Netns, RestoreProblem } from '../../kernel/index.js';
import type { TableName } from '../../trace/index.js';
import { NAME, TRY_HELP, wrongUse } from './options.js';
import { missingMatch, missingTarget } from './extensions.js';
import { printedRule } from './rule.js';
import { failure, lines, type ToolResult } from '../tool.js';

const COMMANDS: ReadonlyMap<string, string> = new Map([
  ['--append', '-A'],
  ['--check', '-C'],
  ['--delete', '-D'],
  ['--insert', '-I'],
  ['--replace', '-R'],
  ['--new-chain', '-N'],
  ['--new', '-N'],
  ['--delete-chain', '-X'],
  ['--flush', '-F'],
  ['--rename-chain', '-E'],
  ['--rename', '-E'],
  ['--policy', '-P'],
]);
const LETTERS = new Set(COMMANDS.values());

/** Words behind each that belong to it: a chain, the number of a rule, another name. */
const OPERANDS: Readonly<Record<string, number>> = {
  '-A': 1,
  '-C': 1,
  '-D': 2,
  '-I': 2,
  '-R': 2,
  '-N': 1,
  '-X': 1,
  '-F': 1,
  '-E': 2,
  '-P': 2,
};

/** They change nothing of what is done. */
const WITHOUT_EFFECT = new Set(['-4', '--ipv4']);

/** commands_v_options[]: what none of the commands takes, by the letter by which it is told. */
const ILLEGAL: Readonly<Record<string, string>> = {
  '-n': 'n',
  '--numeric': 'n',
  '-x': 'x',
  '--exact': 'x',
  '--line-numbers': '0',
};
/** optflags[]: in which order they are looked for. */
const ILLEGAL_ORDER = ['n', 'x', '0'];

const LISTS: Readonly<Record<string, string>> = {
  '-L': '-L',
  '--list': '-L',
  '-S': '-S',
  '--list-rules': '-S',
  '-Z': '-Z',
  '--zero': '-Z',
};

/** What stands behind them is a text, whatever it looks like. */
const TEXTS = new Set(['--comment', '--log-prefix', '--nflog-prefix', '--name']);

export interface Change {
  readonly table: string;
  readonly command: string;
  /** Behind the command: its chain, then the rule. */
  readonly words: readonly string[];
  /** `-v`: what has been read is said. */
  readonly verbose: boolean;
}

/** `--append=INPUT`, `-AINPUT` and `-vA` in two words. */
function takenApart(word: string): readonly string[] {
  const [, flag, rest] = /^(-[vnxf])(?=[^-])(.*)$/s.exec(word) ?? [];
  if (flag !== undefined && rest !== undefined && !/^v*$/.test(rest)) return [flag, ...takenApart(`-${rest}`)];
  const [, long, value] = /^(--[a-z-]+)=(.*)$/s.exec(word) ?? [];
  if (long !== undefined && value !== undefined && (COMMANDS.has(long) || long === '--table')) return [long, value];
  const short = word.slice(0, 2);
  return word.length > 2 && (LETTERS.has(short) || short === '-t') ? [short, word.slice(2)] : [word];
}

const UNKNOWN = 'unknown arguments found on commandline';

/** Of a command line, what belongs to no rule. */
class CommandLine {
  table = 'filter';
  command: string | undefined = undefined;
  readonly operands: string[] = [];
  readonly rule: string[] = [];
  /** A listing, which changes nothing. */
  listing: string | undefined = undefined;
  verbosity = 0;
  readonly illegal = new Set<string>();
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  /** Reads all; the complaint about the first that is wrong. */
  read(): ToolResult | undefined {
    for (; this.#at < this.#words.length; this.#at += 1) {
      const problem = this.#word(this.#words[this.#at] ?? '');
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #word(word: string): ToolResult | undefined {
    if (TEXTS.has(this.#words[this.#at - 1] ?? '')) {
      this.rule.push(word);
      return undefined;
    }
    // getopt_long(): options end here.
    if (word === '--') return this.#at + 1 < this.#words.length ? wrongUse(UNKNOWN) : undefined;
    const letter = LETTERS.has(word) ? word : COMMANDS.get(word);
    const listed = LISTS[word];
    if (letter !== undefined) return this.#command(letter);
    if (listed !== undefined) return this.#list(listed);
    const next = this.#words[this.#at + 1];
    if (word === '!' && (next === '-v' || next === '--verbose')) return wrongUse('cannot have ! before -v');
    if (word === '-t' || word === '--table') return this.#table(word, next);
    if (word === '-w' || word === '--wait') this.#at += /^\d+$/.test(next ?? '') ? 1 : 0;
    else if (/^-v+$/.test(word) || word === '--verbose') this.verbosity += word === '--verbose' ? 1 : word.length - 1;
    else if (ILLEGAL[word] !== undefined) this.illegal.add(ILLEGAL[word]);
    else if (!WITHOUT_EFFECT.has(word)) this.rule.push(word);
    return undefined;
  }

  #table(written: string, name: string | undefined): ToolResult | undefined {
    if (name === undefined) return wrongUse(`option "${written}" requires an argument`);
    if (this.#words[this.#at - 1] === '!') return wrongUse('unexpected ! flag before --table');
    this.#at += 1;
    this.table = name;
    return undefined;
  }

  #list(listed: string): ToolResult | undefined {
    if (this.command !== undefined) return wrongUse(`Cannot use ${listed} with ${this.command}`);
    this.listing = listed;
    return undefined;
  }

  #command(letter: string): ToolResult | undefined {
    const other = this.command ?? this.listing;
    this.command ??= letter;
    if (other !== undefined) return wrongUse(`Cannot use ${letter} with ${other}`);
    const begins = letter === '-N' ? /^[-!]/.exec(this.#words[this.#at + 1] ?? '')?.[0] : undefined;
    if (begins !== undefined) return wrongUse(`chain name not allowed to start with \`${begins}'`);
    const most = OPERANDS[letter] ?? 0;
    for (
      let next = this.#words[this.#at + 1];
      next !== undefined && !/^[-!]/.test(next) && this.operands.length < most;
      next = this.#words[this.#at + 1]
    ) {
      // Behind a chain only a number belongs to the command of a rule.
      if (this.operands.length === 1 && '-D-I-R'.includes(letter) && !/^\d+$/.test(next))
        return wrongUse(`Invalid rule number \`${next}'`);
      this.operands.push(next);
      this.#at += 1;
    }
    if (this.operands.length === 1 && letter === '-P') return wrongUse('-P requires a chain and a policy');
    if (this.operands.length === 1 && letter === '-E') return wrongUse('-E requires old-chain-name and new-chain-name');
    return undefined;
  }
}

/** What is to be changed; undefined where the command line asks to be shown something. */
export function readChange(args: readonly string[]): Change | ToolResult | undefined {
  const line = new CommandLine(args.flatMap(takenApart));
  const problem = line.read();
  const { table, command, operands, rule, verbosity, illegal } = line;
  if (command === undefined) return undefined;
  if (problem !== undefined) return problem;
  const wrong = ILLEGAL_ORDER.find((letter) => illegal.has(letter));
  if (wrong !== undefined) return wrongUse(`Illegal option \`-${wrong}' with this command`);
  if (verbosity > 1) return failure(2, 'iptables: -vv shows what the kernel is given, which is not modelled');
  return { table, command, words: [...operands, ...rule], verbose: verbosity > 0 };
}

const quoted = (word: string): string =>
  /^[\w./:,+@%=!-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

/** What the kernel says, as nft_strerror() puts it; the rest is about the command line. */
const OF_THE_KERNEL = /^(?:Bad rule|Bad built-in chain|Chain already exists|Index of|Directory not empty)/;

/** Sentences of libxtables that end their line themselves. */
const WITH_NEWLINE =
  /^(?:Can't use -[io] with|Set .* doesn't exist\.$|log level ".*" unknown$|Port ".*" does not resolve)|: (?:bad integer value for option|option ".*" must be specified$)/;

/** nft_strerror(): what it makes of a chain that is missing depends on who asks for it. */
const MISSING_CHAIN: Readonly<Record<string, string>> = {
  '-C': 'Bad rule (does a matching rule exist in that chain?).',
  '-D': 'Bad rule (does a matching rule exist in that chain?).',
  '-P': 'Bad built-in chain name.',
};

function refusal({ message }: RestoreProblem, { command, words }: Change): ToolResult {
  if (message.startsWith('No chain/target')) {
    const byNumber = /^\d+$/.test(words[1] ?? '');
    return failure(1, `iptables: ${(byNumber ? undefined : MISSING_CHAIN[command]) ?? message}`);
  }
  if (command === '-E' && message.startsWith('Chain already exists')) return failure(1, 'iptables: File exists.');
  if (message.startsWith('Bad policy name'))
    return failure(1, `iptables: ${message} Run \`dmesg' for more information.`);
  if (OF_THE_KERNEL.test(message)) return failure(1, `iptables: ${message}`);
  if (/^\s*[A-Z_]+ failed \(/.test(message)) return failure(4, `${NAME}:  ${message.trim()}`);
  if (message.startsWith('Bad argument')) return failure(2, `${message}\n${TRY_HELP}`);
  return wrongUse(WITH_NEWLINE.test(message) ? `${message}\n` : message);
}

/** Commands of a rule, and whether the kernel is asked first. */
const TOLD: Readonly<Record<string, 'before' | 'after'>> = {
  '-A': 'before',
  '-I': 'before',
  '-R': 'before',
  '-C': 'after',
  '-D': 'after',
};

/** What the tool looks for before it says anything. */
const NOT_FOUND = /^Index of/;

/** With `-v`: the rule, or the chains that are emptied or deleted. */
function told({ netfilter }: Netns, table: TableName, { command, words }: Change): string {
  const [chain, number] = words;
  const named = [...(netfilter.iptables.table(table)?.ordered() ?? [])];
  if (TOLD[command] !== undefined) {
    const isNumbered = command !== '-A' && command !== '-C' && /^\d+$/.test(number ?? '');
    if (isNumbered && command === '-D' && words.length === 2) return '';
    const parts = netfilter.iptables.read(words.slice(isNumbered ? 2 : 1), { table, chain: chain ?? '' });
    return lines(parts.map(printedRule));
  }
  const chosen = chain === undefined ? named : named.filter(({ name }) => name === chain);
  if (command === '-F') return lines(chosen.map(({ name }) => `Flushing chain \`${name}'`));
  const user = chosen.filter(({ policy }) => policy === undefined);
  return command === '-X' ? lines(user.map(({ name }) => `Deleting chain \`${name}'`)) : '';
}

export function change(netns: Netns, table: TableName, wanted: Change): ToolResult {
  const { command, words, verbose } = wanted;
  const { iptables } = netns.netfilter;
  const missing = missingMatch(words);
  if (missing !== undefined) return wrongUse(`Couldn't load match \`${missing}':No such file or directory\n`);
  const { chains } = iptables.table(table) ?? {};
  const noTarget = missingTarget(words, (name) => chains?.has(name) === true);
  if (noTarget !== undefined) return wrongUse(noTarget);
  const line = [command, ...words.map(quoted)].join(' ');
  const said = verbose ? told(netns, table, wanted) : '';
  const problems = iptables.restore(`*${table}\n${line}\nCOMMIT\n`, { noflush: true });
  const wrong = problems.find(({ severity }) => severity === 'error');
  if (wrong !== undefined) {
    const refused = refusal(wrong, wanted);
    // What cannot be read is not told, and of a rule that is looked for nothing before it is found.
    const isTold = refused.exitCode !== 2 && TOLD[command] !== 'after' && !NOT_FOUND.test(wrong.message);
    return isTold ? { ...refused, stdout: said } : refused;
  }
  // What nobody knows here is kept, and a packet that comes to it is not judged.
  const unknown = problems.map(({ message }) => `iptables: ${message}\n`).join('');
  return { exitCode: 0, stdout: said, stderr: unknown };
}
