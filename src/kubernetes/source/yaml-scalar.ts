/**
 * What a plain (unquoted) YAML scalar means to kubectl: YAML 1.1's words and numbers as Go's YAML library
 * resolves them (sigs.k8s.io/yaml, goyaml.v2 resolve.go:resolve()). `yes` and `on` are booleans and `0644`
 * is octal; base 60 is not read, and what looks like a time stays text.
 */

type Scalar = string | number | boolean | null;

const spellings = (word: string): string[] => [word, word[0]?.toUpperCase() + word.slice(1), word.toUpperCase()];

const words = (value: Scalar, ...list: string[]): [string, Scalar][] =>
  list.flatMap(spellings).map((word) => [word, value]);

const WORDS: ReadonlyMap<string, Scalar> = new Map<string, Scalar>([
  ...words(true, 'y', 'yes', 'true', 'on'),
  ...words(false, 'n', 'no', 'false', 'off'),
  ...words(null, 'null'),
  ['', null],
  ['~', null],
  ['.nan', Number.NaN],
  ['.NaN', Number.NaN],
  ['.NAN', Number.NaN],
  ...['.inf', '.Inf', '.INF'].flatMap((word): [string, Scalar][] => [
    [word, Infinity],
    [`+${word}`, Infinity],
    [`-${word}`, -Infinity],
  ]),
]);

const DECIMAL = /^[-+]?(0|[1-9][0-9]*)$/;
const BASED = /^([-+]?)0(?:[xX]([0-9a-fA-F]+)|[bB]([01]+)|[oO]?([0-7]+))$/;
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

function parseNumber(text: string): number | undefined {
  const plain = text.includes('_') ? text.replaceAll('_', '') : text;
  if (DECIMAL.test(plain)) return Number(plain);
  const based = BASED.exec(plain);
  if (based !== null) {
    const [, sign, hex, binary, octal = '0'] = based;
    const magnitude =
      hex !== undefined ? Number(`0x${hex}`) : binary !== undefined ? Number(`0b${binary}`) : Number(`0o${octal}`);
    return sign === '-' ? -magnitude : magnitude;
  }
  return FLOAT.test(plain) ? Number(plain) : undefined;
}

const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/** `+`, `-`, `.` or a digit: all that a number can begin with. */
function mayBeNumber(text: string): boolean {
  const first = text.charCodeAt(0);
  return (first >= DIGIT_0 && first <= DIGIT_9) || first === 0x2b || first === 0x2d || first === 0x2e;
}

export function resolvePlain(text: string): Scalar {
  if (text.length <= 5) {
    const word = WORDS.get(text); // the longest word, `false`, has five letters
    if (word !== undefined) return word;
  }
  return mayBeNumber(text) ? (parseNumber(text) ?? text) : text;
}

/** JSON has text for keys only: `8080: x` has the key "8080", and `on: x` the key "true", as kubectl sends them. */
export const resolveKey = (text: string): string => {
  const value = resolvePlain(text);
  return typeof value === 'string' ? value : String(value);
};
