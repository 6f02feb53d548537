/** `printf` (POSIX; as dash and coreutils have it): the format again and again until its words are used up. */

import { failure, type Tool, type ToolResult } from '../tool.js';

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\',
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** `\n`, `\101`; of `%b` `\0101`. */
const unescaped = (text: string): string =>
  text.replaceAll(/\\(?:([\\abfnrtv])|(0?[0-7]{1,3}))/g, (_, letter?: string, octal?: string) =>
    letter === undefined ? String.fromCharCode(Number.parseInt(octal ?? '0', 8) & 0xff) : (ESCAPES[letter] ?? ''),
  );

const CONVERSION = /%(?:%|([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d*))?([a-zA-Z])?)/g;

interface Form {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
}

function filled(text: string, { flags, width }: Form, zeros: boolean): string {
  if (flags.includes('-')) return text.padEnd(width);
  if (!zeros || !flags.includes('0')) return text.padStart(width);
  const [, sign = '', digits = ''] = /^([-+ ]?)(.*)$/s.exec(text) ?? [];
  return sign + digits.padStart(width - sign.length, '0');
}

/** Decimal, octal behind a 0, hexadecimal behind 0x, or the code of a character behind a quote. */
function numberOf(text: string): number | undefined {
  if (/^["']./.test(text)) return text.codePointAt(1);
  if (/^[-+]?0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  const [, sign, digits] = /^\s*([-+]?)(0x[\da-f]+|\d+)$/i.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (sign === '-' ? -1 : 1);
}

/** `1.5e+00`: two digits at least behind the sign. */
const exponential = (value: number, precision: number): string =>
  value.toExponential(precision).replace(/e([-+])(\d)$/, 'e$10$2');

/** As C's %e, %f and %g, of which the last leaves out zeros at the end. */
function real(value: number, letter: string, precision: number): string {
  if (letter === 'f') return value.toFixed(precision);
  if (letter === 'e') return exponential(value, precision);
  const digits = Math.max(precision, 1);
  const exponent = value === 0 ? 0 : Number(value.toExponential(digits - 1).split('e')[1]);
  const isLong = exponent < -4 || exponent >= digits;
  const text = isLong ? exponential(value, digits - 1) : value.toFixed(digits - 1 - exponent);
  return text.includes('.') ? text.replace(/\.?0+(?=e|$)/, '') : text;
}

const BASES: Readonly<Record<string, number>> = { o: 8, x: 16, X: 16 };

class Printer {
  readonly #words: string[];
  readonly #problems: string[] = [];
  #used = false;
  #failed = false;

  constructor(words: readonly string[]) {
    this.#words = [...words];
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  /** The format itself was wrong. */
  get failed(): boolean {
    return this.#failed;
  }

  all(format: string): string {
    let text = '';
    do {
      this.#used = false;
      text += this.#once(format);
    } while (this.#words.length > 0 && this.#used && !this.#failed);
    return text;
  }

  #next(): string | undefined {
    this.#used = true;
    return this.#words.shift();
  }

  #once(format: string): string {
    let text = '';
    let read = 0;
    for (const found of format.matchAll(CONVERSION)) {
      text += unescaped(format.slice(read, found.index));
      read = found.index + found[0].length;
      if (found[0] === '%%') text += '%';
      else text += this.#converted(found);
      if (this.#failed) return text;
    }
    return text + unescaped(format.slice(read));
  }

  #converted([written, flags = '', width, precision, letter = '']: RegExpExecArray | readonly string[]): string {
    const asked = (size: string | undefined): number | undefined =>
      size === undefined ? undefined : size === '*' ? this.#number(this.#next()) : Number(size);
    const form: Form = { flags, width: asked(width) ?? 0, precision: asked(precision) };
    switch (letter) {
      case 's':
      case 'b': {
        const word = this.#next() ?? '';
        return filled((letter === 'b' ? unescaped(word) : word).slice(0, form.precision), form, false);
      }
      case 'c':
        return filled((this.#next() ?? '').slice(0, 1), form, false);
      case 'd':
      case 'i':
      case 'u':
      case 'o':
      case 'x':
      case 'X':
        return this.#whole(form, letter);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return this.#decimal(form, letter);
      default:
        this.#failed = true;
        this.#problems.push(`printf: ${written}: invalid directive`);
        return '';
    }
  }

  #whole(form: Form, letter: string): string {
    const value = this.#number(this.#next());
    const digits = Math.abs(value)
      .toString(BASES[letter] ?? 10)
      .padStart(form.precision ?? 1, '0');
    const sign = value < 0 ? '-' : form.flags.includes('+') ? '+' : '';
    const before = form.flags.includes('#') && letter.toLowerCase() === 'x' ? '0x' : '';
    const text = sign + before + digits;
    return filled(letter === 'X' ? text.toUpperCase() : text, form, true);
  }

  #decimal(form: Form, letter: string): string {
    const word = this.#next() ?? '0';
    const value = Number(word);
    if (Number.isNaN(value)) this.#expectsNumber(word);
    const text = real(Number.isNaN(value) ? 0 : value, letter.toLowerCase(), form.precision ?? 6);
    const sign = form.flags.includes('+') && value >= 0 ? '+' : '';
    return filled(sign + (/[EFG]/.test(letter) ? text.toUpperCase() : text), form, true);
  }

  #number(word: string | undefined): number {
    const value = word === undefined || word === '' ? 0 : numberOf(word);
    if (value === undefined) this.#expectsNumber(word ?? '');
    return value ?? (Number.parseInt(word ?? '', 10) || 0);
  }

  #expectsNumber(word: string): void {
    this.#problems.push(`printf: ${word}: expected numeric value`);
  }
}

export function printed([format, ...words]: readonly string[]): ToolResult {
  if (format === undefined) return failure(2, 'printf: usage: printf format [arg ...]');
  const printer = new Printer(words);
  const stdout = printer.all(format);
  const { problems } = printer;
  return {
    exitCode: printer.failed ? 2 : problems.length > 0 ? 1 : 0,
    stdout,
    stderr: problems.map((one) => `${one}\n`).join(''),
  };
}

export const printf: Tool = (_place, args) => printed(args);
