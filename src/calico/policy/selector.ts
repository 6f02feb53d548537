/**
 * Calico's selector language: parsing, the canonical text (which is hashed into IP set names), and
 * evaluation over labels; libcalico-go/lib/selector/parser. `||` binds least, `!` most; an empty selector
 * is `all()`.
 */

import { compareText } from '../digest.js';
import { uniqueId } from '../names.js';
import { type LabelRestrictions, labelRestrictions } from './label-restrictions.js';
import { formatToken, SelectorError, type Token, tokenizeSelector } from './selector-tokens.js';

export type ValueOperator = '==' | '!=' | 'contains' | 'starts with' | 'ends with';

export type SelectorNode =
  | { readonly kind: 'value'; readonly label: string; readonly operator: ValueOperator; readonly value: string }
  | {
      readonly kind: 'set';
      readonly label: string;
      readonly operator: 'in' | 'not in';
      readonly values: readonly string[];
    }
  | { readonly kind: 'has'; readonly label: string }
  | { readonly kind: 'all' | 'global' }
  | { readonly kind: 'not'; readonly operand: SelectorNode }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly SelectorNode[] };

export type Labels = Readonly<Record<string, string>>;

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', at: this.#tokens.at(-1)?.at ?? 0 };
  }

  #fail(message: string): never {
    throw new SelectorError(message, this.#peek().at);
  }

  #take(kind: Token['kind']): boolean {
    const found = this.#peek().kind === kind;
    if (found) this.#at += 1;
    return found;
  }

  root(): SelectorNode {
    if (this.#peek().kind === 'end') return { kind: 'all' };
    const node = this.#or();
    if (this.#peek().kind !== 'end') {
      const rest = this.#tokens.slice(this.#at).map(formatToken).join(' ');
      this.#fail(`unexpected content at end of selector [${rest}]`);
    }
    return node;
  }

  #or(): SelectorNode {
    return this.#list('or', '||', () => this.#list('and', '&&', () => this.#operation()));
  }

  #list(kind: 'and' | 'or', separator: '&&' | '||', operand: () => SelectorNode): SelectorNode {
    const first = operand();
    const operands = [first];
    while (this.#take(separator)) operands.push(operand());
    return operands.length === 1 ? first : { kind, operands };
  }

  #operation(): SelectorNode {
    let negated = false;
    while (this.#take('!')) negated = !negated;
    const node = this.#plain();
    return negated ? { kind: 'not', operand: node } : node;
  }

  #plain(): SelectorNode {
    const token = this.#peek();
    this.#at += 1;
    switch (token.kind) {
      case 'has':
        return { kind: 'has', label: token.value };
      case 'all':
      case 'global':
        return { kind: token.kind };
      case 'label':
        return this.#comparison(token.value);
      case '(': {
        const node = this.#or();
        if (!this.#take(')')) this.#fail('expected )');
        return node;
      }
      default:
        throw new SelectorError(`unexpected token: ${formatToken(token)}`, token.at);
    }
  }

  #comparison(label: string): SelectorNode {
    // Upstream asks for an operator and one token more before it looks at either.
    if (this.#tokens.length - this.#at < 2) this.#fail('unexpected end of string looking for op');
    const token = this.#peek();
    if (token.kind !== 'operator') this.#fail(`expected == or != not: ${formatToken(token)}`);
    this.#at += 1;
    const { operator } = token;
    if (operator === 'in' || operator === 'not in') return { kind: 'set', label, operator, values: this.#set() };
    const value = this.#peek();
    if (value.kind !== 'string') this.#fail('expected string');
    this.#at += 1;
    return { kind: 'value', label, operator, value: value.value };
  }

  #set(): string[] {
    if (!this.#take('{')) this.#fail('expected set literal');
    const values = new Set<string>();
    for (;;) {
      const token = this.#peek();
      if (token.kind !== 'string') break;
      values.add(token.value);
      this.#at += 1;
      if (!this.#take(',')) break;
    }
    if (!this.#take('}')) this.#fail('expected }');
    return [...values].sort(compareText);
  }
}

const quote = (value: string): string => (value.includes('"') ? `'${value}'` : `"${value}"`);

/** The canonical text: double quotes where possible, sets sorted, one pair of parentheses around each && and ||. */
export function formatSelector(node: SelectorNode): string {
  switch (node.kind) {
    case 'value':
      return `${node.label} ${node.operator} ${quote(node.value)}`;
    case 'set':
      return `${node.label} ${node.operator} {${node.values.map(quote).join(', ')}}`;
    case 'has':
      return `has(${node.label})`;
    case 'all':
    case 'global':
      return `${node.kind}()`;
    case 'not':
      return `!${formatSelector(node.operand)}`;
    case 'and':
    case 'or':
      return `(${node.operands.map(formatSelector).join(node.kind === 'and' ? ' && ' : ' || ')})`;
  }
}

function valueMatches(operator: ValueOperator, actual: string | undefined, wanted: string): boolean {
  if (operator === '!=') return actual !== wanted; // also where the label is absent
  if (actual === undefined) return false;
  switch (operator) {
    case '==':
      return actual === wanted;
    case 'contains':
      return actual.includes(wanted);
    case 'starts with':
      return actual.startsWith(wanted);
    case 'ends with':
      return actual.endsWith(wanted);
  }
}

function evaluate(node: SelectorNode, lookup: (label: string) => string | undefined): boolean {
  switch (node.kind) {
    case 'value':
      return valueMatches(node.operator, lookup(node.label), node.value);
    case 'set': {
      const actual = lookup(node.label);
      // `not in` matches where the label is absent, as `!=` does.
      return (actual !== undefined && node.values.includes(actual)) === (node.operator === 'in');
    }
    case 'has':
      return lookup(node.label) !== undefined;
    case 'all':
    case 'global':
      return true;
    case 'not':
      return !evaluate(node.operand, lookup);
    case 'and':
      return node.operands.every((operand) => evaluate(operand, lookup));
    case 'or':
      return node.operands.some((operand) => evaluate(operand, lookup));
  }
}

/** The same selector with each label renamed: profiles carry labels on with a prefix. */
export function renameLabels(node: SelectorNode, rename: (label: string) => string): SelectorNode {
  switch (node.kind) {
    case 'value':
    case 'set':
    case 'has':
      return { ...node, label: rename(node.label) };
    case 'not':
      return { ...node, operand: renameLabels(node.operand, rename) };
    case 'and':
    case 'or':
      return { ...node, operands: node.operands.map((operand) => renameLabels(operand, rename)) };
    default:
      return node;
  }
}

export class Selector {
  readonly root: SelectorNode;
  /** Canonical text. */
  readonly text: string;
  #restrictions: LabelRestrictions | undefined = undefined;

  constructor(root: SelectorNode) {
    this.root = root;
    this.text = formatSelector(root);
  }

  matches(labels: Labels): boolean {
    return evaluate(this.root, (label) => (Object.hasOwn(labels, label) ? labels[label] : undefined));
  }

  /** As `matches`, over labels that come from several places. */
  matchesLookup(lookup: (label: string) => string | undefined): boolean {
    return evaluate(this.root, lookup);
  }

  /** What labels must be for it to match at all. */
  get restrictions(): LabelRestrictions {
    this.#restrictions ??= labelRestrictions(this.root);
    return this.#restrictions;
  }

  /** Id of the IP set that holds what this selects. */
  get uniqueId(): string {
    return uniqueId('s', this.text);
  }
}

/** Throws SelectorError. */
export const parseSelector = (text: string): Selector => new Selector(new Parser(tokenizeSelector(text)).root());
