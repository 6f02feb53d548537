/** `POST /clusters/NAME/what-if`: what would become of flows if something were changed. */

import type { Finding, Verdict } from './api-types.js';

export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp' | 'icmp';
}

/** The text of objects to apply, or the name of one to delete. */
export type Change =
  | { readonly apply: string }
  | {
      readonly delete: {
        readonly group: string;
        readonly kind: string;
        readonly namespace?: string;
        readonly name: string;
      };
    };

export interface WhatIfRequest {
  readonly changes: readonly Change[];
  readonly flows: readonly Flow[];
}

export interface FlowOutcome {
  /** `none`: there is nothing to send from or to. */
  readonly verdict: Verdict | 'none';
  readonly explanation: readonly string[];
}

export interface FlowChange extends Flow {
  readonly before: FlowOutcome;
  readonly after: FlowOutcome;
}

export interface WhatIfAnswer {
  /** Of the objects that would be there. */
  readonly findings?: readonly Finding[];
  readonly flows: readonly FlowChange[];
}
