/**
 * All objects of a cluster, as the API server and its informers have them: read by kind, namespace and name,
 * and watched. Synchronous: a listener has run when `put` returns.
 */

import { ALL_KINDS, type Kind, type ObjectOf } from './kinds/table.js';
import { noteReplaced } from './list-versions.js';

export type StoreEvent<T> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'modified'; readonly object: T; readonly old: T }
  | { readonly type: 'deleted'; readonly object: T };

export type Listener<T> = (event: StoreEvent<T>) => void;

interface Named {
  readonly namespace: string;
  readonly name: string;
}

const byName = (a: Named, b: Named): number =>
  a.namespace === b.namespace ? (a.name < b.name ? -1 : 1) : a.namespace < b.namespace ? -1 : 1;

const isSameName = (a: Named, b: Named): boolean => a.namespace === b.namespace && a.name === b.name;

/** By namespace and name. Objects that take the place of others are put in when somebody asks, many at a time. */
class SortedList<T extends Named> {
  #list: readonly T[];
  #replacing: T[] = [];

  constructor(list: readonly T[]) {
    this.#list = list;
  }

  replace(object: T): void {
    this.#replacing.push(object);
  }

  /** Another list where something is different in it. */
  get current(): readonly T[] {
    if (this.#replacing.length === 0) return this.#list;
    const list = [...this.#list];
    const places = this.#replacing.map((object) => this.#positionOf(object));
    for (const [i, object] of this.#replacing.entries()) list[places[i] ?? 0] = object;
    noteReplaced(list, this.#list, places);
    this.#replacing = [];
    this.#list = list;
    return list;
  }

  #positionOf(object: T): number {
    const list = this.#list;
    let low = 0;
    let high = list.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = list[middle];
      if (there !== undefined && !isSameName(there, object) && byName(there, object) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The objects of one kind. Lists are ordered by namespace and name, whatever the order of arrival. */
export class Table<T extends Named> {
  readonly #namespaces = new Map<string, Map<string, T>>();
  readonly #listeners = new Set<Listener<T>>();
  /** The sorted lists that have been asked for since an object came or went. '' holds that of all namespaces. */
  readonly #lists = new Map<string, SortedList<T>>();

  list(): readonly T[] {
    return this.#sorted('', () => [...this.#namespaces.values()].flatMap((objects) => [...objects.values()]));
  }

  listIn(namespace: string): readonly T[] {
    if (namespace === '') return this.list().filter((object) => object.namespace === '');
    return this.#sorted(namespace, () => [...(this.#namespaces.get(namespace)?.values() ?? [])]);
  }

  #sorted(key: string, gather: () => T[]): readonly T[] {
    const held = this.#lists.get(key) ?? new SortedList(gather().sort(byName));
    this.#lists.set(key, held);
    return held.current;
  }

  get(namespace: string, name: string): T | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  put(object: T): void {
    const objects = this.#namespaces.get(object.namespace) ?? new Map<string, T>();
    this.#namespaces.set(object.namespace, objects);
    const old = objects.get(object.name);
    objects.set(object.name, object);
    if (old === undefined) this.#lists.clear();
    else for (const key of ['', object.namespace]) this.#lists.get(key)?.replace(object);
    this.#tell(old === undefined ? { type: 'added', object } : { type: 'modified', object, old });
  }

  delete(namespace: string, name: string): boolean {
    const object = this.get(namespace, name);
    if (object === undefined) return false;
    this.#namespaces.get(namespace)?.delete(name);
    this.#lists.clear();
    this.#tell({ type: 'deleted', object });
    return true;
  }

  /** Told of every change from now on, until the answer is called. */
  watch(listener: Listener<T>): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #tell(event: StoreEvent<T>): void {
    // A listener may unsubscribe itself or others: those that are left are told.
    for (const listener of this.#listeners) listener(event);
  }
}

type Tables = { readonly [K in Kind]: Table<ObjectOf<K>> };

/** A table is empty when it is made, so that it is of whatever kind its name says. */
const isTables = (tables: object): tables is Tables => ALL_KINDS.every((kind) => Object.hasOwn(tables, kind));

function newTables(): Tables {
  const tables = Object.fromEntries(ALL_KINDS.map((kind) => [kind, new Table<Named>()]));
  if (!isTables(tables)) throw new Error('assertion failed: a table for every kind');
  return tables;
}

export class Store {
  readonly #tables: Tables = newTables();

  /** Everything of one kind, live. */
  table<K extends Kind>(kind: K): Table<ObjectOf<K>> {
    return this.#tables[kind];
  }

  /** Ordered by namespace and name; of one namespace if one is named. */
  list<K extends Kind>(kind: K, namespace?: string): readonly ObjectOf<K>[] {
    const table = this.table(kind);
    return namespace === undefined ? table.list() : table.listIn(namespace);
  }

  /** `namespace` is '' for cluster-wide kinds. */
  get<K extends Kind>(kind: K, namespace: string, name: string): ObjectOf<K> | undefined {
    return this.table(kind).get(namespace, name);
  }

  put<K extends Kind>(kind: K, object: ObjectOf<K>): void {
    this.table(kind).put(object);
  }

  delete(kind: Kind, namespace: string, name: string): boolean {
    return this.table(kind).delete(namespace, name);
  }

  watch<K extends Kind>(kind: K, listener: Listener<ObjectOf<K>>): () => void {
    return this.table(kind).watch(listener);
  }
}
