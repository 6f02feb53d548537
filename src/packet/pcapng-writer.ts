/** Writes pcapng: one section, little-endian, nanosecond times, any number of interfaces and comments. */

import { concatBytes, viewOf } from './bytes.js';
import {
  BLOCK,
  BLOCK_OVERHEAD,
  BYTE_ORDER_MAGIC,
  type CaptureDirection,
  type CaptureInterface,
  type CaptureSection,
  DIRECTIONS,
  LINKTYPE,
  OPTION,
} from './pcapng.js';

const utf8 = new TextEncoder();

/** 10^-9 s (if_tsresol). */
const NANOSECONDS = 9;

const padded = (length: number): number => (length + 3) & ~3;

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

const textOption = (code: number, text: string | undefined): Option[] =>
  text === undefined ? [] : [{ code, value: utf8.encode(text) }];

/** Options and their end marker; nothing at all where there are none. */
function optionBytes(options: readonly Option[]): Uint8Array {
  if (options.length === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(options.reduce((sum, { value }) => sum + 4 + padded(value.length), 4));
  const view = viewOf(bytes);
  let at = 0;
  for (const { code, value } of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    bytes.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  return bytes;
}

/** A block of `type` with `length` octets of body, `fill` writes them. */
function block(type: number, length: number, fill: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const total = BLOCK_OVERHEAD + padded(length);
  const bytes = new Uint8Array(total);
  const view = viewOf(bytes);
  view.setUint32(0, type, true);
  view.setUint32(4, total, true);
  view.setUint32(total - 4, total, true);
  fill(viewOf(bytes.subarray(8)), bytes.subarray(8));
  return bytes;
}

function sectionBlock(section: CaptureSection): Uint8Array {
  const options = optionBytes([
    ...textOption(OPTION.comment, section.comment),
    ...textOption(OPTION.sectionHardware, section.hardware),
    ...textOption(OPTION.sectionOs, section.os),
    ...textOption(OPTION.sectionUserApplication, section.userApplication),
  ]);
  return block(BLOCK.sectionHeader, 16 + options.length, (view, bytes) => {
    view.setUint32(0, BYTE_ORDER_MAGIC, true);
    view.setUint16(4, 1, true); // version 1.0
    view.setBigInt64(8, -1n, true); // section length: not specified
    bytes.set(options, 16);
  });
}

function interfaceBlock(description: CaptureInterface): Uint8Array {
  const options = optionBytes([
    ...textOption(OPTION.interfaceName, description.name),
    ...textOption(OPTION.interfaceDescription, description.description),
    { code: OPTION.interfaceTimestampResolution, value: Uint8Array.of(NANOSECONDS) },
  ]);
  return block(BLOCK.interfaceDescription, 8 + options.length, (view, bytes) => {
    view.setUint16(0, description.linkType ?? LINKTYPE.ethernet, true);
    view.setUint32(4, description.snapLength ?? 0, true);
    bytes.set(options, 8);
  });
}

/** A packet as it is handed to the writer. */
export interface PacketToWrite {
  readonly interfaceId: number;
  /** Nanoseconds. A number is exact up to 2^53 (104 days); give a bigint beyond. */
  readonly timestamp: bigint | number;
  readonly bytes: Uint8Array;
  /** Length on the wire where only the first octets are in `bytes`. */
  readonly originalLength?: number;
  readonly direction?: CaptureDirection;
  readonly comments?: readonly string[];
}

function flagsOption(direction: CaptureDirection | undefined): Option[] {
  if (direction === undefined || direction === 'unknown') return [];
  return [{ code: OPTION.packetFlags, value: Uint8Array.of(DIRECTIONS.indexOf(direction), 0, 0, 0) }];
}

function packetBlock(packet: PacketToWrite): Uint8Array {
  const options = optionBytes([
    ...(packet.comments ?? []).flatMap((comment) => textOption(OPTION.comment, comment)),
    ...flagsOption(packet.direction),
  ]);
  const captured = packet.bytes.length;
  const time = BigInt(packet.timestamp);
  return block(BLOCK.enhancedPacket, 20 + padded(captured) + options.length, (view, bytes) => {
    view.setUint32(0, packet.interfaceId, true);
    view.setUint32(4, Number((time >> 32n) & 0xffff_ffffn), true);
    view.setUint32(8, Number(time & 0xffff_ffffn), true);
    view.setUint32(12, captured, true);
    view.setUint32(16, packet.originalLength ?? captured, true);
    bytes.set(packet.bytes, 20);
    bytes.set(options, 20 + padded(captured));
  });
}

/** A capture file in the making. Interfaces may be added at any time before their first packet. */
export class PcapngWriter {
  #pending: Uint8Array[] = [];
  #interfaces = 0;

  constructor(section: CaptureSection = {}) {
    this.#pending.push(sectionBlock(section));
  }

  /** The new interface's index. */
  addInterface(description: CaptureInterface): number {
    this.#pending.push(interfaceBlock(description));
    return this.#interfaces++;
  }

  addPacket(packet: PacketToWrite): void {
    if (packet.interfaceId >= this.#interfaces) {
      throw new RangeError(`no interface ${packet.interfaceId}: the capture has ${this.#interfaces}`);
    }
    this.#pending.push(packetBlock(packet));
  }

  /** What was added since the last call, for a stream; the whole file when called once, at the end. */
  take(): Uint8Array {
    const bytes = concatBytes(this.#pending);
    this.#pending = [];
    return bytes;
  }
}
