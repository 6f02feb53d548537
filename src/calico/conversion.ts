/**
 * Kubernetes objects as Calico sees them: a pod is a workload endpoint, a namespace and a service account
 * are profiles; libcalico-go/lib/backend/k8s/conversion.
 */

import type { Cause } from '../trace/index.js';
import { type Cidr, hostCidr } from './cidr.js';
import type { EndpointPort, Profile, WorkloadEndpoint } from './model.js';
import { vethName } from './names.js';
import { type EndpointOptions, NO_OPTIONS } from './pod-annotations.js';
import { plainRule } from './policy/resources.js';
import type { Labels } from './policy/selector.js';

export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly labels: Labels;
  readonly serviceAccount: string;
  /** From the annotation of the CNI plugin, else from the status. */
  readonly addresses: readonly Cidr[];
  readonly interfacePrefix?: string;
  /** Of all containers, those with a name. */
  readonly ports?: readonly EndpointPort[];
  readonly options?: EndpointOptions;
}

/** Longer names are no label values; conversion/workload_endpoint_default.go. */
const MAX_LABEL = 63;

const prefixed = (prefix: string, labels: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [prefix + key, value]));

/** Labels that Calico adds are stronger than the pod's own. */
export function podEndpoint(pod: PodFacts): WorkloadEndpoint {
  const { namespace, name, node, serviceAccount, addresses } = pod;
  const added: Labels = {
    'projectcalico.org/namespace': namespace,
    'projectcalico.org/orchestrator': 'k8s',
    ...(serviceAccount !== '' &&
      serviceAccount.length < MAX_LABEL && { 'projectcalico.org/serviceaccount': serviceAccount }),
  };
  return {
    node,
    namespace,
    pod: name,
    interfaceName: vethName(namespace, name, pod.interfacePrefix),
    networks: addresses.map(hostCidr),
    profiles: [`kns.${namespace}`, ...(serviceAccount === '' ? [] : [`ksa.${namespace}.${serviceAccount}`])],
    labels: { 'projectcalico.org/namespace': namespace, ...pod.labels, ...added },
    active: true,
    ports: pod.ports ?? [],
    ...(pod.options ?? NO_OPTIONS),
  };
}

/** Without policy a namespace's pods may do anything. */
export function namespaceProfile(namespace: string, labels: Labels): Profile {
  const because: Cause = { kind: 'Namespace', name: namespace };
  const labelsToApply = { ...prefixed('pcns.', labels), 'pcns.projectcalico.org/name': namespace };
  const allow = [plainRule('Allow')];
  return { name: `kns.${namespace}`, labelsToApply, ingress: allow, egress: allow, because: [because] };
}

/** Only labels: a service account allows nothing by itself. */
export function serviceAccountProfile(namespace: string, name: string, labels: Labels): Profile {
  const because: Cause = { kind: 'ServiceAccount', namespace, name };
  const labelsToApply = { ...prefixed('pcsa.', labels), 'pcsa.projectcalico.org/name': name };
  return { name: `ksa.${namespace}.${name}`, labelsToApply, ingress: [], egress: [], because: [because] };
}
