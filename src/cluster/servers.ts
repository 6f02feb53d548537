/** What listens in pods and on machines: a TCP server that echoes, a UDP server that answers. */

import type { Netns } from '../kernel/index.js';
import { INADDR_ANY, type Ipv4Addr } from '../packet/index.js';
import type { Cause } from '../trace/index.js';

export interface ServerRequest {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** Any of the host's addresses where absent. */
  readonly address?: Ipv4Addr | undefined;
  readonly process: string;
  readonly because: readonly Cause[];
}

/** Starts a server; a port that is taken already keeps its first owner, as a second bind would fail. */
export function startServer(netns: Netns, request: ServerRequest): void {
  const { protocol, port, process, because } = request;
  const address = request.address ?? INADDR_ANY;
  const taken = netns.sockets.listeners().some((one) => one.protocol === protocol && one.port === port);
  if (taken) return;
  if (protocol === 'tcp') {
    netns.sockets.listen({
      protocol,
      address,
      port,
      process,
      because,
      onConnection: (connection) => {
        connection.onData = (bytes) => {
          connection.send(bytes);
        };
        connection.onEnd = () => connection.end();
      },
    });
    return;
  }
  const socket = netns.sockets.listen({
    protocol,
    address,
    port,
    process,
    because,
    onMessage: (bytes, from) => {
      if ('sendTo' in socket) socket.sendTo(bytes, from.source, from.port, { source: from.destination });
    },
  });
}
