/** What a change of objects is answered with. */

import type { Cluster } from '../../cluster/index.js';
import { type DeletedPod, type Finding, formatKey, type JsonObject, type ObjectKey } from '../../kubernetes/index.js';

/** How a change came about: the cluster went on, or was built anew since it could not. */
export type Change = { readonly rebuilt: false } | { readonly rebuilt: true; readonly why: string };

/** What a change came to, and what is to be said about the objects that it brought. */
interface ChangeAnswer {
  readonly change: Change;
  readonly findings: readonly Finding[];
}

export interface ChangedObjects extends ChangeAnswer {
  readonly objects: readonly JsonObject[];
}

export interface DeletedObjects extends ChangeAnswer {
  /** Objects and pods that are there no more, the one that was asked for first. */
  readonly deleted: readonly ObjectKey[];
  /** Pods that are on their way out, and there until somebody hears of their nodes. */
  readonly terminating: readonly ObjectKey[];
}

export const podKey = ({ namespace, name }: DeletedPod): ObjectKey => ({ group: '', kind: 'Pod', namespace, name });

interface Pods {
  readonly all: readonly ObjectKey[];
  /** Ids of those on their way out. */
  readonly ending: ReadonlySet<string>;
}

export const podsOf = ({ store, silence }: Cluster): Pods => ({
  all: store.list('Pod').map(podKey),
  ending: new Set(silence.pods.map((pod) => formatKey(podKey(pod)))),
});

/** Of what was asked for and the pods that were there what has gone since, and what only shall. */
export function goneOf(
  asked: readonly ObjectKey[],
  before: Pods,
  cluster: Cluster,
): Pick<DeletedObjects, 'deleted' | 'terminating'> {
  const { all, ending } = podsOf(cluster);
  const left = new Set(all.map(formatKey));
  const touched = [...asked, ...before.all.filter((pod) => !left.has(formatKey(pod)))];
  const deleted = [...new Map(touched.map((one) => [formatKey(one), one])).values()];
  const named = new Set(asked.map(formatKey));
  const isNew = (id: string): boolean => named.has(id) || !before.ending.has(id);
  return {
    deleted: deleted.filter((one) => !ending.has(formatKey(one))),
    terminating: all.filter((one) => ending.has(formatKey(one)) && isNew(formatKey(one))),
  };
}
