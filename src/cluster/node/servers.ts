/**
 * What listens in pods and on machines: a TCP server that answers HTTP to those who speak it and echoes to others, a UDP
 * and an SCTP server that send back what they get.
 */

import type { Netns } from '../../kernel/index.js';
import { INADDR_ANY, type Ipv4Addr } from '../../packet/index.js';
import { type HttpAnswer, serveAnything } from '../../services/index.js';
import type { Cause } from '../../trace/index.js';

/** What an HTTP server has to show: one page, found at some paths. */
export interface Site {
  /** `pod shop/web-1`. */
  readonly name: string;
  readonly paths: readonly string[];
}

export interface ServerRequest {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  /** Any of the host's addresses where absent. */
  readonly address?: Ipv4Addr | undefined;
  readonly process: string;
  readonly because: readonly Cause[];
  /** Named after the process where absent. */
  readonly site?: Site;
}

const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' };

/** 200 with the name of whoever answers; 404 for paths that nobody declared. */
const page =
  ({ name, paths }: Site, port: number): HttpAnswer =>
  ({ path }) =>
    paths.includes(path)
      ? { status: 200, headers: TEXT, body: `${name}, port ${port}\n` }
      : { status: 404, headers: TEXT, body: '404 page not found\n' };

/** A server that can be stopped; its connections live on. */
export interface Server {
  close(): void;
}

/** Starts a server. A port that is taken already keeps its first owner, as a second bind would fail: undefined then. */
export function startServer(netns: Netns, request: ServerRequest): Server | undefined {
  const { protocol, port, process, because, site = { name: process, paths: ['/'] } } = request;
  const address = request.address ?? INADDR_ANY;
  const taken = netns.sockets.listeners().some((one) => one.protocol === protocol && one.port === port);
  if (taken) return undefined;
  if (protocol === 'tcp') return serveAnything({ netns, address, port, process, because, answer: page(site, port) });
  if (protocol === 'sctp') {
    return netns.sockets.listen({
      protocol,
      address,
      port,
      process,
      because,
      onConnection: (connection) => {
        connection.onMessage = (bytes) => connection.send(bytes);
        connection.onEnd = () => connection.close();
      },
    });
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
  return socket;
}
