/** `nslookup` (BIND 9.18), not interactive. */

import { parseIp } from '../../kubernetes/index.js';
import {
  DNS_FLAG,
  type DnsMessage,
  type DnsRecord,
  dnsTypeNumber,
  formatIpv4,
  formatIpv6,
  type Ipv4Addr,
  parseIpv4,
} from '../../packet/index.js';
import { formatData, rcodeName, reverseName } from '../../services/index.js';
import { resolveInPlace } from '../resolve.js';
import { failure, lines, type Tool, type ToolPlace } from '../tool.js';
import { type Asked, ask, endOfAliases, resolvConfOf, searchedNames } from './ask.js';
import { MOST_PORT, MOST_TRIES, unsigned } from './unsigned.js';

const NXDOMAIN = 3;

interface Options {
  readonly types: readonly string[];
  readonly port: number;
  readonly timeout: number;
  readonly tries: number;
  readonly tcp: boolean;
  readonly search: boolean;
  /** Printed before all else. */
  readonly complaints: readonly string[];
}

const DEFAULTS: Options = {
  types: ['A', 'AAAA'],
  port: 53,
  timeout: 5,
  tries: 3,
  tcp: false,
  search: true,
  complaints: [],
};

/** A number, or what is printed of one that changes nothing. */
const withNumber = (options: Options, number: number | string, set: (value: number) => Partial<Options>): Options =>
  typeof number === 'string'
    ? { ...options, complaints: [...options.complaints, number] }
    : { ...options, ...set(number) };

function withOption(options: Options, word: string): Options | undefined {
  const [, name = '', value = ''] = /^-([a-z]+)(?:=(.*))?$/i.exec(word) ?? [];
  switch (name.toLowerCase()) {
    case 'type':
    case 'query':
    case 'querytype':
    case 'q':
      return dnsTypeNumber(value.toUpperCase()) === 0 ? undefined : { ...options, types: [value.toUpperCase()] };
    case 'port':
      return withNumber(options, unsigned(value, 'port', MOST_PORT), (port) => ({ port }));
    case 'timeout':
      return withNumber(options, unsigned(value, 'timeout', MOST_TRIES), (seconds) => ({
        timeout: Math.max(1, seconds),
      }));
    case 'retry':
      return withNumber(options, unsigned(value, 'tries', MOST_TRIES), (retries) => ({ tries: retries + 1 }));
    case 'vc':
      return { ...options, tcp: true };
    case 'nosearch':
      return { ...options, search: false };
    case 'search':
    case 'recurse':
    case 'debug':
    case 'nodebug':
      return options;
    default:
      return undefined;
  }
}

const bare = (name: string): string => (name === '.' ? name : name.replace(/\.$/, ''));

/** A record as it is told (nslookup.c:printrdata(), printa()). */
function recordRows(record: DnsRecord): readonly string[] {
  const { name } = record;
  switch (record.type) {
    case 'A':
      return [`Name:\t${bare(name)}`, `Address: ${formatIpv4(record.address)}`];
    case 'AAAA':
      return [`Name:\t${bare(name)}`, `Address: ${formatIpv6(record.address)}`];
    case 'CNAME':
      return [`${name}\tcanonical name = ${formatData(record)}`];
    case 'PTR':
      return [`${name}\tname = ${formatData(record)}`];
    case 'NS':
      return [`${name}\tnameserver = ${formatData(record)}`];
    case 'MX':
      return [`${name}\tmail exchanger = ${formatData(record)}`];
    case 'SRV':
      return [`${name}\tservice = ${formatData(record)}`];
    case 'TXT':
      return [`${name}\ttext = ${formatData(record)}`];
    case 'SOA':
      return [
        name,
        `\torigin = ${record.mname}`,
        `\tmail addr = ${record.rname}`,
        `\tserial = ${record.serial}`,
        `\trefresh = ${record.refresh}`,
        `\tretry = ${record.retry}`,
        `\texpire = ${record.expire}`,
        `\tminimum = ${record.minimum}`,
      ];
    case 'DNAME':
    case 'OPT':
      return [];
    case 'other':
      return [`${name}\trdata_${dnsTypeNumber(record.typeName)} = ${formatData(record)}`];
  }
}

export interface Told {
  readonly rows: readonly string[];
  readonly failed: boolean;
}

const SERVFAIL = 2;

/** An answer to one question. `first`: the question for AAAA says nothing where the one for A has said all. */
export function answerRows(
  message: DnsMessage,
  { name, type, first }: { name: string; type: string; first: boolean },
): Told {
  if (message.rcode !== 0) return { rows: [`** server can't find ${name}: ${rcodeName(message.rcode)}`], failed: true };
  const usable = message.answers.filter((record) => first || record.type === type);
  if (message.answers.length === 0) return { rows: first ? [`*** Can't find ${name}: No answer`] : [], failed: false };
  const unsure = (message.flags & DNS_FLAG.authoritative) === 0 && first ? ['Non-authoritative answer:'] : [];
  return { rows: [...unsure, ...usable.flatMap(recordRows)], failed: false };
}

interface Server {
  readonly text: string;
  readonly address: Ipv4Addr;
}

export const serverRows = ({ text, address }: Server, port: number): readonly string[] => [
  `Server:\t\t${text}`,
  `Address:\t${formatIpv4(address)}#${port}`,
  '',
];

interface Lookup {
  readonly place: ToolPlace;
  readonly options: Options;
  readonly server: Server;
}

function askFor({ place, options, server }: Lookup, name: string, type: string): Asked {
  const { port, tcp, timeout, tries } = options;
  const protocol = tcp ? 'tcp' : 'udp';
  const base = { server: server.address, port, protocol, flags: DNS_FLAG.recursionDesired, additionals: [] } as const;
  return ask(place.netns, { ...base, name, type, timeoutSeconds: timeout, tries, process: 'nslookup' }, false);
}

/** Names of the search list until one exists. */
function firstExisting(lookup: Lookup, names: readonly string[], type: string): { asked: Asked; name: string } {
  let found = { asked: { answer: undefined, complaints: [] } as Asked, name: names[0] ?? '' };
  for (const name of names) {
    found = { asked: askFor(lookup, name, type), name };
    if (found.asked.answer === undefined || found.asked.answer.message.rcode !== NXDOMAIN) return found;
  }
  return found;
}

const gotFailure = (server: Server): string => `;; Got SERVFAIL reply from ${formatIpv4(server.address)}`;

function look(lookup: Lookup, target: string): { rows: string[]; exitCode: number } {
  const { options, server, place } = lookup;
  const reverse = parseIp(target);
  const names =
    reverse !== undefined
      ? [reverseName(reverse)]
      : options.search
        ? searchedNames(target, resolvConfOf(place))
        : [bare(target)];
  const types = reverse !== undefined ? ['PTR'] : options.types;
  const head = reverse !== undefined ? [] : serverRows(server, options.port);
  const { asked, name } = firstExisting(lookup, names, types[0] ?? 'A');
  const rows = [...asked.complaints];
  if (asked.answer === undefined) return { rows: [...rows, ';; no servers could be reached', ''], exitCode: 1 };
  if (asked.answer.message.rcode === SERVFAIL) rows.push(gotFailure(server));
  const told = answerRows(asked.answer.message, { name, type: types[0] ?? 'A', first: true });
  rows.push(...head, ...told.rows);
  // The other family, of the name at the end of the aliases.
  const [, second] = types;
  if (!told.failed && second !== undefined) {
    const end = endOfAliases(asked.answer.message, name);
    const further = askFor(lookup, end, second).answer?.message;
    if (further !== undefined) rows.push(...answerRows(further, { name: end, type: second, first: false }).rows);
  }
  return { rows: [...rows, ''], exitCode: told.failed ? 1 : 0 };
}

export const nslookup: Tool = (place, args) => {
  const words = args.filter((word) => !word.startsWith('-'));
  let options = DEFAULTS;
  for (const word of args.filter((one) => one.startsWith('-'))) {
    const changed = withOption(options, word);
    if (changed === undefined) return failure(1, `*** Invalid option: ${word.slice(1)}`);
    options = changed;
  }
  const [target, serverText] = words;
  if (target === undefined) return failure(1, 'nslookup: only `nslookup NAME [SERVER]` is offered here');
  const address =
    serverText === undefined
      ? resolvConfOf(place).servers[0]
      : (parseIpv4(serverText) ?? resolveInPlace(place, serverText, 'nslookup'));
  if (address === undefined) return failure(1, `nslookup: couldn't get address for '${serverText ?? ''}': not found`);
  const server = { text: serverText ?? formatIpv4(address), address };
  const { rows, exitCode } = look({ place, options, server }, target);
  return { exitCode, stdout: lines([...options.complaints, ...rows]), stderr: '' };
};
