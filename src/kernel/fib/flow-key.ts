/**
 * The question and the answer of a table lookup, as objects that are used again and again: the packet path
 * asks once or twice a packet and must not leave garbage behind.
 */

import { INADDR_ANY, type Ipv4Addr } from '../../packet/index.js';
import type { Device } from '../device.js';
import type { Errno } from '../errors.js';
import type { PrefixNode } from './prefix-tree.js';
import type { Route, RouteNextHop } from './route.js';
import type { FibRule } from './rules.js';
import type { Flow4 } from './types.js';

/** What of the TOS octet routes are chosen by: INET_DSCP_LEGACY_TOS_MASK, the three bits of RFC 1349. */
export const ROUTE_TOS_MASK = 0x1c;

/** struct flowi4. */
export class FlowKey {
  destination: Ipv4Addr = INADDR_ANY;
  source: Ipv4Addr = INADDR_ANY;
  tos = 0;
  mark = 0;
  /** Undefined: made here (flowi4_iif = LOOPBACK_IFINDEX). */
  iif: Device | undefined = undefined;
  oif: Device | undefined = undefined;
  protocol = 0;
  sourcePort = 0;
  destinationPort = 0;
  /** Routes of a wider scope than this are passed over. */
  scope = 0;
  /** FIB_LOOKUP_IGNORE_LINKSTATE: a next hop without carrier is as good as any. */
  ignoreLinkState = false;

  /** As for a packet of that flow. */
  set(flow: Flow4): void {
    this.destination = flow.destination;
    this.source = flow.source;
    this.tos = flow.tos ?? 0;
    this.mark = flow.mark ?? 0;
    this.iif = flow.iif;
    this.oif = flow.oif;
    this.protocol = flow.protocol ?? 0;
    this.sourcePort = flow.sourcePort ?? 0;
    this.destinationPort = flow.destinationPort ?? 0;
    this.scope = 0;
    this.ignoreLinkState = false;
  }

  /** As for a bare address: no source, no mark, no devices. */
  setAddress(destination: Ipv4Addr, scope = 0): void {
    this.destination = destination;
    this.source = INADDR_ANY;
    this.tos = 0;
    this.mark = 0;
    this.iif = undefined;
    this.oif = undefined;
    this.protocol = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.scope = scope;
    this.ignoreLinkState = false;
  }
}

/** struct fib_result. */
export class LookupResult {
  route: Route | undefined = undefined;
  nextHop: RouteNextHop | undefined = undefined;
  /** Where the route was found, for those beside it. */
  node: PrefixNode | undefined = undefined;
  rule: FibRule | undefined = undefined;
  /** EAGAIN: nothing found. Undefined: `route` and `nextHop` are there. */
  error: Errno | undefined = undefined;

  clear(): void {
    this.route = undefined;
    this.nextHop = undefined;
    this.node = undefined;
    this.rule = undefined;
    this.error = 'EAGAIN';
  }
}
