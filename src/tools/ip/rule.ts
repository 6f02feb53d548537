/** `ip rule` as iproute2 6.1 prints it (ip/iprule.c). */

import {
  type FibRule,
  formatRuleIpProtocol,
  formatTos,
  type Netns,
  parseNumberWord,
  parseProtocol,
  parseRouteProtocol,
  parseTable,
  RT_PROTOCOL,
} from '../../kernel/index.js';
import { formatIpv4, type Ipv4Prefix, ipv4Network } from '../../packet/index.js';
import { ok, type ToolResult } from '../tool.js';
import { type Names, namesOf } from './names.js';
import { type OutputForm, printRows, Row } from './row.js';
import { isResult, noPrefix, parsePrefix, readSelector, refuse, type Selector, wrongArgument } from './selector.js';

export interface RuleForm extends OutputForm {
  /** `-d`: what is usual is said too. */
  readonly details: boolean;
  /** `-N`. */
  readonly numeric: boolean;
}

/** iprule_list_flush_or_save(), in its order. */
const SELECTORS = {
  preference: 'value*',
  order: 'value*',
  priority: 'value*',
  from: 'value*',
  not: 'flag',
  tos: 'value',
  dsfield: 'value',
  fwmark: 'value',
  iif: 'value',
  dev: 'value',
  oif: 'value',
  l3mdev: 'flag',
  uidrange: 'value',
  tun_id: 'value*',
  lookup: 'value*',
  table: 'value*',
  ipproto: 'value',
  sport: 'value',
  dport: 'value',
  protocol: 'value*',
  dst: 'value*',
  to: 'value',
} as const;

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

/** `10.0.0.0/8` is an address and a length to `-j`, and a whole to people; /32 is left out. */
function prefix(row: Row, { addr, length }: Ipv4Prefix, as: { key: string; word: string }): void {
  const text = formatIpv4(addr);
  row.add(as.key, text, `${as.word} ${text}`);
  if (length < 32) row.add(`${as.key}len`, length, `/${length}`);
}

function device(row: Row, netns: Netns, as: { word: 'iif' | 'oif'; name: string }): void {
  row.add(as.word, as.name, ` ${as.word} ${as.name}`);
  if (netns.devices.named(as.name) === undefined) row.add(`${as.word}_detached`, null, ' [detached]');
}

function ports(row: Row, word: 'sport' | 'dport', { first, last }: { first: number; last: number }): void {
  if (first === last) row.add(word, first, ` ${word} ${first}`);
  else {
    row.add(`${word}_start`, first, ` ${word} ${first}`);
    row.add(`${word}_end`, last, `-${last}`);
  }
}

function matches(row: Row, netns: Netns, rule: FibRule, numeric: boolean): void {
  if (rule.not) row.add('not', null, 'not ');
  if (rule.from === undefined) row.add('src', 'all', 'from all');
  else prefix(row, rule.from, { key: 'src', word: 'from' });
  if (rule.to !== undefined) {
    row.say(' ');
    prefix(row, rule.to, { key: 'dst', word: 'to' });
  }
  if (rule.tos !== 0) row.add('tos', formatTos(rule.tos), ` tos ${formatTos(rule.tos)}`);
  if (rule.mark !== 0 || rule.mask !== 0) {
    const mark = rule.mark === 0 ? '0' : hex(rule.mark); // %#x
    row.add('fwmark', mark, ` fwmark ${mark}`);
    if (rule.mask >>> 0 !== 0xffff_ffff) row.add('fwmask', hex(rule.mask), `/${hex(rule.mask)}`);
  }
  if (rule.iif !== undefined) device(row, netns, { word: 'iif', name: rule.iif });
  if (rule.oif !== undefined) device(row, netns, { word: 'oif', name: rule.oif });
  if (rule.ipProtocol !== undefined) {
    const protocol = numeric ? `ipproto-${rule.ipProtocol}` : formatRuleIpProtocol(rule.ipProtocol);
    row.add('ipproto', protocol, ` ipproto ${protocol}`);
  }
  if (rule.sourcePorts !== undefined) ports(row, 'sport', rule.sourcePorts);
  if (rule.destinationPorts !== undefined) ports(row, 'dport', rule.destinationPorts);
}

/** Actions are types of routes, but for `nop`. */
const actionText = (action: Exclude<FibRule['action'], 'lookup' | 'goto'>, names: Names): string =>
  action === 'nop' ? action : names.type(action);

/** print_rule(). */
function ruleRow(netns: Netns, rule: FibRule, form: RuleForm): Row {
  const row = new Row();
  const names = namesOf(form);
  row.add('priority', rule.priority, `${rule.priority}:\t`);
  matches(row, netns, rule, form.numeric);
  if (rule.action === 'lookup') {
    row.add('table', names.table(rule.table), ` lookup ${names.table(rule.table)}`);
    const { suppressPrefixLength: suppressed } = rule;
    if (suppressed !== undefined) row.add('suppress_prefixlen', suppressed, ` suppress_prefixlength ${suppressed}`);
  } else if (rule.action === 'goto') {
    row.add('goto', rule.goto, ` goto ${rule.goto}`);
    if (!netns.fib.rules.some(({ priority }) => priority === rule.goto)) row.add('unresolved', null, ' [unresolved]');
  } else row.add('action', actionText(rule.action, names), ` ${actionText(rule.action, names)}`);
  const usual = rule.protocol === RT_PROTOCOL.unspec || rule.protocol === RT_PROTOCOL.kernel;
  if (!usual || form.details) {
    const protocol = names.protocol(rule.protocol);
    row.add('protocol', protocol, ` proto ${protocol}`);
  }
  return row;
}

type Filter = (rule: FibRule) => boolean;

/** `5`, `5-9`. */
function isRange(ports: FibRule['sourcePorts'], text: string): boolean {
  const [first, last = first] = text.split('-').map(Number);
  return ports !== undefined && ports.first === first && ports.last === last;
}

type MakeFilter = (text: string) => Filter;

const none: Filter = () => false;
const all: Filter = () => true;

/** What is wrong with a value, with the line that the callers of invarg() end it with. @throws Refused */
const wrong = (text: string, why: string): never => refuse(wrongArgument(text, `${why}\n`));

/** inet_addr_match_rta(): a rule's prefix that lies in the one that is asked for. */
const prefixFilter =
  (side: 'from' | 'to'): MakeFilter =>
  (text) => {
    const wanted = parsePrefix(text) ?? refuse(noPrefix(text, 'inet prefix'));
    if (wanted.length === 0) return all;
    return (rule) => {
      const given = rule[side];
      return given !== undefined && ipv4Network(given.addr, wanted.length) === wanted.addr;
    };
  };

const priority: MakeFilter = (text) => {
  const number = parseNumberWord(text) ?? wrong(text, 'preference value is invalid');
  return (rule) => rule.priority === number;
};

const table: MakeFilter = (text) => {
  const number = parseTable(text) ?? wrong(text, 'table id value is invalid');
  return (rule) => rule.action === 'lookup' && rule.table === number;
};

const tos: MakeFilter = (text) => {
  if (!/^(?:0x)?[\da-f]{1,2}$/i.test(text)) wrong(text, 'TOS value is invalid');
  return (rule) => rule.tos === Number.parseInt(text, 16);
};

/** filter_nlmsg(): 0 says nothing. */
const mark: MakeFilter = (text) => {
  const [valueText = '', maskText] = text.split(/\/(.*)/s);
  const value = parseNumberWord(valueText) ?? wrong(valueText, 'fwmark value is invalid');
  const mask =
    maskText === undefined ? undefined : (parseNumberWord(maskText) ?? wrong(maskText, 'fwmask value is invalid'));
  return (rule) => (value === 0 || rule.mark >>> 0 === value) && (mask === undefined || rule.mask >>> 0 === mask);
};

const ipProtocol: MakeFilter = (text) => {
  const number = parseProtocol(text) ?? wrong(text, 'Invalid "ipproto" value');
  return (rule) => rule.ipProtocol === number;
};

const portFilter =
  (side: 'sourcePorts' | 'destinationPorts'): MakeFilter =>
  (text) => {
    if (!/^\d/.test(text)) wrong(text, 'invalid port range');
    return (rule) => isRange(rule[side], text);
  };

/** iproute2 6.1 reads it, and shows the others too. */
const protocol: MakeFilter = (text) => {
  if (parseRouteProtocol(text) === undefined) wrong(text, 'invalid "protocol"');
  return all;
};

/** No rule here has a range of users, or a tunnel's number. */
const uidRange: MakeFilter = (text) => {
  if (!/^\d+-\d+/.test(text)) wrong(text, 'invalid UID range');
  return none;
};
const tunnel: MakeFilter = (text) => {
  if (parseNumberWord(text) === undefined) wrong(text, '"tun_id" value is invalid');
  return none;
};

const iif: MakeFilter = (text) => (rule) => rule.iif === text;
const oif: MakeFilter = (text) => (rule) => rule.oif === text;

const FILTERS: Readonly<Record<string, MakeFilter>> = {
  preference: priority,
  order: priority,
  priority,
  from: prefixFilter('from'),
  tos,
  dsfield: tos,
  fwmark: mark,
  iif,
  dev: iif,
  oif,
  uidrange: uidRange,
  tun_id: tunnel,
  lookup: table,
  table,
  ipproto: ipProtocol,
  sport: portFilter('sourcePorts'),
  dport: portFilter('destinationPorts'),
  protocol,
  dst: prefixFilter('to'),
  to: prefixFilter('to'),
};

/** @throws Refused */
function filterOf({ values, flags }: Selector): Filter {
  const filters = [...values].map(([word, text]) => FILTERS[word]?.(text) ?? all);
  if (flags.has('not')) filters.push((rule) => rule.not);
  if (flags.has('l3mdev')) filters.push(none);
  return (rule) => filters.every((holds) => holds(rule));
}

/** `ip rule [show] …`: a word that is none of the others is where rules lead to. @throws Refused */
export function showRules(netns: Netns, words: readonly string[], form: RuleForm): ToolResult {
  const refusal = (word: string): ToolResult | undefined =>
    parsePrefix(word) === undefined ? noPrefix(word, 'inet prefix') : undefined;
  const selector = readSelector(words, SELECTORS, { word: 'to', again: 'instead', refusal });
  if (isResult(selector)) return selector;
  const filter = filterOf(selector);
  return ok(
    printRows(
      netns.fib.rules.filter((rule) => filter(rule)).map((rule) => ruleRow(netns, rule, form)),
      form,
    ),
  );
}
