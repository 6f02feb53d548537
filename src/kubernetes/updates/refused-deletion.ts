/**
 * What may not be deleted: namespaces that every cluster has (k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle), and
 * of Calico's own API tiers that are there from the start, or have policies (libcalico-go/lib/clientv3/tier.go).
 */

import { groupOf } from '../schema/kind.js';
import { type Declared, type DeclaredObject, formatKey, type ObjectKey } from '../source/declared.js';
import { field } from '../source/json.js';

const IMMORTAL = new Set(['default', 'kube-system', 'kube-public']);
const STATIC_TIERS = new Set(['default', 'kube-admin', 'kube-baseline']);
const POLICIES = new Set(['NetworkPolicy', 'GlobalNetworkPolicy', 'StagedNetworkPolicy', 'StagedGlobalNetworkPolicy']);
const CALICO = 'projectcalico.org';

const isOfTier = ({ key, document }: DeclaredObject, tier: string): boolean =>
  key.group === CALICO && POLICIES.has(key.kind) && field(field(document.value, 'spec'), 'tier') === tier;

/** Who writes to Calico's custom resources themselves is not asked. */
const isGuarded = (object: DeclaredObject | undefined): boolean =>
  object !== undefined && groupOf(object.document.apiVersion) === CALICO;

/** In the words of who refuses it; undefined where it may go. `keys` go together. */
export function refusedDeletion(key: ObjectKey, declared: Declared, keys: readonly ObjectKey[]): string | undefined {
  const { group, kind, name } = key;
  if (group === '' && kind === 'Namespace' && IMMORTAL.has(name))
    return `namespaces "${name}" is forbidden: this namespace may not be deleted`;
  if (group !== CALICO || kind !== 'Tier' || !isGuarded(declared.byId.get(formatKey(key)))) return undefined;
  if (STATIC_TIERS.has(name)) return `operation Delete is not supported on ${name}: Cannot delete ${name} tier`;
  const gone = new Set(keys.map(formatKey));
  const hasPolicies = [...declared.byId.values()].some((one) => !gone.has(one.id) && isOfTier(one, name));
  return hasPolicies ? `operation delete is not supported on ${name}: Cannot delete a non-empty tier` : undefined;
}
