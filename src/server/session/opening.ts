/** What a session begins with: a cluster of texts, or out of a snapshot. */

import type { Cluster } from '../../cluster/index.js';
import { Declared, type SourceText } from '../../kubernetes/index.js';
import { RoutedCluster } from '../../routing/index.js';
import type { Limits } from '../options.js';
import { badObjects, Problem } from '../problem.js';
import { mending } from './mending.js';
import { decodeSnapshot, type Snapshot } from './snapshot.js';

/** Where a cluster comes from. */
export type Origin =
  | { readonly kind: 'sources'; readonly sources: readonly SourceText[]; readonly seed: number }
  | {
      readonly kind: 'snapshot';
      readonly bytes: Uint8Array;
      /** The seed that it is expected to have. */
      readonly seed?: number;
      /** It was made by the cluster that starts anew from it, and is believed. */
      readonly own?: true;
    };

export interface SessionRequest {
  readonly origin: Origin;
  /** Given, or the snapshot's own. */
  readonly name?: string | undefined;
  readonly limits: Limits;
}

/** @throws Problem */
export function build(declared: Declared, seed: number, from?: Pick<Snapshot, 'recorded' | 'nowNs'>): Cluster {
  const cluster = new RoutedCluster(declared.documents, {
    seed,
    ...(from === undefined ? {} : { recorded: from.recorded }),
  });
  if (cluster.errors.length > 0) throw badObjects(cluster.errors);
  if (from !== undefined) mending(() => passUntil(cluster, from.nowNs));
  return cluster;
}

/** Probes take the time that they took before. */
function passUntil(cluster: Cluster, nowNs: number): void {
  if (nowNs === 0) return;
  cluster.settleProbes();
  const { emulation } = cluster;
  emulation.advance(Math.max(0, nowNs - emulation.clock.nowNs));
}

/** What a session starts with. @throws Problem */
export function open(request: SessionRequest) {
  const { origin } = request;
  if (origin.kind === 'snapshot') {
    const snapshot = decodeSnapshot(origin.bytes);
    if (origin.seed !== undefined && origin.seed !== snapshot.seed) {
      const message = `seed is ${origin.seed} in the query and ${snapshot.seed} in the snapshot`;
      throw new Problem('bad-request', message, [{ message, field: '/seed' }]);
    }
    const declared = Declared.read(snapshot);
    const cluster = build(declared, snapshot.seed, snapshot);
    const { name, seed, faults, taints = [] } = snapshot;
    const given = origin.own === true ? undefined : snapshot;
    return { name: request.name ?? name, seed, declared, cluster, faults, taints, given };
  }
  const sources = origin.sources.map(({ file, text }) => ({ file, text, dropped: [] }));
  const declared = Declared.read({ sources });
  return {
    name: request.name ?? 'cluster',
    seed: origin.seed,
    declared,
    cluster: build(declared, origin.seed),
    faults: [],
    taints: [],
    given: undefined,
  };
}
