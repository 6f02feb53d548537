/**
 * Ethernet II frames and the 802.1Q tag (IEEE 802.3 §3.1.1, IEEE 802.1Q §9.6).
 *
 *      0                   1                   2                   3
 *     +---------------------------------------------------------------+
 *     |                     Destination (6 octets)                    |
 *     +                               +-------------------------------+
 *     |                               |       Source (6 octets)       |
 *     +-------------------------------+                               +
 *     |                                                               |
 *     +-------------------------------+-------------------------------+
 *     |           EtherType           |            payload
 *     +-------------------------------+
 */

import { type Mac, macFromParts, macHigh16, macLow32 } from './mac.js';

const DESTINATION = 0;
const SOURCE = 6;
const ETHER_TYPE = 12;
export const ETHERNET_HEADER_LENGTH = 14;

/** What follows (IANA "IEEE 802 Numbers"; include/uapi/linux/if_ether.h). */
export const ETHERTYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
} as const;

/** Below this the field is an IEEE 802.3 length, not a type. */
export const ETHERTYPE_MINIMUM = 0x0600;

const readMac = (view: DataView, offset: number): Mac =>
  macFromParts(view.getUint16(offset), view.getUint32(offset + 2));

function writeMac(view: DataView, offset: number, value: Mac): void {
  view.setUint16(offset, macHigh16(value));
  view.setInt32(offset + 2, macLow32(value));
}

/** A frame's header where it lies in `view`: nothing is copied, and setters write through. */
export class Ethernet {
  readonly view: DataView;
  readonly offset: number;

  constructor(view: DataView, offset: number) {
    this.view = view;
    this.offset = offset;
  }

  /** A view of bytes from a wire, or undefined where they are too short. */
  static parse(view: DataView, offset: number, end: number): Ethernet | undefined {
    return end - offset < ETHERNET_HEADER_LENGTH ? undefined : new Ethernet(view, offset);
  }

  get destination(): Mac {
    return readMac(this.view, this.offset + DESTINATION);
  }
  set destination(value: Mac) {
    writeMac(this.view, this.offset + DESTINATION, value);
  }

  get source(): Mac {
    return readMac(this.view, this.offset + SOURCE);
  }
  set source(value: Mac) {
    writeMac(this.view, this.offset + SOURCE, value);
  }

  get etherType(): number {
    return this.view.getUint16(this.offset + ETHER_TYPE);
  }
  set etherType(value: number) {
    this.view.setUint16(this.offset + ETHER_TYPE, value);
  }
}

export interface EthernetFields {
  readonly destination: Mac;
  readonly source: Mac;
  readonly etherType: number;
}

/** Writes the header; the payload starts `ETHERNET_HEADER_LENGTH` octets on. */
export function encodeEthernet(view: DataView, offset: number, fields: EthernetFields): void {
  writeMac(view, offset + DESTINATION, fields.destination);
  writeMac(view, offset + SOURCE, fields.source);
  view.setUint16(offset + ETHER_TYPE, fields.etherType);
}

/** From the tag's control information to the type of what follows; the 0x8100 before it is the frame's EtherType. */
export const VLAN_TAG_LENGTH = 4;

/** An 802.1Q tag. `offset` is that of its control information, behind the EtherType 0x8100. */
export class Vlan {
  readonly view: DataView;
  readonly offset: number;

  constructor(view: DataView, offset: number) {
    this.view = view;
    this.offset = offset;
  }

  static parse(view: DataView, offset: number, end: number): Vlan | undefined {
    return end - offset < VLAN_TAG_LENGTH ? undefined : new Vlan(view, offset);
  }

  /** PCP, DEI and VID together. */
  get tagControl(): number {
    return this.view.getUint16(this.offset);
  }
  set tagControl(value: number) {
    this.view.setUint16(this.offset, value);
  }

  get priority(): number {
    return this.tagControl >>> 13;
  }

  get dropEligible(): boolean {
    return (this.tagControl & 0x1000) !== 0;
  }

  get vlanId(): number {
    return this.tagControl & 0x0fff;
  }
  set vlanId(value: number) {
    this.tagControl = (this.tagControl & 0xf000) | (value & 0x0fff);
  }

  get etherType(): number {
    return this.view.getUint16(this.offset + 2);
  }
  set etherType(value: number) {
    this.view.setUint16(this.offset + 2, value);
  }
}

export interface VlanFields {
  readonly vlanId: number;
  /** 0 to 7; 0 where it is left out. */
  readonly priority?: number;
  readonly dropEligible?: boolean;
  readonly etherType: number;
}

/** Writes the four octets that follow EtherType 0x8100. */
export function encodeVlan(view: DataView, offset: number, fields: VlanFields): void {
  const dropEligible = fields.dropEligible === true ? 0x1000 : 0;
  view.setUint16(offset, ((fields.priority ?? 0) << 13) | dropEligible | (fields.vlanId & 0x0fff));
  view.setUint16(offset + 2, fields.etherType);
}
