/** A small HTTP/1.1 server over the kernel's sockets (RFC 9112). */

import type { Netns, TcpListener, TcpSocket } from '../../kernel/index.js';
import type { Ipv4Addr } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import { httpDate } from './date.js';
import {
  type HttpRequest,
  type HttpResponse,
  looksLikeRequest,
  MAX_HEAD_OCTETS,
  parseRequestHead,
  reasonOf,
  splitHead,
} from './message.js';

export interface HttpServerRequest {
  readonly netns: Netns;
  readonly address: Ipv4Addr;
  readonly port: number;
  readonly process: string;
  readonly because: readonly Cause[];
  readonly answer: HttpAnswer;
}

export type HttpAnswer = (request: HttpRequest) => HttpResponse;

const encoder = new TextEncoder();

interface Manner {
  readonly closes: boolean;
  readonly withBody: boolean;
  readonly date: string;
}

function formatResponse({ status, headers = {}, body }: HttpResponse, { closes, withBody, date }: Manner): Uint8Array {
  const all = {
    ...headers,
    Date: date,
    'Content-Length': String(encoder.encode(body).length),
    ...(closes ? { Connection: 'close' } : {}),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return encoder.encode(`HTTP/1.1 ${status} ${reasonOf(status)}\r\n${lines.join('')}\r\n${withBody ? body : ''}`);
}

const BAD_REQUEST: HttpResponse = {
  status: 400,
  headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  body: '400 Bad Request',
};

/** Requests of one connection: they come in pieces, and several after one another. */
class HttpConnection {
  readonly #connection: TcpSocket;
  readonly #answer: HttpAnswer;
  readonly #decoder = new TextDecoder('latin1');
  #waiting = '';

  constructor(connection: TcpSocket, answer: HttpAnswer) {
    this.#connection = connection;
    this.#answer = answer;
  }

  get #date(): string {
    return httpDate(this.#connection.netns.emulation.clock.nowNs);
  }

  push(bytes: Uint8Array): void {
    this.#waiting += this.#decoder.decode(bytes, { stream: true });
    for (;;) {
      const head = splitHead(this.#waiting);
      if (head === undefined) {
        if (this.#waiting.length > MAX_HEAD_OCTETS) this.#refuse();
        return;
      }
      const request = parseRequestHead(head.lines);
      if (request === undefined) {
        this.#refuse();
        return;
      }
      const length = Number(request.headers.get('content-length') ?? 0);
      if (this.#waiting.length < head.bodyAt + length) return;
      this.#waiting = this.#waiting.slice(head.bodyAt + length);
      this.#respond(request);
    }
  }

  #respond(request: HttpRequest): void {
    const wish = (request.headers.get('connection') ?? '').toLowerCase();
    const closes = wish === 'close' || (request.version === '1.0' && wish !== 'keep-alive');
    const manner = { closes, withBody: request.method !== 'HEAD', date: this.#date };
    this.#connection.send(formatResponse(this.#answer(request), manner));
    if (closes) this.#connection.end();
  }

  #refuse(): void {
    this.#waiting = '';
    this.#connection.send(formatResponse(BAD_REQUEST, { closes: true, withBody: true, date: this.#date }));
    this.#connection.end();
  }
}

/** @throws KernelError where the port is taken */
export function serveHttp({ answer, ...listen }: HttpServerRequest): TcpListener {
  return listen.netns.sockets.listen({
    protocol: 'tcp',
    ...listen,
    onConnection: (connection) => {
      const http = new HttpConnection(connection, answer);
      connection.onData = (bytes) => http.push(bytes);
      connection.onEnd = () => connection.end();
    },
  });
}

/**
 * A server of which nothing is known but its port: it answers HTTP to who speaks HTTP, and sends back what anybody else
 * says. Differs: a real server speaks its own protocol alone.
 */
export function serveAnything({ answer, ...listen }: HttpServerRequest): TcpListener {
  return listen.netns.sockets.listen({
    protocol: 'tcp',
    ...listen,
    onConnection: (connection) => {
      let http: HttpConnection | undefined;
      let first = true;
      connection.onData = (bytes) => {
        if (first && looksLikeRequest(new TextDecoder('latin1').decode(bytes.subarray(0, 17))))
          http = new HttpConnection(connection, answer);
        first = false;
        if (http === undefined) connection.send(bytes);
        else http.push(bytes);
      };
      connection.onEnd = () => connection.end();
    },
  });
}
