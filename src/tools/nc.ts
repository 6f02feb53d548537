/**
 * `nc [-4nNuvz] [-w S] HOST PORT[-PORT]` of OpenBSD's netcat: which ports are open. Its standard input is at its end
 * from the start, as with `</dev/null`: without -z it connects, has nothing to send, and goes once nothing more comes.
 */

import { runConnection } from '../cluster/index.js';
import { ERRNO_TEXT, type Errno, NS_PER_S } from '../kernel/index.js';
import { formatIpv4, type Ipv4Addr } from '../packet/index.js';
import { getopt, isBadOption } from './getopt.js';
import { resolve, resolveFailure } from './resolve.js';
import { failure, type Tool, type ToolPlace, type ToolResult } from './tool.js';

/** How long connect(2) takes to give up. */
const DEFAULT_WAIT_S = 130;
/** udptest(): four datagrams, a second apart. */
const UDP_WAIT_S = 4;

interface Ports {
  readonly first: number;
  readonly last: number;
}

function parsePorts(text: string): Ports | ToolResult {
  const [first = '', last = first] = text.split('-', 2);
  for (const port of [first, last]) {
    const value = /^\d+$/.test(port) ? Number(port) : 0;
    if (value >= 1 && value <= 65_535) continue;
    const why = !/^-?\d+$/.test(port) ? 'invalid' : value > 65_535 ? 'too large' : 'too small';
    return failure(1, `nc: port number ${why}: ${port}`);
  }
  const [from = 0, to = 0] = [Number(first), Number(last)].sort((x, y) => x - y);
  return { first: from, last: to };
}

interface Probe {
  readonly name: string;
  readonly destination: Ipv4Addr;
  readonly protocol: 'tcp' | 'udp';
  readonly waitS: number | undefined;
  readonly verbose: boolean;
}

/** Whether the port is open, and what is said of it. */
function probe({ netns }: ToolPlace, asked: Probe, port: number): { readonly open: boolean; readonly text: string } {
  const { name, destination, protocol, verbose } = asked;
  const wait = asked.waitS ?? (protocol === 'udp' ? UDP_WAIT_S : DEFAULT_WAIT_S);
  const outcome = runConnection({ netns, destination, port, protocol, timeoutNs: wait * NS_PER_S });
  const address = formatIpv4(destination);
  const who = name === address ? address : `${name} (${address})`;
  // A datagram that nobody refuses counts as taken.
  if (outcome.kind === 'answered' || (outcome.kind === 'silence' && protocol === 'udp')) {
    return { open: true, text: verbose ? `Connection to ${who} ${port} port [${protocol}/*] succeeded!\n` : '' };
  }
  // A refused one is noticed by the next write, and nothing is said of it.
  if (!verbose || protocol === 'udp') return { open: false, text: '' };
  const late = outcome.kind === 'silence' && asked.waitS !== undefined;
  const why = outcome.kind === 'silence' ? ERRNO_TEXT.ETIMEDOUT : outcomeText(outcome.note);
  const end = late ? 'timed out: Operation now in progress' : `failed: ${why}`;
  return { open: false, text: `nc: connect to ${who} port ${port} (${protocol}) ${end}\n` };
}

const isErrno = (text: string): text is Errno => Object.hasOwn(ERRNO_TEXT, text);
const outcomeText = (note: string): string => (isErrno(note) ? ERRNO_TEXT[note] : note);

export const nc: Tool = (place, args) => {
  const given = getopt(args, '4nNuvzw:');
  if (isBadOption(given)) return failure(1, `nc: ${given.problem}`);
  const { values, flags, rest } = given;
  const [name, portText] = rest;
  if (name === undefined || portText === undefined)
    return failure(1, 'usage: nc [-46nuvz] [-w timeout] [destination] [port]');
  const resolved = resolve(place, name, 'nc');
  if (resolved.kind === 'failed')
    return failure(1, `nc: getaddrinfo for host "${name}" port ${portText}: ${resolveFailure(resolved.why)}`);
  const ports = parsePorts(portText);
  if ('exitCode' in ports) return ports;
  const wait = values.get('w');
  if (wait !== undefined && !/^\d+$/.test(wait)) return failure(1, `nc: timeout invalid: ${wait}`);
  const asked: Probe = {
    name,
    destination: resolved.address,
    protocol: flags.has('u') ? 'udp' : 'tcp',
    waitS: wait === undefined ? undefined : Number(wait),
    verbose: flags.has('v'),
  };
  // connect(2) of a datagram socket sends nothing, and there is nothing to send.
  if (asked.protocol === 'udp' && !flags.has('z')) return { exitCode: 0, stdout: '', stderr: '' };
  let anyOpen = false;
  let stderr = '';
  for (let port = ports.first; port <= ports.last; port++) {
    const { open, text } = probe(place, asked, port);
    anyOpen ||= open;
    stderr += text;
  }
  return { exitCode: anyOpen ? 0 : 1, stdout: '', stderr };
};
