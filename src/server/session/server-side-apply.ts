/** Server-side apply of one object: apiserver/pkg/endpoints/handlers/patch.go:applyPatcher. */

import type { Cluster } from '../../cluster/index.js';
import {
  type Declared,
  type DeclaredObject,
  fieldTypeOf,
  formatKey,
  groupOf,
  type JsonObject,
  type ObjectKey,
  renderObject,
} from '../../kubernetes/index.js';
import { Problem } from '../problem.js';
import { shownObject, withoutAssigned } from './assigned.js';
import {
  applied,
  type Conflict,
  managedFieldsOf,
  TypedError,
  withEntries,
  type Writer,
} from './managed-fields/index.js';
import { inPlace, oneObject, type TextOfObjects, withControllers } from './objects.js';
import { withWrittenPods } from './pods-of-controllers.js';

export interface ApplyRequest extends TextOfObjects {
  readonly key: ObjectKey;
  readonly force: boolean;
}

/** conflict.go:getConflictMessage(). */
function describeConflicts(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (first !== undefined && conflicts.length === 1)
    return `Apply failed with 1 conflict: conflict with ${first.manager}: ${first.field}`;
  const managers = [...new Set(conflicts.map(({ manager }) => manager))].toSorted();
  const lines = managers.map((manager) => {
    const fields = conflicts.filter((one) => one.manager === manager).map((one) => `- ${one.field}`);
    return [`conflicts with ${manager}:`, ...fields].join('\n');
  });
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

const refused = (conflicts: readonly Conflict[]): Problem =>
  new Problem(
    'conflict',
    describeConflicts(conflicts),
    conflicts.map(({ manager, field }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${manager}`,
      field,
    })),
  );

/** What is applied, as it was written. @throws Problem */
function configOf(object: DeclaredObject): JsonObject {
  const config = renderObject(object);
  if (managedFieldsOf(config) === undefined) return config;
  throw new Problem('bad-request', 'metadata.managedFields must be nil', [
    {
      message: 'metadata.managedFields must be nil',
      field: 'metadata.managedFields',
      ...object.document.source.position(['metadata', 'managedFields']),
    },
  ]);
}

/** As the API server calls it: `shop/web; apps/v1, Kind=Deployment`. */
const described = ({ key, document }: DeclaredObject): string =>
  `${key.namespace}/${key.name}; ${groupOf(document.apiVersion) === '' ? `/${document.apiVersion}` : document.apiVersion}, Kind=${key.kind}`;

/** @throws Problem where others have set what it sets otherwise, and then nothing has changed */
export function serverSideApply(known: Declared, cluster: Cluster, request: ApplyRequest, writer: Writer) {
  const { key, force, ...text } = request;
  const declared = withWrittenPods(known, cluster, [key]);
  const object = oneObject(declared, key, text).added;
  const current = declared.byId.get(formatKey(key));
  const live = current && shownObject(current, { declared, store: cluster.store });
  const config = configOf(object);
  try {
    const outcome = applied({ live, config, type: fieldTypeOf(key), writer, force });
    if ('conflicts' in outcome) throw refused(outcome.conflicts);
    const own = withoutAssigned(outcome.object, current, cluster.store) ?? outcome.object;
    // Of one that is new the lines are those of the request.
    const kept =
      current === undefined ? text : { text: JSON.stringify(own, null, 2), file: text.file.replace(/\.\w+$/, '.json') };
    const next = withControllers(declared, cluster, inPlace(declared, cluster, key, kept));
    return withEntries(next, new Map([[formatKey(key), outcome.managedFields]]));
  } catch (error) {
    if (!(error instanceof TypedError)) throw error;
    const message = `failed to create typed patch object (${described(object)}): ${error.message}`;
    throw new Problem('bad-request', message, [{ message, file: text.file, line: object.document.source.line }]);
  }
}
