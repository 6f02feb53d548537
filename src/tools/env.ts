/** `env`, `printenv` of coreutils 9.1. A variable whose value nobody here knows is named on standard error. */

import type { Environment } from '../cluster/index.js';
import { environmentOf, failure, lines, type Run, type Tool, type ToolPlace, type ToolResult } from './tool.js';

const unknownOnes = (program: string, unresolved: ReadonlyMap<string, string>): readonly string[] =>
  [...unresolved].map(([name, from]) => `${program}: ${name} is not known here: ${from}`);

class Change {
  readonly variables: Map<string, string>;
  readonly unresolved: Map<string, string>;
  zero = false;

  constructor({ variables, unresolved }: Environment) {
    this.variables = new Map(variables);
    this.unresolved = new Map(unresolved);
  }

  clear(): void {
    this.variables.clear();
    this.unresolved.clear();
  }

  unset(name: string): void {
    this.variables.delete(name);
    this.unresolved.delete(name);
  }

  set(name: string, value: string): void {
    this.unset(name);
    this.variables.set(name, value);
  }
}

const TRY_HELP = "Try 'env --help' for more information.";

/** Takes the options that stand before everything else. */
function takeOptions(words: string[], change: Change): ToolResult | undefined {
  for (let word = words[0]; word?.startsWith('-') === true; word = words[0]) {
    words.shift();
    if (word === '--') return undefined;
    if (word === '-' || word === '-i' || word === '--ignore-environment') change.clear();
    else if (word === '-0' || word === '--null') change.zero = true;
    else if (word.startsWith('--unset=')) change.unset(word.slice('--unset='.length));
    else if (word.startsWith('-u') || word === '--unset') {
      const name = word.length > 2 && word !== '--unset' ? word.slice(2) : words.shift();
      if (name === undefined) return failure(125, `env: option requires an argument -- 'u'\n${TRY_HELP}`);
      change.unset(name);
    } else if (word.startsWith('--')) return failure(125, `env: unrecognized option '${word}'\n${TRY_HELP}`);
    else return failure(125, `env: invalid option -- '${word[1] ?? ''}'\n${TRY_HELP}`);
  }
  return undefined;
}

/** `env [-i] [-0] [-u NAME]... [NAME=VALUE]... [COMMAND [WORD]...]`. */
export function env(place: ToolPlace, args: readonly string[], run: Run, input = ''): ToolResult {
  const change = new Change(environmentOf(place));
  const command = [...args];
  const wrong = takeOptions(command, change);
  if (wrong !== undefined) return wrong;
  for (let word = command[0]; word?.includes('=') === true; word = command[0]) {
    command.shift();
    const [name = '', ...value] = word.split('=');
    change.set(name, value.join('='));
  }
  const { variables, unresolved, zero } = change;
  if (command.length > 0) {
    if (zero) return failure(125, `env: cannot specify --null (-0) with command\n${TRY_HELP}`);
    return run({ ...place, environment: { variables, unresolved } }, command, input);
  }
  return { exitCode: 0, stdout: printed(variables, zero), stderr: lines(unknownOnes('env', unresolved)) };
}

const printed = (variables: ReadonlyMap<string, string>, zero: boolean): string =>
  [...variables].map(([name, value]) => `${name}=${value}${zero ? '\0' : '\n'}`).join('');

/** `printenv [-0] [NAME]...`: values of those that are named, else all with their names. */
export const printenv: Tool = (place, args) => {
  const { variables, unresolved } = environmentOf(place);
  const zero = args[0] === '-0' || args[0] === '--null';
  const names = zero ? args.slice(1) : args;
  const wrong = names.find((name) => name.startsWith('-'));
  if (wrong !== undefined)
    return failure(2, `printenv: invalid option -- '${wrong[1] ?? ''}'\nTry 'printenv --help' for more information.`);
  if (names.length === 0)
    return { exitCode: 0, stdout: printed(variables, zero), stderr: lines(unknownOnes('printenv', unresolved)) };
  const end = zero ? '\0' : '\n';
  const asked = new Map([...unresolved].filter(([name]) => names.includes(name) && !variables.has(name)));
  return {
    exitCode: names.every((name) => variables.has(name)) ? 0 : 1,
    stdout: names.flatMap((name) => (variables.has(name) ? [`${variables.get(name) ?? ''}${end}`] : [])).join(''),
    stderr: lines(unknownOnes('printenv', asked)),
  };
};
