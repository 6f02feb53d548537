/** `host` (BIND 9.18; bin/dig/host.c): names and addresses in sentences. */

import { parseIp } from '../../kubernetes/index.js';
import {
  DNS_FLAG,
  type DnsMessage,
  type DnsRecord,
  dnsTypeNumber,
  formatIpv4,
  type Ipv4Addr,
  parseIpv4,
} from '../../packet/index.js';
import { formatData, formatType, rcodeName, reverseName } from '../../services/index.js';
import { getopt, isBadOption } from '../getopt.js';
import { resolveInPlace } from '../resolve.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from '../tool.js';
import { type Asked, ask, endOfAliases, resolvConfOf, searchedNames } from './ask.js';

const USAGE = `Usage: host [-aCdilrTvVw] [-c class] [-N ndots] [-t type] [-W time]
            [-R number] [-m flag] [-p port] hostname [server]
       -a is equivalent to -v -t ANY
       -A is like -a but omits RRSIG, NSEC, NSEC3
       -c specifies query class for non-IN data
       -C compares SOA records on authoritative nameservers
       -d is equivalent to -v
       -l lists all hosts in a domain, using AXFR
       -m set memory debugging flag (trace|record|usage)
       -N changes the number of dots allowed before root lookup is done
       -p specifies the port on the server to query
       -r disables recursive processing
       -R specifies number of retries for UDP packets
       -s a SERVFAIL response should stop query
       -t specifies the query type
       -T enables TCP/IP mode
       -U enables UDP mode
       -v enables verbose output
       -V print version number and exit
       -w specifies to wait forever for a reply
       -W specifies how long to wait for a reply
       -4 use IPv4 query transport only
       -6 use IPv6 query transport only`;

const NXDOMAIN = 3;

interface Options {
  /** Without one: addresses of both families, and who takes mail. */
  readonly type: string | undefined;
  readonly port: number;
  readonly timeout: number;
  readonly tries: number;
  readonly tcp: boolean;
  readonly recursive: boolean;
  readonly ndots: number | undefined;
  readonly name: string;
  readonly server: string | undefined;
}

/** atoi(): of what is no number 0. */
const atoi = (text: string): number => Number.parseInt(text, 10) || 0;

function read(args: readonly string[]): Options | ToolResult {
  const given = getopt(args, 'aACdilrsTUvVw4c:m:N:p:R:t:W:');
  if (isBadOption(given))
    return failure(1, `host: ${given.problem.replace('invalid option', 'illegal option').replace(/'/g, '')}\n${USAGE}`);
  const { values, flags, rest } = given;
  if (flags.has('V')) return { exitCode: 0, stdout: '', stderr: 'host 9.18.49-1~deb12u3-Debian\n' };
  const other = ['a', 'A', 'C', 'd', 'l', 'v', 'w'].find((letter) => flags.has(letter));
  if (other !== undefined || values.has('c') || values.has('m'))
    return failure(
      2,
      `host: -${other ?? (values.has('c') ? 'c' : 'm')} is not offered here; "dig" shows a message as a whole`,
    );
  const type = values.get('t')?.toUpperCase();
  if (type !== undefined && dnsTypeNumber(type) === 0)
    return failure(2, `host: invalid type: ${values.get('t') ?? ''}\n`);
  const [name, server] = rest;
  if (name === undefined) return failure(1, USAGE);
  const number = (letter: string, fallback: number): number => atoi(values.get(letter) ?? String(fallback));
  return {
    type,
    port: number('p', 53) & 0xffff,
    timeout: Math.max(number('W', 5), 1),
    tries: Math.max(number('R', 1), 1) + 1,
    tcp: flags.has('T'),
    recursive: !flags.has('r'),
    ndots: values.has('N') ? number('N', 1) : undefined,
    name,
    server,
  };
}

/** rtypes[]: what a record says of its name. */
const SAYS: Readonly<Record<string, string>> = {
  A: 'has address',
  AAAA: 'has IPv6 address',
  CNAME: 'is an alias for',
  MX: 'mail is handled by',
  NS: 'name server',
  PTR: 'domain name pointer',
  TXT: 'descriptive text',
};

const bare = (name: string): string => (name === '.' ? name : name.replace(/\.$/, ''));

const sentence = (record: DnsRecord): string => {
  const type = record.type === 'other' ? formatType(record.typeName) : record.type;
  return `${bare(record.name)} ${SAYS[type] ?? `has ${type} record`} ${formatData(record)}`;
};

/** An answer to one question. Of a name alone nothing is said of what it does not have. */
export function hostRows(
  message: DnsMessage,
  { name, type }: { name: string; type: string | undefined },
): readonly string[] {
  if (message.rcode !== 0) return [`Host ${name} not found: ${message.rcode}(${rcodeName(message.rcode)})`];
  if (message.answers.length === 0 && type !== undefined) return [`${bare(name)} has no ${type} record`];
  return message.answers.filter((record) => record.type !== 'OPT').map(sentence);
}

interface Lookup {
  readonly place: ToolPlace;
  readonly options: Options;
  readonly address: Ipv4Addr;
}

function askFor({ place, options, address }: Lookup, name: string, type: string): Asked {
  const { port, tcp, recursive, timeout, tries } = options;
  const flags = recursive ? DNS_FLAG.recursionDesired : 0;
  const base = { server: address, port, protocol: tcp ? 'tcp' : 'udp', flags, additionals: [] } as const;
  return ask(place.netns, { ...base, name, type, timeoutSeconds: timeout, tries, process: 'host' }, false);
}

/** Names of the search list until one exists. */
function firstExisting(lookup: Lookup, names: readonly string[], type: string): { asked: Asked; name: string } {
  let found = { asked: { answer: undefined, complaints: [] } as Asked, name: names[0] ?? '' };
  for (const name of names) {
    found = { asked: askFor(lookup, name, type), name };
    if (found.asked.answer?.message.rcode !== NXDOMAIN) return found;
  }
  return found;
}

const UNREACHED = ';; no servers could be reached';
const FAMILIES_AND_MAIL = ['A', 'AAAA', 'MX'];

function look(lookup: Lookup): ToolResult {
  const { options, place, address } = lookup;
  const reverse = parseIp(options.name);
  const type = reverse === undefined ? options.type : (options.type ?? 'PTR');
  const [firstType = 'A', ...others] = type === undefined ? FAMILIES_AND_MAIL : [type];
  const resolvConf = resolvConfOf(place);
  const names =
    reverse === undefined
      ? searchedNames(options.name, { ...resolvConf, ndots: options.ndots ?? resolvConf.ndots })
      : [reverseName(reverse)];
  const head =
    options.server === undefined
      ? []
      : [
          'Using domain server:',
          `Name: ${options.server}`,
          `Address: ${formatIpv4(address)}#${options.port}`,
          'Aliases: ',
          '',
        ];
  const { asked, name } = firstExisting(lookup, names, firstType);
  if (asked.answer === undefined) return { exitCode: 1, stdout: lines([...asked.complaints, UNREACHED]), stderr: '' };
  const { message } = asked.answer;
  // Whom nobody knows is named as he was asked for.
  const shown = message.rcode === NXDOMAIN && reverse === undefined ? options.name : bare(name);
  const rows = [...asked.complaints, ...head, ...hostRows(message, { name: shown, type })];
  if (message.rcode !== 0) return { exitCode: 1, stdout: lines(rows), stderr: '' };
  const end = endOfAliases(message, name);
  for (const other of others) {
    const further = askFor(lookup, end, other).answer?.message;
    if (further?.rcode === 0) rows.push(...hostRows(further, { name: end, type }));
  }
  return ok(lines(rows));
}

/** `host [-t TYPE] NAME [SERVER]`. */
export const host: Tool = (place, args) => {
  const options = read(args);
  if ('exitCode' in options) return options;
  const { server } = options;
  const address =
    server === undefined
      ? resolvConfOf(place).servers[0]
      : (parseIpv4(server) ?? resolveInPlace(place, server, 'host'));
  if (address === undefined) return failure(1, `host: couldn't get address for '${server ?? ''}': not found`);
  return look({ place, options, address });
};
