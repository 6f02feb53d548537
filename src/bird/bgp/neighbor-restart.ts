/** The neighbour restarts and goes on forwarding meanwhile: its routes stay for a time (RFC 4724 §4.2). */

import { NS_PER_S, type Timer } from '../../kernel/index.js';
import type { Router } from '../router.js';
import { gracefulFamily, type PeerCapabilities } from './capabilities.js';
import type { ChannelFeed } from './feed.js';

export class NeighborRestart {
  readonly #router: Router;
  #timer: Timer | undefined = undefined;
  active = false;

  constructor(router: Router) {
    this.#router = router;
  }

  /** Seconds until it is given up. */
  get left(): number | undefined {
    const timer = this.#timer;
    return timer?.pending === true ? (timer.dueNs - this.#router.nowNs) / NS_PER_S : undefined;
  }

  /** Routes of families that it keeps become stale, the others go. */
  begin(feeds: readonly ChannelFeed[], peer: PeerCapabilities | undefined, expired: () => void): void {
    this.#timer?.cancel();
    for (const { channel } of feeds) {
      if (this.active) channel.refreshEnd();
      const able = peer !== undefined && gracefulFamily(peer, channel.table.family) !== undefined;
      if (able) channel.refreshBegin();
      else channel.flush();
    }
    this.active = true;
    this.#timer = this.#router.after(peer?.gracefulTime ?? 0, expired);
  }

  /** It is back: what it did not keep goes. */
  back(feeds: readonly ChannelFeed[], peer: PeerCapabilities): void {
    this.#timer?.cancel();
    for (const feed of feeds) {
      const kept = gracefulFamily(peer, feed.channel.table.family);
      if (this.active && kept?.forwarding !== true) feed.channel.refreshEnd();
    }
    this.#endUnlessRefreshing(feeds);
  }

  /** It has told all that it knows of a family. */
  told(feeds: readonly ChannelFeed[], feed: ChannelFeed): void {
    if (!this.active) return;
    feed.channel.refreshEnd();
    this.#endUnlessRefreshing(feeds);
  }

  #endUnlessRefreshing(feeds: readonly ChannelFeed[]): void {
    if (!feeds.some(({ channel }) => channel.refreshing)) this.end();
  }

  end(): void {
    this.#timer?.cancel();
    this.active = false;
  }
}
