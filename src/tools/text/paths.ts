/** `basename` and `dirname` (coreutils). */

import { failure, lines, ok, type Tool } from '../tool.js';

const withoutSlashes = (path: string): string => path.replace(/(?<=.)\/+$/, '');

const lastName = (path: string, suffix: string): string => {
  const name = withoutSlashes(path).replace(/^.*\/(?=.)/s, '');
  return suffix !== '' && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
};

const folderOf = (path: string): string => {
  const clean = withoutSlashes(path);
  if (!clean.includes('/')) return '.';
  return withoutSlashes(clean.replace(/[^/]*$/, ''));
};

const wrong = (tool: string, problem: string) =>
  failure(1, `${tool}: ${problem}\nTry '${tool} --help' for more information.`);

/** `basename PATH [SUFFIX]`, `basename [-a] [-s SUFFIX] PATH...`. */
export const basename: Tool = (_place, args) => {
  const words = [...args];
  let suffix: string | undefined;
  let isMany = false;
  for (let word = words[0]; word !== undefined && /^-./.test(word); word = words[0]) {
    words.shift();
    if (word === '--') break;
    if (word === '-a' || word === '--multiple') isMany = true;
    else if (word === '-s') suffix = words.shift() ?? '';
    else if (word.startsWith('-s')) suffix = word.slice(2);
    else if (word.startsWith('--suffix=')) suffix = word.slice('--suffix='.length);
    else return wrong('basename', `invalid option -- '${word[1]}'`);
  }
  const [first, second, third] = words;
  if (first === undefined) return wrong('basename', 'missing operand');
  if (isMany || suffix !== undefined) return ok(lines(words.map((word) => lastName(word, suffix ?? ''))));
  if (third !== undefined) return wrong('basename', `extra operand '${third}'`);
  return ok(`${lastName(first, second ?? '')}\n`);
};

/** `dirname PATH...`. */
export const dirname: Tool = (_place, args) => {
  const words = args[0] === '--' ? args.slice(1) : args;
  const [first] = words;
  if (first === undefined) return wrong('dirname', 'missing operand');
  if (args[0] !== '--' && /^-./.test(first)) return wrong('dirname', `invalid option -- '${first[1]}'`);
  return ok(lines(words.map(folderOf)));
};
