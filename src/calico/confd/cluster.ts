/**
 * The part of confd's work that all nodes share: what each node is called in files, which nodes a selector
 * picks, how a BGPPeer expands. Each is worked out once, when the first node asks.
 */

import { addressOf, type Cidr, formatAddress, formatCidr, networkOf } from '../cidr.js';
import { type Labels, parseSelector, type Selector } from '../policy/selector.js';
import { SelectorError } from '../policy/selector-tokens.js';
import type { BgpConfiguration, BgpNode, ConfdResources, IpVersion } from './model.js';
import { PeeringTable } from './peerings.js';
import { advertise, type ServiceRoutes } from './services.js';

const DEFAULT_AS_NUMBER = 64_512;
const DEFAULT_ROUTE_PRIORITY = 1024;

/** A node in the spelling of the files. */
export interface NodeTexts {
  readonly node: BgpNode;
  readonly name: string;
  /** Empty where the node has no address of that family. */
  readonly address: Readonly<Record<IpVersion, string>>;
  readonly network: Readonly<Record<IpVersion, string>>;
}

const addressText = (cidr: Cidr | undefined): string => (cidr === undefined ? '' : formatAddress(addressOf(cidr)));
const networkText = (cidr: Cidr | undefined): string => (cidr === undefined ? '' : formatCidr(networkOf(cidr)));

const textsOf = (node: BgpNode): NodeTexts => ({
  node,
  name: node.name,
  address: { 4: addressText(node.ipv4Address), 6: addressText(node.ipv6Address) },
  network: { 4: networkText(node.ipv4Address), 6: networkText(node.ipv6Address) },
});

/** A selector that cannot be read selects nothing. */
function selectorOf(text: string): Pick<Selector, 'matches'> {
  try {
    return parseSelector(text);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    return { matches: () => false };
  }
}

export class ConfdCluster {
  readonly resources: ConfdResources;
  readonly #selected = new Map<string, readonly NodeTexts[]>();
  readonly #byName: ReadonlyMap<string, NodeTexts>;
  readonly #byAddress = new Map<string, NodeTexts[]>();
  readonly #selectors = new Map<string, Pick<Selector, 'matches'>>();
  readonly nodes: readonly NodeTexts[];
  readonly peerings: PeeringTable;
  #serviceRoutes: ServiceRoutes | undefined = undefined;

  constructor(resources: ConfdResources) {
    this.resources = resources;
    this.nodes = resources.nodes.map(textsOf);
    this.peerings = new PeeringTable(this);
    this.#byName = new Map(this.nodes.map((node) => [node.name, node]));
    for (const node of this.nodes) {
      for (const address of [node.address[4], node.address[6]]) {
        if (address !== '') this.#byAddress.set(address, [...(this.#byAddress.get(address) ?? []), node]);
      }
    }
  }

  node(name: string): NodeTexts | undefined {
    return this.#byName.get(name);
  }

  /** By name; the address in its usual spelling. */
  nodesAt(address: string): readonly NodeTexts[] {
    return this.#byAddress.get(address) ?? [];
  }

  #selector(text: string): Pick<Selector, 'matches'> {
    const held = this.#selectors.get(text) ?? selectorOf(text);
    this.#selectors.set(text, held);
    return held;
  }

  /** By name. */
  selected(selector: string): readonly NodeTexts[] {
    const held = this.#selected.get(selector);
    if (held !== undefined) return held;
    const parsed = this.#selector(selector);
    const nodes = this.nodes.filter(({ node }) => parsed.matches(node.labels));
    this.#selected.set(selector, nodes);
    return nodes;
  }

  selects(selector: string, labels: Labels): boolean {
    return this.#selector(selector).matches(labels);
  }

  get configuration(): BgpConfiguration | undefined {
    return this.resources.configuration;
  }

  /** What a node that says nothing is taken to be in. */
  get globalAsNumber(): number {
    return this.configuration?.asNumber ?? DEFAULT_AS_NUMBER;
  }

  /** The port that a node listens on, where one is configured: its own, else everybody's. */
  listenPort(node: string): number | undefined {
    return this.resources.nodeConfigurations.get(node)?.listenPort ?? this.configuration?.listenPort;
  }

  normalRoutePriority(version: IpVersion): number {
    return this.configuration?.normalRoutePriority[version] ?? DEFAULT_ROUTE_PRIORITY;
  }

  get serviceRoutes(): ServiceRoutes {
    this.#serviceRoutes ??= advertise(this.resources);
    return this.#serviceRoutes;
  }
}
