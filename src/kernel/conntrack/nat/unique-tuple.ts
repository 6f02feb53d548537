/**
 * Chooses the tuple that a connection has behind NAT, so that its replies are nobody else's
 * (net/netfilter/nf_nat_core.c:get_unique_tuple(), nf_nat_l4proto_unique_tuple()).
 */

import { type Ipv4Addr, IP_PROTOCOL, ipv4 } from '../../../packet/index.js';
import type { ConnectionStore } from '../connection-store.js';
import { type CtEntry, type CtTuple, IPS } from '../entry.js';
import type { CtStatistics } from '../format.js';
import { connectionOf } from '../tcp.js';
import { TCP_STATE } from '../tcp-transitions.js';
import { after } from '../tcp-window.js';
import { copyTuple, emptyTuple, inverted, invertInto, tuplesEqual } from '../tuple.js';
import { NAT_RANGE, type NatManip, type NatRange } from './range.js';

/** NF_NAT_MAX_ATTEMPTS and NF_NAT_HARDER_THRESH: ports tried in a row, and the last of them that may cost others. */
const MAX_ATTEMPTS = 128;
const HARDER_ATTEMPTS = MAX_ATTEMPTS / 4;
/** Fewer are not worth another round. */
const MIN_ATTEMPTS = 16;

const RANDOM_ANY = NAT_RANGE.random | NAT_RANGE.randomFully;

/** What is being set up: the connection, the half to change, and into what. */
export interface NatRequest {
  readonly entry: CtEntry;
  readonly range: NatRange;
  readonly manip: NatManip;
}

/** Consecutive ports, or identifiers of ICMP. */
export interface PortRange {
  readonly first: number;
  readonly count: number;
}

/** get_random_u16(): how far into the ports, modulo their count, a search begins. */
export type DrawOffset = (ports: PortRange) => number;

export class TupleChooser {
  readonly #store: ConnectionStore;
  readonly #statistics: CtStatistics;
  readonly #drawOffset: DrawOffset;
  readonly #reply = emptyTuple();

  constructor(store: ConnectionStore, statistics: CtStatistics, drawOffset: DrawOffset) {
    this.#store = store;
    this.#statistics = statistics;
    this.#drawOffset = drawOffset;
  }

  /** The tuple for a connection whose packets look like `current` so far. It may be taken where nothing is free. */
  choose(current: CtTuple, request: NatRequest): CtTuple {
    const { entry, range, manip } = request;
    const isRandom = (range.flags & RANDOM_ANY) !== 0;
    if (manip === 'src' && !isRandom) {
      // As it is, if that will do; else as earlier connections from that address and port.
      if (inRange(current, range)) {
        if (!this.#isTakenByOther(current, entry)) return current;
      } else {
        const mapped = this.#existingMapping(current, range);
        if (mapped !== undefined && !this.#isTaken(mapped, entry)) return mapped;
      }
    }
    const tuple = copyTuple(current);
    mapAddress(tuple, request);
    if (!isRandom && this.#portWillDo(tuple, request)) return tuple;
    this.#choosePort(tuple, request);
    return tuple;
  }

  #portWillDo(tuple: CtTuple, { entry, range, manip }: NatRequest): boolean {
    if ((range.flags & NAT_RANGE.protoSpecified) === 0) return !this.#isTaken(tuple, entry);
    if ((range.flags & NAT_RANGE.protoOffset) !== 0 || !portInRange(tuple, range, manip)) return false;
    return range.minPort === (range.maxPort ?? range.minPort) || !this.#isTaken(tuple, entry);
  }

  /** nf_nat_used_tuple(), nf_conntrack_tuple_taken(): are replies to `tuple` another connection's packets? */
  #isTaken(tuple: CtTuple, entry: CtEntry): boolean {
    const other = this.#owner(tuple);
    if (other === undefined || other === entry) return false;
    // The same flow in two packets at once: confirmation sorts that out.
    if (tuplesEqual(other.original, entry.original)) return false;
    this.#statistics.found += 1;
    return true;
  }

  /** nf_nat_used_tuple_new(): a connection that is this one from its other end, and not translated, is no obstacle. */
  #isTakenByOther(tuple: CtTuple, entry: CtEntry): boolean {
    if (!this.#isTaken(tuple, entry)) return false;
    const other = (this.#store.find(tuple) ?? this.#store.find(this.#reply))?.entry;
    if (other === undefined) return false;
    if (other.has(IPS.srcNat | IPS.dstNat | IPS.seqAdjust)) return true;
    return !(tuplesEqual(entry.original, other.reply) && tuplesEqual(entry.reply, other.original));
  }

  #owner(tuple: CtTuple): CtEntry | undefined {
    return invertInto(this.#reply, tuple) ? this.#store.find(this.#reply)?.entry : undefined;
  }

  /** nf_nat_used_tuple_harder(): in the end, a translated TCP connection in TIME_WAIT gives its port to a later one. */
  #isTakenForGood(tuple: CtTuple, entry: CtEntry, attemptsLeft: number): boolean {
    const patient = attemptsLeft > HARDER_ATTEMPTS || tuple.protocol !== IP_PROTOCOL.tcp;
    if (patient || connectionOf(entry).code !== TCP_STATE.synSent) return this.#isTaken(tuple, entry);
    const found = invertInto(this.#reply, tuple) ? this.#store.find(this.#reply) : undefined;
    if (found === undefined) return false;
    const old = found.entry;
    const mayKill =
      found.direction === 'reply' &&
      connectionOf(old).code >= TCP_STATE.timeWait &&
      !old.has(IPS.fixedTimeout) &&
      old.has(IPS.srcNat) &&
      after(connectionOf(entry).original.end, connectionOf(old).original.end);
    return !(mayKill && this.#store.kill(old));
  }

  /** find_appropriate_src(). */
  #existingMapping(current: CtTuple, range: NatRange): CtTuple | undefined {
    for (const other of this.#store.fromSource(current)) {
      const tuple = inverted(other.reply);
      if (tuple === undefined) continue;
      tuple.destination = current.destination;
      tuple.destinationPort = current.destinationPort;
      if (inRange(tuple, range)) return tuple;
    }
    return undefined;
  }

  /** nf_nat_l4proto_unique_tuple(). */
  #choosePort(tuple: CtTuple, { entry, range, manip }: NatRequest): void {
    const ports = portsToTry(tuple, range, manip);
    if (ports === undefined) return;
    const { first, count } = ports;
    let offset = this.#firstOffset(tuple, { range, manip }, ports);
    for (let attempts = Math.min(count, MAX_ATTEMPTS); ; attempts = Math.floor(attempts / 2)) {
      for (let i = 0; i < attempts; i++, offset = (offset + 1) & 0xffff) {
        setPort(tuple, manip, (first + (offset % count)) & 0xffff);
        if (!this.#isTakenForGood(tuple, entry, attempts - i)) return;
      }
      if (attempts >= count || attempts < MIN_ATTEMPTS) return;
      offset = this.#drawOffset(ports);
    }
  }

  #firstOffset(tuple: CtTuple, { range, manip }: Pick<NatRequest, 'range' | 'manip'>, ports: PortRange): number {
    if ((range.flags & NAT_RANGE.protoOffset) !== 0) return (portOf(tuple, manip) - (range.basePort ?? 0)) & 0xffff;
    return (range.flags & RANDOM_ANY) !== 0 || manip === 'src' ? this.#drawOffset(ports) : 0;
  }
}

/** nf_in_range(): would the source, changed to this, be what the rule asks for? */
function inRange(tuple: CtTuple, range: NatRange): boolean {
  if ((range.flags & NAT_RANGE.mapIps) !== 0) {
    const { first, last } = addresses(range, tuple.source);
    const source = tuple.source >>> 0;
    if (source < first >>> 0 || source > last >>> 0) return false;
  }
  return (range.flags & NAT_RANGE.protoSpecified) === 0 || portInRange(tuple, range, 'src');
}

/** l4proto_in_range(). */
function portInRange(tuple: CtTuple, range: NatRange, manip: NatManip): boolean {
  if (!hasPort(tuple.protocol)) return true;
  const { minPort = 0, maxPort = minPort } = range;
  const port = portOf(tuple, manip);
  return port >= minPort && port <= maxPort;
}

const addresses = (range: NatRange, otherwise: Ipv4Addr): { first: Ipv4Addr; last: Ipv4Addr } => {
  const first = range.minAddr ?? otherwise;
  return { first, last: range.maxAddr ?? first };
};

/**
 * find_best_ips_proto(): one of several addresses, always the same for the same two ends. Differs: the kernel's hash
 * starts from nothing random here, but is another one.
 */
function mapAddress(tuple: CtTuple, { range, manip }: NatRequest): void {
  if ((range.flags & NAT_RANGE.mapIps) === 0) return;
  const { first, last } = addresses(range, manip === 'src' ? tuple.source : tuple.destination);
  let address = first;
  if (first !== last) {
    const count = (last >>> 0) - (first >>> 0) + 1;
    const salt = (range.flags & NAT_RANGE.persistent) === 0 ? tuple.destination : 0;
    address = ipv4(first + Math.floor((spread(tuple.source, salt) / 0x1_0000_0000) * count));
  }
  if (manip === 'src') tuple.source = address;
  else tuple.destination = address;
}

/** Unsigned 32 bits from two addresses. */
function spread(a: number, b: number): number {
  let hash = Math.imul(a ^ 0xdeadbeef, 0x9e3779b1);
  hash = Math.imul((hash ^ (hash >>> 15)) + b, 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

const isIcmp = (protocol: number): boolean => protocol === IP_PROTOCOL.icmp;

const hasPort = (protocol: number): boolean =>
  isIcmp(protocol) || protocol === IP_PROTOCOL.tcp || protocol === IP_PROTOCOL.udp || protocol === IP_PROTOCOL.sctp;

/** The number that this half has; ICMP has one identifier for both. */
const portOf = (tuple: CtTuple, manip: NatManip): number =>
  manip === 'src' || isIcmp(tuple.protocol) ? tuple.sourcePort : tuple.destinationPort;

function setPort(tuple: CtTuple, manip: NatManip, port: number): void {
  if (manip === 'src' || isIcmp(tuple.protocol)) tuple.sourcePort = port;
  else tuple.destinationPort = port;
}

/** Where to look for a port, or undefined where none may change. */
function portsToTry(tuple: CtTuple, range: NatRange, manip: NatManip): PortRange | undefined {
  if (!hasPort(tuple.protocol)) return undefined;
  if ((range.flags & NAT_RANGE.protoSpecified) !== 0) {
    const { minPort = 0, maxPort = minPort } = range;
    return { first: Math.min(minPort, maxPort), count: Math.abs(maxPort - minPort) + 1 };
  }
  if (isIcmp(tuple.protocol)) return { first: 0, count: 0x10000 };
  if (manip === 'dst') return undefined;
  // A source port says who may use it: root's stay root's, and rlogin's stay below 512.
  const port = tuple.sourcePort;
  if (port < 512) return { first: 1, count: 511 };
  return port < 1024 ? { first: 600, count: 1023 - 600 + 1 } : { first: 1024, count: 65_536 - 1024 };
}
