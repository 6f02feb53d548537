/**
 * The narrow waist: what is *programmed* on a host, as plain data. The control plane produces it, the
 * virtual kernel executes it, the tools print it, `export` carries it to a real machine. What the kernel
 * makes of it while it runs (conntrack, learned neighbours, counters) is not in here.
 */

import type { Ipv4Addr, Ipv4Prefix, Mac } from '../packet/index.js';
import type { Cause, RouteType, TableName } from '../trace/index.js';
import type { TokenBucketState } from './qdisc/token-bucket.js';

export type LinkKind = 'loopback' | 'veth' | 'ethernet' | 'bridge' | 'vxlan' | 'dummy' | 'ipip';
export type Scope = 'global' | 'site' | 'link' | 'host' | 'nowhere';

/** /etc/iproute2/rt_protos, as far as anything here writes them; others by number. */
export const RT_PROTOCOL = {
  unspec: 0,
  redirect: 1,
  kernel: 2,
  boot: 3,
  static: 4,
  bird: 12,
  dhcp: 16,
  felix: 80,
} as const;
/** /etc/iproute2/rt_tables. */
export const RT_TABLE = { default: 253, main: 254, local: 255 } as const;

export interface VxlanState {
  readonly vni: number;
  /** Tunnel source address; 0.0.0.0 lets routing choose. */
  readonly local: Ipv4Addr;
  /** Unicast or multicast address that unknown destinations go to; undefined drops them. */
  readonly group?: Ipv4Addr;
  readonly port: number;
  readonly learning: boolean;
  /** Lower device by name. */
  readonly dev?: string;
  /** 0 inherits nothing: the stack's default TTL. */
  readonly ttl?: number;
}

export interface IpipState {
  /** 0.0.0.0: any. */
  readonly local: Ipv4Addr;
  /** 0.0.0.0: any; packets go to the gateway of their route. */
  readonly remote: Ipv4Addr;
  /** 0 inherits the inner packet's. */
  readonly ttl: number;
  /** 1 inherits the inner packet's. */
  readonly tos: number;
  /** Outer packets are not to be cut; without it only those are not whose inner packet is not. */
  readonly pmtudisc: boolean;
  /** The device that outer packets leave by, by name. */
  readonly dev?: string;
  /** Mark by which the outer packet is routed. */
  readonly fwmark: number;
  /** `any` also takes MPLS, where that is there. */
  readonly mode: 'ipip' | 'any';
  /** The device that the module brings into every namespace. */
  readonly fallback: boolean;
}

export interface BridgePortState {
  readonly hairpin: boolean;
  readonly learning: boolean;
  readonly flood: boolean;
  readonly isolated: boolean;
}

/** A cable between an interface and a switch of the physical network. */
export interface CableState {
  readonly switch: string;
  /** One way, nanoseconds. */
  readonly delayNs: number;
  /** Chance from 0 to 1 that a frame is lost. */
  readonly loss: number;
  /** Longest IP packet that it carries; 0 for no limit of its own. */
  readonly mtu: number;
}

export interface BridgeVlanState {
  readonly vlan: number;
  readonly pvid: boolean;
  readonly untagged: boolean;
}

export interface LinkState {
  readonly ifindex: number;
  readonly name: string;
  readonly kind: LinkKind;
  readonly mac: Mac;
  readonly mtu: number;
  readonly up: boolean;
  readonly txqlen: number;
  /** Bridge that this device is a port of, by name. */
  readonly master?: string;
  readonly bridgePort?: BridgePortState;
  /** Of a bridge that filters by VLAN, and of its ports. */
  readonly vlans?: readonly BridgeVlanState[];
  readonly vlanFiltering?: true;
  readonly promisc?: true;
  readonly allmulti?: true;
  /** Other end of a veth. */
  readonly peer?: { readonly netns: string; readonly name: string };
  /** What an ethernet device is plugged into. */
  readonly cable?: CableState;
  /** A token bucket on the way out. */
  readonly qdisc?: TokenBucketState;
  readonly vxlan?: VxlanState;
  readonly ipip?: IpipState;
  readonly because: readonly Cause[];
}

export interface AddressState {
  readonly dev: string;
  readonly address: Ipv4Addr;
  readonly prefixLength: number;
  readonly peer?: Ipv4Addr;
  readonly broadcast?: Ipv4Addr;
  readonly scope: Scope;
  readonly secondary: boolean;
  readonly label: string;
  /** IFA_F_NOPREFIXROUTE: no connected route. */
  readonly noPrefixRoute: boolean;
  readonly because: readonly Cause[];
}

export interface NextHopState {
  readonly dev?: string;
  readonly via?: Ipv4Addr;
  readonly onlink: boolean;
  /** 1 to 256. */
  readonly weight: number;
}

export interface RouteState {
  readonly table: number;
  readonly type: RouteType;
  readonly destination: Ipv4Prefix;
  readonly tos: number;
  readonly metric: number;
  readonly scope: Scope;
  readonly protocol: number;
  readonly prefSrc?: Ipv4Addr;
  readonly mtu?: number;
  readonly nextHops: readonly NextHopState[];
  readonly because: readonly Cause[];
}

export interface RuleState {
  readonly priority: number;
  readonly not: boolean;
  readonly from?: Ipv4Prefix;
  readonly to?: Ipv4Prefix;
  readonly tos?: number;
  readonly iif?: string;
  readonly oif?: string;
  readonly fwmark?: { readonly value: number; readonly mask: number };
  readonly ipProtocol?: number;
  readonly sourcePorts?: { readonly first: number; readonly last: number };
  readonly destinationPorts?: { readonly first: number; readonly last: number };
  readonly action: 'lookup' | 'blackhole' | 'unreachable' | 'prohibit' | 'goto' | 'nop';
  readonly table?: number;
  readonly goto?: number;
  readonly suppressPrefixLength?: number;
  readonly protocol: number;
  readonly because: readonly Cause[];
}

export interface NeighbourEntryState {
  readonly dev: string;
  readonly address: Ipv4Addr;
  /** Undefined for a proxy entry. */
  readonly mac?: Mac;
  readonly state: 'permanent' | 'noarp' | 'reachable' | 'stale';
  readonly proxy: boolean;
  readonly because: readonly Cause[];
}

export interface FdbEntryState {
  readonly dev: string;
  readonly mac: Mac;
  /** `self`: the device's own table (vxlan). `master`: the bridge's. */
  readonly where: 'self' | 'master';
  readonly remote?: Ipv4Addr;
  readonly permanent: boolean;
  readonly because: readonly Cause[];
}

export interface IpsetState {
  readonly name: string;
  /** `hash:ip`, `bitmap:port`… */
  readonly type: string;
  /** The options of `ipset create` after the type, as printed. */
  readonly options: string;
  /** Members as `ipset save` prints them. */
  readonly members: readonly string[];
  readonly because: readonly Cause[];
}

export interface RuleTextState {
  /** The rule as appended: `-d 10.0.0.1/32 -j ACCEPT`, without `-A chain`. */
  readonly text: string;
  readonly because: readonly Cause[];
}

export interface ChainState {
  readonly name: string;
  /** Built-in chains only. */
  readonly policy?: 'ACCEPT' | 'DROP';
  /** Of built-in chains: packets that reach the policy are counted, as they are once somebody has declared it. */
  readonly counting?: boolean;
  readonly rules: readonly RuleTextState[];
}

export interface IptablesTableState {
  readonly name: TableName;
  readonly chains: readonly ChainState[];
}

/** A port that something listens on, and why. */
export interface ListenerState {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly address: Ipv4Addr;
  readonly port: number;
  readonly process: string;
  readonly because: readonly Cause[];
}

export interface NetnsState {
  /** `''` for the host's own namespace, else the name under /run/netns. */
  readonly name: string;
  readonly links: readonly LinkState[];
  readonly addresses: readonly AddressState[];
  readonly routes: readonly RouteState[];
  readonly rules: readonly RuleState[];
  readonly neighbours: readonly NeighbourEntryState[];
  readonly fdb: readonly FdbEntryState[];
  /** Only those that differ from a fresh namespace, in an order in which they can be set. */
  readonly sysctls: Readonly<Record<string, string>>;
  readonly ipsets: readonly IpsetState[];
  readonly iptables: readonly IptablesTableState[];
  readonly listeners: readonly ListenerState[];
}

export interface HostState {
  readonly name: string;
  /** The first is the host's own namespace. */
  readonly netns: readonly NetnsState[];
  /** Path to content. */
  readonly files: Readonly<Record<string, string>>;
}
