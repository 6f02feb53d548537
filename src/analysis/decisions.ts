/** What decided a connection: the rules of policies and Services that its packets met, and where they ended. */

import {
  type Cause,
  type ConnectionTrace,
  formatStep,
  lastOf,
  type PacketStory,
  type Step,
  stepsOf,
} from '../trace/index.js';

export interface Decision {
  /** `node/node1`, `pod/shop/web`. */
  readonly place: string;
  /** As a trace prints the step. */
  readonly text: string;
  readonly because: readonly Cause[];
}

const OF_POLICY = /Policy$|^(?:Namespace|ServiceAccount|Profile|Service)$/;
/** Rules that only lead on to others. */
const LEADS_ON: ReadonlySet<string> = new Set(['jump', 'goto', 'return']);

/** Rules that do nothing, or take a mark away before somebody may set it. */
const PREPARES = /^(?!.* -j )|--set-xmark 0x0\//;

/** A rule that says something about the packet, made for somebody who wrote a policy or a Service. */
const decides = (step: Step): boolean =>
  step.kind === 'rule' &&
  step.rule !== undefined &&
  !LEADS_ON.has(step.outcome) &&
  !PREPARES.test(` ${step.rule.toString()}`) &&
  step.rule.because.some(({ kind }) => OF_POLICY.test(kind));

/** The packet whose end is the connection's: the first that was dropped, those of the request before those of the answer. */
function lostStory({ packets }: ConnectionTrace): PacketStory | undefined {
  const dropped = packets.filter(({ role, story }) => role !== 'arp' && lastOf(story, 'drop') !== undefined);
  return (dropped.find(({ role }) => role === 'request') ?? dropped[0])?.story;
}

function* deciding(story: PacketStory): Generator<ReturnType<typeof lastOf<'rule'>>> {
  for (const recorded of stepsOf(story)) {
    const { step } = recorded;
    if (step.kind === 'rule' && decides(step)) yield { recorded, step };
  }
}

/** In the order in which the packet met them; the last is where it ended, if it did. */
export function decisionsOf(trace: ConnectionTrace): readonly Decision[] {
  const lost = trace.verdict === 'answered' ? undefined : lostStory(trace);
  const story = lost ?? trace.packets.find(({ role }) => role === 'request')?.story;
  if (story === undefined) return [];
  const found = [...deciding(story)].flatMap((one) => one ?? []);
  const end = lost && endOf(lost);
  const met = end === undefined || found.some(({ step }) => step === end.step) ? found : [...found, end];
  return met.map(({ recorded, step }) => ({ place: trace.nameOf(recorded.place), ...formatStep(step) }));
}

/** The rule that dropped it, or the drop itself where no rule did. */
function endOf(story: PacketStory) {
  const drop = lastOf(story, 'drop');
  const byRule = drop?.step.reason === 'netfilter-drop' || drop?.step.reason === 'unknown-rule';
  const rule = lastOf(story, 'rule');
  return byRule && rule !== undefined ? rule : drop;
}
