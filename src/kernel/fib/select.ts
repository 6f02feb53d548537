/**
 * Which of several equal ways a flow takes (net/ipv4/fib_semantics.c:fib_select_path()): ECMP by a hash of the
 * flow, and one of several default routes of the same metric by what ARP knows of their gateways.
 *
 * Differs: the kernel hashes with a key that is random at each boot. Here the key is made of the emulation's seed
 * and the machine's name, whatever was asked before, or is net.ipv4.fib_multipath_hash_seed where that is set;
 * hash policies 2 (inner addresses) and 3 (chosen fields) are taken as 0.
 */

import type { RouteNextHop, Route } from './route.js';
import type { Device } from '../device.js';
import type { FibContext } from './context.js';
import type { FlowKey, LookupResult } from './flow-key.js';
import { SCOPE } from './names.js';
import { usable } from './tables.js';

/** One round of mixing: multiply, rotate, multiply, with the constants of MurmurHash3. */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** Spreads the last word over all bits. */
function finish(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Both upper bounds and hashes are fractions of this. */
const HASH_RANGE = 2 ** 31;

export class PathSelector {
  readonly #context: FibContext;
  readonly #key: number;

  constructor(context: FibContext) {
    this.#context = context;
    let key = mix(0, context.emulation.seed);
    for (const letter of context.place.host) key = mix(key, letter.codePointAt(0) ?? 0);
    this.#key = key;
  }

  /** fib_multipath_hash(): 31 bits. `given` is a hash that the packet already has. */
  hash(key: FlowKey, given: number | undefined): number {
    if (given !== undefined && given !== 0) return given >>> 1;
    let hash = mix(mix(this.#hashSeed(), key.source), key.destination);
    if (this.#context.sysctl.values['ipv4.fib_multipath_hash_policy'] === 1) {
      hash = mix(mix(hash, (key.sourcePort << 16) | key.destinationPort), key.protocol);
    }
    return finish(hash) >>> 1;
  }

  #hashSeed(): number {
    const fixed = Number(this.#context.sysctl.get('net.ipv4.fib_multipath_hash_seed') ?? '0');
    return fixed === 0 ? this.#key : fixed | 0;
  }

  /**
   * fib_select_multipath(): the next hop within whose share of the range the hash falls. Where the source is
   * already chosen, a next hop that would give the same source is better than the hash's choice.
   */
  multipath(result: LookupResult, hash: number, sameSource: (nextHop: RouteNextHop) => boolean): void {
    const { route } = result;
    if (route === undefined || route.nextHops.length < 2) return;
    const { sysctl } = this.#context;
    const askNeighbours = sysctl.values['ipv4.fib_multipath_use_neigh'] !== 0;
    let total = 0;
    for (const nextHop of route.nextHops) if (usable(nextHop, sysctl)) total += nextHop.weight;
    let weight = 0;
    let best = -1;
    for (const nextHop of route.nextHops) {
      if (!usable(nextHop, sysctl)) continue;
      weight += nextHop.weight;
      if (askNeighbours && !this.#good(nextHop)) continue;
      const upperBound = Math.round((weight * HASH_RANGE) / total) - 1;
      const score = (sameSource(nextHop) ? 2 : 0) + (hash <= upperBound ? 1 : 0);
      if (score > best) {
        best = score;
        result.nextHop = nextHop;
      }
    }
  }

  /** fib_good_nh(): a gateway that nobody asked for yet is taken to be there. */
  #good(nextHop: RouteNextHop): boolean {
    if (nextHop.dev === undefined || nextHop.gateway === undefined) return true;
    return this.#context.neighbours?.lookup(nextHop.dev, nextHop.gateway)?.valid ?? true;
  }

  /**
   * fib_select_default(): among default routes of one TOS and metric, appended to one another, the first whose
   * gateway is not known to be dead; those of which ARP knows no better than that take turns.
   */
  defaultRoute(result: LookupResult, tos: number): void {
    const first = result.route;
    if (first === undefined || result.node === undefined) return;
    const candidates = result.node.routes.filter(
      (route) =>
        route.table === first.table &&
        route.tos === first.tos &&
        (route.tos === 0 || route.tos === tos) &&
        route.metric === first.metric &&
        route.scope === first.scope &&
        route.type === 'unicast' &&
        route.nextHops[0]?.gateway !== undefined,
    );
    if (candidates[0] !== first || candidates.length < 2) {
      first.lastDefault = -1;
      return;
    }
    const chosen = this.#alive(candidates, first.lastDefault);
    first.lastDefault = chosen;
    const route = candidates[chosen];
    if (route === undefined) return;
    result.route = route;
    result.nextHop = route.nextHops[0];
  }

  /** fib_detect_death() over the candidates: the position of the one to take. */
  #alive(candidates: readonly Route[], last: number): number {
    let resort = -1;
    for (const [order, route] of candidates.entries()) {
      const nextHop = route.nextHops[0];
      const neighbour = nextHop && this.#neighbour(nextHop.dev, nextHop);
      if (neighbour === undefined || neighbour.state === 'reachable' || (neighbour.valid && order !== last))
        return order;
      if (neighbour.valid || (resort < 0 && order > last && neighbour.state !== 'incomplete')) resort = order;
    }
    return resort;
  }

  #neighbour(
    dev: Device | undefined,
    nextHop: RouteNextHop,
  ): { readonly state: string; readonly valid: boolean } | undefined {
    if (dev === undefined || nextHop.via === undefined || nextHop.scope !== SCOPE.link) return undefined;
    return this.#context.neighbours?.lookup(dev, nextHop.via);
  }
}
