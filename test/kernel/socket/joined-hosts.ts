/**
 * Two hosts with sockets and nothing else, joined by a wire that a test decides: what it drops, delays, repeats or
 * changes. IPv4 is as little as sockets need: one address, a header, port unreachable.
 */

import { Emulation } from '../../../src/kernel/emulation.js';
import { NS_PER_MS } from '../../../src/kernel/clock.js';
import type { Errno } from '../../../src/kernel/errors.js';
import type { Flow4, RouteResult } from '../../../src/kernel/fib/types.js';
import type { SendRequest } from '../../../src/kernel/ipv4/output.js';
import { Mib } from '../../../src/kernel/mib.js';
import type { Skb } from '../../../src/kernel/skb.js';
import { type SocketNetns, SocketTable } from '../../../src/kernel/socket/index.js';
import { Sysctls } from '../../../src/kernel/sysctl.js';
import {
  encodeIcmp,
  encodeIpv4,
  encodeTcp,
  ICMP_HEADER_LENGTH,
  INADDR_ANY,
  IP_PROTOCOL,
  IPV4_DONT_FRAGMENT,
  Ipv4,
  type Ipv4Addr,
  ipv4,
  isLoopback,
  parseIpv4,
  pseudoHeaderSum,
  Tcp,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  type TcpFields,
  tcpHeaderLength,
  viewOf,
} from '../../../src/packet/index.js';
import type { DropReason, Step } from '../../../src/trace/index.js';

export const ip = (text: string): Ipv4Addr => parseIpv4(text) ?? ipv4(0);
export const A = ip('10.0.0.1');
export const B = ip('10.0.0.2');

/** One packet as it left: IPv4 header first. */
export interface Sent {
  readonly atNs: number;
  readonly from: 'a' | 'b';
  readonly bytes: Uint8Array;
  readonly ip: Ipv4;
  readonly tcp: Tcp;
  /** `S.`, as tcpdump writes flags. */
  readonly flags: string;
  readonly length: number;
  readonly parent: number;
}

/** When, in milliseconds from now, the packet arrives: once for each element. */
export type Wire = (packet: Sent) => readonly number[];

const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [TCP_SYN, 'S'],
  [TCP_FIN, 'F'],
  [TCP_RST, 'R'],
  [TCP_PSH, 'P'],
  [TCP_ACK, '.'],
];

const flagLetters = (flags: number): string =>
  FLAG_LETTERS.filter(([bit]) => (flags & bit) !== 0)
    .map(([, letter]) => letter)
    .join('');

export class TestHost implements SocketNetns {
  readonly name: 'a' | 'b';
  readonly address: Ipv4Addr;
  readonly emulation: Emulation;
  readonly sysctl = new Sysctls(() => []);
  readonly mib = new Mib();
  readonly host = { hasModule: (): boolean => true, loadModule: (): void => {} };
  readonly devices: { readonly addresses: { readonly address: Ipv4Addr }[] }[];
  readonly sockets: SocketTable;
  readonly drops: DropReason[] = [];
  readonly steps: Step[] = [];
  mtu = 1500;
  /** Set to make every route fail. */
  unroutable: Errno | undefined = undefined;
  routeType: RouteResult['type'] = 'unicast';
  readonly fib = {
    addressType: (address: Ipv4Addr): string => (address === this.address || isLoopback(address) ? 'local' : 'unicast'),
  };
  readonly ipv4 = {
    route: (flow: Flow4): RouteResult | Errno => this.unroutable ?? this.#route(flow),
    send: (skb: Skb, request: SendRequest): Errno | undefined => this.#send(skb, request),
    echoedOptions: (): undefined => undefined,
  };
  readonly #joined: JoinedHosts;
  #ident = 1000;

  constructor(joined: JoinedHosts, name: 'a' | 'b', address: Ipv4Addr) {
    this.#joined = joined;
    this.name = name;
    this.address = address;
    this.devices = [{ addresses: [{ address }] }];
    this.emulation = joined.emulation;
    this.sockets = new SocketTable(this);
  }

  trace(_skb: Skb, step: Step): void {
    this.steps.push(step);
  }

  drop(_skb: Skb, reason: DropReason): void {
    this.drops.push(reason);
  }

  /** A packet from the wire, or from a test that made it by hand. */
  receive(bytes: Uint8Array): void {
    const skb = this.emulation.skbFrom(bytes);
    skb.network = skb.data;
    skb.iif = 2;
    const header = new Ipv4(skb.view, skb.network);
    skb.data = skb.network + header.headerLength;
    skb.transport = skb.data;
    if (header.protocol === IP_PROTOCOL.icmp && skb.view.getUint8(skb.data) !== 0) {
      this.#icmp(skb);
      return;
    }
    const reason = this.sockets.deliver(skb, header.protocol);
    this.emulation.drain();
    if (reason === undefined) return;
    this.drops.push(reason);
    if (reason === 'no-socket' && header.protocol === IP_PROTOCOL.udp) this.#joined.icmpError(this, bytes, 3, 3, 0);
  }

  #icmp(skb: Skb): void {
    const type = skb.view.getUint8(skb.data);
    if (type === 8) {
      const { source } = skb.ipv4;
      const reply = skb.slab.bytes.slice(skb.data, skb.tail);
      encodeIcmp(viewOf(reply), 0, {
        type: 0,
        code: 0,
        rest: viewOf(reply).getInt32(4),
        payloadLength: reply.length - 8,
      });
      this.#transmit(reply, { source: this.address, destination: source, protocol: IP_PROTOCOL.icmp }, skb.id);
      return;
    }
    this.sockets.icmpError({
      type,
      code: skb.view.getUint8(skb.data + 1),
      mtu: skb.view.getUint16(skb.data + 6),
      from: skb.ipv4.source,
      view: skb.view,
      quoted: skb.data + ICMP_HEADER_LENGTH,
      end: skb.tail,
      skb,
      learn: () => {},
    });
  }

  #route(flow: Flow4): RouteResult {
    return {
      type: this.routeType,
      dev: undefined,
      gateway: undefined,
      source: flow.source === INADDR_ANY ? this.address : flow.source,
      mtu: this.mtu,
      route: undefined,
      mtuLocked: false,
      redirect: false,
    };
  }

  #send(skb: Skb, request: SendRequest): Errno | undefined {
    this.#transmit(skb.slab.bytes.slice(skb.data, skb.tail), request, skb.parent);
    return undefined;
  }

  #transmit(
    payload: Uint8Array,
    request: Omit<SendRequest, 'route' | 'dontFragment'> & { dontFragment?: boolean },
    parent: number,
  ): void {
    const bytes = new Uint8Array(20 + payload.length);
    const df = request.dontFragment ?? false;
    this.#ident += 1;
    encodeIpv4(viewOf(bytes), 0, {
      source: request.source,
      destination: request.destination,
      protocol: request.protocol,
      payloadLength: payload.length,
      tos: request.tos ?? 0,
      ttl: request.ttl ?? 64,
      identification: request.identification ?? (df && request.ignoreDontFragment !== true ? 0 : this.#ident),
      flagsAndOffset: df ? IPV4_DONT_FRAGMENT : 0,
    });
    bytes.set(payload, 20);
    this.#joined.carry(this, bytes, parent);
  }
}

export class JoinedHosts {
  readonly emulation: Emulation;
  readonly a: TestHost;
  readonly b: TestHost;
  readonly sent: Sent[] = [];
  wire: Wire = () => [0];

  constructor(seed = 1) {
    this.emulation = new Emulation({ seed });
    this.a = new TestHost(this, 'a', A);
    this.b = new TestHost(this, 'b', B);
  }

  /** Octets put on the wire by one of the two; what is for the sender itself comes back at once. */
  carry(from: TestHost, bytes: Uint8Array, parent: number): void {
    const view = viewOf(bytes);
    const header = new Ipv4(view, 0);
    const tcp = new Tcp(view, 20);
    const isTcp = header.protocol === IP_PROTOCOL.tcp;
    const packet: Sent = {
      atNs: this.emulation.clock.nowNs,
      from: from.name,
      bytes,
      ip: header,
      tcp,
      flags: isTcp ? flagLetters(tcp.flags) : '',
      length: bytes.length - 20 - (isTcp ? tcp.headerLength : 8),
      parent,
    };
    this.sent.push(packet);
    const other = from === this.a ? this.b : this.a;
    const to = fib(from, header.destination) ? from : other;
    for (const delay of this.wire(packet)) {
      this.emulation.clock.schedule(delay * NS_PER_MS, () => to.receive(bytes));
    }
  }

  /** An ICMP error about `bytes`, made by `from`, for the sender of `bytes`. */
  icmpError(from: TestHost, bytes: Uint8Array, type: number, code: number, mtu: number): void {
    const quoted = bytes.slice(0, 548);
    const message = new Uint8Array(20 + 8 + quoted.length);
    message.set(quoted, 28);
    const view = viewOf(message);
    const source = new Ipv4(viewOf(bytes), 0).source;
    encodeIpv4(view, 0, {
      source: from.address,
      destination: source,
      protocol: IP_PROTOCOL.icmp,
      payloadLength: message.length - 20,
    });
    encodeIcmp(view, 20, { type, code, rest: mtu, payloadLength: quoted.length });
    this.carry(from, message, 0);
  }

  run(milliseconds = Number.POSITIVE_INFINITY): void {
    if (milliseconds === Number.POSITIVE_INFINITY) this.emulation.run();
    else this.emulation.advance(milliseconds * NS_PER_MS);
  }

  /** What was sent by one side, in tcpdump's short form: `S 0:0`, relative numbers left out. */
  log(from?: 'a' | 'b'): string[] {
    return this.sent
      .filter((packet) => from === undefined || packet.from === from)
      .map(({ from: side, flags, length }) => (length === 0 ? `${side} ${flags}` : `${side} ${flags} ${length}`));
  }

  /** Seconds at which packets left that `wanted` picks, rounded to milliseconds. */
  times(wanted: (packet: Sent) => boolean): number[] {
    return this.sent.filter(wanted).map(({ atNs }) => Math.round(atNs / NS_PER_MS) / 1000);
  }
}

const fib = (host: TestHost, address: Ipv4Addr): boolean => host.fib.addressType(address) === 'local';

/** A segment made by hand, as somebody on the path would, for one of the hosts: IPv4 header first. */
export function forge(
  fields: TcpFields & { source: Ipv4Addr; destination: Ipv4Addr; payload?: Uint8Array },
): Uint8Array {
  const headerLength = tcpHeaderLength(fields.options);
  const payload = fields.payload ?? new Uint8Array();
  const bytes = new Uint8Array(20 + headerLength + payload.length);
  const view = viewOf(bytes);
  const { source, destination } = fields;
  encodeIpv4(view, 0, { source, destination, protocol: IP_PROTOCOL.tcp, payloadLength: bytes.length - 20 });
  encodeTcp(view, 20, fields);
  bytes.set(payload, 20 + headerLength);
  new Tcp(view, 20).fillChecksum(
    pseudoHeaderSum(source, destination, IP_PROTOCOL.tcp, bytes.length - 20),
    bytes.length,
  );
  return bytes;
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
export const octets = (value: string): Uint8Array => new TextEncoder().encode(value);
