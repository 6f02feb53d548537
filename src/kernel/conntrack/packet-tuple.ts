/** Finds the transport header of a packet and the tuple that the packet belongs to (nf_ct_get_tuple()). */

import { ICMP_HEADER_LENGTH, IP_PROTOCOL, type Ipv4, IPV4_HEADER_LENGTH } from '../../packet/index.js';
import type { CtTuple } from './entry.js';
import { hasPorts } from './tuple.js';

/**
 * ipv4_get_l4proto(): the offset of the transport header, or -1 for a later fragment and for a header that does not
 * fit. Conntrack sees whole datagrams, but an ICMP error may quote anything.
 */
export function transportOffset(ipv4: Ipv4, end: number): number {
  if (end - ipv4.offset < IPV4_HEADER_LENGTH || ipv4.fragmentOffset !== 0) return -1;
  const offset = ipv4.payloadOffset;
  return offset > end || offset === ipv4.offset ? -1 : offset;
}

/** Fills `tuple`; false where the packet ends before its ports or its ICMP identifier. */
export function readTuple(tuple: CtTuple, ipv4: Ipv4, transport: number, end: number): boolean {
  const { view, protocol } = ipv4;
  tuple.source = ipv4.source;
  tuple.destination = ipv4.destination;
  tuple.protocol = protocol;
  if (hasPorts(protocol)) {
    if (end - transport < 4) return false;
    const ports = view.getInt32(transport);
    tuple.sourcePort = ports >>> 16;
    tuple.destinationPort = ports & 0xffff;
    return true;
  }
  if (protocol === IP_PROTOCOL.icmp) {
    if (end - transport < ICMP_HEADER_LENGTH) return false;
    tuple.sourcePort = view.getUint16(transport + 4);
    tuple.destinationPort = view.getUint16(transport);
    return true;
  }
  tuple.sourcePort = 0;
  tuple.destinationPort = 0;
  return true;
}
