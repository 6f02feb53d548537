/**
 * `iptables -A`, `-C`, `-D`, `-I`, `-R`, `-N`, `-X`, `-F`, `-E` and `-P`: one line of iptables-restore, committed at once.
 * What is changed lasts as long as the emulated cluster.
 */

import type { Netns, RestoreProblem } from '../kernel/index.js';
import type { TableName } from '../trace/index.js';
import { NAME, TRY_HELP, wrongUse } from './iptables-options.js';
import { missingMatch, missingTarget } from './iptables-extensions.js';
import { failure, type ToolResult } from './tool.js';

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
const WITHOUT_EFFECT = new Set([
  '-v',
  '--verbose',
  '-n',
  '--numeric',
  '-x',
  '--exact',
  '-4',
  '--ipv4',
  '--line-numbers',
]);

export interface Change {
  readonly table: string;
  readonly command: string;
  /** Behind the command: its chain, then the rule. */
  readonly words: readonly string[];
}

/** `--append=INPUT` and `-AINPUT` in two words. */
function takenApart(word: string): readonly string[] {
  const [, long, value] = /^(--[a-z-]+)=(.*)$/s.exec(word) ?? [];
  if (long !== undefined && value !== undefined && (COMMANDS.has(long) || long === '--table')) return [long, value];
  const short = word.slice(0, 2);
  return word.length > 2 && (LETTERS.has(short) || short === '-t') ? [short, word.slice(2)] : [word];
}

/** What is to be changed; undefined where the command line asks to be shown something. */
export function readChange(args: readonly string[]): Change | ToolResult | undefined {
  const all = args.flatMap(takenApart);
  let table = 'filter';
  let command: string | undefined;
  const operands: string[] = [];
  const rule: string[] = [];
  for (let i = 0; i < all.length; i++) {
    const word = all[i] ?? '';
    const letter = LETTERS.has(word) ? word : COMMANDS.get(word);
    if (letter !== undefined) {
      if (command !== undefined) return wrongUse(`Cannot use ${letter} with ${command}`);
      command = letter;
      const begins = letter === '-N' ? /^[-!]/.exec(all[i + 1] ?? '')?.[0] : undefined;
      if (begins !== undefined) return wrongUse(`chain name not allowed to start with \`${begins}'`);
      const most = OPERANDS[letter] ?? 0;
      for (
        let next = all[i + 1];
        next !== undefined && !/^[-!]/.test(next) && operands.length < most;
        next = all[i + 1]
      ) {
        // Behind a chain only a number belongs to the command of a rule.
        if (operands.length === 1 && '-D-I-R'.includes(letter) && !/^\d+$/.test(next))
          return wrongUse(`Invalid rule number \`${next}'`);
        operands.push(next);
        i += 1;
      }
    } else if (word === '-t' || word === '--table') {
      i += 1;
      table = all[i] ?? '';
    } else if (word === '-w' || word === '--wait') {
      if (/^\d+$/.test(all[i + 1] ?? '')) i += 1;
    } else if (!WITHOUT_EFFECT.has(word)) rule.push(word);
  }
  return command === undefined ? undefined : { table, command, words: [...operands, ...rule] };
}

const quoted = (word: string): string =>
  /^[\w./:,+@%=!-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

/** What the kernel says, as nft_strerror() puts it; the rest is about the command line. */
const OF_THE_KERNEL = /^(?:Bad rule|Bad built-in chain|Chain already exists|Index of)/;

/** Sentences of libxtables that end their line themselves. */
const WITH_NEWLINE =
  /^(?:Can't use -[io] with|log level ".*" unknown$|Port ".*" does not resolve)|: (?:bad integer value for option|option ".*" must be specified$)/;

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

export function change({ netfilter }: Netns, table: TableName, wanted: Change): ToolResult {
  const { command, words } = wanted;
  const missing = missingMatch(words);
  if (missing !== undefined) return wrongUse(`Couldn't load match \`${missing}':No such file or directory\n`);
  const { chains } = netfilter.iptables.table(table) ?? {};
  const noTarget = missingTarget(words, (name) => chains?.has(name) === true);
  if (noTarget !== undefined) return wrongUse(noTarget);
  const line = [command, ...words.map(quoted)].join(' ');
  const problems = netfilter.iptables.restore(`*${table}\n${line}\nCOMMIT\n`, { noflush: true });
  const wrong = problems.find(({ severity }) => severity === 'error');
  if (wrong !== undefined) return refusal(wrong, wanted);
  // What nobody knows here is kept, and a packet that comes to it is not judged.
  const unknown = problems.map(({ message }) => `iptables: ${message}\n`).join('');
  return { exitCode: 0, stdout: '', stderr: unknown };
}
