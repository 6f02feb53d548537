/**
 * What rtnetlink tells programs of (rtnetlink(7): the groups RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR and RTNLGRP_IPV4_ROUTE), as
 * it happens. Listeners hear of it in the middle of the change and must change nothing themselves: whoever acts on it
 * does so later, like a program that reads its socket.
 */

import type { Device } from './device.js';
import type { FibRoute } from './fib/index.js';

export type RtnetlinkEvent =
  /** RTM_NEWLINK, RTM_NEWADDR, RTM_DELADDR: the device is there, and something about it may be different. */
  | { readonly kind: 'link' | 'address'; readonly dev: Device }
  /** RTM_DELLINK. */
  | { readonly kind: 'link-gone'; readonly dev: Device }
  /** RTM_NEWROUTE, RTM_DELROUTE. */
  | { readonly kind: 'route' | 'route-gone'; readonly route: FibRoute };

export type RtnetlinkListener = (event: RtnetlinkEvent) => void;

export class Rtnetlink {
  readonly #listeners = new Set<RtnetlinkListener>();

  /** Answers with what ends it. */
  subscribe(listener: RtnetlinkListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** rtnl_notify(). */
  notify(event: RtnetlinkEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
