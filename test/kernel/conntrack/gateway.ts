/** A host that forwards, tracks and translates, and does nothing else: conntrack and NAT without a network stack. */

import { Conntrack, type ConntrackContext, type CtInfo, type NatRange } from '../../../src/kernel/conntrack/index.js';
import { NS_PER_S } from '../../../src/kernel/clock.js';
import { Emulation } from '../../../src/kernel/emulation.js';
import type { NfVerdict } from '../../../src/kernel/netfilter/hook.js';
import type { Skb } from '../../../src/kernel/skb.js';
import { type NetnsSysctl, Sysctls } from '../../../src/kernel/sysctl.js';
import type { DropReason, HookName, Step } from '../../../src/trace/index.js';

/** What a nat table would say to the first packet of a connection. */
export interface NatRules {
  readonly dnat?: (skb: Skb) => NatRange | undefined;
  readonly snat?: (skb: Skb) => NatRange | undefined;
}

export interface Forwarded {
  readonly verdict: NfVerdict;
  readonly state: CtInfo;
  /** As it leaves, TTL one less. */
  readonly bytes: Uint8Array;
  readonly skb: Skb;
}

export class Gateway {
  readonly emulation = new Emulation({ seed: 7 });
  readonly sysctl = new Sysctls(() => []);
  readonly steps: Step[] = [];
  readonly drops: { readonly reason: DropReason; readonly note: string | undefined }[] = [];
  readonly conntrack: Conntrack;
  readonly rules: NatRules | undefined;

  constructor(rules?: NatRules) {
    this.rules = rules;
    const { emulation, sysctl } = this;
    const context: ConntrackContext = {
      emulation,
      sysctl,
      trace: (_skb, step) => this.steps.push(step),
      drop: (_skb, reason, note) => this.drops.push({ reason, note }),
    };
    this.conntrack = new Conntrack(context);
  }

  set(key: NetnsSysctl, value: number): this {
    this.sysctl.set(`net.${key}`, String(value));
    return this;
  }

  listen(): this {
    this.emulation.tracer = { step: () => undefined };
    return this;
  }

  advance(seconds: number): void {
    this.emulation.advance(seconds * NS_PER_S);
  }

  list(): string[] {
    return this.conntrack.entries().map((entry) => this.conntrack.format(entry));
  }

  skb(bytes: Uint8Array): Skb {
    const skb = this.emulation.skbFrom(bytes);
    skb.network = skb.data;
    return skb;
  }

  /** PREROUTING, FORWARD, POSTROUTING. */
  forward(bytes: Uint8Array): Forwarded {
    const skb = this.skb(bytes);
    const verdict = this.receive(skb) === 'drop' || this.send(skb) === 'drop' ? 'drop' : 'accept';
    return { verdict, state: skb.ctInfo, bytes: skb.toBytes(), skb };
  }

  receive(skb: Skb): NfVerdict {
    if (this.conntrack.track('prerouting', skb) === 'drop') return 'drop';
    return this.translate('prerouting', skb);
  }

  send(skb: Skb): NfVerdict {
    skb.ipv4.decrementTtl();
    return this.translate('postrouting', skb) === 'drop' ? 'drop' : this.conntrack.confirm(skb);
  }

  /** nf_nat_inet_fn(): asks the rules about a new connection, then changes the packet. */
  translate(hook: HookName, skb: Skb): NfVerdict {
    const { rules, conntrack } = this;
    const { ct } = skb;
    if (rules === undefined || ct === undefined) return 'accept';
    const manip = hook === 'prerouting' ? 'dst' : 'src';
    if (skb.ctInfo === 'new' && !conntrack.nat.initialized(ct, manip)) {
      const range = manip === 'dst' ? rules.dnat?.(skb) : rules.snat?.(skb);
      if (range === undefined) conntrack.nat.setupNull(ct, hook);
      else conntrack.nat.setup(ct, range, manip);
    }
    return conntrack.nat.mangle(skb, hook);
  }
}
