/** How many sockets of TCP there are (net/ipv4/proc.c:sockstat_seq_show(), CurrEstab of /proc/net/snmp). */

import type { Connection } from '../connection-table.js';
import type { TcpListener } from './tcp-listener.js';
import { TcpSocket } from './tcp-socket.js';

export interface TcpUse {
  /** Listeners and connections. */
  readonly inUse: number;
  /** Connections of those that no program has any more. */
  readonly orphans: number;
  readonly timeWait: number;
  /** Connections that may still carry data both ways, or to the peer. */
  readonly established: number;
}

export function tcpUse(listeners: Iterable<TcpListener>, connections: Iterable<Connection>): TcpUse {
  const use = { inUse: [...listeners].length, orphans: 0, timeWait: 0, established: 0 };
  for (const connection of connections) {
    if (!(connection instanceof TcpSocket)) continue;
    const { state, orphaned, isTimeWait } = connection.tcb;
    if (isTimeWait) use.timeWait += 1;
    else use.inUse += 1;
    if (orphaned && !isTimeWait) use.orphans += 1;
    if (state === 'ESTABLISHED' || state === 'CLOSE_WAIT') use.established += 1;
  }
  return use;
}
