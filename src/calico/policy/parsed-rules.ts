/**
 * Policies and profiles in the form that Felix computes with: selectors, named ports and Services replaced by
 * the ids of the IP sets that hold what they stand for; felix/calc/rule_scanner.go, rule_convert.go.
 */

import type { Cause } from '../../trace/index.js';
import { type Cidr, formatCidr, networkOf } from '../cidr.js';
import type { Profile } from '../model.js';
import { uniqueId } from '../names.js';
import type { EntityRule, IcmpMatch, Policy, PolicyAction, PolicyPort, PolicyRule, PortRange } from './resources.js';
import { parseSelector, type Selector } from './selector.js';
import { entitySelector, policySelector } from './selectors.js';

export type NamedPortProtocol = 'tcp' | 'udp' | 'sctp' | 'any';

/** What an IP set holds. */
export type IpSetContent =
  | { readonly kind: 'selector'; readonly selector: Selector }
  | {
      readonly kind: 'named-port';
      readonly selector: Selector;
      readonly protocol: NamedPortProtocol;
      readonly port: string;
    }
  /** `namespace/name`; with ports it is matched as a whole, without it stands for the addresses. */
  | { readonly kind: 'service'; readonly service: string; readonly withPorts: boolean };

export interface IpSetDefinition {
  readonly id: string;
  readonly content: IpSetContent;
}

export interface ParsedEntity {
  readonly nets: readonly string[];
  readonly notNets: readonly string[];
  readonly ports: readonly PortRange[];
  readonly notPorts: readonly PortRange[];
  /** Ids of sets of addresses. */
  readonly sets: readonly string[];
  readonly notSets: readonly string[];
  /** Ids of sets of address and port that stand for named ports: any will do. */
  readonly namedPortSets: readonly string[];
  readonly notNamedPortSets: readonly string[];
  /** Ids of sets of address and port that must match. */
  readonly portSets: readonly string[];
}

export interface ParsedRule {
  readonly action: PolicyAction;
  readonly ipVersion?: 4 | 6;
  readonly protocol?: string | number;
  readonly notProtocol?: string | number;
  readonly icmp?: IcmpMatch;
  readonly notIcmp?: IcmpMatch;
  readonly source: ParsedEntity;
  readonly destination: ParsedEntity;
  readonly annotations: Readonly<Record<string, string>>;
  readonly because: readonly Cause[];
}

export interface ParsedPolicy {
  readonly policy: Policy;
  readonly selector: Selector;
  readonly inbound: readonly ParsedRule[];
  readonly outbound: readonly ParsedRule[];
  readonly sets: readonly IpSetDefinition[];
}

export interface ParsedProfile {
  readonly name: string;
  readonly inbound: readonly ParsedRule[];
  readonly outbound: readonly ParsedRule[];
  readonly sets: readonly IpSetDefinition[];
  readonly because: readonly Cause[];
}

const ALL = parseSelector('all()');

function ipSetId(content: IpSetContent): string {
  switch (content.kind) {
    case 'selector':
      return content.selector.uniqueId;
    case 'named-port':
      return uniqueId('n', `${content.selector.uniqueId},${content.protocol},${content.port}`);
    case 'service':
      return uniqueId(content.withPorts ? 'svc' : 'svcnoport', content.service);
  }
}

/** Rules of one object, with the sets that they need. */
class RuleParser {
  readonly #namespace: string;
  readonly #because: Cause;
  readonly #sets = new Map<string, IpSetDefinition>();

  constructor(namespace: string, because: Cause) {
    this.#namespace = namespace;
    this.#because = because;
  }

  get sets(): readonly IpSetDefinition[] {
    return [...this.#sets.values()];
  }

  #set(content: IpSetContent): string {
    const id = ipSetId(content);
    this.#sets.set(id, { id, content });
    return id;
  }

  rule(rule: PolicyRule): ParsedRule {
    const { action, protocol, annotations } = rule;
    const version = rule.ipVersion ?? ipVersionOf(protocol);
    return {
      action,
      ...(version !== undefined && { ipVersion: version }),
      ...(protocol !== undefined && { protocol }),
      ...(rule.notProtocol !== undefined && { notProtocol: rule.notProtocol }),
      ...(rule.icmp !== undefined && { icmp: rule.icmp }),
      ...(rule.notIcmp !== undefined && { notIcmp: rule.notIcmp }),
      source: this.#entity(rule.source, 'source', protocol),
      destination: this.#entity(rule.destination, 'destination', protocol),
      annotations,
      because: [rule.place === '' ? this.#because : { detail: rule.place, ...this.#because }],
    };
  }

  #entity(entity: EntityRule, side: 'source' | 'destination', protocol: string | number | undefined): ParsedEntity {
    const positive = entitySelector(entity, this.#namespace);
    // What is known to be an endpoint can be narrowed; anything at all cannot.
    const narrowed = positive !== '' && entity.notSelector !== '';
    const text = narrowed ? `(${positive}) && (!(${entity.notSelector}))` : positive;
    const selector = text === '' ? undefined : parseSelector(text);
    const names = entity.ports.flatMap(nameOf);
    const ports = entity.ports.flatMap(rangeOf);
    const named = (port: string): string =>
      this.#set({ kind: 'named-port', selector: selector ?? ALL, protocol: namedPortProtocol(protocol), port });
    // Named ports are sets of the selected endpoints' ports, so that they select too; numbers do not.
    const bySelector = selector !== undefined && (ports.length > 0 || names.length === 0);
    return {
      nets: entity.nets.map(netText),
      notNets: entity.notNets.map(netText),
      ports,
      notPorts: entity.notPorts.flatMap(rangeOf),
      namedPortSets: names.map(named),
      notNamedPortSets: entity.notPorts.flatMap(nameOf).map(named),
      sets: [
        ...(bySelector ? [this.#set({ kind: 'selector', selector })] : []),
        ...(side === 'source' ? this.#service(entity, false) : []),
      ],
      notSets:
        entity.notSelector === '' || narrowed
          ? []
          : [this.#set({ kind: 'selector', selector: parseSelector(entity.notSelector) })],
      portSets: side === 'destination' ? this.#service(entity, true) : [],
    };
  }

  #service({ service }: EntityRule, withPorts: boolean): string[] {
    if (service === undefined) return [];
    return [this.#set({ kind: 'service', service: `${service.namespace}/${service.name}`, withPorts })];
  }
}

const netText = (cidr: Cidr): string => formatCidr(networkOf(cidr));
const rangeOf = (port: PolicyPort): PortRange[] => ('name' in port ? [] : [port]);
const nameOf = (port: PolicyPort): string[] => ('name' in port ? [port.name] : []);

const ipVersionOf = (protocol: string | number | undefined): 4 | 6 | undefined =>
  protocol === 'icmp' ? 4 : protocol === 'icmpv6' ? 6 : undefined;

/** felix/labelindex/ipsetmember/ipset_port_protocol.go:ProtocolFrom(). */
export function namedPortProtocol(protocol: string | number | undefined): NamedPortProtocol {
  if (protocol === undefined) return 'any';
  if (protocol === 'udp' || protocol === 17) return 'udp';
  return protocol === 'sctp' || protocol === 132 ? 'sctp' : 'tcp';
}

/** Throws SelectorError. */
export function parsePolicy(policy: Policy): ParsedPolicy {
  const parser = new RuleParser(policy.id.namespace, policy.because);
  const inbound = policy.ingress.map((rule) => parser.rule(rule));
  const outbound = policy.egress.map((rule) => parser.rule(rule));
  return { policy, selector: parseSelector(policySelector(policy)), inbound, outbound, sets: parser.sets };
}

/** Throws SelectorError. */
export function parseProfile({ name, ingress, egress, because }: Profile): ParsedProfile {
  const parser = new RuleParser('', because[0] ?? { kind: 'Profile', name });
  const inbound = ingress.map((rule) => parser.rule(rule));
  const outbound = egress.map((rule) => parser.rule(rule));
  return { name, inbound, outbound, sets: parser.sets, because };
}
