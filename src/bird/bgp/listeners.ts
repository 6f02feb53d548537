/** Listening sockets, shared by the sessions of a daemon (proto/bgp/bgp.c: bgp_setup_listen_sk()). */

import { type Ipv4Addr, INADDR_ANY } from '../../packet/index.js';
import { KernelError, type Netns, type TcpListener, type TcpSocket } from '../../kernel/index.js';
import type { Cause } from '../../trace/index.js';
import { formatIp, type IpAddr } from '../address.js';
import type { BgpConfig } from '../config/types.js';

/** IPTOS_PREC_INTERNETCONTROL. */
export const BGP_TOS = 0xc0;

/** Takes a connection, or does not know its other end. */
export type Acceptor = (socket: TcpSocket) => boolean;

export interface ListenAt {
  /** Undefined: any. */
  readonly address: IpAddr | undefined;
  readonly port: number;
}

interface Listening {
  readonly key: string;
  readonly listener: TcpListener;
  readonly acceptors: Set<Acceptor>;
  /** Those who take anybody of a network, whom no other knows. */
  readonly ranges: Set<Acceptor>;
}

export interface ListenerContext {
  readonly netns: Netns;
  readonly log: (text: string) => void;
  readonly because: readonly Cause[];
  /** False: sessions call, and are not called (FRR's `bgpd -p 0`). */
  readonly listens: boolean;
}

export class BgpListeners {
  readonly #context: ListenerContext;
  readonly #open = new Map<string, Listening>();

  constructor(context: ListenerContext) {
    this.#context = context;
  }

  /** Listens there too; what it answers with lets go again. Undefined where the socket cannot be had. */
  acquire(
    { address, port }: ListenAt,
    { remoteAddress, password }: Pick<BgpConfig, 'remoteAddress' | 'password'>,
    acceptor: Acceptor,
  ): (() => void) | undefined {
    const listening = this.#at({ address, port });
    if (listening === 'nobody') return () => undefined;
    if (listening === undefined) return undefined;
    const { md5Keys } = listening.listener;
    // bgp_setup_auth(): the listening socket has the keys of all who may come.
    if (password !== undefined && typeof remoteAddress === 'number') md5Keys.set(remoteAddress, password);
    listening.acceptors.add(acceptor);
    return () => {
      listening.acceptors.delete(acceptor);
      if (password !== undefined && typeof remoteAddress === 'number') md5Keys.delete(remoteAddress);
      this.#release(listening);
    };
  }

  /** The same for a range of neighbours. */
  acquireRange(at: ListenAt, acceptor: Acceptor): (() => void) | undefined {
    const listening = this.#at(at);
    if (listening === 'nobody') return () => undefined;
    listening?.ranges.add(acceptor);
    return (
      listening &&
      (() => {
        listening.ranges.delete(acceptor);
        this.#release(listening);
      })
    );
  }

  #at({ address, port }: ListenAt): Listening | 'nobody' | undefined {
    if (!this.#context.listens) return 'nobody';
    if (address !== undefined && typeof address !== 'number') return undefined;
    const local: Ipv4Addr = address ?? INADDR_ANY;
    const key = `${local}:${port}`;
    return this.#open.get(key) ?? this.#listen(local, port, key);
  }

  #release({ listener, acceptors, ranges, key }: Listening): void {
    if (acceptors.size > 0 || ranges.size > 0) return;
    listener.close();
    this.#open.delete(key);
  }

  #listen(address: Ipv4Addr, port: number, key: string): Listening | undefined {
    const { netns, log, because } = this.#context;
    const acceptors = new Set<Acceptor>();
    const ranges = new Set<Acceptor>();
    // bgp_find_proto(): of several ranges the last one.
    const onConnection = (socket: TcpSocket): void => {
      for (const acceptor of [...acceptors, ...[...ranges].toReversed()]) if (acceptor(socket)) return;
      log(`BGP: Unexpected connect from unknown address ${formatIp(socket.remoteAddress)} (port ${socket.remotePort})`);
      socket.close();
    };
    try {
      const listener = netns.sockets.listen({
        protocol: 'tcp',
        address,
        port,
        ttl: 255,
        tos: BGP_TOS,
        noDelay: true,
        process: 'bird',
        because,
        onConnection,
      });
      const listening = { key, listener, acceptors, ranges };
      this.#open.set(key, listening);
      return listening;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      log(`BGP: Socket error: ${error.message}`);
      return undefined;
    }
  }

  close(): void {
    for (const { listener } of this.#open.values()) listener.close();
    this.#open.clear();
  }
}
