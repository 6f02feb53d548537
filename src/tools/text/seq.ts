/** `seq [FIRST [STEP]] LAST` of coreutils 9.1, in whole numbers. */

import { getopt, isBadOption } from '../getopt.js';
import { failure, ok, type Tool } from '../tool.js';

const TRY_HELP = "Try 'seq --help' for more information.";
/** More than anybody looks at. */
const MOST = 1_000_000;

export const seq: Tool = (_place, args) => {
  // What begins like a number is none of its options.
  const first = args.findIndex((word) => /^-?\d/.test(word));
  const given = getopt(first < 0 ? args : args.slice(0, first), 's:w');
  if (isBadOption(given)) return failure(1, `seq: ${given.problem}\n${TRY_HELP}`);
  const words = [...given.rest, ...(first < 0 ? [] : args.slice(first))];
  if (words.length === 0) return failure(1, `seq: missing operand\n${TRY_HELP}`);
  if (words.length > 3) return failure(1, `seq: extra operand '${words[3]}'\n${TRY_HELP}`);
  const wrong = words.find((word) => !/^[-+]?\d+$/.test(word));
  if (wrong !== undefined && Number.isFinite(Number(wrong)) && wrong !== '')
    return failure(2, `seq: ${wrong}: only whole numbers are offered here`);
  if (wrong !== undefined) return failure(1, `seq: invalid floating point argument: '${wrong}'\n${TRY_HELP}`);
  const numbers = words.map(Number);
  const from = numbers.length > 1 ? (numbers[0] ?? 1) : 1;
  const step = numbers.length > 2 ? (numbers[1] ?? 1) : 1;
  const to = numbers.at(-1) ?? 1;
  if (step === 0) return failure(1, `seq: invalid Zero increment value: '${words[1]}'\n${TRY_HELP}`);
  const count = Math.max(Math.floor((to - from) / step) + 1, 0);
  if (count > MOST) return failure(2, `seq: more than ${MOST} numbers are not printed here`);
  const all = Array.from({ length: count }, (_, i) => String(from + i * step));
  const width = Math.max(0, ...all.map(({ length }) => length));
  const padded = given.flags.has('w')
    ? all.map((text) =>
        text.startsWith('-') ? `-${text.slice(1).padStart(width - 1, '0')}` : text.padStart(width, '0'),
      )
    : all;
  return ok(padded.length === 0 ? '' : `${padded.join(given.values.get('s') ?? '\n')}\n`);
};
