/**
 * What a kubelet asks before it runs a pod that somebody else has put on its node by spec.nodeName: that its host ports
 * are free, that the node is one that it selects and that it bears its taints (pkg/kubelet/lifecycle/predicate.go, with
 * pkg/scheduler.AdmissionCheck()). A pod that is refused has failed for good. A pod that is recorded as running was admitted
 * once, whatever has become of the node since.
 */

import { type Finding, finding } from './messages.js';
import { isEvicted, matchesNodeAffinity } from './node-fit.js';
import { conflicts, type HostPort, hostPortsOf } from './place.js';
import { isFinished } from './pods.js';
import type { Store } from './store.js';
import type { KubeNode, Pod } from './types.js';

interface Held extends HostPort {
  readonly by: Pod;
}

interface Refusal {
  readonly predicate: 'NodePorts' | 'NodeAffinity' | 'TaintToleration';
  readonly path: readonly string[];
  readonly why: string;
}

const isRunning = ({ status }: Pod): boolean => status.phase === 'Running' || status.podIPs.length > 0;

class Admission {
  readonly #held = new Map<string, Held[]>();

  take(pod: Pod): void {
    const held = this.#held.get(pod.spec.nodeName) ?? [];
    this.#held.set(pod.spec.nodeName, held);
    for (const port of hostPortsOf(pod.spec)) held.push({ ...port, by: pod });
  }

  refusal({ spec }: Pod, node: KubeNode): Refusal | undefined {
    if (!matchesNodeAffinity(spec, node)) {
      const why = 'the node does not match its node selector or affinity';
      return { predicate: 'NodeAffinity', path: ['spec', 'nodeName'], why };
    }
    for (const port of hostPortsOf(spec)) {
      const other = this.#held.get(node.name)?.find((held) => conflicts(port, held));
      if (other === undefined) continue;
      const why = `host port ${port.port}/${port.protocol} is held by Pod ${other.by.namespace}/${other.by.name}`;
      return { predicate: 'NodePorts', path: ['spec', 'containers'], why };
    }
    if (!isEvicted(spec, node.spec.taints)) return undefined;
    const why = "the node has a taint with the effect NoExecute that the pod doesn't tolerate";
    return { predicate: 'TaintToleration', path: ['spec', 'nodeName'], why };
  }
}

/** Takes pods that a kubelet refuses as failed, and says so. The first by namespace and name has the port. */
export function admitPods(store: Store, runs: (pod: Pod) => boolean = () => false): readonly Finding[] {
  const wasAdmitted = (pod: Pod): boolean => isRunning(pod) || runs(pod);
  const admission = new Admission();
  const bound = store.list('Pod').filter((pod) => pod.spec.nodeName !== '' && !isFinished(pod));
  for (const pod of bound) if (wasAdmitted(pod)) admission.take(pod);
  const findings: Finding[] = [];
  for (const pod of bound) {
    const node = store.get('Node', '', pod.spec.nodeName);
    if (node === undefined || wasAdmitted(pod)) continue;
    const refused = admission.refusal(pod, node);
    if (refused === undefined) {
      admission.take(pod);
      continue;
    }
    store.put('Pod', { ...pod, status: { ...pod.status, phase: 'Failed', ready: false } });
    const message = `the kubelet of Node ${node.name} refuses it, and it is Failed: Predicate ${refused.predicate} failed: ${refused.why}`;
    findings.push(finding(pod, refused.path, { code: 'pod-refused', severity: 'warning', message }));
  }
  return findings;
}
