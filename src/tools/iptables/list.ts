/**
 * A rule as `iptables -L -n` 1.8.9 lists it: the basic conditions in columns, then what its matches and its target say
 * (iptables/nft-ipv4.c:nft_ipv4_print_rule() and the print() of extensions/libxt_*.c). What `iptables-save` prints of
 * them is read again, so that there is one text of each in the kernel.
 */

import { NAMED_MATCHES, NAMED_TARGETS } from './list-names.js';
import {
  bang,
  type List,
  type ListedOption,
  LOG_FLAGS,
  optionsOf,
  portWords,
  unquoted,
  valueOf,
} from './listed-option.js';

/** `! ctstate INVALID ctdir ORIGINAL`: names without their dashes. */
const plain: List = (options) =>
  options.map((one) => [`${bang(one, '! ')}${one.name}`, ...one.values].join(' ')).join(' ');

const dashed =
  (title: string): List =>
  (options) =>
    [title, ...options.map((one) => [`${bang(one, '! ')}--${one.name}`, ...one.values].join(' '))].join(' ');

/** `dpt:80`, `dpts:80:90`, `dpt:!80`. */
const portText = (option: ListedOption): string => {
  const [value = ''] = option.values;
  return `${portWords[option.name] ?? option.name}${value.includes(':') ? 's' : ''}:${bang(option)}${value}`;
};

const TCP_FLAGS: Readonly<Record<string, number>> = {
  FIN: 0x01,
  SYN: 0x02,
  RST: 0x04,
  PSH: 0x08,
  ACK: 0x10,
  URG: 0x20,
  ALL: 0x3f,
  NONE: 0,
};
const flagsText = (list = ''): string => {
  const value = list.split(',').reduce((all, flag) => all | (TCP_FLAGS[flag] ?? 0), 0);
  return `0x${value.toString(16).toUpperCase().padStart(2, '0')}`;
};

/** xt_sctp's names of chunk types, which are listed as numbers. */
const CHUNKS: Readonly<Record<string, number>> = {
  DATA: 0,
  INIT: 1,
  INIT_ACK: 2,
  SACK: 3,
  HEARTBEAT: 4,
  HEARTBEAT_ACK: 5,
  ABORT: 6,
  SHUTDOWN: 7,
  SHUTDOWN_ACK: 8,
  ERROR: 9,
  COOKIE_ECHO: 10,
  COOKIE_ACK: 11,
  ECN_ECNE: 12,
  ECN_CWR: 13,
  SHUTDOWN_COMPLETE: 14,
  I_DATA: 64,
  ASCONF_ACK: 128,
  RE_CONFIG: 130,
  PAD: 132,
  FORWARD_TSN: 192,
  ASCONF: 193,
  I_FORWARD_TSN: 194,
};

/** `any DATA,ABORT:T` → `any 0x0000,0x0006:T`. */
function chunkText(option: ListedOption): string {
  const [how = '', list = ''] = option.values;
  const numbers = list.split(',').map((chunk) => {
    const [name = '', ...flags] = chunk.split(':');
    const number = CHUNKS[name];
    const shown = number === undefined ? name : `0x${number.toString(16).toUpperCase().padStart(4, '0')}`;
    return [shown, ...flags].join(':');
  });
  return `${bang(option, '! ')}${how} ${numbers.join(',')}`;
}

const ports =
  (protocol: string): List =>
  (options) =>
    [
      protocol,
      ...options.map((option) => {
        if (option.name === 'tcp-flags')
          return `flags:${bang(option)}${flagsText(option.values[0])}/${flagsText(option.values[1])}`;
        if (option.name === 'tcp-option') return `option=${bang(option)}${option.values[0] ?? ''}`;
        return option.name === 'chunk-types' ? chunkText(option) : portText(option);
      }),
    ].join(' ');

const icmp: List = ([option]) => {
  const [type = '', code] = (option?.values[0] ?? '').split('/');
  const number = type === 'any' ? '255' : type;
  return `icmp${option === undefined ? '' : bang(option, ' !')}type ${number}${code === undefined ? '' : ` code ${code}`}`;
};

const limit: List = (options) =>
  `limit: avg ${valueOf(options, 'limit') ?? ''} burst ${valueOf(options, 'limit-burst') ?? '5'}`;

const addrtype: List = (options) =>
  [
    'ADDRTYPE match',
    ...options.map((one) =>
      one.name.startsWith('limit-iface-')
        ? one.name.replace('iface-', '')
        : `${one.name} ${bang(one)}${one.values.join(' ')}`,
    ),
  ].join(' ');

/** `--mode random --probability 0.5`. */
const statistic: List = (options) =>
  ['statistic', ...options.map((one) => [`${bang(one, '! ')}${one.name}`, ...one.values].join(' '))].join(' ');

const RECENT_ACTIONS: Readonly<Record<string, string>> = {
  set: 'SET',
  rcheck: 'CHECK',
  update: 'UPDATE',
  remove: 'REMOVE',
};

const recent: List = (options) =>
  [
    `${options.some(({ inverted }) => inverted) ? '! ' : ''}recent:`,
    ...options.map((one) => {
      const action = RECENT_ACTIONS[one.name];
      const [value = ''] = one.values;
      if (action !== undefined) return action;
      if (one.name === 'seconds') return `seconds: ${value}`;
      if (one.name === 'hitcount') return `hit_count: ${value}`;
      if (one.name === 'rttl') return 'TTL-Match';
      return one.name === 'name' ? `name: ${value}` : one.name === 'mask' || one.name === 'reap' ? one.name : '';
    }),
  ]
    .filter((word) => word !== '' && word !== 'mask')
    .concat(options.some(({ name }) => name === 'rdest') ? 'side: dest' : 'side: source')
    .concat(`mask: ${valueOf(options, 'mask') ?? '255.255.255.255'}`)
    .join(' ');

const connlimit: List = (options) => {
  const side = options.some(({ name }) => name === 'connlimit-daddr') ? 'dst' : 'src';
  const above = valueOf(options, 'connlimit-above');
  const mask = valueOf(options, 'connlimit-mask') ?? '32';
  return `#conn ${side}/${mask} ${above === undefined ? '<=' : '>'} ${above ?? valueOf(options, 'connlimit-upto') ?? ''}`;
};

const OWNERS: Readonly<Record<string, string>> = {
  'uid-owner': 'owner UID match',
  'gid-owner': 'owner GID match',
  'socket-exists': 'owner socket exists',
  'suppl-groups': 'incl. suppl. groups',
};

const MATCHES: Readonly<Record<string, List>> = {
  addrtype,
  comment: (options) => `/* ${unquoted(valueOf(options, 'comment') ?? '')} */`,
  connlimit,
  connmark: ([option]) => `connmark match ${option === undefined ? '' : bang(option)} ${option?.values[0] ?? ''}`,
  conntrack: plain,
  icmp,
  limit,
  mark: ([option]) => `mark match${option === undefined ? '' : bang(option, ' !')} ${option?.values[0] ?? ''}`,
  multiport: ([option]) =>
    `multiport ${option?.name ?? ''} ${option?.inverted === true ? ' !' : ''}${option?.values[0] ?? ''}`,
  nfacct: ([option]) => `nfacct-name  ${option?.values[0] ?? ''}`,
  owner: (options) =>
    options.map((one) => [`${bang(one, '! ')}${OWNERS[one.name] ?? one.name}`, ...one.values].join(' ')).join(' '),
  physdev: dashed('PHYSDEV match'),
  recent,
  rpfilter: (options) => ['rpfilter', ...options.map(({ name }) => name)].join(' '),
  sctp: ports('sctp'),
  set: plain,
  state: plain,
  statistic,
  tcp: ports('tcp'),
  udp: ports('udp'),
};

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

/** mark_tg_print_v2(), connmark's alike: `--set-xmark VALUE/MASK` by what it comes to. */
function markText(title: string, text: string): string {
  const [value = 0, mask = 0xffff_ffff] = text.split('/').map(Number);
  if (value === 0) return `${title} and ${hex(~mask)}`;
  if (value === mask) return `${title} or ${hex(value)}`;
  if (mask === 0) return `${title} xor ${hex(value)}`;
  return mask === 0xffff_ffff ? `${title} set ${hex(value)}` : `${title} xset ${hex(value)}/${hex(mask)}`;
}

const connmarkTarget: List = (options) => {
  const [first] = options;
  if (first?.name === 'set-xmark') return markText('CONNMARK', first.values[0] ?? '');
  const [nfmask, ctmask] = [valueOf(options, 'nfmask'), valueOf(options, 'ctmask')];
  const what = first?.name.replace('-mark', '') ?? '';
  if (nfmask === undefined || ctmask === undefined) return `CONNMARK ${what}`;
  if (nfmask === ctmask) return `CONNMARK ${what}${nfmask === '0xffffffff' ? '' : ` mask ${nfmask}`}`;
  return `CONNMARK ${what} ${what === 'save' ? `nfmask ${nfmask} ctmask ~${ctmask}` : `ctmask ${ctmask} nfmask ~${nfmask}`}`;
};

const log: List = (options) => {
  const flags = options.reduce((all, { name }) => all | (LOG_FLAGS[name] ?? 0), 0);
  const prefix = valueOf(options, 'log-prefix');
  const shown = prefix === undefined ? '' : ` prefix "${unquoted(prefix)}"`;
  return `LOG flags ${flags} level ${valueOf(options, 'log-level') ?? '4'}${shown}`;
};

const to: List = (options) =>
  options.map(({ name, values }) => (values[0] === undefined ? name : `to:${values[0]}`)).join(' ');

const MASQUERADE_WORDS: Readonly<Record<string, string>> = { 'to-ports': 'masq ports:' };
const REDIRECT_WORDS: Readonly<Record<string, string>> = { 'to-ports': 'redir ports' };
const worded =
  (words: Readonly<Record<string, string>>): List =>
  (options) =>
    options.map(({ name, values }) => [words[name] ?? name, ...values].join(' ')).join(' ');

const TARGETS: Readonly<Record<string, List>> = {
  CONNMARK: connmarkTarget,
  CT: (options, protocol) => `CT ${plain(options, protocol)}`.trimEnd(),
  DNAT: to,
  DSCP: (options) => `DSCP set ${valueOf(options, 'set-dscp') ?? ''}`,
  LOG: log,
  MARK: (options) => markText('MARK', valueOf(options, 'set-xmark') ?? ''),
  MASQUERADE: worded(MASQUERADE_WORDS),
  NFLOG: plain,
  NOTRACK: () => 'NOTRACK',
  REDIRECT: worded(REDIRECT_WORDS),
  REJECT: plain,
  SET: plain,
  SNAT: to,
  TOS: (options) => `TOS set ${valueOf(options, 'set-tos') ?? ''}`,
  TRACE: () => '',
  TCPMSS: ([option]) =>
    option?.name === 'clamp-mss-to-pmtu' ? 'TCPMSS clamp to PMTU' : `TCPMSS set ${option?.values[0] ?? ''}`,
};

/** How a rule is listed. */
export interface ListForm {
  /** `-n`: no names. */
  readonly numeric: boolean;
  /** Name of the rule's protocol. */
  readonly protocol: string;
}

type Lists = Readonly<Record<string, List>>;

function listed(name: string, text: string, lists: readonly Lists[], { protocol }: ListForm): string {
  const list = lists.find((one) => Object.hasOwn(one, name))?.[name];
  return list === undefined ? `${name} ${text}`.trim() : list(optionsOf(text), protocol);
}

/** What a match says, without the blank before it. One that podwire does not know is shown as it was written. */
export const listMatch = (name: string, text: string, form: ListForm): string =>
  listed(name, text, form.numeric ? [MATCHES] : [NAMED_MATCHES, MATCHES], form);

export const listTarget = (name: string, text: string, form: ListForm): string =>
  listed(name, text, form.numeric ? [TARGETS] : [NAMED_TARGETS, TARGETS], form);
