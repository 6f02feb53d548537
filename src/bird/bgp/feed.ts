/** What a session has for each of its channels: what waits to be sent, and where transfers of whole tables are. */

import { ADD_PATH, encodeRouteRefresh, ROUTE_REFRESH } from '../../packet/index.js';
import type { Net } from '../address.js';
import type { Dialect } from '../config/keywords.js';
import type { BgpConfig } from '../config/types.js';
import type { Channel } from '../protocols/channel.js';
import type { ExportChange, Exported } from '../protocols/channel-exports.js';
import type { Attributes } from '../rib/attributes.js';
import { bgpFamily, type PeerCapabilities, peerAddPath, peerHasFamily } from './capabilities.js';
import { finishExport2, outgoingAttributes } from './export.js';
import { type BgpSession, channelOptions } from './session.js';
import { UpdateQueue } from './update-queue.js';

/** Our table to them: End-of-RIB or the end of a refresh is to follow once all is sent. */
type FeedState = 'none' | 'loading' | 'loaded' | 'refreshing' | 'refreshed';
/** Theirs to us. */
export type LoadState = 'none' | 'loading' | 'refreshing';

export class ChannelFeed {
  readonly channel: Channel;
  readonly queue: UpdateQueue;
  /** The neighbour takes the family, too. */
  active = false;
  addPathRx = false;
  feedState: FeedState = 'none';
  loadState: LoadState = 'none';

  constructor(channel: Channel) {
    this.channel = channel;
    this.queue = new UpdateQueue({ family: channel.table.family, as4: true, addPath: false });
  }

  get addPathTx(): boolean {
    return this.queue.form.addPath;
  }

  /** What both ends can do with this family. */
  agree(peer: PeerCapabilities, config: BgpConfig, dialect: Dialect): void {
    const { family } = this.channel.table;
    this.active = peerHasFamily(peer, this.channel.config, dialect);
    const ours = channelOptions(this.channel.config).addPath;
    const theirs = peerAddPath(peer, family);
    this.addPathRx = (ours & ADD_PATH.receive) !== 0 && (theirs & ADD_PATH.send) !== 0;
    const addPath = (ours & ADD_PATH.send) !== 0 && (theirs & ADD_PATH.receive) !== 0;
    this.queue.form = { family, as4: config.as4 && peer.as4 !== undefined, addPath };
  }

  reset(): void {
    this.queue.clear();
    this.feedState = 'none';
    this.loadState = 'none';
    this.active = false;
    this.addPathRx = false;
  }

  /** bgp_rt_notify(). */
  push(session: BgpSession, net: Net, { new: fresh, old }: ExportChange): void {
    const attributes = fresh && this.#attributes(session, fresh);
    const of = (fresh ?? old)?.of;
    if (of === undefined) return;
    const pathId = this.addPathTx ? this.channel.router.sourceId(of) : 0;
    if (fresh !== undefined && attributes === undefined) {
      this.channel.router.log(`${session.name}: Invalid NEXT_HOP attribute in route ${net.toString()}`);
      if (old === undefined) return;
    }
    this.queue.push(net, pathId, attributes);
  }

  #attributes(session: BgpSession, { route, touched }: Exported): Attributes | undefined {
    const channel = channelOptions(this.channel.config);
    const finished =
      session.dialect === 'bird-1.6' ? route.attributes : finishExport2(session, route, { channel, touched });
    return outgoingAttributes(session, finished);
  }

  /** The next message for this family; undefined where there is none. */
  next(): Uint8Array | undefined {
    const update = this.queue.next();
    if (update !== undefined) return update;
    const { feedState } = this;
    if (feedState === 'loaded') {
      this.feedState = 'none';
      return this.queue.endOfRib();
    }
    if (feedState !== 'refreshed') return undefined;
    this.feedState = 'none';
    return encodeRouteRefresh({ family: bgpFamily(this.channel.table.family), subtype: ROUTE_REFRESH.end });
  }
}
