/**
 * Selectors as their documents describe them: Calico's language (docs.tigera.io, "Selectors") and Kubernetes' label
 * selectors. For the judge in policy-oracle.ts alone, which shares nothing with what it judges.
 */

export type Labels = Readonly<Record<string, string>>;

export interface LabelSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values?: readonly string[];
  }[];
}

/** Kubernetes: every requirement holds; one that is empty selects everything. */
export function labelsMatch({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  const equal = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return (
    equal &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      const listed = value !== undefined && values.includes(value);
      return operator === 'In' ? listed : !listed;
    })
  );
}

/** What Calico's selectors are asked about. */
interface Subject {
  readonly labels: Labels;
  /** The labels of what it is in, of a namespace or a service account, and it is in none: `all()` means those that are in one. */
  readonly isGlobal?: boolean;
}

type Predicate = (subject: Subject) => boolean;

const TOKEN = /\s*(\|\||&&|==|!=|[!(){},]|"[^"]*"|'[^']*'|[A-Za-z0-9_./-]+)/gy;

function tokensOf(text: string): string[] {
  const tokens = Array.from(text.matchAll(TOKEN), ([, token = '']) => token);
  if (tokens.join('') !== text.replaceAll(/\s+(?=(?:[^'"]|'[^']*'|"[^"]*")*$)/g, ''))
    throw new TypeError(`no selector: ${text}`);
  return tokens;
}

/** By descent: `||` binds least, then `&&`, then `!`, then what compares. */
class Parser {
  readonly #tokens: string[];

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  whole(): Predicate {
    const found = this.#either();
    if (this.#tokens.length > 0) throw new TypeError(`unread: ${this.#tokens.join(' ')}`);
    return found;
  }

  #take(...wanted: readonly string[]): boolean {
    const here = wanted.every((token, i) => this.#tokens[i] === token);
    if (here) this.#tokens.splice(0, wanted.length);
    return here;
  }

  #next(): string {
    const token = this.#tokens.shift();
    if (token === undefined) throw new TypeError('the selector ends too early');
    return token;
  }

  #require(token: string): void {
    if (!this.#take(token)) throw new TypeError(`expected ${token}, got ${this.#tokens.join(' ')}`);
  }

  #either(): Predicate {
    const terms = [this.#both()];
    while (this.#take('||')) terms.push(this.#both());
    return (subject) => terms.some((term) => term(subject));
  }

  #both(): Predicate {
    const terms = [this.#negated()];
    while (this.#take('&&')) terms.push(this.#negated());
    return (subject) => terms.every((term) => term(subject));
  }

  #negated(): Predicate {
    if (!this.#take('!')) return this.#one();
    const inner = this.#negated();
    return (subject) => !inner(subject);
  }

  #one(): Predicate {
    if (this.#take('(')) {
      const inner = this.#either();
      this.#require(')');
      return inner;
    }
    if (this.#take('all', '(', ')')) return ({ isGlobal = false }) => !isGlobal;
    if (this.#take('global', '(', ')')) return ({ isGlobal = false }) => isGlobal;
    if (this.#take('has', '(')) {
      const key = this.#next();
      this.#require(')');
      return ({ labels }) => labels[key] !== undefined;
    }
    return this.#comparison(this.#next());
  }

  #comparison(key: string): Predicate {
    const value = ({ labels }: Subject): string | undefined => labels[key];
    if (this.#take('in')) {
      const values = this.#list();
      return (subject) => values.includes(value(subject) ?? '\0');
    }
    if (this.#take('not', 'in')) {
      const values = this.#list();
      return (subject) => !values.includes(value(subject) ?? '\0');
    }
    if (this.#take('contains')) return this.#text((wanted, found) => found.includes(wanted), value);
    if (this.#take('starts', 'with')) return this.#text((wanted, found) => found.startsWith(wanted), value);
    if (this.#take('ends', 'with')) return this.#text((wanted, found) => found.endsWith(wanted), value);
    const isEqual = this.#take('==');
    if (!isEqual) this.#require('!=');
    const wanted = this.#string();
    return (subject) => (value(subject) === wanted) === isEqual;
  }

  #text(holds: (wanted: string, found: string) => boolean, value: (subject: Subject) => string | undefined): Predicate {
    const wanted = this.#string();
    return (subject) => {
      const found = value(subject);
      return found !== undefined && holds(wanted, found);
    };
  }

  #string(): string {
    return this.#next().slice(1, -1);
  }

  #list(): string[] {
    const values: string[] = [];
    this.#require('{');
    while (!this.#take('}')) {
      values.push(this.#string());
      this.#take(',');
    }
    return values;
  }
}

/** Calico: one that is empty, or not there, selects everything. */
export function selects(text: string | undefined, subject: Subject): boolean {
  return text === undefined || text.trim() === '' || new Parser(text).whole()(subject);
}
