/**
 * resourceVersions of a cluster's objects: numbers that go up with every change, as etcd's revision does, one for all
 * objects (apiserver/pkg/storage/etcd3/store.go). An object has that of the change in which it last became another.
 */

import { field, type JsonObject } from './json.js';

export interface ObjectVersions {
  /** Of what is there since the start, and was written without one. */
  readonly first: number;
  /** Of the last change of anything. */
  readonly current: number;
  /** By ids: of what has become another since the start. */
  readonly objects: ReadonlyMap<string, number>;
  /** Writes that were made once are made again, and their versions are compared with nothing. */
  readonly unchecked?: true;
}

const DECIMAL = /^[1-9]\d{0,15}$/;

/** metadata.resourceVersion as somebody wrote it; undefined where there is none. */
export function writtenVersion(object: JsonObject): string | undefined {
  const written = field(object['metadata'], 'resourceVersion');
  return typeof written === 'string' && written !== '' ? written : undefined;
}

/** The number that an object of a real cluster came with; undefined of one that is no revision of etcd. */
export function versionNumber(object: JsonObject): number | undefined {
  const written = writtenVersion(object);
  const number = written !== undefined && DECIMAL.test(written) ? Number(written) : undefined;
  return number !== undefined && number < Number.MAX_SAFE_INTEGER / 2 ? number : undefined;
}

/** The start of a cluster: what was written stays, and all that comes is later. */
export function firstVersions(objects: readonly JsonObject[]): ObjectVersions {
  const first = objects.reduce((most, object) => Math.max(most, versionNumber(object) ?? 0), 0) + 1;
  return { first, current: first, objects: new Map() };
}
