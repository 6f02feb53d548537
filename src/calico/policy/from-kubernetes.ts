/**
 * NetworkPolicy of Kubernetes as a policy of Calico's;
 * libcalico-go/lib/backend/k8s/conversion/conversion.go:K8sNetworkPolicyToCalico().
 */

import type { LabelSelector, NetworkPolicyPeer, NetworkPolicyPort, ObjectOf } from '../../kubernetes/index.js';
import type { Cause } from '../../trace/index.js';
import { cidrFromStore } from '../datastore/addresses.js';
import { compareText } from '../digest.js';
import type { PolicyId } from '../names.js';
import {
  ANYTHING,
  type EntityRule,
  type Policy,
  type PolicyAction,
  type PolicyPort,
  type PolicyRule,
  type PortRange,
} from './resources.js';

/** All of Kubernetes' policies have the same order. */
const KUBERNETES_ORDER = 1000;
/** Keeps policies for pods off host endpoints. */
const PODS_ONLY = "projectcalico.org/orchestrator == 'k8s'";

/** Terms of a label selector, labels in the order of their keys. */
function terms({ matchLabels, matchExpressions }: LabelSelector): string[] {
  const labels = Object.keys(matchLabels)
    .sort(compareText)
    .map((key) => `${key} == '${matchLabels[key]}'`);
  return [...labels, ...matchExpressions.map(expression)];
}

function expression({ key, operator, values }: LabelSelector['matchExpressions'][number]): string {
  const list = values.join("', '");
  switch (operator) {
    case 'In':
      return `${key} in { '${list}' }`;
    case 'NotIn':
      return `${key} not in { '${list}' }`;
    case 'Exists':
      return `has(${key})`;
    case 'DoesNotExist':
      return `! has(${key})`;
  }
}

/** Of pods: an absent selector and an empty one select all of them. */
export const podSelectorText = (selector?: LabelSelector): string =>
  [PODS_ONLY, ...(selector === undefined ? [] : terms(selector))].join(' && ');

/** Of namespaces: an absent selector says nothing, an empty one selects all of them. */
export function namespaceSelectorText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return '';
  const all = terms(selector);
  return all.length === 0 ? 'all()' : all.join(' && ');
}

/** SimplifyPorts(): names first, then numbers in order, neighbours joined. */
function simplifyPorts(ports: readonly PolicyPort[]): readonly PolicyPort[] {
  const named = ports.filter((port) => 'name' in port);
  const ranges = ports
    .filter((port): port is PortRange => !('name' in port))
    .toSorted((a, b) => a.first - b.first || a.last - b.last);
  const numbers = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  if (ports.length <= 1 || numbers <= 1) return ports;
  const joined: PortRange[] = [];
  for (const range of ranges) {
    const before = joined.at(-1);
    if (before === undefined || range.first > before.last + 1) joined.push(range);
    else joined[joined.length - 1] = { first: before.first, last: Math.max(before.last, range.last) };
  }
  return [...named, ...joined];
}

export interface ProtocolPort {
  readonly protocol: string;
  /** Undefined: all ports. */
  readonly port: PolicyPort | undefined;
}

/** Ports by protocol, protocols in order; an entry without port stands for all of its protocol. */
function portsByProtocol(
  entries: readonly ProtocolPort[],
): readonly { readonly protocol: string; readonly ports: readonly PolicyPort[] }[] {
  const found = new Map<string, PolicyPort[] | undefined>();
  for (const { protocol, port } of entries) {
    const ports = found.get(protocol);
    if (port === undefined) found.set(protocol, undefined);
    else if (ports !== undefined) ports.push(port);
    else if (!found.has(protocol)) found.set(protocol, [port]);
  }
  return [...found]
    .sort(([a], [b]) => compareText(a, b))
    .map(([protocol, ports]) => ({ protocol, ports: ports === undefined ? [] : simplifyPorts(ports) }));
}

function policyPort({ port, endPort }: NetworkPolicyPort): PolicyPort | undefined {
  if (port === undefined) return undefined;
  if (typeof port === 'number') return { first: port, last: endPort ?? port };
  // Digits are a number even where they are written as text.
  return /^\d+$/.test(port) ? { first: Number(port), last: Number(port) } : { name: port };
}

function peerEntity({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer): EntityRule {
  if (ipBlock !== undefined) {
    return { ...ANYTHING, nets: [cidrFromStore(ipBlock.cidr)], notNets: ipBlock.except.map(cidrFromStore) };
  }
  return {
    ...ANYTHING,
    selector: podSelectorText(podSelector),
    namespaceSelector: namespaceSelectorText(namespaceSelector),
  };
}

export interface RuleShape {
  readonly direction: 'ingress' | 'egress';
  readonly action: PolicyAction;
  readonly peers: readonly EntityRule[];
  /** Empty: any protocol. */
  readonly ports: readonly ProtocolPort[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly place: string;
}

/** One rule for each protocol and peer, protocols outside. */
export function expandRule({ direction, action, peers, ports, annotations, place }: RuleShape): PolicyRule[] {
  const protocols: readonly { readonly protocol: string; readonly ports: readonly PolicyPort[] }[] =
    ports.length === 0 ? [{ protocol: '', ports: [] }] : portsByProtocol(ports);
  return protocols.flatMap(({ protocol, ports: own }) =>
    peers.map((peer) => ({
      action,
      ...(protocol !== '' && { protocol: protocol.toLowerCase() }),
      source: direction === 'ingress' ? peer : ANYTHING,
      destination: { ...(direction === 'ingress' ? ANYTHING : peer), ports: own },
      annotations,
      place,
    })),
  );
}

type Spec = Pick<ObjectOf<'NetworkPolicy'>['spec'], 'podSelector' | 'policyTypes' | 'ingress' | 'egress'>;

function rules(direction: 'ingress' | 'egress', spec: Spec): PolicyRule[] {
  const written =
    direction === 'ingress'
      ? spec.ingress.map(({ from, ports }) => ({ peers: from, ports }))
      : spec.egress.map(({ to, ports }) => ({ peers: to, ports }));
  return written.flatMap(({ peers, ports }, i) =>
    expandRule({
      direction,
      action: 'Allow',
      peers: peers.length === 0 ? [ANYTHING] : peers.map(peerEntity),
      ports: ports.map((port) => ({ protocol: port.protocol, port: policyPort(port) })),
      annotations: {},
      place: `${direction}[${i}]`,
    }),
  );
}

/** For NetworkPolicy and for its staged form, which Calico keeps for itself. */
export function fromNetworkPolicy(id: PolicyId, spec: Spec, because: Cause): Policy {
  return {
    id,
    tier: 'default',
    order: KUBERNETES_ORDER,
    selector: podSelectorText(spec.podSelector),
    namespaceSelector: '',
    serviceAccountSelector: '',
    // From a time when there were no types: ingress.
    types: spec.policyTypes.length === 0 ? ['Ingress'] : spec.policyTypes,
    ingress: rules('ingress', spec),
    egress: rules('egress', spec),
    doNotTrack: false,
    preDnat: false,
    applyOnForward: false,
    everywhere: false,
    because,
  };
}
