/** What a message of a neighbour means (proto/bgp/packets.c: bgp_rx_*()). */

import {
  BGP_ATTRIBUTE,
  BGP_ERROR,
  BGP_MESSAGE,
  type BgpFrame,
  type BgpOpen,
  type BgpPrefix,
  type BgpProblem,
  bgpErrorText,
  bgpProblem,
  type BgpUpdate,
  decodeMpReach,
  decodeMpUnreach,
  decodeShutdownMessage,
  encodeU32,
  isBgpProblem,
  parseBgpNotification,
  parseBgpOpen,
  parseBgpUpdate,
  parseRouteRefresh,
  ROUTE_REFRESH,
  viewOf,
} from '../../packet/index.js';
import { Net } from '../address.js';
import type { BgpProtocol } from '../protocols/bgp.js';
import type { Attributes } from '../rib/attributes.js';
import { NO_CAPABILITIES, readCapabilities, sameFamily, bgpFamily } from './capabilities.js';
import type { BgpConnection, ConnectionState } from './connection.js';
import type { ChannelFeed } from './feed.js';
import { acceptAttributes, receivedRoute } from './import.js';
import { acceptsAs, channelOptions } from './session.js';
import { decodeAttributes, type DecodedAttributes, missingAttribute } from './wire.js';

/** RFC 6608: which state a message came in that has no place there. */
const FSM_SUBCODES: Partial<Record<ConnectionState, number>> = { OpenSent: 1, OpenConfirm: 2, Established: 3 };

const fsmError = ({ state }: BgpConnection): BgpProblem =>
  bgpProblem(BGP_ERROR.finiteStateMachine, FSM_SUBCODES[state] ?? 0);

const lengthError = ({ bytes }: BgpFrame): BgpProblem => bgpProblem(BGP_ERROR.messageHeader, 2, bytes.slice(16, 18));

export function receiveMessage(p: BgpProtocol, connection: BgpConnection, frame: BgpFrame): void {
  switch (frame.type) {
    case BGP_MESSAGE.open:
      receiveOpen(p, connection, frame);
      return;
    case BGP_MESSAGE.update:
      receiveUpdate(p, connection, frame);
      return;
    case BGP_MESSAGE.notification:
      receiveNotification(p, connection, frame);
      return;
    case BGP_MESSAGE.keepalive:
      receiveKeepalive(p, connection);
      return;
    case BGP_MESSAGE.routeRefresh:
      receiveRefresh(p, connection, frame);
      return;
    default:
      p.fail(connection, bgpProblem(BGP_ERROR.messageHeader, 3, frame.bytes.slice(18, 19)));
  }
}

// OPEN

/** The AS that the neighbour says it has. */
const openAs = ({ config }: BgpProtocol, { peer: { as4 } }: BgpConnection, open: BgpOpen): number =>
  as4 !== undefined && config.as4 ? as4 : open.as;

/** RFC 4271 §6.2. */
function openProblem(
  p: BgpProtocol,
  connection: BgpConnection,
  of: { open: BgpOpen; frame: BgpFrame },
): BgpProblem | undefined {
  const { config, isInternal, localId } = p;
  const { open, frame } = of;
  if (open.version !== 4) return bgpProblem(BGP_ERROR.openMessage, 1, frame.body.slice(0, 1));
  if (open.unknownParameter !== undefined) return bgpProblem(BGP_ERROR.openMessage, 4, open.unknownParameter);
  if (open.holdTime > 0 && open.holdTime < 3) return bgpProblem(BGP_ERROR.openMessage, 6, frame.body.slice(3, 5));
  // RFC 6286 §2.2: not zero, and unique within the AS.
  const id = open.identifier >>> 0;
  if (id === 0 || (isInternal && id === localId)) {
    return bgpProblem(BGP_ERROR.openMessage, 3, p.router.isBird2 ? frame.body.slice(5, 9) : new Uint8Array());
  }
  const { as4 } = connection.peer;
  const as = openAs(p, connection, open);
  if (acceptsAs(config, as)) return undefined;
  return bgpProblem(BGP_ERROR.openMessage, 2, as4 === undefined ? frame.body.slice(1, 3) : encodeU32(as));
}

/**
 * RFC 4271 §6.8: of two connections that are both confirmed, the one that the router with the higher identifier
 * began stays. True where the new connection may go on.
 */
function resolveCollision(p: BgpProtocol, connection: BgpConnection, id: number): boolean {
  const other = connection === p.outgoing ? p.incoming : p.outgoing;
  const cease = bgpProblem(BGP_ERROR.cease, 7);
  switch (other.state) {
    case 'Connect':
    case 'Active':
      other.enterIdle();
      return true;
    case 'OpenConfirm': {
      const { localId, remoteAs, config } = p;
      const dominant = localId < id || (localId === id && config.localAs < remoteAs);
      if (dominant === (connection === p.incoming)) {
        p.fail(other, cease);
        return true;
      }
      p.fail(connection, cease);
      return false;
    }
    case 'Established':
      p.fail(connection, cease);
      return false;
    case 'Idle':
    case 'OpenSent':
    case 'Close':
      return true;
  }
}

/** Who says nothing of what it can do does not listen either (bgp_read_options(); BSS_CONNECT_NOCAP of 1.6). */
const ignoresCapabilities = ({ config }: BgpProtocol, { withoutCapabilities }: BgpConnection): boolean =>
  !config.capabilities || withoutCapabilities;

function receiveOpen(p: BgpProtocol, connection: BgpConnection, frame: BgpFrame): void {
  if (connection.state !== 'OpenSent') return p.fail(connection, fsmError(connection));
  const open = parseBgpOpen(frame.body);
  if (isBgpProblem(open)) return p.fail(connection, open);
  connection.peer = ignoresCapabilities(p, connection) ? NO_CAPABILITIES : readCapabilities(open);
  const problem = openProblem(p, connection, { open, frame });
  if (problem !== undefined) return p.fail(connection, problem);
  const id = open.identifier >>> 0;
  if (!resolveCollision(p, connection, id)) return;
  connection.receivedAs = openAs(p, connection, open);
  const unsupported = p.agree(connection, open);
  if (unsupported !== undefined) return p.fail(connection, unsupported);
  connection.schedule('keepalive');
  connection.startHoldTimer(connection.holdTime);
  connection.state = 'OpenConfirm';
}

function receiveKeepalive(p: BgpProtocol, connection: BgpConnection): void {
  connection.startHoldTimer(connection.holdTime);
  if (connection.state === 'OpenConfirm') p.established(connection);
  else if (connection.state !== 'Established') p.fail(connection, fsmError(connection));
}

// NOTIFICATION

function receiveNotification(p: BgpProtocol, connection: BgpConnection, frame: BgpFrame): void {
  const problem = parseBgpNotification(frame.body);
  if (problem === undefined) return p.fail(connection, lengthError(frame));
  const { code, subcode, data } = problem;
  p.router.log(`${p.name}: Received: ${bgpErrorText(code, subcode)}`);
  if (code === BGP_ERROR.cease && (subcode === 2 || subcode === 4)) p.message = decodeShutdownMessage(data);
  p.storeError(connection, { kind: 'received', code, subcode });
  const capabilities = code === BGP_ERROR.openMessage && (subcode === 4 || subcode === 7);
  const retry = capabilities && !p.router.isBird2 && !connection.withoutCapabilities && p.config.remoteAs <= 0xffff;
  if (retry) p.withoutCapabilities = true;
  const wasEstablished = connection.state === 'Established';
  connection.closeSoon();
  if (wasEstablished) p.leftEstablished();
  if (code !== BGP_ERROR.cease && !retry) {
    p.delayStartup();
    p.stop(undefined);
  } else if ((p.config.disableAfterCease & (1 << (subcode <= 8 ? subcode : 0))) !== 0 && !retry) {
    p.errors.startupDelay = 0;
    p.disabled = true;
    p.stop(undefined);
  }
}

// ROUTE-REFRESH

function receiveRefresh(p: BgpProtocol, connection: BgpConnection, frame: BgpFrame): void {
  if (connection.state !== 'Established') return p.fail(connection, fsmError(connection));
  if (!p.config.routeRefresh)
    return p.fail(connection, bgpProblem(BGP_ERROR.messageHeader, 3, frame.bytes.slice(18, 19)));
  const refresh = parseRouteRefresh(frame.body);
  if (refresh === undefined) {
    const problem =
      frame.body.length < 4 ? lengthError(frame) : bgpProblem(BGP_ERROR.routeRefresh, 1, frame.bytes.slice(0, 2048));
    return p.fail(connection, problem);
  }
  const feed = p.feeds.find(({ channel }) => sameFamily(refresh.family, bgpFamily(channel.table.family)));
  if (feed === undefined) return;
  const subtype = connection.peer.enhancedRefresh ? refresh.subtype : ROUTE_REFRESH.request;
  if (subtype === ROUTE_REFRESH.request) p.feedAgain(feed.channel);
  else if (subtype === ROUTE_REFRESH.begin && feed.loadState !== 'loading') {
    feed.loadState = 'refreshing';
    feed.channel.refreshBegin();
  } else if (subtype === ROUTE_REFRESH.end && feed.loadState === 'refreshing') {
    feed.loadState = 'none';
    feed.channel.refreshEnd();
  }
}

// UPDATE

interface Update {
  readonly p: BgpProtocol;
  readonly connection: BgpConnection;
  readonly message: BgpUpdate;
  readonly decoded: DecodedAttributes;
}

const netOf = ({ addr, length }: BgpPrefix): Net => new Net(addr, length);

function withdraw(feed: ChannelFeed, prefixes: readonly BgpPrefix[]): void {
  for (const prefix of prefixes) feed.channel.import(netOf(prefix), undefined, prefix.pathId ?? 0);
}

/** The routes of one message; without attributes they are withdrawn (a soft error). */
function announce(
  p: BgpProtocol,
  feed: ChannelFeed,
  prefixes: readonly BgpPrefix[],
  attributes: Attributes | undefined,
): void {
  const channel = channelOptions(feed.channel.config);
  const find = p.nextHops(feed.channel);
  for (const prefix of prefixes) {
    const net = netOf(prefix);
    const pathId = prefix.pathId ?? 0;
    const told = attributes && { net, pathId, attributes, preference: p.preferenceOf(feed.channel) };
    const route = told && receivedRoute(p.session, told, { channel, find });
    feed.channel.import(net, route, pathId);
  }
}

/** Attributes that routes can have; undefined withdraws them, a problem ends the session. */
function usableAttributes({ p, decoded }: Update, needsNextHop: boolean): Attributes | BgpProblem | undefined {
  if (decoded.withdraw) return undefined;
  const missing = missingAttribute(decoded.seen, needsNextHop);
  if (missing !== undefined) {
    return p.router.isBird2 ? undefined : bgpProblem(BGP_ERROR.updateMessage, 3, new Uint8Array([missing]));
  }
  return acceptAttributes(p.session, decoded.attributes);
}

function feedOf({ p }: Update, family: 'ipv4' | 'ipv6'): ChannelFeed | undefined {
  return p.feeds.find(({ channel, active }) => active && channel.table.family === family);
}

function receiveIpv4(update: Update): BgpProblem | undefined {
  const { p, message } = update;
  const feed = feedOf(update, 'ipv4');
  if (feed === undefined) return undefined;
  withdraw(feed, message.withdrawn);
  if (message.withdrawnProblem !== undefined) {
    return bgpProblem(BGP_ERROR.updateMessage, message.withdrawnProblem === 'length' ? 10 : 1);
  }
  if (message.nlri.length > 0) {
    const attributes = usableAttributes(update, true);
    if (attributes !== undefined && isBgpProblem(attributes)) return attributes;
    announce(p, feed, message.nlri, attributes);
  }
  if (message.nlriProblem === undefined) return undefined;
  return bgpProblem(BGP_ERROR.updateMessage, message.nlriProblem === 'length' ? 10 : 1);
}

function receiveMultiprotocol(update: Update): BgpProblem | undefined {
  const { p, message } = update;
  const feed = feedOf(update, 'ipv6');
  const attribute = (code: number) => message.attributes.find((each) => each.code === code);
  const addPath = (): boolean => feed?.addPathRx === true;
  const unreach = attribute(BGP_ATTRIBUTE.mpUnreachNlri);
  const reach = attribute(BGP_ATTRIBUTE.mpReachNlri);
  const optional = bgpProblem(BGP_ERROR.updateMessage, 9);
  if (unreach !== undefined) {
    const decoded = decodeMpUnreach(unreach.value, addPath);
    if (decoded === undefined || decoded.problem !== undefined) return optional;
    if (feed !== undefined && sameFamily(decoded.family, bgpFamily('ipv6'))) withdraw(feed, decoded.prefixes);
  }
  if (reach === undefined) return undefined;
  const decoded = decodeMpReach(reach.value, addPath);
  if (decoded === undefined || decoded.problem !== undefined) return optional;
  if (feed === undefined || !sameFamily(decoded.family, bgpFamily('ipv6'))) return undefined;
  const attributes = usableAttributes(update, false);
  if (attributes !== undefined && isBgpProblem(attributes)) return attributes;
  const [nextHop, linkLocalNextHop] = decoded.nextHops;
  const complete = attributes && {
    ...attributes,
    ...(nextHop === undefined ? {} : { nextHop }),
    ...(linkLocalNextHop === undefined ? {} : { linkLocalNextHop }),
  };
  announce(p, feed, decoded.prefixes, complete);
  return undefined;
}

/** RFC 4724 §2: a family whose whole table was told. */
function endOfRib({ p, message }: Update): ChannelFeed | undefined {
  if (message.withdrawn.length > 0 || message.nlri.length > 0) return undefined;
  if (message.attributesLength === 0) return p.feeds.find(({ channel }) => channel.table.family === 'ipv4');
  const [only] = message.attributes;
  if (message.attributes.length !== 1 || only?.code !== BGP_ATTRIBUTE.mpUnreachNlri || only.value.length !== 3) {
    return undefined;
  }
  const afi = viewOf(only.value).getUint16(0);
  return p.feeds.find(({ channel }) => bgpFamily(channel.table.family).afi === afi);
}

function receiveUpdate(p: BgpProtocol, connection: BgpConnection, frame: BgpFrame): void {
  // Some leave out the first KEEPALIVE.
  if (connection.state === 'OpenConfirm') p.established(connection);
  if (connection.state !== 'Established') return p.fail(connection, fsmError(connection));
  connection.startHoldTimer(connection.holdTime);
  if (frame.body.length < 4) return p.fail(connection, lengthError(frame));
  const ipv4 = p.feeds.find(({ channel }) => channel.table.family === 'ipv4');
  const message = parseBgpUpdate(frame.body, ipv4?.addPathRx ?? false);
  if (isBgpProblem(message)) return p.fail(connection, message);
  const decoded = decodeAttributes(message.attributes, {
    as4: p.as4Session,
    isInternal: p.isInternal,
    errors: p.router.isBird2 ? 'withdraw' : 'reset',
  });
  if (isBgpProblem(decoded)) return p.fail(connection, decoded);
  const update = { p, connection, message, decoded };
  const ended = endOfRib(update);
  if (ended !== undefined) return p.endOfRib(ended);
  const problem = receiveIpv4(update) ?? receiveMultiprotocol(update);
  if (problem !== undefined) p.fail(connection, problem);
}
