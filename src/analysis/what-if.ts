/** Flows in two clusters, before and after a change: which of them come out otherwise, and what decided each. */

import {
  type Cluster,
  type Destination,
  type EndpointName,
  formatEndpointName,
  UnknownEndpoint,
} from '../cluster/index.js';
import { formatIpv4 } from '../packet/index.js';
import type { ConnectionTrace, TraceProtocol, Verdict } from '../trace/index.js';
import { type Decision, decisionsOf } from './decisions.js';

export interface Flow {
  readonly from: EndpointName;
  readonly to: Destination;
  readonly protocol: TraceProtocol;
}

export interface FlowOutcome {
  /** `none`: there is nothing to send from or to. */
  readonly verdict: Verdict | 'none';
  readonly explanation: readonly string[];
  readonly decidedBy: readonly Decision[];
  /** Places that the request passed, in order. */
  readonly way: readonly string[];
}

export interface FlowComparison {
  readonly from: string;
  readonly to: string;
  readonly protocol: TraceProtocol;
  readonly before: FlowOutcome;
  readonly after: FlowOutcome;
  /** Another verdict; the same by another way; or neither. */
  readonly changed: 'verdict' | 'way' | 'no';
}

const labelOf = (endpoint: Destination['endpoint']): string => formatEndpointName(endpoint, formatIpv4);

const toLabel = ({ endpoint, port, portName = port?.toString() }: Destination): string =>
  portName === undefined ? labelOf(endpoint) : `${labelOf(endpoint)}:${portName}`;

function wayOf({ packets, nameOf }: ConnectionTrace): string[] {
  const story = packets.find(({ role }) => role === 'request')?.story;
  return (story?.hops ?? []).map(({ place }) => nameOf(place)).filter((name, i, all) => name !== all[i - 1]);
}

/** Where flows are sent. */
export interface Side {
  readonly cluster: Cluster;
  /** Why nothing can be sent from there, if that is so. */
  readonly whyNotFrom?: (from: EndpointName) => string | undefined;
}

const nothingSent = (why: string): FlowOutcome => ({ verdict: 'none', explanation: [why], decidedBy: [], way: [] });

function outcomeOf({ cluster, whyNotFrom }: Side, flow: Flow): FlowOutcome {
  const why = whyNotFrom?.(flow.from);
  if (why !== undefined) return nothingSent(why);
  try {
    const trace = cluster.trace(flow);
    const { verdict, explanation } = trace;
    return { verdict, explanation, decidedBy: decisionsOf(trace), way: wayOf(trace) };
  } catch (error) {
    if (!(error instanceof UnknownEndpoint)) throw error;
    return nothingSent(error.message);
  }
}

const sameWay = (a: FlowOutcome, b: FlowOutcome): boolean => a.way.join(' ') === b.way.join(' ');

/** Each flow is sent in both clusters, one after the other. */
export function compareFlows(before: Side, after: Side, flows: readonly Flow[]): FlowComparison[] {
  const outcomes = [before, after].map((side) => flows.map((flow) => outcomeOf(side, flow)));
  return flows.map((flow, i) => {
    const [old, now] = [outcomes[0]?.[i], outcomes[1]?.[i]];
    if (old === undefined || now === undefined) throw new Error('assertion failed: every flow has two outcomes');
    const changed = old.verdict !== now.verdict ? 'verdict' : sameWay(old, now) ? 'no' : 'way';
    return {
      from: labelOf(flow.from),
      to: toLabel(flow.to),
      protocol: flow.protocol,
      before: old,
      after: now,
      changed,
    };
  });
}

/** From each of them to each other. */
export const allPairs = (
  ends: readonly EndpointName[],
  { port, protocol }: { readonly port: number | undefined; readonly protocol: TraceProtocol },
): Flow[] =>
  ends.flatMap((from, i) =>
    ends.flatMap((endpoint, j) => (i === j ? [] : [{ from, to: { endpoint, port }, protocol }])),
  );
