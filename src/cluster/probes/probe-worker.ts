/**
 * Probes of one container on virtual time (pkg/kubelet/prober/worker.go): each kind from its delay on, once a period; so
 * many answers alike change the result. Nothing else is asked before the startup probe has succeeded, and a container
 * whose startup or liveness fails is restarted, later each time.
 */

import { type Clock, NS_PER_S, type Timer } from '../../kernel/index.js';
import type { Container, Probe } from '../../kubernetes/index.js';
import type { ProbeAnswer, ProbeKind } from './probe.js';

/** kubelet's MaxContainerBackOff, and where it begins. */
const FIRST_BACK_OFF_S = 10;
const LONGEST_BACK_OFF_S = 300;

export interface ContainerProbesRequest {
  readonly clock: Clock;
  readonly container: Container;
  readonly restarts: boolean;
  readonly send: (kind: ProbeKind, probe: Probe, done: (answer: ProbeAnswer) => void) => void;
  readonly changed: () => void;
}

class ProbeWorker {
  result: boolean | undefined = undefined;
  reason = '';
  #same = 0;
  #last: boolean | undefined = undefined;
  #timer: Timer | undefined = undefined;
  readonly probe: Probe;
  readonly #ask: (done: (answer: ProbeAnswer) => void) => void;
  readonly #clock: Clock;
  readonly #decided: (success: boolean) => void;

  constructor(
    probe: Probe,
    about: {
      readonly clock: Clock;
      readonly ask: (done: (answer: ProbeAnswer) => void) => void;
      readonly decided: (success: boolean) => void;
    },
  ) {
    this.probe = probe;
    this.#clock = about.clock;
    this.#ask = about.ask;
    this.#decided = about.decided;
  }

  /** The first comes when the container has run for its initial delay. */
  start(startedNs: number): void {
    if (this.#timer !== undefined) return;
    const firstNs = startedNs + this.probe.initialDelaySeconds * NS_PER_S;
    this.#timer = this.#clock.schedule(Math.max(0, firstNs - this.#clock.nowNs), () => this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #tick(): void {
    const period = Math.max(1, this.probe.periodSeconds) * NS_PER_S;
    const timer = this.#clock.schedule(period, () => this.#tick());
    this.#timer = timer;
    this.#ask(({ success, reason }) => this.#answered(success, reason));
  }

  #answered(success: boolean, reason: string): void {
    this.#same = this.#last === success ? this.#same + 1 : 1;
    this.#last = success;
    this.reason = reason;
    const threshold = success ? this.probe.successThreshold : this.probe.failureThreshold;
    if (this.#same < threshold || this.result === success) return;
    this.result = success;
    this.#decided(success);
  }
}

export class ContainerProbes {
  readonly #request: ContainerProbesRequest;
  #workers: ReadonlyMap<ProbeKind, ProbeWorker>;
  #startedNs: number;
  /** False while it waits to be started again. */
  #running = true;
  #start: Timer | undefined = undefined;
  #active = false;
  restarts = 0;
  /** Why it was restarted last, or is not ready. */
  #failure = '';

  constructor(request: ContainerProbesRequest) {
    this.#request = request;
    this.#startedNs = request.clock.nowNs;
    this.#workers = this.#newWorkers();
  }

  get name(): string {
    return this.#request.container.name;
  }

  #newWorkers(): ReadonlyMap<ProbeKind, ProbeWorker> {
    const { container, clock, send } = this.#request;
    const kinds = {
      startup: container.startupProbe,
      liveness: container.livenessProbe,
      readiness: container.readinessProbe,
    };
    const workers = new Map<ProbeKind, ProbeWorker>();
    for (const kind of ['startup', 'liveness', 'readiness'] as const) {
      const probe = kinds[kind];
      if (probe === undefined) continue;
      const worker: ProbeWorker = new ProbeWorker(probe, {
        clock,
        // An answer that comes when the container is another's counts for nobody.
        ask: (done) => send(kind, probe, (answer) => this.#workers.get(kind) === worker && done(answer)),
        decided: (success) => this.#decided(kind, success, worker.reason),
      });
      workers.set(kind, worker);
    }
    return workers;
  }

  get #started(): boolean {
    const startup = this.#workers.get('startup');
    return this.#running && (startup === undefined || startup.result === true);
  }

  /** status.containerStatuses[].ready. */
  get ready(): boolean {
    const readiness = this.#workers.get('readiness');
    return this.#started && (readiness === undefined || readiness.result === true);
  }

  /** Whether all of its probes have come to something; a container that was restarted does so again and again. */
  get settled(): boolean {
    return this.restarts > 0 || [...this.#workers.values()].every(({ result }) => result !== undefined);
  }

  get failure(): string {
    return this.#failure;
  }

  resume(): void {
    this.#active = true;
    if (!this.#running) {
      this.#await();
      return;
    }
    for (const [kind, worker] of this.#workers)
      if (kind === 'startup' ? worker.result !== true : this.#started) worker.start(this.#startedNs);
  }

  pause(): void {
    this.#active = false;
    this.#start?.cancel();
    this.#start = undefined;
    for (const worker of this.#workers.values()) worker.stop();
  }

  /** Its back-off passes; one that the pod does not restart stays as it is. */
  #await(): void {
    const { clock, restarts, changed } = this.#request;
    if (!restarts || this.#start !== undefined) return;
    this.#start = clock.schedule(Math.max(0, this.#startedNs - clock.nowNs), () => {
      this.#start = undefined;
      this.#running = true;
      this.#workers = this.#newWorkers();
      this.resume();
      changed();
    });
  }

  #decided(kind: ProbeKind, success: boolean, reason: string): void {
    this.#failure = success ? '' : `${kind} probe of container ${this.name} fails: ${reason}`;
    if (kind === 'startup') this.#workers.get('startup')?.stop();
    if (kind !== 'readiness' && !success) this.#restart();
    else if (this.#active) this.resume();
    this.#request.changed();
  }

  /** The container is killed; it comes back after its back-off, and begins anew. */
  #restart(): void {
    const { clock } = this.#request;
    for (const worker of this.#workers.values()) worker.stop();
    this.#running = false;
    this.restarts += 1;
    const backOff = Math.min(LONGEST_BACK_OFF_S, FIRST_BACK_OFF_S * 2 ** (this.restarts - 1)) * NS_PER_S;
    this.#startedNs = clock.nowNs + backOff;
    if (this.#active) this.#await();
  }
}
