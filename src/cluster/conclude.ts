/** The verdict of a traced connection, and the answer in plain words. */

import type { FelixCluster } from '../calico/index.js';
import type { Pod, Store } from '../kubernetes/index.js';
import { formatIpv4 } from '../packet/index.js';
import {
  type ConnectionTrace,
  explainEnd,
  judge,
  lastOf,
  type Outcome,
  type TracePacket,
  type Verdict,
} from '../trace/index.js';
import { explainPolicy } from './explain-policy.js';
import { explainClosed } from './listeners.js';
import { unknownReasons } from './unmodelled.js';

interface Facts {
  readonly store: Store;
  readonly fromPod: Pod | undefined;
  readonly toPod: Pod | undefined;
  /** What the Felixes know, where Calico is there. */
  readonly policy: FelixCluster | undefined;
}

type Unjudged = Omit<ConnectionTrace, 'verdict' | 'explanation'>;

export function concludeTrace(trace: Unjudged, outcome: Outcome, facts: Facts): ConnectionTrace {
  const reasons = unknownReasons(facts.store, [facts.fromPod, facts.toPod], trace.to.address);
  const verdict: Verdict = reasons.length > 0 ? 'unknown' : judge(trace.packets, outcome);
  return { ...trace, verdict, explanation: reasons.length > 0 ? reasons : explain(trace, verdict, { outcome, facts }) };
}

const withRole = (packets: readonly TracePacket[], role: TracePacket['role']): readonly TracePacket[] =>
  packets.filter((packet) => packet.role === role);

/** The source address that the destination saw, where it is not the sender's own. */
function translatedSource({ packets, from }: Unjudged): string | undefined {
  for (const { story } of withRole(packets, 'request')) {
    const nat = lastOf(story, 'nat')?.step;
    if (nat?.type === 'snat')
      return `The destination sees ${formatIpv4(nat.after.source)} as the source, not ${formatIpv4(from.address)}.`;
  }
  return undefined;
}

function explain(
  trace: Unjudged,
  verdict: Verdict,
  about: { readonly outcome: Outcome; readonly facts: Facts },
): string[] {
  const { packets, nameOf, to, protocol } = trace;
  const sentences: string[] = [];
  const what = to.port === undefined ? protocol : `${protocol} port ${to.port}`;
  if (verdict === 'answered') sentences.push(`${to.label} answers on ${what}.`);
  if (verdict === 'refused' && about.facts.toPod !== undefined && to.port !== undefined && protocol !== 'icmp') {
    sentences.push(explainClosed(about.facts.toPod, protocol, to.port));
  }
  // A port where nobody listens is no packet lost: it is what `refused` says.
  const told = [...withRole(packets, 'request'), ...withRole(packets, 'reply')].filter(
    ({ story }) => lastOf(story, 'drop')?.step.reason !== 'no-socket',
  );
  const ended = told.find(({ story }) => explainEnd(story, nameOf) !== undefined);
  const firstEnd = ended && explainEnd(ended.story, nameOf);
  if (verdict !== 'answered' && ended !== undefined && firstEnd !== undefined) {
    sentences.push(...explainPolicy(ended.story, about.facts.policy), firstEnd);
  }
  if (verdict === 'unreachable' && firstEnd === undefined && about.outcome.kind === 'failed') {
    sentences.push(`The sender has no way to ${formatIpv4(to.address)}: ${about.outcome.note}.`);
  }
  if (verdict === 'refused' && sentences.length === 0)
    sentences.push(`${to.label} refuses ${what}: nothing listens there.`);
  const source = translatedSource(trace);
  if (source !== undefined) sentences.push(source);
  return sentences;
}
