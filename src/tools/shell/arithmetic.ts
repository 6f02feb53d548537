/** `$((…))` (POSIX, Shell Command Language, 2.6.4): whole numbers of 64 bits, variables, and what C does with them. */

import type { Dialect } from './state.js';

/** Thrown to the shell that has asked. */
export class ArithmeticError extends Error {}

/** A number, a name, an operator, or what is none of these. */
const TOKEN: Readonly<Record<Dialect, RegExp>> = {
  sh: /\s*(?:0x[\da-f]+|0[0-7]*|[1-9]\d*|[a-z_]\w*|<<=|>>=|&&|\|\||[-+*/%&^|]=|<<|>>|[<>=!]=|\S)/iy,
  bash: /\s*(?:\d+#\w+|0x[\da-f]+|\d+|[a-z_]\w*|<<=|>>=|\*\*|\+\+|--|&&|\|\||[-+*/%&^|]=|<<|>>|[<>=!]=|\S)/iy,
};

/** Where names have values. */
export interface Variables {
  readonly dialect: Dialect;
  readonly variables: ReadonlyMap<string, string>;
  assign(name: string, value: string): void;
}

type Operation = (a: bigint, b: bigint) => bigint;
const truth = (holds: boolean): bigint => (holds ? 1n : 0n);

/** Thrown within this module alone. */
class Undefined extends Error {}

const divided: (how: Operation) => Operation = (how) => (a, b) => {
  if (b === 0n) throw new Undefined('division by zero');
  return how(a, b);
};

/** From the loosest to the tightest; `&&`, `||` and `?:` are looser still. */
const LEVELS: readonly Readonly<Record<string, Operation>>[] = [
  { '|': (a, b) => a | b },
  { '^': (a, b) => a ^ b },
  { '&': (a, b) => a & b },
  { '==': (a, b) => truth(a === b), '!=': (a, b) => truth(a !== b) },
  {
    '<': (a, b) => truth(a < b),
    '>': (a, b) => truth(a > b),
    '<=': (a, b) => truth(a <= b),
    '>=': (a, b) => truth(a >= b),
  },
  { '<<': (a, b) => a << (b & 63n), '>>': (a, b) => a >> (b & 63n) },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': divided((a, b) => a / b), '%': divided((a, b) => a % b) },
];

const OPERATIONS: ReadonlyMap<string, Operation> = new Map(LEVELS.flatMap((level) => Object.entries(level)));

class Reckoner {
  readonly #tokens: string[] = [];
  readonly #lastToken: string;
  readonly #text: string;
  readonly #variables: Variables;
  /** Within what is only read over: the other branch of `?:`, what `&&` and `||` need not ask. */
  #muted = 0;

  constructor(text: string, variables: Variables) {
    this.#text = text;
    this.#variables = variables;
    const token = TOKEN[variables.dialect];
    token.lastIndex = 0;
    for (let found = token.exec(text); found !== null; found = token.exec(text)) this.#tokens.push(found[0].trim());
    this.#lastToken = this.#tokens.at(-1) ?? '';
  }

  result(): bigint {
    if (this.#tokens.length === 0) return 0n;
    let value = this.#expression();
    while (this.#isBash && this.#take(',')) value = this.#expression();
    if (this.#tokens.length > 0) this.#expects('EOF');
    return value;
  }

  get #isBash(): boolean {
    return this.#variables.dialect === 'bash';
  }

  #expects(what: string): never {
    if (this.#isBash) {
      const [token = this.#lastToken] = this.#tokens;
      const problem = token === '' || what !== 'EOF' ? 'syntax error: operand expected' : 'syntax error in expression';
      throw new ArithmeticError(`${this.#text}: ${problem} (error token is "${token}")`);
    }
    throw new ArithmeticError(`arithmetic expression: expecting ${what}: "${this.#text}"`);
  }

  #take(token: string): boolean {
    if (this.#tokens[0] !== token) return false;
    this.#tokens.shift();
    return true;
  }

  /** An assignment, or `a ? b : c`. */
  #expression(): bigint {
    const [name = '', operator = ''] = this.#tokens;
    if (/^[a-z_]/i.test(name) && /^(?:=|[^<>=!]=|<<=|>>=)$/.test(operator)) {
      this.#tokens.splice(0, 2);
      const value = this.#expression();
      if (this.#muted > 0) return 0n;
      const operation = OPERATIONS.get(operator.slice(0, -1));
      const result = BigInt.asIntN(64, operation === undefined ? value : operation(this.#valueOf(name), value));
      this.#variables.assign(name, String(result));
      return result;
    }
    const condition = this.#either();
    if (!this.#take('?')) return condition;
    const yes = this.#unless(condition === 0n, () => this.#expression());
    if (!this.#take(':')) this.#expects("':'");
    const no = this.#unless(condition !== 0n, () => this.#expression());
    return condition === 0n ? no : yes;
  }

  #unless(muted: boolean, read: () => bigint): bigint {
    if (!muted) return read();
    this.#muted += 1;
    const value = read();
    this.#muted -= 1;
    return value;
  }

  #either(): bigint {
    let value = this.#both();
    while (this.#take('||')) {
      const other = this.#unless(value !== 0n, () => this.#both());
      value = truth(value !== 0n || other !== 0n);
    }
    return value;
  }

  #both(): bigint {
    let value = this.#binary(0);
    while (this.#take('&&')) {
      const other = this.#unless(value === 0n, () => this.#binary(0));
      value = truth(value !== 0n && other !== 0n);
    }
    return value;
  }

  #binary(level: number): bigint {
    const operations = LEVELS[level];
    if (operations === undefined) return this.#power();
    let value = this.#binary(level + 1);
    for (;;) {
      const token = this.#tokens[0] ?? '';
      const operation = Object.hasOwn(operations, token) ? operations[token] : undefined;
      if (operation === undefined) return value;
      this.#tokens.shift();
      const other = this.#binary(level + 1);
      if (this.#muted === 0) value = BigInt.asIntN(64, operation(value, other));
    }
  }

  /** bash's `**`, which begins on its right. */
  #power(): bigint {
    const base = this.#unary();
    if (!this.#isBash || !this.#take('**')) return base;
    const exponent = this.#power();
    if (exponent < 0n) throw new ArithmeticError(`${this.#text}: exponent less than 0`);
    return BigInt.asIntN(64, base ** (exponent > LARGEST_EXPONENT ? LARGEST_EXPONENT : exponent));
  }

  /** bash's `++` and `--`: the value before it is changed, or behind. */
  #stepped(name: string, by: bigint, answers: 'before' | 'behind'): bigint {
    const before = this.#valueOf(name);
    const behind = BigInt.asIntN(64, before + by);
    if (this.#muted === 0) this.#variables.assign(name, String(behind));
    return answers === 'before' ? before : behind;
  }

  #unary(): bigint {
    if (this.#isBash)
      for (const [sign, by] of STEPS)
        if (this.#tokens[0] === sign && /^[a-z_]/i.test(this.#tokens[1] ?? ''))
          return this.#stepped(this.#tokens.splice(0, 2)[1] ?? '', by, 'behind');
    if (this.#take('-')) return -this.#unary();
    if (this.#take('+')) return this.#unary();
    if (this.#take('!')) return truth(this.#unary() === 0n);
    if (this.#take('~')) return ~this.#unary();
    if (this.#take('(')) {
      const value = this.#expression();
      if (!this.#take(')')) this.#expects("')'");
      return value;
    }
    const token = this.#tokens.shift() ?? this.#expects('primary');
    if (/^\d/.test(token)) return numberOf(token) ?? this.#expects('primary');
    if (!/^[a-z_]/i.test(token)) {
      this.#tokens.unshift(token);
      return this.#expects('primary');
    }
    if (this.#isBash) for (const [sign, by] of STEPS) if (this.#take(sign)) return this.#stepped(token, by, 'before');
    return this.#valueOf(token);
  }

  #valueOf(name: string): bigint {
    if (this.#muted > 0) return 0n;
    const text = (this.#variables.variables.get(name) ?? '').trim();
    if (text === '') return 0n;
    const value = numberOf(text.replace(/^[-+]/, ''));
    if (value !== undefined) return text.startsWith('-') ? -value : value;
    if (!this.#isBash) throw new ArithmeticError(`Illegal number: ${text}`);
    // What a variable says is a sum again.
    if (text === this.#text)
      throw new ArithmeticError(`${text}: expression recursion level exceeded (error token is "${text}")`);
    return new Reckoner(text, this.#variables).result();
  }
}

/** Behind it nothing is left of 64 bits, but of 1, 0 and -1. */
const LARGEST_EXPONENT = 4_096n;
const STEPS = [
  ['++', 1n],
  ['--', -1n],
] as const;

const LARGEST = (1n << 63n) - 1n;

/** Decimal, octal behind a 0, hexadecimal behind 0x; what is too large is the largest (strtoimax(3)). */
function numberOf(text: string): bigint | undefined {
  const [, base, digits = ''] = /^(\d+)#(\w+)$/.exec(text) ?? [];
  if (base !== undefined) {
    const value = Number.parseInt(digits, Number(base));
    return Number.isNaN(value) ? undefined : BigInt(value);
  }
  if (!/^(?:0x[\da-f]+|0[0-7]*|[1-9]\d*)$/i.test(text)) return undefined;
  const value = BigInt(/^0[0-7]+$/.test(text) ? `0o${text.slice(1)}` : text);
  return value > LARGEST ? LARGEST : value;
}

/** @throws ArithmeticError */
export function reckon(text: string, variables: Variables): string {
  try {
    return String(new Reckoner(text, variables).result());
  } catch (error) {
    if (!(error instanceof Undefined)) throw error;
    throw new ArithmeticError(
      variables.dialect === 'bash'
        ? `${text}: division by 0 (error token is "${text.replace(/^.*[/%]\s*/s, '')}")`
        : `arithmetic expression: ${error.message}: "${text}"`,
    );
  }
}
