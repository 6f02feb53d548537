/**
 * Pods that controllers made, written as an API server has them: whoever changes one writes it down, and from then on it is an
 * object like any other, of which its controller knows by its owner reference.
 */

import { isKind, KINDS } from '../kinds/table.js';
import type { LabelSelector } from '../kinds/label-selector.js';
import type { Affinity, Toleration } from '../kinds/pod.js';
import { controllerOf } from '../pods.js';
import type { Labels, OwnerReference } from '../schema/kind.js';
import { matchesSelector } from '../selector.js';
import { type Declared, type DeclaredObject, formatKey } from '../source/declared.js';
import { field, isList, isObject, type Json, type JsonObject } from '../source/json.js';
import type { Store } from '../store.js';
import type { Pod } from '../types.js';

const at = (object: Json | undefined, path: readonly string[]): Json | undefined =>
  path.reduce<Json | undefined>((value, name) => field(value, name), object);

const objectAt = (object: Json | undefined, ...path: readonly string[]): JsonObject => {
  const found = at(object, path);
  return isObject(found) ? found : {};
};

/** Where kinds have the template of the pods that are made for them in the end. */
const templatePath = (kind: string): readonly string[] =>
  kind === 'CronJob' ? ['spec', 'jobTemplate', 'spec', 'template'] : ['spec', 'template'];

interface Written {
  readonly declared: Declared;
  readonly store: Store;
}

/** The template as it is written: of a ReplicaSet that nobody wrote in its Deployment, of such a Job in its CronJob. */
export function writtenTemplate(
  owner: Pick<OwnerReference, 'kind' | 'name'> | undefined,
  namespace: string,
  { declared, store }: Written,
): JsonObject {
  if (owner === undefined || !isKind(owner.kind)) return {};
  const { kind, name } = owner;
  const written = declared.byId.get(formatKey({ group: KINDS[kind].groups[0] ?? '', kind, namespace, name }));
  if (written !== undefined) return objectAt(written.document.value, ...templatePath(kind));
  const made = store.get(kind, namespace, name);
  return writtenTemplate(made && controllerOf(made), namespace, { declared, store });
}

/** Without what is empty or not there. */
const filled = (fields: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(fields).filter(
      (entry): entry is [string, Json] =>
        entry[1] !== undefined && entry[1] !== '' && !(isList(entry[1]) && entry[1].length === 0),
    ),
  );

const writtenToleration = ({ key, operator, value, effect, tolerationSeconds }: Toleration): JsonObject =>
  filled({ key, operator: operator === 'Equal' ? undefined : operator, value, effect, tolerationSeconds });

type NodeAffinity = NonNullable<Affinity['nodeAffinity']>;
type NodeTerm = NodeAffinity['preferredDuringSchedulingIgnoredDuringExecution'][number]['preference'];

const writtenTerm = ({ matchExpressions, matchFields }: NodeTerm): JsonObject => {
  const written = (list: NodeTerm['matchFields']) =>
    list.map(({ key, operator, values }) => filled({ key, operator, values: [...values] }));
  return filled({ matchExpressions: written(matchExpressions), matchFields: written(matchFields) });
};

const writtenNodeAffinity = (affinity: NodeAffinity): JsonObject => {
  const { requiredDuringSchedulingIgnoredDuringExecution: required } = affinity;
  return filled({
    requiredDuringSchedulingIgnoredDuringExecution: required && {
      nodeSelectorTerms: required.nodeSelectorTerms.map(writtenTerm),
    },
    preferredDuringSchedulingIgnoredDuringExecution: affinity.preferredDuringSchedulingIgnoredDuringExecution.map(
      ({ weight, preference }) => ({ weight, preference: writtenTerm(preference) }),
    ),
  });
};

/** The template's, and what the controller has put in: a DaemonSet's node and tolerations, a StatefulSet's names. */
function writtenSpec(template: JsonObject, { spec }: Pod): JsonObject {
  const written = objectAt(template, 'spec');
  const nodeAffinity = spec.affinity?.nodeAffinity;
  const affinity = {
    ...objectAt(written, 'affinity'),
    ...(nodeAffinity === undefined ? {} : { nodeAffinity: writtenNodeAffinity(nodeAffinity) }),
  };
  return {
    ...written,
    ...filled({ hostname: spec.hostname, subdomain: spec.subdomain }),
    ...(spec.tolerations.length === 0 ? {} : { tolerations: spec.tolerations.map(writtenToleration) }),
    ...(Object.keys(affinity).length === 0 ? {} : { affinity }),
  };
}

/** Of those that controllers made. */
export function writtenOwners(
  { namespace, ownerReferences }: Pick<Pod, 'namespace' | 'ownerReferences'>,
  store: Store,
) {
  return ownerReferences.map(({ kind, name, uid, controller }): JsonObject => {
    const owner = isKind(kind) ? store.get(kind, namespace, name) : undefined;
    return filled({ apiVersion: owner?.apiVersion, kind, name, uid, controller, blockOwnerDeletion: controller });
  });
}

/** The CNI plugin's, which are on record and go when the sandbox goes. */
const ofPlugin = (name: string): boolean => name.startsWith('cni.projectcalico.org/');

export function writtenPod(pod: Pod, written: Written): JsonObject {
  const { namespace, name, labels, uid } = pod;
  const annotations = Object.fromEntries(Object.entries(pod.annotations).filter(([key]) => !ofPlugin(key)));
  const template = writtenTemplate(controllerOf(pod), namespace, written);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(uid === undefined ? {} : { uid }),
      ownerReferences: writtenOwners(pod, written.store),
    },
    spec: writtenSpec(template, pod),
  };
}

/** What a controller takes for its own. */
function selectorOf(store: Store, namespace: string, { kind, name }: OwnerReference): LabelSelector | undefined {
  switch (kind) {
    case 'ReplicaSet':
    case 'ReplicationController':
    case 'StatefulSet':
    case 'DaemonSet':
    case 'Job':
      return store.get(kind, namespace, name)?.spec.selector;
    default:
      return undefined;
  }
}

const labelsOf = (value: JsonObject): Labels =>
  Object.fromEntries(
    Object.entries(objectAt(value, 'metadata', 'labels')).flatMap(([name, label]) =>
      typeof label === 'string' ? [[name, label]] : [],
    ),
  );

/**
 * A pod as its controller lets it go, by which its reference goes, where its selector does not select it any more
 * (controller_ref_manager.go:ReleasePod()); undefined where it keeps it. `object` as it has been changed.
 */
export function released({ key, document }: DeclaredObject, store: Store): JsonObject | undefined {
  if (key.group !== '' || key.kind !== 'Pod') return undefined;
  const metadata = objectAt(document.value, 'metadata');
  const references = isList(metadata['ownerReferences']) ? metadata['ownerReferences'] : [];
  const labels = labelsOf(document.value);
  const kept = references.filter((reference) => {
    const [kind, name] = [field(reference, 'kind'), field(reference, 'name')];
    if (field(reference, 'controller') !== true || typeof kind !== 'string' || typeof name !== 'string') return true;
    const selector = selectorOf(store, key.namespace, { kind, name, uid: undefined, controller: true });
    return selector === undefined || matchesSelector(selector, labels);
  });
  if (kept.length === references.length) return undefined;
  const { ownerReferences: _, ...rest } = metadata;
  return { ...document.value, metadata: kept.length === 0 ? rest : { ...rest, ownerReferences: kept } };
}
