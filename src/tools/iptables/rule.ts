/** Rules in a row, as `iptables -L` lists them, and as those that change them say with `-v` what they have read. */

import { formatProtocol, type Rule, type RuleParts } from '../../kernel/index.js';
import { formatIpv4, ipv4 } from '../../packet/index.js';
import { type ListForm, listMatch, listTarget } from './list.js';
import type { Asked } from './options.js';

/** xtables_print_num(): 100k and more in thousands, millions, … */
export function countText(count: number, exact: boolean, width: number): string {
  if (exact) return String(count).padStart(width === 0 ? 0 : 8);
  if (count <= 99_999) return String(count).padStart(width);
  let value = count;
  for (const unit of ['K', 'M', 'G', 'T']) {
    value = Math.floor((value + 500) / 1_000);
    if (value <= 9_999 || unit === 'T') return `${value}${unit}`.padStart(width);
  }
  return String(count);
}

const interfaceText = (test: RuleParts['tests']['in'], numeric: boolean): string =>
  test === undefined ? (numeric ? '*' : 'any') : `${test.inverted ? '!' : ''}${test.name}${test.wildcard ? '+' : ''}`;

/** `10.0.0.0/8`, `0.0.0.0/0`, a single address without /32. */
function prefixText(test: RuleParts['tests']['source'], numeric: boolean): string {
  if (test === undefined || test.mask === 0) return numeric ? '0.0.0.0/0' : 'anywhere';
  const length = Math.clz32(~test.mask);
  const isPrefix = length === 32 || test.mask << length === 0;
  const suffix = !isPrefix ? `/${formatIpv4(ipv4(test.mask))}` : length === 32 ? '' : `/${length}`;
  return formatIpv4(ipv4(test.addr)) + suffix;
}

const signOf = (test: { readonly inverted: boolean } | undefined): string => (test?.inverted === true ? '!' : ' ');

const addressText = (test: RuleParts['tests']['source'], numeric: boolean): string =>
  signOf(test) + prefixText(test, numeric);

function protocolText({ protocol }: RuleParts['tests'], numeric: boolean): string {
  const number = protocol?.number ?? 0;
  const name = numeric ? String(number) : number === 0 ? 'all' : formatProtocol(number);
  return signOf(protocol) + name.padEnd(4);
}

function targetOf({ action }: RuleParts, form: ListForm): { readonly name: string; readonly says: string } {
  switch (action.kind) {
    case 'none':
      return { name: '', says: '' };
    case 'jump':
    case 'goto':
      return { name: action.chain, says: '' };
    case 'target':
      return {
        name: action.name === 'NOTRACK' ? 'CT' : action.name,
        says: listTarget(action.name, action.target.toString(), form),
      };
    case 'unknown':
      return { name: action.unknown.name, says: listTarget(action.unknown.name, action.unknown.toString(), form) };
    default:
      return { name: action.kind.toUpperCase(), says: '' };
  }
}

/** nft_ipv4_print_rule(). */
export function listRule(rule: Rule, number: number, { numeric, verbose, exact, numbered }: Asked): string {
  const { tests } = rule;
  const form = { numeric, protocol: formatProtocol(tests.protocol?.number ?? 0) };
  const { name, says } = targetOf(rule, form);
  let text = numbered ? `${String(number).padEnd(4)} ` : '';
  if (verbose) text += `${countText(rule.packets, exact, 5)} ${countText(rule.bytes, exact, 5)} `;
  const fragment = tests.fragment === undefined ? '--' : tests.fragment.inverted ? '!f' : '-f';
  text += `${name.padEnd(9)} ${protocolText(tests, numeric)} ${fragment} `;
  if (verbose) text += ` ${interfaceText(tests.in, numeric).padEnd(6)} ${interfaceText(tests.out, numeric).padEnd(6)} `;
  for (const end of [tests.source, tests.destination]) text += `${addressText(end, numeric).padEnd(20)} `;
  if (rule.action.kind === 'goto') text += '[goto] ';
  for (const { name: match, match: given } of rule.matches) text += ` ${listMatch(match, given.toString(), form)}`;
  return says === '' ? text : `${text} ${says}`;
}

/** xtables_chain_protos[]: the protocols that have a name where numbers are asked for. */
const NAMED_PROTOCOLS: Readonly<Record<number, string>> = {
  0: 'all',
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  50: 'esp',
  51: 'ah',
  58: 'ipv6-icmp',
  132: 'sctp',
  135: 'mobility-header',
  136: 'udplite',
};

/** nft_ipv4_print_rule() with FMT_PRINT_RULE: no columns, and numbers. */
export function printedRule(rule: RuleParts): string {
  const { tests, action, matches } = rule;
  const { protocol, fragment, source, destination } = tests;
  const number = protocol?.number ?? 0;
  const form = { numeric: true, protocol: formatProtocol(number) };
  const { name, says } = targetOf(rule, form);
  const option = fragment === undefined ? '--' : fragment.inverted ? '!f' : '-f';
  const devices = `in ${interfaceText(tests.in, true)} out ${interfaceText(tests.out, true)}`;
  const ends = `${addressText(source, true)} ${signOf(destination)}-> ${prefixText(destination, true)}`;
  const head = `${name} ${signOf(protocol)}${NAMED_PROTOCOLS[number] ?? number} opt ${option} ${devices} ${ends}  `;
  const matched = matches.map(({ name: match, match: given }) => ` ${listMatch(match, given.toString(), form)}`);
  return `${head}${action.kind === 'goto' ? '[goto] ' : ''}${matched.join('')}${says === '' ? '' : ` ${says}`}`;
}
