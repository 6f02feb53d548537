/** What can be broken on purpose, as a request, an expectation or a snapshot says it. */

import { schema, type Schema } from '../../kubernetes/index.js';

const { matching, oneOf, record, taggedBy } = schema;

export type FaultRequest =
  /** The cable of a machine's interface is pulled. */
  | { readonly kind: 'link'; readonly host: string; readonly interface: string }
  | { readonly kind: 'switch'; readonly name: string }
  /** The machine is off; mended, it boots afresh. */
  | { readonly kind: 'node'; readonly name: string }
  /** Its sandbox has crashed, and is made anew when it is mended. */
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string }
  /** `birdc disable` on a machine; the peer is the session's name there, its neighbour's address, or its machine. */
  | { readonly kind: 'session'; readonly host: string; readonly peer: string };

/** What each kind is told, all of it text. */
export const FAULT_FIELDS = {
  link: ['host', 'interface'],
  switch: ['name'],
  node: ['name'],
  pod: ['namespace', 'name'],
  session: ['host', 'peer'],
} as const satisfies Record<FaultRequest['kind'], readonly string[]>;

/** Whether something that was written down once is a fault. */
export function isFaultRequest(value: object): value is FaultRequest {
  const fields = new Map<string, unknown>(Object.entries(value));
  const kind = fields.get('kind');
  if (typeof kind !== 'string' || !Object.hasOwn(FAULT_FIELDS, kind)) return false;
  return FAULT_FIELDS[kind as FaultRequest['kind']].every((name) => typeof fields.get(name) === 'string');
}

/** `link node1 eth0`, `node node1`, `pod shop/web`, `session tor-a node1`. */
export function faultSubject(request: FaultRequest): string {
  switch (request.kind) {
    case 'link':
      return `link ${request.host} ${request.interface}`;
    case 'pod':
      return `pod ${request.namespace}/${request.name}`;
    case 'session':
      return `session ${request.host} ${request.peer}`;
    default:
      return `${request.kind} ${request.name}`;
  }
}

const name = matching(/^.{1,253}$/s, 'a name');

/** A fault where a document names it. */
export const faultRequest: Schema<FaultRequest> = taggedBy<FaultRequest>('kind', {
  link: record({ kind: oneOf('link'), host: name, interface: name }, { closed: true }),
  switch: record({ kind: oneOf('switch'), name }, { closed: true }),
  node: record({ kind: oneOf('node'), name }, { closed: true }),
  pod: record({ kind: oneOf('pod'), namespace: name, name }, { closed: true }),
  session: record({ kind: oneOf('session'), host: name, peer: name }, { closed: true }),
});
