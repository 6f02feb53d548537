/**
 * YAML by the `yaml` package, for documents outside the fast parser's layout. Only its grammar is used:
 * scalars are resolved as kubectl's library does, and aliases are expanded here, within a bound.
 */

import {
  CST,
  Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  visit,
} from 'yaml';
import type { FieldPath, Json } from './json.js';
import { resolveKey, resolvePlain } from './yaml-scalar.js';

export interface Flaw {
  readonly offset: number;
  /** What should have stood there. */
  readonly expected: string;
  readonly got: string;
}

export type YamlResult =
  | { readonly value: Json; readonly offsetOf: (path: FieldPath) => number }
  | { readonly flaws: readonly Flaw[] };

/** What all aliases of a document may add up to: far above any manifest, far below a billion laughs. */
export const MAX_ALIAS_NODES = 100_000;
const MAX_DEPTH = 200;
const TOO_DEEP = `at most ${MAX_DEPTH} levels of nesting`;

/** The package's words. */
const TWICE = 'Map keys must be unique';

const TAG_PREFIX = 'tag:yaml.org,2002:';

/** A mistake that the grammar allows: an alias in a circle, a tag that kubectl does not know. */
class Misuse extends Error {
  readonly flaw: Flaw;

  constructor(node: Node, expected: string, got: string) {
    super(expected);
    this.flaw = { offset: node.range?.[0] ?? 0, expected, got };
  }
}

const OPTIONS = {
  version: '1.2',
  schema: 'failsafe',
  strict: true,
  // Asked of the package, every key is compared with all before it.
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

interface Converted {
  readonly value: Json;
  /** How many nodes it has when written out. */
  readonly size: number;
}

/**
 * What every alias stands for: of several anchors of one name the last before it. Asked of the package, each goes
 * through the whole document.
 */
function targetsOf(document: Document): ReadonlyMap<unknown, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<unknown, Node>();
  visit(document, {
    Value: (_key, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
    Alias: (_key, alias) => {
      const target = anchors.get(alias.source);
      if (target !== undefined) targets.set(alias, target);
    },
  });
  return targets;
}

class Conversion {
  readonly #targets: ReadonlyMap<unknown, Node>;
  /** What each anchored node became; `undefined` while it is being converted. */
  readonly #anchored = new Map<Node, Converted | undefined>();
  #aliasNodes = 0;
  #depth = 0;

  constructor(document: Document) {
    this.#targets = targetsOf(document);
  }

  convert(node: unknown): Converted {
    if (isAlias(node)) return this.#alias(node);
    if (isScalar(node)) return { value: scalarValue(node), size: 1 };
    if (!isMap(node) && !isSeq(node)) return { value: null, size: 1 };
    if (++this.#depth > MAX_DEPTH) throw new Misuse(node, TOO_DEEP, 'deeper nesting');
    if (node.anchor !== undefined) this.#anchored.set(node, undefined);
    const converted = isSeq(node) ? this.#list(node.items) : this.#map(node.items);
    if (node.anchor !== undefined) this.#anchored.set(node, converted);
    this.#depth--;
    return converted;
  }

  #alias(node: Node): Converted {
    const target = this.#targets.get(node);
    if (target === undefined) throw new Misuse(node, 'an anchor of this name before the alias', 'none');
    if (this.#anchored.has(target) && this.#anchored.get(target) === undefined) {
      throw new Misuse(node, 'an alias of something else than what it stands in', 'a circle');
    }
    const converted = this.#anchored.get(target) ?? this.convert(target);
    this.#aliasNodes += converted.size;
    if (this.#aliasNodes > MAX_ALIAS_NODES) {
      throw new Misuse(node, `aliases for at most ${MAX_ALIAS_NODES} values`, 'more');
    }
    return converted;
  }

  #list(items: readonly unknown[]): Converted {
    let size = 1;
    const value = items.map((item) => {
      const converted = this.convert(item);
      size += converted.size;
      return converted.value;
    });
    return { value, size };
  }

  #map(pairs: readonly Pair[]): Converted {
    const map: Record<string, Json> = {};
    let size = 1;
    const merged: Json[] = [];
    const keys = new Set<unknown>();
    for (const { key, value } of pairs) {
      if (isScalar(key) && keys.has(key.value)) throw new Misuse(key, 'valid YAML', TWICE);
      if (isScalar(key)) keys.add(key.value);
      const converted = this.convert(value);
      size += converted.size;
      if (isScalar(key) && key.type === Scalar.PLAIN && key.value === '<<') merged.push(converted.value);
      else setOwn(map, this.#key(key), converted.value);
    }
    for (const source of merged.flat()) mergeInto(map, source);
    return { value: map, size };
  }

  #key(key: unknown): string {
    const node = isAlias(key) ? this.#targets.get(key) : key;
    if (!isScalar(node))
      throw new Misuse(isSeq(node) || isMap(node) ? node : new Scalar(null), 'a scalar as key', 'a collection');
    return keyText(node);
  }
}

/** Plainly assigned, a key `__proto__` would be lost. */
function setOwn(map: Record<string, Json>, key: string, value: Json): void {
  if (key === '__proto__')
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}

/** `<<: *defaults`: what the map itself says goes first (YAML 1.1, yaml.org/type/merge.html). */
function mergeInto(map: Record<string, Json>, source: Json): void {
  if (typeof source !== 'object' || source === null || Array.isArray(source)) return;
  for (const [key, value] of Object.entries(source)) if (!Object.hasOwn(map, key)) setOwn(map, key, value);
}

const keyText = (node: Scalar): string =>
  node.type === Scalar.PLAIN ? resolveKey(sourceOf(node)) : String(node.value);

const sourceOf = (node: Scalar): string => (typeof node.value === 'string' ? node.value : '');

function scalarValue(node: Scalar): Json {
  const text = sourceOf(node);
  const tag = node.tag?.replace(TAG_PREFIX, '');
  if (tag === undefined) return node.type === Scalar.PLAIN || node.type === undefined ? resolvePlain(text) : text;
  if (tag === 'str' || tag === 'binary' || tag === 'timestamp') return text;
  if (tag === 'int' || tag === 'float' || tag === 'bool' || tag === 'null') return resolvePlain(text);
  if (tag === '!') return text;
  throw new Misuse(node, 'a scalar without a tag of its own', `tag ${node.tag ?? ''}`);
}

/** Same rule as the fast parser's marks: a value on its key's line stands for itself, else its key does. */
function pairOffset(text: string, { key, value }: Pair): number {
  const keyAt = startOf(key) ?? 0;
  const valueAt = startOf(value);
  if (valueAt === undefined || valueAt < keyAt || text.slice(keyAt, valueAt).includes('\n')) return keyAt;
  return valueAt;
}

const startOf = (node: unknown): number | undefined => {
  if (!isScalar(node) && !isMap(node) && !isSeq(node) && !isAlias(node)) return undefined;
  const range = node.range;
  if (!range) return undefined;
  const empty = isScalar(node) && range[0] === range[1];
  return empty ? undefined : range[0];
};

function offsetOf(text: string, document: Document, path: FieldPath): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && keyText(key) === String(step));
      if (pair === undefined) return offset;
      offset = pairOffset(text, pair);
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
      node = node.items[step];
      offset = startOf(node) ?? offset;
    } else return offset;
  }
  return offset;
}

/** The parser's own words for the mistakes that people make most, in terms of what was expected. */
const flawOf = (message: string, offset: number): Flaw => ({
  offset,
  expected: 'valid YAML',
  got: message.split('\n')[0] ?? message,
});

/** Tokens of the lexer that stand for no character of the text. */
const MARKER_TOKENS: ReadonlySet<string> = new Set([CST.DOCUMENT, CST.SCALAR, CST.FLOW_END]);
/** The package goes down a call a level, and says so where the stack ends. */
const STACK_EXHAUSTED = /call stack/i;

/** Where the text goes deeper than is read: the bracket, or the dash of a list in a list, that is one too many. */
function tooDeep(text: string, stoppedAt: number): Flaw {
  const flaw = { expected: TOO_DEEP, got: 'deeper nesting' };
  let [offset, brackets, dashes] = [0, 0, 0];
  for (const token of new Lexer().lex(text)) {
    if (token === '{' || token === '[') brackets += 1;
    else if (token === '}' || token === ']') brackets -= 1;
    else if (token === '-') dashes += 1;
    else if (token === '\n') dashes = 0;
    if (brackets + dashes > MAX_DEPTH) return { offset, ...flaw };
    if (!MARKER_TOKENS.has(token)) offset += token.length;
  }
  return { offset: stoppedAt, ...flaw };
}

/** What comes after a document's first mistake is mostly its consequence: only that one is told. */
function parse(text: string): YamlResult {
  const document = parseDocument(text, OPTIONS);
  const [error] = document.errors;
  if (error !== undefined) {
    const offset = Math.min(error.pos[0], text.length);
    return { flaws: [STACK_EXHAUSTED.test(error.message) ? tooDeep(text, offset) : flawOf(error.message, offset)] };
  }
  const { value } = new Conversion(document).convert(document.contents);
  return { value, offsetOf: (path) => offsetOf(text, document, path) };
}

export function parseYaml(text: string): YamlResult {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof Misuse) return { flaws: [error.flaw] };
    // The package recurses into flow collections: thousands of brackets exhaust the stack.
    if (error instanceof RangeError) return { flaws: [tooDeep(text, 0)] };
    throw error;
  }
}

/** A quoted scalar with its quotes, or undefined. */
export function parseQuoted(text: string): string | undefined {
  const result = parseYaml(text);
  return 'value' in result && typeof result.value === 'string' ? result.value : undefined;
}

/** Of YAML 1.1, which others still read so: times, and numbers to the base of sixty. */
const READ_OTHERWISE = /^(?:\d{4}-\d\d?-\d\d?(?:[Tt ].*)?|[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?)$/;

const isOtherwiseRead = (text: string): boolean =>
  text === '' || typeof resolvePlain(text) !== 'string' || READ_OTHERWISE.test(text);

/** Of one line, with apostrophes in it: the package would rather have double quotes around. */
const APOSTROPHES = /^(?=.*')(?:[\s,[\]{}#&*!|>'"%@`].*|[-?:](?:\s.*)?|.*(?:: | #).*|.*[:\s])$/;

/** sigs.k8s.io/yaml: lists stand under their key, and a text that would be read as something else is in double quotes. */
export function formatYaml(value: Json): string {
  const document = new Document(value, { version: '1.1', sortMapEntries: true, aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value !== 'string') return;
      if (isOtherwiseRead(node.value)) node.type = Scalar.QUOTE_DOUBLE;
      else if (APOSTROPHES.test(node.value)) node.type = Scalar.QUOTE_SINGLE;
    },
  });
  return document.toString({ indentSeq: false, lineWidth: 0, singleQuote: true });
}
