/**
 * One cluster at work: its declared objects, the emulation that is built from them, and everything that users have going
 * on in it. It takes changes of objects while it runs; where it cannot, a cluster that is built anew takes its place.
 */

import type { Side } from '../../analysis/index.js';
import {
  type Cluster,
  type ClusterEvent,
  type FaultRequest,
  type RecordedState,
  withoutPods,
} from '../../cluster/index.js';
import {
  Declared,
  type DeclaredObject,
  type Deletion,
  describeKey,
  type ObjectKey,
  type Silence,
  type TerminatingPod,
} from '../../kubernetes/index.js';
import type { NameLookup } from '../filter/facts.js';
import type { Limits } from '../options.js';
import { badObjects } from '../problem.js';
import { shownObject } from './assigned.js';
import { Captures } from './captures.js';
import { type Change, type ChangedObjects, type DeletedObjects, goneOf, podKey, podsOf } from './change-answer.js';
import {
  eventOf,
  faultEvent,
  namesOfPods,
  nodeEvent,
  tellObjects,
  tellPods,
  terminatingEvent,
} from './change-events.js';
import { endingTaints, Evictions, type TaintSince } from './evictions.js';
import { type Fault, Faults } from './faults.js';
import { nameLookup } from './names.js';
import { deleteObject } from './objects.js';
import { withWrittenPods } from './pods-of-controllers.js';
import { keepingUnheard, type Wanted } from './terminating.js';
import { requireOn, whyOff } from './off.js';
import { build, open, type SessionRequest } from './opening.js';
import { Overdue, type OverdueRequest } from './overdue.js';
import { SessionClock } from './session-clock.js';
import { requireRestored } from './restored.js';
import { encodeSnapshot } from './snapshot.js';
import { countsOf, type SessionSummary } from './summary.js';
import { Stream } from '../stream/stream.js';
import type { SubscriberOptions } from '../stream/subscriber.js';
import { Taps } from './taps.js';
import { type RunTrace, type TraceRequest, Traces } from './traces.js';
import { mending } from './mending.js';
import { FollowedVersions, heldVersions, laterVersions, withChecks, withoutChecks } from './versions.js';

/** Where a cluster is, beside its objects. */
export interface Left {
  /** Virtual time. */
  readonly nowNs: number;
  readonly faults: readonly Fault[];
  /** Taints that end pods, since when. */
  readonly taints: readonly TaintSince[];
  /** Of the last change of an object. */
  readonly version: number;
}

/** The silence is as before where it is not said. */
type SomeWanted = Pick<Wanted, 'declared'> & Partial<Wanted>;
type Taken = SomeWanted & { readonly added: readonly DeclaredObject[] };

const NOBODY_GOES = { deletedPods: [], forced: [] };

export class Session {
  readonly name: string;
  readonly seed: number;
  readonly limits: Limits;
  readonly faults = new Faults();
  readonly #evictions = new Evictions();
  readonly #overdue: Overdue;
  readonly captures: Captures;
  readonly traces: Traces;
  readonly clock: SessionClock;
  readonly stream: Stream;
  /** Told of pods that time has ended, so that they stay so where the session is made anew. */
  onEvicted: (pod: ObjectKey) => void = () => undefined;
  /** The same of those that are only on their way. */
  onTerminating: (pod: TerminatingPod) => void = () => undefined;
  /** Takes what goes to readers of the stream; set by whoever runs the session. */
  onBatch: (reader: number, ...batch: Parameters<SubscriberOptions['send']>) => void = () => undefined;
  #declared: Declared;
  #cluster: Cluster;
  #taps = new Taps();
  #lookup: NameLookup;
  #generation = 1;
  readonly #versions = new FollowedVersions();

  /** @throws Problem */
  constructor(request: SessionRequest) {
    const { name, seed, declared, cluster, faults, taints, given } = open(request);
    this.name = name;
    this.seed = seed;
    this.limits = request.limits;
    this.#declared = heldVersions(declared, cluster.store);
    this.#cluster = cluster;
    this.#lookup = nameLookup(cluster);
    this.faults.restore(faults, cluster);
    this.#evictions.resume(taints, cluster.store);
    const over: OverdueRequest = {
      cluster: () => this.#cluster,
      faults: this.faults,
      evictions: this.#evictions,
      silence: () => this.#cluster.silence,
      hear: (silence, turned) => this.#hear(silence, turned),
      evict: (pod) => this.#evict(pod),
      terminate: (pod) => this.terminate(pod),
    };
    this.#overdue = new Overdue(over);
    this.captures = new Captures({ cluster, taps: this.#taps, lookup: this.#lookup }, request.limits);
    this.traces = new Traces(request.limits);
    this.stream = new Stream(cluster, this.#lookup, request.limits.replay);
    this.clock = new SessionClock(cluster, {
      told: () => {
        const { running, pace, nowNs, stopped } = this.clock.state;
        const subject = running ? `runs at ${pace}` : 'stands';
        this.stream.event({ event: 'clock', subject, detail: stopped ?? `${nowNs} ns` });
      },
      dueNs: () => this.#overdue.dueNs,
      due: () => this.#overdue.settle(),
    });
    cluster.watch((happened) => this.#tell(happened));
    if (given !== undefined) requireRestored(given, this.snapshot(given.name));
  }

  get cluster(): Cluster {
    return this.#cluster;
  }

  get declared(): Declared {
    return this.#declared;
  }

  get generation(): number {
    return this.#generation;
  }

  get summary(): SessionSummary {
    const { name, seed, generation } = this;
    return { name, seed, generation, objects: this.#declared.size, ...countsOf(this.#cluster) };
  }

  /** As a reader of the cluster: pods of which the input does not say whether they are ready are known to be by then. */
  snapshot(name = this.name): Uint8Array {
    this.#cluster.settleProbes();
    this.#overdue.settle();
    return encodeSnapshot({
      ...heldVersions(this.#declared, this.#cluster.store).texts,
      name,
      seed: this.seed,
      recorded: this.#cluster.recorded,
      faults: this.faults.list(),
      taints: this.#evictions.since,
      nowNs: this.#cluster.emulation.clock.nowNs,
    });
  }

  /** Where the cluster is, beside its objects. */
  get left(): Left {
    const { nowNs } = this.#cluster.emulation.clock;
    const { current: version } = this.#declared.versions;
    return { nowNs, faults: this.faults.list(), taints: this.#evictions.since, version };
  }

  /** With versions of what controllers have changed since somebody last read. */
  followVersions(): void {
    this.#cluster.settleEndpoints();
    this.#declared = this.#versions.follow(this.#declared, this.#cluster.store);
  }

  /** Does changes again that were made in a thread that ended: whatever versions they named were those that were there. */
  doAgain(changes: () => void): void {
    this.#declared = withoutChecks(this.#declared);
    changes();
    this.#declared = withChecks(this.#declared);
  }

  /** What a thread that ended has left: its time goes on, and what was broken is broken. */
  goOnFrom({ nowNs, faults, taints, version }: Left): void {
    this.#declared = laterVersions(this.#declared, version);
    this.#evictions.resume(taints, this.#cluster.store);
    for (const { id } of this.faults.list()) this.faults.mend(this.#cluster, id);
    const { clock } = this.#cluster.emulation;
    if (nowNs > clock.nowNs) mending(() => this.#cluster.emulation.advance(nowNs - clock.nowNs));
    this.faults.restore(faults, this.#cluster);
    this.#overdue.settle();
  }

  /** What time has brought about that only controllers know of. */
  settleOverdue(): void {
    this.#overdue.settle();
  }

  /** A cluster of other objects with what is on record in this one. Changes nothing here. @throws Problem */
  #buildWith(wanted: Wanted): Cluster {
    const { nowNs } = this.#cluster.emulation.clock;
    return build(wanted.declared, this.seed, { recorded: this.#recordWith(wanted), nowNs });
  }

  /** All that is wanted, where pods stay that nobody can say to be gone. @throws Problem */
  #wholly(some: SomeWanted): Wanted {
    const wanted = { deletedPods: [], silence: this.#cluster.silence, forced: [], ...some };
    const before = { declared: this.#declared, cluster: this.#cluster };
    return keepingUnheard(before, wanted, (next) => this.#buildWith(next));
  }

  /** The same once more, of these objects and with more faults: nothing that happens there happens here. @throws Problem */
  copy(some: SomeWanted, faults: readonly FaultRequest[]): Side {
    const cluster = this.#buildWith(this.#wholly(some));
    const copied = new Faults();
    copied.restore(this.faults.list(), cluster);
    for (const [i, fault] of faults.entries()) copied.add(cluster, `what-if-${i}`, fault);
    return { cluster, whyNotFrom: (from) => whyOff(cluster, copied, from) };
  }

  /** Takes other objects, while the cluster runs where it can. @throws Problem, and then nothing has changed */
  change(some: SomeWanted): Change {
    return this.#make(this.#wholly(some));
  }

  #make(wanted: Wanted): Change {
    this.#declared = this.#versions.follow(this.#declared, this.#cluster.store);
    const before = { declared: this.#declared, cluster: this.#cluster };
    const { pods: ending } = before.cluster.silence;
    const { declared } = wanted;
    const events: ClusterEvent[] = [];
    this.#cluster.watch((happened) => events.push(...happened));
    const pods = namesOfPods(this.#cluster.store);
    const taints = endingTaints(this.#cluster.store);
    let change: Change;
    try {
      change = this.#become(wanted);
    } finally {
      this.#cluster.watch((happened) => this.#tell(happened));
    }
    this.#declared = this.#versions.follow(declared, this.#cluster.store);
    this.#generation += 1;
    this.#evictions.follow(this.#cluster.store, taints, this.#cluster.emulation.clock.nowNs);
    tellObjects(this.stream, this.#cluster.store, [before.declared, declared]);
    tellPods(this.stream, pods, namesOfPods(this.#cluster.store));
    if (change.rebuilt) this.stream.event({ event: 'rebuilt', subject: this.name, detail: change.why });
    this.#tell(events);
    this.#tellTerminating(ending);
    return change;
  }

  /** Pods that are on their way out since `before` was all that were. */
  #tellTerminating(before: readonly TerminatingPod[]): void {
    for (const pod of this.#cluster.silence.pods) {
      if (before.includes(pod)) continue;
      this.stream.event(terminatingEvent(pod));
      this.onTerminating(pod);
    }
  }

  #recordWith({ deletedPods, silence }: Wanted): RecordedState {
    return withoutPods({ ...this.#cluster.recorded, silence }, deletedPods);
  }

  /** @throws Problem, and then nothing has changed */
  #become(wanted: Wanted): Change {
    const recorded = this.#recordWith(wanted);
    const outcome = mending(() => this.#cluster.change(wanted.declared.documents, recorded));
    if (outcome.kind === 'refused') throw badObjects(outcome.errors);
    if (outcome.kind === 'anew') {
      this.#rebuild(wanted);
      return { rebuilt: true, why: outcome.why };
    }
    this.#goOn();
    return { rebuilt: false };
  }

  /** Interfaces have come and gone, and names. */
  #goOn(): void {
    const cluster = this.#cluster;
    this.#lookup = nameLookup(cluster);
    this.faults.carryTo(cluster);
    this.captures.carryTo({ cluster, taps: this.#taps, lookup: this.#lookup });
    this.stream.rename(this.#lookup);
  }

  #rebuild(wanted: Wanted): void {
    const cluster = this.#buildWith(wanted);
    const lookup = nameLookup(cluster);
    cluster.emulation.numberOn(this.#cluster.emulation);
    this.traces.letGo();
    this.faults.carryTo(cluster);
    this.#cluster = cluster;
    this.#lookup = lookup;
    this.#taps = new Taps();
    this.captures.carryTo({ cluster, taps: this.#taps, lookup });
    this.clock.carryTo(cluster);
    this.stream.carryTo(cluster, lookup);
  }

  #tell(events: readonly ClusterEvent[]): void {
    for (const event of events) this.stream.event(eventOf(event));
  }

  /** Objects out of a text. @throws Problem */
  take({ added, ...wanted }: Taken, { dryRun = false } = {}): ChangedObjects {
    const { change, cluster } = this.#changeOr(dryRun, wanted);
    const { declared } = dryRun ? wanted : this;
    const names = new Set(added.map(({ key }) => describeKey(key)));
    return {
      objects: added.map((one) => shownObject(one, { declared, store: cluster.store })),
      change,
      findings: cluster.findings.filter(({ object }) => names.has(object)),
    };
  }

  /** Objects that go, and what goes with them. @throws Problem */
  delete(
    key: ObjectKey,
    { declared, dependents, pods }: Deletion,
    { atOnce = false, dryRun = false } = {},
  ): DeletedObjects {
    const before = podsOf(this.#cluster);
    const wanted = { declared, deletedPods: pods, forced: atOnce ? [key] : [] };
    const { change, cluster } = this.#changeOr(dryRun, wanted);
    return { ...goneOf([key, ...dependents], before, cluster), change, findings: [] };
  }

  /** A change that is made, or what would become of it in a cluster of its own. @throws Problem */
  #changeOr(dryRun: boolean, some: SomeWanted): { readonly change: Change; readonly cluster: Cluster } {
    if (dryRun) return this.#rehearse(this.#wholly(some));
    const change = this.change(some);
    return { change, cluster: this.#cluster };
  }

  /** @throws Problem as the change itself would */
  #rehearse(wanted: Wanted): { readonly change: Change; readonly cluster: Cluster } {
    const cluster = this.#buildWith({
      ...wanted,
      declared: this.#declared,
      deletedPods: [],
      silence: this.#cluster.silence,
    });
    const outcome = mending(() => cluster.change(wanted.declared.documents, this.#recordWith(wanted)));
    if (outcome.kind === 'refused') throw badObjects(outcome.errors);
    if (outcome.kind === 'changed') return { change: { rebuilt: false }, cluster };
    return { change: { rebuilt: true, why: outcome.why }, cluster: this.#buildWith(wanted) };
  }

  #hear(silence: Silence, turned: readonly string[]): void {
    this.#make({ declared: this.#declared, silence, ...NOBODY_GOES });
    for (const node of turned) this.stream.event(nodeEvent(node, silence.nodes.includes(node)));
  }

  /** The pod is deleted and stays until somebody hears of its node; its controller makes another, if it need not have its name. */
  terminate(pod: TerminatingPod): void {
    const { silence } = this.#cluster;
    const declared = withWrittenPods(this.#declared, this.#cluster, [podKey(pod)]);
    this.#make({ declared, silence: { ...silence, pods: [...silence.pods, pod] }, ...NOBODY_GOES });
  }

  #evict(pod: ObjectKey): void {
    this.delete(pod, deleteObject(this.#declared, this.#cluster, pod), { atOnce: true });
    this.onEvicted(pod);
  }

  /** Sends a connection and keeps what happens to it. @throws Problem */
  trace(request: TraceRequest, id: string): RunTrace {
    this.requireOn(request.from);
    const traced = this.traces.run(this.#cluster, request, { id, generation: this.#generation });
    this.stream.traced(traced);
    return traced;
  }

  /** Breaks something. @throws Problem */
  break(id: string, fault: FaultRequest): Fault {
    const added = this.faults.add(this.#cluster, id, fault);
    this.stream.event(faultEvent('fault-added', fault, id));
    return added;
  }

  /** Mends a fault. A machine that was off boots afresh, and captures on it go on with its new interfaces. @throws Problem */
  mend(id: string): void {
    const fault = this.faults.mend(this.#cluster, id);
    this.stream.event(faultEvent('fault-mended', fault, id));
    this.#overdue.hear();
    this.#taps = new Taps();
    this.captures.carryTo({ cluster: this.#cluster, taps: this.#taps, lookup: this.#lookup });
  }

  /** @throws Problem where a fault keeps what the name means from doing anything */
  requireOn(name: string): void {
    requireOn(this.#cluster, this.faults, name);
  }
}
