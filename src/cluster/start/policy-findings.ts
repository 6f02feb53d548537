/** What is to be said of policies that load: nobody enforces them, they only look on, they are not where they seem. */

import {
  adminNetworkPolicies,
  annotationProblems,
  calicoVersion,
  felixLayers,
  parseSelector,
  readFelixConfig,
  storedTiers,
  unconvertiblePeers,
  unreadLists,
} from '../../calico/index.js';
import {
  type FieldPath,
  type Finding,
  finding,
  type FindingCode,
  formatObject,
  type Kind,
  matchesSelector,
  nearMatches,
  type Pod,
  type PolicyRuleSpec,
  type Severity,
  type Store,
  type Subject,
} from '../../kubernetes/index.js';
import type { NetworkPlan } from '../../underlay/index.js';

const ENFORCED = [
  'NetworkPolicy',
  'CalicoNetworkPolicy',
  'GlobalNetworkPolicy',
  'ClusterNetworkPolicy',
  'AdminNetworkPolicy',
  'BaselineAdminNetworkPolicy',
  'HostEndpoint',
] as const satisfies readonly Kind[];

const STAGED = ['StagedNetworkPolicy', 'StagedGlobalNetworkPolicy', 'StagedKubernetesNetworkPolicy'] as const;
const TIERED = [
  'CalicoNetworkPolicy',
  'GlobalNetworkPolicy',
  'StagedNetworkPolicy',
  'StagedGlobalNetworkPolicy',
] as const;

class Findings {
  readonly all: Finding[] = [];

  add(subject: Subject, path: FieldPath, what: { code: FindingCode; severity: Severity; message: string }): void {
    this.all.push(finding(subject, path, what));
  }
}

/** Policies are only words until a CNI plugin with a policy engine reads them. */
function nobodyEnforces(store: Store, found: Findings): void {
  for (const kind of ENFORCED) {
    for (const object of store.list(kind)) {
      found.add(object, [], {
        code: 'policy-not-enforced',
        severity: 'warning',
        message: 'nothing in this cluster enforces policy: no packet is dropped for it',
      });
    }
  }
}

function missingTiers(store: Store, found: Findings): void {
  const tiers = storedTiers(store).map(({ name }) => name);
  for (const kind of TIERED) {
    for (const object of store.list(kind)) {
      const { tier } = object.spec;
      if (tiers.includes(tier)) continue;
      const near = nearMatches(tier, tiers);
      const hint = near.length === 0 ? '' : ` (near: ${near.join(', ')})`;
      const message = `its tier ${tier} does not exist${hint}: it comes after all tiers that do, and what it does not decide is dropped`;
      found.add(object, ['spec', 'tier'], { code: 'tier-missing', severity: 'warning', message });
    }
  }
}

function olderPair(store: Store, found: Findings): void {
  const { enforced, policies } = adminNetworkPolicies(store);
  const version = calicoVersion(store);
  for (const object of policies) {
    if (enforced) {
      const message =
        'Calico reads it up to v3.31, as which it is enforced here; v3.32 reads ClusterNetworkPolicy instead';
      found.add(object, [], { code: 'calico-setting', severity: 'notice', message });
    } else {
      const message = `Calico ${version} does not read it any more: nothing enforces it`;
      found.add(object, [], { code: 'policy-not-enforced', severity: 'warning', message });
    }
  }
}

/** Peers that Calico does not know make the whole rule another one. */
function unknownPeers(store: Store, found: Findings): void {
  const objects = [
    ...store.list('ClusterNetworkPolicy'),
    ...store.list('AdminNetworkPolicy'),
    ...store.list('BaselineAdminNetworkPolicy'),
  ];
  for (const object of objects) {
    const rules = [
      ...object.spec.ingress.map(({ action }) => action),
      ...object.spec.egress.map(({ action }) => action),
    ];
    const places = [
      ...unconvertiblePeers(
        'ingress',
        object.spec.ingress.map(({ from }) => ({ peers: from })),
      ),
      ...unconvertiblePeers(
        'egress',
        object.spec.egress.map(({ to }) => ({ peers: to })),
      ),
    ];
    for (const place of places) {
      const [direction, index] = place;
      const offset = direction === 'egress' ? object.spec.ingress.length : 0;
      const action = rules[offset + Number(index)];
      const opens = action === 'Allow' || action === 'Accept';
      const message = `Calico does not know this kind of peer: the rule ${opens ? 'is left out' : 'denies everything'}`;
      found.add(object, ['spec', ...place], { code: 'calico-setting', severity: 'warning', message });
    }
  }
}

/** v3.31 has names of ports still to do: an entry with one is for everything, and with it the whole rule. */
function namedPorts(store: Store, found: Findings): void {
  const { enforced, policies } = adminNetworkPolicies(store);
  const message = 'Calico does not know names of ports here: the rule is for all protocols and ports';
  for (const object of enforced ? policies : []) {
    for (const direction of ['ingress', 'egress'] as const) {
      for (const [i, rule] of object.spec[direction].entries()) {
        const named = rule.ports.findIndex(({ namedPort }) => namedPort !== '');
        const peers = 'from' in rule ? rule.from : rule.to;
        if (named < 0 || unconvertiblePeers(direction, [{ peers }]).length > 0) continue;
        const path = ['spec', direction, i, 'ports', named, 'namedPort'];
        found.add(object, path, { code: 'calico-setting', severity: 'warning', message });
      }
    }
  }
}

function staged(store: Store, found: Findings): void {
  for (const kind of STAGED) {
    for (const object of store.list(kind)) {
      found.add(object, [], {
        code: 'policy-staged',
        severity: 'notice',
        message: 'it is staged: it changes no packet until it is made a policy',
      });
    }
  }
}

const rulesOf = (spec: { ingress: readonly PolicyRuleSpec[]; egress: readonly PolicyRuleSpec[] }) =>
  (['ingress', 'egress'] as const).flatMap((direction) =>
    spec[direction].map((rule, i) => ({ rule, path: ['spec', direction, i] })),
  );

/** Services that some EndpointSlice is about: of the input, or made by the controllers of what has a selector, or Endpoints. */
const servicesWithEndpoints = (store: Store): ReadonlySet<string> => {
  const named = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
    `${namespace}/${name}`;
  return new Set([
    ...store
      .list('EndpointSlice')
      .map(({ namespace, labels }) => `${namespace}/${labels['kubernetes.io/service-name']}`),
    ...store.list('Endpoints').map(named),
    ...store
      .list('Service')
      .filter(({ spec }) => Object.keys(spec.selector ?? {}).length > 0)
      .map(named),
  ]);
};

/** Why a Service that a rule names stands for nobody, or undefined. */
function emptyService(service: { namespace: string; name: string }, known: ReadonlySet<string>): string | undefined {
  const { namespace, name } = service;
  if (namespace === '') return 'without a namespace it is nobody’s Service, whatever the policy’s own';
  return known.has(`${namespace}/${name}`) ? undefined : `there is no EndpointSlice of Service ${namespace}/${name}`;
}

/** Policies that select pods of their nodes' networks alone: Calico has no endpoint for those. */
function selectsHostNetwork(store: Store, found: Findings): void {
  const onHost = store.list('Pod').filter(({ spec }) => spec.hostNetwork);
  if (onHost.length === 0) return;
  for (const policy of store.list('NetworkPolicy')) {
    const { podSelector } = policy.spec;
    const selects = ({ namespace, labels }: Pod): boolean =>
      namespace === policy.namespace && matchesSelector(podSelector, labels);
    const first = onHost.find(selects);
    if (first === undefined || store.list('Pod', policy.namespace).some((pod) => !pod.spec.hostNetwork && selects(pod)))
      continue;
    const message = `it selects only pods on the networks of their nodes, such as ${formatObject(first)}, which policy does not reach`;
    found.add(policy, ['spec', 'podSelector'], { code: 'policy-not-enforced', severity: 'warning', message });
  }
}

/** What rules ask of others than iptables, of Services without endpoints, and what Felix does not read of them. */
function ruleContents(store: Store, found: Findings): void {
  const services = servicesWithEndpoints(store);
  const objects = TIERED.flatMap((kind) => store.list(kind).map((object) => ({ object, rules: rulesOf(object.spec) })));
  for (const { object, rules } of objects) {
    for (const { rule, path } of rules) {
      if (rule.http !== undefined) {
        const message = 'HTTP is matched by Envoy, not by iptables: packets are judged without it';
        found.add(object, [...path, 'http'], { code: 'unmodelled-field', severity: 'notice', message });
      }
      for (const list of unreadLists(rule)) {
        const message =
          'this list has no effect: Felix reckons whether lists of a rule hold (several networks, or ports for which ' +
          'one match is not enough) in a bit of the mark that it does not clear between the second and those after it';
        found.add(object, [...path, ...list], { code: 'calico-setting', severity: 'warning', message });
      }
      for (const side of ['source', 'destination'] as const) {
        const why = rule[side].services && emptyService(rule[side].services, services);
        if (why === undefined) continue;
        const what = { code: 'service-selects-nothing', severity: 'warning' } as const;
        found.add(object, [...path, side, 'services'], { ...what, message: `${why}: this matches no packet` });
      }
    }
  }
}

function hostEndpoints(store: Store, plan: NetworkPlan, found: Findings): void {
  const untracked = store.list('GlobalNetworkPolicy').filter(({ spec }) => spec.doNotTrack);
  for (const object of store.list('HostEndpoint')) {
    const { node, interfaceName, expectedIPs } = object.spec;
    const machine = plan.machines.get(node);
    const report = (path: FieldPath, message: string): void =>
      found.add(object, path, { code: 'host-endpoint', severity: 'warning', message });
    if (machine?.role !== 'node') {
      report(['spec', 'node'], `its node ${node} does not exist: it protects nothing`);
      continue;
    }
    const named = interfaceName !== '' && interfaceName !== '*';
    if (named && !machine.interfaces.some(({ name }) => name === interfaceName)) {
      report(['spec', 'interfaceName'], `${node} has no interface ${interfaceName}: it protects nothing`);
    }
    const carriesOne = machine.interfaces.some(({ address }) => expectedIPs.some((expected) => expected === address));
    if (interfaceName === '' && !carriesOne)
      report(['spec', 'expectedIPs'], `no interface of ${node} has one of these addresses: it protects nothing`);
    const selected = untracked.some(({ spec }) => parseSelector(spec.selector).matches(object.labels));
    if (interfaceName === '*' && selected) {
      report(['spec', 'interfaceName'], 'policies with doNotTrack do not apply to an endpoint for all interfaces');
    }
  }
}

const SPOOFING = 'cni.projectcalico.org/allowedSourcePrefixes';

/** Felix takes a pod that asks for sources in vain for none at all. */
function spoofing(store: Store, found: Findings): void {
  for (const pod of store.list('Pod')) {
    if ((pod.annotations[SPOOFING] ?? '') === '') continue;
    if (readFelixConfig(felixLayers(store, pod.spec.nodeName)).config.sourceSpoofing) continue;
    found.add(pod, ['metadata', 'annotations', SPOOFING], {
      code: 'calico-setting',
      severity: 'warning',
      message: 'Felix’ WorkloadSourceSpoofing is not Any: it treats the pod as missing, and drops its packets',
    });
  }
}

function podAnnotations(store: Store, found: Findings): void {
  spoofing(store, found);
  for (const pod of store.list('Pod')) {
    for (const { annotation, expected } of annotationProblems(pod)) {
      const message = `${annotation}: expected ${expected}`;
      found.add(pod, ['metadata', 'annotations', annotation], { code: 'calico-setting', severity: 'warning', message });
    }
  }
}

/** `enforced`: Calico is there. */
export function policyFindings(store: Store, plan: NetworkPlan, enforced: boolean): readonly Finding[] {
  const found = new Findings();
  if (!enforced) nobodyEnforces(store, found);
  else {
    missingTiers(store, found);
    olderPair(store, found);
    unknownPeers(store, found);
    namedPorts(store, found);
    ruleContents(store, found);
    selectsHostNetwork(store, found);
    hostEndpoints(store, plan, found);
    podAnnotations(store, found);
  }
  staged(store, found);
  return found.all;
}
