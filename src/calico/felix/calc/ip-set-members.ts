/**
 * Members of the sets that policies ask for: addresses of endpoints, networks, named ports, endpoints of
 * Services; felix/labelindex/named_port_index.go, felix/serviceindex. Worked out when a host first needs a set,
 * and then the same for all hosts.
 */

import {
  addressOf,
  type Cidr,
  cidrCovers,
  compareCidr,
  formatAddress,
  formatCidr,
  isHostCidr,
  networkOf,
} from '../../cidr.js';
import { compareText } from '../../digest.js';
import type { EndpointPort, ServiceSlice } from '../../model.js';
import type { Cause } from '../../../trace/index.js';
import type { IpSetContent, IpSetDefinition, NamedPortProtocol } from '../../policy/parsed-rules.js';
import type { Selector } from '../../policy/selector.js';
import type { Labelled, LabelInheritance } from './labels.js';

/** What may be in a set: an endpoint or a set of networks. */
export interface Contributor extends Labelled {
  readonly nets: readonly Cidr[];
  readonly ports: readonly EndpointPort[];
  readonly cause: () => Cause;
}

/** As `ipset` prints a member: a single address without a length. */
export const memberText = (cidr: Cidr): string =>
  isHostCidr(cidr) ? formatAddress(addressOf(cidr)) : formatCidr(networkOf(cidr));

/** hash:net has no room for everything, so that comes in halves. */
const HALVES = { 4: ['0.0.0.0/1', '128.0.0.0/1'], 6: ['::/1', '8000::/1'] } as const;

const netMembers = (cidr: Cidr): readonly string[] => (cidr.length === 0 ? HALVES[cidr.version] : [memberText(cidr)]);

/**
 * Those that lie in no other; felix/labelindex/named_port_index.go: memberDeduplicator. Addresses among themselves
 * never do.
 */
function withoutCovered(nets: readonly Cidr[]): readonly Cidr[] {
  if (nets.every(isHostCidr)) return nets;
  const kept: Cidr[] = [];
  for (const net of nets.map(networkOf).sort(compareCidr)) {
    const last = kept.at(-1);
    if (last === undefined || !cidrCovers(last, net)) kept.push(net);
  }
  return kept;
}

/** What a host wants of a set. */
export interface MembersWanted {
  readonly version: 4 | 6;
  /** Networks within others are left out: sets of nftables take none. */
  readonly suppressOverlaps: boolean;
}

const PROTOCOL_OF_NUMBER: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };
const protocolName = (protocol: string | number): string =>
  typeof protocol === 'string' ? protocol : (PROTOCOL_OF_NUMBER[protocol] ?? '');

/** A protocol by number is never any protocol; felix/labelindex/ipsetmember: MatchesModelProtocol(). */
export const portMatches = (port: EndpointPort, name: string, wanted: NamedPortProtocol): boolean =>
  port.name === name && (wanted === 'any' ? typeof port.protocol === 'string' : protocolName(port.protocol) === wanted);

export class IpSetMembers {
  readonly #contributors: readonly Contributor[];
  readonly #labels: LabelInheritance;
  readonly #slices: ReadonlyMap<string, readonly ServiceSlice[]>;
  /** Contributors by the values of a label, for labels that some selector has asked for. */
  readonly #byLabel = new Map<string, ReadonlyMap<string, readonly Contributor[]>>();
  readonly #selected = new Map<string, readonly Contributor[]>();
  readonly #members = new Map<string, readonly string[]>();

  constructor(contributors: readonly Contributor[], slices: readonly ServiceSlice[], labels: LabelInheritance) {
    this.#contributors = contributors;
    this.#labels = labels;
    const byService = new Map<string, ServiceSlice[]>();
    for (const slice of slices) byService.set(slice.service, [...(byService.get(slice.service) ?? []), slice]);
    this.#slices = byService;
  }

  /** Sorted, each once. */
  members({ id, content }: IpSetDefinition, wanted: MembersWanted): readonly string[] {
    const key = `${wanted.version} ${wanted.suppressOverlaps} ${id}`;
    const known = this.#members.get(key);
    if (known !== undefined) return known;
    const members = [...new Set(this.#compute(content, wanted))].sort(compareText);
    this.#members.set(key, members);
    return members;
  }

  /** What a selector selects, for whoever wants to tell. */
  selected(selector: Selector): readonly Contributor[] {
    const known = this.#selected.get(selector.text);
    if (known !== undefined) return known;
    const found = this.#candidates(selector).filter((item) =>
      selector.matchesLookup((label) => this.#labels.lookup(item, label)),
    );
    this.#selected.set(selector.text, found);
    return found;
  }

  /** By the label that leaves the fewest. */
  #candidates(selector: Selector): readonly Contributor[] {
    let best: readonly (readonly Contributor[])[] = [this.#contributors];
    let fewest = this.#contributors.length;
    for (const [label, { mustHaveOneOfValues: values }] of selector.restrictions) {
      if (values === undefined) continue;
      const index = this.#index(label);
      const lists = values.map((value) => index.get(value) ?? []);
      const size = lists.reduce((sum, { length }) => sum + length, 0);
      if (size < fewest) [best, fewest] = [lists, size];
    }
    return best.flat();
  }

  #index(label: string): ReadonlyMap<string, readonly Contributor[]> {
    const known = this.#byLabel.get(label);
    if (known !== undefined) return known;
    const index = new Map<string, Contributor[]>();
    for (const item of this.#contributors) {
      const value = this.#labels.lookup(item, label);
      if (value === undefined) continue;
      const list = index.get(value);
      if (list === undefined) index.set(value, [item]);
      else list.push(item);
    }
    this.#byLabel.set(label, index);
    return index;
  }

  #compute(content: IpSetContent, { version, suppressOverlaps }: MembersWanted): string[] {
    switch (content.kind) {
      case 'selector': {
        const nets = this.selected(content.selector).flatMap((item) =>
          item.nets.filter((net) => net.version === version),
        );
        return (suppressOverlaps ? withoutCovered(nets) : nets).flatMap(netMembers);
      }
      case 'named-port':
        return this.selected(content.selector).flatMap(({ nets, ports }) =>
          ports
            .filter((port) => portMatches(port, content.port, content.protocol))
            .flatMap(({ protocol, port }) =>
              nets
                .filter((net) => net.version === version)
                .map((net) => `${formatAddress(addressOf(net))},${protocolName(protocol)}:${port}`),
            ),
        );
      case 'service':
        return this.serviceMembers(content.service, { withPorts: content.withPorts, version });
    }
  }

  /** What a Service (`namespace/name`) stands for in a rule. */
  serviceMembers(service: string, { withPorts, version }: { withPorts: boolean; version: 4 | 6 }): string[] {
    return (this.#slices.get(service) ?? []).flatMap(({ addresses, ports }) => {
      const texts = addresses.filter((address) => address.version === version).map(formatAddress);
      return withPorts
        ? texts.flatMap((text) => ports.map(({ protocol, port }) => `${text},${protocol}:${port}`))
        : texts;
    });
  }
}
