/** DaemonSets: one pod on every node that fits (pkg/controller/daemon). */

import type { PodSpec, Toleration } from '../kinds/pod.js';
import { templateHash } from '../names.js';
import { isEvicted, matchesNodeAffinity, namedNodes, untoleratedTaint } from '../node-fit.js';
import type { DaemonSet, KubeNode, Pod } from '../types.js';
import { createPods } from './pods.js';
import type { Controllers } from './replicas.js';

const tolerate = (condition: string, effect: 'NoSchedule' | 'NoExecute'): Toleration => ({
  key: `node.kubernetes.io/${condition}`,
  operator: 'Exists',
  value: '',
  effect,
  tolerationSeconds: undefined,
});

/** util/daemonset_util.go:AddOrUpdateDaemonPodTolerations(). */
const AUTOMATIC: readonly Toleration[] = [
  tolerate('not-ready', 'NoExecute'),
  tolerate('unreachable', 'NoExecute'),
  tolerate('disk-pressure', 'NoSchedule'),
  tolerate('memory-pressure', 'NoSchedule'),
  tolerate('pid-pressure', 'NoSchedule'),
  tolerate('unschedulable', 'NoSchedule'),
];

const withTolerations = (spec: PodSpec): PodSpec => ({
  ...spec,
  tolerations: [
    ...spec.tolerations,
    ...AUTOMATIC,
    ...(spec.hostNetwork ? [tolerate('network-unavailable', 'NoSchedule')] : []),
  ],
});

/** util/daemonset_util.go:ReplaceDaemonSetPodNodeNameNodeAffinity(): the scheduler binds it, and can only there. */
const pinnedTo = (spec: PodSpec, node: string): PodSpec => ({
  ...spec,
  affinity: {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [],
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          { matchExpressions: [], matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] },
        ],
      },
    },
  },
});

const fits = (spec: PodSpec, node: KubeNode): boolean =>
  (spec.nodeName === '' || spec.nodeName === node.name) && matchesNodeAffinity(spec, node);

/** daemon_controller.go:NodeShouldRunDaemonPod(): who runs there goes on unless a taint ends pods. */
const shouldRun = (spec: PodSpec, node: KubeNode): boolean => untoleratedTaint(spec, node) === undefined;
const shouldGoOn = (spec: PodSpec, node: KubeNode): boolean => !isEvicted(spec, node.spec.taints);

const nodesOf = ({ spec }: Pod): readonly string[] =>
  spec.nodeName === '' ? (namedNodes(spec) ?? []) : [spec.nodeName];

export function runDaemonSet(set: DaemonSet, { store, pods, seed }: Controllers): void {
  if (set.terminating) return;
  const { selector, template } = set.spec;
  const served = new Set(pods.activePodsOf(set, selector).flatMap(nodesOf));
  const spec = withTolerations(template.spec);
  const hash = templateHash(seed, `${set.namespace}/${set.name}/${JSON.stringify(template.spec)}`);
  const labels = { 'controller-revision-hash': hash, 'pod-template-generation': '1' };
  for (const node of store.list('Node')) {
    if (served.has(node.name) || !fits(spec, node)) continue;
    const making = { owner: set, template, seed, purpose: node.name, labels, spec: pinnedTo(spec, node.name) };
    const goesOn = shouldGoOn(spec, node) && pods.nextRunsOn(node.name, making);
    if (goesOn || shouldRun(spec, node)) createPods(1, pods, making);
  }
}
