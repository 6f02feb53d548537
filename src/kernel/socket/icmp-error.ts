/** ICMP errors as sockets hear of them: who quoted what, and the errno that it becomes. */

import { ICMP_TYPE, ICMP_UNREACHABLE_CODE, Ipv4, type Ipv4Addr } from '../../packet/index.js';
import type { Errno } from '../errors.js';
import type { IcmpError } from '../ipv4/quoting-error.js';

/** What an application with IP_RECVERR reads from its error queue (struct sock_extended_err). */
export interface IcmpErrorReport {
  readonly errno: Errno;
  readonly type: number;
  readonly code: number;
  /** Next-hop MTU of fragmentation needed, else 0. */
  readonly mtu: number;
  /** The router or host that sent the error. */
  readonly from: Ipv4Addr;
  /** Where the packet in error was going, and its sequence number for an echo request. */
  readonly destination: Ipv4Addr;
  readonly port: number;
  readonly sequence: number;
  /** Time to live of the ICMP message itself. */
  readonly ttl: number;
  /** Identity of the packet that carried the error. */
  readonly skbId: number;
}

interface UnreachableError {
  readonly errno: Errno;
  /** Reported to a connected socket at once, not only when it has given up by itself. */
  readonly fatal: boolean;
}

const soft = (errno: Errno): UnreachableError => ({ errno, fatal: false });
const hard = (errno: Errno): UnreachableError => ({ errno, fatal: true });

/**
 * net/ipv4/icmp.c:icmp_err_convert[], by code.
 * Differs: EHOSTDOWN and ENONET are EHOSTUNREACH here.
 */
const UNREACHABLE: readonly UnreachableError[] = [
  soft('ENETUNREACH'), // network
  soft('EHOSTUNREACH'), // host
  hard('ENOPROTOOPT'), // protocol
  hard('ECONNREFUSED'), // port
  soft('EMSGSIZE'), // fragmentation needed
  soft('EOPNOTSUPP'), // source route failed
  hard('ENETUNREACH'), // network unknown
  hard('EHOSTUNREACH'), // host unknown
  hard('EHOSTUNREACH'), // host isolated
  hard('ENETUNREACH'), // network prohibited
  hard('EHOSTUNREACH'), // host prohibited
  soft('ENETUNREACH'), // network, type of service
  soft('EHOSTUNREACH'), // host, type of service
  hard('EHOSTUNREACH'), // filtered
  hard('EHOSTUNREACH'), // precedence violation
  hard('EHOSTUNREACH'), // precedence cut-off
];

/**
 * The error's meaning to a transport (the switch of udp.c:__udp4_lib_err() and tcp_ipv4.c:tcp_v4_err()), or undefined
 * where it is not one: source quench, redirect, unknown codes.
 */
export function classifyIcmp(type: number, code: number): UnreachableError | undefined {
  switch (type) {
    case ICMP_TYPE.timeExceeded:
      return soft('EHOSTUNREACH');
    case ICMP_TYPE.parameterProblem:
      return hard('EPROTONOSUPPORT'); // Differs: EPROTO
    case ICMP_TYPE.destinationUnreachable:
      return UNREACHABLE[code];
    default:
      return undefined;
  }
}

export const isFragmentationNeeded = ({ type, code }: IcmpError): boolean =>
  type === ICMP_TYPE.destinationUnreachable && code === ICMP_UNREACHABLE_CODE.fragmentationNeeded;

/** What the error says of the packet it quotes. */
export interface QuotedPacket {
  readonly protocol: number;
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly transport: number;
}

/** RFC 792 promises eight octets of the transport header; without them nobody can be found. */
export function quotedPacket({ view, quoted, end }: IcmpError): QuotedPacket | undefined {
  if (end - quoted < 20) return undefined;
  const ip = new Ipv4(view, quoted);
  const transport = ip.payloadOffset;
  if (ip.version !== 4 || ip.headerLength < 20 || transport + 8 > end) return undefined;
  return { protocol: ip.protocol, source: ip.source, destination: ip.destination, transport };
}

/** Fills in a report; `sequence` is that of an echo request, else 0. */
export function icmpReport(
  error: IcmpError,
  errno: Errno,
  quoted: { destination: Ipv4Addr; port: number; sequence: number },
): IcmpErrorReport {
  return {
    errno,
    type: error.type,
    code: error.code,
    mtu: error.mtu,
    from: error.from,
    destination: quoted.destination,
    port: quoted.port,
    sequence: quoted.sequence,
    ttl: error.skb.network < 0 ? 0 : error.skb.ipv4.ttl,
    skbId: error.skb.id,
  };
}
