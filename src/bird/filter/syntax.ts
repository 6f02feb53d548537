/** What the parser makes of filters: plain data, compiled by compile.ts and compared on reconfiguration. */

import type { AttributeDefinition } from '../rib/attributes.js';
import type { ItemRange, ItemSet } from './sets.js';
import type { Value, ValueType } from './value.js';

export type DeclaredType = Exclude<ValueType, 'void' | 'opaque' | 'enum'>;

/** A parameter or local variable: a place in the frame of its function. */
export interface Variable {
  readonly name: string;
  readonly type: DeclaredType;
  readonly slot: number;
}

/** Attributes that every route has: `net`, `gw`, `source`… */
export type StaticAttribute =
  | 'from'
  | 'gw'
  | 'net'
  | 'proto'
  | 'source'
  | 'scope'
  | 'cast'
  | 'dest'
  | 'ifname'
  | 'ifindex'
  | 'weight'
  | 'onlink';

export type BinaryOperator = '+' | '-' | '*' | '/' | '&&' | '||' | '=' | '!=' | '<' | '<=' | '>' | '>=' | '~' | '!~';

export type Method =
  | 'ip'
  | 'len'
  | 'first'
  | 'last'
  | 'last_nonaggregated'
  | 'type'
  | 'is_v4'
  | 'asn'
  | 'data'
  | 'data1'
  | 'data2'
  | 'min'
  | 'max';

export type ListOperation = 'prepend' | 'add' | 'delete' | 'filter';
export type EmptyType = 'path' | 'clist' | 'eclist' | 'lclist';

export type PathMaskTerm =
  | { readonly kind: 'as'; readonly from: number; readonly to: number }
  | { readonly kind: 'any' | 'many' | 'loop' }
  | { readonly kind: 'set'; readonly set: ItemSet }
  | { readonly kind: 'term'; readonly term: Term };

export type Term =
  | { readonly kind: 'constant'; readonly value: Value }
  | { readonly kind: 'variable'; readonly variable: Variable; readonly line: number }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Term;
      readonly right: Term;
      readonly line: number;
    }
  | { readonly kind: 'not'; readonly term: Term; readonly line: number }
  | { readonly kind: 'defined'; readonly term: Term }
  | { readonly kind: 'static'; readonly attribute: StaticAttribute; readonly line: number }
  | { readonly kind: 'attribute'; readonly attribute: AttributeDefinition; readonly line: number }
  | { readonly kind: 'preference'; readonly line: number }
  | { readonly kind: 'pair'; readonly first: Term; readonly second: Term; readonly line: number }
  | {
      readonly kind: 'ec';
      readonly community: number | 'generic';
      readonly key: Term;
      readonly number: Term;
      readonly line: number;
    }
  | { readonly kind: 'lc'; readonly parts: readonly [Term, Term, Term]; readonly line: number }
  | { readonly kind: 'mask'; readonly items: readonly PathMaskTerm[]; readonly line: number }
  | { readonly kind: 'method'; readonly method: Method; readonly term: Term; readonly line: number }
  | { readonly kind: 'ip-mask'; readonly term: Term; readonly length: Term; readonly line: number }
  | { readonly kind: 'empty'; readonly of: EmptyType }
  | {
      readonly kind: 'list';
      readonly operation: ListOperation;
      readonly term: Term;
      readonly argument: Term;
      readonly line: number;
    }
  | {
      readonly kind: 'call';
      readonly callee: FunctionDefinition;
      readonly values: readonly Term[];
      readonly line: number;
    }
  | { readonly kind: 'format'; readonly term: Term };

export type Verdict = 'accept' | 'reject' | 'error';

export interface CaseBranch {
  /** Empty for `else`. */
  readonly ranges: readonly ItemRange[];
  readonly body: readonly Command[];
}

export type Command =
  | {
      readonly kind: 'if';
      readonly condition: Term;
      readonly whenTrue: readonly Command[];
      readonly whenFalse: readonly Command[];
      readonly line: number;
    }
  | { readonly kind: 'assign'; readonly variable: Variable; readonly term: Term; readonly line: number }
  | { readonly kind: 'return'; readonly term: Term }
  | {
      readonly kind: 'set-attribute';
      readonly attribute: AttributeDefinition;
      readonly term: Term;
      readonly line: number;
    }
  | { readonly kind: 'unset'; readonly attribute: AttributeDefinition; readonly line: number }
  | {
      readonly kind: 'set-static';
      readonly attribute: StaticAttribute;
      readonly term: Term;
      readonly line: number;
    }
  | { readonly kind: 'set-preference'; readonly term: Term; readonly line: number }
  | { readonly kind: 'verdict'; readonly verdict: Verdict; readonly print: readonly Term[] }
  | { readonly kind: 'print'; readonly print: readonly Term[]; readonly newline: boolean }
  | { readonly kind: 'evaluate'; readonly term: Term }
  | {
      readonly kind: 'case';
      readonly term: Term;
      readonly branches: readonly CaseBranch[];
      readonly otherwise: readonly Command[] | undefined;
    }
  | { readonly kind: 'block'; readonly body: readonly Command[] }
  | {
      readonly kind: 'for';
      readonly variable: Variable;
      readonly term: Term;
      readonly body: readonly Command[];
      readonly line: number;
    };

export interface FunctionDefinition {
  readonly name: string;
  readonly parameters: readonly Variable[];
  /** Places for parameters and local variables together. */
  readonly slots: number;
  readonly body: readonly Command[];
}

export interface FilterDefinition {
  /** Undefined for one written in place. */
  readonly name: string | undefined;
  readonly slots: number;
  readonly body: readonly Command[];
}

/** What `import` and `export` name. */
export type FilterChoice = 'all' | 'none' | FilterDefinition;

/** `show protocols all`: filter_name(). */
export function filterName(filter: FilterChoice): string {
  if (filter === 'all') return 'ACCEPT';
  if (filter === 'none') return 'REJECT';
  return filter.name ?? '(unnamed)';
}
