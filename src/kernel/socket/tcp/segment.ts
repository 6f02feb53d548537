/** A segment that came in, its numbers read once (struct tcp_skb_cb, include/net/tcp.h). */

import {
  bytesOf,
  type Ipv4Addr,
  IP_PROTOCOL,
  pseudoHeaderSum,
  Tcp,
  TCP_ACK,
  TCP_FIN,
  TCP_HEADER_LENGTH,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  type TcpOptions,
} from '../../../packet/index.js';
import type { DropReason } from '../../../trace/index.js';
import type { Mib } from '../../mib.js';
import type { Skb } from '../../skb.js';
import type { Arrival } from '../port-table.js';
import type { SocketEntry } from '../socket.js';
import type { SocketNetns } from '../stack.js';
import { advance } from './sequence.js';

const NO_OPTIONS: TcpOptions = {};

export class Segment {
  readonly skb: Skb;
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  /** Behind the last octet, SYN and FIN counted (end_seq). */
  readonly end: number;
  readonly acknowledgment: number;
  readonly flags: number;
  /** Not scaled. */
  readonly window: number;
  readonly options: TcpOptions;
  readonly length: number;
  /** The key that its signature was found to be of: what answers it is signed with it. */
  md5Key: string | undefined = undefined;
  readonly #payload: number;

  constructor(skb: Skb, tcp: Tcp) {
    const ip = skb.ipv4;
    this.skb = skb;
    this.source = ip.source;
    this.destination = ip.destination;
    this.sourcePort = tcp.sourcePort;
    this.destinationPort = tcp.destinationPort;
    this.flags = tcp.flags;
    this.#payload = tcp.payloadOffset;
    this.length = skb.tail - this.#payload;
    this.sequence = tcp.sequence;
    this.end = advance(this.sequence, this.length + (this.syn ? 1 : 0) + (this.fin ? 1 : 0));
    this.acknowledgment = tcp.acknowledgment;
    this.window = tcp.window;
    this.options = tcp.headerLength === TCP_HEADER_LENGTH ? NO_OPTIONS : tcp.parseOptions();
  }

  get headerLength(): number {
    return this.#payload - this.skb.data;
  }

  get syn(): boolean {
    return (this.flags & TCP_SYN) !== 0;
  }

  get fin(): boolean {
    return (this.flags & TCP_FIN) !== 0;
  }

  get rst(): boolean {
    return (this.flags & TCP_RST) !== 0;
  }

  get ack(): boolean {
    return (this.flags & TCP_ACK) !== 0;
  }

  get arrival(): Arrival {
    return {
      localAddress: this.destination,
      localPort: this.destinationPort,
      remoteAddress: this.source,
      remotePort: this.sourcePort,
      ifindex: this.skb.inetIif,
    };
  }

  /** The octets from `skip` on, copied: a packet's slab is not ours to keep. */
  payload(skip = 0): Uint8Array {
    return bytesOf(this.skb.view, this.#payload + skip, this.skb.tail).slice();
  }
}

/** tcp_v4_rcv() up to the socket: lengths and checksum. `data` stands at the TCP header. */
export function parseSegment(skb: Skb, mib: Mib): Segment | DropReason {
  const tcp = Tcp.parse(skb.view, skb.data, skb.tail);
  if (tcp === undefined) {
    // What is cut off is not counted, but a header that calls itself shorter than any.
    const whole = skb.length >= TCP_HEADER_LENGTH;
    if (whole && new Tcp(skb.view, skb.data).headerLength < TCP_HEADER_LENGTH) mib.TcpInErrs += 1;
    return 'pkt-too-small';
  }
  const ip = skb.ipv4;
  const pseudo = pseudoHeaderSum(ip.source, ip.destination, IP_PROTOCOL.tcp, skb.length);
  if (!tcp.checksumValid(pseudo, skb.tail)) {
    mib.TcpInCsumErrors += 1;
    mib.TcpInErrs += 1;
    return 'tcp-csum';
  }
  return new Segment(skb, tcp);
}

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [TCP_SYN, 'SYN'],
  [TCP_FIN, 'FIN'],
  [TCP_RST, 'RST'],
  [TCP_PSH, 'PSH'],
  [TCP_ACK, 'ACK'],
];

/** `SYN,ACK`; `ACK, 512 octets`. */
export function describeSegment(flags: number, length: number): string {
  const names = FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  const text = names.length === 0 ? 'no flags' : names.join(',');
  return length === 0 ? text : `${text}, ${length} octets`;
}

/** Says who takes a segment. Call only where somebody listens. */
export function traceDelivery(netns: SocketNetns, segment: Segment, entry: SocketEntry): void {
  const what = describeSegment(segment.flags, segment.length);
  const who = entry.process === undefined ? entry.state : `${entry.process}, ${entry.state}`;
  netns.trace(segment.skb, {
    kind: 'deliver',
    protocol: IP_PROTOCOL.tcp,
    port: entry.localPort,
    note: `TCP ${what} (${who})`,
    because: entry.because,
  });
}
