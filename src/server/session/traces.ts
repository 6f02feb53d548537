/** Traces that were asked for, kept for readers in every form. */

import { type Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../cluster/index.js';
import { formatIpv4 } from '../../packet/index.js';
import {
  branchesJson,
  branchesPcapng,
  type Choice,
  choicesOf,
  type ConnectionTrace,
  formatMinimal,
  formatMinimalBranches,
  formatTrace,
  formatWholeBranches,
  type JsonValue,
  type Place,
  type TraceBranches,
  type TraceProtocol,
  traceJson,
  tracePcapng,
  type Verdict,
} from '../../trace/index.js';
import { type Mistake, Problem } from '../problem.js';
import { encodeCbor } from './cbor.js';
import { mending } from './mending.js';
import { type Page, pageInOrder, type PageRequest } from './page.js';

export interface TraceRequest {
  readonly from: string;
  readonly to: string;
  readonly protocol: TraceProtocol;
  /** Octets of data. */
  readonly size?: number;
  /** `one` draws, `all` follows every way that chance can take. */
  readonly branches: 'one' | 'all';
  /** The way that leads to it is followed: `pod/shop/web-1` or an address. */
  readonly backend?: string;
}

interface BranchSummary {
  readonly probability: number;
  /** Addresses that were translated on the way, and into what. */
  readonly choices: readonly Choice[];
  readonly verdict: Verdict;
  readonly explanation: readonly string[];
  /** Where the request went in the end: `pod/shop/web-1`. */
  readonly reached: string;
}

export interface TraceSummary {
  readonly id: string;
  readonly from: { readonly label: string; readonly address: string };
  readonly to: { readonly label: string; readonly address?: string; readonly port?: number };
  readonly protocol: TraceProtocol;
  readonly size?: number;
  readonly verdict: Verdict;
  readonly explanation: readonly string[];
  readonly packets: number;
  /** Virtual time when it was sent. */
  readonly timeNs: number;
  /** Of the cluster's objects when it was sent. */
  readonly generation: number;
  readonly branches: readonly BranchSummary[];
  readonly complete: boolean;
}

export const TRACE_FORMATS = ['summary', 'json', 'cbor', 'text', 'pcapng', 'minimal'] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

const utf8 = new TextEncoder();

type WholeFormat = Exclude<TraceFormat, 'summary'>;
type Rendered = Readonly<Record<WholeFormat, Uint8Array>>;
type Renderers<T> = Readonly<Record<WholeFormat, (told: T) => Uint8Array>>;

const jsonBytes = (value: JsonValue): Uint8Array => utf8.encode(`${JSON.stringify(value)}\n`);
const textBytes = (text: string): Uint8Array => utf8.encode(`${text}\n`);

const RENDER: Renderers<ConnectionTrace> = {
  json: (trace) => jsonBytes(traceJson(trace)),
  cbor: (trace) => encodeCbor(traceJson(trace)),
  text: (trace) => textBytes(formatTrace(trace, { everyPacket: true })),
  minimal: (trace) => textBytes(formatMinimal(trace)),
  pcapng: tracePcapng,
};

const RENDER_BRANCHES: Renderers<TraceBranches> = {
  json: (told) => jsonBytes(branchesJson(told)),
  cbor: (told) => encodeCbor(branchesJson(told)),
  text: (told) => textBytes(formatWholeBranches(told, { everyPacket: true })),
  minimal: (told) => textBytes(formatMinimalBranches(told)),
  pcapng: branchesPcapng,
};

const renderAll = <T>(renderers: Renderers<T>, told: T): Rendered => ({
  json: renderers.json(told),
  cbor: renderers.cbor(told),
  text: renderers.text(told),
  minimal: renderers.minimal(told),
  pcapng: renderers.pcapng(told),
});

/** The recordings, or, where the cluster that they ran in is gone, as they were rendered then. */
type Recording =
  | { readonly told: TraceBranches }
  | { readonly branches: readonly Rendered[]; readonly whole: Rendered | undefined };

interface Kept {
  /** Of all traces of its cluster, those that are gone too. */
  readonly order: number;
  readonly summary: TraceSummary;
  /** Every branch was asked for: they are one document. */
  readonly isWhole: boolean;
  recording: Recording;
}

/** Names of the places that it passed, so that nothing of the cluster is held by them. */
function withOwnNames(trace: ConnectionTrace): ConnectionTrace {
  const names = new Map<string, string>();
  const key = ({ host, netns }: Place): string => `${host} ${netns}`;
  for (const { story } of [...trace.packets, ...(trace.resolution?.packets ?? [])])
    for (const { place } of story.hops) names.set(key(place), trace.nameOf(place));
  return { ...trace, nameOf: (place) => names.get(key(place)) ?? place.host };
}

/** Where the first request's way ended. */
function reachedBy({ packets, nameOf, to }: ConnectionTrace): string {
  const last = packets.find(({ role }) => role === 'request')?.story.hops.at(-1);
  return last === undefined ? to.label : nameOf(last.place);
}

/** @throws Problem with everything that is wrong */
function namesOf(request: TraceRequest) {
  const from = parseEndpointName(request.from);
  const to = parseDestination(request.to);
  const backend = request.backend === undefined ? undefined : parseEndpointName(request.backend);
  const mistakes: Mistake[] = [];
  if (isNameProblem(from)) mistakes.push({ message: from.problem, field: '/from' });
  if (isNameProblem(to)) mistakes.push({ message: to.problem, field: '/to' });
  if (backend !== undefined && isNameProblem(backend)) mistakes.push({ message: backend.problem, field: '/backend' });
  if (isNameProblem(from) || isNameProblem(to) || (backend !== undefined && isNameProblem(backend)))
    throw new Problem('bad-request', mistakes.map(({ message }) => message).join('; '), mistakes);
  return { from, to, backend };
}

export interface RunTrace {
  readonly summary: TraceSummary;
  /** The first of its branches. */
  readonly trace: ConnectionTrace;
  /** All of them. */
  readonly traces: readonly ConnectionTrace[];
}

export class Traces {
  readonly #kept = new Map<string, Kept>();
  #sent = 0;
  readonly #limits: { readonly traces: number; readonly branches: number };

  constructor(limits: { readonly traces: number; readonly branches: number }) {
    this.#limits = limits;
  }

  /** @throws Problem */
  run(cluster: Cluster, request: TraceRequest, about: { readonly id: string; readonly generation: number }): RunTrace {
    const timeNs = cluster.emulation.clock.nowNs;
    const told = mending(() => this.#send(cluster, request));
    const branches = told.branches.map(({ probability, trace }) => ({ probability, trace: withOwnNames(trace) }));
    const [first] = branches;
    if (first === undefined) throw new Error('assertion failed: a trace has a branch');
    const summary: TraceSummary = {
      timeNs,
      ...describeEnds(first.trace),
      ...about,
      packets: first.trace.packets.length,
      branches: branches.map(({ probability, trace }) => ({
        probability,
        choices: choicesOf(trace),
        verdict: trace.verdict,
        explanation: trace.explanation,
        reached: reachedBy(trace),
      })),
      complete: told.complete,
    };
    const traces = branches.map(({ trace }) => trace);
    const isWhole = request.branches === 'all' && request.backend === undefined;
    const recording = { told: { branches, complete: told.complete } };
    this.#kept.set(about.id, { order: this.#sent++, summary, isWhole, recording });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > this.#limits.traces && oldest !== undefined) this.#kept.delete(oldest);
    return { summary, trace: first.trace, traces };
  }

  /** @throws Problem, UnknownEndpoint */
  #send(cluster: Cluster, asked: TraceRequest): TraceBranches {
    const { from, to, backend } = namesOf(asked);
    const request = { from, to, protocol: asked.protocol, size: asked.size };
    const limit = this.#limits.branches;
    if (backend !== undefined) return { branches: [cluster.traceBackend(request, backend, limit)], complete: true };
    return asked.branches === 'all'
      ? cluster.traceBranches(request, limit)
      : { branches: [{ probability: 1, trace: cluster.trace(request) }], complete: true };
  }

  list(request: PageRequest): Page<TraceSummary> {
    return pageInOrder(this.#kept.values(), ({ summary }) => summary, request);
  }

  /** @throws Problem */
  #get(id: string): Kept {
    const kept = this.#kept.get(id);
    if (kept === undefined)
      throw new Problem(
        'not-found',
        `there is no trace "${id}"; of each cluster the last ${this.#limits.traces} are kept`,
      );
    return kept;
  }

  /** @throws Problem */
  summary(id: string): TraceSummary {
    return this.#get(id).summary;
  }

  /** One branch; without a number, all that were asked for. @throws Problem */
  render(id: string, format: WholeFormat, branch: number | undefined): Uint8Array {
    const { isWhole, recording, summary } = this.#get(id);
    const number = branch ?? (isWhole ? undefined : 0);
    if (number !== undefined && number >= summary.branches.length)
      throw new Problem('not-found', `trace "${id}" has ${summary.branches.length} branches, counted from 0`, [
        { message: 'no such branch', field: '/branch' },
      ]);
    return renderRecording(recording, format, number);
  }

  /** @throws Problem */
  remove(id: string): void {
    this.#get(id);
    this.#kept.delete(id);
  }

  /** Before the cluster goes: recordings refer to its rules and routes, and with them to all of it. */
  letGo(): void {
    for (const kept of this.#kept.values()) {
      const { recording, isWhole } = kept;
      if (!('told' in recording)) continue;
      const { told } = recording;
      kept.recording = {
        branches: told.branches.map(({ trace }) => renderAll(RENDER, trace)),
        whole: isWhole ? renderAll(RENDER_BRANCHES, told) : undefined,
      };
    }
  }
}

/** What is kept is copied: bytes that are sent are gone. */
function renderRecording(recording: Recording, format: WholeFormat, branch: number | undefined): Uint8Array {
  if (!('told' in recording)) {
    const rendered = branch === undefined ? recording.whole : recording.branches[branch];
    if (rendered === undefined) throw new Error('assertion failed: it was rendered when its cluster went');
    return rendered[format].slice();
  }
  const { told } = recording;
  if (branch === undefined) return RENDER_BRANCHES[format](told);
  const found = told.branches[branch];
  if (found === undefined) throw new Error('assertion failed: there is such a branch');
  return RENDER[format](found.trace);
}

const describeEnds = ({ from, to, protocol, size, verdict, explanation }: ConnectionTrace) => ({
  from: { label: from.label, address: formatIpv4(from.address) },
  to: {
    label: to.label,
    ...(to.address === undefined ? {} : { address: formatIpv4(to.address) }),
    ...(to.port === undefined ? {} : { port: to.port }),
  },
  protocol,
  ...(size === undefined ? {} : { size }),
  verdict,
  explanation,
});
