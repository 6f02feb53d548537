/** What the printers of one protocol each share: where they read, what they know, and how they hand on. */

/** Octets `[offset, end)` of `view`. */
export interface Span {
  readonly view: DataView;
  readonly offset: number;
  readonly end: number;
}

/** What the network header says to the transport. */
export interface Network {
  readonly version: 4 | 6;
  readonly source: string;
  readonly destination: string;
  readonly fragment: boolean;
  /** The addresses stand before an extension header already; the transport prints its ports alone. */
  readonly printed: boolean;
}

export interface Context {
  /** `tcpdump -e`: the link-layer header is printed, and what it says is not repeated. */
  readonly showLink: boolean;
  readonly network?: Network;
  /** Layers so far. */
  readonly depth: number;
  readonly into: Into;
}

export type ProtocolName =
  | 'arp'
  | 'bgp'
  | 'dns'
  | 'dnsOverTcp'
  | 'ethernet'
  | 'http'
  | 'icmp'
  | 'icmpv6'
  | 'ipv4'
  | 'ipv6'
  | 'sctp'
  | 'tcp'
  | 'udp'
  | 'vxlan';

/** Prints what lies at `span` as that protocol. */
export type Into = (protocol: ProtocolName, span: Span, context: Context) => string;

export type Printer = (span: Span, context: Context) => string;

/** A header that is not all there, as tcpdump marks it. */
export const truncated = (protocol: string): string => ` [|${protocol}]`;

export const lengthOf = ({ offset, end }: Span): number => end - offset;
