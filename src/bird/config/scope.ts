/** Names and what they stand for (conf/conf.h: struct symbol): one class a name, inner scopes hide outer ones. */

import type { FilterDefinition, FunctionDefinition, Variable } from '../filter/syntax.js';
import type { Value } from '../filter/value.js';
import type { ProtocolDraft } from './draft.js';
import type { TableConfig } from './types.js';

export type ConfigSymbol =
  | { readonly kind: 'constant'; readonly value: Value }
  | { readonly kind: 'variable'; readonly variable: Variable }
  | { readonly kind: 'function'; readonly definition: FunctionDefinition }
  | { readonly kind: 'filter'; readonly definition: FilterDefinition }
  | { readonly kind: 'protocol' | 'template'; readonly draft: ProtocolDraft }
  | { readonly kind: 'table'; readonly table: TableConfig }
  /** Inside its own definition: it is there, and cannot be used. */
  | { readonly kind: 'pending' };

export class Scope {
  readonly #parent: Scope | undefined;
  readonly #symbols = new Map<string, ConfigSymbol>();

  constructor(parent?: Scope) {
    this.#parent = parent;
  }

  lookup(name: string): ConfigSymbol | undefined {
    return this.#symbols.get(name) ?? this.#parent?.lookup(name);
  }

  /** False where this very scope has the name already. */
  define(name: string, symbol: ConfigSymbol): boolean {
    const present = this.#symbols.get(name);
    if (present !== undefined && present.kind !== 'pending') return false;
    this.#symbols.set(name, symbol);
    return true;
  }

  /** Names of this scope, for listings. */
  names(): IterableIterator<[string, ConfigSymbol]> {
    return this.#symbols.entries();
  }
}
