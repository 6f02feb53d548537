/** `mtr` 0.95 as a report (`-r`, `-j`): echo requests with every TTL, round after round, on the emulation's time. */

import { ERRNO_TEXT, NS_PER_S, type PingSocket } from '../kernel/index.js';
import { formatIpv4, type Ipv4Addr } from '../packet/index.js';
import { isoTime } from '../services/index.js';
import { type LongOption, orderedOptions } from './getopt.js';
import { HostNames } from './host-names.js';
import { resolve, resolveFailure } from './resolve.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from './tool.js';

const SHORT = 'rwjnbc:i:m:f:s:G:4uTCl';
const LONG: readonly LongOption[] = [
  ['report', 'r', 'flag'],
  ['report-wide', 'w', 'flag'],
  ['json', 'j', 'flag'],
  ['no-dns', 'n', 'flag'],
  ['show-ips', 'b', 'flag'],
  ['report-cycles', 'c', 'value'],
  ['interval', 'i', 'value'],
  ['max-ttl', 'm', 'value'],
  ['first-ttl', 'f', 'value'],
  ['psize', 's', 'value'],
  ['gracetime', 'G', 'value'],
  ['udp', 'u', 'flag'],
  ['tcp', 'T', 'flag'],
  ['csv', 'C', 'flag'],
  ['raw', 'l', 'flag'],
];

/** Without a sign of life from so many hops there is nobody further on. */
const MOST_UNKNOWN = 12;
/** How many hops are guessed at first, over which the probes of a round are spread. */
const GUESSED_HOPS = 10;
const HEADERS = 28;
const NS_PER_US = 1_000;
const HOST_WIDTH = 33;
const TIME_NAMES = ['Last', 'Avg', 'Best', 'Wrst', 'StDev'];

interface Options {
  readonly name: string;
  readonly destination: Ipv4Addr;
  readonly cycles: number;
  readonly intervalNs: number;
  /** For late answers. */
  readonly graceNs: number;
  readonly firstTtl: number;
  readonly maxTtl: number;
  /** Of the whole packet. */
  readonly size: number;
  readonly json: boolean;
  readonly wide: boolean;
  readonly textOf: (address: Ipv4Addr) => string;
}

const NUMBERS = { c: 10, i: 1, m: 30, f: 1, s: 64, G: 5 } as const;

function read(place: ToolPlace, args: readonly string[]): Options | ToolResult {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: LONG });
  if (bad !== undefined) return failure(1, `mtr: invalid option -- '${bad.written.replace(/^-+/, '')}'`);
  const letters = new Set(options.map(({ letter }) => letter));
  const not = ['u', 'T', 'C', 'l'].find((letter) => letters.has(letter));
  if (not !== undefined)
    return failure(2, `mtr: -${not} is not offered here: echo requests are, as -r or -j shows them`);
  if (!['r', 'w', 'j'].some((letter) => letters.has(letter)))
    return failure(2, 'mtr: nobody looks on here while it goes: -r prints a report, and -j the same as data');
  const numbers = new Map<string, number>(Object.entries(NUMBERS));
  for (const { letter = '', value } of options) {
    if (!numbers.has(letter)) continue;
    if (!/^\d+(?:\.\d+)?$/.test(value ?? '')) return failure(1, `mtr: invalid argument: '${value ?? ''}'`);
    numbers.set(letter, Number(value));
  }
  const words = [...options.flatMap(({ letter, value }) => (letter === undefined ? [value] : [])), ...rest];
  const name = words[0] ?? 'localhost';
  const resolved = resolve(place, name, 'mtr');
  if (resolved.kind === 'failed')
    return failure(1, `mtr: Failed to resolve host: ${name}: ${resolveFailure(resolved.why)}`);
  const names = letters.has('n') ? undefined : new HostNames(place, 'mtr');
  const numberOf = (letter: keyof typeof NUMBERS): number => numbers.get(letter) ?? NUMBERS[letter];
  const textOf = (address: Ipv4Addr): string => {
    const known = names?.nameOf(address);
    if (known === undefined) return formatIpv4(address);
    return letters.has('b') ? `${known} (${formatIpv4(address)})` : known;
  };
  return {
    name,
    destination: resolved.address,
    cycles: numberOf('c'),
    intervalNs: numberOf('i') * NS_PER_S,
    graceNs: numberOf('G') * NS_PER_S,
    firstTtl: Math.max(numberOf('f'), 1),
    maxTtl: numberOf('m'),
    size: Math.max(numberOf('s'), HEADERS),
    json: letters.has('j'),
    wide: letters.has('w'),
    textOf,
  };
}

/** What is known of a hop. Times in whole microseconds, as it keeps them. */
class Hop {
  address: Ipv4Addr | undefined = undefined;
  /** Who answers there refuses: it goes no further. */
  refuses = false;
  sent = 0;
  /** The last probe is on its way. */
  inTransit = false;
  readonly #times: number[] = [];

  take(us: number): void {
    this.#times.push(us);
    this.inTransit = false;
  }

  /** In percent; a probe that is on its way is not lost yet. */
  get loss(): number {
    const over = this.sent - (this.inTransit ? 1 : 0);
    return over === 0 ? (this.#times.length === 0 ? 100 : 0) : 100 - (100 * this.#times.length) / over;
  }

  get last(): number {
    return this.#times.at(-1) ?? 0;
  }

  get average(): number {
    const { length } = this.#times;
    return length === 0 ? 0 : Math.trunc(this.#times.reduce((sum, us) => sum + us, 0) / length);
  }

  get best(): number {
    return this.#times.length === 0 ? 0 : Math.min(...this.#times);
  }

  get worst(): number {
    return Math.max(0, ...this.#times);
  }

  get deviation(): number {
    const { length } = this.#times;
    const { average } = this;
    const squares = this.#times.reduce((sum, us) => sum + (us - average) ** 2, 0);
    return length < 2 ? 0 : Math.trunc(Math.sqrt(squares / (length - 1)));
  }
}

class Rounds {
  readonly #place: ToolPlace;
  readonly #options: Options;
  readonly #socket: PingSocket;
  readonly #hops: Hop[];
  readonly #sent: { readonly hop: Hop; readonly atNs: number }[] = [];
  #waiting = 0;

  constructor(place: ToolPlace, options: Options) {
    this.#place = place;
    this.#options = options;
    this.#hops = Array.from({ length: options.maxTtl }, () => new Hop());
    this.#socket = place.netns.sockets.ping({});
    this.#socket.onReply = ({ source, sequence }) => this.#answer(sequence, source, false);
    this.#socket.onIcmpError = ({ from, sequence, type }) => this.#answer(sequence, from, type === 3);
  }

  #answer(sequence: number, from: Ipv4Addr, refuses: boolean): void {
    const probe = this.#sent[sequence - 1];
    if (probe === undefined) return;
    const { hop, atNs } = probe;
    hop.address ??= from;
    hop.refuses ||= refuses;
    hop.take(Math.trunc((this.#place.netns.emulation.clock.nowNs - atNs) / NS_PER_US));
    this.#waiting -= 1;
  }

  /** Each hop that is to be shown. */
  run(): readonly Hop[] {
    const { emulation } = this.#place.netns;
    let hops = GUESSED_HOPS;
    for (let cycle = 0; cycle < this.#options.cycles; cycle += 1) {
      const gapNs = this.#options.intervalNs / hops;
      hops = this.#round((waitNs) => emulation.advance(waitNs), Math.round(gapNs));
    }
    emulation.run(() => this.#waiting === 0, emulation.clock.nowNs + this.#options.graceNs);
    this.#socket.close();
    return this.#hops.slice(this.#options.firstTtl - 1, this.#shown());
  }

  /** net.c:net_send_batch(): TTLs up to the destination, or to where nobody has answered for long. The number of hops. */
  #round(wait: (ns: number) => void, gapNs: number): number {
    const { firstTtl, maxTtl, destination } = this.#options;
    for (let ttl = firstTtl; ; ttl += 1) {
      this.#send(ttl);
      const before = this.#hops.slice(firstTtl - 1, ttl - 1);
      const unknown = before.filter(({ address }) => address === undefined).length;
      const isThere = this.#hops.slice(firstTtl - 1, ttl).some(({ address }) => address === destination);
      wait(gapNs);
      if (isThere || unknown > MOST_UNKNOWN || ttl >= maxTtl) return ttl;
    }
  }

  #send(ttl: number): void {
    const { destination, size } = this.#options;
    const hop = this.#hops[ttl - 1];
    if (hop === undefined) return;
    hop.sent += 1;
    hop.inTransit = true;
    this.#waiting += 1;
    this.#sent.push({ hop, atNs: this.#place.netns.emulation.clock.nowNs });
    this.#socket.send({ destination, sequence: this.#sent.length, payload: new Uint8Array(size - HEADERS), ttl });
  }

  /** net.c:net_max(): up to the destination or to who refuses, else one behind the last that is known. */
  #shown(): number {
    const end = this.#hops.findIndex(({ address, refuses }) => address === this.#options.destination || refuses);
    if (end >= 0) return end + 1;
    const last = this.#hops.findLastIndex(({ address }) => address !== undefined);
    return Math.min(last < 0 ? 0 : last + 2, this.#hops.length);
  }
}

const hostOf = ({ address }: Hop, { textOf }: Options): string => (address === undefined ? '???' : textOf(address));

/** A number and its sign fill six columns, and no more. */
const percent = (value: number): string => ` ${value.toFixed(1).padStart(4)}%`.slice(0, 6);

/** In milliseconds. */
const timesOf = ({ last, average, best, worst, deviation }: Hop): readonly number[] =>
  [last, average, best, worst, deviation].map((us) => us / 1_000);

/** report_close(): names have a fixed width, or as a whole that of the longest. */
function report(hops: readonly Hop[], options: Options, hostname: string): string {
  const names = hops.map((hop) => hostOf(hop, options));
  const longest = Math.max(hostname.length, ...names.map(({ length }) => length));
  const filled = (before: string, name: string): string =>
    before +
    (options.wide
      ? name.padEnd(longest)
      : name.padEnd(HOST_WIDTH - before.length).slice(0, HOST_WIDTH - before.length));
  const rows = hops.map((hop, i) => {
    const before = `${String(options.firstTtl + i).padStart(3)}.|-- `;
    const times = timesOf(hop).map((ms) => ms.toFixed(1).padStart(6));
    return `${filled(before, names[i] ?? '')}${percent(hop.loss)}${String(hop.sent).padStart(6)} ${times.join('')}`;
  });
  return lines([
    `Start: ${isoTime(0)}+0000`,
    `${filled('HOST: ', hostname)} Loss%   Snt   Last   Avg  Best  Wrst StDev`,
    ...rows,
  ]);
}

/** JSON_REAL_PRECISION(5) of jansson. */
function real(value: number): string {
  const text = String(Number(value.toPrecision(5)));
  return text.includes('.') ? text : `${text}.0`;
}

/** json_close(). */
function jsonReport(hops: readonly Hop[], options: Options, hostname: string): string {
  const { name, cycles, size, firstTtl } = options;
  const rows = hops.map((hop, i) => {
    const [last = 0, average = 0, best = 0, worst = 0, deviation = 0] = timesOf(hop);
    const fields = [
      `"count": ${firstTtl + i}`,
      `"host": ${JSON.stringify(hostOf(hop, options))}`,
      `"Loss%": ${real(hop.loss)}`,
      `"Snt": ${hop.sent}`,
      ...[last, average, best, worst, deviation].map((ms, field) => `"${TIME_NAMES[field] ?? ''}": ${real(ms)}`),
    ];
    return `            {\n${fields.map((field) => `                ${field}`).join(',\n')}\n            }`;
  });
  const head = [
    `"src": ${JSON.stringify(hostname)}`,
    `"dst": ${JSON.stringify(name)}`,
    '"tos": 0',
    `"tests": ${cycles}`,
    `"psize": "${size}"`,
    '"bitpattern": "0x00"',
  ];
  const hubs = rows.length === 0 ? '[]' : `[\n${rows.join(',\n')}\n        ]`;
  const mtr = `"mtr": {\n${head.map((field) => `            ${field}`).join(',\n')}\n        }`;
  return `{\n    "report": {\n        ${mtr},\n        "hubs": ${hubs}\n    }\n}\n`;
}

export const mtr: Tool = (place, args) => {
  const options = read(place, args);
  if ('exitCode' in options) return options;
  const { cluster, netns, pod } = place;
  // As it finds out which source to use.
  const errno = netns.sockets.udp({}).connect(options.destination, 1);
  if (errno !== undefined) return failure(1, `mtr: udp socket connect failed: ${ERRNO_TEXT[errno]}`);
  const hops = new Rounds(place, options).run();
  const hostname = cluster.programs.hostname(netns.host, pod);
  return ok((options.json ? jsonReport : report)(hops, options, hostname));
};
