/** Numbers as BIND's `dig` and `nslookup` take them (dighost.c:parse_uint()). */

export const MOST_PORT = 0xffff;
export const MOST_SECONDS = 0xffff;
export const MOST_TRIES = 0xffff_ffff;

/** Text: what they print, on standard output, of one that they do not take. */
export function unsigned(text: string, what: string, most: number): number | string {
  if (!/^\d+$/.test(text)) return `invalid ${what} '${text}': not a valid number`;
  const value = Number(text);
  return value > most ? `invalid ${what} '${text}': out of range` : value;
}
