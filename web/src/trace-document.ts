/** A trace as `format=json` has it: schemas/trace.schema.json. */

import type { HookName, RuleOutcome, TableName } from '../../src/trace/index.js';
import type { Verdict } from './api-types.js';

export interface Cause {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly detail?: string;
}

export interface Change {
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

/** A decision. Which of the later fields are there depends on the kind. */
export interface TraceStep {
  readonly kind: string;
  readonly timeNs: number;
  readonly text: string;
  readonly because?: readonly Cause[];
  readonly changes?: readonly Change[];
  /** Hexadecimal digits, from the link header where there is one. */
  readonly bytes?: string;
  readonly dev?: string;
  readonly hook?: HookName;
  readonly table?: TableName;
  readonly chain?: string;
  /** From 1; 0 for a chain's policy or end. */
  readonly position?: number;
  readonly outcome?: RuleOutcome;
  readonly rule?: string;
  readonly target?: string;
  readonly state?: string;
  readonly reason?: string;
  readonly by?: string;
  readonly direction?: string;
  readonly protocol?: string | number;
}

export interface TraceHop {
  readonly place: string;
  readonly host: string;
  readonly netns: string;
  readonly steps: readonly TraceStep[];
}

export interface TracePacket {
  readonly id: number;
  /** The packet that caused it, or 0. */
  readonly parent: number;
  readonly role: 'request' | 'reply' | 'icmp-error' | 'arp';
  readonly startNs: number;
  readonly summary: string;
  readonly hops: readonly TraceHop[];
}

export interface TraceDocument {
  readonly from: { readonly label: string; readonly address: string };
  readonly to: { readonly label: string; readonly address?: string; readonly port?: number };
  readonly protocol: string;
  readonly verdict: Verdict;
  readonly explanation: readonly string[];
  readonly resolution?: { readonly packets: readonly TracePacket[] };
  readonly packets: readonly TracePacket[];
}

export const causeText = ({ kind, namespace, name, detail }: Cause): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}${detail === undefined ? '' : `, ${detail}`}`;
