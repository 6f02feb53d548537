/** What a case's own frames say: values that the emulator must not draw by chance, and that are never renamed. */

import {
  ETHERNET_HEADER_LENGTH,
  fromHex,
  ICMP_HEADER_LENGTH,
  IP_PROTOCOL,
  Ipv4,
  IPV4_HEADER_LENGTH,
  UDP_HEADER_LENGTH,
  VXLAN_HEADER_LENGTH,
} from '../../../src/packet/index.js';
import type { KernelCase, Order } from './record.js';

const IP_TIMESTAMP = 68;
const IP_OPTIONS_LENGTH = 40;

const framesOf = (orders: readonly Order[]): Uint8Array[] =>
  orders.flatMap((order) => (order.kind === 'frame' ? [fromHex(order.hex) ?? new Uint8Array()] : []));

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Identifications of IPv4 headers, quoted and wrapped ones too. */
export function injectedIds(orders: readonly Order[]): Set<number> {
  const ids = new Set<number>();
  for (const bytes of framesOf(orders)) noteIds(viewOf(bytes), ETHERNET_HEADER_LENGTH, ids);
  return ids;
}

/** Identifications of the header there, and of those that it leads to: quoted, in VXLAN, in IP-in-IP. */
function noteIds(view: DataView, at: number, ids: Set<number>): void {
  if (at + IPV4_HEADER_LENGTH > view.byteLength) return;
  const header = new Ipv4(view, at);
  ids.add(header.identification);
  const { payloadOffset: next, protocol } = header;
  if (protocol === IP_PROTOCOL.ipip) noteIds(view, next, ids);
  else if (protocol === IP_PROTOCOL.icmp) noteIds(view, next + ICMP_HEADER_LENGTH, ids);
  else if (protocol === IP_PROTOCOL.udp)
    noteIds(view, next + UDP_HEADER_LENGTH + VXLAN_HEADER_LENGTH + ETHERNET_HEADER_LENGTH, ids);
}

/** Times in timestamp options of TCP and IPv4. Whatever looks like one is taken for one. */
export function injectedStamps({ orders }: Pick<KernelCase, 'orders'>): Set<number> {
  const stamps = new Set<number>();
  for (const bytes of framesOf(orders)) {
    const view = viewOf(bytes);
    for (let at = ETHERNET_HEADER_LENGTH; at + 10 <= bytes.length; at += 1) {
      const [kind, length] = [view.getUint8(at), view.getUint8(at + 1)];
      if (kind === 8 && length === 10) stamps.add(view.getUint32(at + 2));
      if (kind !== IP_TIMESTAMP || length > IP_OPTIONS_LENGTH) continue;
      for (let word = 4; word + 4 <= length && at + word + 4 <= bytes.length; word += 4)
        stamps.add(view.getUint32(at + word));
    }
  }
  return stamps;
}
