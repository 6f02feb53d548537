/**
 * A packet's walk through the chains of a table (net/ipv4/netfilter/ip_tables.c:ipt_do_table()).
 *
 * A jump remembers where it came from, a goto does not; the end of a chain or RETURN goes back to the last jump,
 * and from the built-in chain to its policy.
 */

import type { HookName, RuleOutcome } from '../../trace/index.js';
import { assert } from '../errors.js';
import type { Device } from '../device.js';
import type { Netns } from '../netns.js';
import type { Skb } from '../skb.js';
import type { Chain } from './chain.js';
import type { NfVerdict } from './hook.js';
import { RulePacket } from './packet.js';
import { basicTestsHold, type Rule } from './rule.js';
import type { Table } from './table.js';
import { MAX_JUMPS } from './validate.js';

/** What one rule made of the walk: go on with the next, or with what the rule set, or be done. */
type Progress = 'next' | 'moved' | NfVerdict;

export class Walk {
  readonly #netns: Netns;
  readonly packet: RulePacket;
  /** Where jumps came from. */
  readonly #backChain: Chain[] = [];
  readonly #backNext = new Int32Array(MAX_JUMPS);
  #depth = 0;
  #chain: Chain | undefined = undefined;
  #next = 0;
  #tried = 0;
  #matched = 0;

  constructor(netns: Netns, skb: Skb) {
    this.#netns = netns;
    this.packet = new RulePacket(netns, skb);
  }

  run(table: Table, skb: Skb, at: { hook: HookName; in: Device | undefined; out: Device | undefined }): NfVerdict {
    const { packet } = this;
    const base = table.builtin(at.hook);
    assert(base !== undefined, 'a table is asked at its own hooks');
    packet.load(skb, at.hook, at.in, at.out);
    this.#depth = 0;
    this.#chain = base;
    this.#next = 0;
    this.#tried = 0;
    this.#matched = 0;
    for (;;) {
      const chain: Chain = this.#chain;
      const from = this.#next;
      const position = chain.candidate(from, packet);
      const { rules } = chain;
      const rule = rules[position];
      if (rule === undefined) {
        this.#tried += rules.length - from;
        if (this.#depth === 0) return this.#policy(table, base);
        if (this.#netns.emulation.tracer !== undefined) {
          this.#trace(table, chain, { position: 0, outcome: 'return' });
        }
        this.#goBack();
        continue;
      }
      this.#tried += position - from + 1;
      this.#next = position + 1;
      if ((packet.odd || !chain.rowIsEnough(position)) && !basicTestsHold(rule.tests, packet)) continue;
      const progress = rule.unknown ? this.#askUnknown(table, chain, rule) : this.#ask(table, chain, rule);
      if (progress === 'accept' || progress === 'drop' || progress === 'stolen') return progress;
    }
  }

  #ask(table: Table, chain: Chain, rule: Rule): Progress {
    const { packet } = this;
    if (!rule.matchesHold(packet))
      return packet.hotdrop ? this.#drop(rule, 'a match found the packet malformed') : 'next';
    rule.packets += 1;
    rule.bytes += packet.length;
    this.#matched += 1;
    if (this.#netns.emulation.tracer !== undefined) {
      this.#trace(table, chain, { position: this.#next, outcome: rule.outcome, rule });
    }
    return this.#act(table, rule);
  }

  #act(table: Table, rule: Rule): Progress {
    const { packet } = this;
    const { action } = rule;
    switch (action.kind) {
      case 'none':
      case 'unknown':
        return 'next';
      case 'accept':
        return 'accept';
      case 'drop':
        return this.#drop(rule, undefined);
      case 'queue':
        return this.#drop(rule, 'nobody listens on queue 0');
      case 'return':
        if (this.#depth > 0) {
          this.#goBack();
          return 'moved';
        }
        return this.#policyAtBase(table);
      case 'jump':
        this.#enter(rule, true);
        return 'moved';
      case 'goto':
        this.#enter(rule, false);
        return 'moved';
      case 'target': {
        const verdict = action.target.apply(packet);
        if (verdict === 'drop') return this.#drop(rule, undefined);
        return verdict === 'continue' ? 'next' : verdict;
      }
    }
  }

  #enter(rule: Rule, remember: boolean): void {
    const { jumpsTo } = rule;
    assert(jumpsTo !== undefined && this.#chain !== undefined, 'a jump leads somewhere');
    if (remember) {
      // Longer ways were refused when the table was loaded.
      assert(this.#depth < MAX_JUMPS, 'chains lead no deeper than they may');
      this.#backChain[this.#depth] = this.#chain;
      this.#backNext[this.#depth] = this.#next;
      this.#depth += 1;
    }
    this.#chain = jumpsTo;
    this.#next = 0;
  }

  #goBack(): void {
    this.#depth -= 1;
    this.#chain = this.#backChain[this.#depth];
    this.#next = this.#backNext[this.#depth] ?? 0;
  }

  #policyAtBase(table: Table): NfVerdict {
    const base = table.builtin(this.packet.hook);
    assert(base !== undefined, 'a walk began somewhere');
    return this.#policy(table, base);
  }

  #policy(table: Table, base: Chain): NfVerdict {
    const { packet } = this;
    if (base.counting) {
      base.packets += 1;
      base.bytes += packet.length;
    }
    const accepts = base.policy !== 'DROP';
    if (this.#netns.emulation.tracer !== undefined) {
      const { hook } = packet;
      if (this.#matched === 0) {
        this.#netns.trace(packet.skb, { kind: 'table', hook, table: table.name, rulesTried: this.#tried });
      }
      if (this.#matched > 0 || !accepts) {
        this.#trace(table, base, { position: 0, outcome: accepts ? 'accept' : 'drop' });
      }
    }
    if (accepts) return 'accept';
    this.#netns.drop(packet.skb, 'netfilter-drop', `policy of ${table.name} ${base.name}`);
    return 'drop';
  }

  #drop(rule: Rule, note: string | undefined): 'drop' {
    this.#netns.drop(this.packet.skb, 'netfilter-drop', note, rule);
    return 'drop';
  }

  /** A rule with a part that is not modelled: no effect where the known parts fail, else nobody can say. */
  #askUnknown(table: Table, chain: Chain, rule: Rule): Progress {
    const { packet } = this;
    const result = rule.mayMatch(packet);
    if (packet.hotdrop) return this.#drop(rule, 'a match found the packet malformed');
    if (result === 'no') return 'next';
    // A rule that only counts or writes a log changes nothing, whether it matches or not.
    const { action } = rule;
    const harmless = action.kind === 'none' || (action.kind === 'unknown' && action.unknown.harmless) || onlyLogs(rule);
    if (harmless) return 'next';
    packet.skb.unknown = true;
    if (this.#netns.emulation.tracer !== undefined) {
      this.#trace(table, chain, { position: this.#next, outcome: 'unknown', rule });
    }
    this.#netns.drop(packet.skb, 'unknown-rule', `not modelled: ${rule.toString()}`, rule);
    return 'drop';
  }

  #trace(table: Table, chain: Chain, what: { position: number; outcome: RuleOutcome; rule?: Rule }): void {
    const { hook, skb } = this.packet;
    const { position, outcome, rule } = what;
    const target = rule?.jumpsTo?.name;
    this.#netns.trace(skb, {
      kind: 'rule',
      hook,
      table: table.name,
      chain: chain.name,
      position,
      rule,
      outcome,
      ...(target === undefined ? {} : { target }),
    });
  }
}

const LOGS: ReadonlySet<string> = new Set(['LOG', 'NFLOG', 'TRACE']);

const onlyLogs = ({ action }: Rule): boolean => action.kind === 'target' && LOGS.has(action.name);
