/** What a display filter can ask for: each field's name, type, and where its values come from. */

import type { FrameFacts } from './facts.js';

/** Values are numbers (addresses too) or text; a field may have several, of outer and inner headers. */
export type FieldType = 'number' | 'ipv4' | 'mac' | 'text' | 'flag';
export type FieldValue = number | string;

export interface Field {
  readonly type: FieldType;
  readonly about: string;
  readonly values: (facts: FrameFacts) => readonly FieldValue[];
}

const layer =
  (name: string) =>
  (facts: FrameFacts): readonly FieldValue[] =>
    facts.headers.get(name) ?? [];

const header = (name: string, type: FieldType, about: string): [string, Field] => [
  name,
  { type, about, values: layer(name) },
];

const either = (name: string, type: FieldType, about: string): [string, Field] => {
  const [protocol] = name.split('.');
  const ends = name.endsWith('.port') ? ['srcport', 'dstport'] : ['src', 'dst'];
  const [first = '', second = ''] = ends.map((end) => `${protocol}.${end}`);
  return [
    name,
    { type, about, values: ({ headers }) => [...(headers.get(first) ?? []), ...(headers.get(second) ?? [])] },
  ];
};

const optional = (value: FieldValue | undefined): readonly FieldValue[] => (value === undefined ? [] : [value]);

/** Fields that say where a frame was seen, whom it is about, and what became of it. */
const PLACES: readonly (readonly [string, Field])[] = [
  ['host', { type: 'text', about: 'machine where it was seen', values: ({ seen }) => optional(seen.host) }],
  ['netns', { type: 'text', about: 'network namespace', values: ({ seen }) => optional(seen.netns) }],
  ['interface', { type: 'text', about: 'interface', values: ({ seen }) => optional(seen.interface) }],
  ['direction', { type: 'text', about: 'in or out', values: ({ seen }) => optional(seen.direction) }],
  ['place', { type: 'text', about: 'pod/NS/NAME or node/NAME where it was seen', values: ({ seen }) => [seen.place] }],
  ['verdict', { type: 'text', about: 'of a trace', values: ({ seen }) => optional(seen.verdict) }],
  ['step', { type: 'text', about: 'kind of a step', values: ({ seen }) => optional(seen.step) }],
  ['drop.reason', { type: 'text', about: 'why it was dropped', values: ({ seen }) => optional(seen.dropReason) }],
  ['pod', { type: 'text', about: 'NAMESPACE/NAME of a pod that it is from or to', values: ({ names }) => names.pods }],
  [
    'namespace',
    { type: 'text', about: 'of a pod or Service that it is from or to', values: ({ names }) => names.namespaces },
  ],
  [
    'service',
    { type: 'text', about: 'NAMESPACE/NAME of a Service that it is from or to', values: ({ names }) => names.services },
  ],
  ['node', { type: 'text', about: 'node that it is from or to, or whose pod', values: ({ names }) => names.nodes }],
  ['frame.len', { type: 'number', about: 'octets', values: ({ bytes }) => [bytes.length] }],
  ['frame.time', { type: 'number', about: 'virtual seconds', values: ({ seen }) => [seen.timeNs / 1e9] }],
];

export const FIELDS: ReadonlyMap<string, Field> = new Map<string, Field>([
  ...PLACES,
  header('eth.src', 'mac', 'source MAC address'),
  header('eth.dst', 'mac', 'destination MAC address'),
  either('eth.addr', 'mac', 'either MAC address'),
  header('eth.type', 'number', 'EtherType'),
  header('vlan.id', 'number', 'VLAN'),
  header('arp.opcode', 'number', '1 request, 2 reply'),
  header('arp.src', 'ipv4', 'sender protocol address'),
  header('arp.dst', 'ipv4', 'target protocol address'),
  header('ip.src', 'ipv4', 'source address'),
  header('ip.dst', 'ipv4', 'destination address'),
  either('ip.addr', 'ipv4', 'either address'),
  header('ip.ttl', 'number', 'time to live'),
  header('ip.proto', 'number', 'protocol number'),
  header('ip.id', 'number', 'identification'),
  header('ip.len', 'number', 'total length'),
  header('ip.tos', 'number', 'type of service'),
  header('ip.flags.df', 'flag', 'do not fragment'),
  header('ip.flags.mf', 'flag', 'more fragments'),
  header('ip.frag_offset', 'number', 'fragment offset in octets'),
  header('tcp.srcport', 'number', 'source port'),
  header('tcp.dstport', 'number', 'destination port'),
  either('tcp.port', 'number', 'either port'),
  header('tcp.seq', 'number', 'sequence number'),
  header('tcp.ack', 'number', 'acknowledgment number'),
  header('tcp.window', 'number', 'window, unscaled'),
  header('tcp.flags.syn', 'flag', 'SYN'),
  header('tcp.flags.ack', 'flag', 'ACK'),
  header('tcp.flags.fin', 'flag', 'FIN'),
  header('tcp.flags.rst', 'flag', 'RST'),
  header('tcp.flags.psh', 'flag', 'PSH'),
  header('udp.srcport', 'number', 'source port'),
  header('udp.dstport', 'number', 'destination port'),
  either('udp.port', 'number', 'either port'),
  header('sctp.srcport', 'number', 'source port'),
  header('sctp.dstport', 'number', 'destination port'),
  either('sctp.port', 'number', 'either port'),
  header('icmp.type', 'number', 'type'),
  header('icmp.code', 'number', 'code'),
  header('vxlan.vni', 'number', 'VXLAN network identifier'),
]);

/** Names that are true of a frame that has such a header. */
export const PROTOCOLS = [
  'eth',
  'vlan',
  'arp',
  'ip',
  'ipip',
  'tcp',
  'udp',
  'sctp',
  'icmp',
  'vxlan',
  'dns',
  'bgp',
  'drop',
] as const;
export type ProtocolName = (typeof PROTOCOLS)[number];
export const isProtocol = (name: string): name is ProtocolName => PROTOCOLS.some((one) => one === name);
