/** Felix' state in the words of the kernel: devices, addresses, routes, neighbours, forwarding entries, IP sets. */

import type {
  AddressState,
  FdbEntryState,
  IpsetState,
  LinkState,
  NeighbourEntryState,
  RouteState,
} from '../../../kernel/index.js';
import { ipv4, MAC_ZERO } from '../../../packet/index.js';
import { ipv4Of, ipv4PrefixOf } from '../../cidr.js';
import type { FelixIpset, FelixRoute, FelixState, VxlanDevice } from '../state.js';

/** RT_TABLE_MAIN; include/uapi/linux/rtnetlink.h. */
const MAIN_TABLE = 254;

/** A device whose index the kernel gives. */
type NewLink = Omit<LinkState, 'ifindex'>;

const vxlanLink = ({ name, mac, mtu, vni, port, local, parent, because }: VxlanDevice): NewLink => ({
  name,
  kind: 'vxlan',
  mac,
  mtu,
  up: true,
  txqlen: 1000,
  vxlan: { vni, port, local: ipv4Of(local), learning: false, dev: parent },
  because,
});

/** tunl0 is there with the module; its addresses decide whether it is used. */
const ipipLink = ({ name, mtu, because }: NonNullable<FelixState['ipip']>): NewLink => ({
  name,
  kind: 'ipip',
  mac: MAC_ZERO,
  mtu,
  up: true,
  txqlen: 1000,
  ipip: { local: ipv4(0), remote: ipv4(0), ttl: 0, pmtudisc: false },
  because,
});

export const linkStates = ({ vxlan, ipip }: FelixState): NewLink[] => [
  ...(vxlan ? [vxlanLink(vxlan)] : []),
  ...(ipip ? [ipipLink(ipip)] : []),
];

/** The only address of each tunnel device. */
export const addressStates = ({ vxlan, ipip }: FelixState): AddressState[] =>
  [vxlan, ipip].flatMap((device) =>
    device
      ? [
          {
            dev: device.name,
            address: ipv4Of(device.address),
            prefixLength: 32,
            scope: 'global' as const,
            secondary: false,
            label: device.name,
            noPrefixRoute: false,
            because: device.because,
          },
        ]
      : [],
  );

export const routeState = (route: FelixRoute): RouteState => ({
  table: MAIN_TABLE,
  type: route.type,
  destination: ipv4PrefixOf(route.destination),
  tos: 0,
  metric: route.metric,
  scope: route.scope,
  protocol: route.protocol,
  ...(route.source && { prefSrc: ipv4Of(route.source) }),
  ...(route.mtu !== undefined && { mtu: route.mtu }),
  nextHops:
    route.dev === undefined
      ? []
      : [{ dev: route.dev, ...(route.via && { via: ipv4Of(route.via) }), onlink: route.onlink, weight: 1 }],
  because: route.because,
});

/** Other nodes' tunnel addresses never need asking for. */
export const neighbourStates = ({ vxlan }: FelixState): NeighbourEntryState[] =>
  (vxlan?.vteps ?? []).map(({ tunnelAddress, mac, because }) => ({
    dev: vxlan?.name ?? '',
    address: ipv4Of(tunnelAddress),
    mac,
    state: 'permanent',
    proxy: false,
    because,
  }));

/** Behind which node each of them is; nothing is flooded. */
export const fdbStates = ({ vxlan }: FelixState): FdbEntryState[] =>
  (vxlan?.vteps ?? []).map(({ hostAddress, mac, because }) => ({
    dev: vxlan?.name ?? '',
    mac,
    where: 'self',
    remote: ipv4Of(hostAddress),
    permanent: true,
    because,
  }));

export const ipsetState = ({ name, type, version, maxSize, members, because }: FelixIpset): IpsetState => ({
  name,
  type,
  options: `family ${version === 4 ? 'inet' : 'inet6'} hashsize 1024 maxelem ${maxSize}`,
  members,
  because,
});
