/** veth: a pair of devices, each the wire of the other (drivers/net/veth.c). */

import { Device, type DeviceOptions } from '../device.js';
import type { Skb } from '../skb.js';

export class Veth extends Device {
  readonly kind = 'veth';
  /** The other end; undefined once it is gone. */
  peer: Veth | undefined = undefined;

  constructor(options: DeviceOptions, peer?: Veth) {
    super(options);
    if (peer === undefined) return;
    this.peer = peer;
    peer.peer = this;
  }

  override get carrier(): boolean {
    return this.peer?.up ?? false;
  }

  /** veth_xmit() → dev_forward_skb(): frames longer than the receiver's MTU and a VLAN tag are not taken. */
  startXmit(skb: Skb): void {
    const { peer } = this;
    if (peer === undefined || !peer.up) {
      this.drop(skb, 'no-carrier', 'the other end of the veth is down');
      return;
    }
    if (skb.length > peer.mtu + 14 + 4) {
      peer.counters.rxDropped += 1;
      this.drop(skb, 'pkt-too-big', `longer than the MTU ${peer.mtu} of the other end`);
      return;
    }
    skb.scrub(peer.netns !== this.netns);
    this.netns.emulation.netifRx(peer, skb);
  }
}
