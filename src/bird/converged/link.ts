/**
 * Whether two routers come to a session, and what it is then: what the state machine, OPENs and sockets would find
 * out, in one step. The reasons are the words that a daemon of messages ends with.
 */

import { ADD_PATH, AS_TRANS, bgpErrorText } from '../../packet/index.js';
import { ERRNO_TEXT } from '../../kernel/index.js';
import { type Family, type IpAddr, ipEquals } from '../address.js';
import { acceptsAs, bgpOrigin, type BgpSession, channelOptions, clusterIdOf, isInternal } from '../bgp/session.js';
import type { BgpChannelConfig, ChannelConfig, SharedBgpConfig } from '../config/types.js';
import type { ConvergedNode } from './node.js';
import type { Peering } from './speaker.js';

/** One direction of an address family of a session: what `send` exports, `receive` imports. */
export interface LinkFamily {
  readonly family: Family;
  readonly channel: ChannelConfig;
  readonly options: BgpChannelConfig;
  /** Every route is told, not only the best. */
  readonly addPathTx: boolean;
}

/** One end of an established session. What it exports by is made when somebody needs it. */
export class LinkEnd {
  readonly families: readonly LinkFamily[];
  readonly sourceAddress: IpAddr;
  /** Whether the neighbour knows long-lived graceful restart. */
  readonly peerLlgrAware: boolean;
  readonly #own: Side;
  readonly #other: Side;
  #session: BgpSession | undefined = undefined;

  constructor(own: Side, other: Side) {
    this.#own = own;
    this.#other = other;
    this.sourceAddress = own.address ?? other.peering.remoteAddress;
    this.families = familiesOf(own, other);
    const { longLived, gracefulRestart } = other.peering.config;
    this.peerLlgrAware = sayCapabilities(own, other) && longLived !== 'off' && gracefulRestart !== 'off';
  }

  get node(): ConvergedNode {
    return this.#own.node;
  }

  get peering(): Peering {
    return this.#own.peering;
  }

  get config(): SharedBgpConfig {
    return this.#own.peering.config;
  }

  get neighborIface(): string | undefined {
    return this.#own.neighborIface;
  }

  get rrClusterId(): number {
    return clusterIdOf(this.config, identifier(this.#own));
  }

  get remoteAs(): number {
    return this.config.remoteAs === 0 ? heardAs(this.#own, this.#other) : this.config.remoteAs;
  }

  get session(): BgpSession {
    this.#session ??= this.#makeSession();
    return this.#session;
  }

  #makeSession(): BgpSession {
    const { config, node, rrClusterId, neighborIface, remoteAs } = this;
    const { name, remoteAddress } = this.peering;
    const { dialect } = node.speaker.config;
    return {
      name,
      dialect,
      config,
      remoteAddress,
      isInternal: isInternal(config),
      remoteAs,
      localId: identifier(this.#own),
      rrClusterId,
      sourceAddress: this.sourceAddress,
      neighborIface,
      peerLlgrAware: this.peerLlgrAware,
      origin: bgpOrigin(config, {
        name,
        dialect,
        remoteAs,
        remoteId: identifier(this.#other),
        remoteAddress,
        rrClusterId,
        neighborIface,
      }),
    };
  }
}

export interface Link {
  readonly own: LinkEnd;
  readonly other: LinkEnd;
}

export interface LinkFailure {
  /** As `show protocols` has it. */
  readonly state: 'down' | 'start';
  readonly bgpState: string;
  readonly reason: string;
}

export const isFailure = (of: Link | LinkFailure): of is LinkFailure => 'reason' in of;

/** What links need of the network. */
export interface LinkContext {
  readonly nodeAt: (addr: IpAddr, from: ConvergedNode) => ConvergedNode | undefined;
  /** Why packets of one end do not reach the other, in a daemon's words; undefined where they do. */
  readonly unreachable: (from: ConvergedNode, to: ConvergedNode, addresses: LinkAddresses) => string | undefined;
}

export interface LinkAddresses {
  readonly source: IpAddr;
  readonly destination: IpAddr;
  readonly port: number;
}

interface Side {
  readonly node: ConvergedNode;
  readonly peering: Peering;
  readonly address: IpAddr | undefined;
  readonly neighborIface: string | undefined;
}

const failure = (bgpState: string, reason = '', state: 'down' | 'start' = 'start'): LinkFailure => ({
  state,
  bgpState,
  reason,
});

/** Where that end stands; a failure where its neighbour is not on any of its links. */
function sideOf(node: ConvergedNode, peering: Peering): Side | LinkFailure {
  const { remoteAddress } = peering;
  const { disabled, localAddress, iface, multihop, checkLink } = peering.config;
  if (disabled) return failure('Down', '', 'down');
  if (multihop > 0) return { node, peering, address: localAddress, neighborIface: undefined };
  const neighbor = node.speaker.interfaces.neighbor(remoteAddress, iface);
  if (neighbor === undefined || neighbor.self || (checkLink && !neighbor.iface.linkUp)) return failure('Idle');
  return { node, peering, address: localAddress ?? neighbor.address.ip, neighborIface: neighbor.iface.name };
}

/** Addresses that an end may speak from. */
function addressesOf({ node, address }: Side): readonly IpAddr[] {
  if (address !== undefined) return [address];
  const up = [...node.speaker.interfaces].filter((iface) => iface.up);
  return up.flatMap(({ addresses }) => addresses.map(({ ip }) => ip));
}

/** Where a session's connections come from; undefined where it makes none. */
export function callingAddress(node: ConvergedNode, peering: Peering): IpAddr | undefined {
  const own = sideOf(node, peering);
  if ('reason' in own || peering.passive) return undefined;
  if (own.address !== undefined) return own.address;
  const onLink = node.speaker.interfaces.neighbor(peering.remoteAddress)?.address.ip;
  const [first] = addressesOf(own);
  return onLink ?? first;
}

const hopsOf = ({ multihop }: SharedBgpConfig): number => (multihop === 0 ? 1 : multihop);

/** Whether a connection of `from` is heard by `to`; text: why not. */
function heard(from: Side, to: Side, port: number): string | undefined {
  const { dialect, listenBgpAddress, listenBgpPort } = to.node.speaker.config;
  const { config } = to.peering;
  const calling = from.peering.config;
  const listens = dialect === 'bird-1.6' ? listenBgpPort : config.localPort;
  const bound = dialect === 'bird-1.6' ? listenBgpAddress : config.strictBind ? config.localAddress : undefined;
  const { remoteAddress } = from.peering;
  if (listens !== port || (bound !== undefined && !ipEquals(bound, remoteAddress))) {
    // A signed segment is refused by silence.
    return calling.password === undefined ? `Socket: ${ERRNO_TEXT.ECONNREFUSED}` : '';
  }
  if (calling.password !== config.password) return '';
  // RFC 5082: what starts too low is not heard at all.
  const secured = config.ttlSecurity !== calling.ttlSecurity && hopsOf(config) + hopsOf(calling) < 255;
  return secured ? '' : undefined;
}

/** Undefined where `from` can open the connection. */
function dial(from: Side, to: Side, context: LinkContext): string | undefined {
  const { remoteAddress: destination, passive, config } = from.peering;
  const source = from.address ?? to.peering.remoteAddress;
  const { remotePort: port } = config;
  const blocked = context.unreachable(from.node, to.node, { source, destination, port });
  return blocked ?? (passive ? '' : heard(from, to, port));
}

/** Whether capabilities are exchanged: who does not tell its own does not hear the other's. */
const sayCapabilities = (own: Side, other: Side): boolean =>
  own.peering.config.capabilities && other.peering.config.capabilities;

/** The AS that the other's OPEN has for this end: all of it only as a capability (RFC 6793). */
function heardAs(own: Side, other: Side): number {
  const { localAs, as4 } = other.peering.config;
  const whole = sayCapabilities(own, other) && own.peering.config.as4 && as4;
  return whole || localAs < 0xffff ? localAs : AS_TRANS;
}

/** What the OPENs of both ends make of it (RFC 4271 §6.2). */
function openProblem(own: Side, other: Side): string | undefined {
  const [mine, theirs] = [own.peering.config, other.peering.config];
  const bad = (from: 'BGP Error' | 'Received', subcode: number): string => `${from}: ${bgpErrorText(2, subcode)}`;
  if (!acceptsAs(mine, heardAs(own, other))) return bad('BGP Error', 2);
  if (!acceptsAs(theirs, heardAs(other, own))) return bad('Received', 2);
  const [id, otherId] = [identifier(own), identifier(other)];
  const same = id === otherId && isInternal(mine);
  if (otherId === 0 || same) return bad('BGP Error', 3);
  return id === 0 ? bad('Received', 3) : undefined;
}

const identifier = ({ node, peering }: Side): number => (peering.config.routerId ?? node.routerId) >>> 0;

/** Whether that end's OPEN says that it has a family (peerHasFamily()). */
function announces({ peering: { config } }: Side, family: Family): boolean {
  if (!config.capabilities) return family === 'ipv4';
  const told = config.channels.filter((each) => each.family === 'ipv6' || config.advertiseIpv4);
  return told.length === 0 ? family === 'ipv4' : told.some((each) => each.family === family);
}

const FAMILIES = new WeakMap<ChannelConfig, Partial<Record<'all' | 'best', LinkFamily>>>();

/** One object for all sessions that share a channel. */
function linkFamily(channel: ChannelConfig, addPathTx: boolean): LinkFamily {
  let known = FAMILIES.get(channel);
  if (known === undefined) FAMILIES.set(channel, (known = {}));
  return (known[addPathTx ? 'all' : 'best'] ??= {
    family: channel.family,
    channel,
    options: channelOptions(channel),
    addPathTx,
  });
}

function familiesOf(own: Side, other: Side): LinkFamily[] {
  const families: LinkFamily[] = [];
  const of = (side: Side): boolean => side.node.speaker.config.dialect === 'bird-1.6';
  for (const channel of own.peering.config.channels) {
    const { family } = channel;
    const theirs = other.peering.config.channels.find((each) => each.family === family);
    if (theirs === undefined || !(of(own) || announces(other, family)) || !(of(other) || announces(own, family))) {
      continue;
    }
    const addPathTx =
      sayCapabilities(own, other) &&
      (channelOptions(channel).addPath & ADD_PATH.send) !== 0 &&
      (channelOptions(theirs).addPath & ADD_PATH.receive) !== 0;
    families.push(linkFamily(channel, addPathTx));
  }
  // Without room for more: a mesh keeps one for each end of each session.
  return families.slice();
}

/** The session of the other router that is the other end of this one. */
function counterpart(own: Side, peer: ConvergedNode): Peering | undefined {
  for (const address of addressesOf(own)) {
    for (const peering of peer.sessionsTo(address)) {
      const { localAddress } = peering.config;
      if (localAddress === undefined || ipEquals(localAddress, own.peering.remoteAddress)) return peering;
    }
  }
  return undefined;
}

/** The session of a node that a configuration asks for, or why there is none. */
export function makeLink(node: ConvergedNode, peering: Peering, context: LinkContext): Link | LinkFailure {
  const { passive, remoteAddress } = peering;
  const own = sideOf(node, peering);
  if ('reason' in own) return own;
  const waiting = passive ? 'Passive' : 'Active';
  const peer = context.nodeAt(remoteAddress, node);
  if (peer === undefined || peer === node) return failure(waiting, `Socket: ${ERRNO_TEXT.EHOSTUNREACH}`);
  const theirs = counterpart(own, peer);
  if (theirs === undefined) {
    return failure(waiting, passive ? '' : `Socket: ${peer.hasBgp ? 'Connection closed' : ERRNO_TEXT.ECONNREFUSED}`);
  }
  const other = sideOf(peer, theirs);
  if ('reason' in other) return failure(waiting, passive ? '' : 'Socket: Connection closed');
  const mine = dial(own, other, context);
  if (mine !== undefined && dial(other, own, context) !== undefined) {
    // Who calls and hears nothing goes on calling.
    const calling = mine === '' && !passive;
    return failure(calling ? 'Connect' : waiting, mine);
  }
  const problem = openProblem(own, other);
  if (problem !== undefined) return failure('Idle', problem);
  const link = { own: new LinkEnd(own, other), other: new LinkEnd(other, own) };
  if (link.own.families.length === 0) return failure('Idle', `BGP Error: ${bgpErrorText(2, 7)}`);
  return link;
}
