/** Nodes as the scheduler fills them: what each has taken, and a queue that gives the emptiest. */

import type { IpAddress } from './address.js';
import type { PodSpec } from './kinds/pod.js';
import type { KubeNode, Pod } from './types.js';

export interface HostPort {
  readonly protocol: string;
  readonly port: number;
  /** Undefined: on every address. */
  readonly hostIP: IpAddress | undefined;
}

export const hostPortsOf = ({ containers }: PodSpec): readonly HostPort[] =>
  containers.flatMap(({ ports }) =>
    ports
      .filter(({ hostPort }) => hostPort !== 0)
      .map(({ protocol, hostPort, hostIP }) => ({
        protocol,
        port: hostPort,
        hostIP: hostIP === 0 ? undefined : hostIP, // 0.0.0.0
      })),
  );

/** framework/types.go:HostPortInfo.CheckConflict(): one without an address conflicts with any. */
export const conflicts = (a: HostPort, b: HostPort): boolean =>
  a.protocol === b.protocol &&
  a.port === b.port &&
  (a.hostIP === undefined || b.hostIP === undefined || String(a.hostIP) === String(b.hostIP));

/** A node and what runs on it so far. */
export class Place {
  readonly node: KubeNode;
  /** Where it stands in the order of names. */
  readonly rank: number;
  readonly #hostPorts: HostPort[] = [];
  #pods = 0;

  constructor(node: KubeNode, rank: number) {
    this.node = node;
    this.rank = rank;
  }

  get pods(): number {
    return this.#pods;
  }

  get isFull(): boolean {
    return this.#pods >= this.node.status.maxPods;
  }

  take({ spec }: Pod): void {
    this.#pods++;
    this.#hostPorts.push(...hostPortsOf(spec));
  }

  hasFree(wanted: readonly HostPort[]): boolean {
    return !wanted.some((port) => this.#hostPorts.some((held) => conflicts(port, held)));
  }
}

interface Entry {
  readonly place: Place;
  readonly penalty: number;
  /** Its pods when it was put in: it may have more by now, never fewer. */
  readonly pods: number;
}

const before = (a: Entry, b: Entry): boolean => {
  if (a.penalty !== b.penalty) return a.penalty < b.penalty;
  return a.pods < b.pods || (a.pods === b.pods && a.place.rank < b.place.rank);
};

/**
 * Places by what pods like less about them, of equals the emptiest first, then by name: a binary heap. Pods of other templates fill
 * the same nodes behind its back, so an entry is checked, and put back, when it comes to the top.
 */
export class PlaceQueue {
  readonly #heap: Entry[] = [];

  constructor(places: readonly Place[], penaltyOf: (place: Place) => number) {
    for (const place of places) this.#push({ place, penalty: penaltyOf(place), pods: place.pods });
  }

  /** The best place with room, of equals the emptiest, or undefined. It stays in the queue. */
  emptiest(hostPorts: readonly HostPort[]): Place | undefined {
    const passedOver: Entry[] = [];
    let found: Place | undefined;
    for (let top = this.#pop(); top !== undefined; top = this.#pop()) {
      const { place, penalty } = top;
      if (place.isFull) continue; // for good
      if (place.pods !== top.pods) this.#push({ place, penalty, pods: place.pods });
      else {
        passedOver.push(top);
        if (!place.hasFree(hostPorts)) continue;
        found = place;
        break;
      }
    }
    for (const entry of passedOver) this.#push(entry);
    return found;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    for (let parent = (at - 1) >> 1; at > 0; parent = (at - 1) >> 1) {
      const above = heap[parent];
      if (above === undefined || !before(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const rightFirst = right !== undefined && before(right, left);
      const child = rightFirst ? right : left;
      if (!before(child, last)) break;
      heap[at] = child;
      at = 2 * at + (rightFirst ? 2 : 1);
    }
    heap[at] = last;
    return top;
  }
}
