/** `ipset` 7.17: what lists and tests. */

import { IpsetError, type IpsetTable } from '../kernel/index.js';
import { failure, ok, type Tool, type ToolResult } from './tool.js';

const NAME = 'ipset v7.17';
const HELP = "Try `ipset help' for more information.";

const wrong = (message: string): ToolResult => failure(2, `${NAME}: ${message}\n${HELP}`);

interface Asked {
  readonly words: readonly string[];
  readonly form: 'full' | 'names' | 'terse';
  readonly output: string;
}

const FLAGS: Readonly<Record<string, Asked['form'] | 'nothing'>> = {
  '-n': 'names',
  '-name': 'names',
  '--name': 'names',
  '-t': 'terse',
  '-terse': 'terse',
  '--terse': 'terse',
  '-s': 'nothing',
  '-sorted': 'nothing',
  '--sorted': 'nothing',
  '-q': 'nothing',
  '-quiet': 'nothing',
  '-r': 'nothing',
  '-resolve': 'nothing',
};

function read(args: readonly string[]): Asked {
  const words: string[] = [];
  let form: Asked['form'] = 'full';
  let output = 'plain';
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? '';
    const flag = Object.hasOwn(FLAGS, word) ? FLAGS[word] : undefined;
    if (word === '-o' || word === '-output' || word === '--output') {
      i += 1;
      output = args[i] ?? '';
    } else if (flag === undefined) words.push(word);
    else if (flag !== 'nothing') form = flag;
  }
  return { words, form, output };
}

const COMMANDS: Readonly<Record<string, 'list' | 'save' | 'test' | 'version'>> = {
  list: 'list',
  '-L': 'list',
  '--list': 'list',
  save: 'save',
  '-S': 'save',
  '--save': 'save',
  test: 'test',
  '-T': 'test',
  '--test': 'test',
  version: 'version',
  '-v': 'version',
  '-V': 'version',
  '--version': 'version',
};

const CHANGES: ReadonlySet<string> = new Set(['create', 'add', 'del', 'destroy', 'flush', 'rename', 'swap', 'restore']);

/** The tool warns on a terminal's behalf where it would have said nothing else. */
function test(sets: IpsetTable, [set = '', ...element]: readonly string[]): ToolResult {
  if (set === '') return wrong('Missing mandatory argument: setname');
  if (element.length === 0) return wrong('Missing second mandatory argument to command test');
  const stderr = sets.execute(['test', set, ...element]);
  return { exitCode: stderr.startsWith('Warning: ') ? 0 : 1, stdout: '', stderr };
}

function list(sets: IpsetTable, { words, form, output }: Asked): ToolResult {
  const [name, extra] = words;
  if (extra !== undefined) return wrong(`Unknown argument ${extra}`);
  if (output === 'save') return ok(sets.save(name));
  if (output === 'xml') return wrong('-o xml is not modelled');
  if (output !== 'plain') return wrong(`Syntax error: invalid output mode ${output}`);
  return ok(sets.list(name, form));
}

export const ipset: Tool = ({ netns }, args) => {
  const { words, ...asked } = read(args);
  const [command = '', ...rest] = words;
  if (command === '') return wrong('No command specified.');
  if (CHANGES.has(command)) return failure(2, `${NAME}: ${command}: only what shows is offered here`);
  const kind = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  try {
    switch (kind) {
      case 'version':
        return ok(`${NAME}, protocol version: 7\n`);
      case 'test':
        return test(netns.ipsets, rest);
      case 'save':
        return list(netns.ipsets, { ...asked, words: rest, output: 'save' });
      case 'list':
        return list(netns.ipsets, { ...asked, words: rest });
      default:
        return wrong(`No command specified: unknown argument ${command}`);
    }
  } catch (error) {
    if (!(error instanceof IpsetError)) throw error;
    return failure(1, `${NAME}: ${error.message}`);
  }
};
