/** How a name was turned into an address before anything was sent to it: the questions, and the packets that carried them. */

import type { Ipv4Addr } from '../packet/index.js';
import type { TracePacket } from './connection.js';

export interface NameQuery {
  readonly name: string;
  readonly type: string;
  readonly server: Ipv4Addr;
  readonly protocol: 'udp' | 'tcp';
  readonly atNs: number;
  /** `10.96.0.20`, `NXDOMAIN`, `no data`, `no answer`. */
  readonly result: string;
}

export interface NameResolution {
  /** As a program gave it to its resolver. */
  readonly name: string;
  /** Undefined where it led to none. */
  readonly address: Ipv4Addr | undefined;
  /** In /etc/hosts, without a question. */
  readonly fromFile: boolean;
  readonly queries: readonly NameQuery[];
  readonly packets: readonly TracePacket[];
}
