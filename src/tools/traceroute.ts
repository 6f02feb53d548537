/** `traceroute` 2.1: UDP to ports where nobody listens, or echo requests with `-I`. */

import { ERRNO_TEXT, type Netns, NS_PER_MS, NS_PER_S } from '../kernel/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr, parseIpv4 } from '../packet/index.js';
import { getopt, isBadOption } from './getopt.js';
import { HostNames } from './host-names.js';
import { resolve, resolveFailure } from './resolve.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from './tool.js';

const DEFAULT_PORT = 33_434;
const HEADERS = 28;

interface Options {
  readonly name: string;
  readonly destination: Ipv4Addr;
  readonly echo: boolean;
  readonly numeric: boolean;
  readonly firstTtl: number;
  readonly maxTtl: number;
  readonly queries: number;
  readonly waitNs: number;
  readonly port: number;
  /** Of the whole packet. */
  readonly length: number;
  /** `-i`: the name of a device. */
  readonly through: string | undefined;
  readonly source: Ipv4Addr | undefined;
  /** `-F`: routers are not to cut it. */
  readonly whole: boolean;
}

/** Limits of numbers, and what the tool says where one is beyond them. */
const NUMBERS = {
  f: { min: 1, max: 255, fallback: 1, what: 'first hop out of range' },
  m: { min: 1, max: 255, fallback: 30, what: 'max hops cannot be more than 255' },
  q: { min: 1, max: 10, fallback: 3, what: 'no more than 10 probes per hop' },
  w: { min: 0, max: 86_400, fallback: 5, what: 'bad wait specifications' },
  p: { min: 1, max: 65_535, fallback: DEFAULT_PORT, what: 'bad port' },
} as const;

const VERSION = `Modern traceroute for Linux, version 2.1.2
Copyright (c) 2016  Dmitry Butskoy,   License: GPL v2 or any later
`;

function read(place: ToolPlace, args: readonly string[]): Options | ToolResult {
  const given = getopt(args, '4Inm:q:w:f:p:s:i:UFTV');
  if (isBadOption(given)) return failure(2, `Bad option: ${given.problem}`);
  const { values, flags, rest } = given;
  if (flags.has('V')) return { exitCode: 0, stdout: '', stderr: VERSION };
  if (flags.has('T')) return failure(2, 'traceroute: -T is not modelled: UDP and -I are');
  const [name, lengthText] = rest;
  if (name === undefined)
    return failure(
      2,
      'Usage:\n  traceroute [ -4nI ] [ -f first_ttl ] [ -m max_ttl ] [ -q nqueries ] [ -w waittime ] [ -p port ] [ -s src_addr ] [ -i device ] host [ packetlen ]',
    );
  const number = (letter: keyof typeof NUMBERS): number => {
    const text = values.get(letter);
    return text === undefined ? NUMBERS[letter].fallback : Number(text);
  };
  for (const letter of ['f', 'm', 'q', 'w', 'p'] as const) {
    const { min, max, what } = NUMBERS[letter];
    const value = number(letter);
    if (!(value >= min && value <= max)) return failure(2, what);
  }
  if (number('f') > number('m')) return failure(2, NUMBERS.f.what);
  const resolved = resolve(place, name, 'traceroute');
  if (resolved.kind === 'failed')
    return failure(
      2,
      `${name}: ${resolveFailure(resolved.why)}\nCannot handle "host" cmdline arg \`${name}' on position 1 (argc ${args.indexOf(name) + 1})`,
    );
  const from = values.get('s');
  const length = Math.max(HEADERS, Number(lengthText ?? 60));
  return {
    name,
    destination: resolved.address,
    echo: flags.has('I'),
    numeric: flags.has('n'),
    firstTtl: number('f'),
    maxTtl: number('m'),
    queries: number('q'),
    waitNs: number('w') * NS_PER_S,
    port: number('p'),
    length: Number.isFinite(length) ? length : 60,
    through: values.get('i'),
    source: from === undefined ? undefined : parseIpv4(from),
    whole: flags.has('F'),
  };
}

interface Answer {
  readonly from: Ipv4Addr;
  readonly timeNs: number;
  /** `!H`, `!X`…, or nothing. */
  readonly mark: string;
  /** The way ends here. */
  readonly final: boolean;
}

/** traceroute.c:parse_icmp_res(): what an unreachable means. */
function markOf(code: number, mtu: number): string {
  const MARKS: Readonly<Record<number, string>> = {
    0: ' !N',
    1: ' !H',
    2: ' !P',
    3: '',
    4: ` !F-${mtu}`,
    5: ' !S',
    9: ' !X',
    10: ' !X',
    13: ' !X',
    14: ' !V',
    15: ' !C',
  };
  return MARKS[code] ?? ` !<${code}>`;
}

const answerOf = (report: { type: number; code: number; mtu: number; from: Ipv4Addr }, timeNs: number): Answer => ({
  from: report.from,
  timeNs,
  mark: report.type === 3 ? markOf(report.code, report.mtu) : '',
  final: report.type !== 11,
});

/** What keeps it from sending anything, in the words of the system call that fails. */
function refusal({ devices, fib, ipv4 }: Netns, { through, source, destination }: Options): string | undefined {
  const device = through === undefined ? undefined : devices.named(through);
  if (through !== undefined && device === undefined) return 'setsockopt SO_BINDTODEVICE: No such device';
  if (source !== undefined && !fib.isLocal(source)) return 'bind: Cannot assign requested address';
  const route = ipv4.route({ destination, source: source ?? INADDR_ANY, oif: device });
  return typeof route === 'string' ? `connect: ${ERRNO_TEXT[route]}` : undefined;
}

/** One probe, and its answer before the time is up. An errno is the tool's own end. */
function probe(netns: Netns, options: Options, at: { ttl: number; index: number }): Answer | 'silence' {
  const { emulation, sockets } = netns;
  const { destination, source, through, whole } = options;
  const device = through === undefined ? undefined : netns.devices.named(through);
  const bound = { pathMtuDiscovery: whole ? 'probe' : 'dont', ...(device === undefined ? {} : { device }) } as const;
  const startNs = emulation.clock.nowNs;
  const answers: Answer[] = [];
  const sending = { ttl: at.ttl, ...(source === undefined ? {} : { source }) };
  const payload = new Uint8Array(options.length - HEADERS);
  const socket = options.echo ? sockets.ping(bound) : sockets.udp(bound);
  socket.onIcmpError = (report) => answers.push(answerOf(report, emulation.clock.nowNs - startNs));
  if ('onReply' in socket) {
    socket.onReply = (reply) =>
      answers.push({ from: reply.source, timeNs: emulation.clock.nowNs - startNs, mark: '', final: true });
    socket.send({ destination, sequence: at.index + 1, payload, ...sending });
  } else socket.sendTo(payload, destination, options.port + at.index, sending);
  emulation.run(() => answers.length > 0, startNs + options.waitNs);
  socket.close();
  return answers[0] ?? 'silence';
}

/** The name of a host is printed where it changes from one probe to the next. */
function hopText(answers: readonly (Answer | 'silence')[], names: HostNames | undefined): string {
  let last: Ipv4Addr | undefined;
  let text = '';
  for (const answer of answers) {
    if (answer === 'silence') {
      text += ' *';
      continue;
    }
    const address = formatIpv4(answer.from);
    if (answer.from !== last)
      text += names === undefined ? ` ${address}` : ` ${names.textOf(answer.from)} (${address})`;
    last = answer.from;
    text += `  ${(answer.timeNs / NS_PER_MS).toFixed(3)} ms${answer.mark}`;
  }
  return text;
}

export const traceroute: Tool = (place, args) => {
  const options = read(place, args);
  if ('exitCode' in options) return options;
  const { netns } = place;
  const { name, destination, firstTtl, maxTtl, queries, length } = options;
  const head = `traceroute to ${name} (${formatIpv4(destination)}), ${maxTtl} hops max, ${length} byte packets`;
  const refused = refusal(netns, options);
  if (refused !== undefined) return failure(1, `\n${refused}`, head);
  const hops: (readonly (Answer | 'silence')[])[] = [];
  for (let ttl = firstTtl; ttl <= maxTtl; ttl++) {
    const first = (ttl - firstTtl) * queries;
    const answers = Array.from({ length: queries }, (_, i) => probe(netns, options, { ttl, index: first + i }));
    hops.push(answers);
    if (answers.some((answer) => answer !== 'silence' && answer.final)) break;
  }
  // Names are asked for when nothing is measured any more.
  const names = options.numeric ? undefined : new HostNames(place, 'traceroute');
  const rows = hops.map((answers, i) => `${String(firstTtl + i).padStart(2)} ${hopText(answers, names)}`);
  return ok(lines([head, ...rows]));
};
