/**
 * Whether two routers come to a session, and what it is then: what the state machine, OPENs and sockets would find
 * out, in one step. The reasons are the words that a daemon of messages ends with.
 */

import { ADD_PATH, AS_TRANS, bgpErrorText } from '../../packet/index.js';
import { ERRNO_TEXT } from '../../kernel/index.js';
import { type Family, type IpAddr, ipEquals } from '../address.js';
import { acceptsAs, bgpOrigin, type BgpSession, channelOptions, clusterIdOf, isInternal } from '../bgp/session.js';
import type { BgpChannelConfig, ChannelConfig, SharedBgpConfig } from '../config/types.js';
import type { RouteOrigin } from '../rib/route.js';
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

const NO_FAMILIES: readonly LinkFamily[] = [];

/** Where one end of a session stands, and what it is once the other end is known. */
export class LinkEnd {
  readonly node: ConvergedNode;
  readonly peering: Peering;
  /** Where it speaks from, where that is known before it speaks. */
  readonly address: IpAddr | undefined;
  readonly neighborIface: string | undefined;
  #other: LinkEnd | undefined = undefined;
  #families: readonly LinkFamily[] = NO_FAMILIES;
  #peerLlgrAware = false;
  #origin: RouteOrigin | undefined = undefined;

  constructor(
    node: ConvergedNode,
    peering: Peering,
    at: { readonly address: IpAddr | undefined; readonly iface: string | undefined },
  ) {
    this.node = node;
    this.peering = peering;
    this.address = at.address;
    this.neighborIface = at.iface;
  }

  /** The session is there. What it is about is read now, while both ends are at hand: there are thousands. */
  join(other: LinkEnd): void {
    this.#meet(other);
    other.#meet(this);
  }

  #meet(other: LinkEnd): void {
    const { longLived, gracefulRestart } = other.config;
    this.#other = other;
    this.#families = familiesOf(this, other);
    this.#peerLlgrAware = longLived !== 'off' && gracefulRestart !== 'off' && sayCapabilities(this, other);
  }

  get other(): LinkEnd {
    if (this.#other === undefined) throw new Error(`the session ${this.peering.name} has no other end`);
    return this.#other;
  }

  /** What it sends of which address families. */
  get families(): readonly LinkFamily[] {
    return this.#families;
  }

  /** Whether the neighbour knows long-lived graceful restart. */
  get peerLlgrAware(): boolean {
    return this.#peerLlgrAware;
  }

  get config(): SharedBgpConfig {
    return this.peering.config;
  }

  get sourceAddress(): IpAddr {
    return this.address ?? this.other.peering.remoteAddress;
  }

  /** The router id that its OPEN has. */
  get identifier(): number {
    return (this.config.routerId ?? this.node.routerId) >>> 0;
  }

  get rrClusterId(): number {
    return clusterIdOf(this.config, this.identifier);
  }

  get remoteAs(): number {
    return this.config.remoteAs === 0 ? heardAs(this, this.other) : this.config.remoteAs;
  }

  /** As export and import know it. Made for whoever asks: but for the origin, which routes have, nobody keeps it. */
  get session(): BgpSession {
    const { config, node, rrClusterId, neighborIface, remoteAs } = this;
    const { name, remoteAddress } = this.peering;
    const { dialect } = node.speaker.config;
    this.#origin ??= bgpOrigin(config, {
      name,
      dialect,
      remoteAs,
      remoteId: this.other.identifier,
      remoteAddress,
      rrClusterId,
      neighborIface,
    });
    return {
      name,
      dialect,
      config,
      remoteAddress,
      isInternal: isInternal(config),
      remoteAs,
      localId: this.identifier,
      rrClusterId,
      sourceAddress: this.sourceAddress,
      neighborIface,
      peerLlgrAware: this.peerLlgrAware,
      origin: this.#origin,
    };
  }
}

export interface LinkFailure {
  /** As `show protocols` has it. */
  readonly state: 'down' | 'start';
  readonly bgpState: string;
  readonly reason: string;
}

export const isFailure = (of: LinkEnd | LinkFailure): of is LinkFailure => !(of instanceof LinkEnd);

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

const failure = (bgpState: string, reason = '', state: 'down' | 'start' = 'start'): LinkFailure => ({
  state,
  bgpState,
  reason,
});

/** Where that end stands; a failure where its neighbour is not on any of its links. */
function endOf(node: ConvergedNode, peering: Peering): LinkEnd | LinkFailure {
  const { remoteAddress } = peering;
  const { disabled, localAddress, iface, multihop, checkLink } = peering.config;
  if (disabled) return failure('Down', '', 'down');
  if (multihop > 0) return new LinkEnd(node, peering, { address: localAddress, iface: undefined });
  const neighbor = node.speaker.interfaces.neighbor(remoteAddress, iface);
  if (neighbor === undefined || neighbor.self || (checkLink && !neighbor.iface.linkUp)) return failure('Idle');
  return new LinkEnd(node, peering, { address: localAddress ?? neighbor.address.ip, iface: neighbor.iface.name });
}

/** Addresses that an end may speak from. */
function addressesOf({ node, address }: LinkEnd): readonly IpAddr[] {
  if (address !== undefined) return [address];
  const up = [...node.speaker.interfaces].filter((iface) => iface.up);
  return up.flatMap(({ addresses }) => addresses.map(({ ip }) => ip));
}

/** Where a session's connections come from; undefined where it makes none. */
export function callingAddress(node: ConvergedNode, peering: Peering): IpAddr | undefined {
  const own = endOf(node, peering);
  if (isFailure(own) || peering.passive) return undefined;
  if (own.address !== undefined) return own.address;
  const onLink = node.speaker.interfaces.neighbor(peering.remoteAddress)?.address.ip;
  const [first] = addressesOf(own);
  return onLink ?? first;
}

const hopsOf = ({ multihop }: SharedBgpConfig): number => (multihop === 0 ? 1 : multihop);

/** Whether a connection of `from` is heard by `to`; text: why not. */
function heard(from: LinkEnd, to: LinkEnd, port: number): string | undefined {
  const { dialect, listenBgpAddress, listenBgpPort } = to.node.speaker.config;
  const { config } = to;
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
function dial(from: LinkEnd, to: LinkEnd, context: LinkContext): string | undefined {
  const { remoteAddress: destination, passive, config } = from.peering;
  const source = from.address ?? to.peering.remoteAddress;
  const { remotePort: port } = config;
  const blocked = context.unreachable(from.node, to.node, { source, destination, port });
  return blocked ?? (passive ? '' : heard(from, to, port));
}

/** Whether capabilities are exchanged: who does not tell its own does not hear the other's. */
const sayCapabilities = (own: LinkEnd, other: LinkEnd): boolean => own.config.capabilities && other.config.capabilities;

/** The AS that the other's OPEN has for this end: all of it only as a capability (RFC 6793). */
function heardAs(own: LinkEnd, other: LinkEnd): number {
  const { localAs, as4 } = other.config;
  const whole = sayCapabilities(own, other) && own.config.as4 && as4;
  return whole || localAs < 0xffff ? localAs : AS_TRANS;
}

/** What the OPENs of both ends make of it (RFC 4271 §6.2). */
function openProblem(own: LinkEnd, other: LinkEnd): string | undefined {
  const mine = own.config;
  const theirs = other.config;
  const bad = (from: 'BGP Error' | 'Received', subcode: number): string => `${from}: ${bgpErrorText(2, subcode)}`;
  if (!acceptsAs(mine, heardAs(own, other))) return bad('BGP Error', 2);
  if (!acceptsAs(theirs, heardAs(other, own))) return bad('Received', 2);
  const id = own.identifier;
  const otherId = other.identifier;
  const same = id === otherId && isInternal(mine);
  if (otherId === 0 || same) return bad('BGP Error', 3);
  return id === 0 ? bad('Received', 3) : undefined;
}

/** Whether that end's OPEN says that it has a family (peerHasFamily()). */
function announces({ config }: LinkEnd, family: Family): boolean {
  if (!config.capabilities) return family === 'ipv4';
  const told = config.channels.filter((each) => each.family === 'ipv6' || config.advertiseIpv4);
  return told.length === 0 ? family === 'ipv4' : told.some((each) => each.family === family);
}

const FAMILIES = new WeakMap<ChannelConfig, Partial<Record<'all' | 'best', readonly [LinkFamily]>>>();

/** One object for all sessions that share a channel, as the list that it is where there is no other channel. */
function linkFamily(channel: ChannelConfig, addPathTx: boolean): readonly [LinkFamily] {
  let known = FAMILIES.get(channel);
  if (known === undefined) FAMILIES.set(channel, (known = {}));
  const { family } = channel;
  return (known[addPathTx ? 'all' : 'best'] ??= [{ family, channel, options: channelOptions(channel), addPathTx }]);
}

function familyOf(channel: ChannelConfig, own: LinkEnd, other: LinkEnd): readonly LinkFamily[] {
  const { family } = channel;
  const of = (end: LinkEnd): boolean => end.node.speaker.config.dialect === 'bird-1.6';
  const theirs = other.config.channels.find((each) => each.family === family);
  if (theirs === undefined || !(of(own) || announces(other, family)) || !(of(other) || announces(own, family))) {
    return NO_FAMILIES;
  }
  const addPathTx =
    (channelOptions(channel).addPath & ADD_PATH.send) !== 0 &&
    (channelOptions(theirs).addPath & ADD_PATH.receive) !== 0 &&
    sayCapabilities(own, other);
  return linkFamily(channel, addPathTx);
}

function familiesOf(own: LinkEnd, other: LinkEnd): readonly LinkFamily[] {
  const { channels } = own.config;
  const [first] = channels;
  if (first !== undefined && channels.length === 1) return familyOf(first, own, other);
  return channels.flatMap((channel) => familyOf(channel, own, other));
}

/** The session of the other router that is the other end of this one. */
function counterpart(own: LinkEnd, peer: ConvergedNode): Peering | undefined {
  const { remoteAddress } = own.peering;
  if (own.address !== undefined) return peer.sessionBetween(remoteAddress, own.address);
  for (const address of addressesOf(own)) {
    const peering = peer.sessionBetween(remoteAddress, address);
    if (peering !== undefined) return peering;
  }
  return undefined;
}

/** The session of a node that a configuration asks for, or why there is none. */
export function makeLink(node: ConvergedNode, peering: Peering, context: LinkContext): LinkEnd | LinkFailure {
  const { passive, remoteAddress } = peering;
  const own = endOf(node, peering);
  if (isFailure(own)) return own;
  const waiting = passive ? 'Passive' : 'Active';
  const peer = context.nodeAt(remoteAddress, node);
  if (peer === undefined || peer === node) return failure(waiting, `Socket: ${ERRNO_TEXT.EHOSTUNREACH}`);
  const theirs = counterpart(own, peer);
  if (theirs === undefined) {
    return failure(waiting, passive ? '' : `Socket: ${peer.hasBgp ? 'Connection closed' : ERRNO_TEXT.ECONNREFUSED}`);
  }
  const other = endOf(peer, theirs);
  if (isFailure(other)) return failure(waiting, passive ? '' : 'Socket: Connection closed');
  const mine = dial(own, other, context);
  if (mine !== undefined && dial(other, own, context) !== undefined) {
    // Who calls and hears nothing goes on calling.
    const calling = mine === '' && !passive;
    return failure(calling ? 'Connect' : waiting, mine);
  }
  const problem = openProblem(own, other);
  if (problem !== undefined) return failure('Idle', problem);
  own.join(other);
  return own.families.length === 0 ? failure('Idle', `BGP Error: ${bgpErrorText(2, 7)}`) : own;
}
