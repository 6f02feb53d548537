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
import { ACTION_WORDS, ASK, type Chain } from './chain.js';
import type { NfVerdict } from './hook.js';
import { RulePacket } from './packet.js';
import { OPERATION, type Rule } from './rule.js';
import type { Table } from './table.js';
import { MAX_JUMPS } from './validate.js';
import type { Memo, Question, WalkMemory } from './walk-memo.js';

/** A rule's answer: the walk goes on behind it. */
const NO_MATCH = -2;

/** Of a walk that nobody traces. */
const ALL_MATCHED = { tried: 0, matched: 1 };

/** Where a walk goes on. */
interface Place {
  readonly table: Table;
  readonly base: Chain;
  readonly chain: Chain;
  readonly next: number;
  readonly depth: number;
}

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

  /** For the packet that `packet` was loaded with. `base` is the table's chain of its hook, `memory` is that chain's. */
  run(table: Table, base: Chain, memory: WalkMemory): NfVerdict {
    const { packet } = this;
    let memo: Memo | undefined;
    if (this.#netns.emulation.tracer === undefined && !packet.odd) {
      memo = memory.at(packet);
      if (memo.isOf(packet)) {
        if (memo.steps !== undefined) return this.#goAgain(table, base, memo);
        memo.remember();
      } else {
        memo.begin(packet);
        memo = undefined;
      }
    }
    return this.#go({ table, base, chain: base, next: 0, depth: 0 }, memo);
  }

  /** A walk that is remembered: counts what counted, and asks what has to be asked. */
  #goAgain(table: Table, base: Chain, memo: Memo): NfVerdict {
    const { skb } = this.packet;
    const steps = memo.steps ?? [];
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      if (step === undefined) break;
      const { chain, position, question } = step;
      if (question === undefined) {
        this.#count(chain, position, step.setsMark);
        continue;
      }
      const answer = this.#ask({ table, chain, position: position + 1 });
      if (typeof answer === 'string') return answer;
      if (answer !== question.answer || skb.mark !== question.mark)
        return this.#leave({ table, base, chain, next: position + 1, depth: 0 }, question, answer);
    }
    return memo.end === 'policy' ? this.#policy(table, base, ALL_MATCHED) : 'accept';
  }

  /** The way leads elsewhere this time: on from a rule that was asked. */
  #leave(at: Place, { backChain, backNext }: Question, answer: number): NfVerdict {
    for (let i = 0; i < backChain.length; i++) {
      this.#backChain[i] = backChain[i] ?? at.base;
      this.#backNext[i] = backNext[i] ?? 0;
    }
    return this.#go({ ...at, depth: backChain.length }, undefined, answer);
  }

  /** From `at` on, where `answer` is what the rule before it has just said. Notes the way in `memo`. */
  #go(at: Place, memo: Memo | undefined, answer: number = NO_MATCH): NfVerdict {
    const { packet } = this;
    const { table, base } = at;
    const tracing = this.#netns.emulation.tracer !== undefined;
    const asksAll = tracing || packet.odd;
    let { chain, next, depth } = at;
    let position = next - 1;
    let op = answer;
    let tried = 0;
    let matched = 0;
    for (;;) {
      switch (op) {
        case OPERATION.jump:
        case OPERATION.goto: {
          const to = chain.jumps[position];
          // Nothing happens in a chain without rules, and from it a jump comes back at once.
          if (to === undefined || (op === OPERATION.jump && to.rules.length === 0 && !tracing)) break;
          if (op === OPERATION.jump) this.#remember(depth++, chain, next);
          chain = to;
          next = 0;
          break;
        }
        case OPERATION.return:
          if (depth === 0) {
            memo?.endsBy('policy');
            return this.#policy(table, base, { tried, matched });
          }
          depth -= 1;
          chain = this.#backChain[depth] ?? base;
          next = this.#backNext[depth] ?? 0;
          break;
        case OPERATION.accept:
          memo?.endsBy('accept');
          return 'accept';
        default:
      }
      position = chain.candidate(next, packet);
      if (position === chain.rules.length) {
        tried += position - next;
        if (tracing && depth > 0) this.#trace({ table, chain, position: 0 }, 'return', undefined);
        op = OPERATION.return;
        continue;
      }
      tried += position + 1 - next;
      next = position + 1;
      op = asksAll ? ASK : (chain.actions[position * ACTION_WORDS] ?? ASK);
      if (op === ASK) {
        const said = this.#ask({ table, chain, position: next });
        if (memo !== undefined) this.#note(memo, { chain, position, depth }, said);
        if (typeof said === 'string') return said;
        op = said;
      } else {
        const setsMark = op === OPERATION.target;
        this.#count(chain, position, setsMark);
        memo?.note({ chain, position, setsMark, question: undefined });
      }
      if (op !== NO_MATCH) matched += 1;
    }
  }

  /** What is remembered of a rule that was asked: nothing of one that does not take such packets. */
  #note(memo: Memo, at: { chain: Chain; position: number; depth: number }, said: number | NfVerdict): void {
    const { chain, position, depth } = at;
    const rule = chain.rules[position];
    if (rule?.isSteady === true) {
      if (said !== NO_MATCH) memo.note({ chain, position, setsMark: rule.setsMark !== undefined, question: undefined });
      return;
    }
    const question = {
      answer: said,
      backChain: this.#backChain.slice(0, depth),
      backNext: [...this.#backNext.subarray(0, depth)],
      mark: this.packet.skb.mark,
    };
    memo.note({ chain, position, setsMark: false, question });
  }

  /** A rule that its row says in full, and that does nothing but lead on and set the mark. */
  #count(chain: Chain, position: number, setsMark: boolean): void {
    const { skb } = this.packet;
    const { counts, actions } = chain;
    counts[2 * position] = (counts[2 * position] ?? 0) + 1;
    counts[2 * position + 1] = (counts[2 * position + 1] ?? 0) + skb.tail - skb.network;
    if (!setsMark) return;
    const at = position * ACTION_WORDS;
    skb.mark = ((skb.mark & ~(actions[at + 1] ?? 0)) ^ (actions[at + 2] ?? 0)) >>> 0;
  }

  /** Any rule, in full: how the walk goes on, or its end. */
  #ask(at: Standing): number | NfVerdict {
    const { packet } = this;
    const rule = at.chain.rules[at.position - 1];
    assert(rule !== undefined, 'a candidate is a rule');
    if (rule.unknown) return this.#mayDecide(rule, at) ? 'drop' : NO_MATCH;
    if (!rule.holds(packet)) {
      return packet.hotdrop ? this.#drop(rule, 'a match had it dropped at once') : NO_MATCH;
    }
    rule.packets += 1;
    rule.bytes += packet.length;
    if (this.#netns.emulation.tracer !== undefined) this.#trace(at, rule.outcome, rule);
    switch (rule.op) {
      case OPERATION.target: {
        const verdict = rule.target?.apply(packet) ?? 'continue';
        if (verdict === 'continue') return OPERATION.none;
        return verdict === 'drop' ? this.#drop(rule, undefined) : verdict;
      }
      case OPERATION.drop:
        return this.#drop(rule, undefined);
      case OPERATION.queue:
        return this.#drop(rule, 'nobody listens on queue 0');
      default:
        return rule.op;
    }
  }

  #remember(depth: number, chain: Chain, next: number): void {
    // Longer ways were refused when the table was loaded.
    assert(depth < MAX_JUMPS, 'chains lead no deeper than they may');
    this.#backChain[depth] = chain;
    this.#backNext[depth] = next;
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
      this.#drop(rule, 'a match had it dropped at once');
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
