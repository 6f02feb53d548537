/**
 * Any bytes as a tree of fields, each with the range of octets that it is read from.
 *
 * Codecs and their dissectors know no sibling: what comes next is in the tables below. Malformed bytes never throw;
 * the node where it shows says what is wrong.
 */

import { BGP_PORT } from './bgp/constants.js';
import { viewOf } from './bytes.js';
import { dissectBgp } from './dissect/bgp.js';
import { dissectDns } from './dissect/dns.js';
import { dissectIcmp, dissectIcmpv6 } from './dissect/icmp.js';
import { dissectIpv4 } from './dissect/ipv4.js';
import { dissectIpv6 } from './dissect/ipv6.js';
import { dissectArp, dissectEthernet, dissectVlan, dissectVxlan } from './dissect/link.js';
import {
  type DissectedNode,
  type Dissector,
  type Layer,
  type Next,
  type Place,
  sourcePortKey,
} from './dissect/node.js';
import { dissectSctp } from './dissect/sctp.js';
import { dissectTcp, dissectUdp } from './dissect/transport.js';
import { DNS_PORT } from './dns.js';
import { ETHERTYPE } from './ethernet.js';
import { IP_PROTOCOL } from './ipv4.js';
import { LINKTYPE } from './pcapng.js';
import { VXLAN_PORT, VXLAN_PORT_LINUX } from './vxlan.js';

export type { DissectedNode } from './dissect/node.js';

/** More layers than this are one hiding in another without end; the rest is shown as data. */
export const MAX_LAYERS = 32;

type Table = Readonly<Record<number | string, Dissector>>;

/** A raw capture has no link-layer header: the version in the first octet tells. */
const dissectRaw: Dissector = (place) =>
  place.end > place.offset && place.view.getUint8(place.offset) >>> 4 === 6 ? dissectIpv6(place) : dissectIpv4(place);

const dissectFragment: Dissector = (place) => ({
  node: dataNode(place, { name: 'fragment', label: 'Fragment' }),
});

const TABLES: Readonly<Record<Next['table'], Table>> = {
  etherType: {
    [ETHERTYPE.ipv4]: dissectIpv4,
    [ETHERTYPE.ipv6]: dissectIpv6,
    [ETHERTYPE.arp]: dissectArp,
    [ETHERTYPE.vlan]: dissectVlan,
  },
  ipProtocol: {
    [IP_PROTOCOL.icmp]: dissectIcmp,
    [IP_PROTOCOL.ipip]: dissectIpv4,
    [IP_PROTOCOL.tcp]: dissectTcp,
    [IP_PROTOCOL.udp]: dissectUdp,
    [IP_PROTOCOL.ipv6]: dissectIpv6,
    [IP_PROTOCOL.icmpv6]: dissectIcmpv6,
    [IP_PROTOCOL.sctp]: dissectSctp,
  },
  udpPort: {
    [DNS_PORT]: dissectDns,
    [sourcePortKey(DNS_PORT)]: dissectDns, // an answer; VXLAN's source port is a hash and says nothing
    [VXLAN_PORT]: dissectVxlan,
    [VXLAN_PORT_LINUX]: dissectVxlan,
  },
  tcpPort: {
    [BGP_PORT]: dissectBgp,
  },
  fixed: {
    ethernet: dissectEthernet,
    ipv4: dissectIpv4,
    ipv6: dissectIpv6,
    raw: dissectRaw,
    fragment: dissectFragment,
  },
};

const LINK_LAYERS: Readonly<Record<number, string>> = {
  [LINKTYPE.ethernet]: 'ethernet',
  [LINKTYPE.raw]: 'raw',
  [LINKTYPE.ipv4]: 'ipv4',
  [LINKTYPE.ipv6]: 'ipv6',
};

function dataNode(
  { offset, end }: Pick<Place, 'offset' | 'end'>,
  text: { name: string; label: string },
): DissectedNode {
  return { ...text, value: `${end - offset} octets`, offset, length: end - offset, children: [] };
}

const dissectorFor = (next: Next): Dissector | undefined => {
  const table = TABLES[next.table];
  const key = next.keys.find((candidate) => Object.hasOwn(table, candidate));
  return key === undefined ? undefined : table[key];
};

/** A layer's node with the packet that it quotes as its last children. */
function withQuote(layer: Layer, depth: number): DissectedNode {
  const { node, quote } = layer;
  if (quote === undefined || quote.place.end <= quote.place.offset) return node;
  const children = [...node.children, ...layersFrom(quote, depth + 1)];
  return { ...node, children, length: quote.place.end - node.offset };
}

/** The layers from `first` on, one behind the other, then what none of them claims. */
function layersFrom(first: Next, depth: number): DissectedNode[] {
  const nodes: DissectedNode[] = [];
  const trailers: DissectedNode[] = [];
  let next: Next | undefined = first;
  for (let count = depth; next !== undefined && next.place.offset < next.place.end; count++) {
    const dissector: Dissector | undefined = count < MAX_LAYERS ? dissectorFor(next) : undefined;
    if (dissector === undefined) {
      nodes.push(dataNode(next.place, { name: 'data', label: 'Data' }));
      break;
    }
    const { place }: Next = next;
    const layer = dissector(place);
    nodes.push(withQuote(layer, count));
    next = layer.next;
    if (next !== undefined && next.place.end < place.end) {
      trailers.unshift(dataNode({ offset: next.place.end, end: place.end }, { name: 'trailer', label: 'Trailer' }));
    }
  }
  return [...nodes, ...trailers];
}

/** The frame as a tree: its children are the layers from the outside in. `linkType` is a `LINKTYPE`. */
export function dissect(bytes: Uint8Array, linkType: number = LINKTYPE.ethernet): DissectedNode {
  const link = LINK_LAYERS[linkType];
  const frame = { name: 'frame', label: 'Frame', value: `${bytes.length} octets`, offset: 0, length: bytes.length };
  if (bytes.length === 0) return { ...frame, children: [], problem: 'empty' };
  const place = { view: viewOf(bytes), offset: 0, end: bytes.length, quoted: false };
  const children = layersFrom({ table: 'fixed', keys: link === undefined ? [] : [link], place }, 0);
  return link === undefined
    ? { ...frame, children, problem: `link type ${linkType} is not known` }
    : { ...frame, children };
}

/** Every problem in the tree, outermost first, with the node that has it. */
export function* dissectedProblems(node: DissectedNode): Generator<DissectedNode & { problem: string }, void> {
  if (node.problem !== undefined) yield { ...node, problem: node.problem };
  for (const child of node.children) yield* dissectedProblems(child);
}
