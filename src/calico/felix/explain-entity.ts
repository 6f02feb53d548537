/** What keeps one side of a policy's rule from a packet's source or destination, in words. */

import { formatCause } from '../../trace/index.js';
import { type Address, cidrContains, formatAddress, formatCidr } from '../cidr.js';
import { namedPortProtocol } from '../policy/parsed-rules.js';
import type { EntityRule, PolicyRule } from '../policy/resources.js';
import { parseSelector } from '../policy/selector.js';
import { entitySelector, NAMESPACE_LABEL_PREFIX } from '../policy/selectors.js';
import type { FelixCluster } from './calc/input.js';
import { type Contributor, portMatches } from './calc/ip-set-members.js';
import type { AskedPacket } from './explain-transport.js';

export interface RuleSide {
  readonly rule: PolicyRule;
  readonly side: 'source' | 'destination';
  /** Of the policy; '' where it has none. */
  readonly namespace: string;
}

const MOST_NAMES = 3;
const PROTOCOL_NAMES: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };

const has = (contributor: Contributor, address: Address): boolean =>
  contributor.nets.some((net) => cidrContains(net, address));

/** Kubernetes' policies are for pods only, which need not be said each time. */
const readable = (selector: string): string =>
  selector.replace(/^projectcalico\.org\/orchestrator == 'k8s'( && )?/, '') || 'all pods';

function few(names: readonly string[]): string {
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return `${names.slice(0, MOST_NAMES).join(', ')}${more}`;
}

export class EntityReader {
  readonly #cluster: FelixCluster;
  readonly #of: RuleSide;
  readonly #entity: EntityRule;
  readonly #packet: AskedPacket;
  readonly #address: Address;

  constructor(cluster: FelixCluster, of: RuleSide, packet: AskedPacket) {
    this.#cluster = cluster;
    this.#of = of;
    this.#entity = of.rule[of.side];
    this.#packet = packet;
    this.#address = packet[of.side];
  }

  /** Undefined where it holds. */
  explain(): string | undefined {
    return this.#nets() ?? this.#selected() ?? this.#leftOut() ?? this.#service();
  }

  /** Whether whoever has the address has a port of that name. */
  readonly namedPort = (name: string, port: number): boolean => {
    const protocol = namedPortProtocol(this.#of.rule.protocol);
    return this.#everybody().some(
      (one) =>
        has(one, this.#address) && one.ports.some((own) => own.port === port && portMatches(own, name, protocol)),
    );
  };

  #everybody(): readonly Contributor[] {
    return this.#cluster.members.selected(parseSelector('all()'));
  }

  /** Whose address it is, or the address where it is nobody's. */
  #who(owner: Contributor | undefined): string {
    return `the ${this.#of.side} ${owner === undefined ? formatAddress(this.#address) : formatCause(owner.cause())}`;
  }

  #owner(): Contributor | undefined {
    return this.#everybody().find((one) => has(one, this.#address));
  }

  #nets(): string | undefined {
    const { nets, notNets } = this.#entity;
    const text = `the ${this.#of.side} ${formatAddress(this.#address)}`;
    if (nets.length > 0 && !nets.some((net) => cidrContains(net, this.#address)))
      return `${text} is not in ${nets.map(formatCidr).join(', ')}`;
    const hole = notNets.find((net) => cidrContains(net, this.#address));
    return hole && `${text} is in ${formatCidr(hole)}, which it leaves out`;
  }

  #selected(): string | undefined {
    const text = entitySelector(this.#entity, this.#of.namespace);
    if (text === '') return undefined;
    const selected = this.#cluster.members.selected(parseSelector(text));
    if (selected.some((one) => has(one, this.#address))) return undefined;
    const owner = this.#owner();
    const instead =
      selected.length === 0
        ? ', which selects nothing'
        : `, which selects ${few(selected.map(({ cause }) => formatCause(cause())))}`;
    return `${this.#who(owner)} is not selected by ${this.#wanted()}${instead}${this.#namespaceHint(owner)}`;
  }

  #leftOut(): string | undefined {
    const { notSelector } = this.#entity;
    if (notSelector === '') return undefined;
    const selected = this.#cluster.members.selected(parseSelector(notSelector));
    if (!selected.some((one) => has(one, this.#address))) return undefined;
    return `${this.#who(this.#owner())} is selected by ${readable(notSelector)}, which it leaves out`;
  }

  #wanted(): string {
    const { selector, namespaceSelector, serviceAccounts } = this.#entity;
    const { namespace } = this.#of;
    const accounts = [
      ...(serviceAccounts?.names ?? []),
      ...(serviceAccounts?.selector ? [serviceAccounts.selector] : []),
    ];
    const within = namespaceSelector === '' ? (namespace === '' ? '' : ` in namespace ${namespace}`) : '';
    const parts = [
      ...(selector === '' ? [] : [readable(selector)]),
      ...(accounts.length === 0 ? [] : [`service account ${accounts.join(', ')}`]),
    ].join(' and ');
    const namespaces = namespaceSelector === 'all()' ? 'any namespace' : `namespaces with ${namespaceSelector}`;
    return `${parts === '' ? 'all pods' : parts}${within}${namespaceSelector === '' ? '' : ` in ${namespaces}`}`;
  }

  /** A label that the peer's namespace lacks is the usual mistake. */
  #namespaceHint(owner: Contributor | undefined): string {
    const { namespaceSelector } = this.#entity;
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

  /** Of a destination address and port count together (svc), of a source the address alone (svcnoport). */
  #service(): string | undefined {
    const { service } = this.#entity;
    if (service === undefined) return undefined;
    const { ports, protocol } = this.#packet;
    const withPorts = this.#of.side === 'destination';
    const members = this.#cluster.members.serviceMembers(`${service.namespace}/${service.name}`, {
      withPorts,
      version: this.#address.version,
    });
    const address = formatAddress(this.#address);
    const asked =
      withPorts && ports !== undefined ? `${address},${PROTOCOL_NAMES[protocol]}:${ports.destination}` : address;
    if (members.includes(asked)) return undefined;
    const name = formatCause({ kind: 'Service', ...service });
    const at = withPorts && ports !== undefined ? ` at ${PROTOCOL_NAMES[protocol]} port ${ports.destination}` : '';
    const instead = members.length === 0 ? 'none' : few(members);
    return `${this.#who(this.#owner())}${at} is no endpoint of ${name}, which has ${instead}`;
  }
}
