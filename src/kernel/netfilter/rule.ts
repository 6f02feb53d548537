/**
 * A rule (struct ipt_entry): the basic conditions, matches in their order, and what follows. It prints itself as
 * iptables-save does and counts what matched.
 */

import { formatIpv4, ipv4, ipv4Mask } from '../../packet/index.js';
import type { Cause, Programmed, RuleOutcome } from '../../trace/index.js';
import type { Chain } from './chain.js';
import type { Match, MatchKind, Target, TargetKind, ValueTest } from './extension.js';
import { formatInterfaceName, interfaceMatches, type InterfaceName } from './interface-name.js';
import type { RulePacket } from './packet.js';
import { formatProtocol } from './text/protocol-names.js';
import { plainOrQuoted, type UnknownExtension } from './unknown.js';

/** `-s 10.0.0.0/8`: mask as a signed integer, not always contiguous. */
export interface AddressTest {
  readonly addr: number;
  readonly mask: number;
  readonly inverted: boolean;
}

export interface InterfaceTest extends InterfaceName {
  readonly inverted: boolean;
}

/** The options that every rule has. Every rule's object has all of them, so that all have one shape. */
export interface BasicTests {
  readonly source: AddressTest | undefined;
  readonly destination: AddressTest | undefined;
  readonly in: InterfaceTest | undefined;
  readonly out: InterfaceTest | undefined;
  readonly protocol: { readonly number: number; readonly inverted: boolean } | undefined;
  /** `-f`: second and later fragments. */
  readonly fragment: { readonly inverted: boolean } | undefined;
}

export interface RuleMatch {
  readonly name: string;
  /** Undefined where the match is not modelled. */
  readonly kind: MatchKind | undefined;
  readonly match: Match;
}

/** What happens to a packet that matches. */
export type RuleAction =
  | { readonly kind: 'none' }
  | { readonly kind: 'accept' | 'drop' | 'return' | 'queue' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | { readonly kind: 'target'; readonly name: string; readonly targetKind: TargetKind; readonly target: Target }
  | { readonly kind: 'unknown'; readonly unknown: UnknownExtension };

/** Kinds of actions as numbers: what a walk goes by. */
export const OPERATION = {
  none: 0,
  unknown: 0,
  target: 1,
  jump: 2,
  goto: 3,
  return: 4,
  accept: 5,
  drop: 6,
  queue: 7,
} as const satisfies Readonly<Record<RuleAction['kind'], number>>;

export interface RuleParts {
  readonly tests: BasicTests;
  readonly matches: readonly RuleMatch[];
  readonly action: RuleAction;
}

export interface Counters {
  readonly packets: number;
  readonly bytes: number;
}

const contiguous = (mask: number): number | undefined => {
  const length = mask === 0 ? 0 : 32 - Math.log2((~mask >>> 0) + 1);
  return ipv4Mask(length) === mask ? length : undefined;
};

/** `10.0.0.1/32`, `10.0.0.0/255.0.255.0`. */
function formatAddress({ addr, mask }: AddressTest): string {
  const length = contiguous(mask);
  return `${formatIpv4(ipv4(addr))}/${length ?? formatIpv4(ipv4(mask))}`;
}

const bang = (inverted: boolean): string => (inverted ? '! ' : '');

/** `-s -d -i -o -p -f`, in this order. */
function formatTests(tests: BasicTests): string[] {
  const words: string[] = [];
  const { source, destination, in: inDev, out, protocol, fragment } = tests;
  if (source !== undefined) words.push(`${bang(source.inverted)}-s ${formatAddress(source)}`);
  if (destination !== undefined) words.push(`${bang(destination.inverted)}-d ${formatAddress(destination)}`);
  if (inDev !== undefined) words.push(`${bang(inDev.inverted)}-i ${formatInterfaceName(inDev)}`);
  if (out !== undefined) words.push(`${bang(out.inverted)}-o ${formatInterfaceName(out)}`);
  if (protocol !== undefined) words.push(`${bang(protocol.inverted)}-p ${formatProtocol(protocol.number)}`);
  if (fragment !== undefined) words.push(`${bang(fragment.inverted)}-f`);
  return words;
}

const withOptions = (head: string, options: string): string => (options === '' ? head : `${head} ${options}`);

function formatAction(action: RuleAction): string | undefined {
  switch (action.kind) {
    case 'none':
      return undefined;
    case 'jump':
      return `-j ${action.chain}`;
    case 'goto':
      return `-g ${action.chain}`;
    case 'target':
      return withOptions(`-j ${action.name}`, action.target.toString());
    case 'unknown':
      return withOptions(`-j ${plainOrQuoted(action.unknown.name)}`, action.unknown.toString());
    default:
      return `-j ${action.kind.toUpperCase()}`;
  }
}

const addressHolds = (test: AddressTest | undefined, addr: number): boolean =>
  test === undefined || ((addr & test.mask) === test.addr) !== test.inverted;

const interfaceHolds = (test: InterfaceTest | undefined, dev: { readonly name: string } | undefined): boolean =>
  test === undefined || interfaceMatches(test, dev) !== test.inverted;

/** net/ipv4/netfilter/ip_tables.c:ip_packet_match(). */
export function basicTestsHold(tests: BasicTests, packet: RulePacket): boolean {
  const { protocol, fragment } = tests;
  return (
    addressHolds(tests.source, packet.source) &&
    addressHolds(tests.destination, packet.destination) &&
    interfaceHolds(tests.in, packet.in) &&
    interfaceHolds(tests.out, packet.out) &&
    (protocol === undefined || (protocol.number === packet.protocol) !== protocol.inverted) &&
    (fragment === undefined || (packet.fragmentOffset !== 0) !== fragment.inverted)
  );
}

/** Whether the packet matches: `unknown` where that hangs on a match that is not modelled. */
export type MatchResult = 'yes' | 'no' | 'unknown';

/** What a rule has counted that no packet has met: nobody writes to it. */
const NOTHING_COUNTED: Float64Array = new Float64Array(2);

export class Rule implements Programmed {
  /** The kind of action as a number. */
  readonly op: number;
  /** Packets and bytes: two numbers of its own, or where its chain keeps those of all its rules. */
  #counts: Float64Array = NOTHING_COUNTED;
  #countsAt = 0;
  /** Where a jump or goto leads; set when the rule is put into a table. */
  jumpsTo: Chain | undefined = undefined;
  /** Who has passed the rule's row in its chain has passed the rule. */
  rowIsAll = false;
  /**
   * Packets that rows cannot tell apart, of one pair of devices, all get the same answer: what the row leaves to ask are
   * the basic tests and ports, and the rule does no more than lead on, accept and set the mark.
   */
  isSteady = false;
  /** A match or the target is not modelled; settled when the matches are attached. */
  unknown = false;
  readonly target: Target | undefined;
  /** Where the target only sets the mark. */
  readonly setsMark: ValueTest | undefined;
  /** What the row leaves to ask. */
  #rest: readonly Match[];
  #asksTests = true;
  readonly tests: BasicTests;
  readonly matches: readonly RuleMatch[];
  readonly action: RuleAction;
  because: readonly Cause[];
  /** The text that it was made of, where a state had it: not always as the rule prints itself. */
  given: string | undefined = undefined;
  #text: string | undefined = undefined;
  /** Those of the matches that can say no. */
  readonly #asked: readonly Match[];

  constructor(parts: RuleParts, more: { because: readonly Cause[]; counters?: Counters }) {
    const { action } = parts;
    this.op = OPERATION[action.kind];
    if (more.counters !== undefined) this.#counts = Float64Array.of(more.counters.packets, more.counters.bytes);
    this.target = action.kind === 'target' ? action.target : undefined;
    this.setsMark = this.target?.setsMark;
    this.tests = parts.tests;
    this.matches = parts.matches;
    this.#asked = parts.matches.filter(({ kind }) => kind?.decorative !== true).map(({ match }) => match);
    this.#rest = this.#asked;
    this.action = action;
    this.because = more.because;
  }

  get packets(): number {
    return this.#counts[this.#countsAt] ?? 0;
  }
  set packets(value: number) {
    this.#ownCounts();
    this.#counts[this.#countsAt] = value;
  }

  get bytes(): number {
    return this.#counts[this.#countsAt + 1] ?? 0;
  }
  set bytes(value: number) {
    this.#ownCounts();
    this.#counts[this.#countsAt + 1] = value;
  }

  #ownCounts(): void {
    if (this.#counts === NOTHING_COUNTED) this.#counts = new Float64Array(2);
  }

  /** From now on it is counted there, and what was counted is taken along. */
  countIn(counts: Float64Array, at: number): void {
    counts[at] = this.packets;
    counts[at + 1] = this.bytes;
    this.#counts = counts;
    this.#countsAt = at;
  }

  /** The chain has made a row of the rule, which leaves these matches to ask, and the basic tests or not. */
  leaves(rest: readonly Match[], basicTests: boolean): void {
    this.#rest = rest;
    this.#asksTests = basicTests;
    this.rowIsAll = !basicTests && rest.length === 0;
    const plain = !this.unknown && (this.setsMark !== undefined || this.op !== OPERATION.target);
    const ends = this.op === OPERATION.drop || this.op === OPERATION.queue;
    this.isSteady = plain && !ends && rest.every(({ steady }) => steady === true);
  }

  /** What comes after `-A CHAIN `; empty for a rule that says nothing. */
  toString(): string {
    if (this.#text !== undefined) return this.#text;
    const words = formatTests(this.tests);
    for (const { name, match } of this.matches) words.push(withOptions(`-m ${plainOrQuoted(name)}`, match.toString()));
    const action = formatAction(this.action);
    if (action !== undefined) words.push(action);
    const text = words.join(' ');
    this.#text = text;
    return text;
  }

  get needsConntrack(): boolean {
    if (this.action.kind === 'target' && this.action.targetKind.needsConntrack === true) return true;
    return this.matches.some(({ kind }) => kind?.needsConntrack === true);
  }

  /** The same, matches and what they hold included, but leading to a chain of another name. */
  renamed(to: string): Rule {
    const { tests, matches, action } = this;
    const moved: RuleAction = action.kind === 'jump' || action.kind === 'goto' ? { ...action, chain: to } : action;
    const rule = new Rule({ tests, matches, action: moved }, { because: this.because, counters: this });
    rule.unknown = this.unknown;
    return rule;
  }

  /** Matches in their order, as the kernel asks them. */
  matchesHold(packet: RulePacket): boolean {
    packet.rule = this;
    const asked = this.#asked;
    for (let i = 0; i < asked.length; i++) if (asked[i]?.matches(packet) === false) return false;
    return true;
  }

  /** The whole rule, for a packet that has passed its row, unless it is `odd`: such ones pass every row. */
  holds(packet: RulePacket): boolean {
    if (packet.odd) return basicTestsHold(this.tests, packet) && this.matchesHold(packet);
    if (this.#asksTests && !basicTestsHold(this.tests, packet)) return false;
    packet.rule = this;
    const rest = this.#rest;
    for (let i = 0; i < rest.length; i++) if (rest[i]?.matches(packet) === false) return false;
    return true;
  }

  /**
   * For rules with something unknown: whatever is known may still rule the packet out. Behind the first unknown
   * match only those are asked that change nothing by being asked.
   */
  mayMatch(packet: RulePacket): MatchResult {
    packet.rule = this;
    let result: MatchResult = 'yes';
    for (const { match, kind } of this.matches) {
      if (match.known === false) result = 'unknown';
      else if ((result === 'yes' || kind?.pure === true) && !match.matches(packet)) return 'no';
    }
    return result;
  }

  /** What it does, for a trace. */
  get outcome(): RuleOutcome {
    const { action } = this;
    switch (action.kind) {
      case 'none':
      case 'unknown':
        return 'continue';
      case 'target':
        return action.target.outcome;
      default:
        return action.kind;
    }
  }
}
