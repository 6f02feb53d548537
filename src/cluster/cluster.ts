/** A cluster, loaded: nodes and pods that can be looked at, and between which packets can be sent. */

import { storedNodes } from '../calico/index.js';
import { Emulation, type Host, type Netns, NS_PER_S } from '../kernel/index.js';
import {
  type ClusterInput,
  type ConfigError,
  type Finding,
  finding,
  type Pod,
  type Store,
} from '../kubernetes/index.js';
import type { Ipv4Addr } from '../packet/index.js';
import type { ConnectionTrace, Place } from '../trace/index.js';
import { type MachinePlan, type NetworkPlan, Underlay } from '../underlay/index.js';
import { allocate, type Allocations } from './allocations.js';
import { CalicoCluster } from './calico-node.js';
import { startCalico } from './calico-start.js';
import type { PhysicalNetworkObject } from './documents.js';
import { DnsPods } from './dns-pods.js';
import type { Destination, EndpointName } from './endpoint-name.js';
import type { ExpectedTrace } from './expectations.js';
import type { Kubelet } from './kubelet.js';
import { clusterDnsFindings, kubeletSettings } from './kubelet-settings.js';
import { assignAddresses, type LoadBalancerAddresses } from './load-balancer-addresses.js';
import { LoadBalancers } from './load-balancers.js';
import { loadDocuments, readPaths } from './load.js';
import type { Asker } from './name-resolution.js';
import { planNetwork } from './network.js';
import { configsFor, equipMachine, type NodeContext, rehearse } from './node.js';
import { Places, UnknownEndpoint } from './places.js';
import { policyFindings } from './policy-findings.js';
import type { RecordedState } from './recorded.js';
import { Prober } from './prober.js';
import { hasRouters, type MakeRouting, type Routing, routesByDaemons } from './routing.js';
import { takeOutBadSelectors } from './selectors.js';
import { ClusterServices } from './services.js';
import { type TraceRequest, Tracing } from './tracing.js';

export interface ClusterOptions {
  /** Decides every draw; the same input and seed give the same bytes. */
  readonly seed?: number;
  /** What an earlier cluster of these objects settled: nodes and addresses that are kept. */
  readonly recorded?: RecordedState;
  /** False sends no probes: a pod of which the input records no readiness is taken to be ready. */
  readonly probes?: boolean;
}

export class Cluster {
  readonly store: Store;
  readonly expectations: readonly ExpectedTrace[];
  readonly emulation: Emulation;
  readonly underlay: Underlay;
  readonly #errors: readonly ConfigError[];
  readonly #findings: Finding[];
  readonly #context: NodeContext;
  readonly #allocations: Allocations | undefined;
  readonly #kubelets = new Map<string, Kubelet>();
  readonly #places: Places;
  readonly #loadBalancers: LoadBalancers;
  readonly #prober: Prober;
  readonly #network: PhysicalNetworkObject | undefined;
  readonly #makeDns: () => DnsPods;
  #routing: Routing | undefined = undefined;
  #askedDns = false;

  constructor(input: ClusterInput, options: ClusterOptions & { readonly errors?: readonly ConfigError[] } = {}) {
    const seed = options.seed ?? 1;
    const documents = loadDocuments(input, { seed, recorded: options.recorded });
    const { store } = documents;
    this.store = store;
    this.emulation = new Emulation({ seed });
    const badSelectors = takeOutBadSelectors(store);
    const network = planNetwork(store, documents.networks);
    const addresses = assignAddresses(store, documents.networks[0]);
    const otherCni = documents.hostConfigs.some(({ body }) =>
      Object.keys(body.spec.files).some((path) => path.startsWith('/etc/cni/net.d/')),
    );
    const calico = startCalico(store, network.plan, otherCni);
    const allocations = calico.used ? allocate(store, () => 0n) : undefined;
    this.#allocations = allocations;
    const services = new ClusterServices({
      store,
      seed,
      sandboxAddress: allocations === undefined ? (pod) => this.#places.sandboxAddress(pod) : undefined,
    });
    this.#errors = [
      ...(options.errors ?? []),
      ...documents.errors,
      ...badSelectors,
      ...network.errors,
      ...addresses.errors,
      ...services.errors,
    ];
    this.expectations = documents.expectations.flatMap(({ traces }) => traces);
    this.#findings = [
      ...documents.findings,
      ...network.findings,
      ...addresses.findings,
      ...calico.findings,
      ...(allocations?.findings ?? []),
      ...services.findings,
      ...policyFindings(store, network.plan, calico.used),
    ];
    const kubelet = kubeletSettings(store);
    this.#findings.push(...clusterDnsFindings(store, kubelet));
    this.#makeDns = () =>
      new DnsPods({
        store,
        settings: kubelet,
        addressesOf: (pod) => services.addressesOf(pod),
        seconds: () => Math.floor(this.emulation.clock.nowNs / NS_PER_S),
        writeEndpoints: () => this.#findings.push(...services.writeEndpoints()),
      });
    this.#context = {
      kubelet,
      dns: this.#makeDns(),
      store,
      calico: allocations === undefined ? undefined : new CalicoCluster(store, allocations),
      hostConfigs: documents.hostConfigs,
      services,
    };
    this.#loadBalancers = this.#balance(addresses, documents.networks[0]);
    this.#findings.push(...this.#loadBalancers.findings);
    [this.#network] = documents.networks;
    this.underlay = this.#underlay(network.plan, this.#network);
    const { underlay } = this;
    this.#places = new Places({ store, underlay, kubelets: this.#kubelets, findings: this.#findings });
    this.#prober = this.#probe(options.probes ?? true);
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
      report: (findings) => this.#findings.push(...findings),
      changed: () => this.#findings.push(...services.resync(this.underlay.built)),
    });
  }

  #balance(addresses: LoadBalancerAddresses, document: PhysicalNetworkObject | undefined): LoadBalancers {
    return new LoadBalancers({
      store: this.store,
      emulation: this.emulation,
      document,
      addresses,
      writeEndpoints: () => this.#findings.push(...this.#context.services.writeEndpoints()),
      report: (findings) => this.#findings.push(...findings),
      hostOf: (name) => this.underlay.host(name),
    });
  }

  /** What is wrong with the network is told of the document that describes it. */
  #underlay(plan: NetworkPlan, document: PhysicalNetworkObject | undefined): Underlay {
    return new Underlay(this.emulation, plan, {
      equip: (host, machine) => this.#equip(host, machine),
      announces: (...asked) => this.#loadBalancers.announces(...asked),
      refused: ({ name }, message) => {
        if (document === undefined) return;
        const problem = { code: 'network', severity: 'warning', message: `${name}: ${message}` } as const;
        this.#findings.push(finding(document, [], problem));
      },
    });
  }

  /** From files and folders; `-` is standard input. */
  static load(paths: readonly string[], options: ClusterOptions = {}): Cluster {
    const { sources, errors } = readPaths(paths);
    return new this(sources, { ...options, errors });
  }

  /** What could not be understood. With any, nothing else here is to be trusted. */
  get errors(): readonly ConfigError[] {
    return [...this.#errors, ...(this.#routing?.errors ?? [])];
  }

  /** What reality would accept and suffer from. Grows as nodes are built. */
  get findings(): readonly Finding[] {
    return this.#findings;
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
      policy: calico?.felix,
      routing: this.#routing,
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
      this.#findings.push(...clusterDnsFindings(this.store, this.#context.kubelet, pod));
    }
    return { netns, files: this.filesAt(host, pod), hostname: this.hostnameAt(host, pod), process };
  }

  // Routing.

  /** Whether routing daemons run on any machine: `birdc` has an answer there. */
  get hasRouters(): boolean {
    return hasRouters(this.store, this.underlay.plan, this.#context.calico !== undefined);
  }

  /** Whether packets go by routes of daemons: without `bringRouting` nobody knows where. */
  get routesByDaemons(): boolean {
    return routesByDaemons(this.store, this.underlay.plan, this.#context.calico !== undefined);
  }

  /** Who runs the daemons; before the first machine is built. */
  bringRouting(make: MakeRouting): void {
    this.#routing = make({
      store: this.store,
      plan: this.underlay.plan,
      ipam: this.#allocations?.ipam,
      workloadRoutes: (node) => this.#context.calico?.workloadRoutes(node) ?? [],
      hostConfigs: (name) => configsFor(this.#context, name),
      machine: (name) => this.underlay.host(name),
      network: this.#network,
      nameOf: this.nameOf,
      speakerConfig: this.#loadBalancers.speakerConfig,
      announcers: this.#loadBalancers.announcersByBgp,
      underlay: () => this.underlay,
      rehearse: () => rehearse(this.underlay, { ...this.#context, dns: this.#makeDns() }),
    });
  }

  get routing(): Routing | undefined {
    return this.#routing;
  }

  /** Files as a program sees them there: those of the pod's containers, or of the machine. */
  filesAt(host: Host, pod: Pod | undefined): ReadonlyMap<string, string> {
    if (pod !== undefined) return this.#places.sandboxOf(pod)?.files ?? new Map();
    this.#routing?.refreshFiles(host);
    return host.files;
  }

  /** What `hostname` prints there. */
  hostnameAt(host: Host, pod: Pod | undefined): string {
    return (pod === undefined ? undefined : this.#places.sandboxOf(pod)?.hostname) ?? host.name;
  }

  /** Moves virtual time on. */
  advance(milliseconds: number): void {
    this.live(() => this.emulation.advance(milliseconds * 1_000_000));
  }

  /** While `pass` lets time run, what goes on by itself goes on: probes, health checks, speakers, routing daemons. */
  live(pass: () => void): void {
    const routed = (): void => (this.#routing === undefined ? pass() : this.#routing.live(pass));
    this.#prober.live(() => this.#loadBalancers.live(routed));
  }

  /** The namespace that a name leads to, for tools. @throws UnknownEndpoint */
  locate(endpoint: EndpointName): { readonly netns: Netns; readonly pod: Pod | undefined; readonly label: string } {
    this.#prober.settle();
    const { netns, pod, label } = this.#places.locate(endpoint);
    if (netns === undefined) throw new UnknownEndpoint(`${label} is no machine or pod of this cluster`);
    return { netns, pod, label };
  }

  /** The address that a name leads to. @throws UnknownEndpoint */
  addressOf(endpoint: EndpointName): Ipv4Addr {
    this.#prober.settle();
    return this.#places.locate(endpoint).address;
  }

  /** Before something is sent to an address: what would have settled long ago does so now. */
  prepare(address: Ipv4Addr): void {
    this.#loadBalancers.prepare(address);
  }

  /** @throws UnknownEndpoint for a destination that names nothing */
  requireKnown(endpoint: Destination['endpoint']): void {
    this.#prober.settle();
    this.#places.requireKnown(endpoint);
  }

  #equip(host: Host, plan: MachinePlan): void {
    if (plan.role === 'node') this.#loadBalancers.equipNode(host);
    const { kubelet, findings } = equipMachine(host, plan, this.#context);
    if (kubelet !== undefined) this.#kubelets.set(host.name, kubelet);
    if (plan.role === 'balancer') this.#loadBalancers.equipBalancer(host);
    this.#findings.push(...findings, ...this.#context.services.program(host), ...(this.#routing?.equip(host) ?? []));
  }

  /** Calico's IPAM, where it runs: for calicoctl. */
  get ipam(): Pick<Allocations, 'ipam' | 'context'> | undefined {
    return this.#allocations;
  }

  /** Nodes that Calico knows, for its tools. */
  get calicoNodes(): readonly string[] {
    return storedNodes(this.store).map(({ name }) => name);
  }
}
