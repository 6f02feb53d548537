/**
 * What goes with an object that is deleted: pkg/controller/podgc (pods of a node that is gone), namespace/deletion (all
 * that is in a namespace), garbagecollector (what has no owner any more), and Calico's Node of a Node that is gone.
 */

import type { DeletedPod } from '../controllers/pods.js';
import { KINDS } from '../kinds/table.js';
import { controllerOf } from '../pods.js';
import type { Store } from '../store.js';
import { type Declared, type DeclaredObject, formatKey, type ObjectKey } from './declared.js';
import { field, isList, type Json } from './json.js';

export interface Deletion {
  /** What is left. */
  readonly declared: Declared;
  /** Declared objects that went with those that were asked for. */
  readonly dependents: readonly ObjectKey[];
  /** Pods of controllers that went: others come in their place. */
  readonly pods: readonly DeletedPod[];
}

interface Owner {
  readonly kind: string;
  readonly name: string;
  readonly uid: string | undefined;
}

const textOf = (value: Json | undefined, name: string): string | undefined => {
  const given = field(value, name);
  return typeof given === 'string' ? given : undefined;
};

const metadataOf = ({ document }: DeclaredObject): Json | undefined => field(document.value, 'metadata');

function ownersOf(object: DeclaredObject): readonly Owner[] {
  const references = field(metadataOf(object), 'ownerReferences');
  return (isList(references) ? references : []).map((reference) => ({
    kind: textOf(reference, 'kind') ?? '',
    name: textOf(reference, 'name') ?? '',
    uid: textOf(reference, 'uid'),
  }));
}

/** An owner is in the namespace of what it owns, or in none. */
function owns(owner: DeclaredObject, { kind, name, uid }: Owner, namespace: string): boolean {
  const { key } = owner;
  if (key.kind !== kind || key.name !== name || (key.namespace !== '' && key.namespace !== namespace)) return false;
  const own = textOf(metadataOf(owner), 'uid');
  return own === undefined || uid === undefined || own === uid;
}

const isCore = ({ group, kind }: ObjectKey, wanted: string): boolean => group === '' && kind === wanted;

class Cascade {
  readonly #declared: Declared;
  readonly #store: Store;
  readonly gone = new Map<string, DeclaredObject>();
  readonly #pods = new Map<string, DeletedPod>();

  constructor(declared: Declared, store: Store) {
    this.#declared = declared;
    this.#store = store;
  }

  get pods(): readonly DeletedPod[] {
    return [...this.#pods.values()];
  }

  /** Takes the object and all that goes with it. */
  take(key: ObjectKey): void {
    const id = formatKey(key);
    const object = this.#declared.byId.get(id);
    if (this.gone.has(id)) return;
    if (object !== undefined) this.gone.set(id, object);
    if (isCore(key, 'Pod')) this.#notePod(key);
    if (isCore(key, 'Node')) this.#takeNode(key.name);
    if (isCore(key, 'Namespace'))
      for (const one of this.#declared.byId.values()) if (one.key.namespace === key.name) this.take(one.key);
    if (object !== undefined) this.#takeOwned(object);
  }

  #notePod({ namespace, name }: ObjectKey): void {
    const pod = this.#store.get('Pod', namespace, name);
    if (pod !== undefined && controllerOf(pod) !== undefined)
      this.#pods.set(`${namespace}/${name}`, { namespace, name });
  }

  #takeNode(node: string): void {
    for (const { namespace, name, spec } of this.#store.list('Pod'))
      if (spec.nodeName === node) this.take({ group: '', kind: 'Pod', namespace, name });
    this.take({ group: 'projectcalico.org', kind: 'Node', namespace: '', name: node });
  }

  #takeOwned(owner: DeclaredObject): void {
    for (const object of this.#declared.byId.values()) {
      const { key } = object;
      const owners = ownersOf(object).map((reference) => this.#writtenOwner(reference, key.namespace));
      if (!owners.some((reference) => owns(owner, reference, key.namespace))) continue;
      const left = owners.some((reference) => this.#isThere(reference, key.namespace));
      if (!left) this.take(key);
    }
  }

  /** Of a ReplicaSet or Job that nobody wrote, whoever has it made: with that it comes and goes. */
  #writtenOwner(reference: Owner, namespace: string): Owner {
    const { kind, name } = reference;
    if (kind !== 'ReplicaSet' && kind !== 'Job') return reference;
    const [group = ''] = KINDS[kind].groups;
    if (this.#declared.byId.has(formatKey({ group, kind, namespace, name }))) return reference;
    const made = this.#store.get(kind, namespace, name);
    return (made && controllerOf(made)) ?? reference;
  }

  #isThere(reference: Owner, namespace: string): boolean {
    for (const object of this.#declared.byId.values())
      if (!this.gone.has(object.id) && owns(object, reference, namespace)) return true;
    return false;
  }
}

/** `store` has the objects as they are settled: which pod is on which node. */
export function deleteFrom(declared: Declared, store: Store, keys: readonly ObjectKey[]): Deletion {
  const cascade = new Cascade(declared, store);
  for (const key of keys) cascade.take(key);
  const asked = new Set(keys.map(formatKey));
  return {
    declared: declared.without(new Set(cascade.gone.keys())),
    dependents: [...cascade.gone.values()].filter(({ id }) => !asked.has(id)).map(({ key }) => key),
    pods: cascade.pods,
  };
}
