/** `ping` of iputils 20221126: an echo request each interval, and what comes back. Time is the emulation's. */

import { type EchoReply, ERRNO_TEXT, type Netns, NS_PER_MS, NS_PER_S, NS_PER_US } from '../../kernel/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr } from '../../packet/index.js';
import { HostNames } from '../host-names.js';
import { optionsText } from './ip-options.js';
import { DEFAULT_COUNT, type PingOptions, readPing, wrong } from './options.js';
import { lines, type Tool, type ToolPlace, type ToolResult } from '../tool.js';

/** MINTERVAL: what waits for nothing else waits so long for an answer. */
const FLOOD_WAIT_NS = 10 * NS_PER_MS;
/** MAXWAIT: how long the last answer is waited for where none has come. */
const MAX_WAIT_S = 10;

/** ping_common.c:pr_icmph(). */
function icmpText(type: number, code: number, mtu: number): string {
  if (type === 11) return code === 0 ? 'Time to live exceeded' : 'Frag reassembly time exceeded';
  if (type === 12) return 'Parameter problem';
  if (type !== 3) return `Bad ICMP type: ${type}`;
  const UNREACHABLE: Readonly<Record<number, string>> = {
    0: 'Destination Net Unreachable',
    1: 'Destination Host Unreachable',
    2: 'Destination Protocol Unreachable',
    3: 'Destination Port Unreachable',
    4: `Frag needed and DF set (mtu = ${mtu})`,
    5: 'Source Route Failed',
    6: 'Destination Net Unknown',
    7: 'Destination Host Unknown',
    8: 'Source Host Isolated',
    9: 'Destination Net Prohibited',
    10: 'Destination Host Prohibited',
    11: 'Destination Net Unreachable for Type of Service',
    12: 'Destination Host Unreachable for Type of Service',
    13: 'Packet filtered',
    14: 'Precedence Violation',
    15: 'Precedence Cutoff',
  };
  return UNREACHABLE[code] ?? `Dest Unreachable, Bad Code: ${code}`;
}

/** iputils counts microseconds. */
function milliseconds(ns: number): string {
  const us = Math.round(ns / NS_PER_US);
  if (us >= 99_950) return (us / 1_000).toFixed(0);
  if (us >= 9_995) return (us / 1_000).toFixed(1);
  return us >= 1_000 ? (us / 1_000).toFixed(2) : (us / 1_000).toFixed(3);
}

/** A line that names who has answered: the name is asked for at the end, since time stands still for nobody before. */
interface Answered {
  readonly from: Ipv4Addr;
  readonly before: string;
  readonly after: string;
  /** Of its header. */
  readonly ipOptions: Uint8Array;
}

const NO_OPTIONS = new Uint8Array(0);

type PingSocket = ReturnType<Netns['sockets']['ping']>;

class Ping {
  readonly #netns: Netns;
  readonly #options: PingOptions;
  readonly #names: HostNames;
  readonly #rows: (string | Answered)[] = [];
  readonly #complaints: string[] = [];
  readonly #sentNs: number[] = [];
  readonly #timesNs: number[] = [];
  readonly #answered = new Set<number>();
  /** Requests that the machine's own rules have stopped: they count as sent, and nothing is said. */
  readonly #forbidden = new Set<number>();
  #errors = 0;
  /** `-v`: of the socket. */
  #identity = '';
  /** `-f`: a dot for each request, taken back by its answer. */
  #dots = '';
  /** Requests on their way at once, at most. */
  #pipe = 0;
  /** When a request was last sent: the statistics count until then. */
  #lastNs: number;

  constructor(place: ToolPlace, options: PingOptions) {
    const { netns } = place;
    this.#names = new HostNames(place, 'ping');
    this.#netns = netns;
    this.#options = options;
    this.#lastNs = netns.emulation.clock.nowNs;
  }

  run(): ToolResult {
    const { device, source, tos, mark, broadcast, pathMtuDiscovery } = this.#options;
    const { sockets } = this.#netns;
    if (this.#isForMany()) {
      if (!broadcast) return wrong('Do you want to ping broadcast? Then -b. If not, check your local firewall rules');
      this.#complaints.push('WARNING: pinging broadcast address');
    }
    const socket = sockets.ping({
      tos,
      mark,
      broadcast,
      ...(device === undefined ? {} : { device }),
      ...(pathMtuDiscovery === undefined ? {} : { pathMtuDiscovery }),
    });
    if (source !== undefined && !this.#netns.fib.isLocal(source)) return wrong('bind: Cannot assign requested address');
    try {
      return this.#exchange(socket);
    } finally {
      socket.close();
    }
  }

  #isForMany(): boolean {
    const { destination, source, device } = this.#options;
    const route = this.#netns.ipv4.route({ destination, source: source ?? INADDR_ANY, oif: device });
    return typeof route !== 'string' && route.type === 'broadcast';
  }

  #exchange(socket: PingSocket): ToolResult {
    const { emulation } = this.#netns;
    socket.onReply = (reply) => this.#replied(reply);
    socket.onIcmpError = (report) => this.#refused(report);
    const { pattern, verbose } = this.#options;
    if (pattern !== undefined)
      this.#rows.push(`PATTERN: 0x${Array.from(pattern, (octet) => octet.toString(16).padStart(2, '0')).join('')}`);
    if (verbose) this.#tellSockets(socket);
    this.#rows.push(this.#header());
    const startNs = emulation.clock.nowNs;
    const { deadlineNs } = this.#options;
    const endNs = deadlineNs === undefined ? Number.POSITIVE_INFINITY : startNs + deadlineNs;
    for (let sequence = 1; this.#goesOn(sequence) && emulation.clock.nowNs < endNs; sequence++) {
      const failed = this.#send(socket, sequence);
      if (failed !== undefined) return failed;
      if (this.#goesOn(sequence + 1) && sequence >= this.#options.preload) this.#pause(sequence, endNs);
    }
    const allDone = (): boolean => this.#answered.size >= this.#sentNs.length;
    emulation.run(allDone, Math.min(endNs, emulation.clock.nowNs + this.#linger()));
    return this.#result(startNs);
  }

  /** `-v`: which sockets it has, and what the name has been found to be. */
  #tellSockets(socket: PingSocket): void {
    const type = isRaw(this.#netns) ? 'SOCK_RAW' : 'SOCK_DGRAM';
    this.#complaints.push(
      `ping: sock4.fd: 3 (socktype: ${type}), sock6.fd: 4 (socktype: ${type}), hints.ai_family: AF_UNSPEC`,
      '',
      `ai->ai_family: AF_INET, ai->ai_canonname: '${this.#options.name}'`,
    );
    if (socket.identifier === 0) socket.bind(INADDR_ANY);
    this.#identity = ` ident=${socket.identifier}`;
  }

  /** main_loop(): with `-w` so many answers are waited for, or the first error. */
  #goesOn(sequence: number): boolean {
    const { count = DEFAULT_COUNT, deadlineNs } = this.#options;
    if (deadlineNs === undefined) return sequence <= count;
    return this.#errors === 0 && this.#timesNs.length < (this.#options.count ?? Infinity);
  }

  /** Until the next request. */
  #pause(sequence: number, endNs: number): void {
    const { emulation } = this.#netns;
    const { intervalNs, flood, adaptive } = this.#options;
    const nextNs = Math.min(endNs, emulation.clock.nowNs + Math.max(intervalNs, FLOOD_WAIT_NS));
    if (intervalNs === 0 || (intervalNs < FLOOD_WAIT_NS && (flood || adaptive))) this.#waitFor(sequence, nextNs);
    else this.#waitUntil(Math.min(endNs, emulation.clock.nowNs + intervalNs));
  }

  #header(): string {
    const { name, destination, size, device, source, ipOptions } = this.#options;
    const route = this.#netns.ipv4.route({ destination, source: source ?? INADDR_ANY, oif: device });
    const own = source ?? (typeof route === 'string' ? INADDR_ANY : route.source);
    const from = device === undefined && source === undefined ? '' : `from ${formatIpv4(own)} ${device?.name ?? ''}: `;
    // However long the options are.
    const whole = size + 28 + (ipOptions === undefined ? 0 : 40);
    return `PING ${name} (${formatIpv4(destination)}) ${from}${size}(${whole}) bytes of data.`;
  }

  #send(socket: PingSocket, sequence: number): ToolResult | undefined {
    const { destination, size, ttl, source } = this.#options;
    const { clock } = this.#netns.emulation;
    const { pattern, ipOptions } = this.#options;
    if (this.#options.outstanding && !this.#options.quiet && sequence > 1 && !this.#answered.has(sequence - 1))
      this.#say(`no answer yet for icmp_seq=${sequence - 1}`);
    this.#sentNs.push(clock.nowNs);
    this.#lastNs = clock.nowNs;
    this.#draw('.');
    const payload = Uint8Array.from({ length: size }, (_, i) => pattern?.[i % pattern.length] ?? i & 0xff);
    const errno = socket.send({
      destination,
      sequence,
      payload,
      ...(ttl === undefined ? {} : { ttl }),
      ...(source === undefined ? {} : { source }),
      ...(ipOptions === undefined ? {} : { ipOptions }),
    });
    if (errno === undefined) return undefined;
    if (errno === 'EPERM') {
      this.#forbidden.add(sequence);
      return undefined;
    }
    if (errno !== 'EMSGSIZE') {
      const call = errno === 'ENETUNREACH' || errno === 'EACCES' ? 'connect' : 'sendmsg';
      return { ...wrong(`${call}: ${ERRNO_TEXT[errno]}`), stdout: call === 'connect' ? '' : this.#text() };
    }
    const route = this.#netns.ipv4.route({ destination, source: INADDR_ANY });
    this.#acknowledge(sequence);
    this.#errors += 1;
    this.#complaints.push(`ping: local error: message too long, mtu=${typeof route === 'string' ? 0 : route.mtu}`);
    return undefined;
  }

  /** A line of what happens, or the two sides of who has answered. */
  #say(before: string, answer?: Omit<Answered, 'before'>): void {
    if (this.#options.flood) return;
    const us = Math.floor(this.#netns.emulation.clock.nowNs / NS_PER_US);
    const stamp = this.#options.stamped ? `[${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, '0')}] ` : '';
    this.#rows.push(answer === undefined ? stamp + before : { ...answer, before: stamp + before });
  }

  /** pr_addr(). */
  #text(): string {
    const nameOf = (from: Ipv4Addr): string => {
      const address = formatIpv4(from);
      const name = this.#options.numeric ? undefined : this.#names.nameOf(from);
      return name === undefined ? address : `${name} (${address})`;
    };
    const last = { text: '' };
    const whole = (row: string | Answered): string => {
      if (typeof row === 'string') return row;
      return row.before + nameOf(row.from) + row.after + optionsText(row.ipOptions, { nameOf, last });
    };
    return lines(this.#rows.map(whole));
  }

  /** Of a flood alone: anything else may go on for ever. */
  #draw(dots: string): void {
    if (this.#options.flood && !this.#options.quiet) this.#dots += dots;
  }

  /** Time goes on where nothing is on its way, too. */
  #waitFor(sequence: number, ns: number): void {
    this.#netns.emulation.run(() => this.#answered.has(sequence), ns);
    if (!this.#answered.has(sequence)) this.#waitUntil(ns);
  }

  #waitUntil(ns: number): void {
    const { emulation } = this.#netns;
    if (ns > emulation.clock.nowNs) emulation.advance(ns - emulation.clock.nowNs);
  }

  /** __schedule_exit(): `-W`, else twice the longest round trip, or ten seconds where nothing has come. */
  #linger(): number {
    const { waitS } = this.#options;
    if (waitS !== undefined) return waitS * NS_PER_S;
    return this.#timesNs.length === 0
      ? MAX_WAIT_S * NS_PER_S
      : Math.max(2 * Math.max(...this.#timesNs), this.#options.intervalNs);
  }

  /** acknowledge(). */
  #acknowledge(sequence: number): void {
    this.#answered.add(sequence);
    this.#pipe = Math.max(this.#pipe, this.#sentNs.length - sequence + 1);
  }

  #replied({ source, sequence, ttl, payload, ipOptions }: EchoReply): void {
    const again = this.#answered.has(sequence);
    this.#acknowledge(sequence);
    const timeNs = this.#netns.emulation.clock.nowNs - (this.#sentNs[sequence - 1] ?? 0);
    if (!again) this.#timesNs.push(timeNs);
    this.#draw('\b \b');
    if (this.#options.quiet) return;
    // Room for a time of its own is needed to measure one.
    const time = this.#options.size >= 16 ? ` time=${milliseconds(timeNs)} ms` : '';
    const twice = again ? ' (DUP!)' : '';
    this.#say(`${payload.length + 8} bytes from `, {
      from: source,
      after: `: icmp_seq=${sequence}${this.#identity} ttl=${ttl}${time}${twice}`,
      ipOptions,
    });
  }

  #refused(report: { from: Ipv4Addr; sequence: number; type: number; code: number; mtu: number }): void {
    this.#acknowledge(report.sequence);
    this.#errors += 1;
    // pinger(): of what failed and was answered by an error at once, a raw socket's failure is told too.
    if (this.#forbidden.has(report.sequence) && isRaw(this.#netns))
      this.#complaints.push(`ping: sendmsg: ${ERRNO_TEXT.EPERM}`);
    if (this.#options.quiet) return;
    const text = icmpText(report.type, report.code, report.mtu);
    this.#draw('\bE');
    this.#say('From ', { from: report.from, after: ` icmp_seq=${report.sequence} ${text}`, ipOptions: NO_OPTIONS });
  }

  /** Between requests, and of round trips a mean in which the last ones weigh most: where nothing else sets the pace. */
  #pace(): string {
    const { intervalNs, flood, adaptive } = this.#options;
    const between = this.#sentNs.length - 1;
    if (this.#timesNs.length === 0 || between < 1 || !(intervalNs === 0 || flood || adaptive)) return '';
    const gapUs = Math.floor((this.#lastNs - (this.#sentNs[0] ?? 0)) / NS_PER_US / between);
    let eighths = 0;
    for (const [i, ns] of this.#timesNs.entries()) {
      const us = Math.round(ns / NS_PER_US);
      eighths = i === 0 ? us * 8 : eighths + us - Math.trunc(eighths / 8);
    }
    const ms = (us: number): string => (us / 1_000).toFixed(3);
    return `ipg/ewma ${ms(gapUs)}/${ms(Math.trunc(eighths / 8))} ms`;
  }

  /** finish(). */
  #result(startNs: number): ToolResult {
    const sent = this.#sentNs.length;
    const received = this.#timesNs.length;
    const errors = this.#errors === 0 ? '' : `, +${this.#errors} errors`;
    const lost = Math.floor(((sent - received) * 100) / sent);
    const elapsed = Math.floor((this.#lastNs - startNs) / NS_PER_MS);
    this.#rows.push(
      this.#dots,
      `--- ${this.#options.name} ping statistics ---`,
      `${sent} packets transmitted, ${received} received${errors}, ${lost}% packet loss, time ${elapsed}ms`,
    );
    const timed = received > 0 && this.#options.size >= 16;
    const pipe = this.#pipe > 1 ? `pipe ${this.#pipe}` : '';
    const spread = timed ? spreadOf(this.#timesNs) : '';
    this.#rows.push([spread, pipe, this.#pace()].filter((part) => part !== '').join(', '));
    const { count, deadlineNs } = this.#options;
    const enough = received > 0 && (deadlineNs === undefined || received >= (count ?? 0));
    return { exitCode: enough ? 0 : 1, stdout: this.#text(), stderr: lines(this.#complaints) };
  }
}

/** create_socket(): a raw one where net.ipv4.ping_group_range keeps root from the other kind. */
function isRaw({ sysctl }: Netns): boolean {
  const [first = 1, last = 0] = (sysctl.get('net.ipv4.ping_group_range') ?? '1 0').split(/\s+/).map(Number);
  return first > 0 || last < 0;
}

function spreadOf(times: readonly number[]): string {
  const ms = times.map((ns) => Math.round(ns / NS_PER_US) / 1_000);
  const mean = ms.reduce((a, b) => a + b, 0) / ms.length;
  const deviation = Math.sqrt(Math.max(0, ms.reduce((sum, one) => sum + one * one, 0) / ms.length - mean * mean));
  return `rtt min/avg/max/mdev = ${Math.min(...ms).toFixed(3)}/${mean.toFixed(3)}/${Math.max(...ms).toFixed(3)}/${deviation.toFixed(3)} ms`;
}

export const ping: Tool = (place, args) => {
  const options = readPing(place, args);
  return 'exitCode' in options ? options : new Ping(place, options).run();
};
