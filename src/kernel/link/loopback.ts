/** lo: what leaves comes back (drivers/net/loopback.c). */

import { Device } from '../device.js';
import type { Skb } from '../skb.js';

export class Loopback extends Device {
  readonly kind = 'loopback';

  constructor() {
    super({ name: 'lo', mtu: 65_536, txqlen: 1000 });
  }

  startXmit(skb: Skb): void {
    // loopback_xmit() keeps the route and the conntrack entry: nothing is looked up again on the way in.
    this.netns.emulation.netifRx(this, skb);
  }
}
