/**
 * The controllers that keep EndpointSlices (pkg/controller/endpointslice, endpointslicemirroring), in the converged mode:
 * what they would have written in the end. Slices that are in the input stay, and count.
 */

import {
  append,
  type Endpoints,
  type EndpointSlice,
  type Finding,
  finding,
  isFinished,
  type KubeNode,
  labelOf,
  type Pod,
  type Service,
} from '../../kubernetes/index.js';
import { API_SERVER_NAMESPACE, apiServerSlices, isApiServerService } from './api-server.js';
import { type EndpointContext, MANAGED_BY, MIRRORING_CONTROLLER, SERVICE_NAME, SLICE_CONTROLLER } from './context.js';
import { deriveSlices } from './derive.js';
import { differences } from './difference.js';
import { mirrorSlices, notMirroredFor } from './mirror.js';
import { targetPortOf } from './ports.js';
import { SelectedPods } from './selected-pods.js';
import { type ZoneShares, zoneShares } from './topology-hints.js';

/** What the controllers make of one Service. */
export interface ServiceSlices {
  readonly slices: readonly EndpointSlice[];
  readonly findings: readonly Finding[];
}

/** What the slices of a Service hang on, beside the Service itself. */
interface Sources {
  readonly pods: readonly Pod[];
  readonly nodes: readonly KubeNode[];
  /** Kept by hand under the Service's name. */
  readonly endpoints: Endpoints | undefined;
  readonly given: readonly EndpointSlice[];
}

interface Memo {
  readonly service: Service;
  readonly sources: Sources;
  readonly answer: ServiceSlices;
}

const NOTHING: ServiceSlices = { slices: [], findings: [] };

const managedBy = ({ labels }: EndpointSlice): string => labelOf(labels, MANAGED_BY) ?? '';

const isMirror = (slice: EndpointSlice): boolean => managedBy(slice) === MIRRORING_CONTROLLER;

const sameMembers = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a === b || (a.length === b.length && a.every((member, i) => member === b[i]));

const sameSources = (a: Sources, b: Sources): boolean =>
  a.nodes === b.nodes && a.endpoints === b.endpoints && sameMembers(a.pods, b.pods) && sameMembers(a.given, b.given);

export class EndpointSliceController {
  readonly #context: EndpointContext;
  readonly #pods: SelectedPods;
  readonly #memos = new Map<string, Memo>();
  /** Names of slices that this controller has put into the store, by Service. */
  readonly #own = new Map<string, readonly EndpointSlice[]>();

  #shares: { readonly nodes: readonly KubeNode[]; readonly shares: ZoneShares | undefined } | undefined = undefined;

  constructor(context: EndpointContext) {
    this.#context = context;
    this.#pods = new SelectedPods(context.store);
  }

  /** Brings the store's slices up to date; what is new of what was found. */
  run(): readonly Finding[] {
    const { store } = this.#context;
    const given = groupByService(store.list('EndpointSlice'), (slice) => !this.isOwn(slice));
    const findings: Finding[] = [];
    const seen = new Set<string>();
    for (const service of store.list('Service')) {
      const key = `${service.namespace}/${service.name}`;
      seen.add(key);
      const before = this.#memos.get(key);
      const answer = this.of(service, given.get(key) ?? []);
      if (answer === before?.answer) continue;
      append(
        findings,
        answer.findings.filter(({ message }) => !this.#wasTold(before, key, message)),
      );
      this.#put(key, answer.slices);
    }
    for (const key of this.#own.keys()) {
      if (seen.has(key)) continue;
      this.#put(key, []);
      this.#own.delete(key);
      this.#memos.delete(key);
    }
    return findings;
  }

  /** Of the same objects; what is said of others is said anew. */
  #wasTold(before: Memo | undefined, key: string, message: string): boolean {
    const now = this.#memos.get(key);
    if (before === undefined || before.service !== now?.service) return false;
    if (!sameMembers(before.sources.given, now.sources.given)) return false;
    return before.answer.findings.some((told) => told.message === message);
  }

  /** The slices of a Service that has those in the input: the same answer as long as nothing that it hangs on changes. */
  of(service: Service, given: readonly EndpointSlice[]): ServiceSlices {
    const { namespace, name } = service;
    const key = `${namespace}/${name}`;
    const { store } = this.#context;
    const sources: Sources = {
      pods: this.#podsOf(service),
      nodes: store.list('Node'),
      endpoints: store.get('Endpoints', namespace, name),
      given,
    };
    const memo = this.#memos.get(key);
    if (memo?.service === service && sameSources(memo.sources, sources)) return memo.answer;
    const answer = this.#derive(service, sources);
    this.#memos.set(key, { service, sources, answer });
    return answer;
  }

  /** Those that a Service selects; of the API servers' own Service those among which they run. */
  #podsOf(service: Service): readonly Pod[] {
    const { namespace, spec } = service;
    const selects = Object.keys(spec.selector).length > 0;
    if (!selects && isApiServerService(service)) return this.#context.store.list('Pod', API_SERVER_NAMESPACE);
    return this.#pods.of(namespace, spec.selector);
  }

  #derive(service: Service, { pods, endpoints, given }: Sources): ServiceSlices {
    const { store, seed } = this.#context;
    if (service.spec.type === 'ExternalName') return NOTHING;
    if (Object.keys(service.spec.selector).length > 0) return this.#deriveSelected(service, pods, given);
    if (isApiServerService(service) && given.length === 0) {
      const slices = apiServerSlices(service, pods, store);
      if (slices.length > 0) return { slices, findings: [] };
    }
    const kept = endpoints === undefined ? undefined : notMirroredFor(endpoints);
    if (endpoints === undefined || kept !== undefined || given.some(isMirror)) {
      const findings = given.length > 0 ? portsOfNobody(service, given) : withoutAnybody(service, kept);
      return { slices: [], findings };
    }
    const slices = mirrorSlices(endpoints, seed);
    return { slices, findings: portsOfNobody(service, [...given, ...slices]) };
  }

  #deriveSelected(service: Service, pods: readonly Pod[], given: readonly EndpointSlice[]): ServiceSlices {
    const slices = deriveSlices(service, pods, { context: this.#context, zones: this.#zones() });
    const missing = missingPorts(service, pods);
    const kept = given.filter((slice) => managedBy(slice) === SLICE_CONTROLLER);
    if (kept.length === 0) return { slices, findings: missing };
    return { slices: [], findings: [...missing, ...differences(service, kept, slices)] };
  }

  #zones(): ZoneShares | undefined {
    const nodes = this.#context.store.list('Node');
    if (this.#shares?.nodes !== nodes) this.#shares = { nodes, shares: zoneShares(nodes) };
    return this.#shares.shares;
  }

  /** Whether this controller has put it into the store. */
  isOwn(slice: EndpointSlice): boolean {
    const key = `${slice.namespace}/${labelOf(slice.labels, SERVICE_NAME) ?? ''}`;
    return this.#own.get(key)?.includes(slice) ?? false;
  }

  #put(key: string, slices: readonly EndpointSlice[]): void {
    const { store } = this.#context;
    for (const own of this.#own.get(key) ?? []) {
      const { namespace, name } = own;
      const isThere = store.get('EndpointSlice', namespace, name) === own;
      if (isThere && !slices.some((slice) => slice.name === name)) store.delete('EndpointSlice', namespace, name);
    }
    for (const slice of slices) store.put('EndpointSlice', slice);
    this.#own.set(key, slices);
  }
}

function groupByService(
  slices: readonly EndpointSlice[],
  isGiven: (slice: EndpointSlice) => boolean,
): ReadonlyMap<string, readonly EndpointSlice[]> {
  const groups = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const name = labelOf(slice.labels, SERVICE_NAME);
    if (name === undefined || !isGiven(slice)) continue;
    const key = `${slice.namespace}/${name}`;
    groups.set(key, [...(groups.get(key) ?? []), slice]);
  }
  return groups;
}

/** A target port by a name that pods do not have gives no endpoint. */
function missingPorts(service: Service, pods: readonly Pod[]): readonly Finding[] {
  const running = pods.filter((pod) => !isFinished(pod));
  return service.spec.ports.flatMap((port, i) => {
    const without = running.filter((pod) => targetPortOf(port, pod) === undefined).length;
    if (without === 0) return [];
    const whose =
      without === running.length
        ? 'no pod that it selects'
        : `${without} of the ${running.length} pods that it selects do not`;
    const have = without === running.length ? 'has' : 'have';
    const message = `targetPort ${JSON.stringify(port.targetPort)}: ${whose} ${have} a ${port.protocol} port of that name: port ${port.port} has no endpoints there`;
    return [finding(service, ['spec', 'ports', i, 'targetPort'], { code: 'endpoints', severity: 'warning', message })];
  });
}

const nameOf = ({ protocol, name }: { readonly protocol: string; readonly name: string }): string =>
  name === '' ? `${protocol} without a name` : `${protocol} ${JSON.stringify(name)}`;

/** Endpoints that somebody keeps by hand belong to a port of the Service by its name. */
function portsOfNobody(service: Service, slices: readonly EndpointSlice[]): readonly Finding[] {
  if (service.spec.headless) return [];
  const useful = slices.filter(({ addressType }) => addressType !== 'FQDN');
  if (useful.length === 0 && slices.length > 0) {
    const message = 'its EndpointSlices are of the type FQDN, which kube-proxy passes over: it has no endpoints';
    return [finding(service, [], { code: 'endpoints', severity: 'warning', message })];
  }
  const names = new Set(useful.flatMap(({ ports }) => ports.map(nameOf)));
  return service.spec.ports.flatMap((port, i) => {
    if (names.has(nameOf(port)) || names.size === 0) return [];
    const message = `no endpoint of it has the port ${nameOf(port)}, but ${[...names].join(', ')}: port ${port.port} has no endpoints`;
    return [finding(service, ['spec', 'ports', i, 'name'], { code: 'endpoints', severity: 'warning', message })];
  });
}

/** `kept`: for what its Endpoints are not mirrored, where there are any. */
function withoutAnybody(service: Service, kept: string | undefined): readonly Finding[] {
  if (service.spec.ports.length === 0) return [];
  const told = (severity: 'notice' | 'warning', message: string): readonly Finding[] => [
    finding(service, ['spec', 'selector'], { code: 'endpoints', severity, message: `${message}: it has no endpoints` }),
  ];
  if (isApiServerService(service))
    return told('notice', 'no EndpointSlice says where the API servers are, and none of their pods are in the input');
  if (kept === undefined) return told('warning', 'it has no selector, and neither EndpointSlices nor Endpoints');
  return told(
    'warning',
    `it has no selector, and its Endpoints are not mirrored into EndpointSlices for their ${kept}`,
  );
}
