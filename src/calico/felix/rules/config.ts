/** What the renderer of rules has to know of one address family: Felix' parameters and the encapsulations in use. */

import type { Cause } from '../../../trace/index.js';
import { ipsetName } from '../../names.js';
import type { IpVersion } from '../../cidr.js';
import type { Action } from './rule.js';

/** Bits of the packet mark, each with one meaning. */
export interface Marks {
  readonly accept: number;
  readonly pass: number;
  readonly drop: number;
  readonly scratch0: number;
  readonly scratch1: number;
  readonly endpoint: number;
}

/** Calico takes the mask's bits from the lowest up; what is left identifies endpoints. WireGuard has one where it is on. */
export function allocateMarks(mask: number, withWireguard = false): Marks & { readonly wireguard: number } {
  const bits = Array.from({ length: 32 }, (_, i) => (1 << i) >>> 0).filter((bit) => (mask & bit) !== 0);
  const [accept = 0, pass = 0, drop = 0, scratch0 = 0, scratch1 = 0, ...rest] = bits;
  const wireguard = withWireguard ? (rest.shift() ?? 0) : 0;
  const endpoint = rest.reduce((sum, bit) => (sum | bit) >>> 0, 0);
  return { accept, pass, drop, scratch0, scratch1, wireguard, endpoint };
}

/**
 * felix/dataplane/driver.go, felix/rules/rule_defs.go:validate(): Felix panics as it starts unless there is a bit for each
 * meaning, and one at least for endpoints. Undefined where there are.
 */
export function lacksMarks(mask: number, withWireguard = false): string | undefined {
  if (allocateMarks(mask, withWireguard).endpoint !== 0) return undefined;
  return `IptablesMarkMask 0x${(mask >>> 0).toString(16)} has too few bits`;
}

export interface ProtoPort {
  readonly protocol: string;
  readonly port: number;
  /** Peers that it is for; undefined means all. */
  readonly net?: string;
}

/** An encapsulation that is on. */
export interface Tunnel {
  readonly device: string;
  /** Whether the node has an address for the device: without one, nothing is masqueraded to it. */
  readonly addressed: boolean;
  readonly because: readonly Cause[];
}

/** What the rules know of WireGuard; the devices themselves are not modelled. */
export interface Wireguard {
  readonly mark: number;
  readonly devices: readonly string[];
  /** Where it is on in this address family. */
  readonly on?: { readonly port: number; readonly device: string; readonly because: readonly Cause[] };
  /** Whether it is on in any family, and for what hosts themselves say to one another. */
  readonly encryptsHosts: boolean;
}

/** The address that the metadata service has on the host, and its port. */
export interface OpenStack {
  readonly metadata?: { readonly address: string; readonly port: number };
}

export interface RulesConfig {
  readonly ipVersion: IpVersion;
  readonly workloadInterfacePrefixes: readonly string[];
  readonly marks: Marks;
  readonly filterAllow: Action;
  readonly mangleAllow: Action;
  readonly filterDeny: Action;
  readonly endpointToHost: Action;
  /** What happens to packets for a service address that nobody serves. */
  readonly cidrBlock?: Action;
  readonly vxlan?: Tunnel;
  readonly vxlanPort: number;
  readonly ipip?: Tunnel;
  readonly allowVxlanFromWorkloads: boolean;
  readonly allowIpipFromWorkloads: boolean;
  readonly checkConntrackInvalid: boolean;
  readonly failsafeInbound: readonly ProtoPort[];
  readonly failsafeOutbound: readonly ProtoPort[];
  readonly natOutgoing: {
    readonly address?: string;
    readonly ports?: { readonly min: number; readonly max: number };
    /** Empty: all. */
    readonly outInterface: string;
    readonly excludeHosts: boolean;
  };
  readonly wireguard: Wireguard;
  /** Where Calico serves OpenStack too. */
  readonly openStack?: OpenStack;
  readonly logPrefix: string;
  /** `10/second`; '' for all. */
  readonly logRateLimit: string;
  readonly logRateLimitBurst: number;
  /** Whether each verdict is told to Felix' collector. */
  readonly flowLogs: boolean;
  /** Why Felix programs anything here at all. */
  readonly because: readonly Cause[];
  /** What set a parameter; nothing where it has its built-in default. */
  readonly sourceOf: (parameter: string) => readonly Cause[];
}

/** What the chains of a workload depend on beside the workload itself, as text. */
export const endpointConfigKey = (config: RulesConfig): string =>
  JSON.stringify([
    config.marks,
    config.filterAllow,
    config.filterDeny,
    config.checkConntrackInvalid,
    config.vxlanPort,
    config.allowVxlanFromWorkloads,
    config.allowIpipFromWorkloads,
    config.flowLogs,
  ]);

/** Bits that the chains of a table may leave behind and the next clears. */
export const allMarkBits = ({ accept, pass, scratch0, scratch1 }: Marks): number => accept | pass | scratch0 | scratch1;

export const IPSET_ID = {
  allHosts: 'all-hosts-net',
  allVxlanSources: 'all-vxlan-net',
  thisHost: 'this-host',
  networkPools: 'network-ip-pools',
  masqueradePools: 'masq-ipam-pools',
  dscpSources: 'dscp-src-net',
} as const;

export const setName = (config: RulesConfig, set: keyof typeof IPSET_ID): string =>
  ipsetName(IPSET_ID[set], config.ipVersion);
