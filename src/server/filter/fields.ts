/** What a display filter can ask for: each field's name, type, the streams that have it, and where its values come from. */

import { STREAM_KINDS, type StreamKind } from '../stream/messages.js';
import type { FrameFacts } from './facts.js';

/** Fields of so many bits, and the greatest number that they hold. */
export const UNSIGNED = {
  uint8: 0xff,
  uint12: 0xfff,
  uint16: 0xffff,
  uint24: 0xffffff,
  uint32: 0xffffffff,
} as const;
export type Unsigned = keyof typeof UNSIGNED;

/** Values are numbers (addresses too) or text; a field may have several, of outer and inner headers. */
export type FieldType = Unsigned | 'seconds' | 'ipv4' | 'mac' | 'text' | 'flag';
export type FieldValue = number | string;

export interface Field {
  readonly type: FieldType;
  readonly about: string;
  /** Streams whose messages have it. */
  readonly kinds: readonly StreamKind[];
  readonly values: (facts: FrameFacts) => readonly FieldValue[];
}

/** What has the bytes of a packet. */
const PACKETS = ['frames', 'steps'] as const;
/** And what is about a connection. */
const FLOWS = [...PACKETS, 'traces'] as const;
const ADDRESSED = [...FLOWS, 'events'] as const;

const header = (
  name: string,
  type: FieldType,
  about: string,
  kinds: readonly StreamKind[] = PACKETS,
): [string, Field] => [name, { type, about, kinds, values: ({ headers }) => headers.get(name) ?? [] }];

const either = (name: string, type: FieldType, about: string, kinds: readonly StreamKind[]): [string, Field] => {
  const [protocol] = name.split('.');
  const ends = name.endsWith('.port') ? ['srcport', 'dstport'] : ['src', 'dst'];
  const [first = '', second = ''] = ends.map((end) => `${protocol}.${end}`);
  const values: Field['values'] = ({ headers }) => [...(headers.get(first) ?? []), ...(headers.get(second) ?? [])];
  return [name, { type, about, kinds, values }];
};

const told = (
  name: string,
  about: string,
  { kinds, values }: { readonly kinds: readonly StreamKind[]; readonly values: Field['values'] },
): [string, Field] => [name, { type: 'text', about, kinds, values }];

const optional = (value: FieldValue | undefined): readonly FieldValue[] => (value === undefined ? [] : [value]);

/** Where it was seen, whom it is about, and what became of it. */
const PLACES: readonly (readonly [string, Field])[] = [
  told('host', 'machine where it was seen, that a trace passed, or that an event is about', {
    kinds: STREAM_KINDS,
    values: ({ seen, told: { hosts } }) => hosts ?? [seen.host],
  }),
  told('place', 'pod/NS/NAME, node/NAME or host/NAME where it was seen, or that a trace passed', {
    kinds: STREAM_KINDS,
    values: ({ seen, told: { places } }) => places ?? [seen.place],
  }),
  told('netns', 'network namespace', {
    kinds: ['frames', 'steps', 'counters'],
    values: ({ seen }) => [seen.netns],
  }),
  told('interface', 'interface where it was seen, or that a trace passed', {
    kinds: ['frames', 'traces', 'counters'],
    values: ({ seen, told: { interfaces } }) => interfaces ?? optional(seen.interface),
  }),
  told('direction', 'in or out', { kinds: ['frames'], values: ({ seen }) => optional(seen.direction) }),
  told('pod', 'NAMESPACE/NAME of a pod that it is from, to or about', {
    kinds: STREAM_KINDS,
    values: ({ names }) => names.pods,
  }),
  told('namespace', 'of a pod, a Service or another object that it is from, to or about', {
    kinds: STREAM_KINDS,
    values: ({ names }) => names.namespaces,
  }),
  told('service', 'NAMESPACE/NAME of a Service that it is from, to or about', {
    kinds: ADDRESSED,
    values: ({ names }) => names.services,
  }),
  told('node', 'node that it is from, to or about, or whose pod', {
    kinds: STREAM_KINDS,
    values: ({ names }) => names.nodes,
  }),
  told('verdict', 'of a trace, of any of its branches; of a step, what a rule did: accept, drop, return …', {
    kinds: ['steps', 'traces'],
    values: ({ told: { verdicts = [] } }) => verdicts,
  }),
  told('drop.reason', 'why a packet was dropped', {
    kinds: ['steps', 'traces'],
    values: ({ told: { dropReasons = [] } }) => dropReasons,
  }),
  told('step', 'kind of a step: receive, rule, nat, route, drop …', {
    kinds: PACKETS,
    values: ({ seen }) => optional(seen.step),
  }),
  told('event', 'kind of an event: object-added, rules-rewritten …', {
    kinds: ['events'],
    values: ({ told: { event } }) => optional(event),
  }),
  told('object', 'KIND NAMESPACE/NAME that an event is about, or that it happened for', {
    kinds: ['events'],
    values: ({ told: { objects = [] } }) => objects,
  }),
];

const TIMES: readonly (readonly [string, Field])[] = [
  ['frame.len', { type: 'uint32', about: 'octets', kinds: PACKETS, values: ({ bytes }) => [bytes.length] }],
  [
    'frame.time',
    { type: 'seconds', about: 'virtual time', kinds: STREAM_KINDS, values: ({ seen }) => [seen.timeNs / 1e9] },
  ],
];

export const FIELDS: ReadonlyMap<string, Field> = new Map<string, Field>([
  ...PLACES,
  ...TIMES,
  header('eth.src', 'mac', 'source MAC address'),
  header('eth.dst', 'mac', 'destination MAC address'),
  either('eth.addr', 'mac', 'either MAC address', PACKETS),
  header('eth.type', 'uint16', 'EtherType'),
  header('vlan.id', 'uint12', 'VLAN'),
  header('arp.opcode', 'uint16', '1 request, 2 reply'),
  header('arp.src', 'ipv4', 'sender protocol address'),
  header('arp.dst', 'ipv4', 'target protocol address'),
  header('ip.src', 'ipv4', 'source address, translated ones too', FLOWS),
  header('ip.dst', 'ipv4', 'destination address, translated ones too', FLOWS),
  either('ip.addr', 'ipv4', 'either address; of an event, one that it is about', ADDRESSED),
  header('ip.ttl', 'uint8', 'time to live'),
  header('ip.proto', 'uint8', 'protocol number', FLOWS),
  header('ip.id', 'uint16', 'identification'),
  header('ip.len', 'uint16', 'total length'),
  header('ip.tos', 'uint8', 'type of service'),
  header('ip.flags.df', 'flag', 'do not fragment'),
  header('ip.flags.mf', 'flag', 'more fragments'),
  header('ip.frag_offset', 'uint16', 'fragment offset in octets'),
  header('tcp.srcport', 'uint16', 'source port', FLOWS),
  header('tcp.dstport', 'uint16', 'destination port', FLOWS),
  either('tcp.port', 'uint16', 'either port', FLOWS),
  header('tcp.seq', 'uint32', 'sequence number'),
  header('tcp.ack', 'uint32', 'acknowledgment number'),
  header('tcp.window', 'uint16', 'window, unscaled'),
  header('tcp.flags.syn', 'flag', 'SYN'),
  header('tcp.flags.ack', 'flag', 'ACK'),
  header('tcp.flags.fin', 'flag', 'FIN'),
  header('tcp.flags.rst', 'flag', 'RST'),
  header('tcp.flags.psh', 'flag', 'PSH'),
  header('udp.srcport', 'uint16', 'source port', FLOWS),
  header('udp.dstport', 'uint16', 'destination port', FLOWS),
  either('udp.port', 'uint16', 'either port', FLOWS),
  header('sctp.srcport', 'uint16', 'source port'),
  header('sctp.dstport', 'uint16', 'destination port'),
  either('sctp.port', 'uint16', 'either port', PACKETS),
  header('icmp.type', 'uint8', 'type'),
  header('icmp.code', 'uint8', 'code'),
  header('vxlan.vni', 'uint24', 'VXLAN network identifier'),
]);

/** Names that are true of what has such a header, and the streams that have it. */
export const PROTOCOLS = {
  eth: PACKETS,
  vlan: PACKETS,
  arp: PACKETS,
  ip: FLOWS,
  ipip: PACKETS,
  tcp: FLOWS,
  udp: FLOWS,
  sctp: PACKETS,
  icmp: FLOWS,
  vxlan: PACKETS,
  dns: PACKETS,
  bgp: PACKETS,
  drop: ['steps', 'traces'],
} as const satisfies Readonly<Record<string, readonly StreamKind[]>>;
export type ProtocolName = keyof typeof PROTOCOLS;
export const isProtocol = (name: string): name is ProtocolName => Object.hasOwn(PROTOCOLS, name);
