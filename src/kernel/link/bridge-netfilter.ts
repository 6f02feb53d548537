/**
 * net.bridge.bridge-nf-call-iptables: bridged IPv4 frames go through iptables too
 * (net/bridge/br_netfilter_hooks.c). PREROUTING when a frame enters the bridge, FORWARD and POSTROUTING
 * when it leaves by another port. A destination that PREROUTING changed is routed: to another subnet it
 * leaves by the bridge device itself (br_nf_pre_routing_finish()).
 */

import { Ethernet, ETHERNET_HEADER_LENGTH, ETHERTYPE, Ipv4 } from '../../packet/index.js';
import type { Device } from '../device.js';
import type { Skb } from '../skb.js';
import type { Bridge } from './bridge.js';

/** Whether the frame carries IPv4: nothing else is looked at here. */
const carriesIpv4 = (skb: Skb): boolean => new Ethernet(skb.view, skb.data).etherType === ETHERTYPE.ipv4;

interface BridgeNetfilter {
  /** False where the packet is not the bridge's any more. */
  prerouting(skb: Skb, dev: Device): boolean;
  forward(skb: Skb, out: Device): boolean;
}

/** The hooks for this frame, or undefined where it goes past them. */
export function bridgeNetfilter(bridge: Bridge, skb: Skb): BridgeNetfilter | undefined {
  const { netns } = bridge;
  if (netns.sysctl.values['bridge.bridge-nf-call-iptables'] === 0 || !carriesIpv4(skb)) return undefined;
  return {
    prerouting: (packet, dev) => prerouting(bridge, packet, dev),
    forward: (packet, out) => forward(bridge, packet, out),
  };
}

/** Runs `inside` with `data` at the network header. */
function atNetworkHeader(skb: Skb, inside: () => boolean): boolean {
  skb.pull(ETHERNET_HEADER_LENGTH);
  skb.network = skb.data;
  const result = inside();
  if (result) skb.data = skb.network - ETHERNET_HEADER_LENGTH;
  return result;
}

/** br_nf_pre_routing(), br_nf_pre_routing_finish(). */
function prerouting(bridge: Bridge, skb: Skb, dev: Device): boolean {
  const { netns } = bridge;
  skb.physIn = dev;
  return atNetworkHeader(skb, () => {
    const header = Ipv4.parse(skb.view, skb.network, skb.tail);
    if (header === undefined || !header.checksumValid()) {
      netns.drop(skb, 'ip-inhdr');
      return false;
    }
    skb.protocol = ETHERTYPE.ipv4;
    skb.transport = skb.network + header.headerLength;
    const before = header.destination;
    if (netns.netfilter.run('prerouting', skb, bridge, undefined) !== 'accept') return false;
    if (new Ipv4(skb.view, skb.network).destination === before) return true;
    // DNAT: the bridge is the way in from here on, as for a routed packet.
    skb.dev = bridge;
    skb.iif = bridge.ifindex;
    skb.packetType = 'host';
    netns.ipv4.receiveFinish(bridge, skb);
    return false;
  });
}

/** br_nf_forward_ip(), br_nf_post_routing(). */
function forward(bridge: Bridge, skb: Skb, out: Device): boolean {
  const { netns } = bridge;
  skb.physOut = out;
  return atNetworkHeader(
    skb,
    () =>
      netns.netfilter.run('forward', skb, bridge, bridge) === 'accept' &&
      netns.netfilter.run('postrouting', skb, undefined, bridge) === 'accept',
  );
}
