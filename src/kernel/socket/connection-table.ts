/** Connections by their four numbers (inet_ehashfn(), net/ipv4/inet_hashtables.c). */

import type { Ipv4Addr } from '../../packet/index.js';
import type { DropReason } from '../../trace/index.js';
import type { IcmpError } from '../ipv4/quoting-error.js';
import type { SocketEntry } from './socket.js';
import type { Segment } from './tcp/segment.js';

/** A connection, or one that a listener has answered. */
export interface Connection {
  readonly localAddress: Ipv4Addr;
  readonly localPort: number;
  readonly remoteAddress: Ipv4Addr;
  readonly remotePort: number;
  readonly entry: SocketEntry;
  receive(segment: Segment): DropReason | undefined;
  icmpError(error: IcmpError): void;
  destroy(): void;
}

export interface FourTuple {
  readonly localAddress: Ipv4Addr;
  readonly localPort: number;
  readonly remoteAddress: Ipv4Addr;
  readonly remotePort: number;
}

const portsOf = ({ localPort, remotePort }: FourTuple): number => localPort * 0x10000 + remotePort;

const same = (a: FourTuple, b: FourTuple): boolean =>
  a.localAddress === b.localAddress &&
  a.remoteAddress === b.remoteAddress &&
  a.localPort === b.localPort &&
  a.remotePort === b.remotePort;

export class ConnectionTable {
  readonly #byPorts = new Map<number, Connection[]>();

  *[Symbol.iterator](): IterableIterator<Connection> {
    for (const connections of this.#byPorts.values()) yield* connections;
  }

  lookup(tuple: FourTuple): Connection | undefined {
    return this.#byPorts.get(portsOf(tuple))?.find((connection) => same(connection, tuple));
  }

  insert(connection: Connection): void {
    const ports = portsOf(connection);
    const there = this.#byPorts.get(ports);
    if (there === undefined) this.#byPorts.set(ports, [connection]);
    else there.push(connection);
  }

  remove(connection: Connection): void {
    const ports = portsOf(connection);
    const there = this.#byPorts.get(ports);
    const at = there?.indexOf(connection) ?? -1;
    if (there === undefined || at < 0) return;
    if (there.length === 1) this.#byPorts.delete(ports);
    else there.splice(at, 1);
  }
}
