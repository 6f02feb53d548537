/** What `ping` of iputils 20221126 is asked for. */

import { type Device, NS_PER_S } from '../../kernel/index.js';
import { type Ipv4Addr, parseIpv4 } from '../../packet/index.js';
import { getopt, isBadOption } from '../getopt.js';
import { numberOption } from '../number-option.js';
import { isTimestamp, recordRoute, timestamps } from './ip-options.js';
import { PING_USAGE } from './usage.js';
import { resolve, resolveFailure } from '../resolve.js';
import { failure, ok, type ToolPlace, type ToolResult } from '../tool.js';

/** Without `-c` the real one never ends. */
export const DEFAULT_COUNT = 3;
const VERSION = `ping from iputils 20221126
libcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes
`;

type PathMtuDiscovery = 'do' | 'dont' | 'want' | 'probe';
const PMTU_HINTS: readonly PathMtuDiscovery[] = ['do', 'dont', 'want', 'probe'];

export interface PingOptions {
  readonly name: string;
  readonly destination: Ipv4Addr;
  readonly count: number | undefined;
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
  /** `-f`: dots in place of lines, and the next request as soon as an answer has come. */
  readonly flood: boolean;
  /** `-A`: the next request as soon as an answer has come. */
  readonly adaptive: boolean;
  /** `-l`: requests that wait for nothing. */
  readonly preload: number;
  /** `-p`: what requests are filled with, again and again. */
  readonly pattern: Uint8Array | undefined;
  /** `-R`, `-T`. */
  readonly ipOptions: Uint8Array | undefined;
  /** `-v` */
  readonly verbose: boolean;
}

export const wrong = (message: string): ToolResult => failure(2, `ping: ${message}`);

const LIMITS = {
  c: { min: 1, max: Number.MAX_SAFE_INTEGER },
  s: { min: 0, max: 65_507 },
  i: { min: 0, max: 2_147_483 },
  W: { min: 0, max: 2_147_483 },
  w: { min: 0, max: 2_147_483_647 },
  t: { min: 0, max: 255 },
  l: { min: 1, max: 65_536 },
  m: { min: 0, max: 4_294_967_295 },
} as const;

export function readPing(place: ToolPlace, args: readonly string[]): PingOptions | ToolResult {
  const { netns } = place;
  const given = getopt(args, '4aAbBc:Cde:fhI:i:l:Lm:M:nOp:qQ:rRs:S:t:T:UvVw:W:D');
  if (isBadOption(given)) return wrong(`${given.problem}\n${PING_USAGE}`);
  const { values, flags, rest } = given;
  if (flags.has('V')) return ok(VERSION);
  if (flags.has('h')) return failure(2, PING_USAGE);
  if (flags.has('R') && values.has('T')) return wrong('only one of -T or -R may be used');
  const numbers = new Map<string, number>();
  for (const [letter, limits] of Object.entries(LIMITS)) {
    const value = numberOption('ping', values.get(letter), limits);
    if (typeof value === 'object') return value;
    if (value !== undefined) numbers.set(letter, value);
  }
  const hint = values.get('M');
  const pathMtuDiscovery = PMTU_HINTS.find((one) => one === hint);
  if (hint !== undefined && pathMtuDiscovery === undefined) return wrong(`invalid -M argument: ${hint}`);
  if (numbers.get('t') === 0) return wrong('cannot set unicast time-to-live: Invalid argument');
  const tos = tosOf(values.get('Q'));
  if (typeof tos === 'object') return tos;
  const pattern = patternOf(values.get('p'));
  if (pattern !== undefined && 'exitCode' in pattern) return pattern;
  const stamps = values.get('T');
  if (stamps !== undefined && !isTimestamp(stamps)) return wrong(`invalid timestamp type: ${stamps}`);
  const name = rest.at(-1);
  if (name === undefined) return failure(1, 'ping: usage error: Destination address required');
  const resolved = resolve(place, name, 'ping');
  if (resolved.kind === 'failed') return wrong(`${name}: ${resolveFailure(resolved.why)}`);
  const bound = values.get('I');
  const source = bound === undefined ? undefined : parseIpv4(bound);
  const device = bound === undefined || source !== undefined ? undefined : netns.devices.named(bound);
  if (bound !== undefined && source === undefined && device === undefined) return wrong(`unknown iface: ${bound}`);
  const wait = numbers.get('w');
  const ipOptions = flags.has('R')
    ? recordRoute()
    : stamps === undefined
      ? undefined
      : timestamps(stamps, rest.slice(0, -1));
  if (ipOptions !== undefined && 'exitCode' in ipOptions) return ipOptions;
  const unpaced = flags.has('f') || flags.has('A');
  return {
    // AI_CANONNAME
    name: resolved.canonicalName ?? name,
    destination: resolved.address,
    count: numbers.get('c'),
    size: numbers.get('s') ?? 56,
    intervalNs: (numbers.get('i') ?? (unpaced ? 0 : 1)) * NS_PER_S,
    waitS: numbers.get('W'),
    deadlineNs: wait === undefined ? undefined : wait * NS_PER_S,
    ttl: numbers.get('t'),
    tos,
    mark: numbers.get('m') ?? 0,
    quiet: flags.has('q'),
    numeric: flags.has('n') || parseIpv4(name) !== undefined || name.includes('/'),
    outstanding: flags.has('O'),
    stamped: flags.has('D'),
    broadcast: flags.has('b'),
    device,
    source,
    pathMtuDiscovery,
    flood: flags.has('f'),
    adaptive: flags.has('A'),
    preload: numbers.get('l') ?? 1,
    pattern,
    ipOptions,
    verbose: flags.has('v'),
  };
}

/** parsetos(): in any base, and a byte. */
function tosOf(text: string | undefined): number | ToolResult {
  if (text === undefined) return 0;
  const value = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
  if (!Number.isInteger(value) || text.trim() === '') return wrong(`bad TOS value: ${text}`);
  return value <= 255 ? value & 0xff : wrong(`the decimal value of TOS bits must be in range 0-255: ${value}`);
}

const MOST_PATTERN_OCTETS = 16;

/** fill(): two digits an octet; one that is left over is an octet by itself. */
function patternOf(text: string | undefined): Uint8Array | ToolResult | undefined {
  if (text === undefined) return undefined;
  if (!/^[\da-f]+$/i.test(text)) return wrong(`patterns must be specified as hex digits: ${text}`);
  const octets = text.match(/..?/g) ?? [];
  return Uint8Array.from(octets.slice(0, MOST_PATTERN_OCTETS), (digits) => Number.parseInt(digits, 16));
}
