/** The physical network of a cluster: as written, or as it is assumed. */

import { cidrFromStore, ipv4Of, addressOf } from '../../calico/index.js';
import {
  calicoNodes,
  type ConfigError,
  configError,
  type Finding,
  finding,
  isIpv4,
  nearMatches,
  type Store,
} from '../../kubernetes/index.js';
import type { Cause } from '../../trace/index.js';
import { defaultNetwork, type NetworkPlan, type NodePlace, Planner } from '../../underlay/index.js';
import type { HostConfigObject, PhysicalNetworkObject } from './documents.js';

/** The name of the network that is assumed where none is written. */
export const ASSUMED = 'assumed';

export interface PlannedNetwork {
  readonly plan: NetworkPlan;
  readonly errors: readonly ConfigError[];
  readonly findings: readonly Finding[];
}

/** Every node of the cluster with the address that it has on the wire. */
function nodePlaces(store: Store): NodePlace[] {
  const views = new Map(calicoNodes(store).map((view) => [view.name, view]));
  return [...views.values()].map(({ name, bgp }) => {
    const recorded = bgp?.ipv4Address === undefined ? undefined : cidrFromStore(bgp.ipv4Address);
    const calico = recorded?.version === 4 ? recorded : undefined;
    const internal = store.get('Node', '', name)?.status.internalIPs.find(isIpv4);
    return {
      name,
      internalIp: internal ?? (calico === undefined ? undefined : ipv4Of(addressOf(calico))),
      prefixLength: calico?.length,
    };
  });
}

/** Machines that a HostConfig is for and that there are not: what is programmed on nobody. */
export function hostConfigFindings(hostConfigs: readonly HostConfigObject[], plan: NetworkPlan): readonly Finding[] {
  const names = [...plan.machines.keys()];
  return hostConfigs.flatMap((config) =>
    config.body.spec.hosts.flatMap((name, i) => {
      if (plan.machines.has(name)) return [];
      const near = nearMatches(name, names);
      const hint = near.length === 0 ? '' : ` (near: ${near.join(', ')})`;
      const message = `there is no machine ${name}${hint}: nothing of this is done there`;
      return [finding(config, ['spec', 'hosts', i], { code: 'network', severity: 'warning', message })];
    }),
  );
}

export function planNetwork(store: Store, networks: readonly PhysicalNetworkObject[]): PlannedNetwork {
  const nodes = nodePlaces(store);
  const [document, ...others] = networks;
  if (document === undefined) {
    const cause: Cause = { kind: 'PhysicalNetwork', name: ASSUMED, detail: 'no PhysicalNetwork is given' };
    return { plan: new Planner(defaultNetwork(nodes), cause).plan(nodes), errors: [], findings: [] };
  }
  const planner = new Planner(document.body.spec, { kind: document.kind, name: document.name });
  const plan = planner.plan(nodes);
  const errors = planner.problems
    .filter(({ severity }) => severity === 'error')
    .map(({ path, expected, got }) => configError(document, path, { expected, got }));
  const second = others.map((other) =>
    configError(other, [], { expected: 'one PhysicalNetwork', got: `another beside ${document.name}` }),
  );
  const findings = planner.problems.flatMap(({ severity, path, expected, got }) => {
    if (severity === 'error') return [];
    const message = `expected ${expected}, got ${got}`;
    return severity === 'warning'
      ? [finding(document, path, { code: 'network', severity, message })]
      : [finding(document, path, { code: 'unmodelled', severity: 'notice', message })];
  });
  return { plan, errors: [...errors, ...second], findings };
}
