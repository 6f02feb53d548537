/**
 * Which of a host's addresses an association has: all that are of use to the peer, unless the socket is bound to one
 * (net/sctp/bind_addr.c:sctp_bind_addr_copy(), net/sctp/protocol.c:sctp_v4_scope()).
 */

import { INADDR_ANY, INADDR_BROADCAST, type Ipv4Addr } from '../../../packet/index.js';
import type { SocketNetns } from '../stack.js';

/** enum sctp_scope: an address is of use to peers of its own scope and of narrower ones. */
const GLOBAL = 0;
const PRIVATE = 1;
const LINK = 2;
const LOOPBACK = 3;
const UNUSABLE = 4;

const within = (address: number, prefix: number, length: number): boolean =>
  address >>> (32 - length) === prefix >>> (32 - length);

/** IS_IPV4_UNUSABLE_ADDRESS(). */
export const isUsable = (address: Ipv4Addr): boolean =>
  !within(address, 0x00000000, 8) &&
  !within(address, 0xe0000000, 4) &&
  !within(address, 0xc0586300, 24) &&
  address !== INADDR_BROADCAST;

function scopeOf(address: Ipv4Addr): number {
  if (!isUsable(address)) return UNUSABLE;
  if (within(address, 0x7f000000, 8)) return LOOPBACK;
  if (within(address, 0xa9fe0000, 16)) return LINK;
  const isPrivate =
    within(address, 0x0a000000, 8) ||
    within(address, 0xac100000, 12) ||
    within(address, 0xc0a80000, 16) ||
    within(address, 0xc6120000, 15);
  return isPrivate ? PRIVATE : GLOBAL;
}

/** net->sctp.local_addr_list, in the order of the devices. */
function* hostAddresses(netns: SocketNetns): Generator<Ipv4Addr> {
  for (const { addresses } of netns.devices) for (const { address } of addresses) yield address;
}

/** sctp_assoc_set_bind_addr_from_ep(). */
export function addressesFor(netns: SocketNetns, bound: Ipv4Addr, peer: Ipv4Addr): readonly Ipv4Addr[] {
  const of = (scope: number): Ipv4Addr[] =>
    (bound === INADDR_ANY ? [...hostAddresses(netns)] : [bound]).filter(
      (address) => scopeOf(address) !== UNUSABLE && scopeOf(address) <= scope,
    );
  const scope = scopeOf(peer);
  const found = of(scope);
  return found.length === 0 && scope === GLOBAL ? of(LINK) : found;
}
