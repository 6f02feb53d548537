/** `ping`, `traceroute` and `nc -z`: tools that send packets. Time is the emulation's. */

import { runConnection } from '../cluster/index.js';
import { ERRNO_TEXT, type Errno, type Netns, NS_PER_MS, NS_PER_S } from '../kernel/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr } from '../packet/index.js';
import { resolve, resolveFailure } from './resolve.js';
import { failure, lines, ok, type Tool, type ToolPlace } from './tool.js';

/** Options with a value, the others, and what is left. */
function parse(
  args: readonly string[],
  withValue: readonly string[],
): { values: ReadonlyMap<string, string>; flags: ReadonlySet<string>; rest: string[] } {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  const rest: string[] = [];
  for (let i = 0; i < args.length; i += 1) {
    const word = args[i] ?? '';
    if (withValue.includes(word)) {
      values.set(word, args[i + 1] ?? '');
      i += 1;
    } else if (word.startsWith('-')) flags.add(word);
    else rest.push(word);
  }
  return { values, flags, rest };
}

const milliseconds = (ns: number): string => {
  const ms = ns / NS_PER_MS;
  return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms >= 1 ? ms.toFixed(2) : ms.toFixed(3);
};

const number = (text: string | undefined, fallback: number): number => {
  const value = Number(text);
  return text === undefined || !Number.isFinite(value) || value < 0 ? fallback : value;
};

type Echo =
  | { readonly kind: 'reply'; readonly from: Ipv4Addr; readonly ttl: number; readonly timeNs: number }
  | {
      readonly kind: 'error';
      readonly from: Ipv4Addr;
      readonly text: string;
      readonly type: number;
      readonly timeNs: number;
    }
  | { readonly kind: 'silence' }
  | { readonly kind: 'failed'; readonly errno: Errno };

/** ping's words for an ICMP error (iputils ping_common.c:pr_icmph()). */
function icmpText(type: number, code: number, mtu: number): string {
  if (type === 11) return code === 0 ? 'Time to live exceeded' : 'Frag reassembly time exceeded';
  if (type !== 3) return `Bad ICMP type: ${type}`;
  const UNREACHABLE: Readonly<Record<number, string>> = {
    0: 'Destination Net Unreachable',
    1: 'Destination Host Unreachable',
    2: 'Destination Protocol Unreachable',
    3: 'Destination Port Unreachable',
    4: `Frag needed and DF set (mtu = ${mtu})`,
    9: 'Destination Net Prohibited',
    10: 'Destination Host Prohibited',
    13: 'Packet filtered',
  };
  return UNREACHABLE[code] ?? `Dest Unreachable, Bad Code: ${code}`;
}

interface EchoRequest {
  readonly netns: Netns;
  readonly destination: Ipv4Addr;
  readonly sequence: number;
  readonly size: number;
  readonly ttl: number | undefined;
  readonly timeoutNs: number;
  readonly pathMtuDiscovery?: PathMtuDiscovery;
}

function sendEcho(request: EchoRequest): Echo {
  const { netns, destination, sequence, size, pathMtuDiscovery } = request;
  const { emulation } = netns;
  const socket = netns.sockets.ping(pathMtuDiscovery === undefined ? {} : { pathMtuDiscovery });
  const start = emulation.clock.nowNs;
  const answers: Echo[] = [];
  socket.onReply = ({ source, ttl }) =>
    answers.push({ kind: 'reply', from: source, ttl, timeNs: emulation.clock.nowNs - start });
  socket.onIcmpError = ({ type, code, from, mtu }) =>
    answers.push({ kind: 'error', from, text: icmpText(type, code, mtu), type, timeNs: emulation.clock.nowNs - start });
  const payload = Uint8Array.from({ length: size }, (_, i) => i & 0xff);
  const errno = socket.send({
    destination,
    sequence,
    payload,
    ...(request.ttl === undefined ? {} : { ttl: request.ttl }),
  });
  if (errno === undefined) emulation.run(() => answers.length > 0, start + request.timeoutNs);
  socket.close();
  const [first] = answers;
  return errno === undefined ? (first ?? { kind: 'silence' }) : { kind: 'failed', errno };
}

const errnoText = (errno: Errno): string => ERRNO_TEXT[errno];

/** `-M`, or undefined for what ping does unasked. */
type PathMtuDiscovery = 'do' | 'dont' | 'want' | 'probe';
const PMTU_HINTS: readonly PathMtuDiscovery[] = ['do', 'dont', 'want', 'probe'];

/** A message that does not fit: the socket's error queue tells ping how much does (iputils ping.c:receive_error_msg()). */
function tooLong(netns: Netns, destination: Ipv4Addr): string {
  const route = netns.ipv4.route({ destination, source: INADDR_ANY });
  return `ping: local error: message too long, mtu=${typeof route === 'string' ? 0 : route.mtu}`;
}

export const ping: Tool = (place, args) => {
  const { netns } = place;
  const { values, rest } = parse(args, ['-c', '-s', '-W', '-t', '-i', '-M', '-w']);
  const [name = ''] = rest;
  const resolved = resolve(place, name, 'ping');
  if (resolved.kind === 'failed') return failure(2, `ping: ${name}: ${resolveFailure(resolved.why)}`);
  const destination = resolved.address;
  const count = number(values.get('-c'), 3);
  const size = number(values.get('-s'), 56);
  const ttl = values.has('-t') ? number(values.get('-t'), 64) : undefined;
  const hint = values.get('-M');
  const pathMtuDiscovery = PMTU_HINTS.find((one) => one === hint);
  if (hint !== undefined && pathMtuDiscovery === undefined) return failure(1, `ping: invalid -M argument: ${hint}`);
  const complaints: string[] = [];
  const rows = [`PING ${name} (${formatIpv4(destination)}) ${size}(${size + 28}) bytes of data.`];
  const times: number[] = [];
  let errors = 0;
  const started = netns.emulation.clock.nowNs;
  for (let sequence = 1; sequence <= count; sequence += 1) {
    const sentNs = netns.emulation.clock.nowNs;
    const echo = sendEcho({
      netns,
      destination,
      sequence,
      size,
      ttl,
      timeoutNs: number(values.get('-W'), 10) * NS_PER_S,
      ...(pathMtuDiscovery === undefined ? {} : { pathMtuDiscovery }),
    });
    if (echo.kind === 'failed' && echo.errno === 'EMSGSIZE') {
      errors += 1;
      complaints.push(tooLong(netns, destination));
    } else if (echo.kind === 'failed')
      return failure(2, `ping: ${echo.errno === 'ENETUNREACH' ? 'connect' : 'sendmsg'}: ${errnoText(echo.errno)}`);
    if (echo.kind === 'reply') {
      times.push(echo.timeNs);
      rows.push(
        `${size + 8} bytes from ${formatIpv4(echo.from)}: icmp_seq=${sequence} ttl=${echo.ttl} time=${milliseconds(echo.timeNs)} ms`,
      );
    } else if (echo.kind === 'error') {
      errors += 1;
      rows.push(`From ${formatIpv4(echo.from)} icmp_seq=${sequence} ${echo.text}`);
    }
    const nextNs = sentNs + number(values.get('-i'), 1) * NS_PER_S;
    if (sequence < count && netns.emulation.clock.nowNs < nextNs)
      netns.emulation.advance(nextNs - netns.emulation.clock.nowNs);
  }
  rows.push(
    '',
    `--- ${name} ping statistics ---`,
    summary({ count, received: times.length, errors, elapsedNs: netns.emulation.clock.nowNs - started }),
  );
  if (times.length > 0) rows.push(spread(times));
  return { exitCode: times.length > 0 ? 0 : 1, stdout: lines(rows), stderr: lines(complaints) };
};

function summary({
  count,
  received,
  errors,
  elapsedNs,
}: {
  count: number;
  received: number;
  errors: number;
  elapsedNs: number;
}): string {
  const lost = Math.round(((count - received) / count) * 100);
  const withErrors = errors === 0 ? '' : `, +${errors} errors`;
  return `${count} packets transmitted, ${received} received${withErrors}, ${lost}% packet loss, time ${Math.floor(elapsedNs / NS_PER_MS)}ms`;
}

function spread(times: readonly number[]): string {
  const ms = times.map((ns) => ns / NS_PER_MS);
  const mean = ms.reduce((a, b) => a + b, 0) / ms.length;
  const deviation = Math.sqrt(ms.reduce((sum, one) => sum + (one - mean) ** 2, 0) / ms.length);
  return `rtt min/avg/max/mdev = ${Math.min(...ms).toFixed(3)}/${mean.toFixed(3)}/${Math.max(...ms).toFixed(3)}/${deviation.toFixed(3)} ms`;
}

const FIRST_PORT = 33_434;

interface Probe {
  readonly netns: Netns;
  readonly destination: Ipv4Addr;
  readonly ttl: number;
  readonly number: number;
  readonly timeoutNs: number;
}

/** A UDP datagram to a port where nobody listens, as traceroute sends them. */
function sendUdpProbe({ netns, destination, ttl, number: index, timeoutNs }: Probe): Echo {
  const { emulation } = netns;
  const socket = netns.sockets.udp();
  const start = emulation.clock.nowNs;
  const answers: Echo[] = [];
  socket.onIcmpError = ({ type, code, from, mtu }) =>
    answers.push({ kind: 'error', from, text: icmpText(type, code, mtu), type, timeNs: emulation.clock.nowNs - start });
  const errno = socket.sendTo(new Uint8Array(32), destination, FIRST_PORT + index, { ttl });
  if (errno === undefined) emulation.run(() => answers.length > 0, start + timeoutNs);
  socket.close();
  const [first] = answers;
  return errno === undefined ? (first ?? { kind: 'silence' }) : { kind: 'failed', errno };
}

export const traceroute: Tool = (place, args) => {
  const { netns } = place;
  const { values, flags, rest } = parse(args, ['-m', '-q', '-w']);
  const [name = ''] = rest;
  const resolved = resolve(place, name, 'traceroute');
  if (resolved.kind === 'failed') return failure(2, `${name}: ${resolveFailure(resolved.why)}`);
  const destination = resolved.address;
  const maxTtl = number(values.get('-m'), 30);
  const queries = number(values.get('-q'), 3);
  const timeoutNs = number(values.get('-w'), 5) * NS_PER_S;
  const rows = [`traceroute to ${name} (${formatIpv4(destination)}), ${maxTtl} hops max, 60 byte packets`];
  let silent = 0;
  for (let ttl = 1; ttl <= maxTtl && silent < 5; ttl += 1) {
    const probes = Array.from({ length: queries }, (_, i): Echo => {
      const probe = { netns, destination, ttl, number: (ttl - 1) * queries + i, timeoutNs };
      return flags.has('-I') ? sendEcho({ ...probe, sequence: probe.number + 1, size: 32 }) : sendUdpProbe(probe);
    });
    rows.push(`${String(ttl).padStart(2)} ${hopText(probes)}`);
    silent = probes.every(({ kind }) => kind === 'silence') ? silent + 1 : 0;
    if (
      probes.some(
        (echo) => echo.kind === 'reply' || (echo.kind === 'error' && echo.type !== 11) || echo.kind === 'failed',
      )
    )
      break;
  }
  return ok(lines(rows));
};

/** Names are only printed when they change from one probe to the next. */
function hopText(probes: readonly Echo[]): string {
  let last: Ipv4Addr | undefined;
  return probes
    .map((echo) => {
      if (echo.kind === 'silence') return ' *';
      if (echo.kind === 'failed') return ` !${echo.errno}`;
      const who = echo.from === last ? '' : ` ${formatIpv4(echo.from)}`;
      last = echo.from;
      return `${who}  ${(echo.timeNs / NS_PER_MS).toFixed(3)} ms`;
    })
    .join('');
}

/** `nc -z [-v] [-u] [-w s] HOST PORT`. */
export const nc: Tool = (place: ToolPlace, args) => {
  const { netns } = place;
  const { values, flags, rest } = parse(args, ['-w']);
  const letters = [...flags].join('');
  if (!letters.includes('z')) return failure(1, 'nc: only -z, which sends no data, is offered here');
  const [name = '', portText = ''] = rest;
  const resolved = resolve(place, name, 'nc');
  if (resolved.kind === 'failed')
    return failure(1, `nc: getaddrinfo for host "${name}" port ${portText}: ${resolveFailure(resolved.why)}`);
  const destination = resolved.address;
  const port = Number(portText);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return failure(1, `nc: port number invalid: ${portText}`);
  const protocol = letters.includes('u') ? 'udp' : 'tcp';
  const timeoutNs = number(values.get('-w'), 130) * NS_PER_S;
  const outcome = runConnection({ netns, destination, port, protocol, timeoutNs });
  const verbose = letters.includes('v');
  if (outcome.kind === 'answered') {
    const text = verbose
      ? `Connection to ${name} (${formatIpv4(destination)}) ${port} port [${protocol}/*] succeeded!\n`
      : '';
    return { exitCode: 0, stdout: '', stderr: text };
  }
  const why = outcome.kind === 'silence' ? 'Connection timed out' : outcomeText(outcome.note);
  return {
    exitCode: 1,
    stdout: '',
    stderr: verbose ? `nc: connect to ${formatIpv4(destination)} port ${port} (${protocol}) failed: ${why}\n` : '',
  };
};

const isErrno = (text: string): text is Errno => Object.hasOwn(ERRNO_TEXT, text);
const outcomeText = (note: string): string => (isErrno(note) ? ERRNO_TEXT[note] : note);
