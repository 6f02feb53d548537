/** The VXLAN device and what it knows of other nodes; felix/dataplane/linux/vxlan_mgr.go, vxlan_fdb. */

import { type Netns, Vxlan } from '../../../kernel/index.js';
import { ipv4Of } from '../../cidr.js';
import type { Vtep, VxlanDevice } from '../state.js';

const DEVICE = 'vxlan.calico';

/** The device as wanted: one that is different is made anew, one that nobody wants goes. */
export function applyVxlan(netns: Netns, wanted: VxlanDevice | undefined): void {
  if (wanted === undefined) {
    const there = netns.devices.named(DEVICE);
    if (there !== undefined) netns.links.remove(there);
    return;
  }
  const dev = requireDevice(netns, wanted);
  netns.links.set(dev, { up: true });
  const address = ipv4Of(wanted.address);
  for (const other of dev.addresses.slice()) {
    if (other.address !== address) netns.fib.deleteAddress(dev, other.address, other.prefixLength);
  }
  if (dev.addresses.length === 0) netns.fib.addAddress(dev, { address, prefixLength: 32, because: wanted.because });
  applyVteps(netns, dev, wanted.vteps);
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

/** A permanent neighbour and a permanent forwarding entry for each remote end; those of ends that are gone go. */
function applyVteps(netns: Netns, dev: Vxlan, vteps: readonly Vtep[]): void {
  const addresses = new Set(vteps.map(({ tunnelAddress }) => ipv4Of(tunnelAddress)));
  const macs = new Set(vteps.map(({ mac }) => mac));
  for (const { dev: on, address } of Array.from(netns.neighbours.entries())) {
    if (on === dev && !addresses.has(address)) netns.neighbours.delete(dev, address);
  }
  for (const { mac } of Array.from(dev.entries())) if (!macs.has(mac)) dev.deleteEntry(mac);
  for (const { tunnelAddress, hostAddress, mac, because } of vteps) {
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
}
