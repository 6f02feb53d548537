/** What changes of objects bring about, as events of the stream. */

import type { ClusterEvent } from '../../cluster/index.js';
import { type Store, type Declared, describeKey } from '../../kubernetes/index.js';
import { formatCause } from '../../trace/index.js';
import type { EventName } from '../stream/messages.js';
import type { Stream } from '../stream/stream.js';

/** More names than this are counted, not listed. */
const LISTED = 8;

function list(texts: readonly string[]): string {
  if (texts.length <= LISTED) return texts.join(', ');
  return `${texts.slice(0, LISTED).join(', ')} and ${texts.length - LISTED} more`;
}

const signed = (added: number, removed: number): string => `+${added} \u2212${removed}`;

/** Where it happened, and what. */
function told(event: ClusterEvent): readonly [EventName, subject: string, what: string] {
  switch (event.kind) {
    case 'pod-started':
    case 'pod-stopped':
      return [event.kind, `Pod ${event.pod}`, event.node];
    case 'rules-rewritten': {
      const { host, table, chains, added, removed } = event;
      return ['rules-rewritten', `node/${host}`, `${table} (${signed(added, removed)} rules): ${list(chains)}`];
    }
    case 'ipset-changed': {
      const { host, set, added, removed } = event;
      const members = [...added.map((one) => `+${one}`), ...removed.map((one) => `\u2212${one}`)];
      return ['ipset-changed', `node/${host}`, `${set}: ${list(members)}`];
    }
    case 'route-learned':
    case 'route-withdrawn':
      return [event.kind, `node/${event.host}`, event.route];
    default:
      return [event.kind, `Service ${event.service}`, event.endpoint];
  }
}

/** The event, what it is about, what it says, and the objects that it happened for. */
export function eventOf(event: ClusterEvent): readonly [EventName, string, string, readonly string[]] {
  return [...told(event), event.because.slice(0, LISTED).map(formatCause)];
}

/** Objects that came, changed and went. */
export function tellObjects(stream: Stream, before: Declared, after: Declared): void {
  const [old, now] = [before.byId, after.byId];
  for (const [id, object] of now) {
    const was = old.get(id);
    if (was === undefined) stream.event('object-added', describeKey(object.key));
    else if (was.document !== object.document) stream.event('object-changed', describeKey(object.key));
  }
  for (const [id, { key }] of old) if (!now.has(id)) stream.event('object-deleted', describeKey(key));
}

/** Nodes of pods, by name. */
type Pods = ReadonlyMap<string, string>;

export const namesOfPods = (store: Store): Pods =>
  new Map(store.list('Pod').map(({ namespace, name, spec }) => [`Pod ${namespace}/${name}`, spec.nodeName]));

/** Pods that came and went, wherever they run: on a machine that nobody has built nothing is seen of them. */
export function tellPods(stream: Stream, before: Pods, after: Pods): void {
  for (const [name, node] of after) if (!before.has(name)) stream.event('pod-added', name, node);
  for (const [name, node] of before) if (!after.has(name)) stream.event('pod-deleted', name, node);
}
