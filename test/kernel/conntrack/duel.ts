/** Both gateways side by side: the same packets through each, and what differs, in words. */

import type { CtInfo } from '../../../src/kernel/conntrack/index.js';
import { Ipv4, toHex, viewOf } from '../../../src/packet/index.js';
import { Gateway, type NatRules } from './gateway.js';
import { flowOf } from './packets.js';
import { RealGateway, type Sent } from './real-gateway.js';

/** The real gateway writes what it thinks of a packet into its DSCP, where the far end reads it. */
const STATE_DSCP = { new: 1, established: 2, related: 3, invalid: 4, untracked: 5 } as const;

const STATE_RULES = Object.entries(STATE_DSCP).map(
  ([state, dscp]) => `-t mangle -A FORWARD -m conntrack --ctstate ${state.toUpperCase()} -j DSCP --set-dscp ${dscp}`,
);

const stateName = (info: CtInfo): keyof typeof STATE_DSCP => {
  if (info === 'established-reply') return 'established';
  return info === 'related-reply' ? 'related' : info;
};

const identification = (bytes: Uint8Array): number => new Ipv4(viewOf(bytes), 0).identification;

const describe = (bytes: Uint8Array | undefined): string => {
  if (bytes === undefined) return 'nothing';
  const dscp = (bytes[1] ?? 0) >>> 2;
  const state = Object.entries(STATE_DSCP).find(([, value]) => value === dscp)?.[0] ?? 'no state';
  return `${state}, ${flowOf(bytes)}, ${toHex(bytes)}`;
};

/** `tcp 6 119 SYN_SENT src=…` without its timeout, and the timeout. */
function splitTimeout(line: string): { readonly rest: string; readonly timeout: number } {
  const match = /^(\S+ +\d+) (\d+) (.*)$/.exec(line);
  return { rest: `${match?.[1]} ${match?.[3]}`, timeout: Number(match?.[2]) };
}

/** Seconds between a packet in the one and in the other, and the rounding of both. */
const TOLERANCE_S = 2;

export class Duel {
  readonly virtual: Gateway;
  readonly real: RealGateway;
  /** What the real one let out in the last exchange. */
  received: readonly Sent[] = [];
  /** Packets that were sent so far. */
  #packets = 0;
  /** When the clock on the wall was looked at last. */
  #wallMs = performance.now();

  constructor(options: { readonly rules?: readonly string[]; readonly nat?: NatRules } = {}) {
    this.virtual = new Gateway(options.nat);
    this.real = new RealGateway([...STATE_RULES, ...(options.rules ?? [])]);
  }

  sysctl(key: Parameters<Gateway['set']>[0], value: number): void {
    this.virtual.set(key, value);
    this.real.sysctl(`net.${key}`, value);
  }

  /** Sends every packet through both, and says what came out differently. */
  exchange(packets: readonly Sent[]): string[] {
    for (const { bytes } of packets) {
      const header = new Ipv4(viewOf(bytes), 0);
      header.identification = ++this.#packets & 0xffff;
      header.fillChecksum();
    }
    this.received = this.real.exchange(packets);
    const byId = new Map(this.received.map(({ bytes }) => [identification(bytes), bytes]));
    const differences: string[] = [];
    this.#catchUp();
    for (const { bytes } of packets) {
      const { verdict, state, skb } = this.virtual.forward(bytes);
      skb.ipv4.rewriteTos(STATE_DSCP[stateName(state)] << 2);
      const ours = verdict === 'accept' ? skb.toBytes() : undefined;
      const theirs = byId.get(identification(bytes));
      if (describe(ours) !== describe(theirs)) {
        differences.push(
          `${flowOf(bytes)} ${toHex(bytes)}\n  real    ${describe(theirs)}\n  podwire ${describe(ours)}`,
        );
      }
    }
    return differences;
  }

  /** What differs between the two lists of connections. */
  compareLists(): string[] {
    this.#catchUp();
    const real = new Map(this.real.list().map((line) => [splitTimeout(line).rest, splitTimeout(line).timeout]));
    const ours = new Map(this.virtual.list().map((line) => [splitTimeout(line).rest, splitTimeout(line).timeout]));
    const differences: string[] = [];
    for (const [rest, timeout] of real) {
      const mine = ours.get(rest);
      if (mine === undefined) {
        if (timeout > TOLERANCE_S) differences.push(`only real:    ${timeout} ${rest}`);
      } else if (Math.abs(timeout - mine) > TOLERANCE_S) {
        differences.push(`timeout real ${timeout}, podwire ${mine}: ${rest}`);
      }
    }
    for (const [rest, timeout] of ours) {
      if (!real.has(rest) && timeout > TOLERANCE_S) differences.push(`only podwire: ${timeout} ${rest}`);
    }
    return differences;
  }

  /** Virtual time follows real time, so that timeouts run down alike. */
  #catchUp(): void {
    const nowMs = performance.now();
    this.virtual.advance((nowMs - this.#wallMs) / 1000);
    this.#wallMs = nowMs;
  }

  close(): void {
    this.real.close();
  }
}
