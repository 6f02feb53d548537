/** What has become different on machines that run, and among endpoints: the programmed state before and after is compared. */

import { formatRoute, type FibRoute, type Host, type Rule, type Table } from '../../kernel/index.js';
import { append, formatIp, labelOf, type Store } from '../../kubernetes/index.js';
import { type Cause, formatCause, type TableName } from '../../trace/index.js';
import type { Sandbox } from '../node/kubelet.js';

/** Something that a component of the cluster has done. `because` are the objects that it was done for. */
export type ClusterEvent = { readonly because: readonly Cause[] } & (
  | { readonly kind: 'pod-started' | 'pod-stopped'; readonly pod: string; readonly node: string }
  | {
      readonly kind: 'rules-rewritten';
      readonly host: string;
      readonly table: TableName;
      /** Chains that are others than before, gone ones included. */
      readonly chains: readonly string[];
      readonly added: number;
      readonly removed: number;
    }
  | {
      readonly kind: 'ipset-changed';
      readonly host: string;
      readonly set: string;
      readonly added: readonly string[];
      readonly removed: readonly string[];
    }
  /** As `ip route` prints it. */
  | { readonly kind: 'route-learned' | 'route-withdrawn'; readonly host: string; readonly route: string }
  | {
      readonly kind: 'endpoint-ready' | 'endpoint-not-ready' | 'endpoint-removed';
      /** `shop/web`. */
      readonly service: string;
      readonly endpoint: string;
    }
);

type Chains = ReadonlyMap<string, readonly Rule[]>;

interface HostView {
  readonly tables: ReadonlyMap<TableName, Chains>;
  readonly sets: ReadonlyMap<string, readonly string[]>;
  readonly routes: ReadonlyMap<string, FibRoute>;
}

interface Endpoint {
  readonly service: string;
  readonly endpoint: string;
  readonly ready: boolean;
  readonly because: readonly Cause[];
}

const chainsOf = (table: Table): Chains => new Map([...table.chains].map(([name, { rules }]) => [name, rules]));

function viewOf({ netns }: Host): HostView {
  return {
    tables: new Map(netns.netfilter.iptables.tables.map((table) => [table.name, chainsOf(table)])),
    sets: new Map([...netns.ipsets].map(({ name, set }) => [name, set.members()])),
    routes: new Map(netns.fib.routes().map((route) => [formatRoute(route, { showTable: true }), route])),
  };
}

/** Every endpoint of every Service, by Service and address. */
function endpointsOf(store: Store): ReadonlyMap<string, Endpoint> {
  const found = new Map<string, Endpoint>();
  for (const { namespace, labels, endpoints } of store.list('EndpointSlice')) {
    const name = labelOf(labels, 'kubernetes.io/service-name');
    if (name === undefined) continue;
    const service = `${namespace}/${name}`;
    for (const { addresses, conditions, targetRef } of endpoints)
      for (const address of addresses) {
        const whose = targetRef?.kind === 'Pod' ? ` (pod/${targetRef.namespace}/${targetRef.name})` : '';
        const endpoint = `${formatIp(address)}${whose}`;
        const because = [{ kind: 'Service', namespace, name }];
        found.set(`${service} ${endpoint}`, { service, endpoint, ready: conditions.ready, because });
      }
  }
  return found;
}

const unique = (causes: readonly Cause[]): readonly Cause[] => [
  ...new Map(causes.map((cause) => [formatCause(cause), cause])).values(),
];

const NO_CHAINS: Chains = new Map();
const NO_RULES: readonly Rule[] = [];

/** Rules of one list whose text the other has not. Who rewrites a chain makes the same rules anew. */
function without(rules: readonly Rule[] = NO_RULES, others: readonly Rule[] = NO_RULES): readonly Rule[] {
  const known = new Set(others.map(String));
  return rules.filter((rule) => !known.has(rule.toString()));
}

function ruleEvents(host: string, table: TableName, [before, after]: readonly [Chains, Chains]): ClusterEvent[] {
  const chains: string[] = [];
  const because: Cause[] = [];
  let [added, removed] = [0, 0];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(name), after.get(name)];
    if (old === now) continue;
    const [come, gone] = [without(now, old), without(old, now)];
    if (come.length + gone.length === 0 && old !== undefined && now !== undefined) continue;
    chains.push(name);
    added += come.length;
    removed += gone.length;
    append(
      because,
      [...come, ...gone].flatMap((rule) => rule.because),
    );
  }
  if (chains.length === 0) return [];
  return [{ kind: 'rules-rewritten', host, table, chains, added, removed, because: unique(because) }];
}

function setEvents(host: Host, before: HostView, after: HostView): ClusterEvent[] {
  return [...new Set([...before.sets.keys(), ...after.sets.keys()])].flatMap((set): ClusterEvent[] => {
    const [old, now] = [new Set(before.sets.get(set)), new Set(after.sets.get(set))];
    const added = [...now].filter((member) => !old.has(member));
    const removed = [...old].filter((member) => !now.has(member));
    if (added.length + removed.length === 0) return [];
    const because = host.netns.ipsets.get(set)?.because ?? [];
    return [{ kind: 'ipset-changed', host: host.name, set, added, removed, because }];
  });
}

function routeEvents({ name: host }: Host, before: HostView, after: HostView): ClusterEvent[] {
  const only = (kind: 'route-learned' | 'route-withdrawn', of: HostView, other: HostView): ClusterEvent[] =>
    [...of.routes].flatMap(([route, { because }]) =>
      other.routes.has(route) ? [] : [{ kind, host, route: route.trim(), because }],
    );
  return [...only('route-withdrawn', before, after), ...only('route-learned', after, before)];
}

function endpointEvents(before: ReadonlyMap<string, Endpoint>, after: ReadonlyMap<string, Endpoint>): ClusterEvent[] {
  const events: ClusterEvent[] = [];
  for (const [key, { service, endpoint, ready, because }] of after) {
    if (before.get(key)?.ready === ready) continue;
    events.push({ kind: ready ? 'endpoint-ready' : 'endpoint-not-ready', service, endpoint, because });
  }
  for (const [key, { service, endpoint, because }] of before)
    if (!after.has(key)) events.push({ kind: 'endpoint-removed', service, endpoint, because });
  return events;
}

export interface Observed {
  readonly store: Store;
  readonly hosts: Iterable<Host>;
  readonly sandboxes: () => Iterable<Sandbox>;
}

/** A sandbox has its files as long as it lives. */
function podEvents(before: readonly Sandbox[], after: readonly Sandbox[]): ClusterEvent[] {
  const only = (
    kind: 'pod-started' | 'pod-stopped',
    of: readonly Sandbox[],
    others: readonly Sandbox[],
  ): ClusterEvent[] => {
    const known = new Set(others.map(({ files }) => files));
    return of
      .filter(({ files }) => !known.has(files))
      .map(({ pod: { namespace, name, spec } }) => ({
        kind,
        pod: `${namespace}/${name}`,
        node: spec.nodeName,
        because: [{ kind: 'Pod', namespace, name }],
      }));
  };
  return [...only('pod-stopped', before, after), ...only('pod-started', after, before)];
}

/** Objects that nobody writes: controllers and IPAM keep them. */
const KEPT_BY_CONTROLLERS = new Set<string>(['IPAMBlock', 'BlockAffinity', 'IPAMHandle', 'ReplicaSet']);

/** Of the objects that have changed those that an event names, or else all of them. */
function because(event: ClusterEvent, changed: readonly Cause[]): readonly Cause[] {
  if (changed.length === 0) return event.because;
  const keys = new Set(event.because.map(keyOfCause));
  const named = changed.filter((cause) => keys.has(keyOfCause(cause)));
  if (named.length > 0) return named;
  const written = changed.filter(({ kind }) => !KEPT_BY_CONTROLLERS.has(kind));
  return written.length > 0 ? written : changed;
}

const keyOfCause = ({ kind, namespace = '', name }: Cause): string => `${kind} ${namespace}/${name}`;

/** A look at machines that have been built, their pods, and all endpoints. */
export class Observation {
  readonly #observed: Observed;
  readonly #views: ReadonlyMap<Host, HostView>;
  readonly #endpoints: ReadonlyMap<string, Endpoint>;
  readonly #sandboxes: readonly Sandbox[];

  constructor(observed: Observed) {
    this.#observed = observed;
    this.#views = new Map([...observed.hosts].map((host) => [host, viewOf(host)]));
    this.#endpoints = endpointsOf(observed.store);
    this.#sandboxes = [...observed.sandboxes()];
  }

  /** What is different now, and for which of the objects that have changed. */
  events(changed: readonly Cause[]): ClusterEvent[] {
    const { store, sandboxes } = this.#observed;
    const events = [
      ...podEvents(this.#sandboxes, [...sandboxes()]),
      ...endpointEvents(this.#endpoints, endpointsOf(store)),
    ];
    for (const [host, before] of this.#views) {
      const after = viewOf(host);
      for (const table of new Set([...before.tables.keys(), ...after.tables.keys()]))
        events.push(
          ...ruleEvents(host.name, table, [
            before.tables.get(table) ?? NO_CHAINS,
            after.tables.get(table) ?? NO_CHAINS,
          ]),
        );
      append(events, setEvents(host, before, after), routeEvents(host, before, after));
    }
    return events.map((event) => ({ ...event, because: because(event, changed) }));
  }
}
