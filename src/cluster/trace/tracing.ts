/** Traces: a connection is sent from its place, and every step of every packet is recorded and told. */

import type { FelixCluster } from '../../calico/index.js';
import { type Emulation, type Netns, NS_PER_S } from '../../kernel/index.js';
import type { Pod, Store } from '../../kubernetes/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr } from '../../packet/index.js';
import {
  assignRoles,
  type ConnectionTrace,
  type NameResolution,
  Recorder,
  tellStories,
  type TracePacket,
  type TraceProtocol,
} from '../../trace/index.js';
import { concludeTrace, concludeUnresolved, type Facts, finalDestination, type TracedName } from './conclude.js';
import { openConnection } from './connection.js';
import { type Destination, type EndpointName, formatEndpointName } from './endpoint-name.js';
import { podListeners, type PortProtocol } from '../node/listeners.js';
import type { LoadBalancers } from '../node/load-balancers.js';
import { type Asker, nameResolution, nameToAsk, resolveName } from './name-resolution.js';
import { type LocatedEndpoint, type Places } from './places.js';
import { UnknownEndpoint } from './unknown-endpoint.js';
import { namedPort, onlyPort } from './service-name.js';
import type { Dataplanes } from '../input/unmodelled.js';
import type { Routing } from '../routing.js';
import type { ClusterServices } from '../node/services.js';

export interface TraceRequest {
  readonly from: EndpointName;
  readonly to: Destination;
  readonly protocol: TraceProtocol;
  /** Octets of data to send: of TCP and SCTP behind the handshake, of UDP and ping in the first datagram. */
  readonly size?: number | undefined;
}

interface TracingOptions {
  readonly store: Store;
  readonly emulation: Emulation;
  readonly places: Places;
  readonly services: ClusterServices;
  readonly loadBalancers: LoadBalancers;
  /** What Felix knows once the packets have gone: endpoints of Services are written as nodes are built. */
  readonly policy: () => FelixCluster | undefined;
  readonly routing: Routing | undefined;
  /** Whether routes are those of daemons that nobody was asked to run. */
  readonly routingMissing: boolean;
  readonly dataplanes: Dataplanes;
  /** Frames are lost by chance: a connection is given as long as its own retransmissions go on. */
  readonly losesFrames: boolean;
  /** Whether the cluster has a DNS to ask. */
  readonly dnsPresent: boolean;
  readonly asker: (netns: Netns, pod: Pod | undefined, process: string) => Asker;
}

/**
 * tcp_syn_retries 6: the last SYN goes after 63 s, and is given up after 127. max_init_retransmits 8: the last INIT goes
 * after 273 s, and is given up after 333.
 */
const RETRIES_END_NS: Partial<Record<TraceProtocol, number>> = { tcp: 128 * NS_PER_S, sctp: 334 * NS_PER_S };

interface Sender extends LocatedEndpoint {
  readonly netns: Netns;
}

const labelOf = (endpoint: Destination['endpoint']): string => formatEndpointName(endpoint, formatIpv4);

/** The server that the questions got to. */
const resolverReached = ({ packets, queries }: NameResolution): Ipv4Addr =>
  finalDestination(packets) ?? queries[0]?.server ?? INADDR_ANY;

/** The first port that is declared; on a node's own namespace others listen too. */
const defaultPort = (pod: Pod | undefined, protocol: PortProtocol, store: Store): number | undefined =>
  pod === undefined
    ? undefined
    : podListeners(pod, store).find((one) => one.protocol === protocol && one.address === undefined)?.port;

export class Tracing {
  readonly #with: TracingOptions;
  /** Steps of the trace that were too many to be kept. */
  #lost = 0;

  constructor(options: TracingOptions) {
    this.#with = options;
  }

  /** @throws UnknownEndpoint */
  trace(request: TraceRequest): ConnectionTrace {
    this.#lost = 0;
    const trace = this.#trace(request);
    if (this.#lost === 0) return trace;
    const more = `${this.#lost} further steps were too many to be recorded: what became of the last packets is not told.`;
    return { ...trace, explanation: [...trace.explanation, more] };
  }

  #trace(asked: TraceRequest): ConnectionTrace {
    const { places } = this.#with;
    const to = { ...asked.to, endpoint: places.named(asked.to.endpoint) };
    return this.#traceTo({ ...asked, to });
  }

  #traceTo(request: TraceRequest): ConnectionTrace {
    const from = this.#sender(request.from);
    const { protocol, size } = request;
    const resolved = this.#resolve(from, request.to);
    const { nameOf } = this.#with.places;
    const sized = size === undefined ? {} : { size };
    const base = { from, protocol, nameOf, ...sized, ...(resolved === undefined ? {} : { resolution: resolved.told }) };
    if (resolved !== undefined && resolved.told.address === undefined) {
      const { endpoint, port } = request.to;
      const to = { label: labelOf(endpoint), address: undefined, place: undefined, port };
      const facts = this.#facts(from, undefined, resolverReached(resolved.told));
      return concludeUnresolved({ ...base, to, packets: [] }, resolved, facts);
    }
    const to = this.#destination(request.to, resolved?.told.address);
    const port = this.#portOf(request, to);
    this.#with.loadBalancers.prepare(to.address);
    const { result: connection, packets } = this.#record(from.netns, () => {
      const { netns } = from;
      const timeoutNs = this.#with.losesFrames ? RETRIES_END_NS[protocol] : undefined;
      const timeout = timeoutNs === undefined ? {} : { timeoutNs };
      return openConnection({ netns, destination: to.address, port: port ?? 0, protocol, size, ...timeout });
    });
    // How a connection is closed says nothing about the way to its end.
    connection.close();
    const facts = this.#facts(from, to.pod, finalDestination(packets) ?? to.address);
    return concludeTrace({ to: { port, ...to }, packets, ...base }, connection.outcome, facts);
  }

  #facts(from: LocatedEndpoint, toPod: Pod | undefined, reached: Ipv4Addr): Facts {
    const { store, services, loadBalancers, policy, routing, routingMissing, dataplanes, places } = this.#with;
    const destination = toPod ?? places.podAt(reached);
    return {
      store,
      services,
      loadBalancers,
      policy: policy(),
      routing,
      routingMissing,
      dataplanes,
      fromPod: from.pod,
      toPod: destination,
      whyAbsent: destination && places.whyAbsent(destination),
      reached,
      describe: (address, listener) => places.describe(address, listener),
      isAssumed: (machine) => places.isAssumed(machine),
    };
  }

  /** Runs something that sends, and tells its packets from the sender's side. */
  #record<T>(netns: Netns, run: () => T): { readonly result: T; readonly packets: TracePacket[] } {
    const { emulation } = this.#with;
    const recorder = new Recorder(() => emulation.clock.nowNs);
    emulation.tracer = recorder;
    try {
      const result = run();
      return { result, packets: assignRoles(tellStories(recorder.moments), netns.place) };
    } finally {
      emulation.tracer = undefined;
      this.#lost += recorder.lost;
    }
  }

  #sender(endpoint: EndpointName): Sender {
    return this.#with.places.sender(endpoint);
  }

  /** By the sender's resolver, where the destination is a name, or a Service of which a pod asks the cluster's DNS. */
  #resolve(from: Sender, to: Destination): TracedName | undefined {
    const { store, dnsPresent } = this.#with;
    const name = nameToAsk(to, { store, pod: from.pod });
    if (name === undefined || (to.endpoint.kind === 'svc' && !dnsPresent)) return undefined;
    const asker = this.#with.asker(from.netns, from.pod, 'resolver');
    const { result, packets } = this.#record(from.netns, () => resolveName(asker, name));
    return { ...result, told: { ...nameResolution(name, result), packets } };
  }

  #destination({ endpoint }: Destination, address: Ipv4Addr | undefined): LocatedEndpoint {
    const { places } = this.#with;
    if (address !== undefined) return places.locateAddress(address, labelOf(endpoint));
    if (endpoint.kind === 'name') throw new UnknownEndpoint(`${endpoint.name} has no address`);
    return places.locate(endpoint);
  }

  /** The port that is named, or the only one that there is. @throws UnknownEndpoint */
  #portOf({ to: { endpoint, port, portName }, protocol }: TraceRequest, to: LocatedEndpoint): number | undefined {
    if (protocol === 'icmp') return undefined;
    if (portName !== undefined) {
      const named = namedPort(this.#with.store, endpoint, { name: portName, protocol });
      if (typeof named === 'number') return named;
      throw new UnknownEndpoint(`${to.label}: ${named}`);
    }
    const found =
      port ?? defaultPort(to.pod, protocol, this.#with.store) ?? onlyPort(this.#with.store, endpoint, protocol);
    if (found !== undefined) return found;
    throw new UnknownEndpoint(`${to.label} declares no ${protocol} port; name one, as in ${to.label}:80`);
  }
}
