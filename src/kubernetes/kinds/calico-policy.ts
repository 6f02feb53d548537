/**
 * Calico's policies, tiers, sets of networks, host endpoints and profiles, as `crd.projectcalico.org/v1` and
 * `projectcalico.org/v3` write them; the rules between fields are those of libcalico-go/lib/validator/v3.
 * Selectors are text here: their language is Calico's own.
 */

import { type Cidr, isIpv4Cidr } from '../address.js';
import { textMap } from '../schema/kind.js';
import {
  address,
  addressOrCidr,
  admit,
  check,
  either,
  flag,
  integer,
  listOf,
  map,
  matching,
  number,
  oneOf,
  optional,
  orEmpty,
  port,
  rawMap,
  record,
  type Schema,
  text,
  tolerate,
  type Value,
  withDefault,
} from '../schema/schema.js';
import type { FieldPath } from '../source/json.js';
import { deletionRules, entityRules, hostPortRules, policyRules, tierRules } from './calico-policy-refused.js';

const selector = withDefault(text, '');

export interface PortRange {
  readonly first: number;
  readonly last: number;
}
export type PolicyPort = PortRange | { readonly name: string };

const PORT = 'a port from 1 to 65535, a range such as 8000:8080, or the name of a port';
const portText = matching(/^(?!\d+$|\d+:\d+$)[\w.-]{1,128}$/, PORT);

/** api/pkg/lib/numorstring/port.go: digits are a number even where they are written as text. */
const portRange: Schema<PortRange> = check(
  map(matching(/^\d{1,5}(:\d{1,5})?$/, PORT), (given): PortRange => {
    const [first = 0, last = first] = given.split(':').map(Number);
    return { first, last };
  }),
  ({ first, last }) => (first >= 1 && last <= 65_535 && first <= last ? undefined : { path: [], expected: PORT }),
);

const policyPort: Schema<PolicyPort> = either<PolicyPort, PolicyPort>(
  PORT,
  map(port, (single): PortRange => ({ first: single, last: single })),
  either<PolicyPort, PolicyPort>(
    PORT,
    portRange,
    map(portText, (name) => ({ name })),
  ),
);

const PROTOCOLS = ['TCP', 'UDP', 'SCTP', 'ICMP', 'ICMPv6', 'UDPLite'] as const;
const PROTOCOL = `one of ${PROTOCOLS.join(', ')}, or a number from 1 to 255`;
const protocolNumber = integer(1, 255);

/** By name or by number; digits are a number even where they are written as text. */
const protocol = either<string | number, string | number>(
  PROTOCOL,
  protocolNumber,
  either<string | number, string | number>(
    PROTOCOL,
    oneOf(...PROTOCOLS),
    check(map(matching(/^\d{1,3}$/, PROTOCOL), Number), (value) =>
      value >= 1 && value <= 255 ? undefined : { path: [], expected: PROTOCOL },
    ),
  ),
);

const icmp = check(
  record({ type: optional(integer(0, 254)), code: optional(integer(0, 255)) }, { closed: true }),
  ({ type, code }) =>
    code !== undefined && type === undefined ? { path: ['type'], expected: 'a type where a code is given' } : undefined,
);

/** Calico writes names between apostrophes into a selector, which one within would end. */
const accountName = check(text, (name) =>
  name.includes("'") ? { path: [], expected: 'the name of a service account' } : undefined,
);

const entity = record(
  {
    nets: listOf(addressOrCidr),
    notNets: listOf(addressOrCidr),
    selector,
    notSelector: selector,
    namespaceSelector: selector,
    services: optional(record({ name: text, namespace: withDefault(text, '') }, { closed: true })),
    serviceAccounts: optional(record({ names: listOf(accountName), selector }, { closed: true })),
    ports: listOf(policyPort),
    notPorts: listOf(policyPort),
  },
  { closed: true },
);
export type PolicyEntity = Value<typeof entity>;

const ruleFields = record(
  {
    action: oneOf('Allow', 'Deny', 'Log', 'Pass'),
    ipVersion: optional(either('4 or 6', integer(4, 4), integer(6, 6))),
    protocol: optional(protocol),
    notProtocol: optional(protocol),
    icmp: optional(icmp),
    notICMP: optional(icmp),
    source: orEmpty(entity),
    destination: orEmpty(entity),
    http: optional(rawMap),
    metadata: optional(record({ annotations: textMap })),
  },
  { closed: true },
);
type RuleFields = Value<typeof ruleFields>;

const SIDES = ['source', 'destination'] as const;
type Broken = { readonly path: FieldPath; readonly expected: string };

const hasPorts = (name: string | number): boolean => ['TCP', 'UDP', 'SCTP', 6, 17, 132].some((known) => known === name);

/** validateRule(): named ports have a protocol of their own, numbers need the rule's. */
function portRule({ protocol: name, ...rule }: RuleFields): Broken | undefined {
  for (const side of SIDES) {
    for (const field of ['ports', 'notPorts'] as const) {
      const ports = rule[side][field];
      if (name === undefined && ports.some((one) => !('name' in one)))
        return { path: [side, field], expected: 'no numeric ports where protocol is not TCP, UDP or SCTP' };
      if (name !== undefined && !hasPorts(name) && ports.length > 0)
        return { path: [side, field], expected: 'no ports where protocol is not TCP, UDP or SCTP' };
    }
  }
  return undefined;
}

/** An ICMP type asks for a protocol that has one. */
function icmpRule({ protocol: name, notProtocol, icmp: given, ipVersion }: RuleFields): Broken | undefined {
  if (given !== undefined && name !== 'ICMP' && name !== 'ICMPv6')
    return { path: ['icmp'], expected: 'no icmp where protocol is not ICMP or ICMPv6' };
  const speaksOf = (protocol: string): boolean => name === protocol || notProtocol === protocol;
  if (speaksOf('ICMP') && ipVersion === 6) return { path: ['ipVersion'], expected: '4 with protocol ICMP' };
  return speaksOf('ICMPv6') && ipVersion === 4
    ? { path: ['ipVersion'], expected: '6 with protocol ICMPv6' }
    : undefined;
}

/** Requests of HTTP are looked at by a proxy, which lets through and does nothing else. */
function httpRule({ protocol: name, http, action }: RuleFields): Broken | undefined {
  if (http === undefined) return undefined;
  if (name !== undefined && name !== 'TCP') return { path: ['protocol'], expected: 'TCP where http is given' };
  return action === 'Allow' ? undefined : { path: ['http'], expected: 'no http where action is not Allow' };
}

const family = (one: Cidr): 4 | 6 => (isIpv4Cidr(one) ? 4 : 6);

/** All networks of a rule are of one family, and no negation takes everything away. */
function netRule(rule: RuleFields): Broken | undefined {
  let seen: 4 | 6 | undefined = rule.ipVersion === 4 || rule.ipVersion === 6 ? rule.ipVersion : undefined;
  for (const side of SIDES) {
    for (const field of ['nets', 'notNets'] as const) {
      for (const [i, one] of rule[side][field].entries()) {
        seen ??= family(one);
        if (seen !== family(one)) return { path: [side, field, i], expected: `an IPv${seen} CIDR like the others` };
        if (field === 'notNets' && one.length === 0)
          return { path: [side, field, i], expected: 'a CIDR that leaves something over' };
      }
    }
  }
  return undefined;
}

/** A Service stands for its endpoints' addresses and ports; nothing else narrows it. */
function serviceRule(rule: RuleFields): Broken | undefined {
  for (const side of SIDES) {
    const { services, selector: own, notSelector, namespaceSelector, serviceAccounts, nets, notNets } = rule[side];
    if (services === undefined) continue;
    const selects = own !== '' || notSelector !== '' || namespaceSelector !== '' || serviceAccounts !== undefined;
    if (selects || nets.length > 0 || notNets.length > 0)
      return { path: [side, 'services'], expected: 'nothing beside it: no selector, serviceAccounts or nets' };
    if (side === 'destination' && rule.destination.ports.length + rule.destination.notPorts.length > 0)
      return { path: [side, 'services'], expected: 'no ports beside it: those of the endpoints count' };
  }
  return undefined;
}

const rule = tolerate(
  check(
    ruleFields,
    (given) => portRule(given) ?? httpRule(given) ?? icmpRule(given) ?? netRule(given) ?? serviceRule(given),
  ),
  entityRules,
);
export type PolicyRuleSpec = Value<typeof rule>;

const types = listOf(oneOf('Ingress', 'Egress'));

const shared = {
  tier: withDefault(text, 'default'),
  order: optional(number),
  selector,
  serviceAccountSelector: selector,
  types,
  ingress: listOf(rule),
  egress: listOf(rule),
  performanceHints: listOf(text),
};
const namespaced = record(shared, { closed: true });
const globalFields = {
  ...shared,
  namespaceSelector: selector,
  doNotTrack: withDefault(flag, false),
  preDNAT: withDefault(flag, false),
  applyOnForward: withDefault(flag, false),
};
const clusterWide = record(globalFields, { closed: true });
const stagedAction = withDefault(oneOf('Set', 'Delete', 'Learn', 'Ignore'), 'Set');
const stagedNamespaced = record({ ...shared, stagedAction }, { closed: true });
const stagedClusterWide = record({ ...globalFields, stagedAction }, { closed: true });

interface Sided {
  readonly types: readonly ('Ingress' | 'Egress')[];
  readonly ingress: readonly PolicyRuleSpec[];
  readonly egress: readonly PolicyRuleSpec[];
}

/** A Service is matched as the peer only: whom ingress comes from, whom egress goes to. */
function sidesRule(spec: Sided, serviceNeedsNamespace: boolean): Broken | undefined {
  const repeated = spec.types.findIndex((type, i) => spec.types.indexOf(type) !== i);
  if (repeated >= 0) return { path: ['types', repeated], expected: 'each type once' };
  for (const [direction, peer, self] of [
    ['ingress', 'source', 'destination'],
    ['egress', 'destination', 'source'],
  ] as const) {
    for (const [i, one] of spec[direction].entries()) {
      if (one[self].services !== undefined)
        return { path: [direction, i, self, 'services'], expected: `services of the ${peer} in ${direction} rules` };
      if (serviceNeedsNamespace && one[peer].services?.namespace === '')
        return { path: [direction, i, peer, 'services', 'namespace'], expected: 'the namespace of the Service' };
    }
  }
  return undefined;
}

/** validateGlobalNetworkPolicySpec(). */
function globalRule(spec: Value<typeof clusterWide>): Broken | undefined {
  const { doNotTrack, preDNAT, applyOnForward } = spec;
  if (doNotTrack && preDNAT) return { path: ['preDNAT'], expected: 'false where doNotTrack is true' };
  if (preDNAT && spec.egress.length > 0) return { path: ['egress'], expected: 'no egress rules with preDNAT' };
  const egress = spec.types.indexOf('Egress');
  if (preDNAT && egress >= 0) return { path: ['types', egress], expected: 'Ingress alone with preDNAT' };
  if (!applyOnForward && (preDNAT || doNotTrack))
    return { path: ['applyOnForward'], expected: 'true where doNotTrack or preDNAT is' };
  return sidesRule(spec, true);
}

export const calicoNetworkPolicyBody = record({
  spec: orEmpty(
    tolerate(
      check(namespaced, (spec) => sidesRule(spec, false)),
      policyRules,
    ),
  ),
});
export const globalNetworkPolicyBody = record({
  spec: orEmpty(tolerate(check(clusterWide, globalRule), policyRules)),
});
export const stagedNetworkPolicyBody = record({
  spec: orEmpty(
    tolerate(
      check(stagedNamespaced, (spec) => sidesRule(spec, false)),
      deletionRules,
    ),
  ),
});
export const stagedGlobalNetworkPolicyBody = record({
  spec: orEmpty(tolerate(check(stagedClusterWide, globalRule), deletionRules)),
});

const tierFields = record({
  metadata: record({ name: withDefault(text, '') }),
  spec: orEmpty(
    record({ order: optional(number), defaultAction: withDefault(oneOf('Deny', 'Pass'), 'Deny') }, { closed: true }),
  ),
});

export const tierBody = map(admit(tierFields, tierRules), ({ spec }) => ({ spec }));

/** NetworkSet and GlobalNetworkSet. */
export const networkSetBody = record({ spec: orEmpty(record({ nets: listOf(addressOrCidr) }, { closed: true })) });

const endpointPort = record(
  { name: text, protocol, port },
  {
    closed: true,
  },
);

const hostEndpointSpec = check(
  record(
    {
      node: text,
      interfaceName: withDefault(text, ''),
      expectedIPs: listOf(address),
      profiles: listOf(text),
      ports: listOf(endpointPort),
    },
    { closed: true },
  ),
  ({ interfaceName, expectedIPs }) =>
    interfaceName === '' && expectedIPs.length === 0
      ? { path: ['interfaceName'], expected: 'an interface, or expectedIPs by which to find it' }
      : undefined,
);
export const hostEndpointBody = record({ spec: tolerate(hostEndpointSpec, hostPortRules) });

export const profileBody = record({
  spec: orEmpty(record({ ingress: listOf(rule), egress: listOf(rule), labelsToApply: textMap }, { closed: true })),
});
