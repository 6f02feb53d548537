/** What routing needs of the namespace around it. Netns has all of it; tests make it of a few lines. */

import type { Ipv4Addr } from '../../packet/index.js';
import type { NeighbourState, Place } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { DeviceTable } from '../device-table.js';
import type { Clock } from '../clock.js';
import type { Rtnetlink } from '../rtnetlink.js';
import type { Sysctls } from '../sysctl.js';

export interface FibContext {
  readonly devices: DeviceTable;
  readonly sysctl: Sysctls;
  readonly emulation: { readonly clock: Clock; readonly seed: number };
  readonly place: Place;
  /** Hears of addresses and routes that come and go. */
  readonly rtnetlink?: Pick<Rtnetlink, 'notify'>;
  /** Asked where several next hops are equal: one whose neighbour answers is better (fib_good_nh()). */
  readonly neighbours?: {
    lookup(dev: Device, address: Ipv4Addr): { readonly state: NeighbourState; readonly valid: boolean } | undefined;
  };
}

/** LOOPBACK_IFINDEX. */
const LOOPBACK_IFINDEX = 1;

/** net->loopback_dev. */
export const loopbackOf = (context: FibContext): Device | undefined => context.devices.at(LOOPBACK_IFINDEX);
