/** `iptables` 1.8.9 (nf_tables): `-L`, `-S` and `-Z`; what changes rules is in iptables-change.ts. */

import type { Chain, Netns, Rule } from '../../kernel/index.js';
import type { TableName } from '../../trace/index.js';
import { change, readChange } from './change.js';
import { type Asked, NAME, readIptables } from './options.js';
import { countText, listRule } from './rule.js';
import { failure, lines, type Tool, type ToolResult } from '../tool.js';

/** Chains that a table has before anybody has written into it. */
const BUILTIN: Readonly<Record<TableName, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};

export const isTable = (name: string): name is TableName => Object.hasOwn(BUILTIN, name);

type Shown = Pick<Chain, 'name' | 'policy' | 'packets' | 'bytes' | 'rules'>;

/** A table of that name, or what the tool says where there is none. */
function tableNamed(name: string): TableName | ToolResult {
  if (isTable(name)) return name;
  return failure(3, `${NAME}: table '${name}' does not exist\nPerhaps iptables or your kernel needs to be upgraded.`);
}

const EMPTY = { policy: 'ACCEPT', packets: 0, bytes: 0, rules: [] } as const;

function chainsOf(netns: Netns, name: TableName): readonly Shown[] {
  const table = netns.netfilter.iptables.table(name);
  return table === undefined ? BUILTIN[name].map((chain) => ({ name: chain, ...EMPTY })) : [...table.ordered()];
}

/** Commands of a rule as `-S` prints it; with `-v` its counters stand before what it does. */
function ruleLine(name: string, rule: Rule, verbose: boolean): string {
  const words = rule.toString();
  if (!verbose) return `-A ${name}${words === '' ? '' : ` ${words}`}`;
  const counters = `-c ${rule.packets} ${rule.bytes}`;
  const action = rule.action.kind === 'none' ? -1 : words.search(/(?:^| )-[jg] (?!.* -[jg] )/);
  const [before, after] = action < 0 ? [words, ''] : [words.slice(0, action), words.slice(action).trim()];
  return ['-A', name, before, counters, after].filter((part) => part !== '').join(' ');
}

function listRules(chains: readonly Shown[], { position, verbose }: Asked): string {
  const rows: string[] = [];
  if (position === undefined)
    for (const { name, policy, packets, bytes } of chains)
      rows.push(
        policy === undefined ? `-N ${name}` : `-P ${name} ${policy}${verbose ? ` -c ${packets} ${bytes}` : ''}`,
      );
  for (const { name, rules } of chains)
    rules.forEach((rule, i) => {
      if (position === undefined || position === i + 1) rows.push(ruleLine(name, rule, verbose));
    });
  return lines(rows);
}

function heading({ numbered, verbose, exact }: Asked): string {
  const counts = exact ? `${'pkts'.padStart(8)} ${'bytes'.padStart(10)} ` : ' pkts bytes ';
  const devices = verbose ? `${'in'.padEnd(6)} ${'out'.padEnd(7)} ` : '';
  return `${numbered ? 'num  ' : ''}${verbose ? counts : ''}target     prot opt ${devices}source               destination         `;
}

/** Rules that lead to a chain. */
function references(all: readonly Shown[], name: string): number {
  return all
    .flatMap(({ rules }) => rules)
    .filter(({ action }) => (action.kind === 'jump' || action.kind === 'goto') && action.chain === name).length;
}

function listChain(chain: Shown, all: readonly Shown[], asked: Asked): string {
  const { name, policy, packets, bytes, rules } = chain;
  const count = (value: number): string => countText(value, asked.exact, 0);
  const counted = asked.verbose ? ` ${count(packets)} packets, ${count(bytes)} bytes` : '';
  const what = policy === undefined ? `${references(all, name)} references` : `policy ${policy}${counted}`;
  return lines([`Chain ${name} (${what})`, heading(asked), ...rules.map((rule, i) => listRule(rule, i + 1, asked))]);
}

function listing(chains: readonly Shown[], all: readonly Shown[], asked: Asked): string {
  const { command, position } = asked;
  if (command === undefined) return '';
  if (command === 'rules') return listRules(chains, asked);
  if (position === undefined) return chains.map((chain) => listChain(chain, all, asked)).join('\n');
  const rule = chains[0]?.rules[position - 1];
  return rule === undefined ? '' : lines([listRule(rule, position, asked)]);
}

/** `-Z [CHAIN [NUMBER]]`: counters are the kernel's own, as are connections. */
function zero(netns: Netns, name: TableName, { chain, position, verbose }: Asked): string {
  const chains = chainsOf(netns, name).filter((one) => chain === undefined || one.name === chain);
  for (const one of netns.netfilter.iptables.table(name)?.ordered() ?? [])
    if (chain === undefined || one.name === chain) one.zeroCounters(position);
  return verbose && position === undefined ? lines(chains.map((one) => `Zeroing chain \`${one.name}'`)) : '';
}

export const iptables: Tool = ({ netns }, args) => {
  const wanted = readChange(args);
  if (wanted !== undefined) {
    if ('exitCode' in wanted) return wanted;
    const of = tableNamed(wanted.table);
    return typeof of === 'object' ? of : change(netns, of, wanted);
  }
  const asked = readIptables(args);
  if ('exitCode' in asked) return asked;
  const table = tableNamed(asked.table);
  if (typeof table === 'object') return table;
  const all = chainsOf(netns, table);
  const chains = asked.chain === undefined ? all : all.filter(({ name }) => name === asked.chain);
  if (chains.length === 0 && asked.command === undefined)
    return failure(1, 'iptables: No chain/target/match by that name.');
  if (chains.length === 0)
    return failure(
      1,
      `${NAME}: chain \`${asked.chain ?? ''}' in table \`${asked.table}' is incompatible, use 'nft' tool.`,
    );
  const listed = listing(chains, all, asked);
  const zeroed = asked.zero ? zero(netns, table, asked) : '';
  return { exitCode: 0, stdout: `${listed}${zeroed}`, stderr: asked.warnings };
};
