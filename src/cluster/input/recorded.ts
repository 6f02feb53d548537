/**
 * Recorded state of a cluster as plain data: what was decided once and then stays, though no author of an object wrote
 * it. A cluster that is built anew from changed objects takes it over, so that nothing moves that nobody moved.
 */

import { type IpamObjects, ipamObjects, type IpamStore, loadBalancerHandle } from '../../calico/index.js';
import { hostLocalOwner } from '../../cni/index.js';
import {
  type DeletedPod,
  formatCidr,
  formatIp,
  isFinished,
  NODE_ANNOTATIONS,
  parseCidr,
  parseIp,
  type Pod,
  type Service,
  type Store,
  type Silence,
} from '../../kubernetes/index.js';
import type { RecordedHostLocal } from './host-local-record.js';
import { containerId } from './sandbox.js';

interface RecordedPod {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  /** The CNI plugin's annotations: the addresses, and the sandbox. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Id of its sandbox, which IPAM's handle is called by. */
  readonly sandbox?: string | undefined;
  /** It is gone: one of the same name is another. */
  readonly deleted?: true;
}

interface RecordedNode {
  readonly name: string;
  /** The addresses of its tunnel devices. */
  readonly annotations: Readonly<Record<string, string>>;
  /** The ranges that were given to it for its pods. */
  readonly podCIDRs?: readonly string[] | undefined;
}

interface RecordedService {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIPs: readonly string[];
  /** By `name/protocol`. */
  readonly nodePorts: Readonly<Record<string, number>>;
  readonly healthCheckNodePort: number;
  /** What its load balancer has given it; what Calico has given is in IPAM. */
  readonly ingress: readonly { readonly ip: string; readonly ipMode: string }[];
}

export interface RecordedState {
  readonly pods: readonly RecordedPod[];
  readonly nodes: readonly RecordedNode[];
  readonly services: readonly RecordedService[];
  /** Pods of controllers that were deleted, as often as they were. */
  readonly deletedPods?: readonly DeletedPod[] | undefined;
  /** Nodes of which nobody hears any more, and what has become of their pods. */
  readonly silence?: Silence | undefined;
  /** What host-local remembers, where it gives addresses. */
  readonly hostLocal?: readonly RecordedHostLocal[] | undefined;
  /** Who made the pools that the cluster began with; those that somebody deletes do not come again. */
  readonly pools?: 'calico-node' | 'user' | undefined;
  /** Of Calico's IPAM, where it runs. */
  readonly ipam?: IpamObjects | undefined;
}

const POD_ANNOTATIONS = ['containerID', 'podIP', 'podIPs'].map((name) => `cni.projectcalico.org/${name}`);
const TUNNEL_ANNOTATIONS = [
  NODE_ANNOTATIONS.ipv4VXLANTunnelAddr,
  NODE_ANNOTATIONS.ipv6VXLANTunnelAddr,
  NODE_ANNOTATIONS.ipv4IPIPTunnelAddr,
];

const portKey = ({ name, protocol }: { readonly name: string; readonly protocol: string }): string =>
  `${name}/${protocol}`;

/** Those of the annotations that are there. */
const pick = (from: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));

function recordedService(service: Service, ipam: IpamStore | undefined): RecordedService {
  const { namespace, name, spec, status } = service;
  const isCalicos = ipam?.handle(loadBalancerHandle(service)) !== undefined;
  const { ingress } = status.loadBalancer;
  return {
    namespace,
    name,
    clusterIPs: spec.clusterIPs.map(formatIp),
    nodePorts: Object.fromEntries(spec.ports.map((port) => [portKey(port), port.nodePort])),
    healthCheckNodePort: spec.healthCheckNodePort,
    ingress: isCalicos
      ? []
      : ingress.flatMap(({ ip, ipMode }) => (ip === undefined ? [] : [{ ip: formatIp(ip), ipMode }])),
  };
}

interface Kept {
  readonly ipam: IpamStore | undefined;
  readonly deletedPods: readonly DeletedPod[];
  readonly silence: Silence;
}

/** What a cluster has settled. */
export function recordedState(
  store: Store,
  { ipam, deletedPods, silence, hostLocal, pools }: Pick<RecordedState, 'hostLocal' | 'pools'> & Kept,
): RecordedState {
  return {
    deletedPods,
    silence,
    pools,
    hostLocal,
    ...(ipam === undefined ? {} : { ipam: ipamObjects(ipam) }),
    pods: store
      .list('Pod')
      .filter((pod) => pod.spec.nodeName !== '' && !isFinished(pod))
      .map((pod) => ({
        namespace: pod.namespace,
        name: pod.name,
        node: pod.spec.nodeName,
        annotations: pick(pod.annotations, POD_ANNOTATIONS),
        sandbox: containerId(pod),
      })),
    nodes: store.list('Node').map(({ name, annotations, spec }) => ({
      name,
      annotations: pick(annotations, TUNNEL_ANNOTATIONS),
      podCIDRs: spec.podCIDRs.map(formatCidr),
    })),
    services: store.list('Service').map((service) => recordedService(service, ipam)),
  };
}

/** Addresses of those sandboxes are free. */
function withoutSandboxes(
  { node, files }: RecordedHostLocal,
  sandboxes: ReadonlySet<string | undefined>,
): RecordedHostLocal {
  const left = Object.entries(files).filter(([path, content]) => {
    const owner = hostLocalOwner(path, content);
    return owner === undefined || !sandboxes.has(owner);
  });
  return { node, files: Object.fromEntries(left) };
}

const withoutTerminating = (silence: Silence, gone: ReadonlySet<string>): Silence => ({
  ...silence,
  pods: silence.pods.filter(({ namespace, name }) => !gone.has(`${namespace}/${name}`)),
});

/** What is on record once these pods have been deleted. */
export function withoutPods(recorded: RecordedState, pods: readonly DeletedPod[]): RecordedState {
  if (pods.length === 0) return recorded;
  const gone = new Set(pods.map(({ namespace, name }) => `${namespace}/${name}`));
  const sandboxes = new Set(
    recorded.pods.filter(({ namespace, name }) => gone.has(`${namespace}/${name}`)).map(({ sandbox }) => sandbox),
  );
  return {
    ...recorded,
    ...(recorded.hostLocal && { hostLocal: recorded.hostLocal.map((one) => withoutSandboxes(one, sandboxes)) }),
    pods: recorded.pods.map((pod) =>
      gone.has(`${pod.namespace}/${pod.name}`) ? { ...pod, deleted: true as const } : pod,
    ),
    deletedPods: [...(recorded.deletedPods ?? []), ...pods.map(({ namespace, name }) => ({ namespace, name }))],
    ...(recorded.silence && { silence: withoutTerminating(recorded.silence, gone) }),
  };
}

/** Whether a pod is one that runs on its node already. */
export function runningPods({ pods }: RecordedState): (pod: Pod) => boolean {
  const keyOf = (namespace: string, name: string, node: string): string => `${namespace}/${name}/${node}`;
  const running = new Set(
    pods.filter(({ deleted }) => deleted !== true).map(({ namespace, name, node }) => keyOf(namespace, name, node)),
  );
  return ({ namespace, name, spec }) => running.has(keyOf(namespace, name, spec.nodeName));
}

/** Puts in what objects leave open; what they say themselves goes before. */
export function applyRecorded(store: Store, recorded: RecordedState): void {
  for (const { name, annotations, podCIDRs = [] } of recorded.nodes) {
    const node = store.get('Node', '', name);
    if (node === undefined) continue;
    const kept = podCIDRs.map(parseCidr).filter((cidr) => cidr !== undefined);
    const spec = node.spec.podCIDRs.length > 0 ? node.spec : { ...node.spec, podCIDRs: kept };
    store.put('Node', { ...node, spec, annotations: { ...annotations, ...node.annotations } });
  }
  for (const one of recorded.pods) {
    const pod = store.get('Pod', one.namespace, one.name);
    if (pod !== undefined && one.deleted !== true && !isFinished(pod)) applyPod(store, pod, one);
  }
  for (const one of recorded.services) {
    const service = store.get('Service', one.namespace, one.name);
    if (service !== undefined) applyService(store, service, one);
  }
}

function applyPod(store: Store, pod: Pod, { node, annotations }: RecordedPod): void {
  const open = pod.spec.nodeName === '';
  // A node that is gone keeps nobody, and a pod that is now elsewhere has another sandbox.
  if (open ? store.get('Node', '', node) === undefined : pod.spec.nodeName !== node) return;
  store.put('Pod', {
    ...pod,
    annotations: { ...annotations, ...pod.annotations },
    spec: open ? { ...pod.spec, nodeName: node } : pod.spec,
  });
}

function ingressOf({ spec, status }: Service, { ingress }: RecordedService): Service['status'] {
  if (spec.type !== 'LoadBalancer' || status.loadBalancer.ingress.length > 0) return status;
  const kept = ingress.flatMap(({ ip, ipMode }) => {
    const address = parseIp(ip);
    if (address === undefined) return [];
    return [{ ip: address, hostname: '', ipMode: ipMode === 'Proxy' ? ('Proxy' as const) : ('VIP' as const) }];
  });
  return { ...status, loadBalancer: { ingress: kept } };
}

function applyService(store: Store, service: Service, recorded: RecordedService): void {
  const { spec } = service;
  if (spec.type === 'ExternalName' || spec.headless) return;
  const addresses = recorded.clusterIPs.map(parseIp).filter((address) => address !== undefined);
  const nodePorts = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  store.put('Service', {
    ...service,
    spec: {
      ...spec,
      clusterIPs: spec.clusterIPs.length === 0 ? addresses : spec.clusterIPs,
      ports: spec.ports.map((port) =>
        nodePorts && port.nodePort === 0 ? { ...port, nodePort: recorded.nodePorts[portKey(port)] ?? 0 } : port,
      ),
      healthCheckNodePort: spec.healthCheckNodePort || recorded.healthCheckNodePort,
    },
    status: ingressOf(service, recorded),
  });
}
