/** The tunnel device of IP-in-IP; felix/dataplane/linux/ipip_mgr.go, route_mgr.go:configureTunnelDevice(). */

import type { Device, Host, Netns } from '../../../kernel/index.js';
import { ipv4Of } from '../../cidr.js';
import type { IpipDevice } from '../state.js';

const DEVICE = 'tunl0';

/** Takes away every address but `kept`. */
function keepAddress(netns: Netns, dev: Device, kept: number | undefined): void {
  for (const { address, prefixLength } of dev.addresses.slice())
    if (address !== kept || prefixLength !== 32) netns.fib.deleteAddress(dev, address, prefixLength);
}

/**
 * The kernel brings the device with its module; Felix gives it size and address, and takes it into use. What nobody
 * wants stays without addresses, unless somebody has said so in as many words (cleanUpIPIPAddrs()).
 */
export function applyIpip({ netns }: Host, wanted: IpipDevice | 'unused' | 'left alone'): void {
  if (wanted === 'left alone') return;
  if (wanted === 'unused') {
    const there = netns.devices.named(DEVICE);
    if (there !== undefined) keepAddress(netns, there, undefined);
    return;
  }
  netns.host.loadModule('ipip');
  const dev = netns.links.require(wanted.name);
  dev.because = wanted.because;
  const address = ipv4Of(wanted.address);
  if (dev.mtu !== wanted.mtu) netns.links.set(dev, { mtu: wanted.mtu });
  keepAddress(netns, dev, address);
  if (dev.addresses.length === 0) netns.fib.addAddress(dev, { address, prefixLength: 32, because: wanted.because });
  netns.links.set(dev, { up: true });
}
