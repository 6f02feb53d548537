/** What an OPEN says and what the other's OPEN said (proto/bgp/packets.c: bgp_create_open(), bgp_parse_capabilities()). */

import {
  AFI,
  AS_TRANS,
  BGP_VERSION,
  type BgpCapability,
  type BgpFamily,
  type BgpOpen,
  ipv4,
  SAFI,
} from '../../packet/index.js';
import type { Family } from '../address.js';
import type { BgpConfig, ChannelConfig } from '../config/types.js';
import type { Dialect } from '../config/keywords.js';
import { channelOptions } from './session.js';

export const bgpFamily = (family: Family): BgpFamily => ({
  afi: family === 'ipv4' ? AFI.ipv4 : AFI.ipv6,
  safi: SAFI.unicast,
});

export interface OpenContext {
  readonly dialect: Dialect;
  readonly localId: number;
  /** We restart and have kept what we forward by. */
  readonly recovering: boolean;
  /** The neighbour would not have capabilities. */
  readonly withoutCapabilities: boolean;
}

function gracefulRestart(config: BgpConfig, { recovering }: OpenContext): BgpCapability[] {
  if (config.gracefulRestart === 'off') return [];
  if (config.gracefulRestart === 'aware') {
    return [{ kind: 'gracefulRestart', restarting: false, time: 0, families: [] }];
  }
  const able = config.channels.filter((channel) => channelOptions(channel).gracefulRestart);
  const families = able.map(({ family }) => ({ forwarding: recovering, ...bgpFamily(family) }));
  return [{ kind: 'gracefulRestart', restarting: recovering, time: config.gracefulRestartTime, families }];
}

function addPath(config: BgpConfig): BgpCapability[] {
  const families = config.channels
    .filter((channel) => channelOptions(channel).addPath !== 0)
    .map((channel) => ({ mode: channelOptions(channel).addPath, ...bgpFamily(channel.family) }));
  return families.length === 0 ? [] : [{ kind: 'addPath', families }];
}

/** The long-lived kind is answered, not spoken. */
const longLived = (config: BgpConfig): BgpCapability[] =>
  config.longLived === 'off' ? [] : [{ kind: 'longLivedGracefulRestart', families: [] }];

export function makeOpen(config: BgpConfig, context: OpenContext): BgpOpen {
  const announced = config.channels.filter(({ family }) => family === 'ipv6' || config.advertiseIpv4);
  const refresh = config.routeRefresh;
  const as4: BgpCapability[] = config.as4 ? [{ kind: 'fourOctetAs', as: config.localAs }] : [];
  const extended: BgpCapability[] = config.extendedMessages ? [{ kind: 'extendedMessage' }] : [];
  const multiprotocol = announced.map(
    ({ family }): BgpCapability => ({ kind: 'multiprotocol', family: bgpFamily(family) }),
  );
  const order: BgpCapability[] =
    context.dialect === 'bird-1.6'
      ? [
          ...multiprotocol,
          ...(refresh ? [{ kind: 'routeRefresh' } as const] : []),
          ...gracefulRestart(config, context),
          ...as4,
          ...addPath(config),
          ...(refresh ? [{ kind: 'enhancedRouteRefresh' } as const] : []),
          ...extended,
          ...longLived(config),
        ]
      : [
          ...multiprotocol,
          ...(refresh ? [{ kind: 'routeRefresh' } as const] : []),
          ...extended,
          ...gracefulRestart(config, context),
          ...as4,
          ...addPath(config),
          ...(refresh ? [{ kind: 'enhancedRouteRefresh' } as const] : []),
          ...longLived(config),
        ];
  return {
    version: BGP_VERSION,
    as: config.localAs < 0xffff ? config.localAs : AS_TRANS,
    holdTime: config.holdTime,
    identifier: ipv4(context.localId),
    capabilities: context.withoutCapabilities || !config.capabilities ? [] : order,
  };
}

/** What the other end can do. */
export interface PeerCapabilities {
  readonly multiprotocol: readonly BgpFamily[];
  readonly routeRefresh: boolean;
  readonly enhancedRefresh: boolean;
  readonly extendedMessages: boolean;
  readonly as4: number | undefined;
  readonly gracefulAware: boolean;
  readonly gracefulTime: number;
  readonly restarting: boolean;
  readonly gracefulFamilies: readonly (BgpFamily & { readonly forwarding: boolean })[];
  readonly addPath: readonly (BgpFamily & { readonly mode: number })[];
  readonly longLivedAware: boolean;
  /** Anything was said at all. */
  readonly any: boolean;
}

export const NO_CAPABILITIES: PeerCapabilities = {
  multiprotocol: [],
  routeRefresh: false,
  enhancedRefresh: false,
  extendedMessages: false,
  as4: undefined,
  gracefulAware: false,
  gracefulTime: 0,
  restarting: false,
  gracefulFamilies: [],
  addPath: [],
  longLivedAware: false,
  any: false,
};

function withCapability(known: PeerCapabilities, capability: BgpCapability): PeerCapabilities {
  switch (capability.kind) {
    case 'multiprotocol':
      return { ...known, multiprotocol: [...known.multiprotocol, capability.family] };
    case 'routeRefresh':
      return { ...known, routeRefresh: true };
    case 'enhancedRouteRefresh':
      return { ...known, enhancedRefresh: true };
    case 'extendedMessage':
      return { ...known, extendedMessages: true };
    case 'fourOctetAs':
      return { ...known, as4: capability.as };
    case 'gracefulRestart':
      return {
        ...known,
        gracefulAware: true,
        gracefulTime: capability.time,
        restarting: capability.restarting,
        gracefulFamilies: capability.families,
      };
    case 'addPath':
      return { ...known, addPath: capability.families };
    case 'longLivedGracefulRestart':
      return { ...known, longLivedAware: true };
    case 'other':
      return known;
  }
}

export function readCapabilities(open: BgpOpen): PeerCapabilities {
  let known = NO_CAPABILITIES;
  for (const capability of open.capabilities) known = withCapability({ ...known, any: true }, capability);
  // The long-lived kind counts only together with the other.
  return known.gracefulAware ? known : { ...known, longLivedAware: false };
}

export const sameFamily = (a: BgpFamily, b: BgpFamily): boolean => a.afi === b.afi && a.safi === b.safi;

/** Whether the neighbour takes that family: 1.6 does not ask, in 2 silence means IPv4. */
export function peerHasFamily(peer: PeerCapabilities, channel: ChannelConfig, dialect: Dialect): boolean {
  if (dialect === 'bird-1.6') return true;
  if (peer.multiprotocol.length === 0) return channel.family === 'ipv4';
  return peer.multiprotocol.some((family) => sameFamily(family, bgpFamily(channel.family)));
}

/** Whether that family's forwarding state survives the neighbour's restart. */
export const gracefulFamily = (peer: PeerCapabilities, family: Family) =>
  peer.gracefulFamilies.find((each) => sameFamily(each, bgpFamily(family)));

/** Its add-path bits for a family. */
export const peerAddPath = (peer: PeerCapabilities, family: Family): number =>
  peer.addPath.find((each) => sameFamily(each, bgpFamily(family)))?.mode ?? 0;
