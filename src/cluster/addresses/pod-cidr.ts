/**
 * Addresses of pods where Calico's CNI plugin leaves them to host-local (Canal, Calico for policy alone): out of the
 * node's own podCIDR, or a range that the network's configuration names. They are on record before a node is built, as
 * kubelet and the plugin would have written them down.
 */

import {
  calicoNodeSettings,
  type Cidr,
  field,
  isIpv4Cidr,
  isList,
  type Json,
  type ObjectOf,
  parseCidr,
  parseEmbedded,
  type Store,
} from '../../kubernetes/index.js';
import { type Ipv4Addr, ipv4, type Ipv4Prefix } from '../../packet/index.js';

/** Where a node's pods get their addresses; `of` is undefined for a node without such a range. */
export interface HostLocalRanges {
  readonly of: (node: ObjectOf<'Node'>) => Ipv4Prefix | undefined;
}

const ipv4Of = (cidr: Cidr | undefined): Ipv4Prefix | undefined =>
  cidr !== undefined && isIpv4Cidr(cidr) ? cidr : undefined;

/** The subnet of the first range, wherever it is written. */
function subnetOf(ipam: Json | undefined): string | undefined {
  const ranges = field(ipam, 'ranges');
  const [set] = isList(ranges) ? ranges : [];
  const [range] = isList(set) ? set : [];
  const subnet = field(ipam, 'subnet') ?? field(range, 'subnet');
  return typeof subnet === 'string' ? subnet : undefined;
}

/** Undefined where addresses are Calico's own IPAM's. */
export function hostLocalRanges(store: Store): HostLocalRanges | undefined {
  // install-cni puts numbers in places that are no JSON before it does.
  const text = calicoNodeSettings(store)?.cniNetworkConfig?.replaceAll(/__\w+__/g, '0');
  const plugins = field(parseEmbedded(text ?? ''), 'plugins');
  const calico = isList(plugins) ? plugins.find((plugin) => field(plugin, 'type') === 'calico') : undefined;
  const ipam = field(calico, 'ipam');
  if (field(ipam, 'type') !== 'host-local') return undefined;
  const subnet = subnetOf(ipam) ?? '';
  const written = ipv4Of(parseCidr(subnet));
  const usesPodCidr = subnet.toLowerCase() === 'usepodcidr';
  return { of: ({ spec }) => (usesPodCidr ? ipv4Of(spec.podCIDRs.find(isIpv4Cidr)) : written) };
}

/** The first address is the gateway's, the last the broadcast's (plugins/ipam/host-local/backend/allocator/range.go). */
export function* addressesIn({ addr, length }: Ipv4Prefix): Generator<Ipv4Addr> {
  const first = addr >>> 0;
  const last = first + 2 ** (32 - length) - 1;
  for (let at = first + 2; at < last; at += 1) yield ipv4(at);
}
