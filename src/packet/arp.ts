/**
 * ARP for IPv4 over Ethernet (RFC 826).
 *
 *      0                   1                   2                   3
 *     +-------------------------------+-------------------------------+
 *     |        Hardware type          |         Protocol type         |
 *     +---------------+---------------+-------------------------------+
 *     |  HW length 6  | Proto len. 4  |           Operation           |
 *     +---------------+---------------+-------------------------------+
 *     |            Sender hardware address (6 octets)                 |
 *     +                               +-------------------------------+
 *     |                               |  Sender protocol address ...  |
 *     +-------------------------------+-------------------------------+
 *     | ... (4 octets)                |                               |
 *     +-------------------------------+                               +
 *     |            Target hardware address (6 octets)                 |
 *     +---------------------------------------------------------------+
 *     |                    Target protocol address                    |
 *     +---------------------------------------------------------------+
 */

import { type Ipv4Addr, ipv4 } from './ip.js';
import { type Mac, macFromParts, macHigh16, macLow32 } from './mac.js';

const HARDWARE_TYPE = 0;
const PROTOCOL_TYPE = 2;
const LENGTHS = 4;
const OPERATION = 6;
const SENDER_MAC = 8;
const SENDER_IP = 14;
const TARGET_MAC = 18;
const TARGET_IP = 24;
export const ARP_LENGTH = 28;

const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
/** Six octets of hardware address, four of protocol address. */
const LENGTHS_ETHERNET_IPV4 = 0x0604;

/** ar$op. */
export const ARP_OPERATION = { request: 1, reply: 2 } as const;

/** An ARP packet where it lies in `view`; setters write through. */
export class Arp {
  readonly view: DataView;
  readonly offset: number;

  constructor(view: DataView, offset: number) {
    this.view = view;
    this.offset = offset;
  }

  /** A view, or undefined where the bytes are too short or not IPv4 over Ethernet (net/ipv4/arp.c:arp_rcv(), arp_process()). */
  static parse(view: DataView, offset: number, end: number): Arp | undefined {
    if (end - offset < ARP_LENGTH) return undefined;
    const arp = new Arp(view, offset);
    const known =
      arp.hardwareType === HARDWARE_ETHERNET &&
      arp.protocolType === PROTOCOL_IPV4 &&
      view.getUint16(offset + LENGTHS) === LENGTHS_ETHERNET_IPV4;
    return known ? arp : undefined;
  }

  get hardwareType(): number {
    return this.view.getUint16(this.offset + HARDWARE_TYPE);
  }

  get protocolType(): number {
    return this.view.getUint16(this.offset + PROTOCOL_TYPE);
  }

  get operation(): number {
    return this.view.getUint16(this.offset + OPERATION);
  }
  set operation(value: number) {
    this.view.setUint16(this.offset + OPERATION, value);
  }

  get senderMac(): Mac {
    return this.#mac(SENDER_MAC);
  }
  set senderMac(value: Mac) {
    this.#setMac(SENDER_MAC, value);
  }

  get senderIp(): Ipv4Addr {
    return ipv4(this.view.getInt32(this.offset + SENDER_IP));
  }
  set senderIp(value: Ipv4Addr) {
    this.view.setInt32(this.offset + SENDER_IP, value);
  }

  get targetMac(): Mac {
    return this.#mac(TARGET_MAC);
  }
  set targetMac(value: Mac) {
    this.#setMac(TARGET_MAC, value);
  }

  get targetIp(): Ipv4Addr {
    return ipv4(this.view.getInt32(this.offset + TARGET_IP));
  }
  set targetIp(value: Ipv4Addr) {
    this.view.setInt32(this.offset + TARGET_IP, value);
  }

  #mac(field: number): Mac {
    const at = this.offset + field;
    return macFromParts(this.view.getUint16(at), this.view.getUint32(at + 2));
  }

  #setMac(field: number, value: Mac): void {
    const at = this.offset + field;
    this.view.setUint16(at, macHigh16(value));
    this.view.setInt32(at + 2, macLow32(value));
  }
}

export interface ArpFields {
  readonly operation: number;
  readonly senderMac: Mac;
  readonly senderIp: Ipv4Addr;
  readonly targetMac: Mac;
  readonly targetIp: Ipv4Addr;
}

/** Writes the `ARP_LENGTH` octets of an IPv4-over-Ethernet packet. */
export function encodeArp(view: DataView, offset: number, fields: ArpFields): void {
  view.setUint16(offset + HARDWARE_TYPE, HARDWARE_ETHERNET);
  view.setUint16(offset + PROTOCOL_TYPE, PROTOCOL_IPV4);
  view.setUint16(offset + LENGTHS, LENGTHS_ETHERNET_IPV4);
  const arp = new Arp(view, offset);
  arp.operation = fields.operation;
  arp.senderMac = fields.senderMac;
  arp.senderIp = fields.senderIp;
  arp.targetMac = fields.targetMac;
  arp.targetIp = fields.targetIp;
}
