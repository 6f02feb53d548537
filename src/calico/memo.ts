/** A pure function of an object, whose answers are kept as long as the object is. */
export function remembered<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, V>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const made = make(key);
    known.set(key, made);
    return made;
  };
}

/** A pure function of a list, whose last answer is kept as long as the list's elements are the same. */
export function rememberedList<T, V>(make: (list: readonly T[]) => V): (list: readonly T[]) => V {
  let last: { readonly list: readonly T[]; readonly value: V } | undefined;
  return (list) => {
    const same =
      last !== undefined && last.list.length === list.length && list.every((one, i) => one === last?.list[i]);
    if (last === undefined || !same) last = { list, value: make(list) };
    return last.value;
  };
}

/**
 * A pure function of each element of a list, made for those alone that are not where they were in the list before, or a
 * place beside: of a long list that is read again and again few elements change, come or go at a time.
 */
export function followedList<T, V>(make: (element: T) => V): (list: readonly T[]) => readonly V[] {
  let last: { readonly list: readonly T[]; readonly values: readonly V[] } = { list: [], values: [] };
  return (list) => {
    const before = last;
    const values: V[] = [];
    /** Place in the list before. */
    let at = 0;
    for (let i = 0; i < list.length; i++) {
      const element = list[i] as T;
      // Those before it have gone.
      if (before.list[at] !== element && before.list[at + 1] === element) at += 1;
      const known = at < before.list.length && before.list[at] === element;
      values.push(known ? (before.values[at] as V) : make(element));
      // One that has come leaves the place to the next.
      if (known || list[i + 1] !== before.list[at]) at += 1;
    }
    last = { list, values };
    return values;
  };
}
