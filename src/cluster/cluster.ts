/** A cluster, loaded: nodes and pods that can be looked at, and between which packets can be sent. */

import { formatAddress, storedNodes } from '../calico/index.js';
import { Emulation, type Host, type Netns, NS_PER_S } from '../kernel/index.js';
import {
  type ConfigError,
  type Finding,
  finding,
  nearMatches,
  type Pod,
  type SourceText,
  type Store,
} from '../kubernetes/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr, parseIpv4 } from '../packet/index.js';
import {
  assignRoles,
  type ConnectionTrace,
  type NameResolution,
  type Place,
  Recorder,
  tellStories,
  type TraceEnd,
  type TracePacket,
  type TraceProtocol,
} from '../trace/index.js';
import { type MachinePlan, Underlay } from '../underlay/index.js';
import { allocate, type Allocations, recordedAddresses } from './allocations.js';
import { CalicoCluster } from './calico-node.js';
import { startCalico } from './calico-start.js';
import { openConnection } from './connection.js';
import { type Destination, type EndpointName, formatEndpointName } from './endpoint-name.js';
import { concludeTrace, concludeUnresolved, type Facts, finalDestination, type TracedName } from './conclude.js';
import { DnsPods } from './dns-pods.js';
import type { ExpectedTrace } from './expectations.js';
import { clusterDnsFindings, kubeletSettings } from './kubelet-settings.js';
import { loadDocuments, readPaths } from './load.js';
import { type Asker, nameResolution, nameToAsk, resolveName } from './name-resolution.js';
import { planNetwork } from './network.js';
import { applyHostConfig, configsFor, equipNode, type NodeContext } from './node.js';
import type { Kubelet, Sandbox } from './kubelet.js';
import { netnsName } from './sandbox.js';
import { policyFindings } from './policy-findings.js';
import { takeOutBadSelectors } from './selectors.js';
import { startServer } from './servers.js';
import { onlyPort, serviceAddress } from './service-name.js';
import { ClusterServices } from './services.js';
import { unmodelledFindings } from './unmodelled.js';

export interface ClusterOptions {
  /** Decides every draw; the same input and seed give the same bytes. */
  readonly seed?: number;
}

export interface TraceRequest {
  readonly from: EndpointName;
  readonly to: Destination;
  readonly protocol: TraceProtocol;
}

/** A name that names nothing, with the names that it may have meant. */
export class UnknownEndpoint extends Error {
  readonly near: readonly string[];

  constructor(message: string, near: readonly string[] = []) {
    super(near.length === 0 ? message : `${message}; did you mean ${near.join(' or ')}?`);
    this.name = 'UnknownEndpoint';
    this.near = near;
  }
}

/** Where packets of an endpoint start, and its address. */
interface LocatedEndpoint extends TraceEnd {
  readonly netns: Netns | undefined;
  readonly pod: Pod | undefined;
}

interface Sender extends LocatedEndpoint {
  readonly netns: Netns;
}

export class Cluster {
  readonly store: Store;
  /** What could not be understood. With any, nothing else here is to be trusted. */
  readonly errors: readonly ConfigError[];
  readonly expectations: readonly ExpectedTrace[];
  readonly emulation: Emulation;
  readonly underlay: Underlay;
  readonly #findings: Finding[];
  readonly #context: NodeContext;
  readonly #allocations: Allocations | undefined;
  readonly #kubelets = new Map<string, Kubelet>();
  /** By `host netns`: what a person calls the place. */
  readonly #podOfNetns = new Map<string, string>();
  #askedDns = false;

  constructor(
    sources: readonly SourceText[],
    options: ClusterOptions & { readonly errors?: readonly ConfigError[] } = {},
  ) {
    const seed = options.seed ?? 1;
    const documents = loadDocuments(sources, seed);
    const { store } = documents;
    this.store = store;
    this.emulation = new Emulation({ seed });
    const badSelectors = takeOutBadSelectors(store);
    const network = planNetwork(store, documents.networks);
    const otherCni = documents.hostConfigs.some(({ body }) =>
      Object.keys(body.spec.files).some((path) => path.startsWith('/etc/cni/net.d/')),
    );
    const calico = startCalico(store, network.plan, otherCni);
    const allocations = calico.used ? allocate(store, () => 0n) : undefined;
    this.#allocations = allocations;
    const services = new ClusterServices({
      store,
      seed,
      sandboxAddress: (pod) => (allocations === undefined ? this.#sandboxAddress(pod) : undefined),
    });
    this.errors = [
      ...(options.errors ?? []),
      ...documents.errors,
      ...badSelectors,
      ...network.errors,
      ...services.errors,
    ];
    this.expectations = documents.expectations.flatMap(({ traces }) => traces);
    this.#findings = [
      ...documents.findings,
      ...network.findings,
      ...calico.findings,
      ...(allocations?.findings ?? []),
      ...services.findings,
      ...policyFindings(store, network.plan, calico.used),
      ...unmodelledFindings(store),
    ];
    const kubelet = kubeletSettings(store);
    this.#findings.push(...clusterDnsFindings(store, kubelet));
    this.#context = {
      kubelet,
      dns: new DnsPods({
        store,
        settings: kubelet,
        addressesOf: (pod) => services.addressesOf(pod),
        seconds: () => Math.floor(this.emulation.clock.nowNs / NS_PER_S),
        writeEndpoints: () => this.#findings.push(...services.writeEndpoints()),
      }),
      store,
      calico: allocations === undefined ? undefined : new CalicoCluster(store, allocations),
      hostConfigs: documents.hostConfigs,
      services,
    };
    for (const pod of store.list('Pod')) {
      this.#podOfNetns.set(`${pod.spec.nodeName} ${netnsName(pod)}`, `pod/${pod.namespace}/${pod.name}`);
    }
    const [document] = documents.networks;
    this.underlay = new Underlay(this.emulation, network.plan, {
      equip: (host, plan) => this.#equip(host, plan),
      refused: ({ name }, message) => {
        if (document !== undefined) {
          this.#findings.push(
            finding(document, [], { code: 'network', severity: 'warning', message: `${name}: ${message}` }),
          );
        }
      },
    });
  }

  /** From files and folders; `-` is standard input. */
  static load(paths: readonly string[], options: ClusterOptions = {}): Cluster {
    const { sources, errors } = readPaths(paths);
    return new Cluster(sources, { ...options, errors });
  }

  /** What reality would accept and suffer from. Grows as nodes are built. */
  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** The node's machine, built now if nobody asked for it before. @throws UnknownEndpoint */
  node(name: string): Host {
    const host = this.#plan(name)?.role === 'node' ? this.underlay.host(name) : undefined;
    if (host === undefined)
      throw new UnknownEndpoint(`there is no node "${name}"`, nearMatches(name, this.#machineNames('node')));
    return host;
  }

  /** A machine by name: a node, a router, a host outside. @throws UnknownEndpoint */
  host(name: string): Host {
    const host = this.underlay.host(name);
    if (host === undefined)
      throw new UnknownEndpoint(`there is no host "${name}"`, nearMatches(name, this.underlay.plan.machines.keys()));
    return host;
  }

  /** @throws UnknownEndpoint */
  pod(namespace: string, name: string): Pod {
    const pod = this.store.get('Pod', namespace, name);
    if (pod !== undefined) return pod;
    const names = this.store.list('Pod').map((one) => `${one.namespace}/${one.name}`);
    throw new UnknownEndpoint(`there is no pod "${namespace}/${name}"`, nearMatches(`${namespace}/${name}`, names));
  }

  /** The pod's network namespace. @throws UnknownEndpoint for a pod that does not run */
  podNetns(pod: Pod): Netns {
    if (pod.spec.nodeName === '') throw new UnknownEndpoint(`pod "${pod.namespace}/${pod.name}" is on no node`);
    const host = this.node(pod.spec.nodeName);
    const sandbox = this.#kubelets.get(host.name)?.sandboxes.get(`${pod.namespace}/${pod.name}`);
    if (sandbox === undefined)
      throw new UnknownEndpoint(`pod "${pod.namespace}/${pod.name}" has no network: ${this.#whyNot(pod)}`);
    return sandbox.netns;
  }

  /** The pod's first IPv4 address, or undefined where it has none. */
  podAddress(pod: Pod): Ipv4Addr | undefined {
    if (pod.spec.hostNetwork) return this.#machineAddress(pod.spec.nodeName);
    const current = this.store.get('Pod', pod.namespace, pod.name) ?? pod;
    const first = recordedAddresses(current)
      .map((address) => parseIpv4(formatAddress(address)))
      .find((address) => address !== undefined);
    if (first !== undefined) return first;
    this.podNetns(pod);
    return this.#kubelets.get(pod.spec.nodeName)?.sandboxes.get(`${pod.namespace}/${pod.name}`)?.address;
  }

  /** What a person calls a place: `pod/NS/NAME`, `node/NAME`, `host/NAME`. */
  readonly nameOf = ({ host, netns }: Place): string => {
    if (netns !== '') return this.#podOfNetns.get(`${host} ${netns}`) ?? `netns/${host}/${netns}`;
    return this.#plan(host)?.role === 'node' ? `node/${host}` : `host/${host}`;
  };

  /** Sends the connection and records every step of every packet; a name is resolved first. @throws UnknownEndpoint */
  trace(request: TraceRequest): ConnectionTrace {
    const from = this.#sender(request.from);
    const { protocol } = request;
    const resolved = this.#resolve(from, request.to);
    const base = {
      from,
      protocol,
      nameOf: this.nameOf,
      ...(resolved === undefined ? {} : { resolution: resolved.told }),
    };
    if (resolved !== undefined && resolved.told.address === undefined) {
      const to = {
        label: this.#labelOf(request.to.endpoint),
        address: undefined,
        place: undefined,
        port: request.to.port,
      };
      return concludeUnresolved(
        { ...base, to, packets: [] },
        resolved,
        this.#facts(from, undefined, this.#resolverReached(resolved.told)),
      );
    }
    const to = this.#destination(request.to, resolved?.told.address);
    const port = this.#portOf(request, to);
    const { result: connection, packets } = this.#record(from.netns, () => {
      const { netns } = from;
      return openConnection({ netns, destination: to.address, port: port ?? 0, protocol });
    });
    // How a connection is closed says nothing about the way to its end.
    connection.close();
    const reached = finalDestination(packets) ?? to.address;
    return concludeTrace(
      { ...base, to: { ...to, port }, packets },
      connection.outcome,
      this.#facts(from, to.pod, reached),
    );
  }

  #facts(from: LocatedEndpoint, toPod: Pod | undefined, reached: Ipv4Addr): Facts {
    return {
      store: this.store,
      services: this.#context.services,
      fromPod: from.pod,
      toPod: toPod ?? this.#podAt(reached),
      reached,
      policy: this.#context.calico?.felix,
    };
  }

  /** Runs something that sends, and tells its packets from the sender's side. */
  #record<T>(netns: Netns, run: () => T): { readonly result: T; readonly packets: TracePacket[] } {
    const recorder = new Recorder(() => this.emulation.clock.nowNs);
    this.emulation.tracer = recorder;
    try {
      const result = run();
      return { result, packets: assignRoles(tellStories(recorder.steps), netns.place) };
    } finally {
      this.emulation.tracer = undefined;
    }
  }

  #sender(endpoint: EndpointName): Sender {
    const from = this.#locate(endpoint);
    const { netns } = from;
    if (netns === undefined) throw new UnknownEndpoint(`nobody here has the address ${formatIpv4(from.address)}`);
    return { ...from, netns };
  }

  /** By the sender's resolver, where the destination is a name, or a Service of which a pod asks the cluster's DNS. */
  #resolve(from: Sender, to: Destination): TracedName | undefined {
    const name = nameToAsk(to, { store: this.store, pod: from.pod });
    if (name === undefined || (to.endpoint.kind === 'svc' && !this.#context.dns.present)) return undefined;
    const asker = this.asker(from.netns, from.pod, 'resolver');
    const { result, packets } = this.#record(from.netns, () => resolveName(asker, name));
    return { ...result, told: { ...nameResolution(name, result), packets } };
  }

  /** The server that the questions got to. */
  #resolverReached({ packets, queries }: NameResolution): Ipv4Addr {
    return finalDestination(packets) ?? queries[0]?.server ?? INADDR_ANY;
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

  #destination({ endpoint }: Destination, address: Ipv4Addr | undefined): LocatedEndpoint {
    if (address !== undefined) return this.#locateAddress(address, this.#labelOf(endpoint));
    if (endpoint.kind === 'name') throw new UnknownEndpoint(`${endpoint.name} has no address`);
    return this.#locate(endpoint);
  }

  #labelOf(endpoint: Destination['endpoint']): string {
    return formatEndpointName(endpoint, formatIpv4);
  }

  /** The port that is named, or the only one that there is. */
  #portOf({ to: { endpoint, port }, protocol }: TraceRequest, to: LocatedEndpoint): number | undefined {
    if (protocol === 'icmp') return undefined;
    const found = port ?? this.#defaultPort(to, protocol) ?? onlyPort(this.store, endpoint, protocol);
    if (found !== undefined) return found;
    throw new UnknownEndpoint(`${to.label} declares no ${protocol} port; name one, as in ${to.label}:80`);
  }

  /** Brings up to date those files of a machine that a component writes only when somebody reads them: BIRD's. */
  refreshFiles(host: Host): void {
    if (this.#plan(host.name)?.role === 'node') this.#context.calico?.runConfd(host);
  }

  /** Files as a program sees them there: those of the pod's containers, or of the machine. */
  filesAt(host: Host, pod: Pod | undefined): ReadonlyMap<string, string> {
    if (pod !== undefined) return this.#sandboxOf(pod)?.files ?? new Map();
    this.refreshFiles(host);
    return host.files;
  }

  /** What `hostname` prints there. */
  hostnameAt(host: Host, pod: Pod | undefined): string {
    return (pod === undefined ? undefined : this.#sandboxOf(pod)?.hostname) ?? host.name;
  }

  #sandboxOf(pod: Pod): Sandbox | undefined {
    return this.#kubelets.get(pod.spec.nodeName)?.sandboxes.get(`${pod.namespace}/${pod.name}`);
  }

  /** Moves virtual time on. */
  advance(milliseconds: number): void {
    this.emulation.advance(milliseconds * 1_000_000);
  }

  /** The namespace that a name leads to, for tools. @throws UnknownEndpoint */
  locate(endpoint: EndpointName): { readonly netns: Netns; readonly pod: Pod | undefined; readonly label: string } {
    const { netns, pod, label } = this.#locate(endpoint);
    if (netns === undefined) throw new UnknownEndpoint(`${label} is no machine or pod of this cluster`);
    return { netns, pod, label };
  }

  /** The address that a name leads to. @throws UnknownEndpoint */
  addressOf(endpoint: EndpointName): Ipv4Addr {
    return this.#locate(endpoint).address;
  }

  #equip(host: Host, plan: MachinePlan): void {
    if (plan.role === 'node') {
      const { kubelet, findings } = equipNode(host, this.#context);
      this.#kubelets.set(host.name, kubelet);
      this.#findings.push(...findings, ...this.#context.services.program(host));
    } else
      for (const config of configsFor(this.#context, host.name))
        this.#findings.push(...applyHostConfig(host, config, this.#context.dns));
    for (const { protocol, port, address } of plan.listen) {
      startServer(host.netns, { protocol, port, address, process: plan.name, because: plan.because });
    }
  }

  /** What CNI gave a pod that has no address on record: its node is built for it. */
  #sandboxAddress(pod: Pod): Ipv4Addr | undefined {
    const { nodeName } = pod.spec;
    if (this.#plan(nodeName)?.role === 'node') this.underlay.host(nodeName);
    return this.#kubelets.get(nodeName)?.sandboxes.get(`${pod.namespace}/${pod.name}`)?.address;
  }

  #plan(name: string): MachinePlan | undefined {
    return this.underlay.plan.machines.get(name);
  }

  *#machineNames(role: MachinePlan['role']): Generator<string> {
    for (const machine of this.underlay.plan.machines.values()) if (machine.role === role) yield machine.name;
  }

  #machineAddress(name: string): Ipv4Addr | undefined {
    const addresses = this.#plan(name)?.interfaces.map(({ address }) => address) ?? [];
    const internal = this.store.get('Node', '', name)?.status.internalIPs.find((ip) => typeof ip === 'number');
    return addresses.find((address) => address === internal) ?? addresses.find((address) => address !== undefined);
  }

  #locate(endpoint: EndpointName): LocatedEndpoint {
    const label = formatEndpointName(endpoint, formatIpv4);
    if (endpoint.kind === 'address') return this.#locateAddress(endpoint.address, label);
    if (endpoint.kind === 'pod') {
      const pod = this.pod(endpoint.namespace, endpoint.name);
      const netns = this.podNetns(pod);
      const address = this.podAddress(pod);
      if (address === undefined) throw new UnknownEndpoint(`${label} has no IPv4 address`);
      return { label, address, place: netns.place, netns, pod };
    }
    if (endpoint.kind === 'svc') return this.#locateService(endpoint, label);
    const host = endpoint.kind === 'node' ? this.node(endpoint.name) : this.host(endpoint.name);
    const address = this.#machineAddress(endpoint.name);
    if (address === undefined) throw new UnknownEndpoint(`${label} has no IPv4 address`);
    return { label, address, place: host.netns.place, netns: host.netns, pod: undefined };
  }

  /** At its cluster IP, which nobody has: packets find their way by kube-proxy's rules. */
  #locateService(
    { namespace, name }: { readonly namespace: string; readonly name: string },
    label: string,
  ): LocatedEndpoint {
    const address = serviceAddress(this.store, namespace, name);
    if (typeof address !== 'string') return { label, address, place: undefined, netns: undefined, pod: undefined };
    const names = this.store.list('Service').map((one) => `${one.namespace}/${one.name}`);
    throw new UnknownEndpoint(
      address,
      nearMatches(
        `${namespace}/${name}`,
        names.filter((one) => one !== `${namespace}/${name}`),
      ),
    );
  }

  /** An address may be a pod's, a machine's, or nobody's. */
  #locateAddress(address: Ipv4Addr, label: string): LocatedEndpoint {
    const pod = this.#podAt(address);
    if (pod !== undefined) {
      const netns = this.podNetns(pod);
      return { label, address, place: netns.place, netns, pod };
    }
    const owner = this.underlay.ownerOf(address);
    const netns = owner && this.underlay.host(owner.name)?.netns;
    return { label, address, place: netns?.place, netns, pod: undefined };
  }

  #podAt(address: Ipv4Addr): Pod | undefined {
    return this.store
      .list('Pod')
      .find(
        (pod) =>
          !pod.spec.hostNetwork && recordedAddresses(pod).some((one) => formatAddress(one) === formatIpv4(address)),
      );
  }

  /** The only port that is declared, where there is one. */
  #defaultPort({ pod, netns }: LocatedEndpoint, protocol: 'tcp' | 'udp'): number | undefined {
    if (pod === undefined || netns === undefined) return undefined;
    return netns.sockets.listeners().find((listener) => listener.protocol === protocol)?.port;
  }

  #whyNot(pod: Pod): string {
    const found = this.#findings.find(
      ({ object, code }) => code === 'cni-failed' && object === `Pod ${pod.namespace}/${pod.name}`,
    );
    return found?.message ?? 'it does not run';
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
