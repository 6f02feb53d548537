/** Which pods go first where there are too many, and which kubectl asks: the orders of ActivePodsWithRanks and ActivePods. */

import t from 'tap';
import { inOrderOfDeletion, mostActive } from '../../src/kubernetes/pod-order.js';
import { load, NODES, pod, podsOf } from './cluster-text.js';

const EARLY = '2025-01-01T00:00:00Z';
const LATE = '2025-06-01T00:00:00Z';
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

interface Recorded {
  readonly node?: string;
  readonly phase?: string;
  readonly ready?: 'True' | 'False';
  readonly readySince?: string;
  readonly restarts?: number;
  readonly cost?: string;
  readonly created?: string;
}

const recorded = (name: string, { node = 'a', phase, ready, readySince, restarts, cost, created }: Recorded) => {
  const conditions = ready && [{ type: 'Ready', status: ready, lastTransitionTime: readySince }];
  const containerStatuses = restarts && [{ name: 'c', restartCount: restarts, state: { running: {} } }];
  const metadata = { annotations: cost === undefined ? {} : { [DELETION_COST]: cost }, creationTimestamp: created };
  return { ...pod(name, { nodeName: node }, metadata), status: { phase, conditions, containerStatuses } };
};

const CASES: readonly { readonly name: string; readonly first: Recorded; readonly second: Recorded }[] = [
  { name: 'one that waits for its containers goes before one that runs', first: { phase: 'Pending' }, second: {} },
  { name: 'not ready before ready', first: { ready: 'False' }, second: { ready: 'True', cost: '-7' } },
  { name: 'the cheaper first', first: { cost: '-1' }, second: { created: LATE } },
  { name: 'a cost that is no number counts as none', first: { cost: '-1' }, second: { cost: '+-3' } },
  {
    name: 'later ready first',
    first: { ready: 'True', readySince: LATE, created: EARLY },
    second: { ready: 'True', readySince: EARLY, created: LATE },
  },
  {
    name: 'one that was restarted more often first',
    first: { restarts: 2, created: EARLY },
    second: { restarts: 1, created: LATE },
  },
  { name: 'the younger first', first: { created: LATE }, second: { created: EARLY } },
  { name: 'without a time before all that have one', first: {}, second: { created: LATE } },
];

for (const { name, first, second } of CASES)
  t.test(`of pods that are too many: ${name}`, (t) => {
    for (const [one, other] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const pods = podsOf(load(...NODES, recorded(one, first), recorded(other, second)).store);
      t.same(
        inOrderOfDeletion(pods, pods).map((pod) => pod.name),
        [one, other],
      );
      if (first.cost === undefined) t.equal(mostActive(pods)?.name, other, 'kubectl asks the other');
    }
    t.end();
  });

t.test('of a node that has several a pod goes before the only one of another', (t) => {
  const lonely = recorded('lonely', { node: 'b', created: LATE });
  const pods = podsOf(load(...NODES, lonely, ...['x', 'y'].map((name) => recorded(name, { created: EARLY }))).store);
  t.same(
    inOrderOfDeletion(pods, pods).map(({ name }) => name),
    ['y', 'x', 'lonely'],
  );
  t.equal(mostActive(pods)?.name, 'x');
  t.end();
});
