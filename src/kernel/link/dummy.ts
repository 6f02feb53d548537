/** dummy: takes every frame and keeps none (drivers/net/dummy.c). */

import { Device } from '../device.js';
import type { Skb } from '../skb.js';

export class Dummy extends Device {
  readonly kind = 'dummy';

  startXmit(skb: Skb): void {
    this.netns.drop(skb, 'not-specified', 'a dummy device keeps no frame');
  }
}
