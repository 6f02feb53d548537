/** IPv4 and IPv6 in tcpdump's words. */

import { formatIpv4, formatIpv6 } from '../ip.js';
import { IP_PROTOCOL, IPV4_HEADER_LENGTH, Ipv4 } from '../ipv4.js';
import { IPV6_HEADER_LENGTH, Ipv6, type Ipv6Extension, Ipv6Fragment } from '../ipv6.js';
import { type Context, lengthOf, type Network, type ProtocolName, type Span, truncated } from './printer.js';

const PROTOCOLS: Readonly<Record<number, ProtocolName>> = {
  [IP_PROTOCOL.icmp]: 'icmp',
  [IP_PROTOCOL.ipip]: 'ipv4',
  [IP_PROTOCOL.tcp]: 'tcp',
  [IP_PROTOCOL.udp]: 'udp',
  [IP_PROTOCOL.ipv6]: 'ipv6',
  [IP_PROTOCOL.icmpv6]: 'icmpv6',
  [IP_PROTOCOL.sctp]: 'sctp',
};

/** These print the addresses themselves, with their ports. */
const WITH_PORTS: ReadonlySet<number> = new Set([IP_PROTOCOL.tcp, IP_PROTOCOL.udp, IP_PROTOCOL.sctp]);

function transport(protocol: number, span: Span, context: Context & { network: Network }): string {
  const { source, destination, printed } = context.network;
  const addresses = printed || WITH_PORTS.has(protocol) ? '' : `${source} > ${destination}: `;
  if (protocol === IP_PROTOCOL.noNext) return `${addresses}no next header`;
  const name = PROTOCOLS[protocol];
  if (name === undefined) return `${addresses} ip-proto-${protocol} ${lengthOf(span)}`;
  return addresses + context.into(name, span, context);
}

export function printIpv4(span: Span, context: Context): string {
  const prefix = context.showLink ? '' : 'IP ';
  if (lengthOf(span) < IPV4_HEADER_LENGTH) return prefix + truncated('ip').trimStart();
  const ip = new Ipv4(span.view, span.offset);
  if (ip.version !== 4) return `${prefix}[version ${ip.version} != 4] (invalid)`;
  const { headerLength, totalLength } = ip;
  if (headerLength < IPV4_HEADER_LENGTH) return `${prefix}[header length ${headerLength} < 20] (invalid)`;
  if (totalLength < headerLength) {
    return `${prefix}[total length ${totalLength} < header length ${headerLength}] (invalid)`;
  }
  const missing = totalLength - lengthOf(span);
  const cut = missing > 0 ? `truncated-ip - ${missing} bytes missing! ` : '';
  if (ip.payloadOffset > span.end) return prefix + cut + truncated('ip').trimStart();
  const source = formatIpv4(ip.source);
  const destination = formatIpv4(ip.destination);
  if (ip.fragmentOffset > 0) return `${prefix}${cut}${source} > ${destination}: ip-proto-${ip.protocol}`;
  const network: Network = { version: 4, source, destination, fragment: ip.moreFragments, printed: false };
  const inner = { ...span, offset: ip.payloadOffset, end: Math.min(ip.end, span.end) };
  return prefix + cut + transport(ip.protocol, inner, { ...context, network });
}

const EXTENSION_WORDS: Readonly<Record<number, string>> = {
  [IP_PROTOCOL.hopByHop]: 'HBH ',
  [IP_PROTOCOL.destinationOptions]: 'DSTOPT ',
  [IP_PROTOCOL.routing]: 'srcrt ',
  [IP_PROTOCOL.ah]: 'AH ',
};

function extensionText(ip: Ipv6, extension: Ipv6Extension): string {
  if (extension.protocol !== IP_PROTOCOL.fragment) return EXTENSION_WORDS[extension.protocol] ?? '';
  const { fragmentOffset } = new Ipv6Fragment(ip.view, extension.offset);
  const length = ip.end - extension.offset - extension.length;
  return `frag (${fragmentOffset}|${length})${fragmentOffset === 0 ? ' ' : ''}`;
}

const isLaterFragment = (ip: Ipv6, extension: Ipv6Extension): boolean =>
  extension.protocol === IP_PROTOCOL.fragment && new Ipv6Fragment(ip.view, extension.offset).fragmentOffset > 0;

export function printIpv6(span: Span, context: Context): string {
  const prefix = context.showLink ? '' : 'IP6 ';
  if (lengthOf(span) < IPV6_HEADER_LENGTH) return prefix + truncated('ip6').trimStart();
  const ip = new Ipv6(span.view, span.offset);
  if (ip.version !== 6) return `${prefix}[version ${ip.version} != 6] (invalid)`;
  const end = Math.min(ip.end, span.end);
  const missing = ip.end - span.end;
  const cut = missing > 0 ? `truncated-ip6 - ${missing} bytes missing!` : '';
  const source = formatIpv6(ip.source);
  const destination = formatIpv6(ip.destination);
  const addresses = `${source} > ${destination}: `;
  let text = '';
  let protocol = ip.nextHeader;
  let offset = ip.payloadOffset;
  for (const extension of ip.extensions(end)) {
    if (extension.malformed) return `${prefix}${cut}${addresses}${text}${truncated('ip6')}`;
    text += extensionText(ip, extension);
    if (isLaterFragment(ip, extension)) return prefix + cut + addresses + text;
    protocol = extension.nextHeader;
    offset = extension.offset + extension.length;
  }
  const printed = text !== '';
  const network: Network = { version: 6, source, destination, fragment: text.includes('frag'), printed };
  const before = printed ? addresses + text : '';
  return prefix + cut + before + transport(protocol, { ...span, offset, end }, { ...context, network });
}
