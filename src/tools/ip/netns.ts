/** `ip netns`: the names of namespaces, and who is in them (ip/ipnetns.c). */

import { type Netns, Veth } from '../../kernel/index.js';
import { seenProcesses } from '../processes/seen.js';
import { failure, lines, ok, type ToolPlace, type ToolResult } from '../tool.js';
import { devicesOf } from './device.js';

const USAGE = `Usage:	ip netns list
	ip netns add NAME
	ip netns attach NAME PID
	ip netns set NAME NETNSID
	ip [-all] netns delete [NAME]
	ip netns identify [PID]
	ip netns pids NAME
	ip [-all] netns exec [NAME] cmd ...
	ip netns monitor
	ip netns list-id [target-nsid POSITIVE-INT] [nsid POSITIVE-INT]
NETNSID := auto | POSITIVE-INT`;
/** That of the program that asks. */
const SELF = 'self';

/** A namespace has a number where a device leads there from this one. */
export function netnsNumbers(netns: Netns): ReadonlyMap<Netns, number> {
  const numbers = new Map<Netns, number>();
  for (const dev of devicesOf(netns)) {
    const there = dev instanceof Veth ? dev.peer?.netns : undefined;
    if (there !== undefined && there !== netns && !numbers.has(there)) numbers.set(there, numbers.size);
  }
  return numbers;
}

/** Names are files of the machine: in a container there are none. */
const named = ({ netns, pod }: Pick<ToolPlace, 'netns' | 'pod'>): readonly Netns[] =>
  pod === undefined ? netns.host.namespaces.filter(({ name }) => name !== '') : [];

export function listNetns(place: Pick<ToolPlace, 'netns' | 'pod'>, isJson: boolean): ToolResult {
  const numbers = netnsNumbers(place.netns);
  const all = named(place);
  if (isJson)
    return ok(
      `${JSON.stringify(all.map((one) => (numbers.has(one) ? { name: one.name, id: numbers.get(one) } : { name: one.name })))}\n`,
    );
  return ok(lines(all.map((one) => (numbers.has(one) ? `${one.name} (id: ${numbers.get(one)})` : one.name))));
}

function identify(place: ToolPlace, [pid = SELF, extra]: readonly string[]): ToolResult {
  if (extra !== undefined) return failure(255, 'extra arguments specified');
  if (pid !== SELF && !/^\d+$/.test(pid)) return failure(255, `Specified string '${pid}' is not a pid`);
  const found = pid === SELF ? place : seenProcesses(place).find((one) => one.pid === Number(pid));
  if (found === undefined) return failure(1, 'Cannot open network namespace: No such file or directory');
  return ok(`${named(place).find((one) => one === found.netns)?.name ?? ''}\n`);
}

function pids(place: ToolPlace, [name, extra]: readonly string[]): ToolResult {
  if (name === undefined) return failure(255, 'No netns name specified');
  if (extra !== undefined) return failure(255, 'extra arguments specified');
  const netns = named(place).find((one) => one.name === name);
  if (netns === undefined) return failure(1, 'Cannot open network namespace: No such file or directory');
  const within = seenProcesses(place).filter((one) => one.netns === netns);
  return ok(lines(within.map(({ pid }) => String(pid))));
}

/** What is asked of them but for lists; undefined for what would change something. */
export function askNetns(place: ToolPlace, verb: string, args: readonly string[]): ToolResult | undefined {
  if (verb === 'identify') return identify(place, args);
  if (verb === 'pids') return pids(place, args);
  return verb === 'help' ? failure(255, USAGE) : undefined;
}
