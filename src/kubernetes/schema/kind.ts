/** What all objects have in common, and what the loader must know of a kind. */

import type { Json } from '../source/json.js';
import type { ObjectSource } from '../source/documents.js';
import {
  flag,
  listOf,
  map,
  mapOf,
  optional,
  orEmpty,
  type Problem,
  raw,
  record,
  type Schema,
  text,
  withDefault,
} from './schema.js';

export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly uid: string | undefined;
  readonly controller: boolean;
}

export type Labels = Readonly<Record<string, string>>;

/** As an API server writes it, in UTC: later ones are greater as texts. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** A time of record; what is none says nothing. */
export const timestamp: Schema<string | undefined> = optional(
  map(raw, (value) => (typeof value === 'string' && TIME.test(value) ? value : undefined)),
);

/** Labels, annotations, a ConfigMap's data. A null value is an empty text, as in Go's decoding. */
export const textMap: Schema<Labels> = mapOf(withDefault(text, ''));

/** An object's own part of `metadata`, and where it was written. */
export interface Meta {
  readonly apiVersion: string;
  /** Empty for what belongs to the cluster as a whole. */
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly uid: string | undefined;
  readonly ownerReferences: readonly OwnerReference[];
  /** It has a deletionTimestamp: on its way out. */
  readonly terminating: boolean;
  /** Where it was not written, but the cluster has set it. */
  readonly deletionTimestamp?: string;
  /** Where that is on record. */
  readonly creationTimestamp?: string | undefined;
  readonly source: ObjectSource;
}

const ownerReference: Schema<OwnerReference> = record({
  kind: text,
  name: text,
  uid: optional(text),
  controller: withDefault(flag, false),
});

/** IsDNS1123Subdomain, which most kinds want, and what CRDs in Calico's own use add to it. */
const NAME = /^[a-z0-9]([-a-z0-9._]{0,251}[a-z0-9])?$/;

const objectName: Schema<string> = {
  ...text,
  expected: 'a name of lower case letters, digits, "-" and "."',
  read: (value, at) =>
    typeof value === 'string' && (value === '' || NAME.test(value)) ? value : at.fail(objectName.expected, value),
};

export const metadata = orEmpty(
  record({
    name: withDefault(objectName, ''),
    generateName: withDefault(text, ''),
    namespace: withDefault(objectName, ''),
    labels: textMap,
    annotations: textMap,
    uid: optional(text),
    ownerReferences: listOf(ownerReference),
    deletionTimestamp: optional(text),
    creationTimestamp: timestamp,
  }),
);

export interface KindDefinition<B> {
  /** As documents have it. */
  readonly kind: string;
  /** The API groups under which it comes; the version does not matter. '' is core (`v1`). */
  readonly groups: readonly string[];
  readonly namespaced: boolean;
  /** Reads the whole document; `metadata` is read beside it. */
  readonly body: Schema<B>;
  /** What is wrong with the document beside its fields' types: looked for whatever these come to. */
  readonly check?: (document: Json) => readonly Problem[];
  /** A mistake in one is the API server's to refuse: the object is left out, and the rest goes on without it. */
  readonly refusable?: boolean;
  /** The name of a document without `metadata.name`, where a kind has its own way. */
  readonly nameOf?: (document: Json) => string;
}

/** `apps/v1` is of the group `apps`, `v1` of ''. */
export const groupOf = (apiVersion: string): string => {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
};
