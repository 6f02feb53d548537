/** `traceroute` 2.1: UDP to ports where nobody listens, echo requests with `-I`, or SYNs with `-T`. */

import { ERRNO_TEXT, type Netns, NS_PER_MS, type RouteResult } from '../../kernel/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr } from '../../packet/index.js';
import { HostNames } from '../host-names.js';
import { lines, failure, ok, type Tool } from '../tool.js';
import { readTraceroute, type TracerouteOptions } from './options.js';
import { type SynAnswer, synProbe } from './tcp.js';

const HEADERS = 28;

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

/** The way there, or what keeps it from sending anything, in the words of the system call that fails. */
function routeOf({ devices, fib, ipv4 }: Netns, options: TracerouteOptions): RouteResult | string {
  const { through, source, destination, tos } = options;
  const device = through === undefined ? undefined : devices.named(through);
  if (through !== undefined && device === undefined) return 'setsockopt SO_BINDTODEVICE: No such device';
  if (source !== undefined && !fib.isLocal(source)) return 'bind: Cannot assign requested address';
  const route = ipv4.route({ destination, source: source ?? INADDR_ANY, oif: device, tos });
  return typeof route === 'string' ? `connect: ${ERRNO_TEXT[route]}` : route;
}

/** What comes back of a SYN, from wherever. */
function answerOfSyn({ from, icmp }: SynAnswer, timeNs: number): Answer {
  return icmp === undefined ? { from, timeNs, mark: '', final: true } : answerOf({ ...icmp, from }, timeNs);
}

function probeBySyn(
  netns: Netns,
  options: TracerouteOptions,
  at: { ttl: number; route: RouteResult },
): Answer | 'silence' {
  const { clock } = netns.emulation;
  const startNs = clock.nowNs;
  const { destination, port, waitNs, whole, tos } = options;
  const source = options.source ?? at.route.source;
  const answer = synProbe(netns, { ...at, source, destination, port, waitNs, tos, dontFragment: whole });
  return answer === undefined ? 'silence' : answerOfSyn(answer, clock.nowNs - startNs);
}

/** One probe, and its answer before the time is up. An errno is the tool's own end. */
function probe(netns: Netns, options: TracerouteOptions, at: { ttl: number; index: number }): Answer | 'silence' {
  const { emulation, sockets } = netns;
  const { destination, source, through, whole } = options;
  const device = through === undefined ? undefined : netns.devices.named(through);
  const bound = {
    pathMtuDiscovery: whole ? 'probe' : 'dont',
    tos: options.tos,
    ...(device === undefined ? {} : { device }),
  } as const;
  const startNs = emulation.clock.nowNs;
  const answers: Answer[] = [];
  const sending = { ttl: at.ttl, ...(source === undefined ? {} : { source }) };
  const payload = new Uint8Array(options.length - HEADERS);
  const socket = options.method === 'icmp' ? sockets.ping(bound) : sockets.udp(bound);
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
  const options = readTraceroute(place, args);
  if ('exitCode' in options) return options;
  const { netns } = place;
  const { name, destination, firstTtl, maxTtl, queries, length } = options;
  const head = `traceroute to ${name} (${formatIpv4(destination)}), ${maxTtl} hops max, ${length} byte packets`;
  const route = routeOf(netns, options);
  // The other methods have connected before the first line.
  if (typeof route === 'string') return failure(1, `\n${route}`, options.method === 'udp' ? head : '');
  const hops: (readonly (Answer | 'silence')[])[] = [];
  for (let ttl = firstTtl; ttl <= maxTtl; ttl++) {
    const first = (ttl - firstTtl) * queries;
    const answers = Array.from({ length: queries }, (_, i) => {
      if (first + i > 0) netns.emulation.advance(options.pauseNs);
      return options.method === 'tcp'
        ? probeBySyn(netns, options, { ttl, route })
        : probe(netns, options, { ttl, index: first + i });
    });
    hops.push(answers);
    if (answers.some((answer) => answer !== 'silence' && answer.final)) break;
  }
  // Names are asked for when nothing is measured any more.
  const names = options.numeric ? undefined : new HostNames(place, 'traceroute');
  const rows = hops.map((answers, i) => `${String(firstTtl + i).padStart(2)} ${hopText(answers, names)}`);
  return ok(lines([head, ...rows]));
};
