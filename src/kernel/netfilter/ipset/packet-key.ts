/** The part of a packet that a dimension of an element is compared with (ip_set_get_ip4_port() and its like). */

import { IP_PROTOCOL } from '../../../packet/index.js';
import type { RulePacket } from '../packet.js';

/** The address that `src` or `dst` names, as a signed integer. */
export const packetAddress = (packet: RulePacket, flag: 'src' | 'dst'): number =>
  flag === 'src' ? packet.source : packet.destination;

/** Protocol × 65536 + port, for ICMP type × 256 + code, for protocols without ports 0; -1 where it cannot be read. */
export function packetPort(packet: RulePacket, flag: 'src' | 'dst'): number {
  const { protocol } = packet;
  const high = protocol * 0x1_0000;
  switch (protocol) {
    case IP_PROTOCOL.tcp:
    case IP_PROTOCOL.udp:
    case IP_PROTOCOL.udplite:
    case IP_PROTOCOL.sctp: {
      const port = flag === 'src' ? packet.sourcePort : packet.destinationPort;
      return port < 0 ? -1 : high + port;
    }
    case IP_PROTOCOL.icmp:
      if (packet.fragmentOffset !== 0 || packet.transportLength < 2) return -1;
      return high + packet.view.getUint16(packet.transport);
    default:
      return high;
  }
}

/** The MAC address of the frame, or -1 where the packet has no link-layer header before it. */
export function packetMac(packet: RulePacket, flag: 'src' | 'dst'): number {
  const { skb } = packet;
  if (skb.mac < skb.head || skb.mac < 0 || skb.mac + 14 > skb.network) return -1;
  const at = skb.mac + (flag === 'src' ? 6 : 0);
  return skb.view.getUint16(at) * 0x1_0000_0000 + skb.view.getUint32(at + 2);
}
