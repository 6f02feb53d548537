/** One question to one server from a socket of its own, over UDP or TCP (RFC 1035 §4.2; RFC 7766). */

import type { Errno, Netns } from '../../kernel/index.js';
import { type DnsMessage, encodeDns, type Ipv4Addr, parseDns } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import { framed, FrameReader } from './framing.js';

export interface DnsQuery {
  readonly netns: Netns;
  readonly server: Ipv4Addr;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp';
  readonly message: DnsMessage;
  readonly timeoutNs: number;
  readonly process?: string;
  readonly because?: readonly Cause[];
}

export type DnsOutcome =
  | { readonly kind: 'message'; readonly message: DnsMessage; readonly octets: number }
  /** What came in its place: an error of the network, no answer in time, bytes that are no message. */
  | { readonly kind: 'failed'; readonly errno: Errno }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'garbled' };

type Settle = (outcome: DnsOutcome) => void;

/** Calls back once. */
export function sendQuery(query: DnsQuery, done: Settle): void {
  const { netns, timeoutNs } = query;
  let over = false;
  let close = (): void => {};
  const settle: Settle = (outcome) => {
    if (over) return;
    over = true;
    timer.cancel();
    close();
    done(outcome);
  };
  const timer = netns.emulation.clock.schedule(timeoutNs, () => settle({ kind: 'timeout' }));
  close = query.protocol === 'udp' ? overUdp(query, settle) : overTcp(query, settle);
  if (over) close();
}

const optionsOf = ({ process, because }: DnsQuery) => ({
  ...(process === undefined ? {} : { process }),
  ...(because === undefined ? {} : { because }),
});

function overUdp(query: DnsQuery, settle: Settle): () => void {
  const socket = query.netns.sockets.udp(optionsOf(query));
  socket.onMessage = (bytes) => {
    // Somebody else's answer, or a late one.
    if (bytes.length < 2 || new DataView(bytes.buffer, bytes.byteOffset).getUint16(0) !== query.message.id) return;
    const message = parseDns(bytes);
    settle(message === undefined ? { kind: 'garbled' } : { kind: 'message', message, octets: bytes.length });
  };
  socket.onError = (errno) => settle({ kind: 'failed', errno });
  const errno = socket.connect(query.server, query.port) ?? socket.send(encodeDns(query.message));
  if (errno !== undefined) settle({ kind: 'failed', errno });
  return () => socket.close();
}

function overTcp(query: DnsQuery, settle: Settle): () => void {
  const socket = query.netns.sockets.tcp(optionsOf(query));
  const reader = new FrameReader();
  socket.onConnect = () => socket.send(framed(encodeDns(query.message)));
  socket.onData = (bytes) => {
    for (const frame of reader.push(bytes)) {
      const message = parseDns(frame);
      settle(message === undefined ? { kind: 'garbled' } : { kind: 'message', message, octets: frame.length });
    }
  };
  socket.onEnd = () => settle({ kind: 'garbled' });
  socket.onError = (errno) => settle({ kind: 'failed', errno });
  const errno = socket.connect(query.server, query.port);
  if (errno !== undefined) settle({ kind: 'failed', errno });
  return () => socket.close();
}
