/** A physical network interface: its cable ends in a switch or in another interface. */

import { Device } from '../device.js';
import type { CableState } from '../host-state.js';
import type { Skb } from '../skb.js';

/** What a physical interface is plugged into. */
export interface Cable {
  /** What it is and where it ends. */
  readonly state: CableState;
  /** Whether something that is up is at the other end. */
  readonly carrier: boolean;
  /** Takes a frame from the interface at `from`. The frame is the cable's from here on. */
  send(skb: Skb, from: Ethernet): void;
}

export class Ethernet extends Device {
  readonly kind = 'ethernet';
  cable: Cable | undefined = undefined;

  override get carrier(): boolean {
    return this.cable?.carrier ?? false;
  }

  startXmit(skb: Skb): void {
    if (this.cable === undefined) {
      this.drop(skb, 'no-carrier', 'no cable');
      return;
    }
    skb.scrub(true);
    this.cable.send(skb, this);
  }

  /** A frame arrives from the cable. */
  arrive(skb: Skb): void {
    if (skb.length > this.mtu + 14 + 4) {
      this.counters.rxDropped += 1;
      this.drop(skb, 'pkt-too-big', `longer than the MTU ${this.mtu} of ${this.name}`);
      return;
    }
    this.netns.emulation.netifRx(this, skb);
  }
}
