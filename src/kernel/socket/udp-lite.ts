/** UDP-Lite (RFC 3828; net/ipv4/udplite.c, include/net/udplite.h): nobody here has a socket of it, and Linux knows it all the same. */

import {
  checksumPartial,
  finishChecksum,
  IP_PROTOCOL,
  pseudoHeaderSum,
  Udp,
  UDP_HEADER_LENGTH,
} from '../../packet/index.js';
import type { DropReason } from '../../trace/index.js';
import type { Mib } from '../mib.js';
import type { Skb } from '../skb.js';

/** Where UDP has its length: how many octets the checksum covers, 0 for all. */
function isChecksumRight(skb: Skb, header: Udp): boolean {
  const covered = header.length === 0 ? skb.tail - skb.data : header.length;
  if (header.checksum === 0 || covered < UDP_HEADER_LENGTH) return false;
  const { source, destination } = skb.ipv4;
  const pseudo = pseudoHeaderSum(source, destination, IP_PROTOCOL.udplite, skb.tail - skb.data);
  return finishChecksum(checksumPartial(skb.view, skb.data, skb.data + covered, pseudo)) === 0;
}

/** __udp4_lib_rcv() with udplite_checksum_init(): `no-socket` is answered with port unreachable. */
export function deliverUdpLite(skb: Skb, mib: Mib): DropReason {
  const octets = skb.tail - skb.data;
  const header = new Udp(skb.view, skb.data);
  if (octets < UDP_HEADER_LENGTH || header.length > octets) {
    mib.UdpLiteInErrors += 1;
    return 'pkt-too-small';
  }
  if (!isChecksumRight(skb, header)) {
    mib.UdpLiteInCsumErrors += 1;
    mib.UdpLiteInErrors += 1;
    return 'udp-csum';
  }
  const type = skb.route?.type;
  if (type === 'broadcast' || type === 'multicast') mib.UdpLiteIgnoredMulti += 1;
  else mib.UdpLiteNoPorts += 1;
  return 'no-socket';
}
