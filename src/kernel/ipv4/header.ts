/** What is looked at of a header before anything else (net/ipv4/ip_input.c:ip_rcv_core()). */

import { IPV4_HEADER_LENGTH, Ipv4 } from '../../packet/index.js';
import type { DropReason } from '../../trace/index.js';
import type { Mib, MibName } from '../mib.js';
import type { Skb } from '../skb.js';

/** What is not even a header. The packet is cut to the length that its header says. */
export function checkHeader(skb: Skb, mib: Mib): DropReason | undefined {
  const bad = headerProblem(skb, mib);
  if (bad === undefined) return undefined;
  // A packet of which the end is missing has a header that is right.
  if (bad === 'truncated') mib.IpExtInTruncatedPkts += 1;
  else mib.IpInHdrErrors += 1;
  return bad === 'truncated' ? 'pkt-too-small' : bad;
}

/** Of packets that are capable of ECN, by the two bits (RFC 3168 §5). */
const MARKED: Readonly<Record<number, MibName>> = { 1: 'IpExtInECT1Pkts', 2: 'IpExtInECT0Pkts', 3: 'IpExtInCEPkts' };

function headerProblem(skb: Skb, mib: Mib): DropReason | 'truncated' | undefined {
  if (skb.length < IPV4_HEADER_LENGTH) return 'pkt-too-small';
  const header = new Ipv4(skb.view, skb.network);
  const { headerLength } = header;
  if (header.version !== 4 || headerLength < IPV4_HEADER_LENGTH) return 'ip-inhdr';
  if (header.ecn === 0) mib.IpExtInNoECTPkts += 1;
  else mib[MARKED[header.ecn] ?? 'IpExtInCEPkts'] += 1;
  if (skb.length < headerLength) return 'pkt-too-small';
  if (!header.checksumValid()) {
    mib.IpExtInCsumErrors += 1;
    return 'ip-csum';
  }
  const { totalLength } = header;
  if (skb.length < totalLength) return 'truncated';
  if (totalLength < headerLength) return 'ip-inhdr';
  // IPCB is cleared: a bridge that has put a datagram together has forgotten here of what size.
  skb.fragMaxSize = 0;
  skb.options = undefined;
  skb.tail = skb.network + totalLength;
  skb.transport = skb.network + headerLength;
  return undefined;
}
