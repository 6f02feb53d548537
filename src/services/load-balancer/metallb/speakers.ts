/**
 * MetalLB's speakers in layer 2 mode: for each address one node answers ARP, and another where that one is gone
 * (speaker/main.go, speaker/layer2_controller.go, internal/layer2/announcer.go). What comes in by the address is the
 * kernel's, and kube-proxy's, as if it were for the node.
 */

import { type Device, KernelError, type Netns } from '../../../kernel/index.js';
import { type EndpointSlice, isIpv4, type KubeNode, type Service, type Store } from '../../../kubernetes/index.js';
import type { Ipv4Addr } from '../../../packet/index.js';
import type { Cause } from '../../../trace/index.js';
import { ArpResponder } from '../arp-responder.js';
import { interfacesOf, type MetalLbConfiguration } from './configuration.js';
import { candidates } from './election.js';
import { Member, Watch } from './members.js';

/** The pool that an address is from, and the Services that have it. */
export interface Assignment {
  readonly pool: string;
  readonly services: readonly { readonly namespace: string; readonly name: string }[];
}

export interface SpeakersRequest {
  readonly store: Store;
  readonly configuration: MetalLbConfiguration;
  /** By address. */
  readonly assignments: ReadonlyMap<Ipv4Addr, Assignment>;
  /** Nodes on which a speaker runs. */
  readonly nodes: ReadonlySet<string>;
  /** Brings EndpointSlices up to date, and gives those of a Service. */
  readonly slicesOf: (service: Service) => readonly EndpointSlice[];
  /** A node's namespace, built if it was not. */
  readonly netnsOf: (node: string) => Netns | undefined;
}

interface Speaker {
  readonly netns: Netns;
  readonly arp: ArpResponder;
  readonly member: Member | undefined;
}

const PROCESS = 'speaker';

export class Speakers {
  readonly #request: SpeakersRequest;
  readonly #speakers = new Map<string, Speaker>();
  readonly #watches = new Map<string, Watch>();
  /** What a speaker believes of others: those that it has given up. Who was never asked for anything has given up nobody. */
  readonly #gone = new Map<string, ReadonlySet<string>>();
  /** By address and whose view it is. */
  readonly #elected = new Map<string, readonly string[]>();

  constructor(request: SpeakersRequest) {
    this.#request = request;
    for (const kind of ['Service', 'EndpointSlice', 'Pod', 'Node'] as const)
      request.store.watch(kind, () => this.#elected.clear());
  }

  /** Nodes whose speakers run, for all that a viewer knows: one of which the API server has long heard nothing has none. */
  #living(viewer: string): KubeNode[] {
    const { store, nodes } = this.#request;
    const gone = this.#gone.get(viewer);
    return store
      .list('Node')
      .filter(({ name, status }) => nodes.has(name) && !status.silent && gone?.has(name) !== true);
  }

  /** For each Service that has the address, who may announce it, in order. */
  #orders(address: Ipv4Addr, viewer: string): readonly (readonly string[])[] {
    const { store, configuration, assignments, slicesOf } = this.#request;
    const assignment = assignments.get(address);
    if (assignment === undefined) return [];
    const layer2 = configuration.advertisements.get(assignment.pool)?.layer2 ?? [];
    const living = this.#living(viewer);
    return assignment.services.flatMap(({ namespace, name }) => {
      const service = store.get('Service', namespace, name);
      if (service === undefined) return [];
      return [candidates({ address, service, slices: slicesOf(service), layer2 }, living).map((node) => node.name)];
    });
  }

  /** Whom a viewer takes for the announcers, one for each Service. Those who have given up nobody agree. */
  #electedBy(viewer: string, address: Ipv4Addr): readonly string[] {
    const key = `${address} ${this.#gone.has(viewer) ? viewer : ''}`;
    const known = this.#elected.get(key);
    if (known !== undefined) return known;
    const elected = [...new Set(this.#orders(address, viewer).flatMap(([first]) => first ?? []))];
    this.#elected.set(key, elected);
    return elected;
  }

  #claims(name: string, address: Ipv4Addr): boolean {
    return this.#electedBy(name, address).includes(name);
  }

  /** The nodes that answer for an address: more than one where they do not hear each other. */
  announcers(address: Ipv4Addr): readonly string[] {
    const viewers = [...this.#electedBy('', address), ...this.#gone.keys()];
    return [...new Set(viewers)].filter((name) => this.#claims(name, address) && this.#isPluggedIn(name)).toSorted();
  }

  #isPluggedIn(name: string): boolean {
    const netns = this.#speakers.get(name)?.netns;
    return netns === undefined || [...netns.devices].some((dev) => dev.kind === 'ethernet' && dev.running);
  }

  /** Whether that node's speaker answers for an address on that interface. */
  answersFor(name: string, dev: string, address: Ipv4Addr): boolean {
    const { store, configuration, assignments } = this.#request;
    const assignment = assignments.get(address);
    const node = store.get('Node', '', name);
    if (assignment === undefined || node === undefined) return false;
    const interfaces = interfacesOf(configuration.advertisements.get(assignment.pool)?.layer2 ?? [], node);
    if (interfaces === undefined || (interfaces !== 'all' && !interfaces.has(dev))) return false;
    return this.#claims(name, address);
  }

  /** Starts the speaker of a node that has one. */
  start(netns: Netns): void {
    const { name } = netns.host;
    const { nodes } = this.#request;
    if (!nodes.has(name)) return;
    const because: Cause[] = [{ kind: 'Node', name, detail: 'MetalLB speaker' }];
    const answersFor = (address: Ipv4Addr, dev: Device): boolean => this.answersFor(name, dev.name, address);
    this.#speakers.set(name, {
      netns,
      arp: new ArpResponder({ netns, process: `MetalLB ${PROCESS}`, answersFor }),
      member: memberOf(netns, because),
    });
  }

  /** From now on speakers ask for one another, until `rest`. */
  watch(): void {
    for (const address of this.#request.assignments.keys()) this.#arm(address);
    for (const watch of this.#watches.values()) watch.start();
  }

  rest(): void {
    for (const watch of this.#watches.values()) watch.stop();
  }

  /**
   * Whoever announces an address asks for all that would come before it, and so does the one that would follow. A machine
   * that was never built cannot have failed.
   */
  #arm(address: Ipv4Addr, heard: ReadonlySet<string> = new Set()): void {
    for (const order of this.#orders(address, '')) {
      const last = order.findLastIndex((name) => this.#claims(name, address));
      const announcer = order[last];
      if (announcer === undefined || !this.#speakers.has(announcer)) continue;
      const successor = order[last + 1];
      // It has heard of what the one before it has found out, unless it is lost itself.
      if (successor !== undefined && !this.#gone.has(successor) && heard.size > 0 && !heard.has(successor))
        this.#gone.set(successor, heard);
      const viewers = order.filter((name, i) => i === last + 1 || (i > 0 && this.#claims(name, address)));
      for (const viewer of viewers)
        for (const target of order.slice(0, order.indexOf(viewer))) this.#watch(viewer, target);
    }
  }

  #watch(viewer: string, target: string): void {
    const { store, nodes, netnsOf } = this.#request;
    const key = `${viewer} ${target}`;
    if (this.#watches.has(key) || !this.#speakers.has(target)) return;
    const netns = netnsOf(viewer);
    const member = this.#speakers.get(viewer)?.member;
    const address = store.get('Node', '', target)?.status.internalIPs.find(isIpv4);
    if (netns === undefined || member === undefined || address === undefined) return;
    const changed = (lives: boolean): void => this.#changed(viewer, target, lives);
    const request = { netns, member, target: { address, name: target }, members: nodes.size, changed };
    this.#watches.set(key, new Watch(request, this.#gone.get(viewer)?.has(target) !== true));
  }

  /** Who announces what it did not announce before tells everybody; one that comes after it stands by. */
  #changed(viewer: string, target: string, lives: boolean): void {
    const addresses = [...this.#request.assignments.keys()];
    const before = new Set(addresses.filter((address) => this.#claims(viewer, address)));
    const gone = new Set(this.#gone.get(viewer));
    if (lives) gone.delete(target);
    else gone.add(target);
    this.#gone.set(viewer, gone);
    this.#elected.clear();
    for (const address of addresses) {
      if (this.#claims(viewer, address) && !before.has(address)) this.#speakers.get(viewer)?.arp.announce(address);
      this.#arm(address, gone);
    }
    for (const watch of this.#watches.values()) watch.start();
  }
}

/** Where another program has the port, the speaker has no ear for others. */
function memberOf(netns: Netns, because: readonly Cause[]): Member | undefined {
  try {
    return new Member(netns, { process: PROCESS, because });
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}
