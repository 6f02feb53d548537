/**
 * Readiness of pods of which the input records none: what the kubelets' probes find out. They are sent when the first
 * packet or reader asks something of the cluster, until every pod is known to be ready or not; afterwards while time passes.
 */

import { isDeepStrictEqual } from 'node:util';
import { type Emulation, type Host, type Netns, NS_PER_S } from '../../kernel/index.js';
import {
  append,
  type Container,
  type Finding,
  finding,
  isFinished,
  type Pod,
  type Probe,
  type Store,
} from '../../kubernetes/index.js';
import type { Ipv4Addr } from '../../packet/index.js';
import { isSidecar, longContainers, placedContainers } from '../input/containers.js';
import { asksPod, portReference, probesOf } from '../input/probed-ports.js';
import type { Sandbox } from '../node/kubelet.js';
import { EXEC_ANNOTATION, sendProbe } from './probe.js';
import { ContainerProbes } from './probe-worker.js';

export interface ProberRequest {
  readonly enabled: boolean;
  readonly store: Store;
  readonly emulation: Emulation;
  /** A node's machine, built now if nobody asked for it before. */
  readonly nodeOf: (name: string) => Host | undefined;
  readonly sandboxOf: (pod: Pod) => Sandbox | undefined;
  readonly addressOf: (pod: Pod) => Ipv4Addr | undefined;
  readonly report: (findings: readonly Finding[]) => void;
  /** The statuses of pods have changed. */
  readonly changed: () => void;
}

/** A pod that is said to be ready, or not to be, is believed. */
const isProbed = (pod: Pod): boolean =>
  pod.status.ready === undefined &&
  pod.spec.nodeName !== '' &&
  !isFinished(pod) &&
  longContainers(pod).some((container) => probesOf(container).length > 0);

/** How long all probes of a container may take, one kind after the other. */
const longestS = (container: Container): number =>
  probesOf(container)
    .map(({ initialDelaySeconds, periodSeconds, successThreshold, failureThreshold, timeoutSeconds }) => {
      const times = successThreshold + failureThreshold + 1;
      return initialDelaySeconds + times * (Math.max(1, periodSeconds) + timeoutSeconds);
    })
    .reduce((sum, seconds) => sum + seconds, 0);

const keyOf = ({ namespace, name }: Pod): string => `${namespace}/${name}`;

interface ProbedPod {
  readonly namespace: string;
  readonly name: string;
  readonly containers: readonly ContainerProbes[];
}

export class Prober {
  readonly #request: ProberRequest;
  #pods: readonly ProbedPod[] = [];
  /** Pods may have come that nobody has probed yet. */
  #unsettled = true;
  /** Those that have been told not to be ready before their first probe. */
  readonly #waiting = new Set<string>();
  #dirty = false;

  constructor(request: ProberRequest) {
    this.#request = request;
  }

  /** Probes every pod that needs it and has not been probed yet. Its nodes are built for it. */
  settle(): void {
    if (!this.#unsettled) return;
    this.#unsettled = false;
    const { store, emulation, nodeOf } = this.#request;
    this.#wait();
    const pods = store.list('Pod').filter((pod) => this.#waiting.has(keyOf(pod)));
    this.#waiting.clear();
    if (pods.length === 0) return;
    for (const { spec } of pods) nodeOf(spec.nodeName);
    this.#pods = [...this.#pods, ...pods.flatMap((pod) => this.#probed(pod) ?? [])];
    const longest = pods.flatMap((pod) => longContainers(pod).map(longestS)).reduce((a, b) => Math.max(a, b), 0);
    this.#resume();
    const settled = (): boolean => !this.#dirty && this.#all().every((container) => container.settled);
    emulation.run(settled, emulation.clock.nowNs + longest * NS_PER_S);
    this.#pause();
    // Connections of the probes come to their end.
    emulation.advance(NS_PER_S);
    this.#write();
    this.#tell(pods);
  }

  /** Nobody is an endpoint before a probe has succeeded. */
  #wait(): void {
    const { enabled, store } = this.#request;
    for (const pod of enabled ? store.list('Pod').filter(isProbed) : []) {
      this.#waiting.add(keyOf(pod));
      store.put('Pod', { ...pod, status: { ...pod.status, ready: false } });
    }
  }

  /** In other objects, pods of which the probes have found out whether they are ready are as ready as they were found. */
  keepReadiness(next: Store): void {
    for (const pod of next.list('Pod')) {
      const { namespace, name, status, spec } = pod;
      if (this.#find(namespace, name) === undefined && !this.#waiting.has(keyOf(pod))) continue;
      const held = this.#request.store.get('Pod', namespace, name);
      if (
        held === undefined ||
        held.uid !== pod.uid ||
        status.ready !== undefined ||
        !isDeepStrictEqual(held.spec, spec)
      )
        continue;
      next.put('Pod', { ...pod, status: { ...status, ready: held.status.ready } });
    }
  }

  #find(namespace: string, name: string): ProbedPod | undefined {
    return this.#pods.find((pod) => pod.namespace === namespace && pod.name === name);
  }

  /** Whether the probes find out how ready it is. */
  probes(pod: Pod): boolean {
    return this.#find(pod.namespace, pod.name) !== undefined || this.#waiting.has(keyOf(pod));
  }

  /** Pods that have stopped are forgotten; those that have started are probed when somebody asks next. */
  podsChanged(stopped: readonly Pod[]): void {
    this.#unsettled = true;
    const gone = new Set(stopped.map(keyOf));
    for (const key of gone) this.#waiting.delete(key);
    this.#wait();
    this.#pods = this.#pods.filter(({ namespace, name, containers }) => {
      if (!gone.has(`${namespace}/${name}`)) return true;
      for (const container of containers) container.pause();
      return false;
    });
  }

  /** While time passes, probes go on. */
  live(pass: () => void): void {
    this.#resume();
    try {
      pass();
    } finally {
      this.#pause();
    }
  }

  #all(): readonly ContainerProbes[] {
    return this.#pods.flatMap(({ containers }) => containers);
  }

  #resume(): void {
    for (const container of this.#all()) container.resume();
  }

  #pause(): void {
    for (const container of this.#all()) container.pause();
  }

  #probed(pod: Pod): ProbedPod | undefined {
    const { emulation, sandboxOf, addressOf } = this.#request;
    const netns: Netns | undefined = sandboxOf(pod)?.netns.host.netns;
    // A pod that got no network is nobody's to ask for its address.
    const address = netns && addressOf(pod);
    if (netns === undefined || address === undefined) return undefined;
    const containers = longContainers(pod).map(
      (container) =>
        new ContainerProbes({
          clock: emulation.clock,
          container,
          restarts: isSidecar(container) || pod.spec.restartPolicy !== 'Never',
          send: (kind, probe, done) =>
            emulation.wake(() => sendProbe({ netns, pod, address, container, kind, probe }, done)),
          changed: () => this.#changed(),
        }),
    );
    return { namespace: pod.namespace, name: pod.name, containers };
  }

  /** What changes at one instant is written once. */
  #changed(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#request.emulation.wake(() => {
      this.#dirty = false;
      this.#write();
    });
  }

  #write(): void {
    const { store, changed } = this.#request;
    let any = false;
    for (const { namespace, name, containers } of this.#pods) {
      const pod = store.get('Pod', namespace, name);
      const ready = containers.every((container) => container.ready);
      if (pod === undefined || pod.status.ready === ready) continue;
      store.put('Pod', { ...pod, status: { ...pod.status, ready } });
      any = true;
    }
    if (any) changed();
  }

  #tell(pods: readonly Pod[]): void {
    const findings: Finding[] = [];
    for (const pod of pods) {
      const containers = this.#find(pod.namespace, pod.name)?.containers;
      const notReady = containers?.filter((container) => !container.ready || container.restarts > 0) ?? [];
      for (const { name, failure, restarts } of notReady) {
        const path = placedContainers(pod).find(({ container }) => container.name === name)?.path ?? ['spec'];
        const outcome = restarts > 0 ? 'the kubelet restarts it again and again' : 'the pod is not ready';
        const message = `${failure === '' ? `container ${name} has not become ready` : failure}: ${outcome}`;
        findings.push(finding(pod, path, { code: 'probe', severity: 'warning', message }));
      }
      append(findings, assumed(pod));
    }
    this.#request.report(findings);
  }
}

const KINDS = ['startupProbe', 'livenessProbe', 'readinessProbe'] as const;

/** Probes of which not all is sent, and ports that are taken as open for their sake where the container declares others. */
const assumed = (pod: Pod): readonly Finding[] =>
  placedContainers(pod).flatMap(({ container, path }) =>
    KINDS.flatMap((kind) => {
      const probe = container[kind];
      if (probe === undefined) return [];
      const notice = (code: 'unmodelled' | 'probe', message: string | undefined): Finding[] =>
        message === undefined ? [] : [finding(pod, [...path, kind], { code, severity: 'notice', message })];
      return [...notice('unmodelled', unsent(probe, pod)), ...notice('probe', undeclared(probe, container, pod))];
    }),
  );

function unsent({ httpGet, grpc, exec }: Probe, { annotations }: Pod): string | undefined {
  if (httpGet?.scheme === 'HTTPS') return 'TLS is not modelled: the connection alone counts';
  if (grpc !== undefined) return 'gRPC is not modelled: the connection alone counts';
  if (exec === undefined || annotations[EXEC_ANNOTATION] !== undefined) return undefined;
  return `its command is not run, and taken to succeed; the annotation ${EXEC_ANNOTATION} says otherwise`;
}

function undeclared(probe: Probe, container: Container, pod: Pod): string | undefined {
  const port = portReference(probe);
  const declared = container.ports.filter(({ protocol }) => protocol === 'TCP').map((one) => one.containerPort);
  if (typeof port !== 'number' || declared.length === 0 || declared.includes(port)) return undefined;
  if (!asksPod(probe, pod)) return undefined;
  return `container ${container.name} declares port ${declared.join(', ')}, and is taken to listen on ${port} since this probe asks there`;
}
