/**
 * The `protocol bgp` sections of bird.cfg; confd/pkg/backends/calico/bgp_processor.go:processPeers(). One
 * end of each session waits: that whose address comes later in the alphabet.
 */

import { filterCall, MAX_METRIC } from './filters.js';
import type { ConfdCluster, NodeTexts } from './cluster.js';
import type { BgpFilter } from './model.js';
import type { NodeConfig } from './node-config.js';
import type { Peering } from './peerings.js';

/** `multihop` of a session: the mesh says nothing of it. */
export type TtlSecurity = 'unsaid' | 'off' | { readonly hops: number };

export interface BirdPeer {
  readonly name: string;
  readonly address: string;
  readonly port: number | undefined;
  readonly asNumber: number;
  readonly localAsNumber: number | undefined;
  /** Empty: BIRD chooses. */
  readonly sourceAddress: string;
  readonly ttlSecurity: TtlSecurity;
  readonly importFilter: string;
  readonly exportFilter: string;
  readonly passive: boolean;
  readonly restartSeconds: number | undefined;
  readonly keepaliveSeconds: number | undefined;
  /** Not empty: the peer is a client of ours. */
  readonly reflectorClusterId: string;
  readonly password: string;
  readonly nextHop: '' | 'keep' | 'self';
  readonly numAllowedLocalAsNumbers: number;
}

/** Above the preference of a route that the kernel gives, so that a migrated workload's new place wins. */
const OVERRIDING_PREFERENCE = 200;

const INDENT = '\n    ';

/** The filters that sessions share: two a node, and one pair for each list of BGPFilters. */
class PeerFilters {
  readonly #config: NodeConfig;
  readonly #byName: ReadonlyMap<string, BgpFilter>;
  readonly #made = new Map<string, { readonly importFilter: string; readonly exportFilter: string }>();

  constructor(config: NodeConfig) {
    this.#config = config;
    this.#byName = new Map(config.cluster.resources.filters.map((filter) => [filter.name, filter]));
  }

  of(names: readonly string[], sameAs: boolean) {
    const key = `${sameAs} ${names.join(' ')}`;
    const held = this.#made.get(key);
    if (held !== undefined) return held;
    // A name that names nothing is passed over.
    const filters = names.flatMap((name) => this.#byName.get(name) ?? []);
    const made = { importFilter: this.#import(filters, sameAs), exportFilter: this.#export(filters, sameAs) };
    this.#made.set(key, made);
    return made;
  }

  #import(filters: readonly BgpFilter[], sameAs: boolean): string {
    const { version, normalRoutePriority } = this.#config;
    return [
      ...filters.flatMap((filter) => filterCall(filter, 'import', { version, sameAs })),
      `if (defined(bgp_local_pref)&&(bgp_local_pref > ${MAX_METRIC - normalRoutePriority})) then`,
      `  preference = ${OVERRIDING_PREFERENCE};`,
      'accept;',
    ].join(INDENT);
  }

  /** A route of our own has a metric, one that we pass on has a local preference: both get the other. */
  #export(filters: readonly BgpFilter[], sameAs: boolean): string {
    const { version, normalRoutePriority } = this.#config;
    return [
      'if (defined(source) && source = RTS_BGP && defined(bgp_local_pref)) then {',
      `  krt_metric = ${MAX_METRIC} - bgp_local_pref;`,
      '} else {',
      `  if (!defined(krt_metric)) then { krt_metric = ${normalRoutePriority}; }`,
      `  bgp_local_pref = ${MAX_METRIC} - krt_metric;`,
      '}',
      ...filters.flatMap((filter) => filterCall(filter, 'export', { version, sameAs })),
      `calico_export_to_bgp_peers(${sameAs});`,
      'reject;',
    ].join(INDENT);
  }
}

/** The words of the kernel's filter that turn a local preference back into a metric. */
export const metricStatements = (normalRoutePriority: number): string[] => [
  '  if (defined(source) && (source = RTS_BGP) && !defined(krt_metric)) then {',
  `      krt_metric = ${normalRoutePriority};`,
  '      if (defined(bgp_local_pref)) then {',
  `          krt_metric = ${MAX_METRIC} - bgp_local_pref;`,
  '      }',
  `      if (krt_metric < ${normalRoutePriority}) then {`,
  `          preference = ${OVERRIDING_PREFERENCE};`,
  '      }',
  '  }',
];

const symbol = (address: string): string => address.replace(/[.:]/g, '_');

export const meshSessionName = (address: string): string => `Mesh_${symbol(address)}`;

/** One end waits: that whose address comes later in the alphabet. */
export const waitsFor = (own: string, other: string): boolean => other > own;

/** Reflectors have no part in the mesh. */
export const isInMesh = ({ configuration }: ConfdCluster, { node }: NodeTexts): boolean =>
  node.routeReflectorClusterId === '' && configuration?.nodeToNodeMeshEnabled !== false;

/** All nodes that a node meshes with in one family, in the order of the cluster. */
function meshOf({ cluster, self, version, address: own }: NodeConfig): readonly NodeTexts[] {
  if (!isInMesh(cluster, self)) return [];
  return cluster.nodes.filter(
    (other) => other.address[version] !== '' && other.address[version] !== own && isInMesh(cluster, other),
  );
}

/** The AS that a node takes another of the mesh to be in: one that says nothing is in its own, not in everybody's. */
export const meshAsNumber = (config: Pick<NodeConfig, 'asNumber'>, { node }: NodeTexts): number =>
  node.asNumber ?? config.asNumber;

function meshPeers(config: NodeConfig, filters: PeerFilters, others: readonly NodeTexts[]): BirdPeer[] {
  const { cluster, version } = config;
  const mesh = cluster.configuration;
  const password = mesh?.nodeMeshPassword && cluster.resources.password(mesh.nodeMeshPassword);
  return others.map((other): BirdPeer => {
    const address = other.address[version];
    const asNumber = meshAsNumber(config, other);
    return {
      name: meshSessionName(address),
      ...filters.of([], asNumber === config.asNumber),
      address,
      port: cluster.listenPort(other.name),
      asNumber,
      localAsNumber: undefined,
      sourceAddress: config.address,
      ttlSecurity: 'unsaid',
      passive: waitsFor(config.address, address),
      restartSeconds: mesh?.nodeMeshMaxRestartSeconds,
      keepaliveSeconds: undefined,
      reflectorClusterId: '',
      password: password ?? '',
      nextHop: '',
      numAllowedLocalAsNumbers: 0,
    };
  });
}

type Prefix = 'Global' | 'Node' | 'Local_Workload';

/** The older field of a BGPPeer only matters between different ASes. */
function nextHopOf({ nextHopMode, keepNextHop }: Peering, sameAs: boolean): BirdPeer['nextHop'] {
  if (nextHopMode === 'Self') return 'self';
  return nextHopMode === 'Keep' || (keepNextHop && !sameAs) ? 'keep' : '';
}

function isPassive(peering: Peering, prefix: Prefix, config: NodeConfig): boolean {
  if (peering.localWorkload) return true;
  return prefix === 'Global' && peering.calicoNode && waitsFor(config.address, peering.address);
}

function birdPeer(peering: Peering, prefix: Prefix, config: NodeConfig, filters: PeerFilters): BirdPeer {
  const { address, port, asNumber, localAsNumber } = peering;
  const sameAs = asNumber === (localAsNumber || config.asNumber);
  const clusterId = config.self.node.routeReflectorClusterId;
  const isClient = sameAs && clusterId !== '' && peering.routeReflectorClusterId !== clusterId;
  return {
    name: `${prefix}_${symbol(address)}${port > 0 ? `_port_${port}` : ''}`,
    ...filters.of(peering.filters, sameAs),
    address,
    port: port > 0 ? port : undefined,
    asNumber,
    localAsNumber: localAsNumber === 0 ? undefined : localAsNumber,
    sourceAddress: peering.usesNodeAddress ? config.address : '',
    ttlSecurity: peering.ttlSecurity > 0 ? { hops: peering.ttlSecurity } : 'off',
    passive: isPassive(peering, prefix, config),
    restartSeconds: peering.restartSeconds,
    keepaliveSeconds: peering.keepaliveSeconds,
    reflectorClusterId: isClient ? clusterId : '',
    password: peering.password ?? '',
    nextHop: nextHopOf(peering, sameAs),
    numAllowedLocalAsNumbers: peering.numAllowedLocalAsNumbers,
  };
}

/** All sessions of a node in one family, by name: those of the mesh with these others. */
export function birdPeers(config: NodeConfig, mesh: readonly NodeTexts[] = meshOf(config)): BirdPeer[] {
  const filters = new PeerFilters(config);
  const { global, own } = config.cluster.peerings.of(config.self);
  const configured = (
    [
      ['Global', global],
      ['Node', own],
    ] as const
  ).flatMap(([prefix, peerings]) =>
    [...peerings.values()]
      .filter(({ version, address }) => version === config.version && address !== config.address)
      .map((peering) => birdPeer(peering, peering.localWorkload ? 'Local_Workload' : prefix, config, filters)),
  );
  return [...meshPeers(config, filters, mesh), ...configured].sort((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : 0,
  );
}
