/** Listening sockets, shared by the sessions of a daemon (proto/bgp/bgp.c: bgp_setup_listen_sk()). */

import { type Ipv4Addr, INADDR_ANY } from '../../packet/index.js';
import { KernelError, type Netns, type TcpListener, type TcpSocket } from '../../kernel/index.js';
import type { Cause } from '../../trace/index.js';
import { formatIp, hostNet, type IpAddr, type Net } from '../address.js';
import type { BgpConfig, BirdConfig } from '../config/types.js';

/** IPTOS_PREC_INTERNETCONTROL. */
export const BGP_TOS = 0xc0;

/** Takes a connection, or does not know its other end. */
export type Acceptor = (socket: TcpSocket) => boolean;

export interface ListenAt {
  /** Undefined: any. */
  readonly address: IpAddr | undefined;
  readonly port: number;
}

/** 1.6 listens in one place, BIRD 2 where each session says. */
export const listenAt = (
  { dialect, listenBgpAddress, listenBgpPort }: BirdConfig,
  { strictBind, localAddress, localPort }: Pick<BgpConfig, 'strictBind' | 'localAddress' | 'localPort'>,
): ListenAt =>
  dialect === 'bird-2'
    ? { address: strictBind ? localAddress : undefined, port: localPort }
    : { address: listenBgpAddress, port: listenBgpPort };

/** Who is expected: one neighbour, or those of a network whom nobody else expects. */
export interface Callers {
  readonly kind: 'neighbor' | 'range';
  readonly net: Net;
  readonly password: string | undefined;
}

export const neighborOf = ({ remoteAddress, password }: BgpConfig): Callers => ({
  kind: 'neighbor',
  net: hostNet(remoteAddress),
  password,
});

interface Listening extends Readonly<Record<Callers['kind'], Set<Acceptor>>> {
  readonly key: string;
  readonly listener: TcpListener;
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
  acquire(at: ListenAt, from: Callers, acceptor: Acceptor): (() => void) | undefined {
    const listening = this.#at(at);
    if (listening === 'nobody') return () => undefined;
    if (listening === undefined) return undefined;
    const { md5Keys } = listening.listener;
    const { net, password } = from;
    // bgp_setup_auth(): the listening socket has the keys of all who may come.
    const prefix = typeof net.addr === 'number' ? { addr: net.addr, length: net.length } : undefined;
    if (prefix !== undefined && password !== undefined) md5Keys.set(prefix, password);
    const acceptors = listening[from.kind];
    acceptors.add(acceptor);
    return () => {
      acceptors.delete(acceptor);
      if (prefix !== undefined && password !== undefined) md5Keys.delete(prefix);
      this.#release(listening);
    };
  }

  #at({ address, port }: ListenAt): Listening | 'nobody' | undefined {
    if (!this.#context.listens) return 'nobody';
    if (address !== undefined && typeof address !== 'number') return undefined;
    const local: Ipv4Addr = address ?? INADDR_ANY;
    const key = `${local}:${port}`;
    return this.#open.get(key) ?? this.#listen(local, port, key);
  }

  #release({ listener, neighbor, range, key }: Listening): void {
    if (neighbor.size > 0 || range.size > 0) return;
    listener.close();
    this.#open.delete(key);
  }

  #listen(address: Ipv4Addr, port: number, key: string): Listening | undefined {
    const { netns, log, because } = this.#context;
    const neighbor = new Set<Acceptor>();
    const range = new Set<Acceptor>();
    // bgp_find_proto(): of several ranges the last one.
    const onConnection = (socket: TcpSocket): void => {
      for (const acceptor of [...neighbor, ...[...range].toReversed()]) if (acceptor(socket)) return;
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
      const listening = { key, listener, neighbor, range };
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
