/** Shapes of the API's answers, as the server's own schemas have them. */

import type { Static } from 'typebox';
import type {
  ClockSchema,
  ClusterSummary,
  ExecResult,
  FaultRequestSchema,
  FaultSchema,
  FindingSchema,
  HostSchema,
  ListedObjectSchema,
  PodSchema,
  ExpectedResult as ExpectedResultSchema,
  ProblemSchema,
  ScenarioSummary,
  TraceRequestSchema,
  TraceSummarySchema,
} from '../../src/server/schemas.js';

export type Cluster = Static<typeof ClusterSummary>;
export type Host = Static<typeof HostSchema>;
export type Pod = Static<typeof PodSchema>;
export type Clock = Static<typeof ClockSchema>;
export type Fault = Static<typeof FaultSchema>;
export type FaultRequest = Static<typeof FaultRequestSchema>;
export type Finding = Static<typeof FindingSchema>;
export type ListedObject = Static<typeof ListedObjectSchema>;
export type TraceRequest = Static<typeof TraceRequestSchema>;
export type TraceSummary = Static<typeof TraceSummarySchema>;
export type ProblemBody = Static<typeof ProblemSchema>;
export type ExecAnswer = Static<typeof ExecResult>;
export type Scenario = Static<typeof ScenarioSummary>;
export type ExpectedResult = Static<typeof ExpectedResultSchema>;
export type Verdict = TraceSummary['verdict'];

/** What a change of objects answers. */
export interface ChangeAnswer {
  readonly objects: readonly Readonly<Record<string, unknown>>[];
  /** Of these objects; servers before 0.2 do not tell. */
  readonly findings?: readonly Finding[];
}
export type Branch = TraceSummary['branches'][number];

/** Faults that only later servers offer, beside those of the schema. */
export type AnyFault =
  | FaultRequest
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'session'; readonly host: string; readonly peer: string };

/** A scenario that was loaded, and how each of its expectations was met. */
export interface ScenarioRun {
  readonly cluster: string;
  readonly results: readonly ExpectedResult[];
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly total: number;
  readonly continue?: string;
}
