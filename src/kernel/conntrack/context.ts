/** What connection tracking needs of the namespace that it is in: `Netns`, or a few lines of a test. */

import type { DropReason, Step, Tracer } from '../../trace/index.js';
import type { Random } from '../random.js';
import type { Skb } from '../skb.js';
import type { NetnsSysctl } from '../sysctl.js';

export interface ConntrackContext {
  readonly emulation: {
    readonly clock: { readonly nowNs: number };
    readonly random: Random;
    readonly tracer: Tracer | undefined;
  };
  readonly sysctl: { readonly values: Readonly<Record<NetnsSysctl, number>> };
  trace(skb: Skb, step: Step): void;
  drop(skb: Skb, reason: DropReason, note?: string): void;
}
