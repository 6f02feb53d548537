/** What the workload controllers share: who owns which pods, and a pod made from a template. */

import type { LabelSelector } from '../kinds/label-selector.js';
import type { PodSpec, PodTemplate } from '../kinds/pod.js';
import { generateName, seededUuid } from '../names.js';
import { controllerOf, isActive } from '../pods.js';
import type { Labels, Meta } from '../schema/kind.js';
import { Random } from '../seeded.js';
import { matchesSelector } from '../selector.js';
import type { FieldPath } from '../source/json.js';
import type { Marked } from '../silence.js';
import type { Store } from '../store.js';
import type { Pod } from '../types.js';

/** A workload as its pods know it. */
export interface Owner extends Meta {
  readonly kind: string;
}

const ownerKey = (namespace: string, kind: string, name: string): string => `${namespace}/${kind}/${name}`;

/** What is known of a pod that is there no more. */
export interface DeletedPod {
  readonly namespace: string;
  readonly name: string;
}

/** What is known of pods before controllers look at them. */
export interface PodsBefore {
  readonly deleted?: readonly DeletedPod[] | undefined;
  /** Pods that were deleted and are there still are marked so. */
  readonly marked?: Marked | undefined;
  /** Whether it is one that runs on its node already. */
  readonly runs?: ((pod: Pod) => boolean) | undefined;
}

/** The pods of a cluster by who they belong to. Kept up as pods are made. */
export class PodOwnership {
  readonly #store: Store;
  readonly #seed: number;
  readonly #marked: Marked;
  readonly #runs: (pod: Pod) => boolean;
  /** How often a pod of that name was deleted. */
  readonly #deleted = new Map<string, number>();
  readonly #owned = new Map<string, Pod[]>();
  readonly #orphans = new Map<string, Pod[]>();

  constructor(store: Store, seed: number, { deleted = [], marked = (pod) => pod, runs = () => false }: PodsBefore) {
    this.#store = store;
    this.#seed = seed;
    this.#marked = marked;
    this.#runs = runs;
    for (const { namespace, name } of deleted) {
      const key = `${namespace}/${name}`;
      this.#deleted.set(key, (this.#deleted.get(key) ?? 0) + 1);
    }
    for (const pod of store.list('Pod')) {
      const known = marked(pod);
      if (known !== pod) store.put('Pod', known);
      this.#note(known);
    }
  }

  #note(pod: Pod): void {
    const owner = controllerOf(pod);
    const [index, key] =
      owner === undefined
        ? [this.#orphans, pod.namespace]
        : [this.#owned, ownerKey(pod.namespace, owner.kind, owner.name)];
    const pods = index.get(key);
    if (pods === undefined) index.set(key, [pod]);
    else pods.push(pod);
  }

  /** Those that refer to it. */
  owned(namespace: string, kind: string, name: string): readonly Pod[] {
    return this.#owned.get(ownerKey(namespace, kind, name)) ?? [];
  }

  /** Those that refer to it, and those of nobody that its selector would have it adopt. */
  podsOf(owner: Owner, selector: LabelSelector): readonly Pod[] {
    const orphans = this.#orphans.get(owner.namespace) ?? [];
    const adopted = orphans.filter(({ labels }) => matchesSelector(selector, labels));
    return [...this.owned(owner.namespace, owner.kind, owner.name), ...adopted];
  }

  /** Without those that its selector does not select any more: they are released (controller_ref_manager.go:ClaimPods()). */
  activePodsOf(owner: Owner, selector: LabelSelector): readonly Pod[] {
    return this.podsOf(owner, selector).filter((pod) => isActive(pod) && matchesSelector(selector, pod.labels));
  }

  exists(namespace: string, name: string): boolean {
    return this.#store.get('Pod', namespace, name) !== undefined;
  }

  /** Whether a name that is drawn at random is another's, or was: the same is never drawn twice. */
  isTaken(namespace: string, name: string): boolean {
    return this.exists(namespace, name) || this.#deleted.has(`${namespace}/${name}`);
  }

  /** Whether the next pod that is made so runs on that node already. */
  nextRunsOn(node: string, making: Making): boolean {
    const pod = podFromTemplate(nameFor(making, this), making);
    return this.#runs({ ...pod, spec: { ...pod.spec, nodeName: node } });
  }

  /** One that has the name of a pod that was deleted is another pod. */
  create(pod: Pod): Pod {
    const { namespace, name } = pod;
    const times = this.#deleted.get(`${namespace}/${name}`);
    const created = this.#marked(
      times === undefined ? pod : { ...pod, uid: seededUuid(this.#seed, `Pod/${namespace}/${name}/${times}`) },
    );
    this.#store.put('Pod', created);
    this.#note(created);
    return created;
  }
}

export interface Making {
  readonly owner: Owner;
  readonly template: PodTemplate;
  /** Where the template stands in the object that `owner.source` is about. */
  readonly templatePath?: FieldPath;
  readonly seed: number;
  /** Tells apart the makings of one owner, where each pod is for something of its own. */
  readonly purpose?: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
  readonly spec?: PodSpec;
}

const TEMPLATE_PATH: FieldPath = ['spec', 'template'];

/** controller_utils.go:GetPodFromTemplate(). */
export function podFromTemplate(name: string, making: Making): Pod {
  const { owner, template, seed } = making;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    namespace: owner.namespace,
    name,
    labels: { ...template.labels, ...making.labels },
    annotations: { ...template.annotations, ...making.annotations },
    uid: seededUuid(seed, `Pod/${owner.namespace}/${name}`),
    ownerReferences: [{ kind: owner.kind, name: owner.name, uid: owner.uid, controller: true }],
    terminating: false,
    source: owner.source.inside(making.templatePath ?? TEMPLATE_PATH),
    spec: making.spec ?? template.spec,
    status: {
      phase: undefined,
      podIPs: [],
      hostIP: undefined,
      ready: undefined,
      readySince: undefined,
      restarts: 0,
      stopped: [],
      containers: [],
    },
  };
}

const randomOf = ({ owner, seed, purpose = '' }: Making): Random =>
  Random.for(seed, `${owner.kind}/${owner.namespace}/${owner.name}/${purpose}`);

/** `<owner>-<five characters>`. */
const nameFor = (making: Making, pods: PodOwnership, random = randomOf(making)): string =>
  generateName(`${making.owner.name}-`, random, (candidate) => pods.isTaken(making.owner.namespace, candidate));

/** So many pods, and those beside them that are on their way out. */
export function createPods(count: number, pods: PodOwnership, making: Making): void {
  const random = randomOf(making);
  for (let active = 0; active < count; )
    if (isActive(pods.create(podFromTemplate(nameFor(making, pods, random), making)))) active += 1;
}
