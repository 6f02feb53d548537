/** `ip rule` as iproute2 6.1 prints it (ip/iprule.c). */

import {
  type FibRule,
  formatRuleIpProtocol,
  formatTos,
  type Netns,
  parseTable,
  RT_PROTOCOL,
} from '../../kernel/index.js';
import { formatIpv4, type Ipv4Prefix } from '../../packet/index.js';
import { failure, ok, type ToolResult } from '../tool.js';
import { type Names, namesOf } from './names.js';
import { type OutputForm, printRows, Row } from './row.js';
import { isResult, noPrefix, parsePrefix, readSelector, type Selector } from './selector.js';

export interface RuleForm extends OutputForm {
  /** `-d`: what is usual is said too. */
  readonly details: boolean;
  /** `-N`. */
  readonly numeric: boolean;
}

const SELECTORS = {
  preference: 'value*',
  order: 'value*',
  priority: 'value*',
  from: 'value*',
  to: 'value*',
  tos: 'value',
  dsfield: 'value*',
  fwmark: 'value*',
  dev: 'value',
  iif: 'value',
  oif: 'value',
  lookup: 'value*',
  table: 'value*',
  not: 'flag',
  ipproto: 'value',
  sport: 'value',
  dport: 'value',
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

function filterOf({ values, flags }: Selector): Filter | ToolResult {
  const filters: Filter[] = [];
  const one = (...names: string[]): string | undefined =>
    names.map((name) => values.get(name)).find((x) => x !== undefined);
  const priority = one('preference', 'order', 'priority');
  if (priority !== undefined) filters.push((rule) => rule.priority === Number(priority));
  for (const word of ['from', 'to'] as const) {
    const text = values.get(word);
    if (text === undefined) continue;
    const wanted = parsePrefix(text);
    if (wanted === undefined) return noPrefix(text);
    filters.push((rule) => {
      const given = rule[word];
      return given?.addr === wanted.addr && given.length === wanted.length;
    });
  }
  const table = one('table', 'lookup');
  const number = table === undefined ? undefined : parseTable(table);
  if (table !== undefined && number === undefined)
    return failure(255, `Error: argument "${table}" is wrong: invalid table id\n`);
  if (number !== undefined) filters.push((rule) => rule.action === 'lookup' && rule.table === number);
  const iif = one('iif', 'dev');
  if (iif !== undefined) filters.push((rule) => rule.iif === iif);
  const oif = values.get('oif');
  if (oif !== undefined) filters.push((rule) => rule.oif === oif);
  const tos = one('tos', 'dsfield');
  if (tos !== undefined) filters.push((rule) => rule.tos === Number(tos));
  const mark = values.get('fwmark');
  if (mark !== undefined) {
    const [value = '', mask] = mark.split('/');
    // filter_nlmsg(): 0 says nothing.
    filters.push(
      (rule) =>
        (Number(value) === 0 || rule.mark === Number(value)) && (mask === undefined || rule.mask === Number(mask)),
    );
  }
  if (flags.has('not')) filters.push((rule) => rule.not);
  const ipProtocol = values.get('ipproto');
  if (ipProtocol !== undefined)
    filters.push((rule) => rule.ipProtocol !== undefined && formatRuleIpProtocol(rule.ipProtocol) === ipProtocol);
  const [sport, dport] = [values.get('sport'), values.get('dport')];
  if (sport !== undefined) filters.push((rule) => isRange(rule.sourcePorts, sport));
  if (dport !== undefined) filters.push((rule) => isRange(rule.destinationPorts, dport));
  return (rule) => filters.every((holds) => holds(rule));
}

/** `ip rule [show] …`. */
export function showRules(netns: Netns, words: readonly string[], form: RuleForm): ToolResult {
  const selector = readSelector(words, SELECTORS, { word: 'none', again: 'instead' });
  if (isResult(selector)) return selector;
  const stray = selector.values.get('none');
  if (stray !== undefined) return noPrefix(stray, 'inet prefix');
  const filter = filterOf(selector);
  if (typeof filter !== 'function') return filter;
  return ok(
    printRows(
      netns.fib.rules.filter((rule) => filter(rule)).map((rule) => ruleRow(netns, rule, form)),
      form,
    ),
  );
}
