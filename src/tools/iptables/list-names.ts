/** What matches and targets say in `iptables -L` without `-n`: names of ports, flags, ICMP types and levels. */

import { formatIcmpType, serviceOfPort } from '../../kernel/index.js';
import { bang, type List, type ListedOption, LOG_FLAGS, portWords, unquoted, valueOf } from './listed-option.js';

const portName = (port: string, protocol: string): string => serviceOfPort(Number(port), protocol) ?? port;

/** `http`, `ssh:http`. */
const rangeName = (range: string, protocol: string): string =>
  range
    .split(':')
    .map((port) => portName(port, protocol))
    .join(':');

function portText(option: ListedOption, protocol: string): string {
  const [value = ''] = option.values;
  const word = `${portWords[option.name] ?? option.name}${value.includes(':') ? 's' : ''}`;
  return `${word}:${bang(option)}${rangeName(value, protocol)}`;
}

function transportText(option: ListedOption, protocol: string): string {
  if (option.name === 'tcp-flags') return `flags:${bang(option)}${option.values.join('/')}`;
  if (option.name === 'tcp-option') return `option=${bang(option)}${option.values[0] ?? ''}`;
  if (option.name === 'chunk-types') return `${bang(option, '! ')}${option.values.join(' ')}`;
  return portText(option, protocol);
}

const transport: List = (options, protocol) =>
  [protocol, ...options.map((option) => transportText(option, protocol))].join(' ');

const icmp: List = ([option]) => {
  const [type = '', code] = (option?.values[0] ?? '').split('/');
  const number = type === 'any' ? 255 : Number(type);
  const name = formatIcmpType({ type: number, code: code === undefined ? undefined : Number(code) });
  const numbers = `type ${number}${code === undefined ? '' : ` code ${code}`}`;
  return `icmp${name === undefined ? '' : ' '}${option === undefined ? '' : bang(option)}${name ?? numbers}`;
};

const multiport: List = ([option], protocol) => {
  const ranges = (option?.values[0] ?? '').split(',').map((range) => rangeName(range, protocol));
  return `multiport ${option?.name ?? ''} ${option?.inverted === true ? ' !' : ''}${ranges.join(',')}`;
};

/** syslog(3). */
const LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'] as const;

const log: List = (options) => {
  const level = LEVELS[Number(valueOf(options, 'log-level') ?? '4')] ?? '';
  const flags = options
    .filter(({ name }) => Object.hasOwn(LOG_FLAGS, name))
    .map(({ name }) => name.slice('log-'.length));
  const prefix = valueOf(options, 'log-prefix');
  return ['LOG level', level, ...flags, ...(prefix === undefined ? [] : [`prefix "${unquoted(prefix)}"`])].join(' ');
};

const TOS_NAMES: Readonly<Record<number, string>> = {
  0x00: 'Normal-Service',
  0x02: 'Minimize-Cost',
  0x04: 'Maximize-Reliability',
  0x08: 'Maximize-Throughput',
  0x10: 'Minimize-Delay',
};

const octet = (value: number): string => `0x${(value & 0xff).toString(16).padStart(2, '0')}`;

/** tos_tg_print(), which leaves no blank before a name and one too many at the start. */
const tos: List = (options) => {
  const [value = 0, mask = 0xff] = (valueOf(options, 'set-tos') ?? '').split('/').map(Number);
  const name = mask === 0x3f ? TOS_NAMES[value] : undefined;
  if (name !== undefined) return ` TOS set${name}`;
  if (value === 0) return `TOS and ${octet(~mask)}`;
  if (value === mask) return `TOS or ${octet(value)}`;
  return mask === 0 ? `TOS xor ${octet(value)}` : `TOS set ${octet(value)}/${octet(mask)}`;
};

export const NAMED_MATCHES: Readonly<Record<string, List>> = {
  icmp,
  multiport,
  sctp: transport,
  tcp: transport,
  udp: transport,
};
export const NAMED_TARGETS: Readonly<Record<string, List>> = { LOG: log, TOS: tos };
