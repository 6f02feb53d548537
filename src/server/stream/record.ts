/** What happened, before anybody reads it: references and copies of bytes. Messages are made of it on demand. */

import { dissect, LINKTYPE, summarize } from '../../packet/index.js';
import { formatCause, formatStep, type Step } from '../../trace/index.js';
import type { FrameFacts } from '../filter/facts.js';
import type { EventMessage, EventName, FrameMessage, StepMessage, StreamKind, TraceMessage } from './messages.js';

type TraceFields = Omit<TraceMessage, 'seq' | 'timeNs' | 'type'>;

export type StreamRecord = {
  readonly seq: number;
  readonly kind: Exclude<StreamKind, 'counters'>;
  readonly facts: FrameFacts;
  /** As it goes to its readers, by the form that they want. */
  readonly encoded: Map<string, Uint8Array<ArrayBuffer>>;
} & (
  | { readonly kind: 'frames'; readonly packet: number; readonly parent: number }
  | { readonly kind: 'steps'; readonly packet: number; readonly parent: number; readonly step: Step }
  | { readonly kind: 'traces'; readonly trace: TraceFields }
  | {
      readonly kind: 'events';
      readonly event: EventName;
      readonly subject: string;
      readonly detail?: string;
      readonly because?: readonly string[];
    }
);

const linkTypeOf = ({ hasLinkHeader }: FrameFacts): number => (hasLinkHeader ? LINKTYPE.ethernet : LINKTYPE.raw);

export const dissectionOf = (facts: FrameFacts) => dissect(facts.bytes, linkTypeOf(facts));

function frameMessage(record: StreamRecord & { kind: 'frames' }, withDissection: boolean): FrameMessage {
  const { facts, seq, packet, parent } = record;
  const { seen, bytes } = facts;
  const linkType = linkTypeOf(facts);
  return {
    type: 'frame',
    seq,
    timeNs: seen.timeNs,
    place: seen.place,
    host: seen.host,
    netns: seen.netns,
    interface: seen.interface ?? '',
    direction: seen.direction ?? 'in',
    packet,
    parent,
    linkType,
    bytes,
    info: summarize(bytes, { linkType }),
    ...(withDissection ? { dissection: dissectionOf(facts) } : {}),
  };
}

function stepMessage({ facts, seq, packet, parent, step }: StreamRecord & { kind: 'steps' }): StepMessage {
  const { text, because } = formatStep(step);
  const { timeNs, place, host, netns } = facts.seen;
  return {
    type: 'step',
    seq,
    timeNs,
    place,
    host,
    netns,
    packet,
    parent,
    step: step.kind,
    text,
    because: because.map(formatCause),
    ...(step.kind === 'drop' ? { dropReason: step.reason } : {}),
  };
}

export function messageOf(
  record: StreamRecord,
  { dissection }: { readonly dissection: boolean },
): FrameMessage | StepMessage | TraceMessage | EventMessage {
  const { seq, facts } = record;
  const { timeNs } = facts.seen;
  switch (record.kind) {
    case 'frames':
      return frameMessage(record, dissection);
    case 'steps':
      return stepMessage(record);
    case 'traces':
      return { type: 'trace', seq, timeNs, ...record.trace };
    case 'events': {
      const { event, subject, detail, because } = record;
      const more = { ...(detail === undefined ? {} : { detail }), ...(because === undefined ? {} : { because }) };
      return { type: 'event', seq, timeNs, event, subject, ...more };
    }
  }
}
