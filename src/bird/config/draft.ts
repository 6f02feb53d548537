/** Protocols in the making: what a template hands on, and what options change. */

import type { Family, Net } from '../address.js';
import type { FilterChoice } from '../filter/syntax.js';
import type { Position } from './source.js';
import type {
  BfdConfig,
  BgpChannelConfig,
  BgpConfig,
  ChannelConfig,
  DeviceConfig,
  DirectConfig,
  KernelConfig,
  PipeConfig,
  ProtocolBase,
  StaticConfig,
  TableConfig,
} from './types.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export type BgpChannelDraft = Mutable<BgpChannelConfig>;

export type ChannelDraft = Mutable<Omit<ChannelConfig, 'bgp'>> & {
  bgp: BgpChannelDraft | undefined;
  importSet: boolean;
  exportSet: boolean;
};

type BaseDraft = Mutable<Omit<ProtocolBase, 'channels'>> & { channels: ChannelDraft[] };
type DraftOf<T extends ProtocolBase> = Mutable<Omit<T, keyof ProtocolBase>> & BaseDraft;

export type DeviceDraft = DraftOf<DeviceConfig>;
export type BfdDraft = DraftOf<BfdConfig>;
export type DirectDraft = DraftOf<DirectConfig>;
export type KernelDraft = DraftOf<KernelConfig>;
export type StaticDraft = DraftOf<StaticConfig>;
/** With the one channel that its options speak of. */
export type PipeDraft = DraftOf<PipeConfig> & { peerTable: TableConfig | undefined };
/** What has a default that depends on other options is undefined until it is said. */
export type BgpDraft = Omit<DraftOf<BgpConfig>, 'remoteAddress' | 'multihop' | 'longLived'> & {
  remoteAddress: BgpConfig['remoteAddress'] | undefined;
  multihop: number | undefined;
  longLived: BgpConfig['longLived'] | undefined;
  peerType: 'internal' | 'external' | undefined;
  range: Net | undefined;
  dynamicName: string;
  dynamicNameDigits: number;
};

export type ProtocolDraft = DeviceDraft | BfdDraft | DirectDraft | KernelDraft | StaticDraft | PipeDraft | BgpDraft;

export interface DraftContext {
  readonly position: Position;
  /** The one channel that a protocol of 1.6 has; of BIRD 2 none until it is said. */
  readonly channels: ChannelDraft[];
}

/** Imports all, exports none: what every channel does unless told (proto_config_new(), channel_config_new()). */
export const newChannel = (family: Family, table: string): ChannelDraft => ({
  family,
  table,
  importFilter: 'all' satisfies FilterChoice,
  exportFilter: 'none' satisfies FilterChoice,
  preference: undefined,
  keepFiltered: false,
  receiveLimit: undefined,
  importLimit: undefined,
  exportLimit: undefined,
  bgp: undefined,
  importSet: false,
  exportSet: false,
});

export const newBgpChannel = (): BgpChannelDraft => ({
  nextHopSelf: 'off',
  nextHopKeep: 'off',
  nextHopAddress: undefined,
  gateway: undefined,
  addPath: 0,
  secondary: false,
  mandatory: false,
  igpTable: undefined,
  gracefulRestart: true,
  cost: 0,
});

const base = ({ position, channels }: DraftContext): BaseDraft => ({
  name: '',
  position,
  disabled: false,
  description: undefined,
  routerId: undefined,
  channels,
});

export const newDevice = (context: DraftContext): DeviceDraft => ({ kind: 'device', ...base(context), scanTime: 60 });

export const newBfd = (context: DraftContext): BfdDraft => ({ kind: 'bfd', ...base(context) });

export const newDirect = (context: DraftContext): DirectDraft => ({
  kind: 'direct',
  ...base(context),
  interfaces: [],
  checkLink: false,
});

/** RT_TABLE_MAIN. */
const KERNEL_TABLE_MAIN = 254;

export const newKernel = (context: DraftContext, metric: number): KernelDraft => ({
  kind: 'kernel',
  ...base(context),
  learn: false,
  persist: false,
  scanTime: 60,
  deviceRoutes: false,
  gracefulRestart: false,
  mergePaths: 0,
  kernelTable: KERNEL_TABLE_MAIN,
  metric,
});

export const newStatic = (context: DraftContext): StaticDraft => ({
  kind: 'static',
  ...base(context),
  routes: [],
  checkLink: false,
  igpTable: undefined,
});

/** A pipe of BIRD 2 has no table until it is said. */
export const NO_TABLE = '';

export const newPipe = (context: DraftContext): PipeDraft => ({
  kind: 'pipe',
  ...base(context),
  mode: 'transparent',
  peerTable: undefined,
});

/** The defaults of proto/bgp/config.Y: bgp_proto_start. */
export const newBgp = (context: DraftContext): BgpDraft => ({
  kind: 'bgp',
  ...base(context),
  localAs: 0,
  localAddress: undefined,
  localPort: 179,
  remoteAs: 0,
  remoteAddress: undefined,
  remotePort: 179,
  peerType: undefined,
  iface: undefined,
  strictBind: false,
  passive: false,
  multihop: undefined,
  ttlSecurity: false,
  password: undefined,
  rrClient: false,
  rrClusterId: undefined,
  rsClient: false,
  holdTime: 240,
  startupHoldTime: 240,
  keepaliveTime: 0,
  connectDelayTime: 5,
  connectRetryTime: 120,
  errorWaitMin: 60,
  errorWaitMax: 300,
  errorForgetTime: 300,
  disableAfterError: false,
  disableAfterCease: 0,
  capabilities: true,
  routeRefresh: true,
  as4: true,
  extendedMessages: false,
  advertiseIpv4: true,
  interpretCommunities: true,
  allowLocalPref: false,
  allowAsSets: true,
  enforceFirstAs: false,
  allowLocalAs: 0,
  defaultLocalPref: 100,
  defaultMed: 0,
  pathMetric: true,
  medMetric: false,
  igpMetric: true,
  preferOlder: false,
  deterministicMed: false,
  gracefulRestart: 'aware',
  gracefulRestartTime: 120,
  longLived: undefined,
  longLivedStaleTime: 3600,
  checkLink: false,
  parent: undefined,
  range: undefined,
  dynamicName: 'dynbgp',
  dynamicNameDigits: 0,
});

const copyChannel = (channel: ChannelDraft): ChannelDraft => ({
  ...channel,
  bgp: channel.bgp === undefined ? undefined : { ...channel.bgp },
});

/** proto_copy_config(): everything but the name and the place. */
export function copyDraft(into: ProtocolDraft, from: ProtocolDraft): void {
  const { name, position } = into;
  Object.assign(into, from, { name, position, channels: from.channels.map(copyChannel) });
  if (into.kind === 'static') into.routes = [...into.routes];
  if (into.kind === 'direct') into.interfaces = [...into.interfaces];
}
