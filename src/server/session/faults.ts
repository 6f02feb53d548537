/** What is broken on purpose: cables, switches, machines. */

import type { Cluster } from '../../cluster/index.js';
import { nearMatches } from '../../kubernetes/index.js';
import { Problem } from '../problem.js';

export type FaultRequest =
  /** The cable of a machine's interface is pulled. */
  | { readonly kind: 'link'; readonly host: string; readonly interface: string }
  | { readonly kind: 'switch'; readonly name: string }
  /** The machine is off; mended, it boots afresh. */
  | { readonly kind: 'node'; readonly name: string };

export interface Fault {
  readonly id: string;
  readonly fault: FaultRequest;
  /** Virtual time. */
  readonly sinceNs: number;
}

/** `link node1 eth0`, `node node1`. */
export const faultSubject = (request: FaultRequest): string =>
  request.kind === 'link' ? `link ${request.host} ${request.interface}` : `${request.kind} ${request.name}`;

/** What a fault keeps down. @throws Problem where nothing is called that */
function partsOf(cluster: Cluster, request: FaultRequest): { down: boolean }[] {
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

export class Faults {
  #faults: readonly Fault[] = [];

  list(): readonly Fault[] {
    return this.#faults;
  }

  isOff(machine: string): boolean {
    return this.#faults.some(({ fault }) => fault.kind === 'node' && fault.name === machine);
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
  mend(cluster: Cluster, id: string): FaultRequest {
    const found = this.#faults.find((fault) => fault.id === id);
    if (found === undefined) throw new Problem('not-found', `there is no fault "${id}"`);
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
    this.#faults = faults;
    this.carryTo(cluster);
  }
}
