/** One direction of a flow: how it is taken from a packet, turned around, compared and hashed. */

import { ICMP_TYPE, INADDR_ANY, IP_PROTOCOL } from '../../packet/index.js';
import type { CtTuple } from './entry.js';

/** An empty tuple to be filled. */
export const emptyTuple = (): CtTuple => ({
  source: INADDR_ANY,
  destination: INADDR_ANY,
  protocol: 0,
  sourcePort: 0,
  destinationPort: 0,
});

export const copyTuple = (tuple: CtTuple): CtTuple => ({
  source: tuple.source,
  destination: tuple.destination,
  protocol: tuple.protocol,
  sourcePort: tuple.sourcePort,
  destinationPort: tuple.destinationPort,
});

/** nf_ct_tuple_equal(). */
export const tuplesEqual = (a: CtTuple, b: CtTuple): boolean =>
  a.source === b.source &&
  a.destination === b.destination &&
  a.sourcePort === b.sourcePort &&
  a.destinationPort === b.destinationPort &&
  a.protocol === b.protocol;

/** Whether flows of that protocol are told apart by two port numbers (nf_ct_get_tuple()).
 * Differs: UDP-Lite is tracked as a protocol without ports. */
export const hasPorts = (protocol: number): boolean =>
  protocol === IP_PROTOCOL.tcp || protocol === IP_PROTOCOL.udp || protocol === IP_PROTOCOL.sctp;

/** The answer to each ICMP question and back (nf_conntrack_proto_icmp.c:invmap[]). */
const ICMP_COUNTERPART: readonly (number | undefined)[] = (() => {
  const pairs = [
    [ICMP_TYPE.echoRequest, ICMP_TYPE.echoReply],
    [ICMP_TYPE.timestampRequest, ICMP_TYPE.timestampReply],
    [ICMP_TYPE.informationRequest, ICMP_TYPE.informationReply],
    [ICMP_TYPE.addressMaskRequest, ICMP_TYPE.addressMaskReply],
  ] as const;
  const table: (number | undefined)[] = Array.from({ length: 256 }, () => undefined);
  for (const [question, answer] of pairs) {
    table[question] = answer;
    table[answer] = question;
  }
  return table;
})();

/** nf_ct_invert_tuple(): the same flow seen from the other end, into `out`; false where nothing answers that. */
export function invertInto(out: CtTuple, tuple: CtTuple): boolean {
  const { source, sourcePort, destinationPort } = tuple;
  out.protocol = tuple.protocol;
  out.source = tuple.destination;
  out.destination = source;
  if (tuple.protocol !== IP_PROTOCOL.icmp) {
    out.sourcePort = destinationPort;
    out.destinationPort = sourcePort;
    return true;
  }
  const counterpart = ICMP_COUNTERPART[destinationPort >>> 8];
  if (counterpart === undefined) return false;
  out.sourcePort = sourcePort;
  out.destinationPort = (counterpart << 8) | (destinationPort & 0xff);
  return true;
}

/** The tuple from the other end, or undefined. */
export function inverted(tuple: CtTuple): CtTuple | undefined {
  const out = emptyTuple();
  return invertInto(out, tuple) ? out : undefined;
}

/** Signed 32 bits, all of them well mixed; the two directions hash apart, as hash_conntrack_raw() has it. */
export function hashTuple(tuple: CtTuple): number {
  let hash = Math.imul(tuple.source ^ 0x5bd1e995, 0x9e3779b1);
  hash = Math.imul((hash ^ (hash >>> 15)) + tuple.destination, 0x85ebca6b);
  hash = Math.imul((hash ^ (hash >>> 13)) + ((tuple.sourcePort << 16) | tuple.destinationPort), 0xc2b2ae35);
  hash = Math.imul((hash ^ (hash >>> 16)) + tuple.protocol, 0x27d4eb2f);
  return hash ^ (hash >>> 15);
}

/** hash_by_src(): of the source half of an original tuple. */
export function hashSource(tuple: CtTuple): number {
  const hash = Math.imul(tuple.source, 0x9e3779b1);
  const mixed = Math.imul((hash ^ (hash >>> 15)) + ((tuple.protocol << 16) | tuple.sourcePort), 0x85ebca6b);
  return mixed ^ (mixed >>> 13);
}
