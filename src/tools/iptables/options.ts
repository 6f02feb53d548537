/**
 * The command line of `iptables` 1.8.9 (iptables/xshared.c:do_parse()): getopt_long() takes options in any order, values
 * attached or behind, and the beginnings of long names.
 */

import { type LongOption, OptionCursor, type OrderedOption, orderedOptions, type WrongOption } from '../getopt.js';
import { IPTABLES_USAGE } from './usage.js';
import { failure, ok, type ToolResult } from '../tool.js';

export const IPTABLES_VERSION = 'v1.8.9 (nf_tables)';

export const NAME = `iptables ${IPTABLES_VERSION}`;

const SHORT = '-:A:C:D:R:I:L::S::M:F::Z::N:X::E:P:Vh::o:p:s:d:j:i:fbvw::W::nt:m:xc:g:46';

/** xtables-standalone's original_opts. */
const LONG: readonly LongOption[] = [
  ['append', 'A', 'value'],
  ['delete', 'D', 'value'],
  ['check', 'C', 'value'],
  ['insert', 'I', 'value'],
  ['replace', 'R', 'value'],
  ['list', 'L', 'optional'],
  ['list-rules', 'S', 'optional'],
  ['flush', 'F', 'optional'],
  ['zero', 'Z', 'optional'],
  ['new-chain', 'N', 'value'],
  ['delete-chain', 'X', 'optional'],
  ['rename-chain', 'E', 'value'],
  ['policy', 'P', 'value'],
  ['source', 's', 'value'],
  ['destination', 'd', 'value'],
  ['src', 's', 'value'],
  ['dst', 'd', 'value'],
  ['protocol', 'p', 'value'],
  ['in-interface', 'i', 'value'],
  ['jump', 'j', 'value'],
  ['table', 't', 'value'],
  ['match', 'm', 'value'],
  ['numeric', 'n', 'flag'],
  ['out-interface', 'o', 'value'],
  ['verbose', 'v', 'flag'],
  ['wait', 'w', 'optional'],
  ['wait-interval', 'W', 'optional'],
  ['exact', 'x', 'flag'],
  ['fragments', 'f', 'flag'],
  ['version', 'V', 'flag'],
  ['help', 'h', 'optional'],
  ['line-numbers', '0', 'flag'],
  ['modprobe', 'M', 'value'],
  ['set-counters', 'c', 'value'],
  ['goto', 'g', 'value'],
  ['ipv4', '4', 'flag'],
  ['ipv6', '6', 'flag'],
];

type Command = 'L' | 'S' | 'Z';

/** optflags[]: the order in which options are held against the command. */
const CHECKED = ['n', 's', 'd', 'p', 'j', 'v', 'x', 'i', 'o', '0', 'c', 'f'] as const;
/** commands_v_options[]. */
const TAKES: Readonly<Record<Command, string>> = { L: 'nvx0', S: 'v', Z: 'v' };
/** add_command(): -Z may stand beside a listing. */
const TOGETHER: Readonly<Record<Command, string>> = { L: 'Z', S: 'Z', Z: 'LS' };

export interface Asked {
  /** Undefined where counters are set to zero and nothing is listed. */
  readonly command: 'list' | 'rules' | undefined;
  /** `-Z`. */
  readonly zero: boolean;
  /** What is said before anything is done. */
  readonly warnings: string;
  readonly chain: string | undefined;
  /** From 1. */
  readonly position: number | undefined;
  readonly table: string;
  readonly numeric: boolean;
  readonly verbose: boolean;
  readonly exact: boolean;
  readonly numbered: boolean;
}

export const TRY_HELP = "Try `iptables -h' or 'iptables --help' for more information.";
/** xtables_error(PARAMETER_PROBLEM). */
export const wrongUse = (why: string): ToolResult => failure(2, `${NAME}: ${why}\n${TRY_HELP}`);

const optionProblem = ({ written, why }: WrongOption): string =>
  why === 'unknown' ? `unknown option "${written}"` : `option "${written}" requires an argument`;

/** What the options before have said. */
class Reader {
  readonly flags = new Set<string>();
  table = 'filter';
  readonly commands: Command[] = [];
  warnings = '';
  chain: string | undefined = undefined;
  position: number | undefined = undefined;
  readonly #options: OptionCursor;

  constructor(options: readonly OrderedOption[]) {
    this.#options = new OptionCursor(options);
  }

  /** xs_has_arg(): the word behind, where it is no option. */
  #word(): string | undefined {
    return this.#options.takeWord();
  }

  /** Reads all; the complaint about the first that is wrong. */
  read(): ToolResult | undefined {
    for (let one = this.#options.take(); one !== undefined; one = this.#options.take()) {
      const ended =
        one.letter === undefined
          ? failure(2, `Bad argument \`${one.value}'\n${TRY_HELP}`)
          : this.#option(one.letter, one.value, one.written);
      if (ended !== undefined) return ended;
    }
    return undefined;
  }

  #option(letter: string, value: string | undefined, written: string): ToolResult | undefined {
    switch (letter) {
      case 'L':
      case 'S':
      case 'Z':
        return this.#list(letter, value);
      case 'V':
        return ok(`${NAME}\n`);
      case 'h':
        return ok(IPTABLES_USAGE);
      case '6':
        return failure(2, TRY_HELP);
      case 't':
        this.table = value ?? '';
        return undefined;
      case 'w':
        this.flags.add('w');
        return /^\s*\+?\d/.test(value ?? this.#word() ?? '0') ? undefined : wrongUse('wait seconds not numeric');
      case 'W':
        return this.#waitInterval(value ?? this.#word());
      case 'c':
        this.#word();
        this.flags.add('c');
        return undefined;
      case 'g':
        this.flags.add('j');
        return undefined;
      default:
        // Read before, where its name is whole.
        if (/[A-Z]/.test(letter) && letter !== 'M') return wrongUse(`unknown option "${written}"`);
        this.flags.add(letter);
        return undefined;
    }
  }

  /** parse_wait_interval(), which nothing heeds any more. */
  #waitInterval(text: string | undefined): ToolResult | undefined {
    if (text === undefined) return wrongUse('wait interval value required');
    if (!/^\s*\+?\d+$/.test(text)) return wrongUse('wait interval not numeric');
    this.flags.add('W');
    this.warnings = 'Ignoring deprecated --wait-interval option.\n';
    return undefined;
  }

  /** add_command(), then the chain and the number of a rule. */
  #list(command: Command, value: string | undefined): ToolResult | undefined {
    const other = this.commands.find((one) => !TOGETHER[command].includes(one));
    if (other !== undefined) return wrongUse(`Cannot use -${command} with -${other}`);
    this.commands.push(command);
    const chain = value ?? this.#word();
    if (chain === undefined) return undefined;
    this.chain = chain;
    const position = this.#word();
    if (position === undefined) return undefined;
    if (!/^(?:0x[\da-f]+|\d+)$/i.test(position) || Number(position) === 0)
      return wrongUse(`Invalid rule number \`${position}'`);
    this.position = Number(position);
    return undefined;
  }
}

/** What is asked for, or what the tool says to it. */
export function readIptables(args: readonly string[]): Asked | ToolResult {
  const given = orderedOptions(args, { short: SHORT, long: LONG });
  const reader = new Reader(given.options);
  const ended = reader.read();
  if (ended !== undefined) return ended;
  if (given.bad !== undefined) return wrongUse(optionProblem(given.bad));
  if (given.rest.length > 0) return wrongUse('unknown arguments found on commandline');
  const { commands, chain, position, table, flags, warnings } = reader;
  if (flags.has('W') && !flags.has('w')) {
    const { stderr } = wrongUse('--wait-interval only makes sense with --wait\n');
    return { exitCode: 2, stdout: '', stderr: warnings + stderr };
  }
  if (commands.length === 0) return wrongUse('no command specified');
  const taken = commands.map((command) => TAKES[command]).join('');
  const illegal = CHECKED.find((letter) => flags.has(letter) && !taken.includes(letter));
  if (illegal !== undefined) return wrongUse(`Illegal option \`-${illegal}' with this command`);
  return {
    command: commands.includes('L') ? 'list' : commands.includes('S') ? 'rules' : undefined,
    zero: commands.includes('Z'),
    warnings,
    chain,
    position,
    table,
    numeric: flags.has('n'),
    verbose: flags.has('v'),
    exact: flags.has('x'),
    numbered: flags.has('0'),
  };
}
