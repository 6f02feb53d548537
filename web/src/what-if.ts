/** `POST /clusters/NAME/what-if`: what would become of flows if something were changed. */

import type { Verdict } from './api-types.js';

export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly protocol: 'tcp' | 'udp' | 'icmp';
}

export interface WhatIfRequest {
  readonly changes: readonly { readonly apply: string }[];
  readonly flows: readonly Flow[];
}

export interface FlowOutcome {
  readonly verdict: Verdict;
  readonly explanation?: readonly string[];
}

export interface FlowChange extends Flow {
  readonly before: FlowOutcome;
  readonly after: FlowOutcome;
}

export interface WhatIfAnswer {
  readonly flows: readonly FlowChange[];
}
