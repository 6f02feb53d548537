/**
 * The declared objects of a cluster: texts as they came, and which of their documents still hold. A change makes a new
 * value and leaves the old one as it was, so that a change that is refused has changed nothing.
 */

import { append } from '../append.js';
import { KINDS, kindOf } from '../kinds/table.js';
import type { ConfigError } from '../messages.js';
import { groupOf } from '../schema/kind.js';
import { type Documents, loadDocuments, type RawDocument } from './documents.js';
import { field, isObject, type Json, type JsonObject } from './json.js';
import { firstVersions, type ObjectVersions, versionNumber } from './object-versions.js';
import type { SourceText } from './source-text.js';

/** Names an object for as long as it lives. */
export interface ObjectKey {
  /** '' for the core group; of several groups that mean the same, the one that is in use. */
  readonly group: string;
  readonly kind: string;
  /** '' for what belongs to the cluster as a whole. */
  readonly namespace: string;
  readonly name: string;
}

export const formatKey = ({ group, kind, namespace, name }: ObjectKey): string =>
  `${group}/${kind}/${namespace}/${name}`;

/** `Pod shop/web-1`, `IPPool default`. */
export const describeKey = ({ kind, namespace, name }: ObjectKey): string =>
  namespace === '' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;

/** `NetworkPolicy/shop/deny`, `Node/node1`. */
export const pathOf = ({ kind, namespace, name }: ObjectKey): string =>
  [kind, namespace, name].filter((part) => part !== '').join('/');

const GROUP_ALIASES: ReadonlyMap<string, string> = new Map([
  ['crd.projectcalico.org', 'projectcalico.org'],
  ['extensions', 'apps'],
]);
/** Of `extensions`, what went to other groups than `apps`. */
const EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ['NetworkPolicy', 'networking.k8s.io'],
  ['Ingress', 'networking.k8s.io'],
]);

/** Groups that mean the same are one. */
export const plainGroup = (group: string, kind: string): string =>
  (group === 'extensions' ? EXTENSIONS.get(kind) : undefined) ?? GROUP_ALIASES.get(group) ?? group;

/** A group as a request names it: the core group has no name, and is `core`, or `v1` as its apiVersion is written. */
export const requestedGroup = (group: string, kind: string): string =>
  plainGroup(group === 'core' || group === 'v1' ? '' : group, kind);

const PODWIRE = 'podwire.dev';

/** Undefined for kinds that nobody here knows. */
function isNamespaced(apiVersion: string, kind: string): boolean | undefined {
  if (groupOf(apiVersion) === PODWIRE) return false;
  const known = kindOf({ apiVersion, kind });
  return known && KINDS[known].namespaced;
}

const textAt = (value: Json | undefined, name: string): string => {
  const given = field(value, name);
  return typeof given === 'string' ? given : '';
};

/** The key of a document; its name is '' where a name is made for it. */
function keyOf({ apiVersion, kind, value }: Pick<RawDocument, 'apiVersion' | 'kind' | 'value'>): ObjectKey {
  const metadata = field(value, 'metadata');
  const given = textAt(metadata, 'namespace');
  const namespaced = isNamespaced(apiVersion, kind);
  return {
    group: plainGroup(groupOf(apiVersion), kind),
    kind,
    namespace: namespaced === true ? given || 'default' : namespaced === false ? '' : given,
    name: textAt(metadata, 'name'),
  };
}

/** One document that holds. */
export interface DeclaredObject {
  readonly key: ObjectKey;
  readonly id: string;
  readonly document: RawDocument;
  /** Index of its text, and its own index in that. */
  readonly source: number;
  readonly index: number;
  /** metadata.managedFields, where they are others than those of the document: whose its fields are. */
  readonly managedFields?: readonly JsonObject[];
}

interface Text extends SourceText {
  /** Documents of the text that hold no more. */
  readonly dropped: ReadonlySet<number>;
}

/** As a snapshot has it. */
export interface DeclaredTexts {
  readonly sources: readonly { readonly file: string; readonly text: string; readonly dropped: readonly number[] }[];
  /** By `formatKey`. */
  readonly managedFields?: ManagedFields;
  readonly versions?: WrittenVersions;
}

/** resourceVersions, those of objects by `formatKey`. */
interface WrittenVersions {
  readonly first: number;
  readonly current: number;
  readonly objects: Readonly<Record<string, number>>;
}

/** Of objects by their ids. */
type ManagedFields = Readonly<Record<string, readonly JsonObject[]>>;

const objectsOf = (documents: readonly RawDocument[], source: number, dropped: ReadonlySet<number>): DeclaredObject[] =>
  documents.flatMap((document, index) => {
    if (dropped.has(index)) return [];
    const key = keyOf(document);
    return [{ key, id: formatKey(key), document, source, index }];
  });

function grouped(objects: readonly DeclaredObject[]): ReadonlyMap<string, readonly DeclaredObject[]> {
  const kinds = new Map<string, DeclaredObject[]>();
  for (const object of objects) {
    const held = kinds.get(object.key.kind);
    if (held === undefined) kinds.set(object.key.kind, [object]);
    else held.push(object);
  }
  return kinds;
}

/** Groups by kind, namespace and name. */
type Names = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>>;

function namesIn(kinds: ReadonlyMap<string, readonly DeclaredObject[]>): Names {
  const names = new Map<string, Map<string, Map<string, string[]>>>();
  for (const [kind, objects] of kinds) {
    const namespaces = new Map<string, Map<string, string[]>>();
    names.set(kind, namespaces);
    for (const { key } of objects) {
      const held = namespaces.get(key.namespace) ?? new Map<string, string[]>();
      namespaces.set(key.namespace, held);
      held.set(key.name, [...(held.get(key.name) ?? []), key.group]);
    }
  }
  return names;
}

export class Declared {
  readonly #texts: readonly Text[];
  readonly #objects: readonly DeclaredObject[];
  readonly errors: readonly ConfigError[];
  readonly versions: ObjectVersions;
  #byId: ReadonlyMap<string, DeclaredObject> | undefined = undefined;
  #ofKinds: ReadonlyMap<string, readonly DeclaredObject[]> | undefined = undefined;
  #names: Names | undefined = undefined;

  private constructor(
    texts: readonly Text[],
    objects: readonly DeclaredObject[],
    { errors, versions }: Pick<Declared, 'errors' | 'versions'>,
  ) {
    this.#texts = texts;
    this.#objects = objects;
    this.errors = errors;
    this.versions = versions;
  }

  static read({ sources, managedFields = {}, versions }: DeclaredTexts): Declared {
    const objects: DeclaredObject[] = [];
    const errors: ConfigError[] = [];
    const texts = sources.map(({ file, text, dropped }) => ({ file, text, dropped: new Set(dropped) }));
    texts.forEach((text, source) => {
      const read = loadDocuments([text]);
      append(errors, read.errors);
      append(objects, objectsOf(read.documents, source, text.dropped));
    });
    const known =
      versions === undefined
        ? firstVersions(objects.map(({ document }) => document.value))
        : { ...versions, objects: new Map(Object.entries(versions.objects)) };
    const read = new Declared(texts, objects, { errors, versions: known });
    return read.withManagedFields(new Map(Object.entries(managedFields)));
  }

  /** What the cluster is built from. */
  get documents(): Documents {
    return { documents: this.#objects.map(({ document }) => document), errors: this.errors };
  }

  get texts(): DeclaredTexts {
    const sources = this.#texts.map(({ file, text, dropped }) => ({ file, text, dropped: [...dropped] }));
    const managed = this.#objects.flatMap(({ id, managedFields }) =>
      managedFields === undefined ? [] : [[id, managedFields] as const],
    );
    const { first, current } = this.versions;
    const versions = { first, current, objects: Object.fromEntries(this.versions.objects) };
    return managed.length === 0
      ? { sources, versions }
      : { sources, managedFields: Object.fromEntries(managed), versions };
  }

  get size(): number {
    return this.#objects.length;
  }

  /** By `formatKey`; of several of one name the last, as with `kubectl apply`. Those without a name are left out. */
  get byId(): ReadonlyMap<string, DeclaredObject> {
    this.#byId ??= new Map(this.#objects.flatMap((one) => (one.key.name === '' ? [] : [[one.id, one] as const])));
    return this.#byId;
  }

  /** Those that have a name, by their kinds. */
  get ofKinds(): ReadonlyMap<string, readonly DeclaredObject[]> {
    this.#ofKinds ??= grouped([...this.byId.values()]);
    return this.#ofKinds;
  }

  /** Whether an object of this name is declared; `byId` would want its id, which takes longer to make. */
  has(group: string, kind: string, namespace: string, name: string): boolean {
    this.#names ??= namesIn(this.ofKinds);
    return this.#names.get(kind)?.get(namespace)?.get(name)?.includes(group) === true;
  }

  /** The resourceVersion of an object that is there, whoever made it. */
  versionOf(id: string): string {
    const { first, objects } = this.versions;
    const held = objects.get(id);
    if (held !== undefined) return `${held}`;
    const object = this.byId.get(id);
    return `${(object && versionNumber(object.document.value)) ?? first}`;
  }

  /** By `KIND/NAMESPACE/NAME` or `KIND/NAME`, in whatever case. */
  named(text: string): DeclaredObject | undefined {
    const wanted = text.toLowerCase();
    return [...this.byId.values()].find(({ key }) => pathOf(key).toLowerCase() === wanted);
  }

  /** Adds what a text holds; what had the same name goes, and what its fields are whose stays. */
  with(text: SourceText): { readonly declared: Declared; readonly added: readonly DeclaredObject[] } {
    const { documents, errors } = loadDocuments([text]);
    const source = this.#texts.length;
    const added = objectsOf(documents, source, new Set()).map((one) => {
      const managedFields = this.byId.get(one.id)?.managedFields;
      return managedFields === undefined ? one : { ...one, managedFields };
    });
    const rest = this.without(new Set(added.map(({ id }) => id)));
    const texts = [...rest.#texts, { ...text, dropped: new Set<number>() }];
    const { versions } = this;
    const all = [...rest.#objects, ...added];
    return { declared: new Declared(texts, all, { errors: [...this.errors, ...errors], versions }), added };
  }

  /** With these managedFields of objects, by their ids. */
  withManagedFields(entries: ReadonlyMap<string, readonly JsonObject[]>): Declared {
    if (entries.size === 0) return this;
    const objects = this.#objects.map((one) => {
      const managedFields = entries.get(one.id);
      return managedFields === undefined ? one : { ...one, managedFields };
    });
    return new Declared(this.#texts, objects, this);
  }

  withVersions(versions: ObjectVersions): Declared {
    const same = new Declared(this.#texts, this.#objects, { errors: this.errors, versions });
    same.#byId = this.#byId;
    same.#ofKinds = this.#ofKinds;
    same.#names = this.#names;
    return same;
  }

  /** Without the objects of these names. */
  without(ids: ReadonlySet<string>): Declared {
    const gone = this.#objects.filter(({ id, key }) => key.name !== '' && ids.has(id));
    if (gone.length === 0) return this;
    const texts = this.#texts.map((text, source) => {
      const own = gone.filter((one) => one.source === source);
      return own.length === 0
        ? text
        : { ...text, dropped: new Set([...text.dropped, ...own.map(({ index }) => index)]) };
    });
    const held = new Set(gone);
    const objects = this.#objects.filter((one) => !held.has(one));
    // A text of which nothing holds any more is not carried along.
    const used = new Set(objects.map(({ source }) => source));
    const lightened = texts.map((text, source) =>
      used.has(source) ? text : { ...text, text: '', dropped: new Set<number>() },
    );
    return new Declared(lightened, objects, this);
  }
}

/** The object as a reader wants it: items of a `PodList` have no kind of their own. */
export const renderObject = ({ document, key }: DeclaredObject): JsonObject => {
  const { value, apiVersion, kind } = document;
  const metadata = field(value, 'metadata');
  const placed =
    key.namespace === '' || !isObject(metadata) || field(metadata, 'namespace') !== undefined
      ? value
      : { ...value, metadata: { ...metadata, namespace: key.namespace } };
  return { apiVersion, kind, ...placed };
};
