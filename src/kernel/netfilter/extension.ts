/**
 * Matches and targets: what every one of them is. A new one is a file and a line in the table of
 * match/index.ts or target/index.ts (struct xt_match and struct xt_target, and iptables' extensions/).
 */

import type { HookName, RuleOutcome, TableName } from '../../trace/index.js';
import type { Netns } from '../netns.js';
import type { Options } from './options.js';
import type { RulePacket } from './packet.js';

/** What the restore of a rule refuses: the words that iptables-restore has for it, line numbers are the caller's. */
export class RuleError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RuleError';
  }
}

/** Of an option: how many arguments, whether `!` may stand before it, other spellings. */
export interface OptionSpec {
  /** Arguments; default 1. */
  readonly arguments?: 0 | 1 | 2;
  readonly invertible?: true;
  readonly aliases?: readonly string[];
}

/** By name with its dashes. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** What a rule says around its matches, for those that want it. */
export interface RuleContext {
  readonly table: TableName;
  /** `-p`, 0 where none is given or it is inverted. */
  readonly protocol: number;
}

/** Ports that a match wants, both ends included. */
export interface PortTest {
  readonly first: number;
  readonly last: number;
  readonly inverted: boolean;
}

export interface PortTests {
  readonly source: PortTest;
  readonly destination: PortTest;
}

export interface PortBounds {
  readonly source: readonly number[];
  readonly destination: readonly number[];
}

/** Of a value under a mask, as signed integers. */
export interface ValueTest {
  readonly value: number;
  readonly mask: number;
}

/** Where a match or target may be used. */
interface Placement {
  readonly tables?: readonly TableName[];
  readonly hooks?: readonly HookName[];
  /** Needs `-p` to be one of these. */
  readonly protocols?: readonly number[];
}

/** Held while the rule is in a table. */
interface Lifecycle {
  /** checkentry(): resolves what the rule names. @throws RuleError */
  attach?(netns: Netns): void;
  /** destroy(): lets go of it. */
  detach?(netns: Netns): void;
}

export interface Match extends Lifecycle {
  /** False where nobody can say whether it matches. Settled by `attach`. */
  readonly known?: boolean;
  /** Hooks that these options allow, where that is not the same for the whole kind. */
  readonly hooks?: readonly HookName[];
  /** Nothing is left of what was said: the rule has no such match. */
  readonly absent?: boolean;
  /** Port conditions, for the columns of a chain: the match fails where they do. */
  readonly ports?: PortTests;
  /** Ports at which its answer may change, for matches that are `steady`, beside those of `ports`. */
  readonly portBounds?: PortBounds;
  /** All that it asks are protocol and ports: of two packets that have the same, and are no fragments, it takes both. */
  readonly steady?: true;
  /** The match is this condition of the packet's mark, and no more. */
  readonly markTest?: ValueTest;
  /** The match is that one of these states holds, and no more. */
  readonly ctStates?: number;
  matches(packet: RulePacket): boolean;
  /** The options alone, as iptables-save prints them: `--mark 0x1`. */
  toString(): string;
}

export interface MatchKind extends Placement {
  readonly options: OptionTable;
  /** Being asked changes nothing: rules may ask such matches in any order. */
  readonly pure: boolean;
  /** It does not matter when such a match is made, though being asked changes it. */
  readonly ageless?: true;
  /** Says nothing about packets: is never asked. */
  readonly decorative?: true;
  readonly needsConntrack?: true;
  /** @throws RuleError */
  parse(options: Options, context: RuleContext): Match;
}

/** What a target answers; `continue` goes on with the next rule (XT_CONTINUE). */
export type TargetVerdict = 'continue' | 'accept' | 'drop' | 'stolen';

export interface Target extends Lifecycle {
  /** What it does with a packet as a rule, for the trace. */
  readonly outcome: RuleOutcome;
  /** Where that hangs on the options. */
  readonly hooks?: readonly HookName[];
  readonly protocols?: readonly number[];
  /** The target makes the mark `(mark & ~mask) ^ value`, and no more. */
  readonly setsMark?: ValueTest;
  apply(packet: RulePacket): TargetVerdict;
  /** The options alone. */
  toString(): string;
}

export interface TargetKind extends Placement {
  readonly options: OptionTable;
  readonly needsConntrack?: true;
  /** @throws RuleError */
  parse(options: Options, context: RuleContext): Target;
}
