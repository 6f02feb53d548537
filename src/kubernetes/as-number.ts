/** AS numbers as they are written; api/pkg/lib/numorstring/asnumber.go:ASNumberFromString(). */

const MAX_AS_NUMBER = 0xffffffff;
const MAX_HALF = 0xffff;

/** `64512`, or the dotted form of RFC 5396, `65000.1`. */
export function parseAsNumber(text: string): number | undefined {
  const match = /^(\d{1,10})(?:\.(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const [high, low] = [Number(match[1]), match[2] === undefined ? undefined : Number(match[2])];
  if (low === undefined) return high <= MAX_AS_NUMBER ? high : undefined;
  return high <= MAX_HALF && low <= MAX_HALF ? high * 0x10000 + low : undefined;
}
