/** `id` and `whoami` of coreutils 9.1. Whoever is here is root, as with `kubectl exec` where a container says nothing else. */

import { getopt, isBadOption } from './getopt.js';
import { failure, ok, type Tool } from './tool.js';

export const id: Tool = (_place, args) => {
  const given = getopt(args, 'ugGnr');
  if (isBadOption(given)) return failure(1, `id: ${given.problem}\nTry 'id --help' for more information.`);
  const { flags, rest } = given;
  const other = rest.find((name) => name !== 'root' && name !== '0');
  if (other !== undefined) return failure(1, `id: '${other}': no such user`);
  if (!['u', 'g', 'G'].some((letter) => flags.has(letter))) {
    if (flags.has('n') || flags.has('r'))
      return failure(1, 'id: cannot print only names or real IDs in default format');
    return ok('uid=0(root) gid=0(root) groups=0(root)\n');
  }
  return ok(flags.has('n') ? 'root\n' : '0\n');
};

export const whoami: Tool = (_place, args) =>
  args.length === 0
    ? ok('root\n')
    : failure(1, `whoami: extra operand '${args[0]}'\nTry 'whoami --help' for more information.`);
