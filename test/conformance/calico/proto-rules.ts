/** Rules as Felix' calculation hands them to its dataplane (felix/proto: Rule), in this module's form. */

import type { PolicyId } from '../../../src/calico/names.js';
import type { ParsedEntity, ParsedRule } from '../../../src/calico/policy/parsed-rules.js';
import type { IcmpMatch, Policy, PolicyAction, PortRange } from '../../../src/calico/policy/resources.js';
import { Json } from './vectors.js';

export const NO_RULE = new Json({}, 'no rule');

const ACTIONS: Readonly<Record<string, PolicyAction>> = {
  '': 'Allow',
  allow: 'Allow',
  deny: 'Deny',
  pass: 'Pass',
  'next-tier': 'Pass',
  log: 'Log',
};

function actionOf(rule: Json): PolicyAction {
  const action = ACTIONS[rule.get('action').textOr('').toLowerCase()];
  if (action === undefined) throw new TypeError(`unknown action ${rule.get('action').text()}`);
  return action;
}

/** Both spellings of the recordings: Go's own fields, and protocol buffers'. */
function protocolOf(value: Json): string | number | undefined {
  if (value.absent) return undefined;
  const either = value.get('NumberOrName').absent ? value : value.get('NumberOrName');
  for (const key of ['Name', 'name', 'Number', 'number']) {
    const found = either.get(key).value;
    if (typeof found === 'string' || typeof found === 'number') return found;
  }
  throw new TypeError('a protocol without name and number');
}

function icmpOf(...candidates: readonly Json[]): IcmpMatch | undefined {
  const found = candidates.find((one) => !one.absent);
  if (found === undefined) return undefined;
  if (typeof found.value === 'number') return { type: found.value };
  return { type: found.get('type').numberOr(0), code: found.get('code').numberOr(0) };
}

const portsOf = (list: Json): PortRange[] =>
  list.list().map((range) => ({ first: range.get('first').numberOr(0), last: range.get('last').numberOr(0) }));

const entityOf = (rule: Json, side: 'src' | 'dst'): ParsedEntity => ({
  nets: rule.get(`${side}_net`).texts(),
  notNets: rule.get(`not_${side}_net`).texts(),
  ports: portsOf(rule.get(`${side}_ports`)),
  notPorts: portsOf(rule.get(`not_${side}_ports`)),
  sets: rule.get(`${side}_ip_set_ids`).texts(),
  notSets: rule.get(`not_${side}_ip_set_ids`).texts(),
  namedPortSets: rule.get(`${side}_named_port_ip_set_ids`).texts(),
  notNamedPortSets: rule.get(`not_${side}_named_port_ip_set_ids`).texts(),
  portSets: rule.get(`${side}_ip_port_set_ids`).texts(),
});

export function ruleOf(rule: Json): ParsedRule {
  const version = rule.get('ip_version').value;
  const protocol = protocolOf(rule.get('protocol'));
  const notProtocol = protocolOf(rule.get('not_protocol'));
  const oneof = rule.get('Icmp');
  const notOneof = rule.get('NotIcmp');
  const icmp = icmpOf(
    rule.get('icmp_type_code'),
    rule.get('icmp_type'),
    oneof.get('IcmpTypeCode'),
    oneof.get('IcmpType'),
  );
  const notIcmp = icmpOf(
    rule.get('not_icmp_type_code'),
    rule.get('not_icmp_type'),
    notOneof.get('NotIcmpTypeCode'),
    notOneof.get('NotIcmpType'),
  );
  return {
    action: actionOf(rule),
    ...((version === 4 || version === 6) && { ipVersion: version }),
    ...(protocol !== undefined && { protocol }),
    ...(notProtocol !== undefined && { notProtocol }),
    ...(icmp && { icmp }),
    ...(notIcmp && { notIcmp }),
    source: entityOf(rule, 'src'),
    destination: entityOf(rule, 'dst'),
    annotations: rule.get('metadata').get('annotations').labels(),
    because: [],
  };
}

/** A policy of which only the name and the tier matter. */
export const policyNamed = (id: PolicyId, tier: string): Policy => ({
  id,
  tier,
  order: undefined,
  selector: '',
  namespaceSelector: '',
  serviceAccountSelector: '',
  types: [],
  ingress: [],
  egress: [],
  doNotTrack: false,
  preDnat: false,
  applyOnForward: false,
  everywhere: false,
  because: { kind: id.kind, name: id.name },
});
