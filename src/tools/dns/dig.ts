/** `dig` (BIND 9.18): one question or several, to a name server of choice. */

import { DNS_FLAG, type DnsRecord, dnsTypeNumber, isDnsName, parseIpv4 } from '../../packet/index.js';
import { formatData, reverseName } from '../../services/index.js';
import { parseIp } from '../../kubernetes/index.js';
import { resolveInPlace } from '../resolve.js';
import { failure, lines, type Tool, type ToolPlace, type ToolResult } from '../tool.js';
import { type Asked, ask, resolvConfOf, searchedNames } from './ask.js';
import { EVERYTHING, messageLines, NOTHING, type Shown, statisticsLines } from './dig-format.js';
import { MOST_PORT, MOST_SECONDS, MOST_TRIES, unsigned } from './unsigned.js';

const DIG_VERSION = '9.18.49';

interface Options {
  shown: Shown;
  short: boolean;
  tcp: boolean;
  search: boolean;
  ignore: boolean;
  edns: boolean;
  cookie: boolean;
  dnssec: boolean;
  flags: number;
  bufferSize: number;
  time: number;
  tries: number;
}

const DEFAULTS: Options = {
  shown: EVERYTHING,
  short: false,
  tcp: false,
  search: false,
  ignore: false,
  edns: true,
  cookie: true,
  dnssec: false,
  flags: DNS_FLAG.recursionDesired | DNS_FLAG.authenticData,
  bufferSize: 1_232,
  time: 5,
  tries: 3,
};

interface Lookup {
  name: string;
  type: string;
  options: Options;
}

const SECTIONS: Readonly<Record<string, keyof Shown>> = {
  cmd: 'command',
  comments: 'comments',
  question: 'question',
  answer: 'answer',
  authority: 'authority',
  additional: 'additional',
  stats: 'statistics',
};

const FLAGS: Readonly<Record<string, number>> = {
  rec: DNS_FLAG.recursionDesired,
  recurse: DNS_FLAG.recursionDesired,
  adflag: DNS_FLAG.authenticData,
  aaflag: DNS_FLAG.authoritative,
  aaonly: DNS_FLAG.authoritative,
  cdflag: DNS_FLAG.checkingDisabled,
};

const SWITCHES: Readonly<Record<string, 'short' | 'tcp' | 'search' | 'ignore' | 'edns' | 'cookie' | 'dnssec'>> = {
  short: 'short',
  tcp: 'tcp',
  vc: 'tcp',
  search: 'search',
  defname: 'search',
  ignore: 'ignore',
  edns: 'edns',
  cookie: 'cookie',
  dnssec: 'dnssec',
  do: 'dnssec',
};

/** Options that change nothing of what is asked or shown here. */
const WITHOUT_EFFECT = new Set([
  'multiline',
  'split',
  'crypto',
  'ttlid',
  'class',
  'fail',
  'badcookie',
  'keepopen',
  'qr',
  'identify',
  'rrcomments',
  'onesoa',
  'nssearch',
  'sigchase',
]);

const USAGE = `Usage:  dig [@global-server] [domain] [q-type] [q-class] {q-opt}
            {global-d-opt} host [@local-server] {local-d-opt}
            [ host [@local-server] {local-d-opt} [...]]

Use "dig -h" (or "dig -h | more") for complete list of options`;

const misuse = (problem: string): ToolResult => failure(1, `${problem}\n${USAGE}`);

/** Options with a number: what dig calls it, how large it may be, and what it sets. */
const NUMBERS: Readonly<Record<string, readonly [what: string, most: number, set: (to: Options, n: number) => void]>> =
  {
    time: ['timeout', MOST_SECONDS, (to, seconds) => (to.time = Math.max(seconds, 1))],
    timeout: ['timeout', MOST_SECONDS, (to, seconds) => (to.time = Math.max(seconds, 1))],
    tries: ['tries', MOST_TRIES, (to, tries) => (to.tries = Math.max(tries, 1))],
    retry: ['retries', MOST_TRIES - 1, (to, retries) => (to.tries = retries + 1)],
    bufsize: ['buffer size', 0xffff, (to, octets) => (to.bufferSize = octets)],
    edns: ['edns', 255, () => undefined],
    ndots: ['ndots', 0xffff, () => undefined],
  };

/** What is printed of a number that dig does not take, and how it ends. */
const badNumber = (printed: string, what: string, exitCode: number): ToolResult => ({
  exitCode,
  stdout: `${printed}\n`,
  stderr: `dig: Couldn't parse ${what}\n`,
});

/** `+[no]NAME[=VALUE]`; false where dig knows no such option. */
function plusOption(word: string, options: Options): boolean | ToolResult {
  const [whole = '', value] = word.slice(1).split('=');
  const off = whole.startsWith('no') && whole !== 'notcp' ? whole.slice(2) : whole === 'notcp' ? 'tcp' : whole;
  const on = off === whole;
  if (value !== undefined) {
    const known = NUMBERS[whole];
    if (known === undefined) return false;
    const [what, most, set] = known;
    const number = unsigned(value, what, most);
    if (typeof number === 'string') return badNumber(number, what, 10);
    set(options, number);
    return true;
  }
  if (off === 'all') options.shown = on ? EVERYTHING : NOTHING;
  else if (SECTIONS[off] !== undefined) options.shown = { ...options.shown, [SECTIONS[off]]: on };
  else if (FLAGS[off] !== undefined) options.flags = on ? options.flags | FLAGS[off] : options.flags & ~FLAGS[off];
  else if (SWITCHES[off] !== undefined) options[SWITCHES[off]] = on;
  else return WITHOUT_EFFECT.has(off);
  return true;
}

interface Parsed {
  /** For standard error. */
  warnings: string[];
  server: string | undefined;
  port: number;
  lookups: Lookup[];
  command: boolean;
}

const isType = (word: string): boolean => word.toUpperCase() === 'ANY' || dnsTypeNumber(word.toUpperCase()) !== 0;
const typeName = (word: string): string => word.toUpperCase().replace(/^TYPE(?=\d)/, 'UNKNOWN_');

/** Arguments in dig's order: options behind a name are that name's own, those before the first are everybody's. */
function parse(args: readonly string[]): Parsed | ToolResult {
  const base: Options = { ...DEFAULTS };
  const parsed: Parsed = { server: undefined, port: 53, lookups: [], command: true, warnings: [] };
  let current: Lookup | undefined;
  /** A type before the first name is everybody's. */
  let baseType: string | undefined;
  let typed = false;
  const begin = (name: string, type = baseType ?? 'A'): void => {
    current = { name, type, options: { ...base } };
    typed = baseType !== undefined;
    parsed.lookups.push(current);
  };
  const setType = (word: string): void => {
    if (typed) parsed.warnings.push(';; Warning, extra type option');
    typed = true;
    if (current === undefined) baseType = typeName(word);
    else current.type = typeName(word);
  };
  for (let i = 0; i < args.length; i += 1) {
    const word = args[i] ?? '';
    const next = args[i + 1] ?? '';
    if (word.startsWith('@')) parsed.server = word.slice(1);
    else if (word.startsWith('+')) {
      const taken = plusOption(word, current?.options ?? base);
      if (taken === false) return misuse(`Invalid option: ${word.replace(/=.*/, '')}`);
      if (taken !== true) return taken;
    } else if (word === '-p' || word === '-t' || word === '-q' || word === '-x' || word === '-c' || word === '-b') {
      i += 1;
      if (word === '-p') {
        const port = unsigned(next, 'port number', MOST_PORT);
        if (typeof port === 'string') return badNumber(port, 'port number', 1);
        parsed.port = port;
      } else if (word === '-t') {
        if (isType(next)) setType(next);
        else parsed.warnings.push(`;; Warning, ignoring invalid type ${next}`);
      } else if (word === '-q') begin(next);
      else if (word === '-x') {
        const address = parseIp(next);
        if (address === undefined) return misuse(`Invalid IP address ${next}`);
        begin(reverseName(address), 'PTR');
      }
    } else if (word === '-4' || word === '-u' || word.toUpperCase() === 'IN') continue;
    else if (word.startsWith('-')) return misuse(`Invalid option: ${word}`);
    else if (isType(word)) setType(word);
    else begin(word);
  }
  if (current === undefined) begin('.', 'NS');
  parsed.command = base.shown.command && parsed.lookups[0]?.options.shown.command !== false;
  return parsed;
}

/** A client cookie (RFC 7873), drawn as everything is. */
function optRecord(
  { edns, cookie, dnssec, bufferSize }: Options,
  { netns }: ToolPlace,
): { records: DnsRecord[]; cookie: string | undefined } {
  if (!edns) return { records: [], cookie: undefined };
  const drawn = Array.from({ length: 8 }, () => netns.emulation.random.below(256));
  const options = cookie ? Uint8Array.of(0, 10, 0, 8, ...drawn) : undefined;
  const record: DnsRecord = {
    name: '.',
    ttl: 0,
    type: 'OPT',
    udpPayloadSize: bufferSize,
    ...(dnssec ? { dnssecOk: true } : {}),
    ...(options === undefined ? {} : { options }),
  };
  const text = drawn.map((octet) => octet.toString(16).padStart(2, '0')).join('');
  return { records: [record], cookie: cookie ? text : undefined };
}

const bare = (name: string): string => (name.length > 1 && name.endsWith('.') ? name.slice(0, -1) : name);

interface Server {
  readonly text: string;
  readonly address: NonNullable<ReturnType<typeof parseIpv4>>;
  readonly port: number;
}

/** One lookup, with its search list where that is wished for. */
function look(place: ToolPlace, { name, type, options }: Lookup, server: Server): { rows: string[]; failed: boolean } {
  const { records, cookie } = optRecord(options, place);
  const conf = resolvConfOf(place);
  const names = options.search ? searchedNames(name, conf) : [bare(name)];
  let asked: Asked = { answer: undefined, complaints: [] };
  for (const one of names) {
    const question = {
      name: one,
      type,
      server: server.address,
      port: server.port,
      protocol: options.tcp ? 'tcp' : 'udp',
      flags: options.flags,
      additionals: records,
      timeoutSeconds: options.time,
      tries: options.tries,
      process: 'dig',
    } as const;
    asked = ask(place.netns, question, options.ignore);
    if (asked.answer === undefined || asked.answer.message.rcode !== 3) break;
  }
  const { answer, complaints } = asked;
  if (answer === undefined) return { rows: [...complaints], failed: true };
  if (options.short) return { rows: [...complaints, ...answer.message.answers.map(formatData)], failed: false };
  const { tookNs, octets, protocol } = answer;
  const nowNs = place.netns.emulation.clock.nowNs;
  const statistics = {
    tookNs,
    server: server.address,
    port: server.port,
    serverText: server.text,
    protocol,
    nowNs,
    octets,
  };
  const rows = [
    ...messageLines(answer.message, options.shown, cookie),
    ...(options.shown.statistics ? statisticsLines(statistics) : []),
  ];
  return { rows: [...complaints, ...rows], failed: false };
}

/** What stands above the first answer. */
const banner = (args: readonly string[], named: boolean): readonly string[] => [
  '',
  `; <<>> DiG ${DIG_VERSION} <<>> ${args.join(' ')}`,
  ...(named ? ['; (1 server found)'] : []),
  ';; global options: +cmd',
];

/** Behind the complaints about the way there: dig prints its banner with the first answer. */
function withBanner(rows: readonly string[], head: readonly string[]): readonly string[] {
  const first = rows.findIndex((row) => !/^;; (?:communications error|Truncated)/.test(row));
  const at = first < 0 ? rows.length : first;
  return [...rows.slice(0, at), ...head, ...rows.slice(at)];
}

export const dig: Tool = (place, args): ToolResult => {
  const parsed = parse(args);
  if ('exitCode' in parsed) return parsed;
  const bad = parsed.lookups.find(({ name }) => !isDnsName(name));
  if (bad !== undefined)
    return failure(10, `dig: '${bad.name}' is not a legal IDNA2008 name (empty label), use +noidnin`);
  const [first] = resolvConfOf(place).servers;
  const text = parsed.server;
  const address = text === undefined ? first : (parseIpv4(text) ?? resolveInPlace(place, text, 'dig'));
  if (address === undefined) return failure(10, `dig: couldn't get address for '${text ?? ''}': not found`);
  const server = { text: text ?? '', address, port: parsed.port };
  const rows: string[] = [];
  let failed = false;
  for (const [i, lookup] of parsed.lookups.entries()) {
    const told = look(place, lookup, serverOf(server, first));
    failed = told.failed;
    const head = i === 0 && parsed.command && !lookup.options.short ? banner(args, text !== undefined) : [];
    rows.push(...withBanner(told.rows, head), ...(told.failed ? [';; no servers could be reached'] : []));
    if (told.failed) break;
  }
  return { exitCode: failed ? 9 : 0, stdout: lines(rows), stderr: lines(parsed.warnings) };
};

/** Without a server on the command line its address is printed in its place. */
const serverOf = (server: Server, first: Server['address'] | undefined): Server =>
  server.text !== '' || first === undefined ? server : { ...server, text: textOf(first) };

const textOf = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
