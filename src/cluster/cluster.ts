/** A cluster, loaded: nodes and pods that can be looked at, and between which packets can be sent. */

import { formatAddress, storedNodes } from '../calico/index.js';
import { Emulation, type Host, type Netns } from '../kernel/index.js';
import {
  type ClusterInput,
  type ConfigError,
  type Finding,
  finding,
  nearMatches,
  type Pod,
  type Store,
} from '../kubernetes/index.js';
import { formatIpv4, type Ipv4Addr, parseIpv4 } from '../packet/index.js';
import {
  assignRoles,
  type ConnectionTrace,
  type Place,
  Recorder,
  tellStories,
  type TraceEnd,
  type TraceProtocol,
} from '../trace/index.js';
import { type MachinePlan, Underlay } from '../underlay/index.js';
import { allocate, type Allocations, recordedAddresses } from './allocations.js';
import { CalicoCluster } from './calico-node.js';
import { startCalico } from './calico-start.js';
import { openConnection } from './connection.js';
import { type Destination, type EndpointName, formatEndpointName } from './endpoint-name.js';
import { concludeTrace, finalDestination } from './conclude.js';
import type { ExpectedTrace } from './expectations.js';
import { loadDocuments, readPaths } from './load.js';
import { planNetwork } from './network.js';
import { applyHostConfig, configsFor, equipNode, type NodeContext } from './node.js';
import type { Kubelet } from './kubelet.js';
import { netnsName } from './sandbox.js';
import { policyFindings } from './policy-findings.js';
import type { RecordedState } from './recorded.js';
import { takeOutBadSelectors } from './selectors.js';
import { startServer } from './servers.js';
import { onlyPort, serviceAddress } from './service-name.js';
import { ClusterServices } from './services.js';
import { unmodelledFindings } from './unmodelled.js';

export interface ClusterOptions {
  /** Decides every draw; the same input and seed give the same bytes. */
  readonly seed?: number;
  /** What an earlier cluster of these objects settled: nodes and addresses that are kept. */
  readonly recorded?: RecordedState;
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

  constructor(input: ClusterInput, options: ClusterOptions & { readonly errors?: readonly ConfigError[] } = {}) {
    const seed = options.seed ?? 1;
    const documents = loadDocuments(input, { seed, recorded: options.recorded });
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
      sandboxAddress: allocations === undefined ? (pod) => this.#sandboxAddress(pod) : undefined,
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
    this.#context = {
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

  /** Sends the connection and records every step of every packet. @throws UnknownEndpoint */
  trace(request: TraceRequest): ConnectionTrace {
    const from = this.#locate(request.from);
    const to = this.#locate(request.to.endpoint);
    if (from.netns === undefined) throw new UnknownEndpoint(`nobody here has the address ${formatIpv4(from.address)}`);
    const port =
      request.protocol === 'icmp'
        ? undefined
        : (request.to.port ??
          this.#defaultPort(to, request.protocol) ??
          onlyPort(this.store, request.to.endpoint, request.protocol));
    if (port === undefined && request.protocol !== 'icmp') {
      throw new UnknownEndpoint(`${to.label} declares no ${request.protocol} port; name one, as in ${to.label}:80`);
    }
    const recorder = new Recorder(() => this.emulation.clock.nowNs);
    this.emulation.tracer = recorder;
    try {
      const connection = openConnection({
        netns: from.netns,
        destination: to.address,
        port: port ?? 0,
        protocol: request.protocol,
      });
      // How a connection is closed says nothing about the way to its end.
      this.emulation.tracer = undefined;
      connection.close();
      const packets = assignRoles(tellStories(recorder.steps), from.netns.place);
      const reached = finalDestination(packets) ?? to.address;
      const facts = {
        store: this.store,
        services: this.#context.services,
        fromPod: from.pod,
        toPod: to.pod ?? this.#podAt(reached),
        reached,
        policy: this.#context.calico?.felix,
      };
      const trace = { from, to: { ...to, port }, protocol: request.protocol, packets, nameOf: this.nameOf };
      return concludeTrace(trace, connection.outcome, facts);
    } finally {
      this.emulation.tracer = undefined;
    }
  }

  /** Brings up to date those files of a machine that a component writes only when somebody reads them: BIRD's. */
  refreshFiles(host: Host): void {
    if (this.#plan(host.name)?.role === 'node') this.#context.calico?.runConfd(host);
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
      this.#findings.push(...this.#context.services.prepare());
      const { kubelet, findings } = equipNode(host, this.#context);
      this.#kubelets.set(host.name, kubelet);
      this.#findings.push(...findings, ...this.#context.services.program(host));
    } else
      for (const config of configsFor(this.#context, host.name)) this.#findings.push(...applyHostConfig(host, config));
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
