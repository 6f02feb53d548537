/** `tee [-a] [FILE]...`: hands on what it reads. No file is written but those that keep nothing. */

import { getopt, isBadOption } from '../getopt.js';
import { failure, lines, type Tool } from '../tool.js';

export const tee: Tool = (_place, args, input = '') => {
  const given = getopt(args, 'aip');
  if (isBadOption(given)) return failure(1, `tee: ${given.problem}\nTry 'tee --help' for more information.`);
  const written = given.rest.filter((path) => !path.startsWith('/dev/'));
  const times = (path: string): string => input.repeat(given.rest.filter((one) => one === path).length);
  return {
    exitCode: written.length > 0 ? 1 : 0,
    stdout: input + times('/dev/stdout'),
    stderr: times('/dev/stderr') + lines(written.map((path) => `tee: ${path}: no file is written here`)),
  };
};
