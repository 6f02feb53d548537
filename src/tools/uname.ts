/** `uname` of coreutils 9.1. The kernel is that which the kubelet has told of, else that which this one is held to. */

import { type LongOption, orderedOptions } from './getopt.js';
import { failure, ok, type Tool } from './tool.js';

const LONG: readonly LongOption[] = [
  ['all', 'a', 'flag'],
  ['kernel-name', 's', 'flag'],
  ['nodename', 'n', 'flag'],
  ['kernel-release', 'r', 'flag'],
  ['kernel-version', 'v', 'flag'],
  ['machine', 'm', 'flag'],
  ['processor', 'p', 'flag'],
  ['hardware-platform', 'i', 'flag'],
  ['operating-system', 'o', 'flag'],
];

const RELEASE = '6.18.0-podwire';
const VERSION = '#1 SMP PREEMPT_DYNAMIC';
/** UTS_MACHINE by GOARCH, which the kubelet tells. */
const MACHINES: Readonly<Record<string, string>> = {
  '': 'x86_64',
  '386': 'i686',
  amd64: 'x86_64',
  arm: 'armv7l',
  arm64: 'aarch64',
};
const TRY_HELP = "Try 'uname --help' for more information.";

export const uname: Tool = ({ cluster, netns, pod }, args) => {
  const { options, rest, bad } = orderedOptions(args, { short: 'asnrvmpio', long: LONG });
  if (bad !== undefined) {
    const what = bad.written.startsWith('--')
      ? `unrecognized option '${bad.written}'`
      : `invalid option -- '${bad.written.at(-1) ?? ''}'`;
    return failure(1, `uname: ${what}\n${TRY_HELP}`);
  }
  const [extra] = [...options.flatMap(({ letter, value }) => (letter === undefined ? [value] : [])), ...rest];
  if (extra !== undefined) return failure(1, `uname: extra operand '${extra}'\n${TRY_HELP}`);
  const { release, architecture } = cluster.programs.kernel(netns.host);
  const letters = new Set(options.map(({ letter }) => letter));
  const fields: readonly (readonly [letter: string, text: string])[] = [
    ['s', 'Linux'],
    ['n', cluster.programs.hostname(netns.host, pod)],
    ['r', release || RELEASE],
    ['v', VERSION],
    ['m', MACHINES[architecture] ?? architecture],
    // Not known, and left out of everything.
    ...(letters.has('a')
      ? []
      : ([
          ['p', 'unknown'],
          ['i', 'unknown'],
        ] as const)),
    ['o', 'GNU/Linux'],
  ];
  const shown = fields.filter(([letter]) => letters.has('a') || letters.has(letter));
  return ok(`${shown.length === 0 ? 'Linux' : shown.map(([, text]) => text).join(' ')}\n`);
};
