/** Pieces of a bash script: commands with a text as their input, and words that no shell takes apart. */

const END = 'PODWIRE_END';

/** A word as bash reads it literally. */
export const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** A command that reads these lines; nothing where there are none. */
export function withInput(command: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  let end = END;
  while (lines.includes(end)) end += '_';
  return [`${command} << '${end}'`, ...lines, end];
}
