/** What policy had to do with a packet's end, in sentences. */

import {
  addressOfIpv4,
  type AskedPacket,
  explainDroppingRule,
  explainUndecided,
  type FelixCluster,
  undecidedBy,
} from '../../calico/index.js';
import { IP_PROTOCOL, Ipv4 } from '../../packet/index.js';
import { lastOf, type PacketStory } from '../../trace/index.js';

const ETHERNET_HEADER_LENGTH = 14;
const PROTOCOLS_WITH_PORTS: ReadonlySet<number> = new Set([IP_PROTOCOL.tcp, IP_PROTOCOL.udp, IP_PROTOCOL.sctp]);

/** The packet as it was when it was dropped. */
function askedPacket(story: PacketStory): AskedPacket | undefined {
  const drop = lastOf(story, 'drop')?.recorded;
  if (drop?.bytes === undefined) return undefined;
  const { bytes, hasLinkHeader } = drop;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ip = Ipv4.parse(view, hasLinkHeader ? ETHERNET_HEADER_LENGTH : 0, bytes.length);
  if (ip === undefined) return undefined;
  const { protocol, payloadOffset } = ip;
  const word = (at: number): number => view.getUint16(payloadOffset + at);
  return {
    protocol,
    source: addressOfIpv4(ip.source),
    destination: addressOfIpv4(ip.destination),
    ports: PROTOCOLS_WITH_PORTS.has(protocol) ? { source: word(0), destination: word(2) } : undefined,
    icmp: protocol === IP_PROTOCOL.icmp ? { type: word(0) >> 8, code: word(0) & 0xff } : undefined,
  };
}

/** Which policy dropped it, and where none of several allowed it why each of their rules did not. */
export function explainPolicy(story: PacketStory, cluster: FelixCluster | undefined): string[] {
  const last = lastOf(story, 'rule')?.step;
  if (lastOf(story, 'drop')?.step.reason !== 'netfilter-drop' || last?.rule === undefined) return [];
  const rule = { chain: last.chain, text: last.rule.toString(), because: last.rule.because };
  const sentence = explainDroppingRule(rule);
  if (sentence === undefined) return [];
  const undecided = undecidedBy(rule);
  const packet = askedPacket(story);
  if (undecided === undefined || packet === undefined || cluster === undefined) return [sentence];
  return [sentence, ...explainUndecided(cluster, { ...undecided, packet })];
}
