/** Adds to a list all elements of others. `push` takes them by the stack, on which those of a large cluster have no room. */
export function append<T>(list: T[], ...others: readonly Iterable<T>[]): void {
  for (const other of others) for (const element of other) list.push(element);
}
