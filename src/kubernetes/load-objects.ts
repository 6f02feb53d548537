/** Documents to objects: each kind's schema is applied, and everything that is wrong or doubtful is put down. */

import { append } from './append.js';
import { seededSuffix } from './names.js';
import { type KindDefinition, type Meta, metadata, groupOf } from './schema/kind.js';
import { INVALID, type Problem, Reader } from './schema/schema.js';
import {
  ALL_KINDS,
  DEFINITIONS,
  isIrrelevant,
  KINDS,
  type Kind,
  type KubernetesObject,
  type ObjectOf,
  kindOf,
} from './kinds/table.js';
import { knownApiVersion } from './kinds/versions.js';
import { type ConfigError, configError, type Finding, finding, nearMatches, type Subject } from './messages.js';
import type { ObjectSource, RawDocument } from './source/documents.js';
import { field } from './source/json.js';
import { Store, Table } from './store.js';
import { unmodelledFields } from './unmodelled.js';

/** A kind that another module brings along: its objects go into a table of its own. */
export interface RegisteredKind<B = unknown> {
  readonly definition: Omit<KindDefinition<B>, 'body'>;
  readonly objects: Table<KubernetesObject<string, { readonly body: B }>>;
  /** Reads one document into `objects`. */
  readonly load: (document: RawDocument, loading: Loading) => void;
}

/** Nothing is kept outside the answer: each loading takes kinds that were registered for it. */
export function registeredKind<B>(definition: KindDefinition<B>): RegisteredKind<B> {
  const objects = new Table<KubernetesObject<string, { readonly body: B }>>();
  return {
    definition,
    objects,
    load: (document, loading) => {
      const read = readObject(document, definition, loading);
      if (read === undefined) return;
      const object = { kind: definition.kind, ...read.meta, body: read.body };
      loading.noteReplaced(object, objects.get(object.namespace, object.name)?.source);
      objects.put(object);
    },
  };
}

/** What goes along while documents are read, and what comes out. */
export class Loading {
  readonly store = new Store();
  readonly errors: ConfigError[] = [];
  /** What the API server would refuse of objects that are left out for it, while the rest goes on. */
  readonly refusals: ConfigError[] = [];
  readonly findings: Finding[] = [];
  /** Objects of kinds that nobody models. */
  readonly unmodelled: RawDocument[] = [];
  /** `Kind/namespace/name` of objects that were left out for their mistakes: to others they exist. */
  readonly broken = new Set<string>();
  readonly seed: number;

  constructor(seed: number) {
    this.seed = seed;
  }

  /** `kubectl apply` of the same name again: the later one wins. */
  noteReplaced(subject: Subject, old: ObjectSource | undefined): void {
    if (old === undefined) return;
    const { file, line } = old;
    const message = `this replaces the one at ${file}:${line}`;
    this.findings.push(finding(subject, [], { code: 'duplicate-object', severity: 'warning', message }));
  }
}

interface ReadObject<B> {
  readonly meta: Meta;
  readonly body: B;
}

const DEFAULT_NAMESPACE = 'default';
/** Whose objects calicoctl writes; its decoder is less strict than the API server's. */
const CALICOCTL_GROUP = 'projectcalico.org';

/** The object's name, before anything is known to be right with it: for messages. */
function subjectOf({ kind, value, source }: RawDocument, definition: Omit<KindDefinition<unknown>, 'body'>): Subject {
  const meta = field(value, 'metadata');
  const text = (name: string): string => {
    const given = field(meta, name);
    return typeof given === 'string' ? given : '';
  };
  const name = text('name') || (definition.nameOf?.(value) ?? '');
  const namespace = definition.namespaced ? text('namespace') || DEFAULT_NAMESPACE : '';
  return { kind, namespace, name, source };
}

function readObject<B>(
  document: RawDocument,
  definition: KindDefinition<B>,
  loading: Loading,
): ReadObject<B> | undefined {
  const subject = subjectOf(document, definition);
  const reader = new Reader({ scalarsAsText: groupOf(document.apiVersion) === CALICOCTL_GROUP });
  reader.enter('metadata');
  const given = metadata.read(field(document.value, 'metadata') ?? {}, reader);
  const name = nameOf(document, { definition, subject, seed: loading.seed });
  if (name === '' && given !== INVALID) {
    reader.enter('name');
    reader.fail('a name', undefined);
    reader.leave();
  }
  reader.leave();
  const body = definition.body.read(document.value, reader);
  const further = definition.check?.(document.value) ?? [];
  report(reader, { subject, refusable: definition.refusable ?? false }, loading);
  reportProblems(further, subject, loading);
  if (given === INVALID || body === INVALID || name === '' || further.length > 0) {
    loading.broken.add(`${subject.kind}/${subject.namespace}/${subject.name}`);
    return undefined;
  }
  const { labels, annotations, uid, ownerReferences, deletionTimestamp, creationTimestamp, namespace } = given;
  const inNamespace = definition.namespaced ? namespace || DEFAULT_NAMESPACE : '';
  return {
    meta: {
      labels,
      annotations,
      uid,
      ownerReferences,
      apiVersion: document.apiVersion,
      namespace: inNamespace,
      name,
      terminating: deletionTimestamp !== undefined,
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      source: document.source,
    },
    body,
  };
}

interface Naming {
  readonly definition: Omit<KindDefinition<unknown>, 'body'>;
  readonly subject: Subject;
  readonly seed: number;
}

/** Its own, or what the API server makes of `generateName`. */
function nameOf({ value, source }: RawDocument, { subject, seed }: Naming): string {
  if (subject.name !== '') return subject.name;
  const prefix = field(field(value, 'metadata'), 'generateName');
  if (typeof prefix !== 'string' || prefix === '') return '';
  return prefix + seededSuffix(seed, `${subject.kind}/${subject.namespace}/${prefix}/${source.file}:${source.line}`);
}

function reportProblems(problems: readonly Problem[], subject: Subject, { errors, refusals }: Loading): void {
  for (const { path, refused, ...problem } of problems)
    (refused === undefined ? errors : refusals).push(configError(subject, path, problem));
}

function report(
  reader: Reader,
  { subject, refusable }: { readonly subject: Subject; readonly refusable: boolean },
  { errors, refusals, findings }: Loading,
): void {
  for (const { path, refused, ...problem } of reader.problems) {
    const list = refusable || refused !== undefined ? refusals : errors;
    list.push({ ...configError(subject, path, problem), ...(refused === 'taken' ? { taken: true } : {}) });
  }
  for (const { path, name, known } of reader.unknown) {
    const near = nearMatches(name, known);
    const hint = near.length === 0 ? '' : ` (near: ${near.join(', ')})`;
    const message = `no field of this kind is called ${JSON.stringify(name)}${hint}: it has no effect`;
    findings.push(finding(subject, path, { code: 'unknown-field', severity: 'warning', message }));
  }
}

/** What another module knows of fields that are mere text here: selectors of Calico's language. */
export type FieldChecks = (kind: Kind) => KindDefinition<unknown>['check'];

interface Reading {
  readonly document: RawDocument;
  readonly loading: Loading;
  readonly checks: FieldChecks | undefined;
}

function loadKnown<K extends Kind>(kind: K, table: Table<ObjectOf<K>>, { document, loading, checks }: Reading): void {
  const check = checks?.(kind);
  const definition = check === undefined ? DEFINITIONS[kind] : { ...DEFINITIONS[kind], check };
  const read = readObject(document, definition, loading);
  if (read === undefined) return;
  const object = { kind, ...read.meta, ...read.body };
  loading.noteReplaced({ ...object, kind: document.kind }, table.get(object.namespace, object.name)?.source);
  table.put(object);
  noteVersion(document, { ...object, kind: document.kind }, loading);
  append(loading.findings, unmodelledFields(kind, { ...object, kind: document.kind }, document.value));
}

/** kubectl finds no such kind; here it is read all the same. */
function noteVersion(document: RawDocument, subject: Subject, { findings }: Loading): void {
  const known = knownApiVersion(document);
  if (known === undefined) return;
  const message = `no API server has ${document.kind} in ${document.apiVersion}, but in ${known}: it is read as that`;
  findings.push(finding(subject, ['apiVersion'], { code: 'unknown-field', severity: 'warning', message }));
}

const knownKindNames: readonly string[] = [...new Set(ALL_KINDS.map((kind) => KINDS[kind].kind))];

function loadUnknown(document: RawDocument, loading: Loading): void {
  loading.unmodelled.push(document);
  const subject = subjectOf(document, { kind: document.kind, groups: [], namespaced: false });
  const near = nearMatches(document.kind, knownKindNames).filter((name) => name !== document.kind);
  const hint = near.length === 0 ? '' : ` (near: ${near.join(', ')})`;
  const message = `objects of kind ${document.kind} in ${document.apiVersion} are not modelled${hint}: it has no effect`;
  loading.findings.push(finding(subject, ['kind'], { code: 'unmodelled-kind', severity: 'notice', message }));
}

export interface LoadObjectsOptions {
  readonly seed: number;
  readonly kinds?: readonly Pick<RegisteredKind, 'definition' | 'load'>[];
  readonly checks?: FieldChecks;
}

export function loadObjects(
  documents: readonly RawDocument[],
  { seed, kinds = [], checks }: LoadObjectsOptions,
): Loading {
  const loading = new Loading(seed);
  for (const document of documents) {
    const group = groupOf(document.apiVersion);
    const registered = kinds.find(
      ({ definition }) => definition.kind === document.kind && definition.groups.includes(group),
    );
    const kind = kindOf(document);
    if (registered !== undefined) registered.load(document, loading);
    else if (kind !== undefined) loadKnown(kind, loading.store.table(kind), { document, loading, checks });
    else if (!isIrrelevant(document)) loadUnknown(document, loading);
  }
  return loading;
}
