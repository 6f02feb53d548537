/** What changes of objects bring about, as events of the stream. */

import { type ClusterEvent, type FaultRequest, faultSubject } from '../../cluster/index.js';
import {
  type Store,
  type Declared,
  describeKey,
  type ObjectKey,
  type Pod,
  type TerminatingPod,
} from '../../kubernetes/index.js';
import { parseIpv4 } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import type { StreamEvent } from '../stream/event-facts.js';
import type { EventName } from '../stream/messages.js';
import type { Stream } from '../stream/stream.js';
import { addressesOf, podAddresses } from './names.js';

/** More names than this are counted, not listed. */
const LISTED = 8;

function list(texts: readonly string[]): string {
  if (texts.length <= LISTED) return texts.join(', ');
  return `${texts.slice(0, LISTED).join(', ')} and ${texts.length - LISTED} more`;
}

const signed = (added: number, removed: number): string => `+${added} \u2212${removed}`;

const onMachine = (host: string) => ({ subject: `node/${host}`, hosts: [host], places: [`node/${host}`] });

/** `shop/web-1`. */
function objectOf(kind: 'Pod' | 'Service', text: string): Cause {
  const [namespace = '', name = ''] = text.split('/');
  return { kind, namespace, name };
}

/** The addresses at the beginnings of texts: `10.244.1.5,tcp:80`, `10.244.1.5 dev cali…`. */
const leadingAddresses = (texts: readonly string[]): number[] =>
  texts.map((text) => parseIpv4(/^[\d.]+(?![\d./])/.exec(text)?.[0] ?? '')).filter((address) => address !== undefined);

/** Where it happened, and what. */
function told(event: ClusterEvent): Omit<StreamEvent, 'event' | 'because'> {
  switch (event.kind) {
    case 'pod-started':
    case 'pod-stopped': {
      const { pod, node } = event;
      return { subject: `Pod ${pod}`, detail: node, objects: [objectOf('Pod', pod)], hosts: [node], nodes: [node] };
    }
    case 'rules-rewritten': {
      const { host, table, chains, added, removed } = event;
      return { ...onMachine(host), detail: `${table} (${signed(added, removed)} rules): ${list(chains)}` };
    }
    case 'ipset-changed': {
      const { host, set, added, removed } = event;
      const members = [...added.map((one) => `+${one}`), ...removed.map((one) => `\u2212${one}`)];
      const addresses = leadingAddresses([...added, ...removed]);
      return { ...onMachine(host), detail: `${set}: ${list(members)}`, addresses };
    }
    case 'route-learned':
    case 'route-withdrawn': {
      const { host, route } = event;
      return { ...onMachine(host), detail: route, addresses: leadingAddresses([route]) };
    }
    default: {
      const { service, endpoint } = event;
      const objects = [objectOf('Service', service)];
      return { subject: `Service ${service}`, detail: endpoint, objects, addresses: leadingAddresses([endpoint]) };
    }
  }
}

export const eventOf = (event: ClusterEvent): StreamEvent => ({
  event: event.kind,
  because: event.because,
  ...told(event),
});

/** An object that came, changed or went. */
function tellObject(stream: Stream, store: Store, [event, key]: readonly [EventName, ObjectKey]): void {
  stream.event({ event, subject: describeKey(key), objects: [key], addresses: addressesOf(store, key) });
}

/** Objects that came, changed and went. */
export function tellObjects(stream: Stream, store: Store, [before, after]: readonly [Declared, Declared]): void {
  const [old, now] = [before.byId, after.byId];
  for (const [id, object] of now) {
    const was = old.get(id);
    if (was === undefined) tellObject(stream, store, ['object-added', object.key]);
    else if (was.document !== object.document) tellObject(stream, store, ['object-changed', object.key]);
  }
  for (const [id, { key }] of old) if (!now.has(id)) tellObject(stream, store, ['object-deleted', key]);
}

/** By name. */
type Pods = ReadonlyMap<string, Pod>;

export const namesOfPods = (store: Store): Pods =>
  new Map(store.list('Pod').map((pod) => [`${pod.namespace}/${pod.name}`, pod]));

function tellPod(stream: Stream, event: EventName, pod: Pod): void {
  const { namespace, name, spec } = pod;
  const { nodeName } = spec;
  const addresses = spec.hostNetwork ? [] : leadingAddresses(podAddresses(pod));
  const objects = [{ kind: 'Pod', namespace, name }];
  const nodes = nodeName === '' ? [] : [nodeName];
  const about = { objects, hosts: nodes, nodes, addresses };
  stream.event({ event, subject: `Pod ${namespace}/${name}`, detail: nodeName, ...about });
}

/** Pods that came and went, wherever they run: on a machine that nobody has built nothing is seen of them. */
export function tellPods(stream: Stream, before: Pods, after: Pods): void {
  for (const [name, pod] of after) if (!before.has(name)) tellPod(stream, 'pod-added', pod);
  for (const [name, pod] of before) if (!after.has(name)) tellPod(stream, 'pod-deleted', pod);
}

/** What the node controller has made of a node that it does not hear, or hears again. */
export const nodeEvent = (node: string, isSilent: boolean): StreamEvent => ({
  event: 'object-changed',
  subject: `Node ${node}`,
  detail: isSilent ? 'NodeNotReady: its kubelet has stopped posting node status' : 'NodeReady',
  objects: [{ kind: 'Node', name: node }],
  hosts: [node],
  nodes: [node],
});

/** A pod that was deleted, of which nobody says that it is gone. */
export const terminatingEvent = ({ namespace, name, deletionTimestamp }: TerminatingPod): StreamEvent => ({
  event: 'object-changed',
  subject: `Pod ${namespace}/${name}`,
  detail: `Terminating: its deletionTimestamp is ${deletionTimestamp}`,
  objects: [{ kind: 'Pod', namespace, name }],
});

/** Something that breaks, or is whole again. */
export function faultEvent(event: 'fault-added' | 'fault-mended', fault: FaultRequest, id: string): StreamEvent {
  const about = { event, subject: faultSubject(fault), detail: id };
  switch (fault.kind) {
    case 'pod':
      return { ...about, objects: [{ kind: 'Pod', namespace: fault.namespace, name: fault.name }] };
    case 'node':
      return { ...about, hosts: [fault.name] };
    case 'switch':
      return about;
    default:
      return { ...about, hosts: [fault.host] };
  }
}
