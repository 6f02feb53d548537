/**
 * BGPPeer resources made into peerings between addresses: confd/pkg/backends/calico/client.go:updatePeersV1().
 * A global peering goes before one of single nodes, one that was asked for before the reverse of another.
 *
 * Differs: of two peerings between the same ends upstream takes whichever comes first out of a Go map; here
 * the BGPPeer with the lower name wins.
 */

import { addressOf, formatAddress, parseAddress } from '../cidr.js';
import { splitHostPort } from '../host-port.js';
import type { ConfdCluster, NodeTexts } from './cluster.js';
import type { BgpPeer, IpVersion, LocalWorkloadPeer } from './model.js';

/** One end as a node's file needs it. */
export interface Peering {
  readonly version: IpVersion;
  readonly address: string;
  /** 0: the usual one. */
  readonly port: number;
  readonly asNumber: number;
  readonly localAsNumber?: number;
  /** The other end's own, where it is a node. */
  readonly routeReflectorClusterId: string;
  readonly password?: string;
  readonly usesNodeAddress: boolean;
  readonly keepNextHop: boolean;
  readonly nextHopMode: '' | 'Auto' | 'Self' | 'Keep';
  readonly restartSeconds?: number;
  readonly keepaliveSeconds?: number;
  /** The other end was named by an address, and it is a node's. */
  readonly calicoNode: boolean;
  readonly numAllowedLocalAsNumbers: number;
  readonly ttlSecurity: number;
  readonly reachableBy: string;
  readonly filters: readonly string[];
  readonly localWorkload: boolean;
}

/** By key, which is also the order in which they are listed. */
export type Peerings = ReadonlyMap<string, Peering>;

export interface NodePeerings {
  readonly global: Peerings;
  readonly own: Peerings;
}

const BGP_PORT = 179;

/** libcalico-go/lib/backend/model/bgppeer.go:combineIPAndPort(). */
const keyOf = ({ address, port }: Peering): string =>
  port === 0 || port === BGP_PORT ? address : `${address}-${port}`;

type NextHop = Pick<Peering, 'keepNextHop' | 'nextHopMode'>;

/** The newer field makes the older one count for nothing. */
const nextHopOf = ({ nextHopMode, keepOriginalNextHop }: BgpPeer): NextHop =>
  nextHopMode === undefined
    ? { keepNextHop: keepOriginalNextHop, nextHopMode: '' }
    : { keepNextHop: false, nextHopMode };

const isGlobal = ({ node, nodeSelector }: BgpPeer): boolean => node === '' && nodeSelector === '';

/** What comes from the BGPPeer alone, whatever the other end is. */
function commonOf(peer: BgpPeer, cluster: ConfdCluster) {
  const password = peer.password && cluster.resources.password(peer.password);
  return {
    usesNodeAddress: peer.sourceAddress === 'UseNodeIP',
    ...nextHopOf(peer),
    ...(password !== undefined && { password }),
    ...(peer.maxRestartSeconds !== undefined && { restartSeconds: peer.maxRestartSeconds }),
    ...(peer.keepaliveSeconds !== undefined && { keepaliveSeconds: peer.keepaliveSeconds }),
    ttlSecurity: peer.ttlSecurity,
    reachableBy: peer.reachableBy,
    filters: peer.filters,
    localWorkload: false,
  };
}

/** A node as the other end: its own AS and port; client.go:nodeAsBGPPeers(). */
function towardsNode(
  { node, address }: NodeTexts,
  peer: BgpPeer,
  cluster: ConfdCluster,
  versions: readonly IpVersion[],
) {
  const common = commonOf(peer, cluster);
  return versions
    .filter((version) => address[version] !== '')
    .map(
      (version): Peering => ({
        version,
        ...common,
        address: address[version],
        port: cluster.listenPort(node.name) ?? 0,
        asNumber: node.asNumber ?? cluster.globalAsNumber,
        routeReflectorClusterId: node.routeReflectorClusterId,
        calicoNode: false,
        numAllowedLocalAsNumbers: 0,
      }),
    );
}

const BOTH: readonly IpVersion[] = [4, 6];

/** Nodes that have the address, the AS and, where one is named, the port; client.go:nodesWithIPPortAndAS(). */
function nodesAt(peer: BgpPeer, { host, port }: { host: string; port: number }, cluster: ConfdCluster): NodeTexts[] {
  const wanted = peer.asNumber || cluster.globalAsNumber;
  const { nodeConfigurations, configuration } = cluster.resources;
  return cluster.nodesAt(host).filter(({ name, node }) => {
    if ((node.asNumber ?? cluster.globalAsNumber) !== wanted) return false;
    if (port === 0) return true;
    const own = nodeConfigurations.get(name)?.listenPort;
    const general = configuration?.listenPort;
    return (own === undefined || own === port) && (general === undefined || general === port);
  });
}

/** Undefined where the BGPPeer names no address, or a gateway of the other family. */
function towardsAddress(peer: BgpPeer, cluster: ConfdCluster): Peering | undefined {
  const named = splitHostPort(peer.peerIp);
  const address = parseAddress(named.host);
  if (address === undefined) return undefined;
  const gateway = parseAddress(peer.reachableBy);
  if (peer.reachableBy !== '' && gateway?.version !== address.version) return undefined;
  const [node] = named.port === 0 ? nodesAt(peer, named, cluster) : [];
  return {
    ...commonOf(peer, cluster),
    version: address.version,
    address: formatAddress(address),
    port: named.port || (node === undefined ? 0 : (cluster.listenPort(node.name) ?? 0)),
    asNumber: peer.asNumber,
    ...(peer.localAsNumber !== undefined && { localAsNumber: peer.localAsNumber }),
    routeReflectorClusterId: '',
    calicoNode: cluster.nodesAt(named.host).length > 0,
    numAllowedLocalAsNumbers: peer.numAllowedLocalAsNumbers,
  };
}

/** A pod as the other end; client.go:localBGPPeerDataAsBGPPeers(). */
function towardsWorkload({ ipv4, ipv6 }: LocalWorkloadPeer, peer: BgpPeer): Peering[] {
  return [ipv4, ipv6].flatMap((cidr) =>
    cidr === undefined
      ? []
      : [
          {
            version: cidr.version,
            address: formatAddress(addressOf(cidr)),
            port: 0,
            asNumber: peer.asNumber,
            ...(peer.localAsNumber !== undefined && { localAsNumber: peer.localAsNumber }),
            routeReflectorClusterId: '',
            usesNodeAddress: false,
            keepNextHop: false,
            nextHopMode: '' as const,
            calicoNode: false,
            numAllowedLocalAsNumbers: 0,
            ttlSecurity: 0,
            reachableBy: '',
            filters: peer.filters,
            localWorkload: true,
          },
        ],
  );
}

/** The node at which a BGPPeer's reverse peerings are made, and what they lead to. */
interface Reverse {
  readonly at: ReadonlySet<string>;
  readonly peerings: readonly Peering[];
}

/** Collects peerings: the first of a key stays. */
function collect(peerings: Iterable<Peering>, without?: Peerings): Map<string, Peering> {
  const found = new Map<string, Peering>();
  for (const peering of peerings) {
    const key = keyOf(peering);
    if (!found.has(key) && without?.has(key) !== true) found.set(key, peering);
  }
  return found;
}

const inKeyOrder = (peerings: ReadonlyMap<string, Peering>): Peerings =>
  new Map([...peerings].sort(([a], [b]) => (a < b ? -1 : 1)));

/** All peerings of a cluster, worked out for one node at a time. What nodes share is kept. */
export class PeeringTable {
  readonly #cluster: ConfdCluster;
  readonly #forward = new Map<BgpPeer, readonly Peering[]>();
  readonly #reverse = new Map<BgpPeer, Reverse>();
  #global: Peerings | undefined = undefined;

  constructor(cluster: ConfdCluster) {
    this.#cluster = cluster;
  }

  of(node: NodeTexts): NodePeerings {
    const workloads = this.#cluster.resources.workloadPeers.get(node.name) ?? [];
    const global = this.#globalFor(workloads);
    const asked = this.#peers
      .filter((peer) => !isGlobal(peer) && this.#isAt(peer, node))
      .flatMap((peer) => this.#towards(peer, workloads));
    const reversed = this.#peers.flatMap((peer) => {
      const reverse = this.#reverseOf(peer);
      return reverse.at.has(node.name) ? reverse.peerings : [];
    });
    return { global, own: inKeyOrder(collect([...asked, ...reversed], global)) };
  }

  get #peers(): readonly BgpPeer[] {
    return this.#cluster.resources.peers;
  }

  #isAt({ node, nodeSelector }: BgpPeer, { name, node: { labels } }: NodeTexts): boolean {
    return nodeSelector === '' ? node === name : this.#cluster.selects(nodeSelector, labels);
  }

  /** Most nodes have no workload that they peer with: then all of them have the same. */
  #globalFor(workloads: readonly LocalWorkloadPeer[]): Peerings {
    const make = (): Peerings =>
      inKeyOrder(collect(this.#peers.filter(isGlobal).flatMap((peer) => this.#towards(peer, workloads))));
    if (workloads.length > 0) return make();
    this.#global ??= make();
    return this.#global;
  }

  #towards(peer: BgpPeer, workloads: readonly LocalWorkloadPeer[]): readonly Peering[] {
    if (peer.localWorkloadSelector !== '') {
      return workloads
        .filter(({ bgpPeer }) => bgpPeer === peer.name)
        .flatMap((workload) => towardsWorkload(workload, peer));
    }
    const held = this.#forward.get(peer);
    if (held !== undefined) return held;
    const made = this.#forwardOf(peer);
    this.#forward.set(peer, made);
    return made;
  }

  #forwardOf(peer: BgpPeer): readonly Peering[] {
    if (peer.peerSelector === '') {
      const found = towardsAddress(peer, this.#cluster);
      return found === undefined ? [] : [found];
    }
    const nodes = this.#cluster.selected(peer.peerSelector);
    return nodes.flatMap((node) => towardsNode(node, peer, this.#cluster, BOTH));
  }

  #reverseOf(peer: BgpPeer): Reverse {
    const held = this.#reverse.get(peer);
    if (held !== undefined) return held;
    const made = this.#makeReverse(peer);
    this.#reverse.set(peer, made);
    return made;
  }

  /** The far ends of a BGPPeer peer back with its near ends, unless they are told not to. */
  #makeReverse(peer: BgpPeer): Reverse {
    const none: Reverse = { at: new Set(), peerings: [] };
    if (peer.reversePeering === 'Manual' || peer.localWorkloadSelector !== '') return none;
    const named = splitHostPort(peer.peerIp);
    const far =
      peer.peerSelector === '' ? nodesAt(peer, named, this.#cluster) : this.#cluster.selected(peer.peerSelector);
    if (far.length === 0) return none;
    const versions: readonly IpVersion[] = peer.peerSelector === '' ? [named.host.includes(':') ? 6 : 4] : BOTH;
    const peerings = this.#near(peer).flatMap((node) => towardsNode(node, peer, this.#cluster, versions));
    return { at: new Set(far.map(({ name }) => name)), peerings };
  }

  #near({ node, nodeSelector }: BgpPeer): readonly NodeTexts[] {
    if (nodeSelector !== '') return this.#cluster.selected(nodeSelector);
    if (node === '') return this.#cluster.nodes;
    const found = this.#cluster.node(node);
    return found === undefined ? [] : [found];
  }
}
