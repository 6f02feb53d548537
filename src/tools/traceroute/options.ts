/** What `traceroute` 2.1.2 is asked for, read as its libsupp does: each option by itself, with its value in the next word. */

import { NS_PER_S } from '../../kernel/index.js';
import { type Ipv4Addr, parseIpv4 } from '../../packet/index.js';
import { resolve, resolveFailure } from '../resolve.js';
import { TRACEROUTE_USAGE } from './usage.js';
import { failure, type ToolPlace, type ToolResult } from '../tool.js';

const FIRST_UDP_PORT = 33_434;
const TCP_PORT = 80;
/** Of IPv4 with UDP or ICMP, and with TCP. */
const LEAST_LENGTH = 28;
const MOST_LENGTH = 65_000;
const DEFAULT_LENGTH = 60;

export type Method = 'udp' | 'icmp' | 'tcp';

export interface TracerouteOptions {
  readonly name: string;
  readonly destination: Ipv4Addr;
  readonly method: Method;
  readonly numeric: boolean;
  readonly firstTtl: number;
  readonly maxTtl: number;
  readonly queries: number;
  readonly waitNs: number;
  readonly port: number;
  readonly tos: number;
  /** Of the whole packet. */
  readonly length: number;
  /** `-i`: the name of a device. */
  readonly through: string | undefined;
  readonly source: Ipv4Addr | undefined;
  /** `-F`: routers are not to cut it. */
  readonly whole: boolean;
  /** Between two probes. */
  readonly pauseNs: number;
}

const VERSION = `Modern traceroute for Linux, version 2.1.2
Copyright (c) 2016  Dmitry Butskoy,   License: GPL v2 or any later
`;

interface Known {
  readonly letter: string;
  readonly long?: string;
  /** What its value is called; undefined: it has none. */
  readonly value?: string;
}

const KNOWN: readonly Known[] = [
  { letter: '4' },
  { letter: 'd', long: 'debug' },
  { letter: 'F', long: 'dont-fragment' },
  { letter: 'f', long: 'first', value: 'first_ttl' },
  { letter: 'I', long: 'icmp' },
  { letter: 'T', long: 'tcp' },
  { letter: 'i', long: 'interface', value: 'device' },
  { letter: 'm', long: 'max-hops', value: 'max_ttl' },
  { letter: 'N', long: 'sim-queries', value: 'squeries' },
  { letter: 'n' },
  { letter: 'p', long: 'port', value: 'port' },
  { letter: 't', long: 'tos', value: 'tos' },
  { letter: 'w', long: 'wait', value: 'MAX,HERE,NEAR' },
  { letter: 'q', long: 'queries', value: 'nqueries' },
  { letter: 'r' },
  { letter: 's', long: 'source', value: 'src_addr' },
  { letter: 'z', long: 'sendwait', value: 'sendwait' },
  { letter: 'e', long: 'extensions' },
  { letter: 'M', long: 'module', value: 'name' },
  { letter: 'U', long: 'udp' },
  { letter: 'V', long: 'version' },
  { letter: 'h', long: 'help' },
];
/** Known to the real one alone. */
const NOT_HERE = new Set(['-A', '-g', '-l', '-O', '-P', '-D', '-UL', '--mtu', '--back', '--sport', '--fwmark']);
const METHODS: Readonly<Record<string, Method>> = { default: 'udp', udp: 'udp', icmp: 'icmp', tcp: 'tcp' };

class Wrong extends Error {}

interface Value {
  readonly text: string;
  /** As errors name it, and the place of its value in the command line. */
  readonly option: string;
  readonly at: number;
}

interface Given {
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, Value>;
  readonly words: readonly { readonly text: string; readonly at: number }[];
}

function readWords(args: readonly string[]): Given {
  const flags = new Set<string>();
  const values = new Map<string, Value>();
  const words: { text: string; at: number }[] = [];
  for (let i = 0; i < args.length; i += 1) {
    const word = args[i] ?? '';
    if (!/^-./.test(word)) {
      words.push({ text: word, at: i + 1 });
      continue;
    }
    const [option = '', attached] = word.startsWith('--') ? word.split(/=(.*)/s) : [word];
    if (NOT_HERE.has(option)) throw new Wrong(`traceroute: ${option} is not modelled`);
    const letters = option.startsWith('--') ? [option.slice(2)] : option.slice(1).split('');
    for (const name of letters) {
      const known = KNOWN.find(({ letter, long }) => (option.startsWith('--') ? long === name : letter === name));
      const written = option.startsWith('--') ? option : `-${name}`;
      if (known === undefined) throw new Wrong(`Bad option \`${written}' (argc ${i + 1})`);
      if (known.value === undefined) {
        flags.add(known.letter);
        continue;
      }
      const own = option.startsWith('--') ? attached : letters[0] === name ? option.slice(2) || undefined : undefined;
      const isAlone = option.startsWith('--') || letters[0] === name;
      const text = own ?? (isAlone && !option.startsWith('--') ? args[(i += 1)] : undefined);
      if (text === undefined) {
        const needs = option.startsWith('--') ? `${written}=${known.value}` : `${written} ${known.value}`;
        const at = isAlone && !option.startsWith('--') ? i : i + 1;
        throw new Wrong(`Option \`${written}' (argc ${at}) requires an argument: \`${needs}'`);
      }
      values.set(known.letter, { text, option: written, at: i + 1 });
      break;
    }
  }
  return { flags, values, words };
}

const notHandled = ({ option, text, at }: Value): Wrong =>
  new Wrong(`Cannot handle \`${option}' option with arg \`${text}' (argc ${at})`);

function numberIn({ values }: Given, letter: string, fallback: number): number {
  const value = values.get(letter);
  if (value === undefined) return fallback;
  const [first = ''] = letter === 'w' ? value.text.split(',') : [value.text];
  const isNumber = (text: string): boolean => text.trim() !== '' && Number.isFinite(Number(text));
  if (!(letter === 'w' ? value.text.split(',') : [first]).every(isNumber)) throw notHandled(value);
  return Number(first);
}

function methodIn({ flags, values }: Given): Method {
  const module = values.get('M')?.text;
  if (module !== undefined && !Object.hasOwn(METHODS, module)) throw new Wrong(`Unknown traceroute module ${module}`);
  if (module !== undefined) return METHODS[module] ?? 'udp';
  return flags.has('T') ? 'tcp' : flags.has('I') ? 'icmp' : 'udp';
}

/** Of the packets, as they are with their headers. */
function lengthIn({ words: [, given, extra] }: Given, method: Method): number {
  if (extra !== undefined) throw new Wrong(`Extra arg \`${extra.text}' (position 3, argc ${extra.at})`);
  const length = Number(given?.text ?? DEFAULT_LENGTH);
  if (given !== undefined && !/^\d+$/.test(given.text))
    throw new Wrong(`Cannot handle "packetlen" cmdline arg \`${given.text}' on position 2 (argc ${given.at})`);
  if (length > MOST_LENGTH) throw new Wrong(`too big packetlen ${length} specified`);
  // A SYN is as long as its options.
  return method === 'tcp' ? DEFAULT_LENGTH : Math.max(LEAST_LENGTH, length);
}

function read(place: ToolPlace, given: Given): TracerouteOptions {
  const { flags, values, words } = given;
  const [host] = words;
  if (host === undefined) throw new Wrong('Specify "host" missing argument.');
  const method = methodIn(given);
  const [firstTtl, maxTtl, queries] = [numberIn(given, 'f', 1), numberIn(given, 'm', 30), numberIn(given, 'q', 3)];
  const port = numberIn(given, 'p', method === 'tcp' ? TCP_PORT : FIRST_UDP_PORT);
  const [waitS, tos, pause] = [numberIn(given, 'w', 5), numberIn(given, 't', 0), numberIn(given, 'z', 0)];
  const length = lengthIn(given, method);
  const resolved = resolve(place, host.text, 'traceroute');
  if (resolved.kind === 'failed')
    throw new Wrong(
      `${host.text}: ${resolveFailure(resolved.why)}\nCannot handle "host" cmdline arg \`${host.text}' on position 1 (argc ${host.at})`,
    );
  if (maxTtl > 255) throw new Wrong('max hops cannot be more than 255');
  if (firstTtl < 1 || firstTtl > maxTtl) throw new Wrong('first hop out of range');
  if (queries < 1 || queries > 10) throw new Wrong('no more than 10 probes per hop');
  if (waitS < 0) throw new Wrong(`bad wait specifications \`${values.get('w')?.text}' used`);
  const from = values.get('s');
  const source = from === undefined ? undefined : parseIpv4(from.text);
  if (from !== undefined && source === undefined) throw notHandled(from);
  return {
    name: host.text,
    destination: resolved.address,
    method,
    numeric: flags.has('n'),
    firstTtl,
    maxTtl,
    queries,
    waitNs: waitS * NS_PER_S,
    port: port & 0xffff,
    tos: tos & 0xff,
    length,
    through: values.get('i')?.text,
    source,
    whole: flags.has('F'),
    // Above ten it is milliseconds.
    pauseNs: pause > 10 ? pause * 1e6 : pause * NS_PER_S,
  };
}

export function readTraceroute(place: ToolPlace, args: readonly string[]): TracerouteOptions | ToolResult {
  if (args.length === 0) return { exitCode: 0, stdout: '', stderr: TRACEROUTE_USAGE };
  try {
    const given = readWords(args);
    if (given.flags.has('h')) return { exitCode: 0, stdout: '', stderr: TRACEROUTE_USAGE };
    if (given.flags.has('V')) return { exitCode: 0, stdout: '', stderr: VERSION };
    return read(place, given);
  } catch (error) {
    if (error instanceof Wrong) return failure(2, error.message);
    throw error;
  }
}
