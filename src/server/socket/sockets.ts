/** Websockets (RFC 6455) at /api/v1/clusters/ID/stream: who may open one, how many there are, and their end. */

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Access, bearerOf, requireOneHost } from '../access.js';
import type { Clusters } from '../clusters.js';
import type { Metrics } from '../metrics.js';
import type { Limits } from '../options.js';
import { Problem } from '../problem.js';
import { writeProblem } from '../problem-reply.js';
import type { Format } from '../stream/encode.js';
import { CLOSE, Connection } from './connection.js';

/** Octets of one message of a client. */
const MAX_MESSAGE = 64 * 1024;
const HEARTBEAT_MS = 30_000;
/** Subprotocols by their names in Sec-WebSocket-Protocol; a browser can say nothing else. */
const PROTOCOLS: Readonly<Record<string, Format>> = { 'podwire.cbor': 'cbor', 'podwire.json': 'json' };
const BEARER = 'bearer.';

/** Of all websockets, for one client's address. */
const CLIENT_SHARE = 0.75;

const addressOf = ({ socket }: IncomingMessage): string => socket.remoteAddress ?? '';

const PATH = /^\/api\/v1\/clusters\/([^/?]{1,64})\/stream$/;

const protocolsOf = ({ headers }: IncomingMessage): string[] =>
  (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());

/** In a header, or where pages can put it. */
const tokenOf = (request: IncomingMessage): string | undefined =>
  bearerOf(request.headers.authorization) ??
  protocolsOf(request)
    .find((name) => name.startsWith(BEARER))
    ?.slice(BEARER.length);

/** @throws Problem */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new Problem('bad-request', `"${name}" cannot be decoded`);
  }
}

export class Sockets {
  readonly #server: WebSocketServer;
  readonly #with: {
    readonly clusters: Clusters;
    readonly limits: Limits;
    readonly metrics: Metrics;
    readonly access: Access;
  };
  readonly #alive = new WeakSet<WebSocket>();
  /** Oldest first, with the addresses of their clients. */
  readonly #connections = new Map<Connection, string>();
  readonly #heartbeat: NodeJS.Timeout;

  constructor(
    app: FastifyInstance,
    options: {
      readonly clusters: Clusters;
      readonly limits: Limits;
      readonly metrics: Metrics;
      readonly access: Access;
    },
  ) {
    this.#with = options;
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: MAX_MESSAGE,
      handleProtocols: (offered) => [...offered].find((name) => Object.hasOwn(PROTOCOLS, name)) ?? false,
      // Frames are short and many: compressing each costs more than it saves on a loopback.
      perMessageDeflate: false,
    });
    app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', (error) => app.log.debug({ err: error }, 'a websocket broke off'));
      void this.#upgrade(request, socket, head);
    });
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      const thread = await this.#admit(request);
      this.#makeRoom(addressOf(request));
      this.#server.handleUpgrade(request, socket, head, (websocket) => {
        this.#alive.add(websocket);
        websocket.on('pong', () => this.#alive.add(websocket));
        websocket.on('error', () => websocket.terminate());
        const format = PROTOCOLS[websocket.protocol] ?? 'cbor';
        const { metrics, limits } = this.#with;
        const connection = new Connection(websocket, thread, { format, metrics, maxBytes: limits.socketBytes });
        connection.listen();
        this.#keep(websocket, connection, addressOf(request));
      });
    } catch (error) {
      writeProblem(socket, error instanceof Problem ? error : new Problem('internal', 'see the log of the server'));
    }
  }

  /** @throws Problem */
  async #admit(request: IncomingMessage) {
    const { access, clusters } = this.#with;
    requireOneHost(request);
    const { host, origin } = request.headers;
    if (!access.hostFits(host)) throw new Problem('forbidden', `this server is not "${host}"`);
    if (!access.originFits(origin, host)) throw new Problem('forbidden', `pages of ${origin} may not use this server`);
    if (!access.tokenFits(tokenOf(request)))
      throw new Problem('unauthorized', 'send a token, as a header or as the subprotocol bearer.TOKEN');
    const [, cluster] = PATH.exec((request.url ?? '').split('?')[0] ?? '') ?? [];
    if (cluster === undefined) throw new Problem('not-found', 'no websocket is at that path');
    const { thread } = clusters.get(decoded(cluster));
    await thread.ready;
    return thread;
  }

  /** One that asks for nothing is closed after a while. */
  #keep(websocket: WebSocket, connection: Connection, address: string): void {
    this.#connections.set(connection, address);
    const idle = setTimeout(() => {
      if (!connection.subscribed) connection.close('nothing was subscribed');
    }, this.#with.limits.idleSocketMs).unref();
    websocket.on('close', () => {
      clearTimeout(idle);
      this.#connections.delete(connection);
    });
  }

  /** The oldest that has subscribed to nothing gives way: of the same client where that has its share. @throws Problem */
  #makeRoom(address: string): void {
    const { sockets } = this.#with.limits;
    const own = [...this.#connections].filter(([, held]) => held === address).map(([connection]) => connection);
    const share = Math.ceil(sockets * CLIENT_SHARE);
    if (own.length >= share) this.#giveWay(own, `one client has at most ${share} websockets`);
    else if (this.#connections.size >= sockets)
      this.#giveWay([...this.#connections.keys()], `this server has at most ${sockets} websockets`);
  }

  #giveWay(connections: readonly Connection[], otherwise: string): void {
    const found = connections.find(({ subscribed }) => !subscribed);
    if (found === undefined) throw new Problem('limit-reached', otherwise);
    this.#connections.delete(found);
    found.cut();
  }

  /** A client that does not answer is gone. */
  #beat(): void {
    for (const websocket of this.#server.clients) {
      if (!this.#alive.has(websocket)) {
        websocket.terminate();
        continue;
      }
      this.#alive.delete(websocket);
      websocket.ping();
    }
  }

  get size(): number {
    return this.#server.clients.size;
  }

  /** Says good-bye; who does not answer within a second is cut off. */
  close(): void {
    clearInterval(this.#heartbeat);
    for (const websocket of this.#server.clients) {
      websocket.close(CLOSE.goingAway, 'the server shuts down');
      setTimeout(() => websocket.terminate(), 1000).unref();
    }
    this.#server.close();
  }
}
