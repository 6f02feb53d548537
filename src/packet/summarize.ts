/**
 * A frame as one line, as `tcpdump -nn -S` prints it without the time (and `-e` with the link-layer header). Where
 * tcpdump breaks the line before a frame inside VXLAN, this puts a space.
 */

import { viewOf } from './bytes.js';
import { LINKTYPE } from './pcapng.js';
import { printBgp, printDns, printDnsOverTcp, printHttp } from './summarize/application.js';
import { printIcmp, printIcmpv6 } from './summarize/icmp.js';
import { printArp, printEthernet, printVxlan } from './summarize/link.js';
import { printIpv4, printIpv6 } from './summarize/network.js';
import type { Context, Into, Printer, ProtocolName, Span } from './summarize/printer.js';
import { printSctp, printTcp, printUdp } from './summarize/transport.js';

/** Layers that are printed at most: a packet can claim to hold another without end. */
const MAX_DEPTH = 32;

const PRINTERS: Readonly<Record<ProtocolName, Printer>> = {
  arp: printArp,
  bgp: printBgp,
  dns: printDns,
  dnsOverTcp: printDnsOverTcp,
  ethernet: printEthernet,
  http: printHttp,
  icmp: printIcmp,
  icmpv6: printIcmpv6,
  ipv4: printIpv4,
  ipv6: printIpv6,
  sctp: printSctp,
  tcp: printTcp,
  udp: printUdp,
  vxlan: printVxlan,
};

const into: Into = (protocol, span, context) =>
  context.depth >= MAX_DEPTH ? '...' : PRINTERS[protocol](span, { ...context, depth: context.depth + 1 });

export interface SummaryOptions {
  /** A `LINKTYPE`; Ethernet where it is left out. */
  readonly linkType?: number;
  /** The addresses and type of Ethernet headers too, as with `-e`. */
  readonly showLink?: boolean;
}

function firstProtocol(span: Span, linkType: number): ProtocolName {
  if (linkType === LINKTYPE.ethernet) return 'ethernet';
  return span.end > 0 && span.view.getUint8(0) >>> 4 === 6 ? 'ipv6' : 'ipv4';
}

/** One line for the frame, whatever its bytes are. */
export function summarize(bytes: Uint8Array, options: SummaryOptions = {}): string {
  const span: Span = { view: viewOf(bytes), offset: 0, end: bytes.length };
  const context: Context = { showLink: options.showLink === true, depth: 0, into };
  return into(firstProtocol(span, options.linkType ?? LINKTYPE.ethernet), span, context);
}
