/**
 * net.bridge.bridge-nf-call-iptables: bridged IPv4 frames go through iptables too (net/bridge/br_netfilter_hooks.c).
 * PREROUTING when a frame enters the bridge, FORWARD and POSTROUTING when it leaves by another port. What is delivered
 * to the bridge itself has PREROUTING behind it when IPv4 gets it (`sabotaged`).
 *
 *     port ─ PREROUTING ─┬─ same destination ──────────────────────── fdb ─┬─ up the stack
 *                        └─ another (DNAT) ─ route ┬─ by the bridge ─ neighbour ─┘      │
 *                                                  └─ by another device ────────────────┘
 *     fdb ─ FORWARD ─ POSTROUTING ─ [fragment] ─ port
 */

import {
  Ethernet,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  INADDR_ANY,
  Ipv4,
  type Ipv4Addr,
  IPV4_DONT_FRAGMENT,
  IPV4_HEADER_LENGTH,
} from '../../packet/index.js';
import type { RouteResult } from '../fib/index.js';
import { dissected } from '../ipv4/flow-ports.js';
import { fragment } from '../ipv4/fragment.js';
import type { Skb } from '../skb.js';
import type { Bridge, BridgePort } from './bridge.js';

/** Whether the frame carries IPv4: nothing else is looked at here. */
const carriesIpv4 = (skb: Skb): boolean => new Ethernet(skb.view, skb.data).etherType === ETHERTYPE.ipv4;

/** Whether this bridge asks iptables about this frame. */
export const asksIptables = ({ netns }: Bridge, skb: Skb): boolean =>
  netns.sysctl.values['bridge.bridge-nf-call-iptables'] !== 0 && carriesIpv4(skb);

/** Runs `inside` with `data` at the network header, as iptables wants it; the frame starts at its MAC header again after. */
function atNetworkHeader(skb: Skb, inside: () => boolean): boolean {
  skb.pull(ETHERNET_HEADER_LENGTH);
  skb.network = skb.data;
  const result = inside();
  if (result) {
    skb.data = skb.network - ETHERNET_HEADER_LENGTH;
    skb.mac = skb.data;
  }
  return result;
}

/** By what br_validate_ipv4() counts it: `header` is there where it is the sum that is wrong. */
function countBadHeader({ netns: { mib } }: Bridge, skb: Skb, header: Ipv4 | undefined): void {
  const length = skb.tail - skb.network;
  const whole = length >= IPV4_HEADER_LENGTH ? new Ipv4(skb.view, skb.network) : undefined;
  const proper = whole?.version === 4 && whole.headerLength >= IPV4_HEADER_LENGTH && whole.headerLength <= length;
  const rightSum = header === undefined && proper && whole.checksumValid();
  if (rightSum && whole.totalLength > length) {
    mib.IpExtInTruncatedPkts += 1;
    return;
  }
  if (proper && !rightSum) mib.IpExtInCsumErrors += 1;
  mib.IpInHdrErrors += 1;
}

/** br_validate_ipv4(): what iptables may look at. False where the frame has been dropped. */
function validate(bridge: Bridge, skb: Skb): boolean {
  const header = Ipv4.parse(skb.view, skb.network, skb.tail);
  if (header === undefined || !header.checksumValid()) {
    countBadHeader(bridge, skb, header);
    bridge.netns.drop(skb, 'ip-inhdr');
    return false;
  }
  // Octets behind the datagram are padding.
  skb.tail = skb.network + header.totalLength;
  skb.transport = skb.network + header.headerLength;
  skb.protocol = ETHERTYPE.ipv4;
  return true;
}

/** Iptables takes no frame for somebody else's: here it is on its way through. */
function asHost(skb: Skb, run: () => boolean): boolean {
  const { packetType } = skb;
  if (packetType === 'otherhost') skb.packetType = 'host';
  const result = run();
  if (result && packetType === 'otherhost') skb.packetType = packetType;
  return result;
}

/**
 * br_nf_pre_routing(), br_nf_pre_routing_finish(). True where the frame goes on to the forwarding table; else it has
 * been dropped, or waits for a neighbour.
 */
export function bridgePrerouting(bridge: Bridge, skb: Skb, port: BridgePort): boolean {
  const { netns } = bridge;
  let before: Ipv4Addr | undefined;
  const accepted = atNetworkHeader(skb, () => {
    if (!validate(bridge, skb)) return false;
    skb.physIn = port.dev;
    skb.sabotageInDone = false;
    before = skb.ipv4.destination;
    skb.dev = bridge;
    return asHost(skb, () => netns.netfilter.run('prerouting', skb, bridge, undefined) === 'accept');
  });
  if (!accepted) return false;
  if (skb.ipv4.destination !== before) return rerouted(bridge, skb, port);
  skb.route = bridge.parentRoute;
  return true;
}

/**
 * br_netfilter_rtable_init(), bridge_parent_rtable(): the route of what only crosses the bridge. It leads nowhere, but
 * rules find the bridge's MTU in it, and errors may be sent about what has it.
 */
export const parentRoute = (bridge: Bridge): RouteResult => ({
  type: 'unicast',
  dev: bridge,
  gateway: undefined,
  source: INADDR_ANY,
  get mtu() {
    return bridge.mtu;
  },
  route: undefined,
  mtuLocked: false,
  redirect: false,
  fake: true,
});

/** The destination is another now: where is it? */
function rerouted(bridge: Bridge, skb: Skb, port: BridgePort): boolean {
  const route = routeFrom(bridge, skb);
  if (route === undefined) {
    bridge.netns.drop(skb, 'ip-innoroutes', 'no way to the new destination');
    return false;
  }
  if (route.dev === bridge && route.type === 'unicast') {
    skb.route = route;
    return toNeighbour(bridge, skb, { route, port });
  }
  // Not on this bridge: up the stack, which forwards it.
  new Ethernet(skb.view, skb.mac).destination = bridge.mac;
  skb.packetType = 'host';
  skb.route = route;
  return true;
}

/** ip_route_input(); bridged and translated traffic needs no ip_forward as long as it stays on the bridge. */
function routeFrom(bridge: Bridge, skb: Skb): RouteResult | undefined {
  const { fib } = bridge.netns;
  const header = skb.ipv4;
  const { destination, source, tos } = header;
  const route = fib.routeInput({ destination, source, tos, mark: skb.mark, iif: bridge, ...dissected(skb, header) });
  if (typeof route === 'string') return undefined;
  if (route.dev !== undefined) return route;
  if (route.error !== 'EHOSTUNREACH' || bridge.ipv4Conf.forwarding !== 0) return undefined;
  const out = fib.routeOutput({ destination, source: 0 as Ipv4Addr, tos });
  return typeof out === 'string' || out.dev !== bridge ? undefined : out;
}

/** br_nf_pre_routing_finish_bridge(): the frame gets its neighbour's address, at once or when ARP has found it. */
function toNeighbour(bridge: Bridge, skb: Skb, { route, port }: { route: RouteResult; port: BridgePort }): boolean {
  const address = route.gateway ?? skb.ipv4.destination;
  const neighbour = bridge.netns.neighbours.require(bridge, address);
  if (neighbour.connected) {
    new Ethernet(skb.view, skb.mac).destination = neighbour.mac;
    return true;
  }
  // What the neighbour sends is a frame of the bridge's own; it is taken back there (br_nf_dev_xmit()).
  skb.bridgedFrom = { port, source: new Ethernet(skb.view, skb.mac).source };
  skb.pull(ETHERNET_HEADER_LENGTH);
  bridge.netns.neighbours.output(skb, bridge, address);
  return false;
}

/**
 * br_nf_local_in(): a connection whose first packet went to others too is confirmed here, for those copies may not do it
 * again. A promiscuous bridge's own copy belongs to none. False where the packet has been dropped.
 */
export function bridgeLocalIn({ netns, promisc }: Bridge, skb: Skb): boolean {
  if (skb.ct === undefined || skb.packetType === 'host') return true;
  if (!promisc) return netns.conntrack.confirm(skb) === 'accept';
  skb.resetConntrack();
  return true;
}

/** br_nf_forward_ip() and br_nf_post_routing(): the frames that go on to the port, none where iptables keeps it. */
export function bridgeForward(bridge: Bridge, skb: Skb, out: BridgePort): readonly Skb[] {
  // Without nf_bridge the frame was not asked about when it came in, and is not now.
  if (skb.physIn === undefined) return [skb];
  const { netns } = bridge;
  skb.physOut = out.dev;
  const accepted = atNetworkHeader(skb, () => {
    if (!validate(bridge, skb)) return false;
    return asHost(
      skb,
      () =>
        netns.netfilter.run('forward', skb, bridge, bridge) === 'accept' &&
        netns.netfilter.run('postrouting', skb, undefined, bridge) === 'accept',
    );
  });
  if (!accepted) return [];
  const frames = cutToPort(bridge, skb, out);
  for (const frame of frames) {
    frame.physIn = undefined;
    frame.physOut = undefined;
    frame.sabotageInDone = false;
    frame.route = undefined;
  }
  return frames;
}

/**
 * br_nf_dev_queue_xmit(): what is too long for the port is taken apart, and a datagram that was put together at the
 * bridge into pieces no longer than those that came.
 */
function cutToPort({ netns }: Bridge, skb: Skb, out: BridgePort): readonly Skb[] {
  const { fragMaxSize } = skb;
  const mtu = fragMaxSize > 0 ? Math.min(fragMaxSize, out.dev.mtu) : out.dev.mtu;
  const length = skb.tail - skb.network;
  if (length <= mtu) return [skb];
  if (((skb.ipv4.flagsAndOffset & IPV4_DONT_FRAGMENT) !== 0 && fragMaxSize === 0) || fragMaxSize > mtu) {
    netns.mib.IpFragFails += 1;
    netns.drop(skb, 'pkt-too-big', `${length} octets, MTU ${mtu} of port ${out.dev.name}`);
    return [];
  }
  const header = skb.slab.bytes.slice(skb.mac, skb.network);
  const pieces = fragment(netns.emulation, skb, mtu);
  if (netns.emulation.tracer !== undefined) netns.trace(skb, { kind: 'fragment', mtu, pieces: pieces.length });
  netns.mib.IpFragCreates += pieces.length;
  netns.mib.IpFragOKs += 1;
  for (const piece of pieces) {
    piece.push(header.length, netns.emulation.slabs);
    piece.slab.bytes.set(header, piece.data);
    piece.mac = piece.data;
  }
  return pieces;
}
