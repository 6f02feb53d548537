/** Upstream's answers for Calico, read from the vectors folder; where it is absent the suites skip and say so. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** A value of a JSON or YAML file: every step down checks what it finds. */
export class Json {
  readonly value: unknown;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    this.value = value;
    this.#path = path;
  }

  #fail(wanted: string): never {
    throw new TypeError(`${this.#path}: expected ${wanted}, got ${JSON.stringify(this.value)?.slice(0, 80)}`);
  }

  get absent(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** A member, which may be absent. */
  get(key: string): Json {
    const members = this.absent ? [] : this.entries();
    return members.find(([name]) => name === key)?.[1] ?? new Json(undefined, `${this.#path}.${key}`);
  }

  /** The object with another value of a member. */
  with(key: string, value: unknown): Json {
    return new Json(
      { ...Object.fromEntries(this.entries().map(([name, one]) => [name, one.value])), [key]: value },
      this.#path,
    );
  }

  entries(): [string, Json][] {
    const { value } = this;
    if (value === null || value === undefined) return [];
    if (typeof value !== 'object') this.#fail('an object');
    return Object.entries(value).map(([key, member]: [string, unknown]) => [
      key,
      new Json(member, `${this.#path}.${key}`),
    ]);
  }

  /** Elements; nothing counts as an empty list, as in Go. */
  list(): Json[] {
    const { value } = this;
    if (value === null || value === undefined) return [];
    if (!Array.isArray(value)) this.#fail('a list');
    return value.map((element: unknown, i) => new Json(element, `${this.#path}[${i}]`));
  }

  text(): string {
    return typeof this.value === 'string' ? this.value : this.#fail('text');
  }

  number(): number {
    return typeof this.value === 'number' ? this.value : this.#fail('a number');
  }

  /** Absent is false. */
  flag(): boolean {
    if (this.absent) return false;
    return typeof this.value === 'boolean' ? this.value : this.#fail('true or false');
  }

  /** Text, or '' where absent. */
  textOr(fallback: string): string {
    return this.absent ? fallback : this.text();
  }

  numberOr(fallback: number): number {
    return this.absent ? fallback : this.number();
  }

  texts(): string[] {
    return this.list().map((element) => element.text());
  }

  /** An object of texts. */
  labels(): Record<string, string> {
    return Object.fromEntries(this.entries().map(([key, member]) => [key, member.text()]));
  }
}

const FOLDER = join(resolve(process.env['PODWIRE_VECTORS'] ?? '../shared/vectors'), 'calico');

/** Options for a tap test: skipped with the reason where there is nothing to compare with. */
export const NEEDS_VECTORS: { readonly skip?: string } = existsSync(FOLDER)
  ? {}
  : { skip: `no vectors at ${FOLDER}; set PODWIRE_VECTORS` };

export const readVector = (path: string): string => readFileSync(join(FOLDER, path), 'utf8');

export const loadVector = (path: string): Json => new Json(JSON.parse(readVector(path)), path);

export const hasVector = (path: string): boolean => existsSync(join(FOLDER, path));

export const listVectors = (path: string): string[] => readdirSync(join(FOLDER, path)).toSorted();
