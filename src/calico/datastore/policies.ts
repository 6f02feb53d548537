/** Policies, tiers, sets of networks, host endpoints and profiles, out of the store of objects. */

import {
  type EndpointSlice,
  type ObjectOf,
  type PolicyEntity,
  type PolicyRuleSpec,
  type Store,
} from '../../kubernetes/index.js';
import type { Cause } from '../../trace/index.js';
import { parseDscp } from '../dscp.js';
import { cause, type HostEndpoint, type NetworkSet, type Profile, type ServiceSlice } from '../model.js';
import type { PolicyKind } from '../names.js';
import {
  ADMIN_TIER,
  BASELINE_TIER,
  fromAdminNetworkPolicy,
  fromClusterNetworkPolicy,
} from '../policy/from-admin-policy.js';
import { fromNetworkPolicy } from '../policy/from-kubernetes.js';
import {
  type EntityRule,
  plainRule,
  type Policy,
  type PolicyDirection,
  type PolicyRule,
  type TierResource,
} from '../policy/resources.js';
import { remembered } from '../memo.js';
import { addressFromStore, cidrFromStore } from './addresses.js';
import { keptLabels, policyName } from './metadata.js';

function entityOf(entity: PolicyEntity): EntityRule {
  const { services, serviceAccounts } = entity;
  return {
    nets: entity.nets.map(cidrFromStore),
    notNets: entity.notNets.map(cidrFromStore),
    selector: entity.selector,
    notSelector: entity.notSelector,
    namespaceSelector: entity.namespaceSelector,
    ...(serviceAccounts !== undefined && { serviceAccounts }),
    ...(services !== undefined && { service: services }),
    ports: entity.ports,
    notPorts: entity.notPorts,
  };
}

const lower = (protocol: string | number): string | number =>
  typeof protocol === 'string' ? protocol.toLowerCase() : protocol;

type IcmpFields = NonNullable<PolicyRuleSpec['icmp']>;

const icmpOf = ({ type, code }: IcmpFields) =>
  type === undefined ? undefined : { type, ...(code !== undefined && { code }) };

function ruleOf(rule: PolicyRuleSpec, place: string): PolicyRule {
  const { action, ipVersion, protocol, notProtocol } = rule;
  const icmp = rule.icmp && icmpOf(rule.icmp);
  const notIcmp = rule.notICMP && icmpOf(rule.notICMP);
  return {
    action,
    ...((ipVersion === 4 || ipVersion === 6) && { ipVersion }),
    ...(protocol !== undefined && { protocol: lower(protocol) }),
    ...(notProtocol !== undefined && { notProtocol: lower(notProtocol) }),
    ...(icmp && { icmp }),
    ...(notIcmp && { notIcmp }),
    source: entityOf(rule.source),
    destination: entityOf(rule.destination),
    annotations: rule.metadata?.annotations ?? {},
    place,
  };
}

const rulesOf = (rules: readonly PolicyRuleSpec[], direction: 'ingress' | 'egress'): PolicyRule[] =>
  rules.map((rule, i) => ruleOf(rule, `${direction}[${i}]`));

type CalicoPolicyKind =
  | 'CalicoNetworkPolicy'
  | 'GlobalNetworkPolicy'
  | 'StagedNetworkPolicy'
  | 'StagedGlobalNetworkPolicy';

const POLICY_KIND: Readonly<Record<CalicoPolicyKind, PolicyKind>> = {
  CalicoNetworkPolicy: 'NetworkPolicy',
  GlobalNetworkPolicy: 'GlobalNetworkPolicy',
  StagedNetworkPolicy: 'StagedNetworkPolicy',
  StagedGlobalNetworkPolicy: 'StagedGlobalNetworkPolicy',
};

const objectCause = ({ kind, namespace, name }: { kind: string; namespace: string; name: string }): Cause => ({
  kind,
  ...(namespace !== '' && { namespace }),
  name,
});

type Sided = { readonly ingress: readonly PolicyRuleSpec[]; readonly egress: readonly PolicyRuleSpec[] };

/** api/pkg/defaults/networkpolicy.go: what the API fills in. What was stored past it stays empty. */
function typesOf(apiVersion: string, types: readonly PolicyDirection[], { ingress, egress }: Sided): PolicyDirection[] {
  if (types.length > 0 || apiVersion.startsWith('crd.')) return [...types];
  if (egress.length === 0) return ['Ingress'];
  return ingress.length === 0 ? ['Egress'] : ['Ingress', 'Egress'];
}

function calicoPolicy(object: ObjectOf<CalicoPolicyKind>): Policy {
  const { kind, apiVersion, namespace, spec } = object;
  const global = 'namespaceSelector' in spec ? spec : undefined;
  return {
    id: { kind: POLICY_KIND[kind], namespace, name: policyName(object, spec.tier) },
    tier: spec.tier,
    order: spec.order,
    selector: spec.selector,
    namespaceSelector: global?.namespaceSelector ?? '',
    serviceAccountSelector: spec.serviceAccountSelector,
    types: typesOf(apiVersion, spec.types, spec),
    ingress: rulesOf(spec.ingress, 'ingress'),
    egress: rulesOf(spec.egress, 'egress'),
    doNotTrack: global?.doNotTrack ?? false,
    preDnat: global?.preDNAT ?? false,
    applyOnForward: global?.applyOnForward ?? false,
    everywhere: spec.performanceHints.includes('AssumeNeededOnEveryNode'),
    because: objectCause(object),
  };
}

/** v3.31 is the last version that reads the older pair. */
function readsAdminNetworkPolicy(store: Store): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(calicoVersion(store)) ?? [];
  return major === undefined || Number(major) < 3 || (Number(major) === 3 && Number(minor) < 32);
}

/** As the cluster says; '' where it does not. */
export const calicoVersion = (store: Store): string =>
  store.get('ClusterInformation', '', 'default')?.spec.calicoVersion ?? '';

/** Policies of the older pair that somebody enforces, or nobody. */
export const adminNetworkPolicies = (
  store: Store,
): {
  readonly enforced: boolean;
  readonly policies: readonly (ObjectOf<'AdminNetworkPolicy'> | ObjectOf<'BaselineAdminNetworkPolicy'>)[];
} => ({
  enforced: readsAdminNetworkPolicy(store),
  policies: [...store.list('AdminNetworkPolicy'), ...store.list('BaselineAdminNetworkPolicy')],
});

/** libcalico-go/lib/resources/profile.go. */
const DEFAULT_ALLOW: Profile = {
  name: 'projectcalico-default-allow',
  labelsToApply: {},
  ingress: [plainRule('Allow')],
  egress: [plainRule('Allow')],
  because: [cause('Profile', 'projectcalico-default-allow')],
};

/** Conversions of objects, each made once as long as the object is the same. */
export class PolicyConversions {
  readonly #kubernetes = remembered((object: ObjectOf<'NetworkPolicy'>): Policy => {
    const { kind, namespace, name, spec } = object;
    return fromNetworkPolicy({ kind: 'KubernetesNetworkPolicy', namespace, name }, spec, { kind, namespace, name });
  });
  readonly #staged = remembered((object: ObjectOf<'StagedKubernetesNetworkPolicy'>): Policy => {
    const { kind, namespace, name, spec } = object;
    return fromNetworkPolicy({ kind, namespace, name }, spec, { kind, namespace, name });
  });
  readonly #cluster = remembered(fromClusterNetworkPolicy);
  readonly #admin = remembered(fromAdminNetworkPolicy);
  readonly #calico = remembered(calicoPolicy);
  readonly #hostEndpoint = remembered(hostEndpointOf);
  readonly #networkSet = remembered(networkSetOf);
  readonly #profile = remembered(profileOf);
  readonly #slice = remembered(sliceOf);

  /** All policies, the staged ones too, but for those that stage a deletion. */
  policies(store: Store): Policy[] {
    const admin = adminNetworkPolicies(store);
    const stays = ({ spec }: { spec: { stagedAction: string } }): boolean => spec.stagedAction !== 'Delete';
    return [
      ...store.list('NetworkPolicy').map(this.#kubernetes),
      ...store.list('CalicoNetworkPolicy').map(this.#calico),
      ...store.list('GlobalNetworkPolicy').map(this.#calico),
      ...store.list('ClusterNetworkPolicy').map(this.#cluster),
      ...(admin.enforced ? admin.policies.map(this.#admin) : []),
      ...store.list('StagedNetworkPolicy').filter(stays).map(this.#calico),
      ...store.list('StagedGlobalNetworkPolicy').filter(stays).map(this.#calico),
      ...store.list('StagedKubernetesNetworkPolicy').filter(stays).map(this.#staged),
    ];
  }

  hostEndpoints(store: Store): HostEndpoint[] {
    return store.list('HostEndpoint').map(this.#hostEndpoint);
  }

  networkSets(store: Store): NetworkSet[] {
    return [...store.list('GlobalNetworkSet'), ...store.list('NetworkSet')].map(this.#networkSet);
  }

  /** Those that somebody wrote, and the one that Calico has for host endpoints. */
  profiles(store: Store): Profile[] {
    const written = store.list('Profile').map(this.#profile);
    return written.some(({ name }) => name === DEFAULT_ALLOW.name) ? written : [DEFAULT_ALLOW, ...written];
  }

  serviceSlices(store: Store): ServiceSlice[] {
    return store.list('EndpointSlice').flatMap((slice) => this.#slice(slice));
  }
}

function hostEndpointOf(object: ObjectOf<'HostEndpoint'>): HostEndpoint {
  const { name, annotations, spec } = object;
  const dscp = parseDscp(annotations['qos.projectcalico.org/dscp'] ?? '');
  return {
    name,
    node: spec.node,
    interfaceName: spec.interfaceName,
    expectedIps: spec.expectedIPs.map(addressFromStore),
    labels: keptLabels(object),
    profiles: spec.profiles,
    ports: spec.ports.map((port) => ({ ...port, protocol: lower(port.protocol) })),
    ...(dscp !== undefined && { dscp }),
  };
}

/** A namespaced set has its namespace's labels, as a pod has. */
function networkSetOf(object: ObjectOf<'GlobalNetworkSet' | 'NetworkSet'>): NetworkSet {
  const { namespace, spec } = object;
  const global = namespace === '';
  return {
    nets: spec.nets.map(cidrFromStore),
    labels: { ...keptLabels(object), ...(!global && { 'projectcalico.org/namespace': namespace }) },
    profiles: global ? [] : [`kns.${namespace}`],
    because: objectCause(object),
  };
}

const profileOf = ({ kind, name, spec }: ObjectOf<'Profile'>): Profile => ({
  name,
  labelsToApply: spec.labelsToApply,
  ingress: rulesOf(spec.ingress, 'ingress'),
  egress: rulesOf(spec.egress, 'egress'),
  because: [cause(kind, name)],
});

const SLICE_PROTOCOL = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

/** Ready or not, all endpoints count; a port that is left open does not. */
function sliceOf({ namespace, labels, endpoints, ports }: EndpointSlice): ServiceSlice[] {
  const service = labels['kubernetes.io/service-name'];
  if (service === undefined) return [];
  return [
    {
      service: `${namespace}/${service}`,
      addresses: endpoints.flatMap(({ addresses }) => addresses.map(addressFromStore)),
      ports: ports.flatMap(({ protocol, port }) =>
        port === undefined ? [] : [{ protocol: SLICE_PROTOCOL[protocol], port }],
      ),
    },
  ];
}

/** Tiers that are there without anybody having made them; libcalico-go/lib/clientv3/client.go. */
const BUILT_IN: readonly TierResource[] = [
  { name: 'default', order: 1_000_000, defaultAction: 'Deny', because: [] },
  { name: ADMIN_TIER.cluster, order: 1_000, defaultAction: 'Pass', because: [] },
  { name: BASELINE_TIER.cluster, order: 10_000_000, defaultAction: 'Pass', because: [] },
];
const OLD: readonly TierResource[] = [
  { name: ADMIN_TIER.old, order: 1_000, defaultAction: 'Pass', because: [] },
  { name: BASELINE_TIER.old, order: 10_000_000, defaultAction: 'Pass', because: [] },
];

export function storedTiers(store: Store): TierResource[] {
  const builtIn = [...BUILT_IN, ...(readsAdminNetworkPolicy(store) ? OLD : [])];
  const written = store.list('Tier').map(({ kind, name, spec }) => ({
    name,
    order: spec.order,
    defaultAction: spec.defaultAction,
    because: [cause(kind, name)],
  }));
  return [...builtIn.filter(({ name }) => !written.some((one) => one.name === name)), ...written];
}
