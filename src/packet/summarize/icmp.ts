/** ICMP and ICMPv6 in tcpdump's words. */

import { ICMP_TYPE, ICMP_UNREACHABLE_CODE, Icmp } from '../icmp.js';
import { ICMPV6_HEADER_LENGTH, ICMPV6_TYPE, ICMPV6_UNREACHABLE_CODE, Icmpv6, ndOptionsStart } from '../icmpv6.js';
import { formatIpv4, formatIpv6 } from '../ip.js';
import { IP_PROTOCOL, IPV4_HEADER_LENGTH, Ipv4 } from '../ipv4.js';
import { IPV6_HEADER_LENGTH, Ipv6 } from '../ipv6.js';
import { type Context, lengthOf, type Span, truncated } from './printer.js';

/** The words around the quoted destination, by code: before it, and behind it. */
const UNREACHABLE_WORDS: Readonly<Record<number, readonly [string, string]>> = {
  [ICMP_UNREACHABLE_CODE.network]: ['net ', ' unreachable'],
  [ICMP_UNREACHABLE_CODE.host]: ['host ', ' unreachable'],
  [ICMP_UNREACHABLE_CODE.sourceRouteFailed]: ['', ' unreachable - source route failed'],
  [ICMP_UNREACHABLE_CODE.networkUnknown]: ['net ', ' unreachable - unknown'],
  [ICMP_UNREACHABLE_CODE.hostUnknown]: ['host ', ' unreachable - unknown'],
  [ICMP_UNREACHABLE_CODE.hostIsolated]: ['', ' unreachable - source host isolated'],
  [ICMP_UNREACHABLE_CODE.networkProhibited]: ['net ', ' unreachable - admin prohibited'],
  [ICMP_UNREACHABLE_CODE.hostProhibited]: ['host ', ' unreachable - admin prohibited'],
  [ICMP_UNREACHABLE_CODE.networkTos]: ['net ', ' unreachable - tos prohibited'],
  [ICMP_UNREACHABLE_CODE.hostTos]: ['host ', ' unreachable - tos prohibited'],
  [ICMP_UNREACHABLE_CODE.filtered]: ['host ', ' unreachable - admin prohibited filter'],
  [ICMP_UNREACHABLE_CODE.hostPrecedence]: ['host ', ' unreachable - host precedence violation'],
  [ICMP_UNREACHABLE_CODE.precedenceCutoff]: ['host ', ' unreachable - precedence cutoff'],
};

/** `udp port 53`, `tcp port 80`, `protocol 132 port 36412`: what an unreachable port says of the quoted packet. */
function portText(protocol: number, port: number): string {
  if (protocol === IP_PROTOCOL.tcp) return `tcp port ${port}`;
  if (protocol === IP_PROTOCOL.udp) return `udp port ${port}`;
  return `protocol ${protocol} port ${port}`;
}

function unreachableText(icmp: Icmp, span: Span): string | undefined {
  const quoted = new Ipv4(span.view, icmp.payloadOffset);
  const to = formatIpv4(quoted.destination);
  if (icmp.code === ICMP_UNREACHABLE_CODE.protocol) return `${to} protocol ${quoted.protocol} unreachable`;
  if (icmp.code === ICMP_UNREACHABLE_CODE.port) {
    const at = quoted.payloadOffset + 2;
    return at + 2 > span.end ? undefined : `${to} ${portText(quoted.protocol, span.view.getUint16(at))} unreachable`;
  }
  if (icmp.code === ICMP_UNREACHABLE_CODE.fragmentationNeeded) {
    return `${to} unreachable - need to frag${icmp.mtu === 0 ? '' : ` (mtu ${icmp.mtu})`}`;
  }
  const [before, behind] = UNREACHABLE_WORDS[icmp.code] ?? ['', ` unreachable - #${icmp.code}`];
  return before + to + behind;
}

const REDIRECT_WORDS: readonly (readonly [string, string])[] = [
  ['redirect', 'net '],
  ['redirect', 'host '],
  ['redirect-tos', 'net '],
  ['redirect-tos', 'host '],
];

function redirectText(icmp: Icmp, span: Span): string {
  const to = formatIpv4(new Ipv4(span.view, icmp.payloadOffset).destination);
  const [verb, kind] = REDIRECT_WORDS[icmp.code] ?? [`redirect-#${icmp.code}`, ''];
  return `${verb} ${to} to ${kind}${formatIpv4(icmp.gateway)}`;
}

const TIME_EXCEEDED_WORDS = ['time exceeded in-transit', 'ip reassembly time exceeded'];

const QUOTING: ReadonlySet<number> = new Set([
  ICMP_TYPE.destinationUnreachable,
  ICMP_TYPE.redirect,
  ICMP_TYPE.timeExceeded,
]);

/** undefined where the quoted packet is too short to tell. */
function icmpText(icmp: Icmp, span: Span): string | undefined {
  if (QUOTING.has(icmp.type) && span.end - icmp.payloadOffset < IPV4_HEADER_LENGTH) return undefined;
  switch (icmp.type) {
    case ICMP_TYPE.echoRequest:
    case ICMP_TYPE.echoReply: {
      const kind = icmp.type === ICMP_TYPE.echoRequest ? 'request' : 'reply';
      return `echo ${kind}, id ${icmp.identifier}, seq ${icmp.sequence}`;
    }
    case ICMP_TYPE.destinationUnreachable:
      return unreachableText(icmp, span);
    case ICMP_TYPE.redirect:
      return redirectText(icmp, span);
    case ICMP_TYPE.timeExceeded:
      return TIME_EXCEEDED_WORDS[icmp.code] ?? `time exceeded-#${icmp.code}`;
    case ICMP_TYPE.parameterProblem:
      return `parameter problem - ${icmp.code === 0 ? `octet ${icmp.pointer}` : `code ${icmp.code}`}`;
    case ICMP_TYPE.sourceQuench:
      return 'source quench';
    default:
      return `type-#${icmp.type}`;
  }
}

export function printIcmp(span: Span, _context: Context): string {
  const icmp = Icmp.parse(span.view, span.offset, span.end);
  const text = icmp && icmpText(icmp, span);
  return text === undefined ? truncated('icmp').trimStart() : `ICMP ${text}, length ${lengthOf(span)}`;
}

const ICMPV6_WORDS: Readonly<Record<number, string>> = {
  [ICMPV6_TYPE.destinationUnreachable]: 'destination unreachable',
  [ICMPV6_TYPE.packetTooBig]: 'packet too big',
  [ICMPV6_TYPE.timeExceeded]: 'time exceeded in-transit',
  [ICMPV6_TYPE.parameterProblem]: 'parameter problem',
  [ICMPV6_TYPE.echoRequest]: 'echo request',
  [ICMPV6_TYPE.echoReply]: 'echo reply',
  [ICMPV6_TYPE.multicastListenerQuery]: 'multicast listener query',
  [ICMPV6_TYPE.multicastListenerReport]: 'multicast listener report',
  [ICMPV6_TYPE.multicastListenerDone]: 'multicast listener done',
  [ICMPV6_TYPE.routerSolicitation]: 'router solicitation',
  [ICMPV6_TYPE.routerAdvertisement]: 'router advertisement',
  [ICMPV6_TYPE.neighbourSolicitation]: 'neighbor solicitation',
  [ICMPV6_TYPE.neighbourAdvertisement]: 'neighbor advertisement',
  [ICMPV6_TYPE.redirect]: 'redirect',
  [ICMPV6_TYPE.multicastListenerReport2]: 'multicast listener report v2',
};

const UNREACHABLE6_WORDS: Readonly<Record<number, string>> = {
  [ICMPV6_UNREACHABLE_CODE.noRoute]: 'unreachable route',
  [ICMPV6_UNREACHABLE_CODE.prohibited]: ' unreachable prohibited',
  [ICMPV6_UNREACHABLE_CODE.beyondScope]: 'beyond scope',
  [ICMPV6_UNREACHABLE_CODE.address]: 'unreachable address',
};

function unreachable6Text(icmp: Icmpv6, quoted: Ipv6, end: number): string {
  const to = formatIpv6(quoted.destination);
  if (icmp.code === ICMPV6_UNREACHABLE_CODE.port) {
    const at = quoted.payloadOffset + 2;
    const port = at + 2 > end ? 0 : quoted.view.getUint16(at);
    return `, unreachable port, ${to} ${portText(quoted.nextHeader, port)}`;
  }
  const words = UNREACHABLE6_WORDS[icmp.code];
  if (words === undefined) return `, unknown unreach code (${icmp.code})`;
  const from = icmp.code === ICMPV6_UNREACHABLE_CODE.beyondScope ? `, source address ${formatIpv6(quoted.source)}` : '';
  return `, ${words} ${to}${from}`;
}

/** What follows the name of the type; undefined where the quoted packet is too short to tell. */
function detail6(icmp: Icmpv6, span: Span): string | undefined {
  const { type } = icmp;
  if (type === ICMPV6_TYPE.echoRequest || type === ICMPV6_TYPE.echoReply) {
    return `, id ${icmp.identifier}, seq ${icmp.sequence}`;
  }
  if (type === ICMPV6_TYPE.packetTooBig) return `, mtu ${icmp.mtu}`;
  if (type === ICMPV6_TYPE.neighbourSolicitation) return `, who has ${formatIpv6(icmp.target)}`;
  if (type === ICMPV6_TYPE.neighbourAdvertisement) return `, tgt is ${formatIpv6(icmp.target)}`;
  const quotes = type === ICMPV6_TYPE.destinationUnreachable || type === ICMPV6_TYPE.timeExceeded;
  if (!quotes) return '';
  if (span.end - icmp.payloadOffset < IPV6_HEADER_LENGTH) return undefined;
  const quoted = new Ipv6(span.view, icmp.payloadOffset);
  if (type === ICMPV6_TYPE.destinationUnreachable) return unreachable6Text(icmp, quoted, span.end);
  return icmp.code === 0 ? ` for ${formatIpv6(quoted.destination)}` : ' (reassembly)';
}

export function printIcmpv6(span: Span, _context: Context): string {
  if (lengthOf(span) < ICMPV6_HEADER_LENGTH) return truncated('icmp6').trimStart();
  const icmp = new Icmpv6(span.view, span.offset);
  const words = ICMPV6_WORDS[icmp.type] ?? `unknown icmp6 type (${icmp.type})`;
  const whole = lengthOf(span) >= (ndOptionsStart(icmp.type) ?? ICMPV6_HEADER_LENGTH);
  const detail = whole ? detail6(icmp, span) : undefined;
  if (detail === undefined) return `ICMP6, ${words}${truncated('icmp6')}`;
  return `ICMP6, ${words}${detail}, length ${lengthOf(span)}`;
}
