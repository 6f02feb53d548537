/**
 * ClusterNetworkPolicy, and AdminNetworkPolicy and BaselineAdminNetworkPolicy before it, as policies of tiers of
 * their own; libcalico-go/lib/backend/k8s/conversion/clusternetworkpolicy.go, and conversion.go of v3.31, the
 * last version that knows the older pair.
 */

import type {
  AdminEgressPeer,
  AdminIngressPeer,
  AdminPolicyPort,
  ClusterPolicyProtocol,
  ObjectOf,
  PolicySubject,
} from '../../kubernetes/index.js';
import type { Cause } from '../../trace/index.js';
import { cidrFromStore } from '../datastore/addresses.js';
import type { PolicyId } from '../names.js';
import { expandRule, namespaceSelectorText, podSelectorText, type ProtocolPort } from './from-kubernetes.js';
import { ANYTHING, type EntityRule, plainRule, type Policy, type PolicyAction, type PolicyRule } from './resources.js';

export const ADMIN_TIER = { cluster: 'kube-admin', old: 'adminnetworkpolicy' } as const;
export const BASELINE_TIER = { cluster: 'kube-baseline', old: 'baselineadminnetworkpolicy' } as const;

/** Annotation that carries a rule's name on to its iptables rules. */
const RULE_NAME = 'name';

type Peer = AdminIngressPeer | AdminEgressPeer;

/** One side's peer, or undefined where it is of a kind that Calico does not know (nodes, domain names). */
function peerEntity(peer: Peer): EntityRule | undefined {
  const { namespaces, pods } = peer;
  const nets = 'networks' in peer ? peer.networks.map(cidrFromStore) : [];
  if (namespaces === undefined && pods === undefined && nets.length === 0) return undefined;
  const selected =
    pods === undefined
      ? { namespaceSelector: namespaceSelectorText(namespaces) }
      : {
          selector: podSelectorText(pods.podSelector),
          namespaceSelector: namespaceSelectorText(pods.namespaceSelector),
        };
  return { ...ANYTHING, ...selected, nets };
}

interface WrittenRule {
  readonly name: string;
  readonly action: PolicyAction;
  readonly peers: readonly Peer[];
  /** Undefined where a rule without ports is meant. */
  readonly ports: readonly ProtocolPort[];
}

/** A rule that cannot be converted must not open anything: what would deny or pass denies all. */
function convertRule(rule: WrittenRule, direction: 'ingress' | 'egress', place: string): PolicyRule[] {
  const peers = rule.peers.map(peerEntity);
  if (peers.some((peer) => peer === undefined)) return rule.action === 'Allow' ? [] : [plainRule('Deny', place)];
  return expandRule({
    direction,
    action: rule.action,
    peers: peers.filter((peer) => peer !== undefined),
    ports: rule.ports,
    annotations: rule.name === '' ? {} : { [RULE_NAME]: rule.name },
    place,
  });
}

/** A rule of which part cannot be converted, by its place: `egress[0].to[1]`. */
export function unconvertiblePeers(
  direction: 'ingress' | 'egress',
  rules: readonly { readonly peers: readonly Peer[] }[],
): readonly (readonly (string | number)[])[] {
  const side = direction === 'ingress' ? 'from' : 'to';
  return rules.flatMap(({ peers }, i) =>
    peers.flatMap((peer, j) => (peerEntity(peer) === undefined ? [[direction, i, side, j]] : [])),
  );
}

/** An entry that names neither protocol nor port opens all, whatever stands beside it. */
function clusterPorts(protocols: readonly ClusterPolicyProtocol[]): readonly ProtocolPort[] {
  const ports: ProtocolPort[] = [];
  for (const entry of protocols) {
    const { tcp, udp, sctp, destinationNamedPort } = entry;
    const [protocol, given] = tcp !== undefined ? ['TCP', tcp] : udp !== undefined ? ['UDP', udp] : ['SCTP', sctp];
    if (given !== undefined) {
      const number = given.destinationPort?.number;
      const range = given.destinationPort?.range;
      const port =
        number === undefined ? range && { first: range.start, last: range.end } : { first: number, last: number };
      ports.push({ protocol, port });
    } else if (destinationNamedPort === '') return [];
    else ports.push({ protocol: '', port: { name: destinationNamedPort } });
  }
  return ports;
}

/** Names of ports are not converted: an entry with one opens all, as v3.31 reads it. */
function adminPorts(entries: readonly AdminPolicyPort[]): readonly ProtocolPort[] {
  const ports: ProtocolPort[] = [];
  for (const { portNumber, portRange } of entries) {
    if (portNumber !== undefined) {
      ports.push({ protocol: portNumber.protocol, port: { first: portNumber.port, last: portNumber.port } });
    } else if (portRange !== undefined) {
      ports.push({ protocol: portRange.protocol, port: { first: portRange.start, last: portRange.end } });
    } else return [];
  }
  return ports;
}

interface Shape {
  readonly id: PolicyId;
  readonly tier: string;
  readonly order: number;
  readonly subject: PolicySubject;
  readonly ingress: readonly WrittenRule[];
  readonly egress: readonly WrittenRule[];
  readonly because: Cause;
}

function policyOf({ id, tier, order, subject, because, ...written }: Shape): Policy {
  const { namespaces, pods } = subject;
  const rules = (direction: 'ingress' | 'egress'): PolicyRule[] =>
    written[direction].flatMap((rule, i) => convertRule(rule, direction, `${direction}[${i}]`));
  const [ingress, egress] = [rules('ingress'), rules('egress')];
  return {
    id,
    tier,
    order,
    selector: podSelectorText(pods?.podSelector),
    namespaceSelector: namespaceSelectorText(namespaces ?? pods?.namespaceSelector),
    serviceAccountSelector: '',
    // These tiers pass on what they do not decide, so a direction without rules is none.
    types: [...(ingress.length > 0 ? (['Ingress'] as const) : []), ...(egress.length > 0 ? (['Egress'] as const) : [])],
    ingress,
    egress,
    doNotTrack: false,
    preDnat: false,
    applyOnForward: false,
    everywhere: false,
    because,
  };
}

const CLUSTER_ACTION = { Accept: 'Allow', Deny: 'Deny', Pass: 'Pass' } as const;

export function fromClusterNetworkPolicy({ kind, name, spec }: ObjectOf<'ClusterNetworkPolicy'>): Policy {
  return policyOf({
    id: { kind: 'KubernetesClusterNetworkPolicy', namespace: '', name },
    tier: (spec.tier === 'Admin' ? ADMIN_TIER : BASELINE_TIER).cluster,
    order: spec.priority,
    subject: spec.subject,
    ingress: spec.ingress.map((rule) => ({
      name: rule.name,
      action: CLUSTER_ACTION[rule.action],
      peers: rule.from,
      ports: clusterPorts(rule.protocols),
    })),
    egress: spec.egress.map((rule) => ({
      name: rule.name,
      action: CLUSTER_ACTION[rule.action],
      peers: rule.to,
      ports: clusterPorts(rule.protocols),
    })),
    because: { kind, name },
  });
}

/** AdminNetworkPolicy, or BaselineAdminNetworkPolicy, whose order does not matter as there is but one. */
export function fromAdminNetworkPolicy(
  object: ObjectOf<'AdminNetworkPolicy'> | ObjectOf<'BaselineAdminNetworkPolicy'>,
): Policy {
  const { kind, name, spec } = object;
  const admin = kind === 'AdminNetworkPolicy';
  const prefix = admin ? 'kanp.adminnetworkpolicy.' : 'kbanp.baselineadminnetworkpolicy.';
  return policyOf({
    id: { kind: 'GlobalNetworkPolicy', namespace: '', name: prefix + name },
    tier: (admin ? ADMIN_TIER : BASELINE_TIER).old,
    order: 'priority' in spec ? spec.priority : BASELINE_ORDER,
    subject: spec.subject,
    ingress: spec.ingress.map((rule) => ({ ...rule, peers: rule.from, ports: adminPorts(rule.ports) })),
    egress: spec.egress.map((rule) => ({ ...rule, peers: rule.to, ports: adminPorts(rule.ports) })),
    because: { kind, name },
  });
}

const BASELINE_ORDER = 1000;
