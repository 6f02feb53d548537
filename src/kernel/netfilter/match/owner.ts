/** `-m owner`: who made a local packet; net/netfilter/xt_owner.c:owner_mt(). */

import { type MatchKind, RuleError } from '../extension.js';
import { formatPortRange, type Options, parseUnsigned, type PortRange } from '../options.js';

const IDS = ['--uid-owner', '--gid-owner'] as const;
const OPTIONS = ['--socket-exists', ...IDS] as const;

/** `0`, `1000-2000`, `root`. Differs: no other user name is known. */
function parseIds(options: Options, name: '--uid-owner' | '--gid-owner'): PortRange | undefined {
  const text = options.text(name);
  if (text === undefined) return undefined;
  if (text === 'root') return { first: 0, last: 0 };
  const [from = '', to = from] = text.split('-');
  const first = parseUnsigned(from);
  const last = parseUnsigned(to);
  if (first === undefined || last === undefined || first > last) {
    throw new RuleError(`owner: Bad value for "${name}" option: "${text}"`);
  }
  return { first, last };
}

const within = (id: number, { first, last }: PortRange): boolean => id >= first && id <= last;

export const owner = {
  options: {
    '--uid-owner': { invertible: true },
    '--gid-owner': { invertible: true },
    '--socket-exists': { arguments: 0, invertible: true },
    '--suppl-groups': { arguments: 0 },
  },
  pure: true,
  hooks: ['output', 'postrouting'],
  parse(options) {
    const uids = parseIds(options, '--uid-owner');
    const gids = parseIds(options, '--gid-owner');
    if (!OPTIONS.some((name) => options.has(name)))
      throw new RuleError('owner: At least one of --uid-owner, --gid-owner or --socket-exists is required');
    return {
      matches({ skb, netns }) {
        const { socket } = skb;
        if (socket === undefined || socket.detached === true || socket.netns !== netns) {
          return OPTIONS.every((name) => !options.has(name) || options.inverted(name));
        }
        if (options.inverted('--socket-exists')) return false;
        // The kernel's own sockets have no file, and so no owner.
        const { uid, gid } = socket;
        if (uid === undefined || gid === undefined)
          return IDS.every((name) => !options.has(name) || options.inverted(name));
        if (uids !== undefined && within(uid, uids) === options.inverted('--uid-owner')) return false;
        return gids === undefined || within(gid, gids) !== options.inverted('--gid-owner');
      },
      toString: () =>
        [
          ...(options.has('--socket-exists') ? [`${options.bang('--socket-exists')}--socket-exists`] : []),
          ...(uids === undefined ? [] : [`${options.bang('--uid-owner')}--uid-owner ${formatPortRange(uids, '-')}`]),
          ...(gids === undefined ? [] : [`${options.bang('--gid-owner')}--gid-owner ${formatPortRange(gids, '-')}`]),
          ...(options.has('--suppl-groups') ? ['--suppl-groups'] : []),
        ].join(' '),
    };
  },
} satisfies MatchKind;
