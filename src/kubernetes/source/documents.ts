/**
 * Files to documents: a YAML stream is cut at its `---` lines, JSON is read by `JSON.parse`, a `List` becomes
 * its items. Values are plain data; where a field stands is worked out only when somebody asks, by reading
 * the one document (of a long list: the one item) again.
 */

import { type ConfigError, syntaxError } from '../messages.js';
import { describe, type FieldPath, field, isList, isObject, type Json, type JsonObject } from './json.js';
import { JsonOffsets, scanJson } from './json-text.js';
import { type Position, SourceFile, type SourceText } from './source-text.js';
import { type Marks, parseBlock, parseBlockItem } from './yaml-block.js';
import type { Flaw } from './yaml-full.js';

/**
 * The full parser is loaded when a document needs it: setting it up costs a tenth of a whole command. The bundler sees
 * to it that this is no look-up on disk.
 */
const full = (): typeof import('./yaml-full.js') => require('./yaml-full.js') as typeof import('./yaml-full.js');
const parseQuoted = (text: string): string | undefined => full().parseQuoted(text);

/** What can be asked of a document again, long after it was read. */
interface Rereading {
  /** The offset in its file of any field. */
  readonly offsetOf: (path: FieldPath) => number;
  /** Its value; kept once it was asked for. */
  readonly reread: () => Json;
}

/** One document. */
interface Parsed extends Rereading {
  readonly value: Json;
}

const once = (read: () => Json): (() => Json) => {
  const reading: { value?: Json } = {};
  return () => (reading.value ??= read());
};

/** Where an object was read from. Lines are counted when they are first asked for. */
export class ObjectSource {
  readonly #file: SourceFile;
  readonly #document: Rereading;
  readonly #prefix: FieldPath;
  #start: Position | undefined = undefined;

  constructor(file: SourceFile, document: Rereading, prefix: FieldPath) {
    this.#file = file;
    this.#document = document;
    this.#prefix = prefix;
  }

  get file(): string {
    return this.#file.file;
  }

  get line(): number {
    return this.#first().line;
  }

  get column(): number {
    return this.#first().column;
  }

  #first(): Position {
    this.#start ??= this.position([]);
    return this.#start;
  }

  /** Where the field stands, or the nearest field around it that was written. */
  position(path: FieldPath): Position {
    return this.#file.position(this.#document.offsetOf([...this.#prefix, ...path]));
  }

  /** Where the n-th line of a text stands that is the field's value; the field itself where it is not written in lines. */
  lineOf(path: FieldPath, line: number): Position {
    const offset = this.#document.offsetOf([...this.#prefix, ...path]);
    return this.#file.lineOfBlock(offset, line) ?? this.#file.position(offset);
  }

  /** The source of something that is written inside this object, as a pod is in its workload's template. */
  inside(path: FieldPath): ObjectSource {
    return new ObjectSource(this.#file, this.#document, [...this.#prefix, ...path]);
  }

  /** The object as it is written there; an empty one where nobody wrote it. */
  written(): JsonObject {
    let value: Json | undefined = this.#document.reread();
    for (const step of this.#prefix) value = isList(value) ? value[Number(step)] : field(value, String(step));
    return isObject(value) ? value : {};
  }
}

/** An object that nobody wrote: a controller made it on its own account. */
export const unwritten = (file: string): ObjectSource =>
  new ObjectSource(new SourceFile({ file, text: '' }), { offsetOf: () => 0, reread: () => ({}) }, []);

export interface RawDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly value: JsonObject;
  readonly source: ObjectSource;
}

export interface Documents {
  readonly documents: readonly RawDocument[];
  readonly errors: readonly ConfigError[];
}

const walk = (marks: Marks, root: Json, path: FieldPath): number | undefined => {
  let offset: number | undefined;
  let node: Json | undefined = root;
  for (const step of path) {
    if (typeof node !== 'object' || node === null) return offset;
    const at = marks.get(node)?.get(step);
    if (at === undefined) return offset;
    offset = at;
    node = isList(node) ? node[Number(step)] : field(node, String(step));
  }
  return offset;
};

/** Reads `text` again with marks, once. */
function blockOffsets(text: string, read: (marks: Marks) => Json | undefined): (path: FieldPath) => number | undefined {
  const first = text.search(/^[ ]*[^\s#]/m);
  const start = first < 0 ? 0 : first + (text.slice(first).search(/[^ ]/) ?? 0);
  const reading: { done?: { marks: Marks; root: Json } } = {};
  return (path) => {
    if (reading.done === undefined) {
      const marks: Marks = new Map();
      reading.done = { root: read(marks) ?? null, marks };
    }
    return walk(reading.done.marks, reading.done.root, path) ?? start;
  };
}

/** How many items of long lists keep their positions once read. */
const MAX_ITEMS_HELD = 64;

/** Positions in a document of the fast parser's layout. In a list, only the item that a path leads into is read. */
function blockOffsetOf(text: string, base: number, itemOffsets: readonly number[]): (path: FieldPath) => number {
  const whole = blockOffsets(text, (marks) => parseBlock(text, { quoted: parseQuoted, marks })?.value);
  const items = new Map<number, (path: FieldPath) => number | undefined>();
  const inItem = (index: number): ((path: FieldPath) => number | undefined) => {
    const held = items.get(index);
    if (held !== undefined) return held;
    if (items.size >= MAX_ITEMS_HELD) items.clear();
    const start = itemOffsets[index] ?? 0;
    const itemText = text.slice(start, itemOffsets[index + 1]);
    const offsets = blockOffsets(itemText, (marks) => parseBlockItem(itemText, { quoted: parseQuoted, marks }));
    const made = (path: FieldPath): number => start + (offsets([0, ...path]) ?? 0);
    items.set(index, made);
    return made;
  };
  return (path) => {
    const [first, index, ...rest] = path;
    const inList = first === 'items' && typeof index === 'number' && itemOffsets[index] !== undefined;
    return base + ((inList ? inItem(index)(rest) : whole(path)) ?? 0);
  };
}

type Parse = { readonly parsed: Parsed } | { readonly flaws: readonly Flaw[] };

function parseYamlDocument(text: string, base: number): Parse {
  const block = parseBlock(text, { quoted: parseQuoted });
  if (block !== undefined)
    return {
      parsed: {
        value: block.value,
        offsetOf: blockOffsetOf(text, base, block.itemOffsets),
        reread: once(() => parseBlock(text, { quoted: parseQuoted })?.value ?? null),
      },
    };
  const whole = full().parseYaml(text);
  if ('flaws' in whole) return { flaws: whole.flaws.map((flaw) => ({ ...flaw, offset: flaw.offset + base })) };
  const { value } = whole;
  return { parsed: { value, offsetOf: (path) => base + whole.offsetOf(path), reread: () => value } };
}

const MARKER = /^---(?=[ \t\r\n]|$)/gm;
/** Nothing but blank lines, comments and directives (`%YAML 1.1`). */
const NOTHING = /^(?:[ \t]*(?:#.*)?\r?\n|%.*\n)*[ \t]*(?:#.*|%.*)?$/;

/** `---` at a line's start ends a document wherever it stands, inside quotes too (YAML 1.2 §9.1.2). */
function* yamlTexts(text: string): Generator<{ readonly text: string; readonly base: number }> {
  let base = 0;
  for (const { index } of text.matchAll(MARKER)) {
    yield { text: text.slice(base, index), base };
    base = index + 3;
  }
  yield { text: text.slice(base), base };
}

function* parseYamlStream(text: string): Generator<Parse> {
  for (const document of yamlTexts(text)) {
    // Documents are long and comments short: the pattern is not run over what is plainly something.
    if (document.text.length < 4096 && NOTHING.test(document.text)) continue;
    yield parseYamlDocument(document.text, document.base);
  }
}

/** `JSON.parse` answers nothing else (RFC 8259 §3). */
const isJson = (value: unknown): value is Json => value !== undefined;

const parseJson = (text: string): Json | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

function parsedJson(
  value: Json,
  text: string,
  { start, end }: { readonly start: number; readonly end: number },
): Parse {
  const offsets = new JsonOffsets(text, start);
  const reread = once(() => parseJson(text.slice(start, end)) ?? null);
  return { parsed: { value, offsetOf: (path) => offsets.of(path), reread } };
}

/** One JSON text, or several one after the other as `jq` writes them. */
function* parseJsonStream(text: string): Generator<Parse> {
  const whole = parseJson(text);
  if (whole !== undefined) {
    yield parsedJson(whole, text, { start: 0, end: text.length });
    return;
  }
  for (let start = 0; start < text.length; ) {
    const scanned = scanJson(text, start);
    if ('flaw' in scanned) {
      yield { flaws: [scanned.flaw] };
      return;
    }
    const { end } = scanned;
    yield parsedJson(parseJson(text.slice(start, end)) ?? null, text, { start, end });
    start = end;
  }
}

/** A text that opens with a bracket is JSON, unless only YAML can read it (`{name: web}`). */
function* parseText({ file, text }: SourceFile): Generator<Parse> {
  if (/^\s*[{[]/.test(text)) {
    const asJson = [...parseJsonStream(text)];
    if (file.endsWith('.json') || asJson.every((parse) => 'parsed' in parse)) {
      yield* asJson;
      return;
    }
  }
  yield* parseYamlStream(text);
}

/** `PodList` holds Pods: their kind and version need not be repeated. */
const itemDefaults = (list: JsonObject): { readonly kind?: string; readonly apiVersion?: string } => {
  const { kind, apiVersion } = list;
  if (typeof kind !== 'string' || typeof apiVersion !== 'string' || kind === 'List') return {};
  return { kind: kind.slice(0, -'List'.length), apiVersion };
};

class Collector {
  readonly documents: RawDocument[] = [];
  readonly errors: ConfigError[] = [];

  add(value: Json, source: ObjectSource, defaults: { kind?: string; apiVersion?: string } = {}): void {
    if (!isObject(value)) {
      this.errors.push(
        syntaxError(source, 'a Kubernetes object, that is a map with apiVersion and kind', describe(value)),
      );
      return;
    }
    const kind = field(value, 'kind') ?? defaults.kind;
    const apiVersion = field(value, 'apiVersion') ?? defaults.apiVersion;
    const items = field(value, 'items');
    if (typeof kind === 'string' && kind.endsWith('List') && items !== undefined) this.#addItems(value, items, source);
    else if (typeof kind !== 'string' || kind === '') this.#missing(source, 'kind', kind);
    else if (typeof apiVersion !== 'string' || apiVersion === '') this.#missing(source, 'apiVersion', apiVersion);
    else this.documents.push({ apiVersion, kind, value, source });
  }

  #addItems(list: JsonObject, items: Json, source: ObjectSource): void {
    if (items === null) return;
    if (!isList(items)) this.errors.push(syntaxError(source, 'a list', describe(items), ['items']));
    else items.forEach((item, i) => this.add(item, source.inside(['items', i]), itemDefaults(list)));
  }

  #missing(source: ObjectSource, name: 'kind' | 'apiVersion', got: Json | undefined): void {
    this.errors.push(syntaxError(source, `the object's ${name} as text`, describe(got), [name]));
  }
}

/** All documents of all sources, in order, and every mistake that keeps one from being read. */
export function loadDocuments(sources: readonly SourceText[]): Documents {
  const collector = new Collector();
  for (const source of sources) {
    const file = new SourceFile(source);
    for (const parse of parseText(file)) {
      if ('flaws' in parse) {
        for (const { offset, expected, got } of parse.flaws) {
          collector.errors.push({ ...file.position(offset), object: '', path: '', expected, got });
        }
      } else if (parse.parsed.value !== null) {
        // The value itself is not held on to.
        const { value, offsetOf, reread } = parse.parsed;
        collector.add(value, new ObjectSource(file, { offsetOf, reread }, []));
      }
    }
  }
  return { documents: collector.documents, errors: collector.errors };
}

/** YAML or JSON inside a field: a ConfigMap's `kubeadm` or kube-proxy configuration. */
export function parseEmbedded(text: string): Json | undefined {
  for (const parse of parseText(new SourceFile({ file: '', text }))) {
    return 'parsed' in parse ? parse.parsed.value : undefined;
  }
  return undefined;
}

/** A document as Kubernetes' and Calico's tools print it, with its fields in alphabetical order. */
export const formatYaml = (value: Json): string => full().formatYaml(value);
