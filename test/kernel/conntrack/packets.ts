/** IPv4 packets of tests, in a few words each. */

import {
  encodeIcmp,
  encodeIpv4,
  encodeSctp,
  encodeTcp,
  encodeUdp,
  IP_PROTOCOL,
  Ipv4,
  type Ipv4Addr,
  IPV4_HEADER_LENGTH,
  parseIpv4,
  pseudoHeaderSum,
  Sctp,
  SCTP_HEADER_LENGTH,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
  Tcp,
  type TcpOptions,
  tcpHeaderLength,
  Udp,
  UDP_HEADER_LENGTH,
  viewOf,
} from '../../../src/packet/index.js';

export function address(text: string): Ipv4Addr {
  const addr = parseIpv4(text);
  if (addr === undefined) throw new Error(`not an address: ${text}`);
  return addr;
}

interface End {
  readonly addr: Ipv4Addr;
  readonly port: number;
}

/** `10.0.0.1:80`. */
function end(text: string): End {
  const [addr = '', port = '0'] = text.split(':');
  return { addr: address(addr), port: Number(port) };
}

interface IpSpec {
  readonly from: string;
  readonly to: string;
  /** Identification. */
  readonly ipId?: number;
  readonly tos?: number;
  readonly flagsAndOffset?: number;
}

/** A packet with room for `length` octets of transport header and data, which `fill` writes. */
function ip(
  spec: IpSpec,
  protocol: number,
  length: number,
  fill: (view: DataView, at: number, source: End, destination: End) => void,
): Uint8Array {
  const bytes = new Uint8Array(IPV4_HEADER_LENGTH + length);
  const view = viewOf(bytes);
  const source = end(spec.from);
  const destination = end(spec.to);
  encodeIpv4(view, 0, {
    source: source.addr,
    destination: destination.addr,
    protocol,
    payloadLength: length,
    identification: spec.ipId ?? 0,
    tos: spec.tos ?? 0,
    flagsAndOffset: spec.flagsAndOffset ?? 0x4000,
  });
  fill(view, IPV4_HEADER_LENGTH, source, destination);
  return bytes;
}

const FLAGS: Readonly<Record<string, number>> = {
  F: TCP_FIN,
  S: TCP_SYN,
  R: TCP_RST,
  P: TCP_PSH,
  A: TCP_ACK,
  U: TCP_URG,
};

export interface TcpSpec extends IpSpec {
  /** `S`, `SA`, `A`, `FA`, `PA`, `R`… */
  readonly flags: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly win?: number;
  readonly options?: TcpOptions;
  /** Octets of data. */
  readonly data?: number;
  readonly checksum?: 'bad';
}

export function tcp(spec: TcpSpec): Uint8Array {
  const headerLength = tcpHeaderLength(spec.options);
  const length = headerLength + (spec.data ?? 0);
  return ip(spec, IP_PROTOCOL.tcp, length, (view, at, source, destination) => {
    encodeTcp(view, at, {
      sourcePort: source.port,
      destinationPort: destination.port,
      sequence: (spec.seq ?? 0) >>> 0,
      acknowledgment: (spec.ack ?? 0) >>> 0,
      flags: spec.flags.split('').reduce((bits, flag) => bits | (FLAGS[flag] ?? 0), 0),
      window: spec.win ?? 64_240,
      ...(spec.options === undefined ? {} : { options: spec.options }),
    });
    const header = new Tcp(view, at);
    header.fillChecksum(pseudoHeaderSum(source.addr, destination.addr, IP_PROTOCOL.tcp, length), at + length);
    if (spec.checksum === 'bad') header.checksum ^= 0x5555;
  });
}

export interface UdpSpec extends IpSpec {
  readonly data?: number;
  readonly checksum?: 'bad' | 'none';
  /** What the header says, where that is not the truth. */
  readonly length?: number;
}

export function udp(spec: UdpSpec): Uint8Array {
  const payloadLength = spec.data ?? 4;
  const length = UDP_HEADER_LENGTH + payloadLength;
  return ip(spec, IP_PROTOCOL.udp, length, (view, at, source, destination) => {
    encodeUdp(view, at, { sourcePort: source.port, destinationPort: destination.port, payloadLength });
    for (let i = 0; i < payloadLength; i++) view.setUint8(at + UDP_HEADER_LENGTH + i, i & 0xff);
    const header = new Udp(view, at);
    if (spec.checksum !== 'none') {
      header.fillChecksum(pseudoHeaderSum(source.addr, destination.addr, IP_PROTOCOL.udp, length));
    }
    if (spec.checksum === 'bad') header.checksum ^= 0x5555;
    if (spec.length !== undefined) header.length = spec.length;
  });
}

export interface IcmpSpec extends IpSpec {
  readonly type: number;
  readonly code?: number;
  readonly id?: number;
  readonly seq?: number;
  readonly rest?: number;
  /** The packet that an error quotes, or data. */
  readonly quoted?: Uint8Array;
  readonly checksum?: 'bad';
}

export function icmp(spec: IcmpSpec): Uint8Array {
  const quoted = spec.quoted ?? new Uint8Array(8);
  return ip(spec, IP_PROTOCOL.icmp, 8 + quoted.length, (view, at) => {
    quoted.forEach((octet, i) => view.setUint8(at + 8 + i, octet));
    encodeIcmp(view, at, {
      type: spec.type,
      code: spec.code ?? 0,
      rest: spec.rest ?? ((spec.id ?? 0) << 16) | (spec.seq ?? 0),
      payloadLength: quoted.length,
    });
    if (spec.checksum === 'bad') view.setUint16(at + 2, view.getUint16(at + 2) ^ 0x5555);
  });
}

export interface SctpSpec extends IpSpec {
  readonly tag: number;
  readonly chunks: readonly {
    readonly type: number;
    readonly flags?: number;
    /** Initiate tag of an INIT or INIT ACK. */
    readonly initTag?: number;
    /** Octets behind the chunk header, for others. */
    readonly value?: number;
  }[];
  readonly checksum?: 'bad';
}

export function sctp(spec: SctpSpec): Uint8Array {
  const sizes = spec.chunks.map((chunk) => 4 + (chunk.initTag === undefined ? (chunk.value ?? 0) : 16));
  const padded = sizes.map((size) => (size + 3) & ~3);
  const length = SCTP_HEADER_LENGTH + padded.reduce((sum, size) => sum + size, 0);
  return ip(spec, IP_PROTOCOL.sctp, length, (view, at, source, destination) => {
    encodeSctp(view, at, {
      sourcePort: source.port,
      destinationPort: destination.port,
      verificationTag: spec.tag >>> 0,
    });
    let offset = at + SCTP_HEADER_LENGTH;
    spec.chunks.forEach((chunk, i) => {
      view.setUint8(offset, chunk.type);
      view.setUint8(offset + 1, chunk.flags ?? 0);
      view.setUint16(offset + 2, sizes[i] ?? 0);
      if (chunk.initTag !== undefined) view.setUint32(offset + 4, chunk.initTag >>> 0);
      offset += padded[i] ?? 0;
    });
    const header = new Sctp(view, at);
    header.fillChecksum(at + length);
    if (spec.checksum === 'bad') header.checksum = (header.checksum ^ 0x5555) >>> 0;
  });
}

/** A packet of any other protocol. */
export const other = (spec: IpSpec, protocol: number, data = 16): Uint8Array =>
  ip(spec, protocol, data, () => undefined);

const word = (bytes: Uint8Array, at: number): number => viewOf(bytes).getUint16(at);

/** `tcp 10.0.0.1:1024 > 10.0.0.2:80` of a packet's own headers. */
export function flowOf(bytes: Uint8Array): string {
  const header = new Ipv4(viewOf(bytes), 0);
  const at = header.payloadOffset;
  const dotted = (from: number): string => [...bytes.subarray(from, from + 4)].join('.');
  const names: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 132: 'sctp' };
  const name = names[header.protocol] ?? String(header.protocol);
  if (header.protocol === IP_PROTOCOL.icmp) return `${name} ${dotted(12)} > ${dotted(16)} id ${word(bytes, at + 4)}`;
  return `${name} ${dotted(12)}:${word(bytes, at)} > ${dotted(16)}:${word(bytes, at + 2)}`;
}

/** Every checksum in the packet, and in a packet that it quotes whole, is right. */
export function checksumsValid(bytes: Uint8Array): boolean {
  const view = viewOf(bytes);
  const header = Ipv4.parse(view, 0, bytes.length);
  if (header === undefined || !header.checksumValid()) return false;
  const at = header.payloadOffset;
  const pseudo = pseudoHeaderSum(header.source, header.destination, header.protocol, bytes.length - at);
  switch (header.protocol) {
    case IP_PROTOCOL.tcp:
      return new Tcp(view, at).checksumValid(pseudo, bytes.length);
    case IP_PROTOCOL.udp:
      return new Udp(view, at).checksumValid(pseudo);
    case IP_PROTOCOL.sctp:
      return new Sctp(view, at).checksumValid(bytes.length);
    default:
      return true;
  }
}
