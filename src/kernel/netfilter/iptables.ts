/** The rules of a namespace as iptables sees them: restored from text, printed as text, and as state. */

import type { TableName } from '../../trace/index.js';
import type { ChainState, IptablesTableState } from '../host-state.js';
import type { Netns } from '../netns.js';
import { RuleError } from './extension.js';
import { Rule, type RuleParts } from './rule.js';
import { Table } from './table.js';
import { commitTable, detachRule } from './table-commit.js';
import { TableDraft } from './table-draft.js';
import { SAVE_ORDER } from './table-kinds.js';
import { parseRule } from './text/rule-parser.js';
import { type RestoreOptions, type RestorePart, type RestoreProblem, Restorer } from './text/restore.js';
import { splitWords } from './text/tokenize.js';

export interface SaveOptions {
  /** Counters of rules too (`-c`); those of chains are always printed. */
  readonly counters?: boolean;
  /** `-t`. */
  readonly table?: TableName;
  /** Adds the comment lines of the real tool, with this date. */
  readonly generated?: string;
}

/** What a state asks for and cannot be had. */
export interface StateProblem {
  readonly table: TableName;
  readonly chain: string;
  /** Position of the rule in its chain, from 1. */
  readonly position: number;
  readonly severity: 'error' | 'unmodelled';
  readonly message: string;
}

export class Iptables {
  readonly #netns: Netns;
  readonly #changed: () => void;
  readonly #tables = new Map<TableName, Table>();

  /** `changed` is called after every commit. */
  constructor(netns: Netns, changed: () => void) {
    this.#netns = netns;
    this.#changed = changed;
  }

  /** Only tables that somebody has used exist. */
  table(name: TableName): Table | undefined {
    return this.#tables.get(name);
  }

  /** In the order of iptables-save. */
  get tables(): readonly Table[] {
    return SAVE_ORDER.map((name) => this.#tables.get(name)).filter((table) => table !== undefined);
  }

  /**
   * iptables-restore: each table as a whole, at its COMMIT. An error leaves its table, and those after it, as they
   * were; everything wrong in the text is reported.
   */
  restore(text: string | readonly RestorePart[], options: RestoreOptions = {}): readonly RestoreProblem[] {
    const from = options.noflush === true ? 'as-is' : 'empty';
    const restorer = new Restorer(
      {
        begin: (name) => {
          const table = this.#tables.get(name);
          return table === undefined ? new TableDraft(new Table(name), 'empty') : new TableDraft(table, from);
        },
        commit: (draft) => this.#commit(draft),
      },
      options,
    );
    return restorer.run(text);
  }

  #commit(draft: TableDraft): ReturnType<typeof commitTable> {
    const { name } = draft.table;
    if (!draft.touched && (draft.from === 'empty' || !this.#tables.has(name))) {
      this.#remove(name);
      this.#changed();
      return [];
    }
    const problems = commitTable(draft, this.#netns);
    if (problems.length > 0) return problems;
    this.#tables.set(name, draft.table);
    this.#changed();
    return problems;
  }

  /** The rules that the words of one come to, more than one where it lists addresses; none where they cannot be read. */
  read(words: readonly string[], place: { readonly table: TableName; readonly chain: string }): readonly RuleParts[] {
    try {
      return parseRule(words, 0, place).rules;
    } catch (error) {
      if (error instanceof RuleError) return [];
      throw error;
    }
  }

  /** The text of iptables-save 1.8.9 (nf_tables). */
  save(options: SaveOptions = {}): string {
    let text = '';
    for (const table of this.tables) {
      if (options.table === undefined || options.table === table.name) text += formatTable(table, options);
    }
    return text;
  }

  /** Of all chains, or of those alone that are asked for. */
  state(isWanted?: (chain: string) => boolean): IptablesTableState[] {
    return this.tables.map((table) => table.state(isWanted));
  }

  /**
   * Makes the rules those of `state`. Rules that are there already keep their counters and what they remember;
   * tables that `state` lacks go. A table with an error stays as it was.
   */
  apply(state: readonly IptablesTableState[]): readonly StateProblem[] {
    const problems: StateProblem[] = [];
    const wanted = new Set(state.map((table) => table.name));
    for (const name of this.#tables.keys()) if (!wanted.has(name)) this.#remove(name);
    for (const table of state) problems.push(...this.#applyTable(table, 'empty'));
    this.#changed();
    return problems;
  }

  /** The same of some chains: those that are in `before` and not in `after` go, all that is in neither stays as it is. */
  change(before: readonly IptablesTableState[], after: readonly IptablesTableState[]): readonly StateProblem[] {
    const problems: StateProblem[] = [];
    for (const table of after) {
      const wanted = new Set(table.chains.map(({ name }) => name));
      const former = before.find(({ name }) => name === table.name)?.chains ?? [];
      const gone = former.map(({ name }) => name).filter((name) => !wanted.has(name));
      problems.push(...this.#applyTable(table, 'as-is', gone));
    }
    this.#changed();
    return problems;
  }

  #remove(name: TableName): void {
    const table = this.#tables.get(name);
    if (table === undefined) return;
    for (const { entries } of table.chains.own)
      for (const entry of entries) if (entry instanceof Rule) detachRule(entry, this.#netns);
    this.#tables.delete(name);
  }

  #applyTable(
    state: IptablesTableState,
    from: TableDraft['from'],
    gone: readonly string[] = [],
  ): readonly StateProblem[] {
    const table = this.#tables.get(state.name) ?? new Table(state.name);
    const draft = new TableDraft(table, from);
    const problems: StateProblem[] = [];
    for (const chain of state.chains) declareChain(draft, table, chain);
    for (const { name } of state.chains) draft.flush(name);
    for (const name of gone) draft.flush(name);
    for (const chain of state.chains) problems.push(...fillChain(draft, table, chain));
    for (const name of gone) {
      try {
        draft.delete(name);
      } catch (error) {
        if (!(error instanceof RuleError)) throw error;
        problems.push({ table: state.name, chain: name, position: 0, severity: 'error', message: error.message });
      }
    }
    if (problems.some((problem) => problem.severity === 'error')) return problems;
    for (const { chain, at, message } of commitTable(draft, this.#netns))
      problems.push({ table: state.name, chain, position: at + 1, severity: 'error', message });
    if (!problems.some((problem) => problem.severity === 'error')) this.#tables.set(table.name, table);
    return problems;
  }
}

/** As it is wanted, and without rules. */
function declareChain(draft: TableDraft, table: Table, { name, policy, counting }: ChainState): void {
  const held = table.chains.has(name) ? draft.chains.get(name) : undefined;
  const asBefore = held?.policy === policy && held?.counting === counting;
  if (policy === undefined) draft.declare(name, '-', undefined);
  else if (!asBefore && (counting !== false || policy !== 'ACCEPT')) draft.setPolicy(name, policy);
  const wanted = draft.chains.get(name);
  // Who is there already goes on counting.
  if (table.chains.has(name) && wanted !== undefined) wanted.counters = undefined;
}

/** Rules that are there already are taken, and keep their counters. */
function fillChain(draft: TableDraft, table: Table, { name, rules }: ChainState): StateProblem[] {
  const problems: StateProblem[] = [];
  const reusable = rulesByText(table.chains.get(name)?.rules ?? []);
  for (const [i, { text, because }] of rules.entries()) {
    const place = { table: table.name, chain: name, position: i + 1 };
    const same = takeRule(reusable, text);
    if (same !== undefined) {
      same.because = because;
      draft.require(name).append(same);
      continue;
    }
    try {
      const parsed = parseRule(splitWords(text).words, 0, place);
      const given = parsed.rules.length === 1 ? text : undefined;
      for (const parts of parsed.rules)
        draft.append(name, { parts, because, counters: parsed.counters, line: i + 1, given });
      for (const one of parsed.unmodelled)
        problems.push({ ...place, severity: 'unmodelled', message: `${one} is not modelled` });
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      problems.push({ ...place, severity: 'error', message: error.message });
    }
  }
  return problems;
}

const textsOf = (rule: Rule): ReadonlySet<string> => new Set([rule.given ?? rule.toString(), rule.toString()]);

/** Rules that are there, by the text that they were made of and by the one that they print. */
function rulesByText(rules: readonly Rule[]): Map<string, Rule[]> {
  const byText = new Map<string, Rule[]>();
  for (const rule of rules) {
    for (const text of textsOf(rule)) {
      const same = byText.get(text);
      if (same === undefined) byText.set(text, [rule]);
      else same.push(rule);
    }
  }
  return byText;
}

/** The first of that text that nobody has taken. */
function takeRule(byText: ReadonlyMap<string, Rule[]>, text: string): Rule | undefined {
  const rule = byText.get(text)?.shift();
  if (rule === undefined) return undefined;
  for (const other of textsOf(rule)) {
    const same = byText.get(other);
    const at = same?.indexOf(rule) ?? -1;
    if (at >= 0) same?.splice(at, 1);
  }
  return rule;
}

function formatTable(table: Table, { counters, generated }: SaveOptions): string {
  const chains = [...table.ordered()];
  let text = generated === undefined ? '' : `# Generated by iptables-save v1.8.9 (nf_tables) on ${generated}\n`;
  text += `*${table.name}\n`;
  // Counters of user chains do not exist in nf_tables.
  for (const { name, policy, packets, bytes } of chains) {
    text += policy === undefined ? `:${name} - [0:0]\n` : `:${name} ${policy} [${packets}:${bytes}]\n`;
  }
  for (const { name, rules } of chains) {
    for (const rule of rules) {
      const words = rule.toString();
      const prefix = counters === true ? `[${rule.packets}:${rule.bytes}] ` : '';
      text += words === '' ? `${prefix}-A ${name}\n` : `${prefix}-A ${name} ${words}\n`;
    }
  }
  return `${text}COMMIT\n${generated === undefined ? '' : `# Completed on ${generated}\n`}`;
}
