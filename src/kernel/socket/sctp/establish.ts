/** What both ends agree on when an association comes to be (sctp_process_init(), sctp_unpack_cookie()). */

import type { Ipv4Addr } from '../../../packet/index.js';
import type { SocketNetns } from '../stack.js';
import { type Association, INBOUND_STREAMS, OUTBOUND_STREAMS } from './association.js';
import { initAckChunk } from './chunks.js';
import { type Cookie, type CookieFields, type CookieKey, packCookie } from './cookie.js';
import type { ReceivedInit } from './init.js';
import { Received } from './received.js';
import { NS_PER_MS } from '../../clock.js';

/** A tag is never 0 (sctp_generate_tag()). */
export function drawTag(netns: SocketNetns): number {
  const { random } = netns.emulation;
  for (;;) {
    const tag = random.u32();
    if (tag !== 0) return tag;
  }
}

/** The streams of one direction: as many as one offers and the other takes. */
const bound = (asked: number, limit: number): number => Math.min(asked, limit);

/** sctp_process_init(): what the peer's INIT or INIT ACK says. */
export function takeInit(asoc: Association, init: ReceivedInit): void {
  asoc.remoteTag = init.tag;
  asoc.outboundStreams = bound(asoc.outboundStreams, init.inboundStreams);
  asoc.inboundStreams = bound(asoc.inboundStreams, init.outboundStreams);
  asoc.remoteAddresses = init.addresses;
  asoc.received = new Received(init.tsn);
  asoc.sackNeeded = true;
  asoc.sackCount = 0;
  asoc.sending.begin(asoc.initialTsn, init.window);
}

/** sctp_unpack_cookie(): an association as its cookie remembers it. */
export function adoptCookie(asoc: Association, cookie: Cookie): void {
  asoc.localTag = cookie.localTag;
  asoc.initialTsn = cookie.initialTsn;
  asoc.outboundStreams = cookie.outboundStreams;
  asoc.inboundStreams = cookie.inboundStreams;
  takeInit(asoc, cookie.init);
}

export interface InitAckRequest {
  readonly netns: SocketNetns;
  readonly key: CookieKey;
  readonly init: ReceivedInit;
  /** The INIT chunk, header included. */
  readonly chunk: Uint8Array;
  readonly remoteAddress: Ipv4Addr;
  readonly remotePort: number;
  readonly localPort: number;
  readonly addresses: readonly Ipv4Addr[];
  readonly window: number;
  /** Of an association that is there already (sctp_tietags_populate()). */
  readonly existing?: Association | undefined;
}

/** Tags and numbers of the association that the peer asks for. */
function offerOf({
  netns,
  existing,
}: InitAckRequest): Pick<CookieFields, 'localTag' | 'localTieTag' | 'remoteTieTag' | 'initialTsn'> {
  const [tag, tsn] = [drawTag(netns), netns.emulation.random.u32()];
  if (existing === undefined) return { localTag: tag, localTieTag: 0, remoteTieTag: 0, initialTsn: tsn };
  const { state, localTag, remoteTag, initialTsn } = existing;
  const opening = state === 'COOKIE_WAIT' || state === 'COOKIE_ECHOED';
  return {
    localTag: opening ? localTag : tag,
    localTieTag: localTag,
    remoteTieTag: state === 'COOKIE_WAIT' ? 0 : remoteTag,
    initialTsn,
  };
}

/** The INIT ACK with its cookie: whoever sends it remembers nothing. */
export function makeInitAck(request: InitAckRequest): ReturnType<typeof initAckChunk> {
  const { netns, key, init, existing, window, addresses, remoteAddress, remotePort, localPort } = request;
  const { clock, random } = netns.emulation;
  const offer = offerOf(request);
  const outboundStreams = bound(existing?.outboundStreams ?? OUTBOUND_STREAMS, init.inboundStreams);
  const inboundStreams = bound(existing?.inboundStreams ?? INBOUND_STREAMS, init.outboundStreams);
  const lifeMs = netns.sysctl.values['sctp.valid_cookie_life'] + init.cookieLifeMs;
  const cookie = packCookie(key, {
    fields: {
      ...offer,
      remoteTag: init.tag,
      expiresNs: clock.nowNs + lifeMs * NS_PER_MS,
      outboundStreams,
      inboundStreams,
      remoteAddress,
      remotePort,
      localPort,
      forwardTsn: init.forwardTsn,
    },
    init: request.chunk,
    addresses,
    random: () => random.u32(),
  });
  const { ecn, forwardTsn, unrecognized } = init;
  const fields = { tag: offer.localTag, window, outboundStreams, inboundStreams, tsn: offer.initialTsn };
  return initAckChunk(fields, {
    addresses: addresses.length > 1 ? addresses : [],
    cookie,
    ecn,
    forwardTsn,
    unrecognized,
  });
}
