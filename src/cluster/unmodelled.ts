/**
 * What is in the input, changes packets, and is not modelled yet. It is reported where it stands, and every
 * trace that depends on it ends in the verdict `unknown`.
 */

import { cidrContains, parseSelector, SelectorError, storedPools, addressOfIpv4 } from '../calico/index.js';
import {
  type Finding,
  finding,
  formatObject,
  isIpv4,
  matchesSelector,
  type Pod,
  type Store,
} from '../kubernetes/index.js';
import type { Ipv4Addr } from '../packet/index.js';

const POLICY_KINDS = [
  'NetworkPolicy',
  'CalicoNetworkPolicy',
  'GlobalNetworkPolicy',
  'ClusterNetworkPolicy',
  'AdminNetworkPolicy',
  'BaselineAdminNetworkPolicy',
  'HostEndpoint',
] as const;

/** Everything of that kind, once for each object. */
export function unmodelledFindings(store: Store): Finding[] {
  const policies = POLICY_KINDS.flatMap((kind) =>
    store.list(kind).map((object) =>
      finding(object, [], {
        code: 'unmodelled',
        severity: 'notice',
        message: 'policy is not enforced yet; traces that it could decide are unknown',
      }),
    ),
  );
  const pools = store
    .list('IPPool')
    .filter(({ spec }) => spec.vxlanMode === 'Never' && isIpv4(spec.cidr.addr as Ipv4Addr))
    .map((pool) =>
      finding(pool, ['spec', 'ipipMode'], {
        code: 'unmodelled',
        severity: 'notice',
        message:
          'routes between nodes for this pool are BIRD’s, which does not run yet; traces between nodes are unknown',
      }),
    );
  return [...policies, ...pools];
}

/** Reasons why a connection's outcome is not known, as sentences. */
export function unknownReasons(store: Store, ends: readonly (Pod | undefined)[], destination: Ipv4Addr): string[] {
  const pods = ends.filter((pod) => pod !== undefined && !pod.spec.hostNetwork);
  const reasons = pods.flatMap((pod) => (pod === undefined ? [] : policiesOf(store, pod)));
  const [from, to] = ends;
  const betweenNodes = from?.spec.nodeName !== to?.spec.nodeName;
  const pool = betweenNodes ? birdPool(store, destination) : undefined;
  if (pool !== undefined)
    reasons.push(`IPPool ${pool} has no VXLAN: its routes between nodes are BIRD’s, which does not run yet.`);
  return [...new Set(reasons)];
}

function policiesOf(store: Store, pod: Pod): string[] {
  const kubernetes = store
    .list('NetworkPolicy', pod.namespace)
    .filter(({ spec }) => matchesSelector(spec.podSelector, pod.labels));
  const calico = (['CalicoNetworkPolicy', 'GlobalNetworkPolicy'] as const).flatMap((kind) =>
    store
      .list(kind)
      .filter(
        ({ namespace, spec }) => (namespace === '' || namespace === pod.namespace) && selectsPod(spec['selector'], pod),
      ),
  );
  const others = (['ClusterNetworkPolicy', 'AdminNetworkPolicy', 'BaselineAdminNetworkPolicy'] as const).flatMap(
    (kind) => store.list(kind),
  );
  return [...kubernetes, ...calico, ...others].map(
    (policy) => `${formatObject(policy)} may apply to Pod ${pod.namespace}/${pod.name}; policy is not enforced yet.`,
  );
}

function selectsPod(selector: unknown, pod: Pod): boolean {
  try {
    const labels = {
      ...pod.labels,
      'projectcalico.org/namespace': pod.namespace,
      'projectcalico.org/orchestrator': 'k8s',
      'projectcalico.org/serviceaccount': pod.spec.serviceAccountName,
    };
    return parseSelector(typeof selector === 'string' ? selector : '').matches(labels);
  } catch (error) {
    if (error instanceof SelectorError) return true;
    throw error;
  }
}

function birdPool(store: Store, address: Ipv4Addr): string | undefined {
  const pool = storedPools(store).find(({ cidr }) => cidrContains(cidr, addressOfIpv4(address)));
  return pool?.vxlanMode === 'Never' ? pool.name : undefined;
}
