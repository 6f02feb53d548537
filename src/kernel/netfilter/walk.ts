/**
 * A packet's walk through the chains of a table (net/ipv4/netfilter/ip_tables.c:ipt_do_table()).
 *
 * A jump remembers where it came from, a goto does not; the end of a chain or RETURN goes back to the last jump,
 * and from the built-in chain to its policy.
 */

import type { RuleOutcome } from '../../trace/index.js';
import { assert } from '../errors.js';
import type { Netns } from '../netns.js';
import type { Skb } from '../skb.js';
import type { Chain } from './chain.js';
import type { TargetVerdict } from './extension.js';
import type { NfVerdict } from './hook.js';
import { RulePacket } from './packet.js';
import { OPERATION, type Rule } from './rule.js';
import type { Table } from './table.js';
import { MAX_JUMPS } from './validate.js';

/** Where a walk stands: what a trace tells of a rule besides the rule. */
interface Standing {
  readonly table: Table;
  readonly chain: Chain;
  /** From 1; 0 for the end of the chain. */
  readonly position: number;
}

export class Walk {
  readonly #netns: Netns;
  readonly packet: RulePacket;
  /** Where jumps came from. */
  readonly #backChain: Chain[] = [];
  readonly #backNext = new Int32Array(MAX_JUMPS);

  constructor(netns: Netns, skb: Skb) {
    this.#netns = netns;
    this.packet = new RulePacket(netns, skb);
  }

  /** For the packet that `packet` was loaded with. `base` is the table's chain of its hook. */
  run(table: Table, base: Chain): NfVerdict {
    const { packet } = this;
    const tracing = this.#netns.emulation.tracer !== undefined;
    let chain = base;
    let next = 0;
    let depth = 0;
    let tried = 0;
    let matched = 0;
    for (;;) {
      const { rules } = chain;
      const position = chain.candidate(next, packet);
      const rule = rules[position];
      if (rule === undefined) {
        tried += rules.length - next;
        if (depth === 0) return this.#policy(table, base, { tried, matched });
        if (tracing) this.#trace({ table, chain, position: 0 }, 'return', undefined);
        depth -= 1;
        chain = this.#backChain[depth] ?? base;
        next = this.#backNext[depth] ?? 0;
        continue;
      }
      tried += position - next + 1;
      next = position + 1;
      if (rule.unknown) {
        if (this.#mayDecide(rule, { table, chain, position: next })) return 'drop';
        continue;
      }
      if ((packet.odd || !rule.rowIsAll) && !rule.holds(packet)) {
        if (packet.hotdrop) return this.#drop(rule, 'a match found the packet malformed');
        continue;
      }
      rule.packets += 1;
      rule.bytes += packet.length;
      matched += 1;
      if (tracing) this.#trace({ table, chain, position: next }, rule.outcome, rule);
      const { op, jumpsTo } = rule;
      if (op === OPERATION.target) {
        const verdict = this.#apply(rule, tracing);
        if (verdict === 'continue') continue;
        return verdict === 'drop' ? this.#drop(rule, undefined) : verdict;
      }
      if (jumpsTo !== undefined) {
        // Nothing happens in a chain without rules, and from it a jump comes back at once.
        if (op === OPERATION.jump && jumpsTo.rules.length === 0 && !tracing) continue;
        if (op === OPERATION.jump) this.#remember(depth++, chain, next);
        chain = jumpsTo;
        next = 0;
      } else if (op === OPERATION.return) {
        if (depth === 0) return this.#policy(table, base, { tried, matched });
        depth -= 1;
        chain = this.#backChain[depth] ?? base;
        next = this.#backNext[depth] ?? 0;
      } else if (op !== OPERATION.none) return op === OPERATION.accept ? 'accept' : this.#refuse(rule);
    }
  }

  #remember(depth: number, chain: Chain, next: number): void {
    // Longer ways were refused when the table was loaded.
    assert(depth < MAX_JUMPS, 'chains lead no deeper than they may');
    this.#backChain[depth] = chain;
    this.#backNext[depth] = next;
  }

  #apply(rule: Rule, tracing: boolean): TargetVerdict {
    const { setsMark: mark, target } = rule;
    if (mark === undefined || tracing) return target === undefined ? 'continue' : target.apply(this.packet);
    const { skb } = this.packet;
    skb.mark = ((skb.mark & ~mark.mask) ^ mark.value) >>> 0;
    return 'continue';
  }

  #refuse(rule: Rule): 'drop' {
    return this.#drop(rule, rule.op === OPERATION.queue ? 'nobody listens on queue 0' : undefined);
  }

  #policy(table: Table, base: Chain, { tried, matched }: { tried: number; matched: number }): NfVerdict {
    const { packet } = this;
    if (base.counting) {
      base.packets += 1;
      base.bytes += packet.length;
    }
    const accepts = base.policy !== 'DROP';
    if (this.#netns.emulation.tracer !== undefined) {
      const { hook } = packet;
      if (matched === 0) {
        this.#netns.trace(packet.skb, { kind: 'table', hook, table: table.name, rulesTried: tried });
      }
      if (matched > 0 || !accepts) {
        this.#trace({ table, chain: base, position: 0 }, accepts ? 'accept' : 'drop', undefined);
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

  /**
   * A rule with a part that is not modelled: no effect where the known parts fail, else nobody can say, and the packet
   * has been dropped.
   */
  #mayDecide(rule: Rule, at: Standing): boolean {
    const { packet } = this;
    const result = rule.mayMatch(packet);
    if (packet.hotdrop) {
      this.#drop(rule, 'a match found the packet malformed');
      return true;
    }
    if (result === 'no') return false;
    // A rule that only counts or writes a log changes nothing, whether it matches or not.
    const { action } = rule;
    const harmless = action.kind === 'none' || (action.kind === 'unknown' && action.unknown.harmless) || onlyLogs(rule);
    if (harmless) return false;
    packet.skb.unknown = true;
    if (this.#netns.emulation.tracer !== undefined) this.#trace(at, 'unknown', rule);
    this.#netns.drop(packet.skb, 'unknown-rule', `not modelled: ${rule.toString()}`, rule);
    return true;
  }

  #trace({ table, chain, position }: Standing, outcome: RuleOutcome, rule: Rule | undefined): void {
    const { hook, skb } = this.packet;
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
