/**
 * A packet's walk through the chains of a table (net/ipv4/netfilter/ip_tables.c:ipt_do_table()).
 *
 * A jump remembers where it came from, a goto does not; the end of a chain or RETURN goes back to the last jump,
 * and from the built-in chain to its policy.
 */

import type { RuleOutcome, WalkStep } from '../../trace/index.js';
import { assert } from '../errors.js';
import type { Netns } from '../netns.js';
import type { Skb } from '../skb.js';
import { ACTION_WORDS, ASK, type Chain } from './chain.js';
import type { NfVerdict } from './hook.js';
import { RulePacket } from './packet.js';
import { OPERATION, type Rule } from './rule.js';
import type { Table } from './table.js';
import { markStep } from './target/mark.js';
import { MAX_JUMPS } from './validate.js';
import type { Memo, MemoEnd, MemoStep, Question, Tally, WalkMemory } from './walk-memo.js';

/** A rule's answer: the walk goes on behind it. */
const NO_MATCH = -2;
/** No rule's answer: the walk goes back as RETURN does. */
const END_OF_CHAIN = -3;

/** The last rule's answer, and the rules before it. */
interface SoFar extends Tally {
  readonly answer: number;
}

const NOT_BEGUN: SoFar = { answer: NO_MATCH, tried: 0, matched: 0 };

const NOTHING_TOLD: readonly WalkStep[] = [];

/** A walk like one before it. */
interface Remembered {
  readonly table: Table;
  readonly base: Chain;
  readonly memo: Memo;
  /** Somebody traces. */
  readonly told: boolean;
}

/** A rule that is asked, where it stands, and what came before it. */
interface Asked {
  readonly chain: Chain;
  readonly position: number;
  readonly depth: number;
  readonly before: readonly WalkStep[];
  readonly tally: Tally;
}

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
  /** Of rules that tell nothing but themselves, not yet given to the trace. */
  #told: WalkStep[] = [];

  constructor(netns: Netns, skb: Skb) {
    this.#netns = netns;
    this.packet = new RulePacket(netns, skb);
  }

  /** For the packet that `packet` was loaded with. `base` is the table's chain of its hook, `memory` is that chain's. */
  run(table: Table, base: Chain, memory: WalkMemory): NfVerdict {
    const { packet } = this;
    let memo: Memo | undefined;
    if (!packet.odd) {
      memo = memory.at(packet);
      if (memo.isOf(packet)) {
        const told = this.#netns.emulation.tracer !== undefined;
        const steps = memo.stepsFor(told);
        if (steps !== undefined) return this.#goAgain({ table, base, memo, told }, steps);
        memo.remember(told);
        memo.enter(base, packet);
      } else {
        memo.begin(packet);
        memo = undefined;
      }
    }
    return this.#go({ table, base, chain: base, next: 0, depth: 0 }, memo, NOT_BEGUN);
  }

  /** A walk that is remembered: counts what counted, and asks what has to be asked. */
  #goAgain({ table, base, memo, told }: Remembered, steps: readonly MemoStep[]): NfVerdict {
    const { skb } = this.packet;
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      if (step === undefined) break;
      const { chain, position, question } = step;
      if (question === undefined) {
        this.#count(chain, position, step.setsMark);
        continue;
      }
      if (told) this.#netns.traceAll(skb, question.before);
      const answer = this.#ask({ table, chain, position: position + 1 });
      if (typeof answer === 'string') return answer;
      if (answer !== question.answer || skb.mark !== question.mark)
        return this.#leave({ table, base, chain, next: position + 1, depth: 0 }, question, answer);
    }
    if (told) this.#netns.traceAll(skb, memo.lastTold);
    return memo.end === 'policy' ? this.#policy(table, base) : 'accept';
  }

  /** The way leads elsewhere this time: on from a rule that was asked. */
  #leave(at: Place, { backChain, backNext, tally }: Question, answer: number): NfVerdict {
    for (let i = 0; i < backChain.length; i++) {
      this.#backChain[i] = backChain[i] ?? at.base;
      this.#backNext[i] = backNext[i] ?? 0;
    }
    return this.#go({ ...at, depth: backChain.length }, undefined, { answer, ...tally });
  }

  /** From `at` on, where `so far` is what the rules before it have said. Notes the way in `memo`. */
  #go(at: Place, memo: Memo | undefined, soFar: SoFar): NfVerdict {
    const { packet } = this;
    const { table, base } = at;
    const tracing = this.#netns.emulation.tracer !== undefined;
    let { chain, next, depth } = at;
    let position = next - 1;
    let op = soFar.answer;
    let { tried, matched } = soFar;
    for (;;) {
      if (op !== NO_MATCH && op !== END_OF_CHAIN) matched += 1;
      switch (op) {
        case OPERATION.jump:
        case OPERATION.goto: {
          const to = chain.jumps[position];
          // Nothing happens in a chain without rules, and from it a jump comes back at once.
          if (to === undefined || (op === OPERATION.jump && to.rules.length === 0 && !tracing)) break;
          if (op === OPERATION.jump) this.#remember(depth++, chain, next);
          chain = to;
          next = 0;
          memo?.enter(chain, packet);
          break;
        }
        case OPERATION.return:
        case END_OF_CHAIN:
          if (depth === 0) {
            if (tracing) this.#tellPolicy(table, base, { tried, matched });
            this.#end(memo, 'policy');
            return this.#policy(table, base);
          }
          depth -= 1;
          chain = this.#backChain[depth] ?? base;
          next = this.#backNext[depth] ?? 0;
          break;
        case OPERATION.accept:
          this.#end(memo, 'accept');
          return 'accept';
        default:
      }
      position = chain.candidate(next, packet);
      if (position === chain.rules.length) {
        tried += position - next;
        if (tracing && depth > 0) this.#tell({ table, chain, position: 0 }, 'return', undefined);
        op = END_OF_CHAIN;
        continue;
      }
      tried += position + 1 - next;
      next = position + 1;
      op = packet.odd ? ASK : (chain.actions[position * ACTION_WORDS] ?? ASK);
      if (op === ASK) {
        const standing = { table, chain, position: next };
        const before = this.#handOver(standing);
        const said = this.#ask(standing);
        if (memo !== undefined) this.#note(memo, { chain, position, depth, before, tally: { tried, matched } }, said);
        if (typeof said === 'string') return said;
        op = said;
      } else {
        const setsMark = op === OPERATION.target;
        this.#count(chain, position, setsMark);
        memo?.note({ chain, position, setsMark, question: undefined });
        if (tracing) this.#tellMatch({ table, chain, position: next }, setsMark);
      }
    }
  }

  /** The walk is at its end: what is still to be told is told, and kept for the next that is like it. */
  #end(memo: Memo | undefined, end: MemoEnd): void {
    const told = this.#give();
    if (memo === undefined) return;
    memo.tellsLast(told);
    memo.endsBy(end);
  }

  /** Before a rule is asked that may have steps of its own to tell. */
  #handOver({ chain, position }: Standing): readonly WalkStep[] {
    const steady = chain.rules[position - 1]?.isSteady === true && !this.packet.odd;
    return steady ? NOTHING_TOLD : this.#give();
  }

  /** Gives the trace what the walk has put by. */
  #give(): readonly WalkStep[] {
    const told = this.#told;
    if (told.length === 0) return NOTHING_TOLD;
    this.#told = [];
    this.#netns.traceAll(this.packet.skb, told);
    return told;
  }

  /** What is remembered of a rule that was asked: nothing of one that does not take such packets. */
  #note(memo: Memo, asked: Asked, said: number | NfVerdict): void {
    const { chain, position, depth, before, tally } = asked;
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
      before,
      tally,
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
    if (!rule.holds(packet)) return packet.hotdrop ? this.#dropAtOnce(rule, at) : NO_MATCH;
    if (rule.isSteady && !packet.odd) return this.#takeSteady(rule, at);
    rule.packets += 1;
    rule.bytes += packet.length;
    this.#trace(at, rule.outcome, rule);
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

  /** A rule that has taken the packet, and of which that is all there is to know. */
  #takeSteady(rule: Rule, at: Standing): number {
    const setsMark = rule.setsMark !== undefined;
    this.#count(at.chain, at.position - 1, setsMark);
    if (this.#netns.emulation.tracer !== undefined) this.#tellMatch(at, setsMark);
    return rule.op === OPERATION.target ? OPERATION.none : rule.op;
  }

  #remember(depth: number, chain: Chain, next: number): void {
    // Longer ways were refused when the table was loaded.
    assert(depth < MAX_JUMPS, 'chains lead no deeper than they may');
    this.#backChain[depth] = chain;
    this.#backNext[depth] = next;
  }

  #policy(table: Table, base: Chain): NfVerdict {
    const { packet } = this;
    if (base.counting) {
      base.packets += 1;
      base.bytes += packet.length;
    }
    if (base.policy !== 'DROP') return 'accept';
    this.#netns.drop(packet.skb, 'netfilter-drop', `policy of ${table.name} ${base.name}`);
    return 'drop';
  }

  #tellPolicy(table: Table, base: Chain, { tried, matched }: Tally): void {
    const accepts = base.policy !== 'DROP';
    const { hook } = this.packet;
    if (matched === 0) this.#told.push({ kind: 'table', hook, table: table.name, rulesTried: tried });
    if (matched > 0 || !accepts)
      this.#tell({ table, chain: base, position: 0 }, accepts ? 'accept' : 'drop', undefined);
  }

  /** By a match, whatever the rule's target is: it counts nothing. */
  #dropAtOnce(rule: Rule, at: Standing): 'drop' {
    this.#trace(at, 'drop', rule);
    return this.#drop(rule, 'a match had it dropped at once');
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
      this.#dropAtOnce(rule, at);
      return true;
    }
    if (result === 'no') return false;
    // A rule that only counts or writes a log changes nothing, whether it matches or not.
    const { action } = rule;
    const harmless = action.kind === 'none' || (action.kind === 'unknown' && action.unknown.harmless) || onlyLogs(rule);
    if (harmless) return false;
    packet.skb.unknown = true;
    this.#trace(at, 'unknown', rule);
    this.#netns.drop(packet.skb, 'unknown-rule', `not modelled: ${rule.toString()}`, rule);
    return true;
  }

  /** Put by, for the trace to be given with the next steps or at the end. */
  #tell({ table, chain, position }: Standing, outcome: RuleOutcome, rule: Rule | undefined): void {
    const { hook } = this.packet;
    const target = rule?.jumpsTo?.name;
    this.#told.push({
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

  /** A rule that matched, and set the mark or did no more than lead on. */
  #tellMatch(at: Standing, setsMark: boolean): void {
    const rule = at.chain.rules[at.position - 1];
    assert(rule !== undefined, 'what matched is a rule');
    this.#tell(at, rule.outcome, rule);
    if (setsMark) this.#told.push(markStep(this.packet.skb.mark));
  }

  /** Told at once: what the rule does has steps of its own. */
  #trace(at: Standing, outcome: RuleOutcome, rule: Rule): void {
    if (this.#netns.emulation.tracer === undefined) return;
    this.#tell(at, outcome, rule);
    this.#give();
  }
}

const LOGS: ReadonlySet<string> = new Set(['LOG', 'NFLOG', 'TRACE']);

const onlyLogs = ({ action }: Rule): boolean => action.kind === 'target' && LOGS.has(action.name);
