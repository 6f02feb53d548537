/**
 * Which of several equal ways a flow takes (net/ipv4/fib_semantics.c:fib_select_path()): ECMP by a hash of the
 * flow, and one of several default routes of the same metric by what ARP knows of their gateways.
 *
 * Differs: where net.ipv4.fib_multipath_hash_seed is 0 the kernel hashes with a key that is random at each boot. Here
 * that key is made of the emulation's seed and the machine's name, whatever was asked before. Hash policies 2 (inner
 * addresses) and 3 (chosen fields) are taken as 0.
 */

import type { RouteNextHop, Route } from './route.js';
import type { Device } from '../device.js';
import type { FibContext } from './context.js';
import type { FlowKey, LookupResult } from './flow-key.js';
import { SCOPE } from './names.js';
import { siphash32 } from './siphash.js';
import type { Tables } from './tables.js';
import type { Flow4 } from './types.js';

/** One round of mixing: multiply, rotate, multiply, with the constants of MurmurHash3. */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** Octets of a number the other way round: the kernel compares and hashes what stands on the wire as it stands there. */
const swapped = (word: number): number =>
  ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;

/**
 * What of struct flow_keys is hashed for IPv4 (flow_keys_hash_start(), flow_keys_hash_length()), in words of 32 bits:
 * basic, tags, vlan, cvlan, keyid, ports, icmp, addresses, and a word of padding.
 */
const keys = new Int32Array(12);
/** u8 ip_proto behind be16 n_proto. */
const BASIC = 0;
const PORTS = 7;
const SOURCE = 9;
const DESTINATION = 10;

/** __flow_hash_consistentify(): both directions of a flow are one; addresses and ports each for themselves. */
function setKeys(source: number, destination: number): void {
  keys.fill(0);
  const [one, other] = [swapped(source), swapped(destination)];
  keys[SOURCE] = Math.min(one, other);
  keys[DESTINATION] = Math.max(one, other);
}

function setPorts(protocol: number, source: number, destination: number): void {
  const swap16 = (port: number): number => swapped(port) >>> 16;
  const [one, other] = [swap16(source), swap16(destination)];
  keys[BASIC] = protocol << 16;
  keys[PORTS] = Math.min(one, other) | (Math.max(one, other) << 16);
}

export class PathSelector {
  readonly #context: FibContext;
  readonly #tables: Tables;
  readonly #key: number;

  constructor(context: FibContext, tables: Tables) {
    this.#context = context;
    this.#tables = tables;
    let key = mix(0, context.emulation.seed);
    for (const letter of context.place.host) key = mix(key, letter.codePointAt(0) ?? 0);
    this.#key = key;
  }

  /**
   * fib_multipath_hash(): 31 bits. `hashedAs` are the addresses of the packet that an ICMP error is about
   * (ip_multipath_l3_keys()): it goes where that would go.
   */
  hash(key: FlowKey, { hash, hashedAs }: Pick<Flow4, 'hash' | 'hashedAs'>): number {
    if (this.#context.sysctl.values['ipv4.fib_multipath_hash_policy'] === 1) {
      setKeys(key.source, key.destination);
      setPorts(key.protocol, key.sourcePort, key.destinationPort);
    } else {
      const { source, destination } = hashedAs ?? key;
      setKeys(source, destination);
    }
    const seed = this.#hashSeed();
    const own = siphash32(keys, [seed, seed, seed, seed]);
    // The kernel mixes by jhash; the hash of a packet has a key of the boot anyway.
    return (hash === undefined ? own : mix(own, hash) >>> 0) >>> 1;
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
    const askNeighbours = this.#context.sysctl.values['ipv4.fib_multipath_use_neigh'] !== 0;
    this.#tables.noticeCarriers(route);
    let best = -1;
    for (const nextHop of route.nextHops) {
      if (nextHop.upperBound < 0 || (askNeighbours && !this.#good(nextHop))) continue;
      const score = (sameSource(nextHop) ? 2 : 0) + (hash <= nextHop.upperBound ? 1 : 0);
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
