/** Which sessions of a router are told the same. */

import type { ChannelConfig } from '../config/types.js';
import { filterSignature } from '../filter/signature.js';
import type { FilterChoice } from '../filter/syntax.js';
import type { LinkEnd, LinkFamily } from './link.js';

/** Numbers of filters: two that say the same have one. What the first says is asked when there is a second. */
class FilterKeys {
  readonly #byFilter = new Map<FilterChoice, number>();
  readonly #bySignature = new Map<string, number>();

  of(filter: FilterChoice): number | string {
    if (typeof filter === 'string') return filter;
    const known = this.#byFilter.get(filter);
    const key = known ?? this.#fresh(filter);
    this.#byFilter.set(filter, key);
    return key;
  }

  #fresh(filter: FilterChoice): number {
    const [first] = this.#byFilter.keys();
    if (first === undefined) return 0;
    if (this.#bySignature.size === 0) this.#bySignature.set(filterSignature(first), 0);
    const signature = filterSignature(filter);
    const key = this.#bySignature.get(signature) ?? this.#bySignature.size;
    this.#bySignature.set(signature, key);
    return key;
  }
}

/** What of a session decides over what is told by it, but for the neighbour and the channel. */
function sessionKey(end: LinkEnd, family: LinkFamily): string {
  const { config } = end;
  const flags = [
    family.addPathTx,
    config.localAs === config.remoteAs,
    end.peerLlgrAware,
    config.rrClient,
    config.rsClient,
    config.allowLocalPref,
    config.interpretCommunities,
  ].reduce((bits, flag) => bits * 2 + Number(flag), 0);
  const from = `${String(end.sourceAddress)} ${end.neighborIface ?? ''} ${end.rrClusterId}`;
  return `${flags} ${config.localAs} ${config.defaultLocalPref} ${from}`;
}

function channelKey({ options, channel }: LinkFamily, filters: FilterKeys): string {
  const next = `${options.nextHopSelf} ${options.nextHopKeep} ${String(options.nextHopAddress)}`;
  return `${filters.of(channel.exportFilter)} ${Number(options.secondary)} ${next}`;
}

/** Sessions that have one key tell the same, whoever is at their other end. */
export class SenderKeys {
  readonly #filters = new FilterKeys();
  readonly #channels = new WeakMap<ChannelConfig, string>();

  of(end: LinkEnd, family: LinkFamily): string {
    return `${sessionKey(end, family)} ${this.#channel(family)}`;
  }

  /** Channels of a mesh are one object: what they say is looked at once. */
  #channel(family: LinkFamily): string {
    const known = this.#channels.get(family.channel);
    if (known !== undefined) return known;
    const key = channelKey(family, this.#filters);
    this.#channels.set(family.channel, key);
    return key;
  }
}
