/** Why the outcome of a connection is not known: it hangs on something that nobody has computed. */

import { addressOfIpv4, cidrContains, storedPools } from '../calico/index.js';
import type { Pod, Store } from '../kubernetes/index.js';
import type { Ipv4Addr } from '../packet/index.js';
import { birdPool } from './routing.js';

/** Of a connection between nodes whose routes are a daemon's, where no daemon was brought (`Cluster.bringRouting`). */
export function withoutRouting(store: Store, ends: readonly (Pod | undefined)[], destination: Ipv4Addr): string[] {
  const [from, to] = ends;
  if (from?.spec.nodeName === to?.spec.nodeName || birdPool(store) === undefined) return [];
  const pool = storedPools(store).find(({ cidr }) => cidrContains(cidr, addressOfIpv4(destination)));
  return pool?.vxlanMode === 'Never'
    ? [`IPPool ${pool.name} has no VXLAN: its routes between nodes are BIRD’s, and nobody was asked to run it.`]
    : [];
}

/** Felix's own setting for the node, or that for all. */
const felixSetting = (store: Store, node: string, name: string): unknown => {
  const [own, all] = [`node.${node}`, 'default'].map(
    (of) => store.get('FelixConfiguration', '', of)?.spec.fields[name],
  );
  return own ?? all;
};

/** What Felix of the node programs in place of iptables' rules, or undefined. */
function otherDataplane(store: Store, node: string): string | undefined {
  if (store.get('Node', '', node) === undefined) return undefined;
  if (felixSetting(store, node, 'bpfEnabled') === true) return 'eBPF';
  const mode = felixSetting(store, node, 'nftablesMode');
  return typeof mode === 'string' && mode.toLowerCase() === 'enabled' ? 'nftables' : undefined;
}

/** Nodes on the way whose Felix programs something else than iptables: what that does is not known. */
export function withOtherDataplane(store: Store, nodes: Iterable<string>): string[] {
  if (store.list('FelixConfiguration').length === 0) return [];
  return [...new Set(nodes)].flatMap((node) => {
    const programs = otherDataplane(store, node);
    return programs === undefined
      ? []
      : [`Felix programs ${programs} on node/${node}, which is not modelled: what its rules do is not known.`];
  });
}
