/**
 * What fields may hold, said once: a schema reads a value, and puts down each mistake with the path to it
 * instead of stopping at the first. A null field is an absent one, as in Kubernetes' own decoding.
 */

import { type Cidr, type IpAddress, parseCidr, parseCidrSloppy, parseIp, parseIpSloppy } from '../address.js';
import { describe, type FieldPath, field, isList, isObject, type Json, type JsonObject } from '../source/json.js';

/** Instead of a value that could not be read; its mistake has been put down. */
export const INVALID: unique symbol = Symbol('invalid');
export type Invalid = typeof INVALID;

export interface Problem {
  readonly path: FieldPath;
  readonly expected: string;
  readonly got: string;
  readonly near?: readonly string[];
  /** It can be read, but the API server refuses it: the object is left out, or taken as components would that got it. */
  readonly refused?: 'left-out' | 'taken';
}

export interface UnknownField {
  readonly path: FieldPath;
  readonly name: string;
  readonly known: readonly string[];
}

/** Goes along while one object is read: where the reading is, and what it found wrong. */
export class Reader {
  readonly #path: (string | number)[] = [];
  readonly problems: Problem[] = [];
  readonly unknown: UnknownField[] = [];
  /** calicoctl turns `true` and `7` into text where text is wanted (sigs.k8s.io/yaml with a typed target); the API server does not. */
  readonly scalarsAsText: boolean;

  constructor(options: { readonly scalarsAsText: boolean }) {
    this.scalarsAsText = options.scalarsAsText;
  }

  enter(step: string | number): void {
    this.#path.push(step);
  }

  leave(): void {
    this.#path.pop();
  }

  fail(expected: string, got: Json | undefined): Invalid {
    this.problems.push({ path: [...this.#path], expected, got: describe(got) });
    return INVALID;
  }

  refuse(expected: string, got: Json | undefined, refused: 'left-out' | 'taken'): void {
    this.problems.push({ path: [...this.#path], expected, got: describe(got), refused });
  }

  notKnown(name: string, known: readonly string[]): void {
    this.unknown.push({ path: [...this.#path, name], name, known });
  }
}

export interface Schema<T> {
  /** Completes "expected …". */
  readonly expected: string;
  /** An empty text counts as no value, as `clusterIP: ""` does. */
  readonly blankIsAbsent: boolean;
  readonly read: (value: Json, at: Reader) => T | Invalid;
  /** What the field is where it is not given. */
  readonly absent: (at: Reader) => T | Invalid;
}

export type Value<S> = S extends Schema<infer T> ? T : never;

/** A schema from a function that answers undefined for what it does not take. */
function scalar<T>(
  expected: string,
  parse: (value: Json, at: Reader) => T | undefined,
  blankIsAbsent = false,
): Schema<T> {
  return {
    expected,
    blankIsAbsent,
    read: (value, at) => {
      const parsed = parse(value, at);
      return parsed === undefined ? at.fail(expected, value) : parsed;
    },
    absent: (at) => at.fail(expected, undefined),
  };
}

/** A schema of text that means something. */
const textual = <T>(expected: string, parse: (text: string) => T | undefined): Schema<T> =>
  scalar(expected, (value) => (typeof value === 'string' ? parse(value) : undefined), true);

const asText = (value: Json, at: Reader): string | undefined => {
  if (typeof value === 'string') return value;
  const convertible = typeof value === 'number' || typeof value === 'boolean';
  return at.scalarsAsText && convertible ? String(value) : undefined;
};

export const text: Schema<string> = scalar('text', asText);
export const flag: Schema<boolean> = scalar('true or false', (value) =>
  typeof value === 'boolean' ? value : undefined,
);
export const number: Schema<number> = scalar('a number', (value) => (typeof value === 'number' ? value : undefined));
export const raw: Schema<Json> = scalar('a value', (value) => value);
export const rawMap: Schema<JsonObject> = scalar('a map', (value) => (isObject(value) ? value : undefined));

export const integer = (min: number, max: number): Schema<number> =>
  scalar(`a whole number from ${min} to ${max}`, (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max ? value : undefined,
  );

export const INT32_MAX = 0x7fffffff;
export const count: Schema<number> = integer(0, INT32_MAX);
export const port: Schema<number> = integer(1, 65535);
/** A port, or 0 for none given. */
export const portOrZero: Schema<number> = integer(0, 65535);

export const oneOf = <const T extends string>(...values: readonly T[]): Schema<T> =>
  textual(values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`, (given) =>
    values.find((value) => value === given),
  );

/** One of them in any case, as it was written: where the API has a pattern with `(?i)`. */
export const oneOfAnyCase = (...values: readonly string[]): Schema<string> =>
  textual(`one of ${values.join(', ')}`, (given) =>
    values.some((value) => value.toLowerCase() === given.toLowerCase()) ? given : undefined,
  );

export const address: Schema<IpAddress> = textual('an IPv4 or IPv6 address', parseIp);
export const cidr: Schema<Cidr> = textual('a CIDR such as 10.0.0.0/16', parseCidr);
/** In fields of old groups, where the API server takes leading zeros (apimachinery validation IsValidIPForLegacyField()). */
export const sloppyAddress: Schema<IpAddress> = textual('an IPv4 or IPv6 address', parseIpSloppy);
/** A source range, which the API server trims (core/validation ValidateLoadBalancerSourceRanges). */
export const sloppyCidr: Schema<Cidr> = textual('a CIDR such as 10.0.0.0/16', (given) => parseCidrSloppy(given.trim()));
function hostCidr(addr: IpAddress | undefined): Cidr | undefined {
  if (addr === undefined) return undefined;
  return typeof addr === 'number' ? { addr, length: 32 } : { addr, length: 128 };
}

/** An address with or without a prefix length; without one it is a host's own (/32, /128): libcalico-go ParseCIDROrIP(). */
export const addressOrCidr: Schema<Cidr> = textual('an address or CIDR', (given) =>
  given.includes('/') ? parseCidr(given) : hostCidr(parseIp(given)),
);
/** The same where leading zeros are taken. */
export const sloppyAddressOrCidr: Schema<Cidr> = textual('an address or CIDR', (given) =>
  given.includes('/') ? parseCidrSloppy(given) : hostCidr(parseIpSloppy(given)),
);
/** Checked, and kept as it was written. */
export const cidrText: Schema<string> = textual(cidr.expected, (given) => (parseCidr(given) ? given : undefined));
export const addressText: Schema<string> = textual(address.expected, (given) =>
  parseIp(given) === undefined ? undefined : given,
);

export const matching = (pattern: RegExp, expected: string): Schema<string> =>
  textual(expected, (given) => (pattern.test(given) ? given : undefined));

/** A port by number or by name. */
export const portReference: Schema<number | string> = scalar('a port number or name', (value) => {
  if (typeof value === 'string' && value !== '') return value;
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65535 ? value : undefined;
});

export const optional = <T>(inner: Schema<T>): Schema<T | undefined> => withDefault<T | undefined>(inner, undefined);

export const withDefault = <T>(inner: Schema<T>, value: T): Schema<T> => ({
  expected: inner.expected,
  blankIsAbsent: inner.blankIsAbsent,
  read: inner.read,
  absent: () => value,
});

const readField = <T>(schema: Schema<T>, value: Json | undefined, at: Reader): T | Invalid =>
  value === undefined || value === null || (value === '' && schema.blankIsAbsent)
    ? schema.absent(at)
    : schema.read(value, at);

const NO_ITEMS: readonly never[] = [];

/** Absent is empty. */
export const listOf = <T>(item: Schema<T>): Schema<readonly T[]> => ({
  expected: 'a list',
  blankIsAbsent: false,
  absent: () => NO_ITEMS,
  read: (value, at) => {
    if (!isList(value)) return at.fail('a list', value);
    const items: T[] = [];
    value.forEach((element, i) => {
      at.enter(i);
      const read = readField(item, element, at);
      at.leave();
      if (read !== INVALID) items.push(read);
    });
    return items.length === value.length ? items : INVALID;
  },
});

const NOTHING: Readonly<Record<string, never>> = {};

/** Keys of the user's choosing, all values of one kind. Absent is empty. */
export const mapOf = <T>(item: Schema<T>): Schema<Readonly<Record<string, T>>> => ({
  expected: 'a map',
  blankIsAbsent: false,
  absent: () => NOTHING,
  read: (value, at) => {
    if (!isObject(value)) return at.fail('a map', value);
    const map: Record<string, T> = {};
    let valid = true;
    for (const [key, element] of Object.entries(value)) {
      at.enter(key);
      const read = readField(item, element, at);
      at.leave();
      if (read === INVALID) valid = false;
      else if (key === '__proto__') Object.defineProperty(map, key, { value: read, enumerable: true });
      else map[key] = read;
    }
    return valid ? map : INVALID;
  },
});

type Fields = Readonly<Record<string, Schema<unknown>>>;
export type Values<F extends Fields> = { readonly [K in keyof F]: Value<F[K]> };

export interface RecordOptions {
  /** Fields that are not named are put down as not known. */
  readonly closed?: boolean;
  /** Of a closed record: fields that there are, and that nobody reads. */
  readonly others?: readonly string[];
}

/** The named fields; others are passed over, but of a closed record. Absent is an error. */
export function record<F extends Fields>(fields: F, options: RecordOptions = {}): Schema<Values<F>> {
  const entries = Object.entries(fields);
  const names = [...new Set([...Object.keys(fields), ...(options.others ?? [])])];
  const known = new Set(names);
  const read = (value: Json, at: Reader): Values<F> | Invalid => {
    if (!isObject(value)) return at.fail('a map', value);
    const values: Record<string, unknown> = {};
    let valid = true;
    for (const [name, schema] of entries) {
      at.enter(name);
      const given = readField(schema, field(value, name), at);
      at.leave();
      if (given === INVALID) valid = false;
      values[name] = given;
    }
    if (options.closed) for (const name of Object.keys(value)) if (!known.has(name)) at.notKnown(name, names);
    const complete = (all: Record<string, unknown>): all is Values<F> => valid && all !== undefined;
    return complete(values) ? values : INVALID;
  };
  return { expected: 'a map', blankIsAbsent: false, read, absent: (at) => at.fail('a map', undefined) };
}

/** A map of which one field says what others it has: by that one shape is chosen, so that a mistake is about that one alone. */
export function taggedBy<T>(tag: string, shapes: Readonly<Record<string, Schema<T>>>): Schema<T> {
  const tags = oneOf(...Object.keys(shapes));
  const read = (value: Json, at: Reader): T | Invalid => {
    if (!isObject(value)) return at.fail('a map', value);
    at.enter(tag);
    const chosen = readField(tags, field(value, tag), at);
    at.leave();
    return chosen === INVALID ? INVALID : (shapes[chosen]?.read(value, at) ?? INVALID);
  };
  return { expected: 'a map', blankIsAbsent: false, read, absent: (at) => at.fail('a map', undefined) };
}

/** An absent map is one whose fields are all absent: `spec: null`. */
export const orEmpty = <T>(inner: Schema<T>): Schema<T> => ({ ...inner, absent: (at) => inner.read({}, at) });

/** What was read, made into something else. */
export const map = <A, B>(inner: Schema<A>, make: (value: A) => B): Schema<B> => {
  const after = (value: A | Invalid): B | Invalid => (value === INVALID ? INVALID : make(value));
  return {
    expected: inner.expected,
    blankIsAbsent: inner.blankIsAbsent,
    read: (value, at) => after(inner.read(value, at)),
    absent: (at) => after(inner.absent(at)),
  };
};

/** What a rule wants, and of which field. */
export interface Want {
  readonly path: FieldPath;
  readonly expected: string;
}

/** The reader at a field below, and the field's value as it was written. */
function below(value: Json, path: FieldPath, at: Reader, tell: (got: Json | undefined) => void): void {
  let got: Json | undefined = value;
  for (const step of path) {
    at.enter(step);
    got = typeof step === 'number' ? (isList(got) ? got[step] : undefined) : field(got, step);
  }
  tell(got);
  for (const _ of path) at.leave();
}

/** Rules over what was read: the answer is all that are broken, none if all is well. */
export const checkAll = <T>(inner: Schema<T>, rules: (value: T) => readonly Want[]): Schema<T> => ({
  ...inner,
  read: (value, at) => {
    const read = inner.read(value, at);
    if (read === INVALID) return INVALID;
    const broken = rules(read);
    for (const { path, expected } of broken) below(value, path, at, (got) => at.fail(expected, got));
    return broken.length === 0 ? read : INVALID;
  },
});

/** A rule over what was read: it answers what was expected and where, or undefined if all is well. */
export const check = <T>(inner: Schema<T>, rule: (value: T) => Want | undefined): Schema<T> =>
  checkAll(inner, (value) => {
    const broken = rule(value);
    return broken === undefined ? [] : [broken];
  });

/** Rules of the API server over what was read: every one that is broken. An absent value is held against them like an empty map. */
const admitting =
  (refused: 'left-out' | 'taken') =>
  <T>(inner: Schema<T>, rules: (value: T) => readonly Want[]): Schema<T> => {
    const read = (value: Json, at: Reader): T | Invalid => {
      const given = inner.read(value, at);
      if (given === INVALID) return INVALID;
      const broken = rules(given);
      for (const { path, expected } of broken) below(value, path, at, (got) => at.refuse(expected, got, refused));
      return broken.length === 0 || refused === 'taken' ? given : INVALID;
    };
    return { ...inner, read, absent: (at) => (inner.absent(at) === INVALID ? INVALID : read({}, at)) };
  };

/** What breaks a rule is left out. */
export const admit = admitting('left-out');

/** What breaks a rule is told, and taken: components that get such an object know what to do with it. */
export const tolerate = admitting('taken');

/** The same, but the API server refuses what has a mistake there: the object is left out, and the others are as they are. */
export const refusing = <T>(inner: Schema<T>): Schema<T> => ({
  ...inner,
  read: (value, at) => {
    const before = at.problems.length;
    const given = inner.read(value, at);
    at.problems.splice(
      before,
      Infinity,
      ...at.problems.slice(before).map((one) => ({ ...one, refused: 'left-out' as const })),
    );
    return given;
  },
});

/** The first that takes it; the mistake is told in the words of `expected`. */
export const either = <A, B>(expected: string, first: Schema<A>, second: Schema<B>): Schema<A | B> => ({
  expected,
  blankIsAbsent: first.blankIsAbsent,
  absent: (at) => at.fail(expected, undefined),
  read: (value, at) => {
    for (const schema of [first, second]) {
      const trial = new Reader({ scalarsAsText: false });
      const read = schema.read(value, trial);
      if (read !== INVALID) return read;
    }
    return at.fail(expected, value);
  },
});
