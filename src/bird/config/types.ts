/** A configuration as it was understood: what BIRD's `struct config` and `struct proto_config` hold. Plain data. */

import type { Family, IpAddr, Net } from '../address.js';
import type { Command, FilterChoice } from '../filter/syntax.js';
import type { Dialect } from './keywords.js';
import type { Scope } from './scope.js';
import type { Position } from './source.js';

export interface InterfacePattern {
  readonly positive: boolean;
  readonly pattern: string | undefined;
  readonly prefix: Net | undefined;
}

export type LimitAction = 'warn' | 'block' | 'restart' | 'disable';

export interface RouteLimit {
  readonly limit: number;
  readonly action: LimitAction;
}

/** What connects a protocol to a table. 1.6 has one a protocol, without a name. */
export interface ChannelConfig {
  readonly family: Family;
  readonly table: string;
  readonly importFilter: FilterChoice;
  readonly exportFilter: FilterChoice;
  /** Overrides what the protocol has by nature. */
  readonly preference: number | undefined;
  readonly keepFiltered: boolean;
  readonly receiveLimit: RouteLimit | undefined;
  readonly importLimit: RouteLimit | undefined;
  readonly exportLimit: RouteLimit | undefined;
  readonly bgp: BgpChannelConfig | undefined;
}

export type NextHopRule = 'off' | 'on' | 'ibgp' | 'ebgp';

export interface BgpChannelConfig {
  readonly nextHopSelf: NextHopRule;
  readonly nextHopKeep: NextHopRule;
  /** `next hop address`. */
  readonly nextHopAddress: IpAddr | undefined;
  readonly gateway: 'direct' | 'recursive' | undefined;
  /** `ADD_PATH` bits. */
  readonly addPath: number;
  readonly secondary: boolean;
  readonly mandatory: boolean;
  readonly igpTable: string | undefined;
  readonly gracefulRestart: boolean;
  /** BIRD 2's `cost`: the IGP metric of direct next hops. */
  readonly cost: number;
}

export interface ProtocolBase {
  readonly name: string;
  readonly position: Position;
  readonly disabled: boolean;
  readonly description: string | undefined;
  readonly routerId: number | undefined;
  readonly channels: readonly ChannelConfig[];
}

export interface DeviceConfig extends ProtocolBase {
  readonly kind: 'device';
  /** Seconds; 0 scans once. */
  readonly scanTime: number;
}

/** BFD (RFC 5880), which is read and does nothing. */
export interface BfdConfig extends ProtocolBase {
  readonly kind: 'bfd';
}

export interface DirectConfig extends ProtocolBase {
  readonly kind: 'direct';
  /** Lists of patterns; the first that matches a list decides. No list takes every interface. */
  readonly interfaces: readonly (readonly InterfacePattern[])[];
  readonly checkLink: boolean;
}

export interface KernelConfig extends ProtocolBase {
  readonly kind: 'kernel';
  readonly learn: boolean;
  readonly persist: boolean;
  readonly scanTime: number;
  readonly deviceRoutes: boolean;
  readonly gracefulRestart: boolean;
  /** Next hops that are merged at most; 0 merges none. */
  readonly mergePaths: number;
  readonly kernelTable: number;
  /** 0 takes the route's own. */
  readonly metric: number;
}

export type StaticTarget =
  | { readonly kind: 'via'; readonly gateway: IpAddr; readonly iface: string | undefined; readonly onlink: boolean }
  | { readonly kind: 'device'; readonly iface: string }
  | {
      readonly kind: 'multipath';
      readonly hops: readonly {
        /** Undefined only in BIRD 2, where an interface alone will do. */
        readonly gateway: IpAddr | undefined;
        readonly iface: string | undefined;
        readonly weight: number;
        readonly onlink: boolean;
      }[];
    }
  | { readonly kind: 'recursive'; readonly gateway: IpAddr }
  | { readonly kind: 'blackhole' | 'unreachable' | 'prohibit' };

export interface StaticRoute {
  readonly net: Net;
  readonly target: StaticTarget;
  readonly commands: readonly Command[];
  readonly line: number;
}

export interface StaticConfig extends ProtocolBase {
  readonly kind: 'static';
  readonly routes: readonly StaticRoute[];
  readonly checkLink: boolean;
  readonly igpTable: string | undefined;
}

/** Two channels: of its table, with what it exports, and of the peer table, with what it imports. */
export interface PipeConfig extends ProtocolBase {
  readonly kind: 'pipe';
  /** Of 1.6: in an opaque one routes are its own. */
  readonly mode: 'transparent' | 'opaque';
}

export interface BgpConfig extends ProtocolBase {
  readonly kind: 'bgp';
  readonly localAs: number;
  readonly localAddress: IpAddr | undefined;
  readonly localPort: number;
  readonly remoteAs: number;
  readonly remoteAddress: IpAddr;
  readonly remotePort: number;
  readonly iface: string | undefined;
  readonly strictBind: boolean;
  readonly passive: boolean;
  /** Hops; 0 for directly connected neighbours. */
  readonly multihop: number;
  readonly ttlSecurity: boolean;
  readonly password: string | undefined;
  readonly rrClient: boolean;
  readonly rrClusterId: number | undefined;
  readonly rsClient: boolean;
  readonly holdTime: number;
  readonly startupHoldTime: number;
  /** 0: a third of the hold time. */
  readonly keepaliveTime: number;
  readonly connectDelayTime: number;
  readonly connectRetryTime: number;
  readonly errorWaitMin: number;
  readonly errorWaitMax: number;
  readonly errorForgetTime: number;
  readonly disableAfterError: boolean;
  /** A bit a subcode of Cease. */
  readonly disableAfterCease: number;
  readonly capabilities: boolean;
  readonly routeRefresh: boolean;
  readonly as4: boolean;
  readonly extendedMessages: boolean;
  readonly advertiseIpv4: boolean;
  readonly interpretCommunities: boolean;
  readonly allowLocalPref: boolean;
  readonly allowAsSets: boolean;
  readonly enforceFirstAs: boolean;
  /** How often our AS may be in a path; -1 for any number. */
  readonly allowLocalAs: number;
  readonly defaultLocalPref: number;
  readonly defaultMed: number;
  readonly pathMetric: boolean;
  readonly medMetric: boolean;
  readonly igpMetric: boolean;
  readonly preferOlder: boolean;
  readonly deterministicMed: boolean;
  readonly gracefulRestart: 'off' | 'on' | 'aware';
  readonly gracefulRestartTime: number;
  readonly longLived: 'off' | 'on' | 'aware';
  readonly longLivedStaleTime: number;
  readonly checkLink: boolean;
  /** The protocol with a range of neighbours that it was made by. */
  readonly parent: string | undefined;
}

/** What a session's configuration says whoever the neighbour is: one object for all sessions of a mesh. */
export type SharedBgpConfig = Omit<BgpConfig, 'name' | 'remoteAddress' | 'passive'>;

/** `neighbor range`: whoever of a network calls gets a session of its own. */
export interface BgpRangeConfig extends Omit<BgpConfig, 'kind' | 'remoteAddress'> {
  readonly kind: 'bgp-range';
  readonly range: Net;
  /** What the names of those sessions begin with. */
  readonly dynamicName: string;
  readonly dynamicNameDigits: number;
}

export type ProtocolConfig =
  | DeviceConfig
  | BfdConfig
  | DirectConfig
  | KernelConfig
  | StaticConfig
  | PipeConfig
  | BgpConfig
  | BgpRangeConfig;

export interface TableConfig {
  readonly name: string;
  readonly family: Family;
  readonly sorted: boolean;
}

export interface BirdConfig {
  readonly dialect: Dialect;
  /** Of 1.6; BIRD 2 has both. */
  readonly family: Family;
  readonly file: string;
  readonly routerId: number | undefined;
  readonly routerIdFrom: readonly InterfacePattern[] | undefined;
  readonly listenBgpAddress: IpAddr | undefined;
  readonly listenBgpPort: number;
  readonly gracefulRestartWait: number;
  readonly tables: readonly TableConfig[];
  readonly protocols: readonly ProtocolConfig[];
  /** Names, for commands and for text that goes on with this configuration. */
  readonly scope: Scope;
  /** Names by number that were given: `static1`. */
  readonly protocolCounters: ReadonlyMap<string, number>;
}

/** What BIRD would take and podwire does not act on: reported where it is loaded. */
export interface ConfigFinding extends Position {
  readonly message: string;
}
