/** Reads pcapng of either byte order; what is malformed is an answer with the offset where it is. */

import { viewOf } from './bytes.js';
import {
  BLOCK,
  BLOCK_OVERHEAD,
  BYTE_ORDER_MAGIC,
  type CapturedPacket,
  type CaptureInterface,
  type CaptureSection,
  DIRECTIONS,
  OPTION,
} from './pcapng.js';

export interface Capture {
  /** Of the first section. */
  readonly section: CaptureSection;
  /** Of all sections in order; a packet's `interfaceId` counts through them. */
  readonly interfaces: readonly CaptureInterface[];
  readonly packets: readonly CapturedPacket[];
}

export interface CaptureError {
  /** Offset in the file. */
  readonly offset: number;
  readonly message: string;
}

export type CaptureResult = { readonly capture: Capture } | { readonly error: CaptureError };

/** Thrown and caught in this file alone: it ends the reading of a file from wherever that notices. */
class Malformed extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

interface OptionAt {
  readonly code: number;
  readonly offset: number;
  readonly length: number;
}

/** A block's body, checked to lie in the file. */
interface Body {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

const utf8 = new TextDecoder();
const DEFAULT_RESOLUTION = 6;

const NANOSECONDS_PER_SECOND = 1_000_000_000n;

/** How an interface counts time. */
interface Ticks {
  readonly perSecond: bigint;
  /** if_tsoffset: nanoseconds to add. */
  readonly offset: bigint;
}

/** if_tsresol: a negative power of ten, or of two where the top bit is set. */
const ticksPerSecond = (resolution: number): bigint => (resolution & 0x80 ? 2n : 10n) ** BigInt(resolution & 0x7f);

class Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly interfaces: CaptureInterface[] = [];
  readonly packets: CapturedPacket[] = [];
  section: CaptureSection | undefined = undefined;
  #littleEndian = true;
  /** Interfaces of sections before this one. */
  #firstInterface = 0;
  readonly #ticks: Ticks[] = [];

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }

  read(): void {
    if (this.bytes.length < BLOCK_OVERHEAD) throw new Malformed(0, 'not a pcapng file: too short for a section header');
    let at = 0;
    while (at < this.bytes.length) {
      const body = this.#block(at);
      this.#dispatch(body);
      at = body.end + 4;
    }
  }

  u16(at: number): number {
    return this.view.getUint16(at, this.#littleEndian);
  }

  u32(at: number): number {
    return this.view.getUint32(at, this.#littleEndian);
  }

  /** The block at `at`; sets the byte order where a section starts. */
  #block(at: number): Body {
    if (at + BLOCK_OVERHEAD > this.bytes.length) throw new Malformed(at, 'a block is cut off');
    if (this.view.getUint32(at) === BLOCK.sectionHeader) this.#setByteOrder(at);
    else if (at === 0) throw new Malformed(0, 'not a pcapng file: it does not start with a section header');
    const length = this.u32(at + 4);
    if (length < BLOCK_OVERHEAD || length % 4 !== 0) throw new Malformed(at + 4, `a block length of ${length}`);
    if (at + length > this.bytes.length) {
      throw new Malformed(at + 4, `a block of ${length} octets, but only ${this.bytes.length - at} are left`);
    }
    const again = this.u32(at + length - 4);
    if (again !== length)
      throw new Malformed(at + length - 4, `a block length of ${length} at its start, ${again} at its end`);
    return { type: this.u32(at), start: at + 8, end: at + length - 4 };
  }

  #setByteOrder(at: number): void {
    const little = this.view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC;
    if (!little && this.view.getUint32(at + 8) !== BYTE_ORDER_MAGIC) throw new Malformed(at + 8, 'no byte-order magic');
    this.#littleEndian = little;
  }

  #dispatch(body: Body): void {
    switch (body.type) {
      case BLOCK.sectionHeader:
        return this.#section(body);
      case BLOCK.interfaceDescription:
        return this.#interface(body);
      case BLOCK.enhancedPacket:
        return this.#enhancedPacket(body);
      case BLOCK.simplePacket:
        return this.#simplePacket(body);
      default: // other blocks may be skipped by a reader
    }
  }

  #need(body: Body, octets: number, what: string): void {
    if (body.end - body.start < octets) throw new Malformed(body.start, `${what} of ${body.end - body.start} octets`);
  }

  #section(body: Body): void {
    this.#need(body, 16, 'a section header');
    const major = this.u16(body.start + 4);
    if (major !== 1) throw new Malformed(body.start + 4, `pcapng version ${major}`);
    this.#firstInterface = this.interfaces.length;
    const section: { -readonly [K in keyof CaptureSection]: CaptureSection[K] } = {};
    for (const option of this.#options(body.start + 16, body.end)) {
      if (option.code === OPTION.comment) section.comment = this.#text(option);
      if (option.code === OPTION.sectionHardware) section.hardware = this.#text(option);
      if (option.code === OPTION.sectionOs) section.os = this.#text(option);
      if (option.code === OPTION.sectionUserApplication) section.userApplication = this.#text(option);
    }
    this.section ??= section;
  }

  #interface(body: Body): void {
    this.#need(body, 8, 'an interface description');
    const found = { name: '', linkType: this.u16(body.start), snapLength: this.u32(body.start + 4) };
    let description: string | undefined;
    const ticks = { perSecond: ticksPerSecond(DEFAULT_RESOLUTION), offset: 0n };
    for (const option of this.#options(body.start + 8, body.end)) {
      if (option.code === OPTION.interfaceName) found.name = this.#text(option);
      if (option.code === OPTION.interfaceDescription) description = this.#text(option);
      if (option.code === OPTION.interfaceTimestampResolution && option.length === 1) {
        ticks.perSecond = ticksPerSecond(this.view.getUint8(option.offset));
      }
      if (option.code === OPTION.interfaceTimestampOffset && option.length === 8) {
        ticks.offset = this.view.getBigInt64(option.offset, this.#littleEndian) * NANOSECONDS_PER_SECOND;
      }
    }
    this.interfaces.push(description === undefined ? found : { ...found, description });
    this.#ticks.push(ticks);
  }

  #enhancedPacket(body: Body): void {
    this.#need(body, 20, 'a packet block');
    const interfaceId = this.#firstInterface + this.u32(body.start);
    const ticks = this.#ticks[interfaceId];
    if (ticks === undefined)
      throw new Malformed(body.start, `a packet of interface ${this.u32(body.start)}, which is not described`);
    const captured = this.u32(body.start + 12);
    const data = body.start + 20;
    if (captured > body.end - data)
      throw new Malformed(body.start + 12, `${captured} captured octets do not fit in their block`);
    const count = (BigInt(this.u32(body.start + 4)) << 32n) | BigInt(this.u32(body.start + 8));
    const noted = this.#packetOptions(data + ((captured + 3) & ~3), body.end);
    this.packets.push({
      interfaceId,
      timestamp: (count * NANOSECONDS_PER_SECOND) / ticks.perSecond + ticks.offset,
      bytes: this.bytes.slice(data, data + captured),
      originalLength: this.u32(body.start + 16),
      ...noted,
    });
  }

  #packetOptions(start: number, end: number): Pick<CapturedPacket, 'direction' | 'comments'> {
    const comments: string[] = [];
    let direction = 0;
    for (const option of this.#options(start, end)) {
      if (option.code === OPTION.comment) comments.push(this.#text(option));
      if (option.code === OPTION.packetFlags && option.length === 4) direction = this.u32(option.offset) & 3;
    }
    return { direction: DIRECTIONS[direction] ?? 'unknown', comments };
  }

  /** A block without a time of its own; it belongs to the section's first interface. */
  #simplePacket(body: Body): void {
    this.#need(body, 4, 'a packet block');
    const description = this.interfaces[this.#firstInterface];
    if (description === undefined) throw new Malformed(body.start, 'a packet before any interface is described');
    const originalLength = this.u32(body.start);
    const limit = description.snapLength || originalLength;
    const captured = Math.min(originalLength, limit, body.end - body.start - 4);
    this.packets.push({
      interfaceId: this.#firstInterface,
      timestamp: 0n,
      bytes: this.bytes.slice(body.start + 4, body.start + 4 + captured),
      originalLength,
      direction: 'unknown',
      comments: [],
    });
  }

  *#options(start: number, end: number): Generator<OptionAt, void> {
    let at = start;
    while (at + 4 <= end) {
      const code = this.u16(at);
      if (code === OPTION.end) return;
      const length = this.u16(at + 2);
      if (at + 4 + length > end)
        throw new Malformed(at, `option ${code} of ${length} octets does not fit in its block`);
      yield { code, offset: at + 4, length };
      at += 4 + ((length + 3) & ~3);
    }
  }

  #text(option: OptionAt): string {
    return utf8.decode(this.bytes.subarray(option.offset, option.offset + option.length));
  }
}

/** The capture that the file holds, or the first thing that is wrong with it. */
export function readPcapng(bytes: Uint8Array): CaptureResult {
  const reader = new Reader(bytes);
  try {
    reader.read();
  } catch (error) {
    if (error instanceof Malformed) return { error: { offset: error.offset, message: error.message } };
    throw error;
  }
  return { capture: { section: reader.section ?? {}, interfaces: reader.interfaces, packets: reader.packets } };
}
