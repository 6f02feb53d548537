/** Header fields of a frame by their filter names, of outer and inner headers alike. */

import {
  Arp,
  ARP_LENGTH,
  BGP_PORT,
  DNS_PORT,
  Ethernet,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  Icmp,
  IP_PROTOCOL,
  Ipv4,
  IPV4_HEADER_LENGTH,
  Tcp,
  Udp,
  Vlan,
  VLAN_TAG_LENGTH,
  Vxlan,
  VXLAN_PORT,
  VXLAN_PORT_LINUX,
  viewOf,
} from '../../packet/index.js';

/** A frame can claim to hold another without end. */
const MAX_LAYERS = 16;

const PORTS_LENGTH = 4;

/** Values by field; a protocol's name has an entry where its header is there. */
export type Headers = ReadonlyMap<string, readonly number[]>;

class HeaderReader {
  readonly found = new Map<string, number[]>();
  readonly #view: DataView;
  #layers = 0;

  constructor(bytes: Uint8Array) {
    this.#view = viewOf(bytes);
  }

  #put(protocol: string, fields: Readonly<Record<string, number | boolean>>): void {
    this.#add(protocol, 1);
    for (const [name, value] of Object.entries(fields)) this.#add(`${protocol}.${name}`, Number(value));
  }

  #add(name: string, value: number): void {
    const values = this.found.get(name);
    if (values === undefined) this.found.set(name, [value]);
    else values.push(value);
  }

  ethernet(at: number, end: number): void {
    const frame = Ethernet.parse(this.#view, at, end);
    if (frame === undefined || ++this.#layers > MAX_LAYERS) return;
    this.#put('eth', { src: frame.source, dst: frame.destination, type: frame.etherType });
    let { etherType } = frame;
    let payload = at + ETHERNET_HEADER_LENGTH;
    const tag = etherType === ETHERTYPE.vlan ? Vlan.parse(this.#view, payload, end) : undefined;
    if (tag !== undefined) {
      this.#put('vlan', { id: tag.vlanId });
      etherType = tag.etherType;
      payload += VLAN_TAG_LENGTH;
    }
    if (etherType === ETHERTYPE.ipv4) this.ipv4(payload, end);
    else if (etherType === ETHERTYPE.arp) this.#arp(payload, end);
  }

  #arp(at: number, end: number): void {
    const arp = end - at < ARP_LENGTH ? undefined : Arp.parse(this.#view, at, end);
    if (arp !== undefined) this.#put('arp', { opcode: arp.operation, src: arp.senderIp, dst: arp.targetIp });
  }

  ipv4(at: number, end: number): void {
    const ip = Ipv4.parse(this.#view, at, end);
    if (ip !== undefined) this.#ip(ip, Math.min(ip.end, end));
  }

  /** What an error is about: its header is whole, and what follows may be cut short. */
  #quoted(at: number, end: number): void {
    if (end - at < IPV4_HEADER_LENGTH) return;
    const ip = new Ipv4(this.#view, at);
    if (ip.version === 4 && ip.payloadOffset >= at + IPV4_HEADER_LENGTH && ip.payloadOffset <= end) this.#ip(ip, end);
  }

  #ip(ip: Ipv4, end: number): void {
    if (++this.#layers > MAX_LAYERS) return;
    this.#put('ip', {
      src: ip.source,
      dst: ip.destination,
      ttl: ip.ttl,
      proto: ip.protocol,
      id: ip.identification,
      len: ip.totalLength,
      tos: ip.tos,
      'flags.df': ip.dontFragment,
      'flags.mf': ip.moreFragments,
      frag_offset: ip.fragmentOffset,
    });
    if (ip.fragmentOffset === 0) this.#transport(ip.protocol, ip.payloadOffset, end);
  }

  #transport(protocol: number, at: number, end: number): void {
    const view = this.#view;
    if (protocol === IP_PROTOCOL.ipip) {
      this.#add('ipip', 1);
      this.ipv4(at, end);
    } else if (protocol === IP_PROTOCOL.icmp) this.#icmp(Icmp.parse(view, at, end), end);
    else if (protocol === IP_PROTOCOL.tcp) {
      const tcp = Tcp.parse(view, at, end);
      if (tcp === undefined) this.#ports('tcp', at, end);
      else this.#tcp(tcp, end);
    } else if (protocol === IP_PROTOCOL.udp) {
      const udp = Udp.parse(view, at, end);
      if (udp === undefined) this.#ports('udp', at, end);
      else this.#udp(udp, end);
    } else if (protocol === IP_PROTOCOL.sctp) this.#ports('sctp', at, end);
  }

  #icmp(icmp: Icmp | undefined, end: number): void {
    if (icmp === undefined) return;
    this.#put('icmp', { type: icmp.type, code: icmp.code });
    if (icmp.isError) this.#quoted(icmp.payloadOffset, end);
  }

  /** What these protocols begin with, which is there where the rest of a header is not. */
  #ports(protocol: 'tcp' | 'udp' | 'sctp', at: number, end: number): void {
    if (end - at < PORTS_LENGTH) return;
    this.#put(protocol, { srcport: this.#view.getUint16(at), dstport: this.#view.getUint16(at + 2) });
  }

  #tcp(tcp: Tcp, end: number): void {
    const { sourcePort, destinationPort } = tcp;
    this.#put('tcp', {
      srcport: sourcePort,
      dstport: destinationPort,
      seq: tcp.sequence >>> 0,
      ack: tcp.acknowledgment >>> 0,
      window: tcp.window,
      'flags.syn': tcp.syn,
      'flags.ack': tcp.ack,
      'flags.fin': tcp.fin,
      'flags.rst': tcp.rst,
      'flags.psh': (tcp.flags & 0x08) !== 0,
    });
    if (tcp.payloadOffset >= end) return;
    if (sourcePort === BGP_PORT || destinationPort === BGP_PORT) this.#add('bgp', 1);
    if (sourcePort === DNS_PORT || destinationPort === DNS_PORT) this.#add('dns', 1);
  }

  #udp(udp: Udp, end: number): void {
    const { sourcePort, destinationPort } = udp;
    this.#put('udp', { srcport: sourcePort, dstport: destinationPort });
    if (sourcePort === DNS_PORT || destinationPort === DNS_PORT) this.#add('dns', 1);
    if (destinationPort !== VXLAN_PORT && destinationPort !== VXLAN_PORT_LINUX) return;
    const vxlan = Vxlan.parse(this.#view, udp.payloadOffset, end);
    if (vxlan === undefined) return;
    this.#put('vxlan', { vni: vxlan.vni });
    this.ethernet(vxlan.payloadOffset, end);
  }
}

/** Of an Ethernet frame, or of an IP packet where there is no link layer. What is cut short has what is there. */
export function headersOf(bytes: Uint8Array, hasLinkHeader: boolean): Headers {
  const reader = new HeaderReader(bytes);
  if (hasLinkHeader) reader.ethernet(0, bytes.length);
  else reader.ipv4(0, bytes.length);
  return reader.found;
}
