/**
 * VXLAN (RFC 7348 §5): an Ethernet frame in UDP.
 *
 *      0                   1                   2                   3
 *     +-+-+-+-+-+-+-+-+-----------------------------------------------+
 *     |R|R|R|R|I|R|R|R|                   Reserved                    |
 *     +-+-+-+-+-+-+-+-+-------------------------------+---------------+
 *     |        VXLAN Network Identifier (VNI)         |   Reserved    |
 *     +-----------------------------------------------+---------------+
 */

const FLAGS = 0;
const VNI = 4;
export const VXLAN_HEADER_LENGTH = 8;

/** The destination port that IANA assigned. */
export const VXLAN_PORT = 4789;
/** Linux' default where none is given (drivers/net/vxlan/vxlan_core.c:vxlan_port), older than the assignment. */
export const VXLAN_PORT_LINUX = 8472;
/** The I flag: the VNI is valid. */
export const VXLAN_FLAG_VNI = 0x08;
export const VXLAN_VNI_MAXIMUM = 0xff_ffff;

/** A header where it lies in `view`; setters write through. */
export class Vxlan {
  readonly view: DataView;
  readonly offset: number;

  constructor(view: DataView, offset: number) {
    this.view = view;
    this.offset = offset;
  }

  /** A view, or undefined where too short or without the I flag (drivers/net/vxlan/vxlan_core.c:vxlan_rcv()). */
  static parse(view: DataView, offset: number, end: number): Vxlan | undefined {
    if (end - offset < VXLAN_HEADER_LENGTH) return undefined;
    const vxlan = new Vxlan(view, offset);
    return (vxlan.flags & VXLAN_FLAG_VNI) === 0 ? undefined : vxlan;
  }

  get flags(): number {
    return this.view.getUint8(this.offset + FLAGS);
  }
  set flags(value: number) {
    this.view.setUint8(this.offset + FLAGS, value);
  }

  /** 0 to 2^24 - 1. */
  get vni(): number {
    return this.view.getUint32(this.offset + VNI) >>> 8;
  }
  set vni(value: number) {
    this.view.setInt32(this.offset + VNI, (value << 8) | this.view.getUint8(this.offset + VNI + 3));
  }

  /** Where the inner Ethernet frame starts. */
  get payloadOffset(): number {
    return this.offset + VXLAN_HEADER_LENGTH;
  }
}

/** Writes the header of a frame in network `vni`. */
export function encodeVxlan(view: DataView, offset: number, vni: number): void {
  view.setInt32(offset, VXLAN_FLAG_VNI << 24);
  view.setInt32(offset + VNI, vni << 8);
}
