/** The VXLAN device and what it knows of other nodes; felix/dataplane/linux/vxlan_mgr.go, vxlan_fdb. */

import { type Netns, Vxlan } from '../../../kernel/index.js';
import { ipv4Of } from '../../cidr.js';
import type { Vtep, VxlanDevice } from '../state.js';

/** The device as wanted: one that is different is made anew. Its only address is the tunnel address. */
export function applyVxlan(netns: Netns, wanted: VxlanDevice | undefined): void {
  if (wanted === undefined) return;
  const dev = requireDevice(netns, wanted);
  netns.links.set(dev, { up: true });
  const address = ipv4Of(wanted.address);
  for (const other of dev.addresses.slice()) {
    if (other.address !== address) netns.fib.deleteAddress(dev, other.address, other.prefixLength);
  }
  if (dev.addresses.length === 0) netns.fib.addAddress(dev, { address, prefixLength: 32, because: wanted.because });
  for (const vtep of wanted.vteps) applyVtep(netns, dev, vtep);
}

function requireDevice(netns: Netns, wanted: VxlanDevice): Vxlan {
  const there = netns.devices.named(wanted.name);
  if (there instanceof Vxlan && matches(there, wanted)) return there;
  if (there !== undefined) netns.links.remove(there);
  const { name, mac, mtu, vni, port, parent, because } = wanted;
  return netns.links.addVxlan(
    { name, mac, mtu, because },
    { vni, port, local: ipv4Of(wanted.local), learning: false, dev: parent },
  );
}

const matches = ({ config, mac, mtu }: Vxlan, wanted: VxlanDevice): boolean =>
  config.vni === wanted.vni &&
  config.port === wanted.port &&
  config.local === ipv4Of(wanted.local) &&
  mac === wanted.mac &&
  mtu === wanted.mtu;

/** A permanent neighbour and a permanent forwarding entry for each remote end. */
function applyVtep(netns: Netns, dev: Vxlan, { tunnelAddress, hostAddress, mac, because }: Vtep): void {
  netns.neighbours.set({
    dev: dev.name,
    address: ipv4Of(tunnelAddress),
    mac,
    state: 'permanent',
    proxy: false,
    because,
  });
  dev.replaceEntry(mac, ipv4Of(hostAddress), because);
}
