/** `-o xml` (libnetfilter_conntrack's src/conntrack/snprintf_xml.c) and `-o save` (src/conntrack.c:ct_save_snprintf()). */

import { type CtCounters, type CtSnapshot, type CtTuple, IPS, protocolNameOf } from '../../kernel/index.js';
import { formatIpv4, IP_PROTOCOL, type Ipv4Addr } from '../../packet/index.js';

const element = (name: string, content: string | number): string => `<${name}>${content}</${name}>`;

const WITH_PORTS: ReadonlySet<number> = new Set([
  IP_PROTOCOL.tcp,
  IP_PROTOCOL.udp,
  IP_PROTOCOL.dccp,
  IP_PROTOCOL.sctp,
  IP_PROTOCOL.udplite,
]);

function layer4({ protocol, sourcePort, destinationPort }: CtTuple): string {
  if (WITH_PORTS.has(protocol)) return element('sport', sourcePort) + element('dport', destinationPort);
  if (protocol !== IP_PROTOCOL.gre) return '';
  return element('srckey', `0x${sourcePort.toString(16)}`) + element('dstkey', `0x${destinationPort.toString(16)}`);
}

function direction(name: string, tuple: CtTuple, counters: CtCounters | undefined): string {
  const { source, destination, protocol } = tuple;
  const addresses = element('src', formatIpv4(source)) + element('dst', formatIpv4(destination));
  const counted =
    counters === undefined
      ? ''
      : element('counters', element('packets', counters.packets) + element('bytes', counters.bytes));
  return (
    `<meta direction="${name}"><layer3 protonum="2" protoname="ipv4">${addresses}</layer3>` +
    `<layer4 protonum="${protocol}" protoname="${protocolNameOf(protocol)}">${layer4(tuple)}</layer4>${counted}</meta>`
  );
}

/** enum sctp_conntrack, and the states of TCP with the same numbers, by which the library calls them here. */
const SCTP_AS_TCP: Readonly<Record<string, string>> = {
  CLOSED: 'SYN_SENT',
  COOKIE_WAIT: 'SYN_RECV',
  COOKIE_ECHOED: 'ESTABLISHED',
  ESTABLISHED: 'FIN_WAIT',
  SHUTDOWN_SENT: 'CLOSE_WAIT',
  SHUTDOWN_RECD: 'LAST_ACK',
  SHUTDOWN_ACK_SENT: 'TIME_WAIT',
  HEARTBEAT_SENT: 'CLOSE',
};

/** One `<flow>`. */
export function xmlOf(entry: CtSnapshot, use: number): string {
  const { original, reply, status, counters } = entry;
  const state = original.protocol === IP_PROTOCOL.sctp ? (SCTP_AS_TCP[entry.state] ?? entry.state) : entry.state;
  const rest = [
    state === '' ? '' : element('state', state),
    element('timeout', entry.timeoutSeconds),
    element('mark', entry.mark >>> 0),
    element('use', use),
    element('id', entry.id),
    (status & IPS.assured) === 0 ? '' : '<assured/>',
    (status & IPS.seenReply) === 0 ? '<unreplied/>' : '',
  ];
  const both = direction('original', original, counters?.original) + direction('reply', reply, counters?.reply);
  return `<flow>${both}<meta direction="independent">${rest.join('')}</meta></flow>`;
}

export const XML_BEGIN = '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n';
export const XML_END = '</conntrack>\n';

function savedProtocol({ original, reply, state }: CtSnapshot): string {
  const { protocol, sourcePort, destinationPort } = original;
  if (protocol === IP_PROTOCOL.icmp)
    return ` --icmp-type ${destinationPort >>> 8} --icmp-code ${destinationPort & 0xff} --icmp-id ${sourcePort}`;
  if (protocol === IP_PROTOCOL.gre)
    return ` --srckey ${sourcePort} --dstkey ${destinationPort} --reply-key-src ${reply.sourcePort} --reply-key-dst ${reply.destinationPort}`;
  if (!WITH_PORTS.has(protocol) || protocol === IP_PROTOCOL.dccp) return '';
  const ports =
    ` --sport ${sourcePort} --dport ${destinationPort}` +
    ` --reply-port-src ${reply.sourcePort} --reply-port-dst ${reply.destinationPort}`;
  return state === '' ? ports : `${ports} --state ${state}`;
}

/** The options that would make it again; what NAT has changed is named as such. Differs: no tags of SCTP. */
export function savedOptions(entry: CtSnapshot, command: 'A' | 'D'): string {
  const { original, reply, status } = entry;
  const flags = [
    ...((status & IPS.seenReply) === 0 ? [] : ['SEEN_REPLY']),
    ...((status & IPS.assured) === 0 ? [] : ['ASSURED']),
  ];
  const side = (option: string, address: Ipv4Addr): string => `-${option} ${formatIpv4(address)}`;
  const destinationChanged = (status & IPS.dstNat) !== 0 && reply.source !== original.destination;
  const sourceChanged = (status & IPS.srcNat) !== 0 && reply.destination !== original.source;
  const known = protocolNameOf(original.protocol);
  const protocol = known === 'unknown' ? String(original.protocol) : known;
  return [
    `-${command} -t ${entry.timeoutSeconds} -u ${flags.length === 0 ? 'UNSET' : flags.join(',')}`,
    side('s', original.source),
    side('d', original.destination),
    side(destinationChanged ? 'g' : 'r', reply.source),
    side(sourceChanged ? 'n' : 'q', reply.destination),
    `-p ${protocol}${savedProtocol(entry)}`,
  ].join(' ');
}
