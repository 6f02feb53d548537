/** What the iptables proxier of a node and family is set to: its configuration and what it found out about the host. */

import type { IpAddress } from '../../kubernetes/index.js';
import type { ProxyNode } from '../categories/categorize.js';
import type { Features } from '../config/features.js';
import type { LocalDetector } from '../config/local-detector.js';
import type { NodePortAddresses } from '../config/node-port-addresses.js';
import type { IpFamily } from '../family.js';

export interface IptablesSettings {
  readonly family: IpFamily;
  readonly node: ProxyNode;
  /** The node's own address of the family. */
  readonly nodeIp: IpAddress | undefined;
  readonly features: Features;
  /** As it is written in rules: `0x00004000`. */
  readonly masqueradeMark: string;
  readonly masqueradeAll: boolean;
  readonly localDetector: LocalDetector | undefined;
  readonly nodePortAddresses: NodePortAddresses;
  /** Asked for, IPv4, and not ruled out by the addresses. */
  readonly localhostNodePorts: boolean;
  /** Packets outside of TCP windows are let through: nothing is INVALID then. */
  readonly conntrackTcpBeLiberal: boolean;
  /** Names of the counters that could be made. */
  readonly counters: ReadonlySet<string>;
  /** `--random-fully` is known to the tools. */
  readonly randomFully: boolean;
}

/** Drops of KUBE-FORWARD are counted under this name. */
export const INVALID_COUNTER = 'ct_state_invalid_dropped_pkts';
/** Node ports at 127.0.0.1 are counted under this one. */
export const LOCALHOST_COUNTER = 'localhost_nps_accepted_pkts';

/** `%#08x` of the bit: two characters and eight digits. */
export const formatMark = (bit: number): string => `0x${((1 << bit) >>> 0).toString(16).padStart(8, '0')}`;
