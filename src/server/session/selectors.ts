/** Label and field selectors of lists, as the API server takes them. */

import {
  field,
  type Json,
  type JsonObject,
  type Labels,
  meetsRequirement,
  nearMatches,
  type ObjectKey,
  parseFieldSelector,
  parseLabelSelector,
  SelectorError,
} from '../../kubernetes/index.js';
import { Problem } from '../problem.js';

export interface SelectorQuery {
  /** `app in (web, db),!legacy`. */
  readonly labelSelector?: string;
  /** The same by its older name. */
  readonly labels?: string;
  /** `spec.nodeName=node1,status.phase!=Running`. */
  readonly fieldSelector?: string;
}

/** What can be selected. */
export interface Selectable {
  readonly key: Omit<ObjectKey, 'group'>;
  readonly labels: Labels;
  /** As it is shown. */
  readonly object: () => JsonObject | undefined;
}

/** Fields that a kind has beside its name and namespace, and what they are where nothing is said: pkg/apis/core/v1/conversion.go. */
const FIELDS: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map(
  Object.entries({
    Pod: {
      'spec.nodeName': '',
      'spec.restartPolicy': 'Always',
      'spec.schedulerName': 'default-scheduler',
      'spec.serviceAccountName': 'default',
      'spec.hostNetwork': 'false',
      'status.phase': '',
      'status.podIP': '',
      'status.nominatedNodeName': '',
    },
    Node: { 'spec.unschedulable': 'false' },
    Namespace: { 'status.phase': 'Active' },
    Service: { 'spec.clusterIP': '', 'spec.type': 'ClusterIP' },
    Secret: { type: 'Opaque' },
  }),
);
const NAMES = ['metadata.name', 'metadata.namespace'];

/** @throws Problem for a text that cannot be understood */
function parsed<T>(parameter: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    const { message, at } = error;
    throw new Problem('bad-filter', `${parameter}: ${message}`, [
      { message, field: `/${parameter}`, line: 1, column: at + 1 },
    ]);
  }
}

/** Why nothing of this kind can be asked for a field. */
function unknownField(name: string, kind: string | undefined): string {
  const having = [...FIELDS].flatMap(([one, fields]) => (Object.hasOwn(fields, name) ? [one] : []));
  if (kind === undefined && having.length > 0) return `${name} is a field of ${having.join(', ')} (give the kind too)`;
  const known = [...NAMES, ...Object.keys(FIELDS.get(kind ?? '') ?? {})];
  const near = nearMatches(name, known);
  const hint = near.length === 0 ? `there are ${known.join(', ')}` : `did you mean ${near.join(' or ')}?`;
  return `${kind ?? 'objects'} cannot be selected by the field "${name}" (${hint})`;
}

/** Of a label selector that may be left out. */
function labelSelectorOf({ labels, labelSelector }: SelectorQuery): (labels: Labels) => boolean {
  if (labels !== undefined && labelSelector !== undefined) {
    const message = 'labels and labelSelector are the same: give one of them';
    throw new Problem('bad-request', message, [{ message, field: '/labels' }]);
  }
  const name = labels === undefined ? 'labelSelector' : 'labels';
  const requirements = parsed(name, () => parseLabelSelector(labels ?? labelSelector ?? ''));
  return (own) => requirements.every((requirement) => meetsRequirement(requirement, own));
}

const textOf = (value: Json | undefined, otherwise: string): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : otherwise;

/** Of a field selector that may be left out, for objects of one kind or of all. */
function fieldSelectorOf(text: string | undefined, kind: string | undefined): (object: Selectable) => boolean {
  const own: Readonly<Record<string, string>> = FIELDS.get(kind ?? '') ?? {};
  const terms = parsed('fieldSelector', () => {
    const found = parseFieldSelector(text ?? '');
    for (const { field: name, at } of found)
      if (!NAMES.includes(name) && !Object.hasOwn(own, name)) throw new SelectorError(unknownField(name, kind), at);
    return found;
  });
  const valueOf = ({ key, object }: Selectable, name: string): string => {
    if (name === 'metadata.name') return key.name;
    if (name === 'metadata.namespace') return key.namespace;
    const value = name.split('.').reduce<Json | undefined>((inner, step) => field(inner, step), object());
    return textOf(value, own[name] ?? '');
  };
  return (object) => terms.every(({ field: name, isEqual, value }) => (valueOf(object, name) === value) === isEqual);
}

/** Undefined where all are selected. @throws Problem */
export function selectorOf(
  query: SelectorQuery,
  kind: string | undefined,
): ((object: Selectable) => boolean) | undefined {
  const hasLabels = labelSelectorOf(query);
  const hasFields = fieldSelectorOf(query.fieldSelector, kind);
  const { labels, labelSelector, fieldSelector } = query;
  if ([labels, labelSelector, fieldSelector].every((text) => text === undefined)) return undefined;
  return (object) => hasLabels(object.labels) && hasFields(object);
}
