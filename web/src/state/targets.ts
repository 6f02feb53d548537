/** What a form suggests to send, and by which protocol. */

import type { Signal } from '@preact/signals';
import type { ListedObject, Pod, TraceRequest } from '../api-types.js';
import type { Api } from './api.js';
import { placeOfPod } from './names.js';

/** Pods that are asked for their ports before one is suggested. */
const MAX_TARGETS = 6;

export const NOTHING_TO_SEND: TraceRequest = { from: '', to: '', protocol: 'tcp', branches: 'one' };

/** The flow goes first, and is there once. */
export function withFlow(flows: readonly TraceRequest[], flow: TraceRequest): readonly TraceRequest[] {
  const { from, to, protocol } = flow;
  return [flow, ...flows.filter((one) => one.from !== from || one.to !== to || one.protocol !== protocol)];
}

type Protocol = 'tcp' | 'udp' | 'sctp';

/** TCP is what most want to see first. */
const ORDER: readonly Protocol[] = ['tcp', 'udp', 'sctp'];

/** As objects have them: without one it is TCP. */
const protocolOf = (declared: string | undefined): Protocol =>
  declared === 'UDP' ? 'udp' : declared === 'SCTP' ? 'sctp' : 'tcp';

/** Of a namespace that a cluster brings along. */
const isSystem = ({ namespace }: Pod): boolean => /^(?:kube|calico|tigera)-/.test(namespace);

interface SuggestedEnds {
  readonly from: Pod;
  /** Where it may lead: pods of other nodes, or what there is. */
  readonly targets: readonly Pod[];
}

/** Something to send at once; undefined where there are no two pods. */
function suggestedEnds(all: readonly Pod[]): SuggestedEnds | undefined {
  const own = all.filter(({ hostNetwork }) => !hostNetwork);
  // What a cluster brings along is seldom what one wants to see first.
  const pods = own.toSorted((a, b) => Number(isSystem(a)) - Number(isSystem(b)));
  const from = pods.find(({ name }) => name.includes('client')) ?? pods[0];
  if (from === undefined || pods.length < 2) return undefined;
  const apart = pods.filter(({ node }) => node !== from.node);
  return { from, targets: apart.length > 0 ? apart : pods.filter((pod) => pod !== from) };
}

interface PodObject {
  readonly spec?: {
    readonly containers?: readonly {
      readonly ports?: readonly { readonly containerPort?: number; readonly protocol?: string }[];
    }[];
  };
  readonly status?: { readonly conditions?: readonly { readonly type?: string; readonly status?: string }[] };
}

export interface Port {
  readonly containerPort: number;
  readonly protocol: Protocol;
}

/** The first port that a pod declares, TCP before others. */
function declaredPort({ object }: ListedObject): Port | undefined {
  const { spec } = (object ?? {}) as PodObject;
  return (spec?.containers ?? [])
    .flatMap(({ ports = [] }) => ports)
    .flatMap(({ containerPort, protocol }) =>
      containerPort === undefined ? [] : [{ containerPort, protocol: protocolOf(protocol) }],
    )
    .toSorted((a, b) => ORDER.indexOf(a.protocol) - ORDER.indexOf(b.protocol))[0];
}

const isReady = ({ object }: ListedObject): boolean =>
  ((object ?? {}) as PodObject).status?.conditions?.some(
    ({ type, status }) => type === 'Ready' && status === 'False',
  ) !== true;

interface Target {
  readonly pod: ListedObject;
  readonly port: Port;
}

/** Of some pods the first that is ready and declares a port, TCP before others. */
export function bestTarget(pods: readonly ListedObject[]): Target | undefined {
  const found = pods.flatMap((pod) => {
    const port = declaredPort(pod);
    return port === undefined ? [] : [{ pod, port, ready: isReady(pod) }];
  });
  const best = found.toSorted(
    (a, b) => Number(b.ready) - Number(a.ready) || ORDER.indexOf(a.port.protocol) - ORDER.indexOf(b.port.protocol),
  )[0];
  return best && { pod: best.pod, port: best.port };
}

/** The best of the first ones. */
async function askTargets(api: Api, cluster: string, pods: readonly Pod[]): Promise<Target | undefined> {
  const asked = pods
    .slice(0, MAX_TARGETS)
    .map(({ namespace, name }) =>
      api.objects(cluster, `&kind=Pod&namespace=${namespace}&name=${name}`).catch(() => []),
    );
  return bestTarget((await Promise.all(asked)).flat());
}

interface Suggesting {
  readonly pods: Signal<readonly Pod[]>;
  readonly sender: Signal<TraceRequest>;
}

/** Two pods on different nodes, or what there is: something to send at once; then with a port that is served there. */
export async function suggestFlow(api: Api, cluster: string, { pods, sender }: Suggesting): Promise<void> {
  const ends = suggestedEnds(pods.value);
  const [first] = ends?.targets ?? [];
  if (ends === undefined || first === undefined) return;
  // Somebody may have written there meanwhile.
  if (sender.value !== NOTHING_TO_SEND) return;
  const suggested = { from: placeOfPod(ends.from), to: placeOfPod(first), protocol: 'icmp', branches: 'one' } as const;
  sender.value = suggested;
  const best = await askTargets(api, cluster, ends.targets);
  if (best === undefined || sender.value !== suggested) return;
  const { pod, port } = best;
  const to = `pod/${pod.namespace}/${pod.name}:${port.containerPort}`;
  sender.value = { ...suggested, to, protocol: port.protocol };
}

interface ServiceSpec {
  readonly ports?: readonly { readonly port?: number; readonly protocol?: string }[];
}

/** By which a Service's port is served: `svc/shop/web:80`. */
export function servedProtocols(services: readonly ListedObject[], to: string): readonly Protocol[] {
  const [, namespace, name, wanted] = /^svc\/([^/]+)\/([^/:]+):(\d+)$/.exec(to) ?? [];
  const service = services.find((one) => one.namespace === namespace && one.name === name);
  const { ports = [] } = (service?.object?.['spec'] ?? {}) as ServiceSpec;
  const served = new Set(
    ports.flatMap(({ port, protocol }) => (port === Number(wanted) ? [protocolOf(protocol)] : [])),
  );
  return ORDER.filter((protocol) => served.has(protocol));
}

/** The protocol of the Service's port that is asked; others are asked as before. */
export function protocolFor(
  services: readonly ListedObject[],
  { to, protocol }: TraceRequest,
): TraceRequest['protocol'] {
  const served: readonly TraceRequest['protocol'][] = servedProtocols(services, to);
  return served.includes(protocol) ? protocol : (served[0] ?? protocol);
}
