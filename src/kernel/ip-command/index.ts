/**
 * `ip -batch` and `bridge -batch` for the virtual kernel: lines as people type them, carried out as netlink requests
 * with the kernel's own answers. What `podwire export netns` prints is read back by this.
 */

import type { Cause } from '../../trace/index.js';
import { KernelError } from '../errors.js';
import { NetlinkError } from '../fib/index.js';
import type { Netns } from '../netns.js';
import { address, neighbour } from './address.js';
import { bridgeLink, bridgeVlan, fdb } from './bridge.js';
import { link } from './link.js';
import { route } from './route.js';
import { rule } from './rule.js';
import { tunnel } from './tunnel.js';
import { beginningWith, CommandError, Words } from './words.js';

export { parseNeighbourState } from './address.js';
export { parseAddressWord, parseNumberWord, parsePrefixWord } from './address-text.js';

type Command = (netns: Netns, words: Words, because: readonly Cause[]) => void;

type Commands = ReadonlyMap<string, Command>;

/** Object → command, in iproute2's order: a beginning means the first that it could be. */
const IP: Commands = new Map([
  ['address', address],
  ['route', route],
  ['rule', rule],
  ['neighbor', neighbour],
  ['neighbour', neighbour],
  ['link', link],
  ['tunnel', tunnel],
  ['tunl', tunnel],
]);
const BRIDGE: Commands = new Map([
  ['link', bridgeLink],
  ['fdb', fdb],
  ['vlan', bridgeVlan],
]);

export interface IpProblem {
  /** Of the text, from 1. */
  readonly line: number;
  readonly command: string;
  readonly message: string;
}

/** One command, without the word `ip`; the sentence that the tool would print where it fails. */
export function runIpCommand(netns: Netns, line: string, because: readonly Cause[]): string | undefined {
  const given = line.split(/\s+/).filter((word) => word !== '');
  const program = given[0] === 'ip' || given[0] === 'bridge' ? given.shift() : 'ip';
  const object = given.shift() ?? '';
  const commands = program === 'bridge' ? BRIDGE : IP;
  const command = commands.get(beginningWith([...commands.keys()], object) ?? '');
  if (command === undefined) return `Object "${object}" is unknown, try "${program} help".`;
  try {
    command(netns, new Words(given, netns), because);
    return undefined;
  } catch (error) {
    if (error instanceof NetlinkError) return error.toIproute2();
    if (error instanceof KernelError) return `RTNETLINK answers: ${error.message}`;
    if (error instanceof CommandError) return error.message;
    throw error;
  }
}

/** Lines of `ip -batch`, each optionally with the word `ip` or `bridge` before it; `#` begins a comment. Goes on after errors. */
export function runIpBatch(netns: Netns, text: string, because: readonly Cause[]): IpProblem[] {
  return text.split('\n').flatMap((raw, i) => {
    const command = raw.replace(/#.*$/, '').trim();
    if (command === '') return [];
    const message = runIpCommand(netns, command, because);
    return message === undefined ? [] : [{ line: i + 1, command, message }];
  });
}
