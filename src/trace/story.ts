/** A recording put in order: packets, and for each the places that it passed, with what happened there. */

import { DROP_REASONS } from './drop-reason.js';
import type { RecordedStep } from './recorder.js';
import type { Step } from './step.js';
import type { Place } from './tracer.js';

/** All that happened to a packet in one namespace before it went on to another. */
export interface Hop {
  readonly place: Place;
  readonly steps: RecordedStep[];
}

/** One packet from where it was made to where it ended, encapsulated or not. */
export interface PacketStory {
  readonly id: number;
  readonly parent: number;
  readonly startNs: number;
  readonly hops: Hop[];
  /** It is an ARP message. */
  readonly arp: boolean;
}

const samePlace = (a: Place, b: Place): boolean => a.host === b.host && a.netns === b.netns;

/** The first bytes that were seen of a packet. */
export function firstBytes(story: PacketStory): RecordedStep | undefined {
  for (const hop of story.hops) for (const step of hop.steps) if (step.bytes !== undefined) return step;
  return undefined;
}

function isArp(step: RecordedStep): boolean {
  const { bytes, hasLinkHeader } = step;
  return bytes !== undefined && hasLinkHeader && bytes[12] === 0x08 && bytes[13] === 0x06;
}

/** Packets in the order in which they appear, each with its hops in order. */
export function tellStories(steps: readonly RecordedStep[]): PacketStory[] {
  const stories = new Map<number, PacketStory>();
  for (const recorded of steps) {
    const story = stories.get(recorded.packet) ?? newStory(recorded);
    stories.set(recorded.packet, story);
    const last = story.hops.at(-1);
    if (last !== undefined && samePlace(last.place, recorded.place)) last.steps.push(recorded);
    else story.hops.push({ place: recorded.place, steps: [recorded] });
  }
  return [...stories.values()];
}

const newStory = (first: RecordedStep): PacketStory => ({
  id: first.packet,
  parent: first.parent,
  startNs: first.timeNs,
  hops: [],
  arp: isArp(first),
});

/** Every step of a packet, in order. */
export function* stepsOf(story: PacketStory): Generator<RecordedStep> {
  for (const hop of story.hops) yield* hop.steps;
}

type StepOf<K extends Step['kind']> = Extract<Step, { kind: K }>;

const isKind = <K extends Step['kind']>(step: Step, kind: K): step is StepOf<K> => step.kind === kind;

/** The last step of a kind, with where it happened; the last for which `holds` is true where that is given. */
export function lastOf<K extends Step['kind']>(
  story: PacketStory,
  kind: K,
  holds?: (step: StepOf<K>) => boolean,
): { recorded: RecordedStep; step: StepOf<K> } | undefined {
  for (let hop = story.hops.length - 1; hop >= 0; hop -= 1) {
    const steps = story.hops[hop]?.steps ?? [];
    for (let i = steps.length - 1; i >= 0; i -= 1) {
      const recorded = steps[i];
      if (recorded === undefined || !isKind(recorded.step, kind)) continue;
      if (holds === undefined || holds(recorded.step)) return { recorded, step: recorded.step };
    }
  }
  return undefined;
}

/** The kernel's reason in words. */
export const explainDrop = (step: StepOf<'drop'>): string =>
  step.note === undefined ? DROP_REASONS[step.reason] : `${DROP_REASONS[step.reason]} (${step.note})`;
