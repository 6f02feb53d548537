/**
 * What a label must be for a selector to match at all: a lower bound, by which an index finds the few
 * selectors that a set of labels could match; libcalico-go/lib/selector/parser/ast.go:LabelRestrictions().
 */

import { compareText } from '../digest.js';
import type { SelectorNode } from './selector.js';

export interface LabelRestriction {
  readonly mustBePresent: boolean;
  readonly mustBeAbsent: boolean;
  /** Undefined: any value will do. */
  readonly mustHaveOneOfValues?: readonly string[];
}

export type LabelRestrictions = ReadonlyMap<string, LabelRestriction>;

const present = (values?: readonly string[]): LabelRestriction => ({
  mustBePresent: true,
  mustBeAbsent: false,
  ...(values && { mustHaveOneOfValues: values }),
});

const one = (label: string, restriction: LabelRestriction): LabelRestrictions => new Map([[label, restriction]]);
const NONE: LabelRestrictions = new Map();

function both(a: LabelRestriction, b: LabelRestriction): LabelRestriction {
  const [x, y] = [a.mustHaveOneOfValues, b.mustHaveOneOfValues];
  const values = x === undefined ? y : y === undefined ? x : x.filter((value) => y.includes(value));
  return {
    mustBePresent: a.mustBePresent || b.mustBePresent,
    mustBeAbsent: a.mustBeAbsent || b.mustBeAbsent,
    ...(values && { mustHaveOneOfValues: values }),
  };
}

function either(a: LabelRestriction, b: LabelRestriction): LabelRestriction {
  const [x, y] = [a.mustHaveOneOfValues, b.mustHaveOneOfValues];
  return {
    mustBePresent: a.mustBePresent && b.mustBePresent,
    mustBeAbsent: a.mustBeAbsent && b.mustBeAbsent,
    ...(x && y && { mustHaveOneOfValues: [...new Set([...x, ...y])].sort(compareText) }),
  };
}

function ofAll(operands: readonly SelectorNode[]): LabelRestrictions {
  const result = new Map<string, LabelRestriction>();
  for (const operand of operands) {
    for (const [label, restriction] of labelRestrictions(operand)) {
      const before = result.get(label);
      result.set(label, before ? both(before, restriction) : restriction);
    }
  }
  return result;
}

function ofAny(operands: readonly SelectorNode[]): LabelRestrictions {
  const [first, ...rest] = operands.map(labelRestrictions);
  let result = first ?? NONE;
  for (const other of rest) {
    const merged = new Map<string, LabelRestriction>();
    for (const [label, restriction] of result) {
      const alternative = other.get(label);
      const weaker = alternative && either(restriction, alternative);
      // A label that only some branch restricts is not restricted.
      if (weaker && (weaker.mustBePresent || weaker.mustBeAbsent)) merged.set(label, weaker);
    }
    result = merged;
  }
  return result;
}

export function labelRestrictions(node: SelectorNode): LabelRestrictions {
  switch (node.kind) {
    case 'value':
      if (node.operator === '!=') return NONE;
      return one(node.label, present(node.operator === '==' ? [node.value] : undefined));
    case 'set':
      return node.operator === 'in' ? one(node.label, present(node.values)) : NONE;
    case 'has':
      return one(node.label, present());
    case 'not':
      return node.operand.kind === 'has' ? one(node.operand.label, { mustBePresent: false, mustBeAbsent: true }) : NONE;
    case 'and':
      return ofAll(node.operands);
    case 'or':
      return ofAny(node.operands);
    default:
      return NONE;
  }
}
