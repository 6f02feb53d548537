/**
 * Why no rule of a policy allows a packet: for each of its rules the first thing that does not hold, with what
 * the rule's selectors select instead. For people; what decides is the chains.
 */

import { type Address, cidrContains, formatAddress, formatCidr } from '../cidr.js';
import type { EntityRule, Policy, PolicyPort, PolicyRule } from '../policy/resources.js';
import { parseSelector } from '../policy/selector.js';
import { entitySelector, NAMESPACE_LABEL_PREFIX } from '../policy/selectors.js';
import { type Cause, formatCause } from '../../trace/index.js';
import type { FelixCluster } from './calc/input.js';
import type { Contributor } from './calc/ip-set-members.js';

/** What a policy is asked about: the packet as it was when it was dropped, after NAT. */
export interface AskedPacket {
  /** By number. */
  readonly protocol: number;
  readonly source: Address;
  readonly destination: Address;
  /** Undefined where the protocol has none. */
  readonly destinationPort: number | undefined;
}

export interface UndecidedPacket {
  /** The policies that apply, as a rule's causes name them. */
  readonly policies: readonly Cause[];
  readonly direction: 'ingress' | 'egress';
  readonly packet: AskedPacket;
}

const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132, udplite: 136 };
const numberOf = (protocol: string | number): number =>
  typeof protocol === 'number' ? protocol : (PROTOCOLS[protocol] ?? -1);
const MOST_NAMES = 3;

const portText = (port: PolicyPort): string => {
  if ('name' in port) return port.name;
  return port.first === port.last ? `${port.first}` : `${port.first}-${port.last}`;
};

const has = (contributor: Contributor, address: Address): boolean =>
  contributor.nets.some((net) => cidrContains(net, address));

/** Kubernetes' policies are for pods only, which need not be said each time. */
const readable = (selector: string): string =>
  selector.replace(/^projectcalico\.org\/orchestrator == 'k8s'( && )?/, '') || 'all pods';

class RuleReader {
  readonly #cluster: FelixCluster;
  readonly #policy: Policy;
  readonly #question: UndecidedPacket;

  constructor(cluster: FelixCluster, policy: Policy, question: UndecidedPacket) {
    this.#cluster = cluster;
    this.#policy = policy;
    this.#question = question;
  }

  /** One sentence for each rule. */
  sentences(): string[] {
    const { direction } = this.#question;
    const { because } = this.#policy;
    const rules = this.#policy[direction].filter(({ action }) => action !== 'Log');
    if (rules.length === 0) return [`${formatCause(because)} has no ${direction} rule, so it allows nothing.`];
    return rules.flatMap((rule) => {
      const why = this.#protocol(rule) ?? this.#ports(rule) ?? this.#peer(rule);
      return why === undefined ? [] : [`${formatCause({ ...because, detail: rule.place })}: ${why}.`];
    });
  }

  #protocol({ protocol }: PolicyRule): string | undefined {
    if (protocol === undefined || numberOf(protocol) === this.#question.packet.protocol) return undefined;
    return `it is about ${protocol}`;
  }

  #ports({ destination: { ports } }: PolicyRule): string | undefined {
    const { destinationPort: port, destination } = this.#question.packet;
    if (ports.length === 0 || port === undefined) return undefined;
    const holds = ports.some((one) =>
      'name' in one ? this.#namedPort(one.name, destination, port) : one.first <= port && port <= one.last,
    );
    return holds ? undefined : `it is about port ${ports.map(portText).join(', ')}, not ${port}`;
  }

  #namedPort(name: string, address: Address, port: number): boolean {
    const all = this.#cluster.members.selected(parseSelector('all()'));
    return all.some((one) => has(one, address) && one.ports.some((own) => own.name === name && own.port === port));
  }

  #peer(rule: PolicyRule): string | undefined {
    const ingress = this.#question.direction === 'ingress';
    const entity = ingress ? rule.source : rule.destination;
    const { packet } = this.#question;
    const [address, side] = ingress ? [packet.source, 'source'] : [packet.destination, 'destination'];
    return this.#nets(entity, address, side) ?? this.#selector(entity, address, side);
  }

  #nets({ nets, notNets }: EntityRule, address: Address, side: string): string | undefined {
    const text = formatAddress(address);
    if (nets.length > 0 && !nets.some((net) => cidrContains(net, address)))
      return `the ${side} ${text} is not in ${nets.map(formatCidr).join(', ')}`;
    const hole = notNets.find((net) => cidrContains(net, address));
    return hole && `the ${side} ${text} is in ${formatCidr(hole)}, which it leaves out`;
  }

  #selector(entity: EntityRule, address: Address, side: string): string | undefined {
    const text = entitySelector(entity, this.#policy.id.namespace);
    if (text === '') return undefined;
    const { members } = this.#cluster;
    const selected = members.selected(parseSelector(text));
    if (selected.some((one) => has(one, address))) return undefined;
    const owner = members.selected(parseSelector('all()')).find((one) => has(one, address));
    const who = owner === undefined ? formatAddress(address) : formatCause(owner.cause());
    return `the ${side} ${who} is not selected by ${this.#wanted(entity)}${this.#selection(selected)}${this.#namespaceHint(entity, owner)}`;
  }

  #wanted({ selector, namespaceSelector, notSelector, serviceAccounts }: EntityRule): string {
    const accounts = [
      ...(serviceAccounts?.names ?? []),
      ...(serviceAccounts?.selector ? [serviceAccounts.selector] : []),
    ];
    const { namespace } = this.#policy.id;
    const within = namespaceSelector === '' ? (namespace === '' ? '' : ` in namespace ${namespace}`) : '';
    const parts = [
      ...(selector === '' ? [] : [readable(selector)]),
      ...(notSelector === '' ? [] : [`not (${notSelector})`]),
      ...(accounts.length === 0 ? [] : [`service account ${accounts.join(', ')}`]),
    ].join(' and ');
    const namespaces = namespaceSelector === 'all()' ? 'any namespace' : `namespaces with ${namespaceSelector}`;
    return `${parts === '' ? 'all pods' : parts}${within}${namespaceSelector === '' ? '' : ` in ${namespaces}`}`;
  }

  #selection(selected: readonly Contributor[]): string {
    if (selected.length === 0) return ', which selects nothing';
    const names = selected.slice(0, MOST_NAMES).map(({ cause }) => formatCause(cause()));
    const more = selected.length > names.length ? ` and ${selected.length - names.length} more` : '';
    return `, which selects ${names.join(', ')}${more}`;
  }

  /** A label that the peer's namespace lacks is the usual mistake. */
  #namespaceHint({ namespaceSelector }: EntityRule, owner: Contributor | undefined): string {
    const namespace = owner?.labels['projectcalico.org/namespace'];
    if (namespaceSelector === '' || namespace === undefined) return '';
    const labels = this.#cluster.profiles.get(`kns.${namespace}`)?.labelsToApply ?? {};
    for (const [label, { mustBePresent }] of parseSelector(namespaceSelector).restrictions) {
      if (!mustBePresent || Object.hasOwn(labels, NAMESPACE_LABEL_PREFIX + label)) continue;
      const known = `${NAMESPACE_LABEL_PREFIX}kubernetes.io/metadata.name`;
      const hint = Object.hasOwn(labels, known) ? ` (it has kubernetes.io/metadata.name=${labels[known]})` : '';
      return `; namespace ${namespace} has no label ${label}${hint}`;
    }
    return '';
  }
}

const sameObject = (a: Cause, b: Cause): boolean =>
  a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;

/** Rule by rule, for the policies that were asked and did not decide. */
export function explainUndecided(cluster: FelixCluster, question: UndecidedPacket): string[] {
  const all = cluster.policies.tiers.flatMap(({ policies }) => policies.map(({ policy }) => policy));
  return question.policies.flatMap((cause) => {
    const policy = all.find(({ because }) => sameObject(because, cause));
    return policy === undefined ? [] : new RuleReader(cluster, policy, question).sentences();
  });
}
