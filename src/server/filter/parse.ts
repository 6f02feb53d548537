/**
 * The display filter: a small language after Wireshark's.
 *
 *     expression = and { ("||" | "or") and }
 *     and        = not { ("&&" | "and") not }
 *     not        = ("!" | "not") not | "(" expression ")" | test
 *     test       = field [ comparison | [ "not" ] "in" "{" item { "," item } "}" | "contains" text ]
 *     item       = value [ ".." value ]
 *
 * A field alone asks whether it is there (of a flag: whether it is set). A frame can have several values of a field, an
 * outer and an inner header's: `==` and the others are true if any value is so, `!=` if there is none that is equal and
 * there is one, `===` if all are equal, `!==` if any is not (as in Wireshark 4).
 */

import { nearMatches } from '../../kubernetes/index.js';
import type { FrameFacts } from './facts.js';
import { STREAM_KINDS, type StreamKind } from '../stream/messages.js';
import { type Field, FIELDS, type FieldValue, isProtocol, PROTOCOLS, type ProtocolName } from './fields.js';
import { FilterError, type Token, tokens } from './lexer.js';
import { between, equals, ordered, type ValueTest } from './values.js';

export type Filter = (facts: FrameFacts) => boolean;

/** Deeper than anybody means, and shallow enough for the stack. */
const MAX_DEPTH = 64;
const MAX_LENGTH = 4096;

/** Whether values, of which there is one at least, are equal to what is written. */
const EQUALITIES: ReadonlyMap<string, (values: readonly FieldValue[], test: ValueTest) => boolean> = new Map([
  ['==', (values, test) => values.some(test)],
  ['!=', (values, test) => !values.some(test)],
  ['===', (values, test) => values.every(test)],
  ['!==', (values, test) => !values.every(test)],
]);
const COMPARISONS = new Set([...EQUALITIES.keys(), '<', '>', '<=', '>=']);
/** Other spellings. */
const SPELLINGS: ReadonlyMap<string, string> = new Map([
  ['eq', '=='],
  ['any_eq', '=='],
  ['ne', '!='],
  ['all_ne', '!='],
  ['all_eq', '==='],
  ['any_ne', '!=='],
  ['~=', '!=='],
  ['lt', '<'],
  ['gt', '>'],
  ['le', '<='],
  ['ge', '>='],
]);

/** Streams by the names that they have. */
const NAMES: ReadonlyMap<string, readonly StreamKind[]> = new Map<string, readonly StreamKind[]>([
  ...[...FIELDS].map(([name, { kinds }]): [string, readonly StreamKind[]] => [name, kinds]),
  ...Object.entries(PROTOCOLS),
]);

const hasProtocol =
  (name: ProtocolName): Filter =>
  ({ headers, told }) =>
    name === 'drop' ? (told.dropReasons ?? []).length > 0 : headers.has(name);

/** `frames, steps and traces`. */
const listed = (kinds: readonly StreamKind[]): string =>
  kinds.length < 2 ? kinds.join() : `${kinds.slice(0, -1).join(', ')} and ${kinds.at(-1)}`;

class Parser {
  readonly #tokens: readonly Token[];
  readonly #kinds: readonly StreamKind[];
  #at = 0;
  #depth = 0;

  constructor(text: string, kinds: readonly StreamKind[]) {
    this.#tokens = tokens(text);
    this.#kinds = kinds;
  }

  get #next(): Token {
    const token = this.#tokens[Math.min(this.#at, this.#tokens.length - 1)];
    if (token === undefined) throw new Error('assertion failed: a list of tokens has an end');
    return token;
  }

  #take(): Token {
    const token = this.#next;
    this.#at += 1;
    return token;
  }

  #takes(...texts: readonly string[]): boolean {
    const { kind, text } = this.#next;
    const found = (kind === 'operator' || kind === 'word') && texts.includes(text.toLowerCase());
    if (found) this.#at += 1;
    return found;
  }

  all(): Filter {
    const filter = this.#or();
    const { kind, text, at } = this.#next;
    if (kind !== 'end') throw new FilterError(`expected "and", "or" or the end, not "${text}"`, at);
    return filter;
  }

  #or(): Filter {
    const parts = [this.#and()];
    while (this.#takes('||', 'or')) parts.push(this.#and());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : (facts) => parts.some((part) => part(facts));
  }

  #and(): Filter {
    const parts = [this.#not()];
    while (this.#takes('&&', 'and')) parts.push(this.#not());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : (facts) => parts.every((part) => part(facts));
  }

  #not(): Filter {
    const { at } = this.#next;
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new FilterError(`nested deeper than ${MAX_DEPTH}`, at);
    try {
      if (this.#takes('!', 'not')) {
        const inner = this.#not();
        return (facts) => !inner(facts);
      }
      if (this.#next.kind !== 'open') return this.#test();
      this.#take();
      const inner = this.#or();
      const closing = this.#take();
      if (closing.kind !== 'close') throw new FilterError('a bracket that nobody closes', at);
      return inner;
    } finally {
      this.#depth -= 1;
    }
  }

  #test(): Filter {
    const token = this.#take();
    if (token.kind === 'end') throw new FilterError('expected a field', token.at);
    if (token.kind !== 'word') throw new FilterError(`expected a field, not "${token.text}"`, token.at);
    const name = token.text.toLowerCase();
    this.#requireName(name, token);
    const field = FIELDS.get(name);
    if (field !== undefined) return this.#ofField(name, field);
    if (!isProtocol(name)) throw new Error(`assertion failed: ${name} is a field or a protocol`);
    this.#refuseComparison(name);
    return hasProtocol(name);
  }

  /** One that none of the streams has would let nothing through, ever. @throws FilterError */
  #requireName(name: string, { text, at }: Token): void {
    const kinds = NAMES.get(name);
    const has = (given: readonly StreamKind[]): boolean => given.some((kind) => this.#kinds.includes(kind));
    if (kinds !== undefined && has(kinds)) return;
    if (kinds !== undefined) {
      const own = `${listed(this.#kinds)} have no field "${name}"`;
      throw new FilterError(`${own}: ${listed(kinds)} have`, at);
    }
    const near = nearMatches(
      name,
      [...NAMES].filter(([, given]) => has(given)).map(([known]) => known),
    );
    const hint = near.length === 0 ? '' : ` (near: ${near.join(', ')})`;
    throw new FilterError(`there is no field "${text}"${hint}`, at);
  }

  /** The comparison that comes next, as it is written first. */
  get #comparison(): string | undefined {
    const { kind, text } = this.#next;
    if (kind !== 'word' && kind !== 'operator') return undefined;
    const operator = SPELLINGS.get(text.toLowerCase()) ?? text;
    return COMPARISONS.has(operator) ? operator : undefined;
  }

  #refuseComparison(name: string): void {
    const { kind, text, at } = this.#next;
    const compares = kind === 'word' && ['in', 'contains', 'matches'].includes(text.toLowerCase());
    if (compares || this.#comparison !== undefined)
      throw new FilterError(`${name} is a protocol: it is there or not, and compares with nothing`, at);
  }

  /** `in` or `not in`. */
  #takesIn(): boolean | undefined {
    const { kind, text } = this.#tokens[this.#at + 1] ?? this.#next;
    const isBehind = kind === 'word' && text.toLowerCase() === 'in';
    if (isBehind && this.#takes('not', '!')) {
      this.#take();
      return false;
    }
    return this.#takes('in') ? true : undefined;
  }

  #ofField(name: string, field: Field): Filter {
    const { values, type } = field;
    const isIn = this.#takesIn();
    if (isIn !== undefined) {
      const tests = this.#set(name, field);
      return (facts) => values(facts).some((value) => tests.some((test) => test(value))) === isIn;
    }
    const { text, at } = this.#next;
    if (this.#takes('contains')) return this.#contains(name, field);
    if (this.#takes('matches'))
      throw new FilterError(`"${text}" is not known here: "*" stands for any characters of a name`, at);
    const operator = this.#comparison;
    // A field alone. Of a flag: whether it is set.
    if (operator === undefined)
      return type === 'flag' ? (facts) => values(facts).includes(1) : (facts) => values(facts).length > 0;
    return this.#compared(name, field, operator);
  }

  #compared(name: string, { values, type }: Field, operator: string): Filter {
    const operatorToken = { ...this.#take(), text: operator };
    const token = this.#take();
    const equality = EQUALITIES.get(operator);
    if (equality === undefined) {
      const test = ordered(name, type, { operator: operatorToken, token });
      return (facts) => values(facts).some(test);
    }
    const test = equals(name, type, token);
    return (facts) => {
      const given = values(facts);
      return given.length > 0 && equality(given, test);
    };
  }

  #contains(name: string, { type, values }: Field): Filter {
    const token = this.#take();
    if (type !== 'text') throw new FilterError(`${name} is no text: "contains" is for names`, token.at);
    if (token.kind !== 'word' && token.kind !== 'text') throw new FilterError('expected a text', token.at);
    const wanted = token.text.toLowerCase();
    return (facts) => values(facts).some((value) => String(value).toLowerCase().includes(wanted));
  }

  #set(name: string, { type }: Field): ValueTest[] {
    const open = this.#take();
    if (open.kind !== 'openSet') throw new FilterError('expected "{" and values behind "in"', open.at);
    const tests: ValueTest[] = [];
    for (;;) {
      const first = this.#take();
      if (this.#next.kind === 'range') {
        this.#take();
        tests.push(between(name, type, { first, last: this.#take() }));
      } else tests.push(equals(name, type, first));
      const token = this.#take();
      if (token.kind === 'closeSet') return tests;
      if (token.kind !== 'comma') throw new FilterError('expected "," or "}"', token.at);
    }
  }
}

/**
 * An empty text lets everything through. A name that none of the streams has is a mistake; of several streams, one that
 * has not the field has no value of it. @throws FilterError
 */
export function parseFilter(text: string, kinds: readonly StreamKind[] = STREAM_KINDS): Filter {
  if (text.length > MAX_LENGTH) throw new FilterError(`longer than ${MAX_LENGTH} characters`, MAX_LENGTH);
  return text.trim() === '' ? () => true : new Parser(text, kinds).all();
}
