/** What rules and hashes of the FIB read of a packet: net/core/flow_dissector.c with FLOW_DISSECTOR_F_STOP_AT_ENCAP. */

import { IP_PROTOCOL, type Ipv4, IPV4_MORE_FRAGMENTS } from '../../packet/index.js';
import type { Flow4 } from '../fib/index.js';
import type { Skb } from '../skb.js';

const OFFSET_MASK = 0x1fff;

/** Both ports as one word; 0 where there are none, and of every fragment, the first too. */
export function portsOf(skb: Skb, { protocol, flagsAndOffset }: Ipv4): number {
  const has = protocol === IP_PROTOCOL.tcp || protocol === IP_PROTOCOL.udp || protocol === IP_PROTOCOL.sctp;
  const fragment = (flagsAndOffset & (IPV4_MORE_FRAGMENTS | OFFSET_MASK)) !== 0;
  return !has || fragment || skb.tail - skb.transport < 4 ? 0 : skb.view.getUint32(skb.transport);
}

/** Protocol and ports, as the key of a lookup has them. */
export function dissected(skb: Skb, header: Ipv4): Pick<Flow4, 'protocol' | 'sourcePort' | 'destinationPort'> {
  const ports = portsOf(skb, header);
  return { protocol: header.protocol, sourcePort: ports >>> 16, destinationPort: ports & 0xffff };
}
