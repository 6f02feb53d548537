/**
 * Which speakers live (hashicorp/memberlist state.go, with its DefaultLANConfig): a member that does not answer is
 * suspected, and dead when nobody has heard of it for long enough. Real pings go over the network.
 *
 * Differs: pings are direct, without help of others or TCP, and nothing is gossiped; only members that come before one in
 * an election are asked, by that one.
 */

import { type Netns, NS_PER_MS, NS_PER_S, type Timer, type UdpSocket } from '../../../kernel/index.js';
import { INADDR_ANY, type Ipv4Addr } from '../../../packet/index.js';
import type { Cause } from '../../../trace/index.js';
import { encodeMemberMessage, parseMemberMessage } from './ping.js';

const MEMBER_PORT = 7946;
const PROBE_INTERVAL_NS = NS_PER_S;
const PROBE_TIMEOUT_NS = 500 * NS_PER_MS;
const SUSPICION_MULTIPLIER = 4;

/** util.go:suspicionTimeout(). */
export const suspicionTimeoutNs = (members: number): number =>
  SUSPICION_MULTIPLIER * Math.max(1, Math.log10(Math.max(1, members))) * PROBE_INTERVAL_NS;

/** One speaker's end of the protocol. */
export class Member {
  readonly #socket: UdpSocket;
  readonly #waiting = new Map<number, () => void>();
  #sequence = 0;

  /** @throws KernelError where the port is taken */
  constructor(netns: Netns, { process, because }: { readonly process: string; readonly because: readonly Cause[] }) {
    this.#socket = netns.sockets.listen({
      protocol: 'udp',
      address: INADDR_ANY,
      port: MEMBER_PORT,
      process,
      because,
      onMessage: (bytes, from) => {
        const message = parseMemberMessage(bytes);
        if (message?.type === 'ping') {
          const ack = encodeMemberMessage({ type: 'ack', sequence: message.sequence }, '');
          this.#socket.sendTo(ack, from.source, from.port, { source: from.destination });
        } else if (message?.type === 'ack') {
          this.#waiting.get(message.sequence)?.();
          this.#waiting.delete(message.sequence);
        }
      },
    });
  }

  ping(to: { readonly address: Ipv4Addr; readonly name: string }, answered: () => void): void {
    this.#sequence += 1;
    this.#waiting.set(this.#sequence, answered);
    const ping = encodeMemberMessage({ type: 'ping', sequence: this.#sequence }, to.name);
    this.#socket.sendTo(ping, to.address, MEMBER_PORT);
  }
}

export interface WatchRequest {
  readonly netns: Netns;
  readonly member: Member;
  readonly target: { readonly address: Ipv4Addr; readonly name: string };
  readonly members: number;
  readonly changed: (lives: boolean) => void;
}

/** One member that asks another, each second. */
export class Watch {
  readonly #request: WatchRequest;
  #timers: Timer[] = [];
  #suspectedNs: number | undefined = undefined;
  #lives: boolean;

  constructor(request: WatchRequest, lives: boolean) {
    this.#request = request;
    this.#lives = lives;
  }

  start(): void {
    if (this.#timers.length === 0) this.#probe();
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
  }

  #probe(): void {
    const { netns, member, target } = this.#request;
    const { clock } = netns.emulation;
    let answered = false;
    this.#timers = [
      clock.schedule(PROBE_TIMEOUT_NS, () => {
        if (!answered) this.#silent(clock.nowNs);
      }),
      clock.schedule(PROBE_INTERVAL_NS, () => this.#probe()),
    ];
    netns.emulation.wake(() =>
      member.ping(target, () => {
        answered = true;
        this.#suspectedNs = undefined;
        this.#set(true);
      }),
    );
  }

  #silent(nowNs: number): void {
    this.#suspectedNs ??= nowNs;
    if (nowNs - this.#suspectedNs >= suspicionTimeoutNs(this.#request.members)) this.#set(false);
  }

  #set(lives: boolean): void {
    if (lives === this.#lives) return;
    this.#lives = lives;
    this.#request.changed(lives);
  }
}
