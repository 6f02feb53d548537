/** `ping` of iputils 20221126: an echo request each interval, and what comes back. Time is the emulation's. */

import { type Device, ERRNO_TEXT, type Netns, NS_PER_MS, NS_PER_S, NS_PER_US } from '../kernel/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr, parseIpv4 } from '../packet/index.js';
import { getopt, isBadOption } from './getopt.js';
import { HostNames } from './host-names.js';
import { numberOption } from './number-option.js';
import { resolve, resolveFailure } from './resolve.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from './tool.js';

/** Without `-c` the real one never ends. */
const DEFAULT_COUNT = 3;
/** MAXWAIT: how long the last answer is waited for where none has come. */
const MAX_WAIT_S = 10;

const VERSION = `ping from iputils 20221126
libcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes
`;

type PathMtuDiscovery = 'do' | 'dont' | 'want' | 'probe';
const PMTU_HINTS: readonly PathMtuDiscovery[] = ['do', 'dont', 'want', 'probe'];

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

interface Options {
  readonly name: string;
  readonly destination: Ipv4Addr;
  readonly count: number;
  readonly size: number;
  readonly intervalNs: number;
  readonly waitS: number | undefined;
  readonly deadlineNs: number | undefined;
  readonly ttl: number | undefined;
  readonly tos: number;
  readonly mark: number;
  readonly quiet: boolean;
  /** `-n`, or a destination that is an address. */
  readonly numeric: boolean;
  /** `-O`: tells of a request that has no answer when the next one is sent. */
  readonly outstanding: boolean;
  /** `-D`: the time before each line. */
  readonly stamped: boolean;
  /** `-b`: to everybody of a network. */
  readonly broadcast: boolean;
  readonly device: Device | undefined;
  readonly source: Ipv4Addr | undefined;
  readonly pathMtuDiscovery: PathMtuDiscovery | undefined;
}

const wrong = (message: string): ToolResult => failure(2, `ping: ${message}`);

const LIMITS = {
  c: { min: 1, max: Number.MAX_SAFE_INTEGER },
  s: { min: 0, max: 65_507 },
  i: { min: 0, max: 2_147_483 },
  W: { min: 0, max: 2_147_483 },
  w: { min: 0, max: 2_147_483_647 },
  t: { min: 0, max: 255 },
  Q: { min: 0, max: 255 },
  m: { min: 0, max: 4_294_967_295 },
} as const;

function read(place: ToolPlace, args: readonly string[]): Options | ToolResult {
  const { netns } = place;
  const given = getopt(args, '4bc:s:W:w:t:i:I:M:Q:m:nqvOdDV');
  if (isBadOption(given)) return wrong(given.problem);
  const { values, flags, rest } = given;
  if (flags.has('V')) return ok(VERSION);
  const numbers = new Map<string, number>();
  for (const [letter, limits] of Object.entries(LIMITS)) {
    const value = numberOption('ping', values.get(letter), limits);
    if (typeof value === 'object') return value;
    if (value !== undefined) numbers.set(letter, value);
  }
  const hint = values.get('M');
  const pathMtuDiscovery = PMTU_HINTS.find((one) => one === hint);
  if (hint !== undefined && pathMtuDiscovery === undefined) return failure(1, `ping: invalid -M argument: ${hint}`);
  const name = rest.at(-1);
  if (name === undefined) return failure(1, 'ping: usage error: Destination address required');
  const resolved = resolve(place, name, 'ping');
  if (resolved.kind === 'failed') return wrong(`${name}: ${resolveFailure(resolved.why)}`);
  const bound = values.get('I');
  const source = bound === undefined ? undefined : parseIpv4(bound);
  const device = bound === undefined || source !== undefined ? undefined : netns.devices.named(bound);
  if (bound !== undefined && source === undefined && device === undefined) return wrong(`unknown iface: ${bound}`);
  const wait = numbers.get('w');
  return {
    // AI_CANONNAME
    name: resolved.canonicalName ?? name,
    destination: resolved.address,
    count: numbers.get('c') ?? DEFAULT_COUNT,
    size: numbers.get('s') ?? 56,
    intervalNs: (numbers.get('i') ?? 1) * NS_PER_S,
    waitS: numbers.get('W'),
    deadlineNs: wait === undefined ? undefined : wait * NS_PER_S,
    ttl: numbers.get('t'),
    tos: numbers.get('Q') ?? 0,
    mark: numbers.get('m') ?? 0,
    quiet: flags.has('q'),
    numeric: flags.has('n') || parseIpv4(name) !== undefined || name.includes('/'),
    outstanding: flags.has('O'),
    stamped: flags.has('D'),
    broadcast: flags.has('b'),
    device,
    source,
    pathMtuDiscovery,
  };
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
}

class Ping {
  readonly #netns: Netns;
  readonly #options: Options;
  readonly #names: HostNames;
  readonly #rows: (string | Answered)[] = [];
  readonly #complaints: string[] = [];
  readonly #sentNs: number[] = [];
  readonly #timesNs: number[] = [];
  readonly #answered = new Set<number>();
  /** Requests that the machine's own rules have stopped: they count as sent, and nothing is said. */
  readonly #forbidden = new Set<number>();
  #errors = 0;
  /** Requests on their way at once, at most. */
  #pipe = 0;
  /** When a request was last sent: the statistics count until then. */
  #lastNs: number;

  constructor(place: ToolPlace, options: Options) {
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

  #exchange(socket: ReturnType<Netns['sockets']['ping']>): ToolResult {
    const { emulation } = this.#netns;
    socket.onReply = (reply) => this.#replied(reply);
    socket.onIcmpError = (report) => this.#refused(report);
    this.#rows.push(this.#header());
    const startNs = emulation.clock.nowNs;
    const { count, deadlineNs } = this.#options;
    const endNs = deadlineNs === undefined ? Number.POSITIVE_INFINITY : startNs + deadlineNs;
    for (let sequence = 1; sequence <= count && emulation.clock.nowNs < endNs; sequence++) {
      const failed = this.#send(socket, sequence);
      if (failed !== undefined) return failed;
      if (sequence < count) this.#waitUntil(Math.min(endNs, emulation.clock.nowNs + this.#options.intervalNs));
    }
    const allDone = (): boolean => this.#answered.size >= this.#sentNs.length;
    emulation.run(allDone, Math.min(endNs, emulation.clock.nowNs + this.#linger()));
    return this.#result(startNs);
  }

  #header(): string {
    const { name, destination, size, device, source } = this.#options;
    const route = this.#netns.ipv4.route({ destination, source: source ?? INADDR_ANY, oif: device });
    const own = source ?? (typeof route === 'string' ? INADDR_ANY : route.source);
    const from = device === undefined && source === undefined ? '' : `from ${formatIpv4(own)} ${device?.name ?? ''}: `;
    return `PING ${name} (${formatIpv4(destination)}) ${from}${size}(${size + 28}) bytes of data.`;
  }

  #send(socket: ReturnType<Netns['sockets']['ping']>, sequence: number): ToolResult | undefined {
    const { destination, size, ttl, source } = this.#options;
    const { clock } = this.#netns.emulation;
    if (this.#options.outstanding && !this.#options.quiet && sequence > 1 && !this.#answered.has(sequence - 1))
      this.#say(`no answer yet for icmp_seq=${sequence - 1}`);
    this.#sentNs.push(clock.nowNs);
    this.#lastNs = clock.nowNs;
    const payload = Uint8Array.from({ length: size }, (_, i) => i & 0xff);
    const errno = socket.send({
      destination,
      sequence,
      payload,
      ...(ttl === undefined ? {} : { ttl }),
      ...(source === undefined ? {} : { source }),
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
  #say(before: string, answer?: { readonly from: Ipv4Addr; readonly after: string }): void {
    const us = Math.floor(this.#netns.emulation.clock.nowNs / NS_PER_US);
    const stamp = this.#options.stamped ? `[${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, '0')}] ` : '';
    this.#rows.push(answer === undefined ? stamp + before : { ...answer, before: stamp + before });
  }

  /** pr_addr(). */
  #text(): string {
    const whole = (row: string | Answered): string => {
      if (typeof row === 'string') return row;
      const address = formatIpv4(row.from);
      const name = this.#options.numeric ? undefined : this.#names.nameOf(row.from);
      return `${row.before}${name === undefined ? address : `${name} (${address})`}${row.after}`;
    };
    return lines(this.#rows.map(whole));
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

  #replied({
    source,
    sequence,
    ttl,
    payload,
  }: {
    source: Ipv4Addr;
    sequence: number;
    ttl: number;
    payload: Uint8Array;
  }): void {
    const again = this.#answered.has(sequence);
    this.#acknowledge(sequence);
    const timeNs = this.#netns.emulation.clock.nowNs - (this.#sentNs[sequence - 1] ?? 0);
    if (!again) this.#timesNs.push(timeNs);
    if (this.#options.quiet) return;
    // Room for a time of its own is needed to measure one.
    const time = this.#options.size >= 16 ? ` time=${milliseconds(timeNs)} ms` : '';
    const twice = again ? ' (DUP!)' : '';
    this.#say(`${payload.length + 8} bytes from `, {
      from: source,
      after: `: icmp_seq=${sequence} ttl=${ttl}${time}${twice}`,
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
    this.#say('From ', { from: report.from, after: ` icmp_seq=${report.sequence} ${text}` });
  }

  /** finish(). */
  #result(startNs: number): ToolResult {
    const sent = this.#sentNs.length;
    const received = this.#timesNs.length;
    const errors = this.#errors === 0 ? '' : `, +${this.#errors} errors`;
    const lost = Math.floor(((sent - received) * 100) / sent);
    const elapsed = Math.floor((this.#lastNs - startNs) / NS_PER_MS);
    this.#rows.push(
      '',
      `--- ${this.#options.name} ping statistics ---`,
      `${sent} packets transmitted, ${received} received${errors}, ${lost}% packet loss, time ${elapsed}ms`,
    );
    const timed = received > 0 && this.#options.size >= 16;
    const pipe = this.#pipe > 1 ? `pipe ${this.#pipe}` : '';
    const spread = timed ? spreadOf(this.#timesNs) : '';
    this.#rows.push([spread, pipe].filter((part) => part !== '').join(', '));
    const { count, deadlineNs } = this.#options;
    const enough = received > 0 && (deadlineNs === undefined || received >= count);
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
  const options = read(place, args);
  return 'exitCode' in options ? options : new Ping(place, options).run();
};
