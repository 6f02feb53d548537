/** Groups that devices listen to, of IPv4 alone: those that the kernel itself joins (net/ipv4/igmp.c:ip_mc_init_dev()). */

import { Bridge, type Device, Ipip, Loopback } from '../kernel/index.js';

/** Of every device that is up. */
const ALL_SYSTEMS = { address: '224.0.0.1', mac: '01:00:5e:00:00:01' } as const;
/** Of bridges, who look for routers (RFC 4286). */
const ALL_SNOOPERS = { address: '224.0.0.106', mac: '01:00:5e:00:00:6a' } as const;

export function groupsOf(dev: Device): readonly string[] {
  if (!dev.up) return [];
  return dev instanceof Bridge ? [ALL_SYSTEMS.address, ALL_SNOOPERS.address] : [ALL_SYSTEMS.address];
}

/** dev->mc: devices whose frames go to nobody by address have none. */
export function linkGroupsOf(dev: Device): readonly string[] {
  if (!dev.up || dev.noArp || dev instanceof Loopback || dev instanceof Ipip) return [];
  return dev instanceof Bridge ? [ALL_SNOOPERS.mac, ALL_SYSTEMS.mac] : [ALL_SYSTEMS.mac];
}
