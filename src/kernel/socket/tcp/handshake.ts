/** What the two ends agree on: options, scales, first windows (RFC 9293 §3.7.1, RFC 7323, RFC 2018). */

import type { Ipv4Addr, TcpOptions } from '../../../packet/index.js';
import type { RouteResult } from '../../fib/types.js';
import type { SocketNetns } from '../stack.js';

/** net.ipv4.tcp_rmem[1], of which half is window (tcp_win_from_space()), and tcp_rmem[2], which sets the scale. */
export const RECEIVE_WINDOW = 65_536;
const RECEIVE_MAXIMUM = 6_291_456;
/** TCP_MSS_DEFAULT: what a peer takes that does not say (RFC 9293 §3.7.1). */
const MSS_DEFAULT = 536;
/** route.c:ip_rt_min_advmss. */
const MSS_LEAST_ADVERTISED = 256;
const WINDOW_SCALE_MAXIMUM = 14;
const HEADERS = 40;

export interface FirstWindow {
  readonly window: number;
  readonly clamp: number;
  readonly scale: number;
}

/** tcp_output.c:tcp_select_initial_window(): a multiple of the segment size, and the scale of the largest buffer. */
export function firstWindow(space: number, mss: number, scaling: 'scaled' | 'unscaled'): FirstWindow {
  const window = space > mss ? space - (space % mss) : space;
  const largest = Math.max(window, RECEIVE_MAXIMUM);
  const bits = 31 - Math.clz32(largest) - 15;
  const scale = scaling === 'scaled' ? Math.min(Math.max(bits, 0), WINDOW_SCALE_MAXIMUM) : 0;
  return { window, clamp: 65_535 * 2 ** scale, scale };
}

/** route.c:ipv4_default_advmss(). */
export const advertisedMss = (route: RouteResult): number =>
  Math.min(Math.max(route.mtu - HEADERS, MSS_LEAST_ADVERTISED), 65_535 - HEADERS);

/** What a connection has agreed on once both SYNs were seen. */
export interface Negotiated {
  readonly timestamps: boolean;
  readonly sack: boolean;
  readonly scaling: boolean;
  /** Shift of the windows that the peer advertises. */
  readonly sendScale: number;
  /** Largest segment that the peer takes. */
  readonly mss: number;
}

/** What a peer's SYN offers and we want too (tcp_parse_options(), tcp_openreq_init()). */
export function negotiate(netns: SocketNetns, options: TcpOptions): Negotiated {
  const { sysctl } = netns;
  const scaling = options.windowScale !== undefined && sysctl.values['ipv4.tcp_window_scaling'] !== 0;
  const offered = options.mss ?? 0;
  return {
    timestamps: options.timestamps !== undefined && sysctl.values['ipv4.tcp_timestamps'] !== 0,
    sack: options.sackPermitted === true && sysctl.values['ipv4.tcp_sack'] !== 0,
    scaling,
    sendScale: scaling ? Math.min(options.windowScale ?? 0, WINDOW_SCALE_MAXIMUM) : 0,
    mss: offered === 0 ? MSS_DEFAULT : offered,
  };
}

/**
 * Timestamps count milliseconds from an offset that a pair of hosts keeps (secure_seq.c:secure_tcp_ts_off()), so that
 * a later connection of the same pair is seen as later.
 */
export function timestampOffset(secret: number, a: Ipv4Addr, b: Ipv4Addr): number {
  let hash = Math.imul(a ^ secret, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13) ^ b, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
