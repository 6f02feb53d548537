/** A small HTTP/1.1 server over the kernel's sockets (RFC 9112), as Go's net/http answers plain requests. */

import { KernelError, type Netns, type TcpListener, type TcpSocket } from '../../kernel/index.js';
import type { Ipv4Addr } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import { httpDate } from './utc.js';

export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
}

export interface HttpResponse {
  readonly status: 200 | 404 | 503;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpServerRequest {
  readonly netns: Netns;
  readonly address: Ipv4Addr;
  readonly port: number;
  readonly process: string;
  readonly because: readonly Cause[];
  readonly answer: (request: HttpRequest) => HttpResponse;
}

const REASONS = { 200: 'OK', 404: 'Not Found', 503: 'Service Unavailable' } as const;

const BAD_REQUEST =
  'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request';

/** More than this without an end of the headers is no request (net/http DefaultMaxHeaderBytes). */
const MAX_HEADER_OCTETS = 1 << 20;
const REQUEST_LINE = /^([A-Z]+) (\S+) HTTP\/1\.([01])$/;

interface Manner {
  readonly close: boolean;
  readonly withBody: boolean;
  readonly date: string;
}

function format({ status, headers = {}, body }: HttpResponse, { close, withBody, date }: Manner): string {
  const length = new TextEncoder().encode(body).length;
  const own = { Date: date, 'Content-Length': String(length), ...(close ? { Connection: 'close' } : {}) };
  const all = { ...headers, ...own };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${REASONS[status]}\r\n${lines.join('')}\r\n${withBody ? body : ''}`;
}

/** One connection: requests come in pieces, and several after one another. */
function serve(connection: TcpSocket, answer: HttpServerRequest['answer']): void {
  const decoder = new TextDecoder('latin1');
  const encoder = new TextEncoder();
  let waiting = '';
  const fail = (): void => {
    connection.send(encoder.encode(BAD_REQUEST));
    connection.end();
  };
  const take = (head: string): boolean => {
    const [first = '', ...headers] = head.split('\r\n');
    const match = REQUEST_LINE.exec(first);
    if (match === null) {
      fail();
      return false;
    }
    const [, method = '', target = '', version] = match;
    const asked = headers.find((line) => /^connection:/i.test(line))?.toLowerCase() ?? '';
    const close = version === '0' ? !asked.includes('keep-alive') : asked.includes('close');
    const response = answer({ method, path: target.split('?')[0] ?? '' });
    connection.send(
      encoder.encode(
        format(response, {
          close,
          withBody: method !== 'HEAD',
          date: httpDate(connection.netns.emulation.clock.nowNs),
        }),
      ),
    );
    if (close) connection.end();
    return !close;
  };
  connection.onData = (bytes) => {
    waiting += decoder.decode(bytes);
    for (let end = waiting.indexOf('\r\n\r\n'); end >= 0; end = waiting.indexOf('\r\n\r\n')) {
      const head = waiting.slice(0, end);
      waiting = waiting.slice(end + 4);
      if (!take(head)) return;
    }
    if (waiting.length > MAX_HEADER_OCTETS) fail();
  };
  connection.onEnd = () => connection.end();
}

/** Listens; or answers why it cannot, in the kernel's words. */
export function startHttpServer(request: HttpServerRequest): TcpListener | string {
  const { netns, address, port, process, because, answer } = request;
  try {
    return netns.sockets.listen({
      protocol: 'tcp',
      address,
      port,
      process,
      because,
      onConnection: (connection) => serve(connection, answer),
    });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return error.message;
  }
}
