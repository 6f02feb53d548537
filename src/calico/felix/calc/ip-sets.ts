/** IP sets that are there whatever the policies; felix/dataplane/linux: masq_mgr.go, ipset_hosts_mgr.go, hostip_mgr.go, vxlan_mgr.go. */

import type { Cause } from '../../../trace/index.js';
import { addressOf, formatAddress } from '../../cidr.js';
import { compareText } from '../../digest.js';
import { type IpPool, nodeCause, poolCause } from '../../model.js';
import { ipsetName } from '../../names.js';
import { IPSET_ID } from '../rules/config.js';
import type { FelixIpset, Vtep } from '../state.js';
import type { Encapsulations } from './encapsulation.js';
import { dscpSources } from './dscp.js';
import type { HostView } from './host-view.js';
import { type FelixCluster, type FelixHost, hostAddresses, ownInterfaces } from './input.js';
import { memberText } from './ip-set-members.js';
import { poolType } from './route-sources.js';

interface Member {
  readonly text: string;
  readonly because: readonly Cause[];
}

export interface IpsetContext {
  readonly cluster: FelixCluster;
  readonly host: FelixHost;
  readonly version: 4 | 6;
  readonly encapsulations: Encapsulations;
  readonly vteps: readonly Vtep[];
  readonly view: HostView;
}

const external = ({ host, version }: IpsetContext): Member[] =>
  host.config.externalNodeCidrs
    .filter((cidr) => cidr.version === version)
    .map((cidr) => ({ text: memberText(cidr), because: host.config.sourceOf('ExternalNodesCIDRList') }));

const poolMembers = (pools: readonly IpPool[], detail: string): Member[] =>
  pools.map((pool) => ({ text: memberText(pool.cidr), because: [poolCause(pool, detail)] }));

function allHosts({ cluster, version }: IpsetContext): Member[] {
  return [...cluster.nodes.values()].flatMap((node) => {
    const address = version === 4 ? node.ipv4Address : node.ipv6Address;
    return address ? [{ text: formatAddress(addressOf(address)), because: [nodeCause(node.name)] }] : [];
  });
}

const thisHost = ({ host, version }: IpsetContext): Member[] =>
  hostAddresses(ownInterfaces(host), version).map((address) => ({
    text: formatAddress(address),
    because: [nodeCause(host.node)],
  }));

const dscpMembers = ({ cluster, host, version, view }: IpsetContext): Member[] =>
  dscpSources({ cluster, view, node: host.node }, version).flatMap(({ addresses, because }) =>
    addresses.map((text) => ({ text, because })),
  );

/** Sets that the policies in use ask for. They are there because of those. */
export function policyIpsets({ cluster, host, version, view }: IpsetContext): FelixIpset[] {
  const users = new Map<string, Cause[]>();
  for (const { sets, ...user } of [...view.policies, ...view.profiles]) {
    const because = 'policy' in user ? [user.policy.because] : user.because;
    for (const { id } of sets) users.set(id, [...(users.get(id) ?? []), ...because]);
  }
  // felix/calc/calc_graph.go: NewCalculationGraph()
  const suppressOverlaps = host.config.nftablesMode !== 'Disabled';
  return view.sets.map((definition) => {
    const { id, content } = definition;
    const withPort = content.kind === 'named-port' || (content.kind === 'service' && content.withPorts);
    return {
      name: ipsetName(id, version),
      id,
      type: withPort ? 'hash:ip,port' : 'hash:net',
      version,
      maxSize: host.config.maxIpsetSize,
      members: cluster.members.members(definition, { version, suppressOverlaps }),
      because: users.get(id) ?? [],
    };
  });
}

export function staticIpsets(context: IpsetContext): FelixIpset[] {
  const { cluster, host, version, encapsulations: on, vteps } = context;
  const set = (id: string, type: FelixIpset['type'], members: readonly Member[]): FelixIpset => ({
    name: ipsetName(id, version),
    id,
    type,
    version,
    maxSize: host.config.maxIpsetSize,
    members: [...new Set(members.map(({ text }) => text))].sort(compareText),
    because: [nodeCause(host.node), ...members.flatMap(({ because }) => because)],
  });
  const pools = cluster.pools.filter((pool) => pool.cidr.version === version);
  const vxlan = version === 4 ? on.vxlan : on.vxlanV6;
  const excludeHosts = host.config.natOutgoingExclusions === 'IPPoolsAndHostIPs';
  const sources = vteps.map(({ hostAddress, because }) => ({ text: formatAddress(hostAddress), because }));
  return [
    ...(excludeHosts || (version === 4 && on.ipip)
      ? [set(IPSET_ID.allHosts, 'hash:net', [...allHosts(context), ...(version === 4 ? external(context) : [])])]
      : []),
    ...(vxlan ? [set(IPSET_ID.allVxlanSources, 'hash:net', [...external(context), ...sources])] : []),
    set(IPSET_ID.dscpSources, 'hash:net', dscpMembers(context)),
    set(
      IPSET_ID.masqueradePools,
      'hash:net',
      poolMembers(
        pools.filter((pool) => pool.natOutgoing),
        'natOutgoing',
      ),
    ),
    set(
      IPSET_ID.networkPools,
      'hash:net',
      poolMembers(
        pools.filter((pool) => poolType(pool) !== 'none'),
        'cidr',
      ),
    ),
    set(IPSET_ID.thisHost, 'hash:ip', thisHost(context)),
  ];
}
