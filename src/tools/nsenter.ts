/** `nsenter` of util-linux 2.38, into a network namespace that has a name; files stay those of the machine. */

import { orderedOptions, type LongOption } from './getopt.js';
import { environmentOf, failure, type Run, type ToolPlace, type ToolResult } from './tool.js';

const SHORT = 't:n::m::u::i::p::C::U::T::aFSGrwZ';
const LONG: readonly LongOption[] = [
  ['target', 't', 'value'],
  ['net', 'n', 'optional'],
  ['mount', 'm', 'optional'],
  ['uts', 'u', 'optional'],
  ['ipc', 'i', 'optional'],
  ['pid', 'p', 'optional'],
];
/** Where `ip netns add` and container runtimes keep namespaces. */
const NAMED = /^(?:\/var)?\/run\/netns\/([^/]+)$/;

/** Options end where the command begins. */
function split(args: readonly string[]): { readonly own: readonly string[]; readonly command: readonly string[] } {
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? '';
    if (word === '--') return { own: args.slice(0, at), command: args.slice(at + 1) };
    if (!word.startsWith('-')) return { own: args.slice(0, at), command: args.slice(at) };
    if (word === '-t' || word === '--target') at += 1;
  }
  return { own: args, command: [] };
}

/** `nsenter --net=/run/netns/NAME COMMAND`. */
export function nsenter(place: ToolPlace, args: readonly string[], run: Run, input = ''): ToolResult {
  const { own, command } = split(args);
  const { options, bad } = orderedOptions(own, { short: SHORT, long: LONG });
  if (bad !== undefined) return failure(1, `nsenter: invalid option -- '${bad.written}'`);
  if (options.some(({ letter }) => letter === 't'))
    return failure(
      2,
      'nsenter: processes have no numbers here: "ip netns" lists namespaces, and --net=/run/netns/NAME enters one',
    );
  const other = options.find(({ letter }) => letter !== 'n');
  if (other !== undefined) return failure(2, 'nsenter: only --net=/run/netns/NAME is offered here');
  const path = options.at(-1)?.value;
  if (path === undefined && options.length > 0)
    return failure(1, 'nsenter: neither filename nor target pid supplied for ns/net');
  const name = NAMED.exec(path ?? '')?.[1];
  const netns = path === undefined ? place.netns : place.netns.host.namedNetns(name ?? '');
  if (netns === undefined || (path !== undefined && name === undefined))
    return failure(1, `nsenter: cannot open ${path ?? ''}: No such file or directory`);
  return command.length === 0
    ? failure(2, 'nsenter: a command is needed: there is no shell to talk to')
    : run({ ...place, netns, pod: undefined, environment: environmentOf(place) }, command, input);
}
