/** What bird.cfg says of the node itself; confd/pkg/backends/calico/bgp_processor.go:populateNodeConfig(). */

import { routerIdHash } from '../names.js';
import type { ConfdCluster, NodeTexts } from './cluster.js';
import { addCommunity } from './filters.js';
import type { BgpConfiguration, ConfdHost, IpVersion, PrefixAdvertisement } from './model.js';

export interface CommunityRule {
  readonly cidr: string;
  readonly statements: readonly string[];
}

/** One node in one family's file. */
export interface NodeConfig {
  readonly cluster: ConfdCluster;
  readonly self: NodeTexts;
  readonly version: IpVersion;
  /** Empty where the node has none of the family. */
  readonly address: string;
  readonly asNumber: number;
  readonly routerId: string;
  /** `{ states }`, `all`, or empty for silence. */
  readonly debug: string;
  readonly listenAddress: string;
  readonly listenPort: number | undefined;
  readonly directInterfaces: string;
  readonly communities: readonly CommunityRule[];
  readonly normalRoutePriority: number;
}

/** BIRD knows silence, states and everything: what lies between the words of the others is silence. */
function debugOf(severity: string): string {
  const level = severity.toLowerCase();
  if (level === 'debug') return 'all';
  return level === 'info' ? '{ states }' : '';
}

function routerIdOf({ routerId, node }: ConfdHost, self: NodeTexts): string {
  if (routerId === 'hash') return routerIdHash(node);
  // Four octets in the IPv6 file as well (RFC 6286).
  return routerId === '' ? self.address[4] : routerId;
}

export const DEFAULT_DIRECT_INTERFACES = '-"cali*", -"kube-ipvs*", "*"';

/** The list is joined with commas on its way, so an entry that holds one falls in two. */
const directInterfaces = (ignored: readonly string[]): string =>
  ignored.join(',') === ''
    ? DEFAULT_DIRECT_INTERFACES
    : [
        ...ignored
          .join(',')
          .split(',')
          .map((name) => `-"${name}"`),
        DEFAULT_DIRECT_INTERFACES,
      ].join(', ');

const COMMUNITY = /^\d+:\d+(:\d+)?$/;

/** Values as they are, names by the same resource's list; a name that is not there is passed over. */
function communityValues({ communities }: PrefixAdvertisement, configuration: BgpConfiguration): string[] {
  const values = communities.flatMap((given) => {
    if (COMMUNITY.test(given)) return [given];
    const defined = configuration.communities.find(({ name }) => name === given);
    return defined === undefined ? [] : [defined.value];
  });
  return [...new Set(values)].sort();
}

/** The node's own list replaces the general one as a whole. */
function communityRules(cluster: ConfdCluster, node: string, version: IpVersion): CommunityRule[] {
  const own = cluster.resources.nodeConfigurations.get(node);
  const configuration = own !== undefined && own.prefixAdvertisements.length > 0 ? own : cluster.configuration;
  if (configuration === undefined) return [];
  return configuration.prefixAdvertisements
    .filter(({ cidr }) => cidr.includes(':') === (version === 6))
    .map((advertisement) => ({
      cidr: advertisement.cidr,
      statements: communityValues(advertisement, configuration).map(addCommunity),
    }))
    .filter(({ statements }) => statements.length > 0);
}

/** Undefined where the datastore has no such node: confd then writes nothing. */
export function nodeConfig(cluster: ConfdCluster, host: ConfdHost, version: IpVersion): NodeConfig | undefined {
  const self = cluster.node(host.node);
  if (self === undefined) return undefined;
  const { configuration } = cluster;
  const own = cluster.resources.nodeConfigurations.get(host.node);
  const severity = own?.logSeverityScreen ?? configuration?.logSeverityScreen ?? 'info';
  return {
    cluster,
    self,
    version,
    address: self.address[version],
    asNumber: self.node.asNumber ?? cluster.globalAsNumber,
    routerId: routerIdOf(host, self),
    debug: debugOf(severity),
    listenAddress: configuration?.bindMode === 'NodeIP' ? self.address[version] : '',
    listenPort: cluster.listenPort(host.node),
    directInterfaces: directInterfaces(configuration?.ignoredInterfaces ?? []),
    communities: communityRules(cluster, host.node, version),
    normalRoutePriority: cluster.normalRoutePriority(version),
  };
}
