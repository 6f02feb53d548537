/**
 * What Felix wants of one host's kernel, as plain data. Nothing here has been applied: `dataplane/` brings
 * it together with what others have programmed.
 */

import type { Mac } from '../../packet/index.js';
import type { Cause, TableName } from '../../trace/index.js';
import type { Address, Cidr } from '../cidr.js';
import type { ChainText, RuleText } from './rules/iptables-text.js';

/** The tables that Felix writes. */
export type CalicoTableName = Exclude<TableName, 'security'>;

export interface KernelChainRules {
  /** `FORWARD`. */
  readonly chain: string;
  /** Before everybody else's, unless ChainInsertMode says after. */
  readonly inserts: readonly RuleText[];
  /** After everybody else's. */
  readonly appends: readonly RuleText[];
}

export interface FelixTable {
  /** Programmed chains, sorted by name. */
  readonly chains: readonly ChainText[];
  /** Rendered, but nothing jumps there, so they are not programmed. */
  readonly unreferenced: readonly ChainText[];
  readonly kernelChains: readonly KernelChainRules[];
}

export interface FelixIpset {
  readonly name: string;
  readonly id: string;
  readonly type: 'hash:net' | 'hash:ip' | 'hash:ip,port';
  readonly version: 4 | 6;
  readonly maxSize: number;
  /** Sorted. */
  readonly members: readonly string[];
  readonly because: readonly Cause[];
}

/**
 * Whose a route is, strongest first: of several routes for one destination and metric the first class wins;
 * felix/routetable/defs.go:RouteClass.
 */
export const ROUTE_CLASSES = [
  'local-workload',
  'vxlan-same-subnet',
  'vxlan-tunnel',
  'ipip-same-subnet',
  'ipip-tunnel',
  'no-encap',
  'block-drop',
] as const;
export type RouteClass = (typeof ROUTE_CLASSES)[number];

export interface FelixRoute {
  readonly class: RouteClass;
  readonly type: 'unicast' | 'blackhole';
  readonly destination: Cidr;
  readonly dev?: string;
  readonly via?: Address;
  readonly onlink: boolean;
  readonly scope: 'link' | 'global';
  /** 0 where none is set. */
  readonly metric: number;
  /** As in /etc/iproute2/rt_protos. */
  readonly protocol: number;
  readonly mtu?: number;
  readonly source?: Address;
  readonly because: readonly Cause[];
}

/** Another node's end of the VXLAN: a permanent neighbour entry and a permanent forwarding entry. */
export interface Vtep {
  readonly node: string;
  readonly tunnelAddress: Address;
  readonly hostAddress: Address;
  readonly mac: Mac;
  readonly because: readonly Cause[];
}

export interface VxlanDevice {
  readonly name: string;
  readonly vni: number;
  readonly port: number;
  readonly mac: Mac;
  readonly mtu: number;
  /** The only address on the device, as a single address. */
  readonly address: Address;
  readonly local: Address;
  /** The interface that has `local`. */
  readonly parent: string;
  readonly vteps: readonly Vtep[];
  readonly because: readonly Cause[];
}

export interface IpipDevice {
  readonly name: 'tunl0';
  readonly mtu: number;
  /** The only address on the device. */
  readonly address: Address;
  readonly because: readonly Cause[];
}

export interface FelixSysctl {
  /** `net.ipv4.conf.cali….proxy_arp`. */
  readonly path: string;
  readonly value: string;
  readonly because: readonly Cause[];
}

export interface Mtus {
  /** Smallest of the host's uplinks. */
  readonly host: number;
  readonly ipip: number;
  readonly vxlan: number;
  readonly vxlanV6: number;
  /** What the CNI plugin gives new pods: /var/lib/calico/mtu. */
  readonly pod: number;
}

/** What Felix makes of the host's links before all else: what it computes depends on the interfaces that are there. */
export interface FelixDevices {
  readonly vxlan?: VxlanDevice;
  readonly ipip?: IpipDevice;
  /** Without a tunnel device: whether addresses from before are cleaned up, as they are where pools alone decide. */
  readonly ipipUnused: 'unused' | 'left alone';
  readonly mtu: Mtus;
}

export interface FelixState extends FelixDevices {
  readonly node: string;
  readonly tables: Readonly<Record<CalicoTableName, FelixTable>>;
  readonly insertMode: 'insert' | 'append';
  readonly ipsets: readonly FelixIpset[];
  readonly routes: readonly FelixRoute[];
  readonly sysctls: readonly FelixSysctl[];
  readonly files: Readonly<Record<string, string>>;
}
