/**
 * ICMP errors belong to the connection of the packet that they quote
 * (net/netfilter/nf_conntrack_proto_icmp.c:nf_conntrack_icmpv4_error(), nf_conntrack_inet_error()).
 */

import { formatIpv4, Icmp, Ipv4 } from '../../packet/index.js';
import type { ConnectionStore } from './connection-store.js';
import { ICMP_TYPE_MAXIMUM } from './icmp.js';
import { readTuple, transportOffset } from './packet-tuple.js';
import type { CtPacket } from './protocol.js';
import { emptyTuple, inverted } from './tuple.js';
import type { TupleHash } from './tuple-table.js';

/** `question`: no error, to be tracked like any packet. `string`: why it is invalid. */
export type IcmpErrorResult = 'question' | { readonly invalid: string } | TupleHash;

/** The connection that the error is about, in the direction in which the error travels. */
export function classifyIcmp(packet: CtPacket, store: ConnectionStore, verifyChecksum: boolean): IcmpErrorResult {
  const { view, transport, end } = packet;
  const icmp = Icmp.parse(view, transport, end);
  if (icmp === undefined) return { invalid: 'truncated ICMP header' };
  if (verifyChecksum && !icmp.checksumValid(end)) return { invalid: 'bad ICMP checksum' };
  if (icmp.type > ICMP_TYPE_MAXIMUM) return { invalid: `unknown ICMP type ${icmp.type}` };
  if (!icmp.isError) return 'question';

  const quoted = new Ipv4(view, icmp.payloadOffset);
  const quotedTransport = transportOffset(quoted, end);
  const tuple = emptyTuple();
  if (quotedTransport < 0 || !readTuple(tuple, quoted, quotedTransport, end)) {
    return { invalid: 'the quoted packet is truncated or a later fragment' };
  }
  // The error travels against the packet that it quotes.
  const wanted = inverted(tuple);
  const found = wanted === undefined ? undefined : store.find(wanted);
  if (found === undefined) return { invalid: 'quotes a packet of no known connection' };
  // Else an error to anybody could pass as related, whoever the quoted packet came from.
  if (found.destination !== packet.ipv4.destination) {
    return {
      invalid: `sent to ${formatIpv4(packet.ipv4.destination)}, but quotes a packet of ${formatIpv4(found.destination)}`,
    };
  }
  return found;
}
