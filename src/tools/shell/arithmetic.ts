/** `$((…))` (POSIX, Shell Command Language, 2.6.4): whole numbers of 64 bits, variables, and what C does with them. */

/** Thrown to the shell that has asked. */
export class ArithmeticError extends Error {}

const TOKEN =
  /\s*(?:(0x[\da-f]+|\d+)|([A-Za-z_]\w*)|(<<=|>>=|&&|\|\||[-+*/%&^|]=|<<|>>|[<>=!]=|[-+*/%<>&^|~!?:()=]))/iy;

type Operation = (a: bigint, b: bigint) => bigint;
const truth = (holds: boolean): bigint => (holds ? 1n : 0n);

const divided: (how: Operation) => Operation = (how) => (a, b) => {
  if (b === 0n) throw new ArithmeticError('division by zero');
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
  readonly #variables: Map<string, string>;
  /** Within what is only read over: the other branch of `?:`, what `&&` and `||` need not ask. */
  #muted = 0;

  constructor(text: string, variables: Map<string, string>) {
    this.#variables = variables;
    TOKEN.lastIndex = 0;
    let read = 0;
    for (let found = TOKEN.exec(text); found !== null; found = TOKEN.exec(text)) {
      this.#tokens.push(found[0].trim());
      read = TOKEN.lastIndex;
    }
    if (text.slice(read).trim() !== '') this.#fail();
  }

  result(): bigint {
    if (this.#tokens.length === 0) return 0n;
    const value = this.#expression();
    if (this.#tokens.length > 0) this.#fail();
    return value;
  }

  #fail(): never {
    throw new ArithmeticError('expecting primary');
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
      this.#variables.set(name, String(result));
      return result;
    }
    const condition = this.#either();
    if (!this.#take('?')) return condition;
    const yes = this.#unless(condition === 0n, () => this.#expression());
    if (!this.#take(':')) this.#fail();
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
    if (operations === undefined) return this.#unary();
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

  #unary(): bigint {
    if (this.#take('-')) return -this.#unary();
    if (this.#take('+')) return this.#unary();
    if (this.#take('!')) return truth(this.#unary() === 0n);
    if (this.#take('~')) return ~this.#unary();
    if (this.#take('(')) {
      const value = this.#expression();
      if (!this.#take(')')) this.#fail();
      return value;
    }
    const token = this.#tokens.shift() ?? this.#fail();
    if (/^\d/.test(token)) return numberOf(token) ?? this.#fail();
    return /^[a-z_]/i.test(token) ? this.#valueOf(token) : this.#fail();
  }

  #valueOf(name: string): bigint {
    if (this.#muted > 0) return 0n;
    const text = (this.#variables.get(name) ?? '').trim();
    if (text === '') return 0n;
    const negative = text.startsWith('-');
    const value = numberOf(text.replace(/^[-+]/, ''));
    if (value === undefined) throw new ArithmeticError(`Illegal number: ${text}`);
    return negative ? -value : value;
  }
}

/** Decimal, octal behind a 0, hexadecimal behind 0x. */
function numberOf(text: string): bigint | undefined {
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  return /^(?:0x[\da-f]+|\d+)$/i.test(text) ? BigInt(text) : undefined;
}

/** @throws ArithmeticError */
export function reckon(text: string, variables: Map<string, string>): string {
  try {
    return String(new Reckoner(text, variables).result());
  } catch (error) {
    if (error instanceof ArithmeticError) throw new ArithmeticError(`${error.message}: "${text}"`);
    throw error;
  }
}
