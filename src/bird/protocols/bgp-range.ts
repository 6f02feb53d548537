/**
 * `neighbor range` (BIRD 2): a protocol that has no session itself. Who calls from one of its addresses gets a protocol
 * of his own, made like it (proto/bgp/bgp.c: bgp_spawn()), which stays until the range is gone.
 */

import type { TcpSocket } from '../../kernel/index.js';
import { type IpAddr, ipEquals, netContainsIp } from '../address.js';
import { type BgpListeners, listenAt } from '../bgp/listeners.js';
import { sameSession } from '../bgp/same-session.js';
import type { BgpConfig, BgpRangeConfig, ProtocolConfig } from '../config/types.js';
import type { Router } from '../router.js';
import { Protocol, type ProtocolState } from './protocol.js';

/** The session of one neighbour. */
export function sessionOfRange(
  config: BgpRangeConfig,
  { name, remoteAddress }: Pick<BgpConfig, 'name' | 'remoteAddress'>,
): BgpConfig {
  const { range: _range, dynamicName: _name, dynamicNameDigits: _digits, ...like } = config;
  return { ...like, kind: 'bgp', name, remoteAddress, parent: config.name };
}

/** `dynbgp7`, with zeros before it where digits are asked for. */
export const nameInRange = ({ dynamicName, dynamicNameDigits }: BgpRangeConfig, count: number): string =>
  `${dynamicName}${String(count).padStart(dynamicNameDigits, '0')}`;

export interface RangeContext {
  readonly listeners: BgpListeners;
  readonly isNameTaken: (name: string) => boolean;
  /** Starts a protocol, which has the connection that it was made for. */
  readonly spawn: (config: BgpConfig, socket: TcpSocket) => void;
}

export class BgpRangeProtocol extends Protocol {
  override config: BgpRangeConfig;
  readonly #context: RangeContext;
  #release: (() => void) | undefined = undefined;
  #counter = 0;

  constructor(router: Router, config: BgpRangeConfig, context: RangeContext) {
    super(router, config);
    this.config = config;
    this.#context = context;
  }

  /** It waits for ever. */
  override get info(): string {
    return this.state === 'start' ? 'Passive'.padEnd(14) : '';
  }

  protected begin(): ProtocolState {
    const { range: net, password } = this.config;
    const from = { kind: 'range', net, password } as const;
    const at = listenAt(this.router.config, this.config);
    this.#release = this.#context.listeners.acquire(at, from, (socket) => this.#accept(socket));
    if (this.#release !== undefined) return 'start';
    this.disabled = true;
    return 'down';
  }

  protected end(): ProtocolState {
    this.#release?.();
    this.#release = undefined;
    return 'down';
  }

  #accept(socket: TcpSocket): boolean {
    const { range, localAddress } = this.config;
    const { remoteAddress } = socket;
    if (!netContainsIp(range, remoteAddress)) return false;
    if (localAddress !== undefined && !ipEquals(localAddress, socket.localAddress)) return false;
    this.#context.spawn(this.#sessionWith(remoteAddress), socket);
    return true;
  }

  #sessionWith(remoteAddress: IpAddr): BgpConfig {
    let name: string;
    do name = nameInRange(this.config, (this.#counter += 1));
    while (this.#context.isNameTaken(name));
    return sessionOfRange(this.config, { name, remoteAddress });
  }

  reconfigure(config: ProtocolConfig): boolean {
    if (config.kind !== 'bgp-range' || !sameSession(this.config, config)) return false;
    this.config = config;
    this.#counter = 0;
    return true;
  }
}
