/** The verdict of a traced connection, and the answer in plain words. */

import type { FelixCluster } from '../calico/index.js';
import type { Pod, Store } from '../kubernetes/index.js';
import { formatIpv4, type Ipv4Addr } from '../packet/index.js';
import {
  type ConnectionTrace,
  explainEnd,
  judge,
  lastOf,
  type Outcome,
  stepsOf,
  type TracePacket,
  type Verdict,
} from '../trace/index.js';
import { explainPolicy } from './explain-policy.js';
import { explainClosed } from './listeners.js';
import type { ClusterServices } from './services.js';
import type { Routing } from './routing.js';
import { withoutRouting } from './unmodelled.js';

interface Facts {
  readonly store: Store;
  readonly services: ClusterServices;
  readonly fromPod: Pod | undefined;
  readonly toPod: Pod | undefined;
  /** Where the request was sent in the end, after translation. */
  readonly reached: Ipv4Addr;
  /** What the Felixes know, where Calico is there. */
  readonly policy: FelixCluster | undefined;
  /** The routing daemons, where somebody brought them. */
  readonly routing: Routing | undefined;
}

type Unjudged = Omit<ConnectionTrace, 'verdict' | 'explanation'>;

export function concludeTrace(trace: Unjudged, outcome: Outcome, facts: Facts): ConnectionTrace {
  const service = facts.services.unknownReason(trace.to.address);
  const reasons = [
    ...(facts.routing === undefined ? withoutRouting(facts.store, [facts.fromPod, facts.toPod], facts.reached) : []),
    ...(service === undefined ? [] : [service]),
  ];
  const verdict: Verdict = reasons.length > 0 ? 'unknown' : judge(trace.packets, outcome);
  return { ...trace, verdict, explanation: reasons.length > 0 ? reasons : explain(trace, verdict, { outcome, facts }) };
}

const withRole = (packets: readonly TracePacket[], role: TracePacket['role']): readonly TracePacket[] =>
  packets.filter((packet) => packet.role === role);

/** The last destination that a request was given on its way, or undefined where it kept its own. */
export function finalDestination(packets: readonly TracePacket[]): Ipv4Addr | undefined {
  return finalTranslation(packets)?.after.destination;
}

/** A reply's translation turns a request's around: only what a request met counts. */
function finalTranslation(packets: readonly TracePacket[]) {
  for (const { story } of withRole(packets, 'request')) {
    for (const { step } of [...stepsOf(story)].toReversed())
      if (step.kind === 'nat' && step.type === 'dnat') return step;
  }
  return undefined;
}

/** Whom a translated request went to. */
function translatedDestination({ packets, to }: Unjudged, { toPod }: Facts): string | undefined {
  const translation = finalTranslation(packets);
  if (translation === undefined) return undefined;
  const { destination, destinationPort } = translation.after;
  const whose = toPod === undefined ? '' : `, Pod ${toPod.namespace}/${toPod.name}`;
  return `Packets to ${to.label} go to ${formatIpv4(destination)}:${destinationPort}${whose}.`;
}

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
    sentences.push(
      explainClosed(about.facts.toPod, protocol, finalTranslation(packets)?.after.destinationPort ?? to.port),
    );
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
  if (verdict !== 'answered' && verdict !== 'refused') {
    sentences.push(
      ...(about.facts.routing?.explain({ packets, from: trace.from.place, to: about.facts.reached }) ?? []),
    );
  }
  if (verdict === 'refused' && sentences.length === 0)
    sentences.push(`${to.label} refuses ${what}: nothing listens there.`);
  const destination = translatedDestination(trace, about.facts);
  if (destination !== undefined) sentences.push(destination);
  const source = translatedSource(trace);
  if (source !== undefined) sentences.push(source);
  return sentences;
}
