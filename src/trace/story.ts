/** A recording put in order: packets, and for each the places that it passed, with what happened there. */

import { DROP_REASONS } from './drop-reason.js';
import { bytesOf, isOne, type Moment, type RecordedStep, recordedAt, stepsIn, toldIn } from './recorder.js';
import type { Step, StepKind, StepOf, WalkStep } from './step.js';
import type { Place } from './tracer.js';

/** All that happened to a packet in one namespace before it went on to another. */
export class Hop {
  readonly place: Place;
  readonly moments: Moment[] = [];

  constructor(place: Place) {
    this.place = place;
  }

  /** Made when they are read. */
  get steps(): RecordedStep[] {
    return this.moments.flatMap(stepsIn);
  }
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
  for (const { moments } of story.hops)
    for (const moment of moments) if (moment.slab !== undefined) return recordedAt(moment, 0);
  return undefined;
}

function isArp(moment: Moment): boolean {
  const bytes = moment.hasLinkHeader ? bytesOf(moment) : undefined;
  return bytes !== undefined && bytes[12] === 0x08 && bytes[13] === 0x06;
}

/** Packets in the order in which they appear, each with its hops in order. */
export function tellStories(moments: readonly Moment[]): PacketStory[] {
  const stories = new Map<number, PacketStory>();
  for (const moment of moments) {
    let story = stories.get(moment.packet);
    if (story === undefined) {
      story = newStory(moment);
      stories.set(moment.packet, story);
    }
    let hop = story.hops.at(-1);
    if (hop === undefined || !samePlace(hop.place, moment.place)) {
      hop = new Hop(moment.place);
      story.hops.push(hop);
    }
    hop.moments.push(moment);
  }
  return [...stories.values()];
}

const newStory = (first: Moment): PacketStory => ({
  id: first.packet,
  parent: first.parent,
  startNs: first.timeNs,
  hops: [],
  arp: isArp(first),
});

/** Every step of a packet, in order, with what is known of each. */
export function* stepsOf(story: PacketStory): Generator<RecordedStep> {
  for (const { moments } of story.hops) for (const moment of moments) yield* stepsIn(moment);
}

/** Of what is told one by one: all but what rules say. */
type SingleKind = Exclude<StepKind, WalkStep['kind']>;

/** Steps of a kind that walks through rules do not have, in order. */
export function stepsOfKind<K extends SingleKind>(story: PacketStory, kind: K): StepOf<K>[] {
  const found: StepOf<K>[] = [];
  for (const { moments } of story.hops)
    for (const { told } of moments) if (isOne(told) && isKind(told, kind)) found.push(told);
  return found;
}

const isKind = <K extends StepKind>(step: Step, kind: K): step is StepOf<K> => step.kind === kind;

const inWalks = (kind: StepKind): boolean => kind === 'rule' || kind === 'table' || kind === 'set';

/** The last step of a kind, with where it happened; the last for which `holds` is true where that is given. */
export function lastOf<K extends StepKind>(
  story: PacketStory,
  kind: K,
  holds?: (step: StepOf<K>) => boolean,
): { recorded: RecordedStep; step: StepOf<K> } | undefined {
  const everywhere = inWalks(kind);
  for (let hop = story.hops.length - 1; hop >= 0; hop -= 1) {
    const moments = story.hops[hop]?.moments ?? [];
    for (let i = moments.length - 1; i >= 0; i -= 1) {
      const moment = moments[i];
      if (moment === undefined || (!everywhere && !isOne(moment.told))) continue;
      const told = toldIn(moment);
      for (let at = told.length - 1; at >= 0; at -= 1) {
        const step = told[at];
        if (step === undefined || !isKind(step, kind) || (holds !== undefined && !holds(step))) continue;
        return { recorded: recordedAt(moment, at), step };
      }
    }
  }
  return undefined;
}

/** The kernel's reason in words. */
export const explainDrop = (step: StepOf<'drop'>): string =>
  step.note === undefined ? DROP_REASONS[step.reason] : `${DROP_REASONS[step.reason]} (${step.note})`;
