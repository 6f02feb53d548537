/** A cluster, loaded: nodes and pods that can be looked at, and between which packets can be sent. */

import { REFERENCE_PLUGINS } from '../cni/index.js';
import { Emulation, type Host, type Netns, NS_PER_S } from '../kernel/index.js';
import {
  append,
  type ClusterInput,
  type ConfigError,
  type Finding,
  finding,
  type Pod,
  readSources,
  type Store,
  NO_SILENCE,
  type Silence,
} from '../kubernetes/index.js';
import type { Ipv4Addr } from '../packet/index.js';
import { type ConnectionTrace, type Place, type TraceBranch, type TraceBranches } from '../trace/index.js';
import { losesFrames, type MachinePlan, type NetworkPlan, Underlay } from '../underlay/index.js';
import type { Allocations } from './addresses/allocations.js';
import { branchTo, everyBranch } from './trace/branches.js';
import { CalicoCluster } from './node/calico-node.js';
import { Changes } from './change/changes.js';
import type { PhysicalNetworkObject } from './input/documents.js';
import { DnsPods } from './node/dns-pods.js';
import type { Destination, EndpointName } from './trace/endpoint-name.js';
import type { ExpectedChange, ExpectedTrace } from './trace/expectations.js';
import { HostLocalRecord } from './input/host-local-record.js';
import type { Kubelet } from './node/kubelet.js';
import { clusterDnsFindings } from './input/kubelet-settings.js';
import { LoadBalancers } from './node/load-balancers.js';
import type { LoadBalancerAddresses } from './addresses/load-balancer-addresses.js';
import type { Asker } from './trace/name-resolution.js';
import { equipMachine, mayAnswerFor, type NodeContext } from './node/node.js';
import type { ClusterEvent } from './change/observe.js';
import { type ChangeOutcome, type ClusterOptions, refusedAnew } from './options.js';
import { Places } from './trace/places.js';
import { Programs } from './node/programs.js';
import { PodFaults } from './probes/pod-faults.js';
import { Prober } from './probes/prober.js';
import { type RecordedState, recordedState } from './input/recorded.js';
import { routingSite } from './routing-site.js';
import { hasRouters, type MakeRouting, type Routing, routesByDaemons } from './routing.js';
import { ClusterServices } from './node/services.js';
import { settle } from './start/settle.js';
import { toldOnce } from './input/told-once.js';
import { type TraceRequest, Tracing } from './trace/tracing.js';

export class Cluster {
  readonly store: Store;
  readonly emulation: Emulation;
  readonly underlay: Underlay;
  /** What programs find where they run. */
  readonly programs: Programs;
  /** Asked of the plan, which stays as it is, once. */
  #losesFrames: boolean | undefined = undefined;
  readonly #inputErrors: readonly ConfigError[];
  /** What was found as machines were built. */
  readonly #findings: Finding[] = [];
  readonly #changes: Changes;
  readonly #context: NodeContext;
  readonly #kubelets = new Map<string, Kubelet>();
  readonly #places: Places;
  readonly #loadBalancers: LoadBalancers;
  readonly #prober: Prober;
  readonly #podFaults: PodFaults;
  readonly #makeDns: () => DnsPods;
  #routing: Routing | undefined = undefined;
  #askedDns = false;

  constructor(input: ClusterInput, options: ClusterOptions & { readonly errors?: readonly ConfigError[] } = {}) {
    const seed = options.seed ?? 1;
    const settled = settle(input, { seed, recorded: options.recorded });
    const { store, allocations, installation, kubelet, addresses, hostConfigs } = settled;
    this.store = store;
    this.emulation = new Emulation({ seed });
    const services = new ClusterServices({
      store,
      seed,
      installation,
      sandboxAddress: allocations === undefined ? (pod) => this.#places.sandboxAddress(pod) : undefined,
    });
    this.#inputErrors = options.errors ?? [];
    this.#makeDns = () =>
      new DnsPods({
        store,
        settings: kubelet,
        addressesOf: (pod) => services.addressesOf(pod),
        seconds: () => Math.floor(this.emulation.clock.nowNs / NS_PER_S),
        writeEndpoints: () => append(this.#findings, services.writeEndpoints()),
      });
    this.#context = {
      kubelet,
      dns: this.#makeDns(),
      store,
      calico:
        allocations === undefined
          ? undefined
          : new CalicoCluster(store, allocations, (node) => !this.#changes.settled.notStarted.has(node)),
      hostConfigs,
      services,
      hostLocal: new HostLocalRecord(options.recorded?.hostLocal),
      isDown: (pod) => this.#podFaults.isDown(pod),
    };
    this.#loadBalancers = this.#balance(addresses, settled.networks[0]);
    append(this.#findings, this.#loadBalancers.findings);
    const underlay = this.#underlay(settled.plan, settled.networks[0]);
    this.underlay = underlay;
    this.#places = new Places({ store, underlay, kubelets: this.#kubelets, findings: () => this.findings });
    this.programs = new Programs({
      store,
      kubelets: this.#kubelets,
      isNode: (name) => this.#places.isNode(name),
      calicoDaemons: (node) => this.#context.calico?.daemonsOn(node) ?? [],
      plugins: this.#context.calico?.binaries() ?? REFERENCE_PLUGINS,
      refreshFiles: (host) => this.#routing?.refreshFiles(host),
    });
    this.#prober = this.#probe(options.probes ?? true);
    const kubeletOf = (node: string): Kubelet | undefined => this.#kubelets.get(node);
    this.#podFaults = new PodFaults({ store, kubeletOf, prober: this.#prober });
    this.#changes = new Changes({
      seed,
      settled,
      deletedPods: options.recorded?.deletedPods ?? [],
      silence: options.recorded?.silence ?? NO_SILENCE,
      store,
      findings: this.#findings,
      context: this.#context,
      kubelets: this.#kubelets,
      places: this.#places,
      prober: this.#prober,
      podFaults: this.#podFaults,
      loadBalancers: this.#loadBalancers,
      underlay,
      routing: () => this.#routing,
    });
  }

  /** For pods of which the input does not say whether they are ready. */
  #probe(enabled: boolean): Prober {
    const { services } = this.#context;
    return new Prober({
      enabled,
      store: this.store,
      emulation: this.emulation,
      nodeOf: (name) => (this.#places.isNode(name) ? this.underlay.host(name) : undefined),
      sandboxOf: (pod) => this.#places.sandboxOf(pod),
      addressOf: (pod) => this.#places.podAddress(pod),
      report: (findings) => append(this.#findings, findings),
      changed: () => this.#changes.observed([], () => append(this.#findings, services.resync(this.underlay.built))),
    });
  }

  #balance(addresses: LoadBalancerAddresses, document: PhysicalNetworkObject | undefined): LoadBalancers {
    return new LoadBalancers({
      store: this.store,
      emulation: this.emulation,
      document,
      addresses,
      writeEndpoints: () => append(this.#findings, this.#context.services.writeEndpoints()),
      report: (findings) => append(this.#findings, findings),
      hostOf: (name) => this.underlay.host(name),
    });
  }

  /** What is wrong with the network is told of the document that describes it. */
  #underlay(plan: NetworkPlan, document: PhysicalNetworkObject | undefined): Underlay {
    return new Underlay(this.emulation, plan, {
      equip: (host, machine) => this.#equip(host, machine),
      announces: (machine, nic, address) =>
        this.#loadBalancers.announces(machine, nic, address) || mayAnswerFor(this.#context, machine.name, address),
      refused: ({ name }, message) => {
        if (document === undefined) return;
        const problem = { code: 'network', severity: 'warning', message: `${name}: ${message}` } as const;
        this.#findings.push(finding(document, [], problem));
      },
    });
  }

  /** From files and folders; `-` is standard input. */
  static load(paths: readonly string[], options: ClusterOptions = {}): Cluster {
    const { sources, errors } = readSources(paths);
    return new this(sources, { ...options, errors });
  }

  /** What could not be understood. With any, nothing else here is to be trusted. */
  get errors(): readonly ConfigError[] {
    return [...this.#inputErrors, ...this.#changes.settled.errors, ...(this.#routing?.errors ?? [])];
  }

  /** What the API server would have refused of the input, if it had not refused it of `before` already. */
  refusedSince(before: Cluster): readonly ConfigError[] {
    return refusedAnew(before.#changes.settled.refusals, this.#changes.settled.refusals);
  }

  get expectations(): readonly ExpectedTrace[] {
    return this.#changes.settled.expectations.flatMap(({ traces }) => traces);
  }

  /** After those traces, one after another. */
  get expectedChanges(): readonly ExpectedChange[] {
    return this.#changes.settled.expectations.flatMap(({ changes }) => changes);
  }

  /** Nodes of which nobody hears, and what has become of their pods. */
  get silence(): Silence {
    return this.#changes.silence;
  }

  /** What was decided once and stays, for a cluster of other objects that takes it over. */
  get recorded(): RecordedState {
    const hostLocal = this.#context.hostLocal.of(this.underlay.built);
    return recordedState(this.store, { ...this.#changes.kept, hostLocal });
  }

  /** What reality would accept and suffer from. Grows as nodes are built. */
  get findings(): readonly Finding[] {
    return toldOnce([...this.#changes.settled.findings, ...(this.#routing?.findings ?? []), ...this.#findings]);
  }

  /** Told of what components do on machines that have been built, whenever objects or readiness change. */
  watch(listener: (events: readonly ClusterEvent[]) => void): void {
    this.#changes.listener = listener;
  }

  /** The node's machine, built now if nobody asked for it before. @throws UnknownEndpoint */
  node(name: string): Host {
    this.#prober.settle();
    return this.#places.node(name);
  }

  /** A machine by name: a node, a router, a host outside. @throws UnknownEndpoint */
  host(name: string): Host {
    this.#prober.settle();
    return this.#places.host(name);
  }

  /** @throws UnknownEndpoint */
  pod(namespace: string, name: string): Pod {
    return this.#places.pod(namespace, name);
  }

  /** The pod's network namespace. @throws UnknownEndpoint for a pod that does not run */
  podNetns(pod: Pod): Netns {
    this.#prober.settle();
    return this.#places.podNetns(pod);
  }

  /** The pod's first IPv4 address, or undefined where it has none. */
  podAddress(pod: Pod): Ipv4Addr | undefined {
    this.#prober.settle();
    return this.#places.podAddress(pod);
  }

  /** What a person calls a place: `pod/NS/NAME`, `node/NAME`, `host/NAME`. */
  readonly nameOf = (place: Place): string => this.#places.nameOf(place);

  /** Sends the connection once for each way that chance can take, most `limit` times. @throws UnknownEndpoint */
  traceBranches(request: TraceRequest, limit: number): TraceBranches {
    return everyBranch(this.emulation, limit, () => this.trace(request));
  }

  /** The way by which the connection comes to the backend. @throws UnknownEndpoint where none of the first `limit` does */
  traceBackend(request: TraceRequest, backend: EndpointName, limit: number): TraceBranch {
    return branchTo(this.#places.locate(backend), this.emulation, limit, () => this.trace(request));
  }

  /** Sends the connection and records every step of every packet; a name is resolved first. @throws UnknownEndpoint */
  trace(request: TraceRequest): ConnectionTrace {
    this.#prober.settle();
    const { services, calico, dns } = this.#context;
    const tracing = new Tracing({
      store: this.store,
      emulation: this.emulation,
      places: this.#places,
      services,
      loadBalancers: this.#loadBalancers,
      policy: () => calico?.felix,
      routing: this.#routing,
      routingMissing: this.#routing === undefined && this.routesByDaemons,
      dataplanes: this.#changes.settled.dataplanes,
      losesFrames: (this.#losesFrames ??= losesFrames(this.underlay.plan)),
      dnsPresent: dns.present,
      asker: (netns, pod, process) => this.asker(netns, pod, process),
    });
    return tracing.trace(request);
  }

  /** Whose resolver a program there asks. */
  asker(netns: Netns, pod: Pod | undefined, process: string): Asker {
    const { host } = netns;
    if (pod !== undefined && !this.#askedDns) {
      this.#askedDns = true;
      append(this.#findings, clusterDnsFindings(this.store, this.#context.kubelet, pod));
    }
    const { programs } = this;
    return { netns, files: programs.files(host, pod), hostname: programs.hostname(host, pod), process };
  }

  /** Pods of which the input does not say whether they are ready are probed until that is known. */
  readonly settleProbes = (): void => this.#prober.settle();

  /** EndpointSlices as the controllers leave them, for whoever reads the store before a packet has gone. */
  settleEndpoints(): void {
    this.#prober.settle();
    append(this.#findings, this.#context.services.writeEndpoints());
  }

  /** Whether routing daemons run on any machine: `birdc` has an answer there. */
  get hasRouters(): boolean {
    return hasRouters(this.store, this.underlay.plan, this.#context.calico !== undefined);
  }

  /** Whether packets go by routes of daemons: without `bringRouting` nobody knows where. */
  get routesByDaemons(): boolean {
    return routesByDaemons(this.store, this.underlay.plan, this.#context.calico !== undefined);
  }

  /** Who runs the daemons; before the first machine is built. */
  bringRouting(make: MakeRouting): Routing {
    const site = routingSite({
      store: this.store,
      underlay: this.underlay,
      settled: () => this.#changes.settled,
      context: this.#context,
      loadBalancers: this.#loadBalancers,
      nameOf: this.nameOf,
      makeDns: this.#makeDns,
    });
    const routing = make(site);
    this.#routing = routing;
    return routing;
  }

  get routing(): Routing | undefined {
    return this.#routing;
  }

  /** Moves virtual time on. */
  advance(milliseconds: number): void {
    this.live(() => this.emulation.advance(milliseconds * 1_000_000));
  }

  /** While `pass` lets time run, what goes on by itself goes on: probes, health checks, speakers, routing daemons. */
  live<T>(pass: () => T): T {
    const passed: T[] = [];
    const run = (): void => void passed.push(pass());
    const routed = (): void => (this.#routing === undefined ? run() : this.#routing.live(run));
    this.#prober.live(() => this.#loadBalancers.live(routed));
    return passed[0] as T;
  }

  /** The namespace that a name leads to, for tools. @throws UnknownEndpoint */
  locate(endpoint: EndpointName): { readonly netns: Netns; readonly pod: Pod | undefined; readonly label: string } {
    this.#prober.settle();
    const found = this.#places.netnsOf(endpoint);
    this.#loadBalancers.prepareMachine(found.netns.host.name);
    return found;
  }

  /** The address that a name leads to. @throws UnknownEndpoint */
  addressOf(endpoint: EndpointName): Ipv4Addr {
    this.#prober.settle();
    return this.#places.locate(endpoint).address;
  }

  /** Before something is sent to an address: what would have settled long ago does so now. */
  readonly prepare = (address: Ipv4Addr): void => this.#loadBalancers.prepare(address);

  /** @throws UnknownEndpoint for a destination that names nothing, for a sender that does not run */
  requireKnown(endpoint: Destination['endpoint'], as: 'sender' | 'destination' = 'destination'): void {
    this.#prober.settle();
    if (as === 'sender' && endpoint.kind !== 'name') this.#places.sender(endpoint);
    else this.#places.requireKnown(endpoint);
  }

  #equip(host: Host, plan: MachinePlan): void {
    if (plan.role === 'node') this.#loadBalancers.equipNode(host);
    const { kubelet, findings } = equipMachine(host, plan, this.#context);
    if (kubelet !== undefined) this.#kubelets.set(host.name, kubelet);
    if (plan.role === 'balancer') this.#loadBalancers.equipBalancer(host);
    append(this.#findings, findings, this.#context.services.program(host), this.#routing?.equip(host) ?? []);
  }

  /** The pod's sandbox crashes, or is made anew. @throws UnknownEndpoint */
  setPodDown(namespace: string, name: string, down: boolean): void {
    this.#prober.settle();
    this.#changes.setPodDown(this.pod(namespace, name), down);
  }

  /** Takes other objects, and what is on record then, while everything goes on (changes.ts). */
  change(input: ClusterInput, recorded: RecordedState = this.recorded): ChangeOutcome {
    return this.#changes.take(input, recorded);
  }

  /** Calico's IPAM, where it runs: for calicoctl. */
  get ipam(): Pick<Allocations, 'ipam' | 'context'> | undefined {
    return this.#changes.settled.allocations;
  }
}
