/** What export and import must know of a session, whether its messages really fly or not. */

import type { IpAddr } from '../address.js';
import type { BgpChannelConfig, SharedBgpConfig } from '../config/types.js';
import type { Dialect } from '../config/keywords.js';
import type { BgpDecisionOptions, BgpOrigin, RouteOrigin } from '../rib/route.js';

export interface BgpSession {
  readonly name: string;
  readonly dialect: Dialect;
  readonly config: SharedBgpConfig;
  readonly remoteAddress: IpAddr;
  readonly isInternal: boolean;
  /** The neighbour's AS: as configured, or as its OPEN said where any external one will do. */
  readonly remoteAs: number;
  readonly localId: number;
  /** 0 where we are no reflector for that neighbour. */
  readonly rrClusterId: number;
  /** The address that we speak from. */
  readonly sourceAddress: IpAddr | undefined;
  /** Interface of a directly connected neighbour. */
  readonly neighborIface: string | undefined;
  readonly peerLlgrAware: boolean;
  /** What routes of that session come from. */
  readonly origin: RouteOrigin;
}

/** Whether a neighbour of that AS is who we want: zero stands for any AS but ours (`neighbor … external`). */
export const acceptsAs = ({ localAs, remoteAs }: SharedBgpConfig, as: number): boolean =>
  remoteAs === 0 ? as !== localAs : as === remoteAs;

export const isInternal = ({ localAs, remoteAs }: SharedBgpConfig): boolean => localAs === remoteAs;

const DECISION_OPTIONS = new WeakMap<SharedBgpConfig, BgpDecisionOptions>();

/** One object for all sessions of a configuration. */
function decisionOptions(config: SharedBgpConfig): BgpDecisionOptions {
  const known = DECISION_OPTIONS.get(config);
  if (known !== undefined) return known;
  const options: BgpDecisionOptions = {
    defaultLocalPref: config.defaultLocalPref,
    defaultMed: config.defaultMed,
    comparePathLengths: config.pathMetric,
    medMetric: config.medMetric,
    igpMetric: config.igpMetric,
    preferOlder: config.preferOlder,
    deterministicMed: config.deterministicMed,
  };
  DECISION_OPTIONS.set(config, options);
  return options;
}

/** The origin of routes that come by a session, for the decision process. */
export function bgpOrigin(
  config: SharedBgpConfig,
  of: { readonly name: string } & Pick<
    BgpOrigin,
    'dialect' | 'remoteAs' | 'remoteId' | 'remoteAddress' | 'rrClusterId' | 'neighborIface'
  >,
): RouteOrigin {
  const bgp: BgpOrigin = {
    dialect: of.dialect,
    remoteAs: of.remoteAs,
    localAs: config.localAs,
    isInternal: isInternal(config),
    remoteId: of.remoteId,
    remoteAddress: of.remoteAddress,
    rrClient: config.rrClient,
    rrClusterId: of.rrClusterId,
    neighborIface: of.neighborIface,
    options: decisionOptions(config),
  };
  return { name: of.name, kind: 'bgp', bgp };
}

/** rr_cluster_id: given, else our own router id; only towards clients. */
export const clusterIdOf = (config: SharedBgpConfig, localId: number): number =>
  config.rrClient ? (config.rrClusterId ?? localId) >>> 0 : 0;

const DEFAULT_CHANNEL: BgpChannelConfig = {
  nextHopSelf: 'off',
  nextHopKeep: 'off',
  nextHopAddress: undefined,
  gateway: 'recursive',
  addPath: 0,
  secondary: false,
  mandatory: false,
  igpTable: undefined,
  gracefulRestart: true,
  cost: 0,
};

export const channelOptions = (channel: { readonly bgp: BgpChannelConfig | undefined }): BgpChannelConfig =>
  channel.bgp ?? DEFAULT_CHANNEL;
