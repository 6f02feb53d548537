/**
 * `traceroute -T` (mod-tcp.c): a SYN that nobody's socket has sent, of which routers or the host at the end tell. What comes in is heard
 * before the machine's own rules see it, and then answered by the kernel with a reset where it is a SYN too, as by the real tool's.
 */

import { type Device, type Netns, type RouteResult } from '../../kernel/index.js';
import {
  encodeTcp,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  formatIpv4,
  Icmp,
  IP_PROTOCOL,
  Ipv4,
  type Ipv4Addr,
  pseudoHeaderSum,
  Tcp,
  TCP_SYN,
} from '../../packet/index.js';

const HEADERS = 40;
/** mss, sackOK, timestamps and a window scale. */
const SYN_LENGTH = 40;
const WINDOW = 5_840;
const WINDOW_SCALE = 2;
const EPHEMERAL_PORTS = 28_232;
const FIRST_EPHEMERAL_PORT = 32_768;
/** What is quoted of a packet has its ports at least. */
const QUOTED = 8;

export interface SynRequest {
  readonly route: RouteResult;
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly port: number;
  readonly ttl: number;
  readonly dontFragment: boolean;
  readonly tos: number;
  readonly waitNs: number;
}

export interface SynAnswer {
  readonly from: Ipv4Addr;
  /** Of ICMP, or undefined where the host itself has answered. */
  readonly icmp: { readonly type: number; readonly code: number; readonly mtu: number } | undefined;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function sendSyn(netns: Netns, request: SynRequest, sourcePort: number): void {
  const { emulation, ipv4 } = netns;
  const { source, destination, route, port, ttl, tos, dontFragment } = request;
  const skb = emulation.allocSkb(SYN_LENGTH);
  skb.tail = skb.data + SYN_LENGTH;
  skb.transport = skb.data;
  encodeTcp(skb.view, skb.data, {
    sourcePort,
    destinationPort: port,
    sequence: emulation.random.u32(),
    flags: TCP_SYN,
    window: WINDOW,
    options: {
      mss: route.mtu - HEADERS,
      sackPermitted: true,
      timestamps: { value: emulation.random.u32(), echo: 0 },
      windowScale: WINDOW_SCALE,
    },
  });
  const pseudo = pseudoHeaderSum(source, destination, IP_PROTOCOL.tcp, SYN_LENGTH);
  new Tcp(skb.view, skb.data).fillChecksum(pseudo, skb.tail);
  if (emulation.tracer !== undefined)
    netns.trace(skb, {
      kind: 'send',
      protocol: IP_PROTOCOL.tcp,
      note: `TCP SYN to ${formatIpv4(destination)}:${port}`,
    });
  ipv4.send(skb, { source, destination, protocol: IP_PROTOCOL.tcp, ttl, tos, dontFragment, route, told: true });
}

/** What a frame says of the SYN. */
function answerIn(frame: Uint8Array, request: SynRequest, sourcePort: number): SynAnswer | undefined {
  const view = viewOf(frame);
  const ip = Ipv4.parse(view, ETHERNET_HEADER_LENGTH, frame.length);
  if (ip === undefined || ip.destination !== request.source) return undefined;
  if (ip.protocol === IP_PROTOCOL.tcp) {
    const tcp = Tcp.parse(view, ip.payloadOffset, frame.length);
    const isOurs =
      ip.source === request.destination && tcp?.sourcePort === request.port && tcp.destinationPort === sourcePort;
    return isOurs ? { from: ip.source, icmp: undefined } : undefined;
  }
  if (ip.protocol !== IP_PROTOCOL.icmp) return undefined;
  const icmp = Icmp.parse(view, ip.payloadOffset, frame.length);
  if (icmp === undefined || frame.length - icmp.payloadOffset < 20 + QUOTED) return undefined;
  const quoted = new Ipv4(view, icmp.payloadOffset);
  if (quoted.protocol !== IP_PROTOCOL.tcp || quoted.destination !== request.destination) return undefined;
  if (view.getUint16(quoted.payloadOffset) !== sourcePort) return undefined;
  return { from: ip.source, icmp: { type: icmp.type, code: icmp.code, mtu: icmp.rest & 0xffff } };
}

/** The first that tells of it, before the time is up. */
export function synProbe(netns: Netns, request: SynRequest): SynAnswer | undefined {
  const { emulation, devices, frames } = netns;
  const sourcePort = FIRST_EPHEMERAL_PORT + (emulation.random.u32() % EPHEMERAL_PORTS);
  let answer: SynAnswer | undefined;
  const sockets = Array.from(devices, (dev: Device) =>
    frames.open({
      dev,
      etherType: ETHERTYPE.ipv4,
      process: 'traceroute',
      onFrame: (frame) => (answer ??= answerIn(frame, request, sourcePort)),
    }),
  );
  sendSyn(netns, request, sourcePort);
  emulation.run(() => answer !== undefined, emulation.clock.nowNs + request.waitNs);
  for (const socket of sockets) socket.close();
  return answer;
}
