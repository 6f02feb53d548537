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
