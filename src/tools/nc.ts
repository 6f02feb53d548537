/**
 * `nc [-4nNuvz] [-w S] HOST PORT[-PORT]...` of OpenBSD's netcat: which ports are open. Its standard input is at its end
 * from the start, as with `</dev/null`: without -z it connects, has nothing to send, and goes once nothing more comes.
 */

import { runConnection } from '../cluster/index.js';
import { ERRNO_TEXT, type Errno, NS_PER_S, portOfService, serviceOfPort } from '../kernel/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr, parseIpv4 } from '../packet/index.js';
import type { Outcome } from '../trace/index.js';
import { getopt, isBadOption } from './getopt.js';
import { resolve, resolveFailure, type Resolved } from './resolve.js';
import { failure, type Tool, type ToolPlace, type ToolResult } from './tool.js';

/** How long connect(2) takes to give up. */
const DEFAULT_WAIT_S = 130;
/** udptest(): four datagrams, a second apart. */
const UDP_WAIT_S = 4;

interface Ports {
  readonly first: number;
  readonly last: number;
}

/** strtoport(): a number, or the name of a service. */
function parsePort(text: string, protocol: string): number | ToolResult {
  const value = /^-?\d+$/.test(text) ? Number(text) : portOfService(text, protocol);
  if (value !== undefined && value >= 1 && value <= 65_535) return value;
  const why = value === undefined ? 'invalid' : value > 65_535 ? 'too large' : 'too small';
  return failure(1, `nc: port number ${why}: ${text}`);
}

/** build_ports(): a range begins with a digit, for names have dashes too. */
function parsePorts(text: string, protocol: string): Ports | ToolResult {
  const dash = /^\d/.test(text) ? text.indexOf('-') : -1;
  const from = parsePort(dash < 0 ? text : text.slice(0, dash), protocol);
  const to = dash < 0 ? from : parsePort(text.slice(dash + 1), protocol);
  if (typeof from === 'object') return from;
  if (typeof to === 'object') return to;
  return { first: Math.min(from, to), last: Math.max(from, to) };
}

interface Probe {
  readonly name: string;
  readonly destination: Ipv4Addr;
  readonly protocol: 'tcp' | 'udp';
  readonly waitS: number | undefined;
  readonly verbose: boolean;
  /** `-n`: no names. */
  readonly numeric: boolean;
}

/** Whether the port is open, and what is said of it. */
function probe({ netns }: ToolPlace, asked: Probe, port: number): { readonly open: boolean; readonly text: string } {
  const { name, destination, protocol, verbose, numeric } = asked;
  const wait = asked.waitS ?? (protocol === 'udp' ? UDP_WAIT_S : DEFAULT_WAIT_S);
  const outcome = runConnection({ netns, destination, port, protocol, timeoutNs: wait * NS_PER_S });
  const address = formatIpv4(destination);
  const who = name === address ? address : `${name} (${address})`;
  // A datagram that nobody refuses counts as taken.
  if (outcome.kind === 'answered' || (outcome.kind === 'silence' && protocol === 'udp')) {
    const service = (numeric ? undefined : serviceOfPort(port, protocol)) ?? '*';
    const text = verbose ? `Connection to ${who} ${port} port [${protocol}/${service}] succeeded!\n` : '';
    return { open: true, text };
  }
  // What is refused on its way is noticed by the next write, and nothing is said of it.
  if (!verbose || (protocol === 'udp' && !isUnroutable(outcome))) return { open: false, text: '' };
  const late = outcome.kind === 'silence' && asked.waitS !== undefined;
  const why = outcome.kind === 'silence' ? ERRNO_TEXT.ETIMEDOUT : outcomeText(outcome.note);
  const end = late ? 'timed out: Operation now in progress' : `failed: ${why}`;
  return { open: false, text: `nc: connect to ${who} port ${port} (${protocol}) ${end}\n` };
}

/** connect(2) itself fails. */
const isUnroutable = (outcome: Outcome): boolean =>
  outcome.kind === 'failed' &&
  (outcome.note === 'ENETUNREACH' || outcome.note === 'EHOSTUNREACH' || outcome.note === 'EACCES');

const isErrno = (text: string): text is Errno => Object.hasOwn(ERRNO_TEXT, text);
const outcomeText = (note: string): string => (isErrno(note) ? ERRNO_TEXT[note] : note);

const isRoutable = ({ netns }: ToolPlace, { destination }: Probe): boolean =>
  typeof netns.ipv4.route({ destination, source: INADDR_ANY }) !== 'string';

const USAGE = `usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]
\t  [-m minttl] [-O length] [-P proxy_username] [-p source_port]
\t  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]
\t  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]
\t  [destination] [port]`;

export const nc: Tool = (place, args) => {
  const given = getopt(args, '4klnNp:s:uvzw:');
  if (isBadOption(given)) return failure(1, `nc: ${given.problem}\n${USAGE}`);
  const { values, flags, rest } = given;
  if (flags.has('l'))
    return failure(
      2,
      'nc: -l: nobody connects while it listens, since each command ends before the next begins; a pod listens on the ports that its containers name',
    );
  const other = ['k', 'p', 's'].find((letter) => flags.has(letter) || values.has(letter));
  if (other !== undefined) return failure(2, `nc: -${other} is not offered here`);
  const [name, ...portTexts] = rest;
  const wait = values.get('w');
  if (wait !== undefined && !/^\d+$/.test(wait)) return failure(1, `nc: timeout invalid: ${wait}`);
  if (name === undefined) return failure(1, USAGE);
  if (portTexts.length === 0) return failure(1, 'nc: missing port number');
  const protocol = flags.has('u') ? 'udp' : 'tcp';
  const ranges: Ports[] = [];
  for (const text of portTexts) {
    const ports = parsePorts(text, protocol);
    if ('exitCode' in ports) return ports;
    ranges.push(ports);
  }
  const isName = flags.has('n') && parseIpv4(name) === undefined && !name.includes('/');
  const resolved: Resolved = isName ? { kind: 'failed', why: 'HOST_NOT_FOUND' } : resolve(place, name, 'nc');
  if (resolved.kind === 'failed')
    return failure(1, `nc: getaddrinfo for host "${name}" port ${ranges[0]?.first}: ${resolveFailure(resolved.why)}`);
  const asked: Probe = {
    name,
    destination: resolved.address,
    protocol,
    waitS: wait === undefined ? undefined : Number(wait),
    verbose: flags.has('v'),
    numeric: flags.has('n'),
  };
  // connect(2) of a datagram socket sends nothing, and who is not to tell of it does not try.
  const silent = protocol === 'udp' && !asked.verbose;
  let anyOpen = false;
  let stderr = '';
  for (const { first, last } of ranges) {
    for (let port = first; port <= last; port++) {
      const { open, text } = silent ? { open: isRoutable(place, asked), text: '' } : probe(place, asked, port);
      anyOpen ||= open;
      stderr += text;
    }
  }
  return { exitCode: anyOpen ? 0 : 1, stdout: '', stderr };
};
