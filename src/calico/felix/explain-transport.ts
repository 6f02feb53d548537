/** What keeps a rule of a policy from a packet's protocol, ports or ICMP message, in words. */

import type { Address } from '../cidr.js';
import type { EntityRule, IcmpMatch, PolicyPort, PolicyRule } from '../policy/resources.js';

/** What a policy is asked about: the packet as it was when it was dropped, after NAT. */
export interface AskedPacket {
  /** By number. */
  readonly protocol: number;
  readonly source: Address;
  readonly destination: Address;
  /** Undefined where the protocol has none. */
  readonly ports: { readonly source: number; readonly destination: number } | undefined;
  readonly icmp: { readonly type: number; readonly code: number } | undefined;
}

type Side = 'source' | 'destination';

/** Whether one of the packet's ends has a port of that name at that number. */
type NamedPort = (name: string, port: number) => boolean;
type NamedPorts = Readonly<Record<Side, NamedPort>>;

const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132, udplite: 136 };
const NAMES = new Map(Object.entries(PROTOCOLS).map(([name, number]) => [number, name]));

const numberOf = (protocol: string | number): number =>
  typeof protocol === 'number' ? protocol : (PROTOCOLS[protocol] ?? -1);
const protocolText = (protocol: string | number): string =>
  typeof protocol === 'string' ? protocol : (NAMES.get(protocol) ?? `protocol ${protocol}`);

const portText = (port: PolicyPort): string => {
  if ('name' in port) return port.name;
  return port.first === port.last ? `${port.first}` : `${port.first}-${port.last}`;
};
const portsText = (ports: readonly PolicyPort[]): string => ports.map(portText).join(', ');
const icmpText = ({ type, code }: IcmpMatch): string => `ICMP type ${type}${code === undefined ? '' : ` code ${code}`}`;

/** `tcp port 80`, `icmp type 8`, `protocol 47`. */
export function transportText({ protocol, ports, icmp }: AskedPacket): string {
  if (icmp !== undefined) return `${protocolText(protocol)} type ${icmp.type}`;
  return ports === undefined ? protocolText(protocol) : `${protocolText(protocol)} port ${ports.destination}`;
}

const holds = (ports: readonly PolicyPort[], port: number, named: NamedPort): boolean =>
  ports.some((one) => ('name' in one ? named(one.name, port) : one.first <= port && port <= one.last));

/** The protocol and ports that the rule is about, where the packet's are others. */
export function wantedTransport(
  { protocol, destination }: PolicyRule,
  packet: AskedPacket,
  named: NamedPorts,
): string | undefined {
  const protocolHolds = protocol === undefined || numberOf(protocol) === packet.protocol;
  const portHolds =
    destination.ports.length === 0 ||
    (packet.ports !== undefined && holds(destination.ports, packet.ports.destination, named.destination));
  if (protocolHolds && portHolds) return undefined;
  const port = destination.ports.length === 0 ? [] : [`port ${portsText(destination.ports)}`];
  return [...(protocol === undefined ? [] : [protocolText(protocol)]), ...port].join(' ');
}

/** What else of them does not hold. */
export function explainTransport(rule: PolicyRule, packet: AskedPacket, named: NamedPorts): string | undefined {
  const { ipVersion, notProtocol } = rule;
  if (ipVersion === 6) return 'it is about IPv6';
  if (notProtocol !== undefined && numberOf(notProtocol) === packet.protocol)
    return `it is about everything but ${protocolText(notProtocol)}`;
  return (
    sourcePorts(rule.source, packet, named.source) ??
    leftOutPorts(rule.source, 'source', { packet, named }) ??
    leftOutPorts(rule.destination, 'destination', { packet, named }) ??
    icmpMessage(rule, packet)
  );
}

function sourcePorts({ ports }: EntityRule, packet: AskedPacket, named: NamedPort): string | undefined {
  if (ports.length === 0) return undefined;
  if (packet.ports === undefined) return `it is about source port ${portsText(ports)}`;
  const { source } = packet.ports;
  return holds(ports, source, named) ? undefined : `it is about source port ${portsText(ports)}, not ${source}`;
}

function leftOutPorts(
  { notPorts }: EntityRule,
  side: Side,
  { packet, named }: { readonly packet: AskedPacket; readonly named: NamedPorts },
): string | undefined {
  if (notPorts.length === 0 || packet.ports === undefined || !holds(notPorts, packet.ports[side], named[side]))
    return undefined;
  const what = side === 'source' ? 'source port' : 'port';
  return `it is about every ${what} but ${portsText(notPorts)}, and the packet’s is ${packet.ports[side]}`;
}

function icmpMessage({ icmp, notIcmp }: PolicyRule, packet: AskedPacket): string | undefined {
  const is = ({ type, code }: IcmpMatch): boolean =>
    packet.icmp?.type === type && (code === undefined || packet.icmp.code === code);
  if (icmp !== undefined && !is(icmp))
    return `it is about ${icmpText(icmp)}, not ${packet.icmp === undefined ? transportText(packet) : icmpText(packet.icmp)}`;
  return notIcmp !== undefined && is(notIcmp) ? `it is about every ICMP message but ${icmpText(notIcmp)}` : undefined;
}
