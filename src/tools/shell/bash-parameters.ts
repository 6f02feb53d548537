/** What bash makes of a value: parts of it, other letters, other text (bash(1), Parameter Expansion). */

/** From an offset, which counts from the end where it is negative; a negative length ends as far before the end. */
export function sliced<Item>(
  all: readonly Item[],
  offset: number,
  length: number | undefined,
): readonly Item[] | undefined {
  const from = offset < 0 ? all.length + offset : offset;
  if (from < 0) return [];
  const to = length === undefined ? all.length : length < 0 ? all.length + length : from + length;
  if (to < from && length !== undefined && length < 0) return undefined;
  return all.slice(from, to);
}

/** `^` and `,` of the first letter, doubled of all; only of those that the pattern finds, if there is one. */
export function cased(value: string, operator: string, pattern: string): string {
  const wanted = new RegExp(`^(?:${pattern === '' ? '[^]' : pattern})$`);
  const changed = (letter: string): string => {
    if (!wanted.test(letter)) return letter;
    return operator.startsWith('^') ? letter.toUpperCase() : letter.toLowerCase();
  };
  if (operator.length === 2) return Array.from(value, changed).join('');
  return value === '' ? '' : changed(value.charAt(0)) + value.slice(1);
}

/** `/` the first, `//` all, `/#` what begins, `/%` what ends; `&` is what has been found. */
export function replaced(
  value: string,
  operator: string,
  { pattern, by }: { readonly pattern: string; readonly by: string },
): string {
  if (pattern === '') return operator === '/#' ? by + value : operator === '/%' ? value + by : value;
  const source = operator === '/#' ? `^(?:${pattern})` : operator === '/%' ? `(?:${pattern})$` : `(?:${pattern})`;
  return value.replace(new RegExp(source, operator === '//' ? 'g' : ''), () => by);
}
