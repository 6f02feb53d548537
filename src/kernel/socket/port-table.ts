/**
 * Who is bound to a port: bind conflicts, free ports, and the socket a packet belongs to
 * (net/ipv4/inet_connection_sock.c, net/ipv4/udp.c, net/ipv4/inet_hashtables.c). One table a protocol.
 */

import { INADDR_ANY, type Ipv4Addr } from '../../packet/index.js';
import type { Random } from '../random.js';
import type { Socket } from './socket.js';

/** Addresses of a packet as its receiver sees them. */
export interface Arrival {
  readonly localAddress: Ipv4Addr;
  readonly localPort: number;
  readonly remoteAddress: Ipv4Addr;
  readonly remotePort: number;
  /** Interface it came in on (SO_BINDTODEVICE). */
  readonly ifindex: number;
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

const overlaps = (a: Ipv4Addr, b: Ipv4Addr): boolean => a === b || a === INADDR_ANY || b === INADDR_ANY;

const sameDevice = (a: Socket, b: Socket): boolean =>
  a.device === undefined || b.device === undefined || a.device === b.device;

/** inet_csk_bind_conflict() and udp_lib_lport_inuse(): both must agree to share. */
function conflicts(socket: Socket, address: Ipv4Addr, other: Socket): boolean {
  if (other === socket || !overlaps(address, other.localAddress) || !sameDevice(socket, other)) return false;
  if (socket.reusePort && other.reusePort && socket.uid === other.uid) return false;
  return !(socket.reuseAddress && other.reuseAddress && !other.listening);
}

/** A good hash is not needed, one that spreads flows and does not change is. */
function flowHash({ localAddress, localPort, remoteAddress, remotePort }: Arrival): number {
  let hash = Math.imul(localAddress ^ Math.imul(remoteAddress, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15) ^ ((localPort << 16) | remotePort), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export class PortTable<S extends Socket> {
  /** By local port, oldest first. */
  readonly #byPort = new Map<number, S[]>();

  *[Symbol.iterator](): IterableIterator<S> {
    for (const sockets of this.#byPort.values()) yield* sockets;
  }

  /** Whether `socket` may bind there beside those who are there already. */
  mayBind(socket: S, address: Ipv4Addr, port: number): boolean {
    const there = this.#byPort.get(port);
    return there === undefined || !there.some((other) => conflicts(socket, address, other));
  }

  /** The port is taken; the socket's addresses are its own business. */
  insert(socket: S): void {
    const there = this.#byPort.get(socket.localPort);
    if (there === undefined) this.#byPort.set(socket.localPort, [socket]);
    else there.push(socket);
  }

  remove(socket: S): void {
    const there = this.#byPort.get(socket.localPort);
    const at = there?.indexOf(socket) ?? -1;
    if (there === undefined || at < 0) return;
    if (there.length === 1) this.#byPort.delete(socket.localPort);
    else there.splice(at, 1);
  }

  at(port: number): readonly S[] {
    return this.#byPort.get(port) ?? [];
  }

  /** The best match: its own address before any address, then the most that is fixed (compute_score()). */
  lookup(arrival: Arrival): S | undefined {
    const there = this.#byPort.get(arrival.localPort);
    if (there === undefined) return undefined;
    return best(there, arrival, arrival.localAddress) ?? best(there, arrival, INADDR_ANY);
  }

  /** Everybody whom a broadcast or multicast datagram reaches (__udp4_lib_mcast_deliver()). */
  lookupAll(arrival: Arrival): S[] {
    return this.at(arrival.localPort).filter(
      (socket) => overlaps(socket.localAddress, arrival.localAddress) && score(socket, arrival) >= 0,
    );
  }
}

/** -1 where the socket is connected or bound elsewhere; else four for each thing that is fixed and fits. */
function score(socket: Socket, arrival: Arrival): number {
  let points = 0;
  if (socket.remotePort !== 0) {
    if (socket.remotePort !== arrival.remotePort || socket.remoteAddress !== arrival.remoteAddress) return -1;
    points += 8;
  }
  if (socket.device !== undefined) {
    if (socket.device.ifindex !== arrival.ifindex) return -1;
    points += 4;
  }
  return points;
}

/** The newest of equals; where they share the port by SO_REUSEPORT, the one that the flow's hash names. */
function best<S extends Socket>(sockets: readonly S[], arrival: Arrival, address: Ipv4Addr): S | undefined {
  let newest: S | undefined;
  let points = -1;
  for (const socket of sockets) {
    if (socket.localAddress !== address) continue;
    const its = score(socket, arrival);
    if (its < 0 || its < points) continue;
    points = its;
    newest = socket;
  }
  if (newest?.reusePort !== true) return newest;
  const group = sockets.filter(
    (socket) => socket.reusePort && socket.localAddress === address && score(socket, arrival) === points,
  );
  return group[Math.floor((flowHash(arrival) / 0x1_0000_0000) * group.length)];
}

/**
 * The order of inet_hashtables.c:__inet_hash_connect() and inet_csk_find_open_port(): from a random start, first every
 * port of one parity, then the others. connect() begins with that of the range's first port, bind() with the other.
 */
export function findPort(
  range: PortRange,
  random: Random,
  parity: 'same' | 'other',
  free: (port: number) => boolean,
): number | undefined {
  const count = range.last + 1 - range.first;
  if (count === 1) return free(range.first) ? range.first : undefined;
  const remaining = count & ~1;
  const start = random.below(remaining) & ~1;
  for (const odd of parity === 'same' ? [0, 1] : [1, 0]) {
    for (let i = 0; i < remaining; i += 2) {
      const port = range.first + ((start + odd + i) % remaining);
      if (free(port)) return port;
    }
  }
  return undefined;
}

/** udp.c:udp_lib_get_port(): from a random start, any port. */
export function findUdpPort(range: PortRange, random: Random, free: (port: number) => boolean): number | undefined {
  const count = range.last + 1 - range.first;
  const start = random.below(count);
  for (let i = 0; i < count; i++) {
    const port = range.first + ((start + i) % count);
    if (free(port)) return port;
  }
  return undefined;
}
