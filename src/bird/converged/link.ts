/**
 * Whether two routers come to a session, and what it is then: what the state machine, OPENs and sockets would find
 * out, in one step. The reasons are the words that a daemon of messages ends with.
 */

import { ADD_PATH, AS_TRANS, bgpErrorText } from '../../packet/index.js';
import { ERRNO_TEXT } from '../../kernel/index.js';
import { type Family, type IpAddr, ipEquals } from '../address.js';
import { acceptsAs, bgpOrigin, type BgpSession, channelOptions, clusterIdOf, isInternal } from '../bgp/session.js';
import type { BgpChannelConfig, BgpConfig, ChannelConfig } from '../config/types.js';
import type { ConvergedNode } from './node.js';

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
  readonly #own: Side;
  readonly #other: Side;
  #session: BgpSession | undefined = undefined;

  constructor(own: Side, other: Side) {
    this.#own = own;
    this.#other = other;
    this.sourceAddress = own.address ?? other.config.remoteAddress;
    this.families = familiesOf(own, other);
  }

  get node(): ConvergedNode {
    return this.#own.node;
  }

  get config(): BgpConfig {
    return this.#own.config;
  }

  get neighborIface(): string | undefined {
    return this.#own.neighborIface;
  }

  get rrClusterId(): number {
    return clusterIdOf(this.config, identifier(this.#own));
  }

  /** Whether the neighbour knows long-lived graceful restart. */
  get peerLlgrAware(): boolean {
    const { longLived, gracefulRestart } = this.#other.config;
    return sayCapabilities(this.#own, this.#other) && longLived !== 'off' && gracefulRestart !== 'off';
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
    const { dialect } = node.speaker.config;
    return {
      name: config.name,
      dialect,
      config,
      isInternal: isInternal(config),
      remoteAs,
      localId: identifier(this.#own),
      rrClusterId,
      sourceAddress: this.sourceAddress,
      neighborIface,
      peerLlgrAware: this.peerLlgrAware,
      origin: bgpOrigin(config, {
        dialect,
        remoteAs,
        remoteId: identifier(this.#other),
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
  readonly config: BgpConfig;
  readonly address: IpAddr | undefined;
  readonly neighborIface: string | undefined;
}

const failure = (bgpState: string, reason = '', state: 'down' | 'start' = 'start'): LinkFailure => ({
  state,
  bgpState,
  reason,
});

/** Where that end stands; a failure where its neighbour is not on any of its links. */
function sideOf(node: ConvergedNode, config: BgpConfig): Side | LinkFailure {
  if (config.disabled) return failure('Down', '', 'down');
  const { remoteAddress, localAddress, iface, multihop, checkLink } = config;
  if (multihop > 0) return { node, config, address: localAddress, neighborIface: undefined };
  const neighbor = node.speaker.interfaces.neighbor(remoteAddress, iface);
  if (neighbor === undefined || neighbor.self || (checkLink && !neighbor.iface.linkUp)) return failure('Idle');
  return { node, config, address: localAddress ?? neighbor.address.ip, neighborIface: neighbor.iface.name };
}

/** Addresses that an end may speak from. */
function* addressesOf({ node, address }: Side): Iterable<IpAddr> {
  if (address !== undefined) {
    yield address;
    return;
  }
  for (const iface of node.speaker.interfaces) if (iface.up) for (const { ip } of iface.addresses) yield ip;
}

/** Where a session's connections come from; undefined where it makes none. */
export function callingAddress(node: ConvergedNode, config: BgpConfig): IpAddr | undefined {
  const own = sideOf(node, config);
  if ('reason' in own || config.passive) return undefined;
  if (own.address !== undefined) return own.address;
  const onLink = node.speaker.interfaces.neighbor(config.remoteAddress)?.address.ip;
  const [first] = addressesOf(own);
  return onLink ?? first;
}

const hopsOf = ({ multihop }: BgpConfig): number => (multihop === 0 ? 1 : multihop);

/** Whether a connection of `from` is heard by `to`; text: why not. */
function heard(from: Side, to: Side, port: number): string | undefined {
  const { dialect, listenBgpAddress, listenBgpPort } = to.node.speaker.config;
  const { config } = to;
  const listens = dialect === 'bird-1.6' ? listenBgpPort : config.localPort;
  const bound = dialect === 'bird-1.6' ? listenBgpAddress : config.strictBind ? config.localAddress : undefined;
  const { remoteAddress } = from.config;
  if (listens !== port || (bound !== undefined && !ipEquals(bound, remoteAddress))) {
    // A signed segment is refused by silence.
    return from.config.password === undefined ? `Socket: ${ERRNO_TEXT.ECONNREFUSED}` : '';
  }
  if (from.config.password !== config.password) return '';
  // RFC 5082: what starts too low is not heard at all.
  const secured = config.ttlSecurity !== from.config.ttlSecurity && hopsOf(config) + hopsOf(from.config) < 255;
  return secured ? '' : undefined;
}

/** Undefined where `from` can open the connection. */
function dial(from: Side, to: Side, context: LinkContext): string | undefined {
  const { config } = from;
  const source = from.address ?? to.config.remoteAddress;
  const { remoteAddress: destination, remotePort: port } = config;
  const blocked = context.unreachable(from.node, to.node, { source, destination, port });
  return blocked ?? (config.passive ? '' : heard(from, to, port));
}

/** Whether capabilities are exchanged: who does not tell its own does not hear the other's. */
const sayCapabilities = (own: Side, other: Side): boolean => own.config.capabilities && other.config.capabilities;

/** The AS that the other's OPEN has for this end: all of it only as a capability (RFC 6793). */
function heardAs(own: Side, other: Side): number {
  const { localAs } = other.config;
  const whole = sayCapabilities(own, other) && own.config.as4 && other.config.as4;
  return whole || localAs < 0xffff ? localAs : AS_TRANS;
}

/** What the OPENs of both ends make of it (RFC 4271 §6.2). */
function openProblem(own: Side, other: Side): string | undefined {
  const [mine, theirs] = [own.config, other.config];
  const bad = (from: 'BGP Error' | 'Received', subcode: number): string => `${from}: ${bgpErrorText(2, subcode)}`;
  if (!acceptsAs(mine, heardAs(own, other))) return bad('BGP Error', 2);
  if (!acceptsAs(theirs, heardAs(other, own))) return bad('Received', 2);
  const [id, otherId] = [identifier(own), identifier(other)];
  const same = id === otherId && isInternal(mine);
  if (otherId === 0 || same) return bad('BGP Error', 3);
  return id === 0 ? bad('Received', 3) : undefined;
}

const identifier = ({ node, config }: Side): number => (config.routerId ?? node.routerId) >>> 0;

/** Whether that end's OPEN says that it has a family (peerHasFamily()). */
function announces({ config }: Side, family: Family): boolean {
  if (!config.capabilities) return family === 'ipv4';
  const told = config.channels.filter((each) => each.family === 'ipv6' || config.advertiseIpv4);
  return told.length === 0 ? family === 'ipv4' : told.some((each) => each.family === family);
}

function familiesOf(own: Side, other: Side): LinkFamily[] {
  const families: LinkFamily[] = [];
  const of = (side: Side): boolean => side.node.speaker.config.dialect === 'bird-1.6';
  for (const channel of own.config.channels) {
    const { family } = channel;
    const theirs = other.config.channels.find((each) => each.family === family);
    if (theirs === undefined || !(of(own) || announces(other, family)) || !(of(other) || announces(own, family))) {
      continue;
    }
    const options = channelOptions(channel);
    const addPathTx =
      sayCapabilities(own, other) &&
      (options.addPath & ADD_PATH.send) !== 0 &&
      (channelOptions(theirs).addPath & ADD_PATH.receive) !== 0;
    families.push({ family, channel, options, addPathTx });
  }
  return families;
}

/** The session of the other router that is the other end of this one. */
function counterpart(own: Side, peer: ConvergedNode): BgpConfig | undefined {
  for (const address of addressesOf(own)) {
    for (const config of peer.sessionsTo(address)) {
      const { localAddress } = config;
      if (localAddress === undefined || ipEquals(localAddress, own.config.remoteAddress)) return config;
    }
  }
  return undefined;
}

/** The session of a node that a configuration asks for, or why there is none. */
export function makeLink(node: ConvergedNode, config: BgpConfig, context: LinkContext): Link | LinkFailure {
  const own = sideOf(node, config);
  if ('reason' in own) return own;
  const waiting = config.passive ? 'Passive' : 'Active';
  const peer = context.nodeAt(config.remoteAddress, node);
  if (peer === undefined || peer === node) return failure(waiting, `Socket: ${ERRNO_TEXT.EHOSTUNREACH}`);
  const theirs = counterpart(own, peer);
  if (theirs === undefined) {
    return failure(
      waiting,
      config.passive ? '' : `Socket: ${peer.hasBgp ? 'Connection closed' : ERRNO_TEXT.ECONNREFUSED}`,
    );
  }
  const other = sideOf(peer, theirs);
  if ('reason' in other) return failure(waiting, config.passive ? '' : 'Socket: Connection closed');
  const mine = dial(own, other, context);
  if (mine !== undefined && dial(other, own, context) !== undefined) {
    // Who calls and hears nothing goes on calling.
    const calling = mine === '' && !config.passive;
    return failure(calling ? 'Connect' : waiting, mine);
  }
  const problem = openProblem(own, other);
  if (problem !== undefined) return failure('Idle', problem);
  const link = { own: new LinkEnd(own, other), other: new LinkEnd(other, own) };
  if (link.own.families.length === 0) return failure('Idle', `BGP Error: ${bgpErrorText(2, 7)}`);
  return link;
}
