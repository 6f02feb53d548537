/** What every socket has (struct sock, struct inet_sock): who owns it, its addresses, how its packets are marked. */

import { INADDR_ANY, type Ipv4Addr } from '../../packet/index.js';
import { type Cause, NO_CAUSE } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { Errno } from '../errors.js';
import type { Flow4, RouteResult } from '../fib/types.js';
import type { IcmpError } from '../ipv4/quoting-error.js';
import type { SocketNetns } from './stack.js';

/** IP_MTU_DISCOVER, ip(7). */
export type PathMtuDiscovery = 'dont' | 'want' | 'do' | 'probe';

export interface SocketOptions {
  /** Owner, for the owner match. Default root. */
  readonly uid?: number;
  readonly gid?: number;
  /** SO_MARK. */
  readonly mark?: number;
  readonly tos?: number;
  readonly ttl?: number;
  /** SO_BINDTODEVICE. */
  readonly device?: Device;
  readonly reuseAddress?: boolean;
  readonly reusePort?: boolean;
  /** SO_BROADCAST. */
  readonly broadcast?: boolean;
  /** Default `want`, or `dont` where sysctl ip_no_pmtu_disc is set. */
  readonly pathMtuDiscovery?: PathMtuDiscovery;
  /** SO_RCVBUF and SO_SNDBUF: octets of payload that may wait; TCP and UDP have defaults of their own. */
  readonly receiveBuffer?: number;
  readonly sendBuffer?: number;
  /** The program that owns it, for listings. */
  readonly process?: string;
  /** Why the program has this socket open. */
  readonly because?: readonly Cause[];
}

/** A line of `ss -a` or `netstat -an`. */
export interface SocketEntry {
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'sctp';
  /** TCP's and SCTP's states as `ss` and conntrack name them; `UNCONN` or `ESTAB` for the others. */
  readonly state: string;
  readonly localAddress: Ipv4Addr;
  readonly localPort: number;
  readonly remoteAddress: Ipv4Addr;
  readonly remotePort: number;
  readonly receiveQueue: number;
  readonly sendQueue: number;
  readonly uid: number;
  readonly device: string | undefined;
  readonly process: string | undefined;
  readonly because: readonly Cause[];
}

/** What made a local packet (skb->sk): a process' socket, or one of the kernel's own, which no user owns. */
export interface PacketSocket {
  readonly netns: object;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly mark: number;
  readonly device: Device | undefined;
  /** `probe` looks at no path MTU that was learned (ip_sk_use_pmtu()). */
  readonly pathMtuDiscovery?: PathMtuDiscovery;
  /** close(2) is over, and the kernel ends the connection alone (sk_socket is NULL). */
  readonly detached?: boolean;
}

const NOTHING_QUEUED = { receiveQueue: 0, sendQueue: 0 } as const;

export abstract class Socket implements PacketSocket {
  abstract readonly protocol: number;
  readonly netns: SocketNetns;
  readonly uid: number;
  readonly gid: number;
  readonly mark: number;
  readonly tos: number;
  /** IP_TTL; undefined takes the namespace's default. */
  ttl: number | undefined;
  readonly device: Device | undefined;
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
  readonly broadcast: boolean;
  readonly pathMtuDiscovery: PathMtuDiscovery;
  readonly process: string | undefined;
  readonly because: readonly Cause[];
  detached = false;
  /** 0.0.0.0: any of ours. */
  localAddress: Ipv4Addr = INADDR_ANY;
  /** 0: not bound. For a ping socket, the ICMP identifier. */
  localPort = 0;
  remoteAddress: Ipv4Addr = INADDR_ANY;
  /** 0: not connected. */
  remotePort = 0;

  constructor(netns: SocketNetns, options: SocketOptions = {}) {
    this.netns = netns;
    this.uid = options.uid ?? 0;
    this.gid = options.gid ?? 0;
    this.mark = options.mark ?? 0;
    this.tos = options.tos ?? 0;
    this.ttl = options.ttl;
    this.device = options.device;
    this.reuseAddress = options.reuseAddress ?? false;
    this.reusePort = options.reusePort ?? false;
    this.broadcast = options.broadcast ?? false;
    // net/ipv4/af_inet.c:inet_create()
    const discovers = netns.sysctl.values['ipv4.ip_no_pmtu_disc'] === 0;
    this.pathMtuDiscovery = options.pathMtuDiscovery ?? (discovers ? 'want' : 'dont');
    this.process = options.process;
    this.because = options.because ?? NO_CAUSE;
  }

  /** A listener: its address conflicts with others' even where both ask for reuse. */
  get listening(): boolean {
    return false;
  }

  /** include/net/ip.h:ip_dont_fragment(): whether its segments have DF on that way. */
  dontFragment(route: RouteResult | undefined): boolean {
    return this.pathMtuDiscovery === 'want' ? route?.mtuLocked !== true : this.pathMtuDiscovery !== 'dont';
  }

  abstract get entry(): SocketEntry;

  /** The entry, by what only the protocol knows. Octets: received and not read, written and not acknowledged. */
  protected entryAs(
    protocol: SocketEntry['protocol'],
    state: string,
    { receiveQueue, sendQueue }: Pick<SocketEntry, 'receiveQueue' | 'sendQueue'> = NOTHING_QUEUED,
  ): SocketEntry {
    return {
      protocol,
      state,
      localAddress: this.localAddress,
      localPort: this.localPort,
      remoteAddress: this.remoteAddress,
      remotePort: this.remotePort,
      receiveQueue,
      sendQueue,
      uid: this.uid,
      device: this.device?.name,
      process: this.process,
      because: this.because,
    };
  }

  /** An ICMP error quotes a packet of this socket. */
  abstract icmpError(error: IcmpError): void;

  /** The namespace goes: forget everything, send nothing. */
  abstract destroy(): void;

  /**
   * include/net/route.h:ip_route_connect(): the way there, and the way there from the source that it gives, for which rules
   * may say something else.
   */
  protected routeToConnect(destination: Ipv4Addr, port: number): RouteResult | Errno {
    const { ipv4, mib } = this.netns;
    const flow = this.flowTo(destination, port);
    const first = ipv4.route(flow);
    const route =
      typeof first === 'string' || flow.source !== INADDR_ANY ? first : ipv4.route({ ...flow, source: first.source });
    if (route === 'ENETUNREACH') mib.IpOutNoRoutes += 1;
    return route;
  }

  /** The flow of a packet from here to `destination` (flowi4_init_output()). */
  flowTo(destination: Ipv4Addr, port: number): Flow4 {
    return {
      source: this.localAddress,
      destination,
      tos: this.tos,
      mark: this.mark,
      protocol: this.protocol,
      sourcePort: this.localPort,
      destinationPort: port,
      oif: this.device,
    };
  }
}
