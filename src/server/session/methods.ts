/** What can be asked of a session: plain data in, plain data out, so that it can live in a thread of its own. */

import type { FaultRequest } from '../../cluster/index.js';
import type { Finding, ObjectKey, TerminatingPod } from '../../kubernetes/index.js';
import { type Mistake, Problem } from '../problem.js';
import type { StreamKind } from '../stream/messages.js';
import type { Resume } from '../stream/stream.js';
import { bounded } from './bounds.js';
import type { CaptureRequest } from './captures.js';
import { runExpected } from './expected.js';
import { filterOf } from './mending.js';
import { exec, getHost, hostStateOf, hostText, listHosts, listPods, type PodQuery } from './hosts.js';
import {
  applyObjects,
  createObjects,
  deleteObject,
  getObject,
  kindsOf,
  listObjects,
  type ObjectQuery,
  patchObject,
  replaceObject,
} from './objects.js';
import { timeOf, tracked, type Writer } from './managed-fields/index.js';
import { isThere } from './pods-of-controllers.js';
import type { Patch } from './patches.js';
import { pageInOrder, type PageRequest } from './page.js';
import { type ApplyRequest, serverSideApply } from './server-side-apply.js';
import type { Session } from './session.js';
import { type Preconditions, requirePreconditions } from './versions.js';
import type { TraceFormat, TraceRequest } from './traces.js';
import { whatIf } from './what-if.js';

/** A subscription to the stream; `reader` is a number of the server's own. */
export interface SubscribeRequest {
  readonly reader: number;
  readonly name: string;
  readonly kinds: readonly StreamKind[];
  readonly filter: string;
  readonly dissection: boolean;
  readonly format: 'cbor' | 'json';
  /** One 32-bit number: batches taken. */
  readonly taken: SharedArrayBuffer;
  readonly resume?: Resume;
  /** A reader that ends with this one's beginning. */
  readonly replaces?: number;
}

/** Of a write: only what would become of it is asked. */
interface Rehearsed {
  readonly dryRun?: boolean;
}

/** Of a write of objects: by whom, as managedFields name it. */
interface Write extends Rehearsed {
  readonly manager: string;
}

interface TextRequest extends Write {
  readonly text: string;
  /** What messages call it. */
  readonly file: string;
}

interface DeleteRequest extends ObjectKey, Rehearsed, Preconditions {
  /** 0 waits for no kubelet. */
  readonly gracePeriodSeconds?: number;
}

const writerOf = (session: Session, { manager }: Write): Writer => ({
  manager,
  time: timeOf(session.clock.state.nowNs),
});

/** Takes what was written, as its writer's. */
const taken = (session: Session, next: Parameters<Session['take']>[0], write: Write) => {
  const known = session.declared;
  return withRows(session.take(tracked(known, session.cluster, next, writerOf(session, write)), write));
};

const off = (session: Session) => (name: string) => session.faults.isOff(name);

/** Rows that come and go all at once: their places are their numbers. */
function inOrder<T>(rows: readonly T[], request: PageRequest) {
  const numbered = rows.map((row, order) => ({ row, order }));
  return pageInOrder(numbered, ({ row }) => row, request);
}

const findingRow = ({ code, severity, message, object, file, line, column, path }: Finding) => ({
  code,
  severity,
  message,
  object,
  file,
  line,
  column,
  field: path,
});

const withRows = <T extends { readonly findings: readonly Finding[] }>(answer: T) => ({
  ...answer,
  findings: answer.findings.map(findingRow),
});

export const METHODS = {
  summary: (session: Session) => session.summary,
  snapshot: (session: Session) => ({ bytes: session.snapshot() }),
  findings: (session: Session, request: PageRequest & { readonly severity?: 'warning' | 'notice' }) => {
    const { severity } = request;
    const rows = session.cluster.findings.filter((one) => severity === undefined || one.severity === severity);
    return inOrder(rows.map(findingRow), request);
  },

  kinds: (session: Session, request: PageRequest) => kindsOf(session.declared, session.cluster, request),
  objects: (session: Session, query: ObjectQuery) => {
    session.followVersions();
    return listObjects(session.declared, session.cluster, query);
  },
  object: (session: Session, key: ObjectKey) => {
    session.followVersions();
    return getObject(session.declared, session.cluster, key);
  },
  createObjects: (session: Session, text: TextRequest) =>
    taken(session, createObjects(session.declared, session.cluster, { ...text, seed: session.seed }), text),
  applyObjects: (session: Session, text: TextRequest) => {
    const applied = applyObjects(session.declared, session.cluster, text);
    const created = applied.added.some(({ key }) => !isThere(session.declared, session.cluster, key));
    return { created, ...taken(session, applied, text) };
  },
  replaceObject: (session: Session, { key, ...text }: TextRequest & { readonly key: ObjectKey }) => {
    const created = !isThere(session.declared, session.cluster, key);
    return { created, ...taken(session, replaceObject(session.declared, session.cluster, key, text), text) };
  },
  patchObject: (
    session: Session,
    request: Write & { readonly key: ObjectKey; readonly patch: Patch; readonly file: string },
  ) => taken(session, patchObject(session.declared, session.cluster, request), request),
  serverSideApply: (session: Session, request: ApplyRequest & Write) => {
    const created = !isThere(session.declared, session.cluster, request.key);
    const next = serverSideApply(session.declared, session.cluster, request, writerOf(session, request));
    return { created, ...withRows(session.take(next, request)) };
  },
  /** Of what time has brought about, where it is done again. */
  terminatePod: (session: Session, pod: TerminatingPod) => {
    session.terminate(pod);
    return {};
  },
  deleteObject: (session: Session, { gracePeriodSeconds, dryRun, uid, resourceVersion, ...key }: DeleteRequest) => {
    if (uid !== undefined || resourceVersion !== undefined) {
      session.followVersions();
      const { object = {} } = getObject(session.declared, session.cluster, key);
      requirePreconditions(session.declared, { key, object, uid, resourceVersion });
    }
    const deletion = deleteObject(session.declared, session.cluster, key);
    const how = { atOnce: gracePeriodSeconds === 0, ...(dryRun === undefined ? {} : { dryRun }) };
    return withRows(session.delete(key, deletion, how));
  },

  hosts: (session: Session, query: PageRequest) => listHosts(session.cluster, off(session), query),
  host: (session: Session, { name }: { readonly name: string }) => getHost(session.cluster, off(session), name),
  hostState: (session: Session, { name }: { readonly name: string }) => hostStateOf(session.cluster, name),
  hostText: (session: Session, { name }: { readonly name: string }) => ({ text: hostText(session.cluster, name) }),
  pods: (session: Session, query: PodQuery) => listPods(session.declared, session.cluster, query),
  exec: (session: Session, { target, command }: { readonly target: string; readonly command: readonly string[] }) => {
    session.requireOn(target);
    return bounded(session.cluster.emulation, session.limits, () =>
      session.cluster.live(() => exec(session.cluster, target, command)),
    );
  },

  trace: (session: Session, { id, ...request }: TraceRequest & { readonly id: string }) =>
    session.trace(request, id).summary,
  runExpected,
  whatIf,
  traces: (session: Session, request: PageRequest) => session.traces.list(request),
  traceSummary: (session: Session, { id }: { readonly id: string }) => session.traces.summary(id),
  renderTrace: (
    session: Session,
    {
      id,
      format,
      branch,
    }: { readonly id: string; readonly format: Exclude<TraceFormat, 'summary'>; readonly branch?: number | undefined },
  ) => ({ bytes: session.traces.render(id, format, branch) }),
  deleteTrace: (session: Session, { id }: { readonly id: string }) => {
    session.traces.remove(id);
    return {};
  },

  startCapture: (session: Session, { id, ...request }: CaptureRequest & { readonly id: string }) =>
    session.captures.start(id, request),
  captures: (session: Session, request: PageRequest) => session.captures.list(request),
  capture: (session: Session, { id }: { readonly id: string }) => session.captures.summary(id),
  readCapture: (session: Session, { id, from }: { readonly id: string; readonly from: number }) =>
    session.captures.read(id, from),
  stopCapture: (session: Session, { id }: { readonly id: string }) => session.captures.stop(id),
  deleteCapture: (session: Session, { id }: { readonly id: string }) => {
    session.captures.remove(id);
    return {};
  },

  clock: (session: Session) => session.clock.state,
  runClock: (session: Session, { pace }: { readonly pace: number }) => session.clock.run(pace),
  pauseClock: (session: Session) => session.clock.pause(),
  stepClock: (session: Session, { events }: { readonly events: number }) => session.clock.step(events),
  jumpClock: (session: Session, { toNs, byNs }: { readonly toNs?: number; readonly byNs?: number }) => {
    if (toNs !== undefined && byNs !== undefined) {
      const mistake: Mistake = { message: 'toNs and byNs exclude one another', field: '/byNs' };
      throw new Problem('bad-request', mistake.message, [mistake]);
    }
    const { nowNs } = session.clock.state;
    const target = toNs ?? (byNs === undefined ? undefined : nowNs + byNs);
    if (target === undefined) {
      const mistake: Mistake = { message: 'expected toNs or byNs', field: '' };
      throw new Problem('bad-request', mistake.message, [mistake]);
    }
    return session.clock.jump(target, session.limits.requestMs / 2);
  },

  faults: (session: Session, request: PageRequest) => session.faults.page(request),
  fault: (session: Session, { id }: { readonly id: string }) => session.faults.get(id),
  addFault: (session: Session, { id, fault }: { readonly id: string; readonly fault: FaultRequest }) =>
    session.break(id, fault),
  mendFault: (session: Session, { id }: { readonly id: string }) => {
    session.mend(id);
    return {};
  },

  subscribe: (session: Session, { reader, filter, kinds, resume, replaces, taken, ...options }: SubscribeRequest) =>
    session.stream.subscribe(
      reader,
      {
        ...options,
        kinds: new Set(kinds),
        taken: new Int32Array(taken),
        filter: filterOf(filter, '/filter', kinds),
        send: (bytes, about) => session.onBatch(reader, bytes, about),
      },
      { resume, replaces },
    ),
  unsubscribe: (session: Session, { reader }: { readonly reader: number }) => {
    session.stream.unsubscribe(reader);
    return {};
  },
  dissection: (session: Session, { seq }: { readonly seq: number }) => session.stream.dissection(seq),
};

export type Method = keyof typeof METHODS;
export type Args<M extends Method> = Parameters<(typeof METHODS)[M]>[1];
export type Result<M extends Method> = Awaited<ReturnType<(typeof METHODS)[M]>>;
