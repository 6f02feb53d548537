/** One HTTP/1.1 request on a connection of its own: for curl, probes and health checks. */

import { type Errno, type Netns, NS_PER_S, type TcpSocket, type Timer } from '../../kernel/index.js';
import type { Ipv4Addr } from '../../packet/index.js';
import { type Cause, NO_CAUSE } from '../../trace/index.js';
import { parseResponseHead, type ResponseHead, splitHead } from './message.js';

export interface HttpExchange {
  readonly netns: Netns;
  readonly address: Ipv4Addr;
  readonly port: number;
  /** The request as it goes on the wire. */
  readonly text: string;
  /** A HEAD has no body in its answer, whatever its length says. */
  readonly withBody: boolean;
  readonly connectTimeoutNs: number;
  /** For all of it. */
  readonly timeoutNs: number;
  readonly process: string;
  readonly because?: readonly Cause[];
}

export type HttpEnd =
  | 'done'
  /** No connection: refused or unreachable, or nobody answered in time. */
  | 'refused'
  | 'connect-timeout'
  /** A connection that ended without an answer, was reset, said something else, or took too long. */
  | 'empty'
  | 'reset'
  | 'garbled'
  | 'timeout';

export interface HttpResult {
  readonly end: HttpEnd;
  readonly errno: Errno | undefined;
  readonly head: ResponseHead | undefined;
  readonly headText: string;
  readonly body: string;
  readonly startNs: number;
  /** Undefined where there was no connection. */
  readonly connectedNs: number | undefined;
  readonly endNs: number;
  readonly localAddress: Ipv4Addr;
  readonly localPort: number;
}

/** Whether all of the body is there; without a length it ends with the connection. */
function isComplete({ headers }: ResponseHead, body: string): boolean {
  const length = headers.get('content-length');
  if (length !== undefined) return body.length >= Number(length);
  return headers.get('transfer-encoding') === 'chunked' && /(?:^|\r\n)0\r\n\r\n$/.test(body);
}

class Exchange {
  readonly #request: HttpExchange;
  readonly #done: (result: HttpResult) => void;
  readonly #socket: TcpSocket;
  readonly #decoder = new TextDecoder('latin1');
  readonly #startNs: number;
  readonly #timers: Timer[] = [];
  #connectedNs: number | undefined = undefined;
  #errno: Errno | undefined = undefined;
  #text = '';
  #over = false;

  constructor(request: HttpExchange, done: (result: HttpResult) => void) {
    const { netns, process, because = NO_CAUSE } = request;
    this.#request = request;
    this.#done = done;
    this.#socket = netns.sockets.tcp({ process, because });
    this.#startNs = netns.emulation.clock.nowNs;
  }

  start(): void {
    const { netns, address, port, text, connectTimeoutNs, timeoutNs } = this.#request;
    const socket = this.#socket;
    socket.onConnect = () => {
      this.#connectedNs = netns.emulation.clock.nowNs;
      socket.send(new TextEncoder().encode(text));
    };
    socket.onData = (bytes) => this.#receive(bytes);
    socket.onEnd = () => this.#end(this.#text === '' ? 'empty' : 'done');
    socket.onError = (errno) => this.#fail(errno);
    this.#after(timeoutNs, () => this.#end(this.#connectedNs === undefined ? 'connect-timeout' : 'timeout'));
    this.#after(connectTimeoutNs, () => {
      if (this.#connectedNs === undefined) this.#end('connect-timeout');
    });
    const errno = socket.connect(address, port);
    if (errno !== undefined) this.#fail(errno);
  }

  #after(delayNs: number, then: () => void): void {
    if (Number.isFinite(delayNs)) this.#timers.push(this.#request.netns.emulation.clock.schedule(delayNs, then));
  }

  #receive(bytes: Uint8Array): void {
    this.#text += this.#decoder.decode(bytes, { stream: true });
    const split = splitHead(this.#text);
    if (split === undefined) {
      if (!'HTTP/1.'.startsWith(this.#text.slice(0, 7))) this.#end('garbled');
      return;
    }
    const head = parseResponseHead(split.lines);
    if (head === undefined) this.#end('garbled');
    else if (!this.#request.withBody || isComplete(head, this.#text.slice(split.bodyAt))) this.#end('done');
  }

  #fail(errno: Errno): void {
    this.#errno = errno;
    if (this.#connectedNs !== undefined) this.#end('reset');
    else this.#end(errno === 'ETIMEDOUT' ? 'connect-timeout' : 'refused');
  }

  #end(end: HttpEnd): void {
    if (this.#over) return;
    this.#over = true;
    for (const timer of this.#timers) timer.cancel();
    const { localAddress, localPort } = this.#socket;
    const split = splitHead(this.#text);
    const endNs = this.#request.netns.emulation.clock.nowNs;
    this.#socket.close();
    this.#done({
      end,
      errno: this.#errno,
      head: split && parseResponseHead(split.lines),
      headText: split === undefined ? '' : this.#text.slice(0, split.bodyAt),
      body: split === undefined ? '' : this.#text.slice(split.bodyAt),
      startNs: this.#startNs,
      connectedNs: this.#connectedNs,
      endNs,
      localAddress,
      localPort,
    });
  }
}

/** Calls back once. */
export const exchangeHttp = (request: HttpExchange, done: (result: HttpResult) => void): void =>
  new Exchange(request, done).start();

/** Runs the emulation until it is over. */
export function awaitHttp(request: HttpExchange): HttpResult | undefined {
  let result: HttpResult | undefined;
  const { emulation } = request.netns;
  exchangeHttp(request, (given) => {
    result = given;
  });
  const limitNs = Math.min(request.timeoutNs, 3_600 * NS_PER_S);
  emulation.run(() => result !== undefined, emulation.clock.nowNs + limitNs);
  return result;
}
