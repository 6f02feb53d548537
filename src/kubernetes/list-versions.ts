/**
 * What is different in a list since it was read before. Of a hundred thousand objects a few are replaced at a time, and
 * what was worked out of all of them is brought up to date by those.
 */

/** A list that came of another by replacing what stood at some places. */
interface Version {
  readonly before: Version | undefined;
  readonly places: readonly number[];
  /** How many versions are remembered before it. */
  readonly depth: number;
}

const VERSIONS = new WeakMap<readonly unknown[], Version>();
/** Who comes back later than that begins anew. */
const MAX_DEPTH = 32;

const begin = (): Version => ({ before: undefined, places: [], depth: 0 });

/** `list` is `before` but for what stands at those places. */
export function noteReplaced(list: readonly unknown[], before: readonly unknown[], places: readonly number[]): void {
  const known = VERSIONS.get(before);
  const last = known ?? begin();
  if (known === undefined) VERSIONS.set(before, last);
  VERSIONS.set(list, last.depth < MAX_DEPTH ? { before: last, places, depth: last.depth + 1 } : begin());
}

/** The places at which `list` may have something else than `before`; undefined where that is not known. */
export function replacedSince(list: readonly unknown[], before: readonly unknown[]): readonly number[] | undefined {
  if (list === before) return [];
  const goal = VERSIONS.get(before);
  if (goal === undefined) return undefined;
  const places = new Set<number>();
  for (let at = VERSIONS.get(list); at !== undefined; at = at.before) {
    if (at === goal) return [...places];
    for (const place of at.places) places.add(place);
  }
  return undefined;
}

const sameParts = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((part, i) => part === b[i]);

/** A function of a list that hangs on those parts of its elements alone: its last answer is kept as long as they are the same. */
export function byParts<T, V>(
  partsOf: (element: T) => readonly unknown[],
  make: (list: readonly T[]) => V,
): (list: readonly T[]) => V {
  let last: { readonly list: readonly T[]; readonly value: V } | undefined;
  return (list) => {
    const before = last;
    const same =
      before !== undefined &&
      replacedSince(list, before.list)?.every((place) =>
        sameParts(partsOf(list[place] as T), partsOf(before.list[place] as T)),
      ) === true;
    last = { list, value: same ? before.value : make(list) };
    return last.value;
  };
}

/** The elements of a list by a key, in its order; those without one are left out. */
export class GroupedList<T> {
  readonly #keyOf: (element: T) => string | undefined;
  #list: readonly T[] = [];
  #groups = new Map<string, T[]>();

  constructor(keyOf: (element: T) => string | undefined) {
    this.#keyOf = keyOf;
  }

  /** Another array where something in it is different. */
  of(list: readonly T[], key: string): readonly T[] {
    if (list !== this.#list) this.#follow(list);
    return this.#groups.get(key) ?? [];
  }

  #follow(list: readonly T[]): void {
    const before = this.#list;
    this.#list = list;
    const places = replacedSince(list, before);
    const stay = places?.every((place) => this.#keyOf(list[place] as T) === this.#keyOf(before[place] as T));
    if (places === undefined || stay !== true) {
      this.#group(list);
      return;
    }
    const fresh = new Set<T[]>();
    for (const place of places) {
      const [old, now] = [before[place] as T, list[place] as T];
      const key = this.#keyOf(now);
      if (key === undefined) continue;
      let group = this.#groups.get(key) ?? [];
      if (!fresh.has(group)) {
        group = [...group];
        fresh.add(group);
        this.#groups.set(key, group);
      }
      group[group.indexOf(old)] = now;
    }
  }

  #group(list: readonly T[]): void {
    const groups = new Map<string, T[]>();
    for (const element of list) {
      const key = this.#keyOf(element);
      if (key === undefined) continue;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [element]);
      else group.push(element);
    }
    this.#groups = groups;
  }
}
