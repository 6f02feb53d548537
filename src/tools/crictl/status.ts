/** What the CRI (runtime/v1) and containerd say of a pod's sandbox and of a container, as JSON with its keys sorted. */

import type { RuntimeContainer, RuntimePod } from '../../cluster/index.js';
import { formatIpv4 } from '../../packet/index.js';
import { isoTime } from '../../services/index.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const PREFIX = 'io.kubernetes';

const sorted = (texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1)));

export const podLabels = ({ pod }: RuntimePod): Readonly<Record<string, string>> =>
  sorted({
    ...pod.labels,
    [`${PREFIX}.pod.name`]: pod.name,
    [`${PREFIX}.pod.namespace`]: pod.namespace,
    [`${PREFIX}.pod.uid`]: pod.uid ?? '',
  });

export const containerLabels = (
  { pod }: RuntimePod,
  { container }: RuntimeContainer,
): Readonly<Record<string, string>> => ({
  [`${PREFIX}.container.name`]: container.name,
  [`${PREFIX}.pod.name`]: pod.name,
  [`${PREFIX}.pod.namespace`]: pod.namespace,
  [`${PREFIX}.pod.uid`]: pod.uid ?? '',
});

/** RFC 3339. */
const timeOf = (ns: number): string => `${isoTime(ns)}Z`;

const podState = ({ pid }: RuntimePod): string => (pid === undefined ? 'SANDBOX_NOTREADY' : 'SANDBOX_READY');
const containerState = ({ pid }: RuntimeContainer): string =>
  pid === undefined ? 'CONTAINER_EXITED' : 'CONTAINER_RUNNING';

/** Differs: an image is known by its name alone, and has no id. */
const imageOf = ({ container: { image } }: RuntimeContainer): Json => ({
  annotations: {},
  image,
  runtimeHandler: '',
  userSpecifiedImage: image,
});

const podMetadata = ({ pod }: RuntimePod): { readonly [key: string]: Json } => ({
  attempt: 0,
  name: pod.name,
  namespace: pod.namespace,
  uid: pod.uid ?? '',
});

/** A sandbox' network is a file that has a name, a container's that of the sandbox' process. */
const namespacesOf = (network: string): Json => [
  { type: 'pid' },
  { type: 'ipc' },
  { type: 'uts' },
  { type: 'mount' },
  { path: network, type: 'network' },
];

/** `crictl inspectp`; `info` is containerd's own, of which the rest is left out. */
export function podStatus(pod: RuntimePod, verbose: boolean): Json {
  const { id, address, startedNs, netns, pid } = pod;
  const isOnHost = pod.pod.spec.hostNetwork;
  const status: Json = {
    annotations: sorted(pod.pod.annotations),
    createdAt: timeOf(startedNs),
    id,
    labels: podLabels(pod),
    linux: {
      namespaces: {
        options: {
          ipc: 'POD',
          network: isOnHost ? 'NODE' : 'POD',
          pid: pod.pod.spec.hostPID ? 'NODE' : pod.pod.spec.shareProcessNamespace ? 'POD' : 'CONTAINER',
          targetId: '',
          usernsOptions: null,
        },
      },
    },
    metadata: podMetadata(pod),
    network: { additionalIps: [], ip: address === undefined ? '' : formatIpv4(address) },
    runtimeHandler: '',
    state: podState(pod),
  };
  if (!verbose) return { status };
  const network = isOnHost ? '' : `/var/run/netns/${netns.name}`;
  const info: Json = {
    config: { labels: podLabels(pod), metadata: podMetadata(pod) },
    pid: pid ?? 0,
    processStatus: pid === undefined ? 'deleted' : 'running',
    runtimeSpec: { linux: { namespaces: namespacesOf(network) } },
    runtimeType: 'io.containerd.runc.v2',
  };
  return { info, status };
}

/** `crictl inspect`. */
export function containerStatus(pod: RuntimePod, one: RuntimeContainer, verbose: boolean): Json {
  const { id, container, restarts, pid } = one;
  const metadata = { attempt: restarts, name: container.name };
  const status: Json = {
    annotations: {},
    createdAt: timeOf(pod.startedNs),
    exitCode: 0,
    finishedAt: pid === undefined ? timeOf(pod.startedNs) : '0001-01-01T00:00:00Z',
    id,
    image: imageOf(one),
    imageId: '',
    imageRef: container.image,
    labels: containerLabels(pod, one),
    logPath: `/var/log/pods/${pod.pod.namespace}_${pod.pod.name}_${pod.pod.uid ?? ''}/${container.name}/${restarts}.log`,
    message: '',
    metadata,
    mounts: [],
    reason: pid === undefined ? 'Completed' : '',
    startedAt: timeOf(pod.startedNs),
    state: containerState(one),
  };
  if (!verbose) return { status };
  const info: Json = {
    config: { image: imageOf(one), labels: containerLabels(pod, one), metadata },
    pid: pid ?? 0,
    removing: false,
    runtimeSpec: { linux: { namespaces: namespacesOf(`/proc/${pod.pid ?? 0}/ns/net`) } },
    runtimeType: 'io.containerd.runc.v2',
    sandboxID: pod.id,
  };
  return { info, status };
}

/** Of `crictl pods -o json`: numbers of 64 bits are texts. */
export const listedPod = (pod: RuntimePod): Json => ({
  id: pod.id,
  metadata: { name: pod.pod.name, uid: pod.pod.uid ?? '', namespace: pod.pod.namespace, attempt: 0 },
  state: podState(pod),
  createdAt: String(pod.startedNs),
  labels: podLabels(pod),
  annotations: sorted(pod.pod.annotations),
  runtimeHandler: '',
});

/** Of `crictl ps -o json`. */
export const listedContainer = (pod: RuntimePod, one: RuntimeContainer): Json => ({
  id: one.id,
  podSandboxId: pod.id,
  metadata: { name: one.container.name, attempt: one.restarts },
  image: imageOf(one),
  imageRef: one.container.image,
  state: containerState(one),
  createdAt: String(pod.startedNs),
  labels: containerLabels(pod, one),
  annotations: {},
  imageId: '',
});
