/** StatefulSets: pods with names of their own that stay (pkg/controller/statefulset). */

import { templateHash } from '../names.js';
import type { StatefulSet } from '../types.js';
import { podFromTemplate } from './pods.js';
import type { Controllers } from './replicas.js';

/** stateful_set_utils.go:newStatefulSetPod(): its name is its host name, under the set's Service. */
export function runStatefulSet(set: StatefulSet, { pods, seed }: Controllers): void {
  if (set.terminating) return;
  const { replicas, ordinals, serviceName, template } = set.spec;
  const hash = templateHash(seed, `${set.namespace}/${set.name}/${JSON.stringify(template.spec)}`);
  for (let ordinal = ordinals.start; ordinal < ordinals.start + replicas; ordinal++) {
    const name = `${set.name}-${ordinal}`;
    if (pods.exists(set.namespace, name)) continue;
    const labels = {
      'statefulset.kubernetes.io/pod-name': name,
      'apps.kubernetes.io/pod-index': String(ordinal),
      'controller-revision-hash': `${set.name}-${hash}`,
    };
    const spec = { ...template.spec, hostname: name, subdomain: serviceName };
    pods.create(podFromTemplate(name, { owner: set, template, seed, labels, spec }));
  }
}
