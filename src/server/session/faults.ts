/** What is broken on purpose: cables, switches, machines, pods, sessions of routing daemons. */

import { type Cluster, type FaultRequest, faultSubject, isFaultRequest } from '../../cluster/index.js';
import { nearMatches } from '../../kubernetes/index.js';
import { NS_PER_S } from '../../kernel/index.js';
import { formatIpv4 } from '../../packet/index.js';
import { Problem } from '../problem.js';
import { mending } from './mending.js';
import { type Page, pageInOrder, type PageRequest } from './page.js';

export interface Fault {
  readonly id: string;
  readonly fault: FaultRequest;
  /** Virtual time. */
  readonly sinceNs: number;
}

/** Something that can be down. */
interface Part {
  down: boolean;
}

/** A part that is told to be down or up. */
const told = (tell: (down: boolean) => void): Part => ({
  get down(): boolean {
    return false;
  },
  set down(down: boolean) {
    tell(down);
  },
});

/** @throws Problem */
function podOf(cluster: Cluster, { namespace, name }: FaultRequest & { kind: 'pod' }): Part {
  const pod = mending(() => cluster.pod(namespace, name));
  if (pod.spec.nodeName === '') throw new Problem('conflict', `pod ${namespace}/${name} is on no node`);
  return told((down) => cluster.setPodDown(namespace, name, down));
}

/** @throws Problem */
function sessionOf(cluster: Cluster, { host: name, peer }: FaultRequest & { kind: 'session' }): Part {
  const host = mending(() => cluster.host(name));
  const { routing } = cluster;
  const sessions = routing?.sessions(host) ?? [];
  if (routing === undefined || sessions.length === 0)
    throw new Problem('not-found', `no routing daemon on ${name} has a session`);
  const interfaces = cluster.underlay.plan.machines.get(peer)?.interfaces ?? [];
  const addresses = new Set(interfaces.map(({ address }) => address && formatIpv4(address)));
  const found = sessions.filter((one) => one.name === peer || one.neighbor === peer || addresses.has(one.neighbor));
  if (found.length === 0)
    throw missing(
      `session "${peer}" on ${name}`,
      peer,
      sessions.flatMap((one) => [one.name, one.neighbor]),
    );
  return told((down) => {
    for (const session of found) routing.setSession(host, session.name, !down);
  });
}

/** What a fault keeps down. @throws Problem where nothing is called that */
function partsOf(cluster: Cluster, request: FaultRequest): Part[] {
  if (request.kind === 'pod') return [podOf(cluster, request)];
  if (request.kind === 'session') return [sessionOf(cluster, request)];
  return cablesOf(cluster, request);
}

/** @throws Problem */
function cablesOf(cluster: Cluster, request: FaultRequest & { kind: 'link' | 'switch' | 'node' }): Part[] {
  const switches = [...cluster.underlay.switches];
  const { machines } = cluster.underlay.plan;
  if (request.kind === 'switch') {
    const found = switches.find(({ name }) => name === request.name);
    if (found === undefined)
      throw missing(
        `switch "${request.name}"`,
        request.name,
        switches.map(({ name }) => name),
      );
    return [found];
  }
  const name = request.kind === 'link' ? request.host : request.name;
  const machine = machines.get(name);
  if (machine === undefined) throw missing(`machine "${name}"`, name, machines.keys());
  const wanted = request.kind === 'link' ? [request.interface] : machine.interfaces.map((nic) => nic.name);
  const ports = wanted.flatMap((nic) =>
    switches.flatMap((one) => one.ports).filter((port) => port.name === `${name} ${nic}`),
  );
  if (request.kind === 'link' && ports.length === 0) {
    const names = machine.interfaces.map((nic) => nic.name);
    throw missing(`physical interface "${request.interface}" of ${name}`, request.interface, names);
  }
  return ports;
}

function missing(what: string, name: string, candidates: Iterable<string>): Problem {
  const near = nearMatches(name, candidates);
  const hint = near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
  return new Problem('not-found', `there is no ${what}${hint}`, [{ message: `no ${what}`, near }]);
}

/** kube-controller-manager's --node-monitor-grace-period: for so long it waits to hear of a kubelet. */
const GRACE_NS = 50 * NS_PER_S;

interface Silence {
  readonly node: string;
  /** From then on the node is taken to be unreachable. */
  readonly fromNs: number;
}

export class Faults {
  #faults: readonly Fault[] = [];
  /** When each came, among all that ever were. */
  readonly #orders = new WeakMap<Fault, number>();
  #came = 0;

  list(): readonly Fault[] {
    return this.#faults;
  }

  page(request: PageRequest): Page<Fault> {
    const rows = this.#faults.map((fault) => ({ fault, order: this.#orderOf(fault) }));
    return pageInOrder(rows, ({ fault }) => fault, request);
  }

  #orderOf(fault: Fault): number {
    const held = this.#orders.get(fault);
    if (held !== undefined) return held;
    const order = this.#came++;
    this.#orders.set(fault, order);
    return order;
  }

  isPodDown(namespace: string, name: string): boolean {
    return this.#faults.some(
      ({ fault }) => fault.kind === 'pod' && fault.namespace === namespace && fault.name === name,
    );
  }

  isOff(machine: string): boolean {
    return this.#faults.some(({ fault }) => fault.kind === 'node' && fault.name === machine);
  }

  /**
   * Nodes that nobody hears of, or will hear of when this has lasted. The API server stands outside of the topology: whoever
   * has a cable to a switch, both whole, comes to it.
   */
  silences(cluster: Cluster): readonly Silence[] {
    if (this.#faults.length === 0) return [];
    return [...cluster.underlay.plan.machines.values()].flatMap(({ name, role, interfaces }) => {
      if (role !== 'node' || interfaces.length === 0) return [];
      const cutNs = Math.max(...interfaces.map((nic) => this.#cutSince(name, nic)));
      return cutNs === Infinity ? [] : [{ node: name, fromNs: cutNs + GRACE_NS }];
    });
  }

  /** Since when nothing goes by this interface; never is infinity. */
  #cutSince(machine: string, nic: { readonly name: string; readonly switch: string }): number {
    const cuts = this.#faults.filter(
      ({ fault }) =>
        (fault.kind === 'node' && fault.name === machine) ||
        (fault.kind === 'switch' && fault.name === nic.switch) ||
        (fault.kind === 'link' && fault.host === machine && fault.interface === nic.name),
    );
    return Math.min(...cuts.map(({ sinceNs }) => sinceNs));
  }

  /** @throws Problem */
  add(cluster: Cluster, id: string, fault: FaultRequest): Fault {
    if (this.#faults.some((one) => faultSubject(one.fault) === faultSubject(fault)))
      throw new Problem('conflict', `${faultSubject(fault)} is down already`);
    const parts = partsOf(cluster, fault);
    const added = { id, fault, sinceNs: cluster.emulation.clock.nowNs };
    this.#faults = [...this.#faults, added];
    for (const part of parts) part.down = true;
    return added;
  }

  /** @throws Problem */
  get(id: string): Fault {
    const found = this.#faults.find((fault) => fault.id === id);
    if (found === undefined) throw new Problem('not-found', `there is no fault "${id}"`);
    return found;
  }

  /** @throws Problem */
  mend(cluster: Cluster, id: string): FaultRequest {
    const found = this.get(id);
    this.#faults = this.#faults.filter((fault) => fault !== found);
    for (const part of partsOf(cluster, found.fault)) part.down = false;
    if (found.fault.kind === 'node') cluster.underlay.discard(found.fault.name);
    this.#hold(cluster);
    return found.fault;
  }

  /** Another fault may keep the same part down. */
  #hold(cluster: Cluster): void {
    for (const { fault } of this.#faults) for (const part of partsOf(cluster, fault)) part.down = true;
  }

  /** Breaks the same in a cluster that was built anew; what is no longer there cannot be broken, and is forgotten. */
  carryTo(cluster: Cluster): void {
    this.#faults = this.#faults.filter(({ fault }) => {
      try {
        for (const part of partsOf(cluster, fault)) part.down = true;
        return true;
      } catch (error) {
        if (error instanceof Problem) return false;
        throw error;
      }
    });
  }

  /** As a snapshot brings them. */
  restore(faults: readonly Fault[], cluster: Cluster): void {
    this.#faults = faults.filter(({ fault }) => isFaultRequest(fault));
    this.carryTo(cluster);
  }
}
