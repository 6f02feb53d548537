/** What tcpdump's filters look at: a frame's outermost headers. */

import {
  Arp,
  ARP_LENGTH,
  Ethernet,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  IP_PROTOCOL,
  Ipv4,
  IPV4_HEADER_LENGTH,
  type Ipv4Addr,
  Ipv6,
  IPV6_HEADER_LENGTH,
  LINKTYPE,
  type Mac,
  viewOf,
} from '../../../src/packet/index.js';

export interface Captured {
  readonly bytes: Uint8Array;
  /** A `LINKTYPE`. */
  readonly linkType: number;
}

export const IP_PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: IP_PROTOCOL.icmp,
  igmp: IP_PROTOCOL.igmp,
  tcp: IP_PROTOCOL.tcp,
  udp: IP_PROTOCOL.udp,
  sctp: IP_PROTOCOL.sctp,
};
export const WITH_PORTS: readonly number[] = [IP_PROTOCOL.tcp, IP_PROTOCOL.udp, IP_PROTOCOL.sctp];

/** What an IP header carries. */
interface Transport {
  readonly protocol: number;
  readonly view: DataView;
  /** Where its header begins; undefined in a later fragment, which has none. */
  readonly at: number | undefined;
}

/** The outermost headers. */
export interface Outer {
  readonly length: number;
  readonly etherType: number;
  readonly macs: readonly [source: Mac, destination: Mac] | undefined;
  readonly ip: Ipv4 | undefined;
  readonly arp: Arp | undefined;
  readonly transport: Transport | undefined;
}

export type Test = (outer: Outer) => boolean;
export type Direction = 'src' | 'dst' | 'or' | 'and';
export type Type = 'host' | 'net' | 'port' | 'portrange' | 'proto';

export interface Qualifiers {
  readonly protocol: string | undefined;
  readonly direction: Direction;
  readonly type: Type;
}

function transportOf(ip: Ipv4 | undefined, ip6: Ipv6 | undefined): Transport | undefined {
  if (ip !== undefined)
    return { protocol: ip.protocol, view: ip.view, at: ip.fragmentOffset > 0 ? undefined : ip.payloadOffset };
  if (ip6 === undefined) return undefined;
  const { view, nextHeader } = ip6;
  const at = ip6.offset + IPV6_HEADER_LENGTH;
  // Of extension headers pcap looks behind a fragment's only, and at no ports there.
  if (nextHeader !== IP_PROTOCOL.fragment || at >= view.byteLength) return { protocol: nextHeader, view, at };
  return { protocol: view.getUint8(at), view, at: undefined };
}

export function outerOf({ bytes, linkType }: Captured): Outer {
  const view = viewOf(bytes);
  const isRaw = linkType === LINKTYPE.raw;
  const ethernet = isRaw ? undefined : Ethernet.parse(view, 0, bytes.length);
  const start = isRaw ? 0 : ETHERNET_HEADER_LENGTH;
  const version = (bytes[0] ?? 0) >>> 4;
  const etherType = ethernet?.etherType ?? (version === 6 ? ETHERTYPE.ipv6 : ETHERTYPE.ipv4);
  // As a filter in the kernel: a header is what stands in its place, whatever it says of itself.
  const fits = (type: number, length: number): boolean => etherType === type && bytes.length >= start + length;
  const ip = fits(ETHERTYPE.ipv4, IPV4_HEADER_LENGTH) ? new Ipv4(view, start) : undefined;
  const ip6 = fits(ETHERTYPE.ipv6, IPV6_HEADER_LENGTH) ? new Ipv6(view, start) : undefined;
  return {
    length: bytes.length,
    etherType,
    macs: ethernet === undefined ? undefined : [ethernet.source, ethernet.destination],
    ip,
    arp: fits(ETHERTYPE.arp, ARP_LENGTH) ? new Arp(view, start) : undefined,
    transport: transportOf(ip, ip6),
  };
}

/** Whether the ends that the direction names are as wanted. */
export function ofEnds<T>(
  direction: Direction,
  [source, destination]: readonly [T, T],
  test: (end: T) => boolean,
): boolean {
  if (direction === 'src') return test(source);
  if (direction === 'dst') return test(destination);
  return direction === 'and' ? test(source) && test(destination) : test(source) || test(destination);
}

/** Of IP, of ARP, or of either. */
export function ofAddresses({ protocol, direction }: Qualifiers, test: (address: Ipv4Addr) => boolean): Test {
  return ({ ip, arp }) => {
    if (ip !== undefined && protocol !== 'arp') return ofEnds(direction, [ip.source, ip.destination], test);
    return arp !== undefined && protocol !== 'ip' && ofEnds(direction, [arp.senderIp, arp.targetIp], test);
  };
}

export function ofPorts({ protocol, direction }: Qualifiers, test: (port: number) => boolean): Test {
  const wanted = protocol === undefined ? WITH_PORTS : [IP_PROTOCOLS[protocol]];
  return ({ transport }) => {
    if (transport?.at === undefined || !wanted.includes(transport.protocol)) return false;
    const { view, at } = transport;
    if (at + 4 > view.byteLength) return false;
    return ofEnds(direction, [view.getUint16(at), view.getUint16(at + 2)], test);
  };
}
