/** Capture files: what the pcapng writer and reader share (draft-ietf-opsawg-pcapng). Blocks are multiples of four octets. */

export const BLOCK = {
  sectionHeader: 0x0a0d0d0a,
  interfaceDescription: 1,
  simplePacket: 3,
  nameResolution: 4,
  interfaceStatistics: 5,
  enhancedPacket: 6,
} as const;

/** Type, length, and the length again at the end. */
export const BLOCK_OVERHEAD = 12;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Option codes; those above 1 mean something else in each kind of block. */
export const OPTION = {
  end: 0,
  comment: 1,
  sectionHardware: 2,
  sectionOs: 3,
  sectionUserApplication: 4,
  interfaceName: 2,
  interfaceDescription: 3,
  interfaceTimestampResolution: 9,
  interfaceTimestampOffset: 14,
  packetFlags: 2,
} as const;

/** LINKTYPE_ values (tcpdump.org/linktypes.html). */
export const LINKTYPE = {
  null: 0,
  ethernet: 1,
  raw: 101,
  linuxSll: 113,
  ipv4: 228,
  ipv6: 229,
  linuxSll2: 276,
} as const;

/** Lowest two bits of epb_flags. */
export type CaptureDirection = 'unknown' | 'inbound' | 'outbound';

export const DIRECTIONS: readonly CaptureDirection[] = ['unknown', 'inbound', 'outbound'];

/** What a section header says of who wrote the file. */
export interface CaptureSection {
  readonly hardware?: string;
  readonly os?: string;
  readonly userApplication?: string;
  readonly comment?: string;
}

export interface CaptureInterface {
  readonly name: string;
  readonly description?: string;
  /** `LINKTYPE.ethernet` where it is left out. */
  readonly linkType?: number;
  /** Octets kept of a packet at most; 0, no limit, where it is left out. */
  readonly snapLength?: number;
}

export interface CapturedPacket {
  /** Index of the interface in its file. */
  readonly interfaceId: number;
  /** Nanoseconds since the epoch of the capture. */
  readonly timestamp: bigint;
  readonly bytes: Uint8Array;
  /** Length on the wire, if more than was captured. */
  readonly originalLength: number;
  readonly direction: CaptureDirection;
  readonly comments: readonly string[];
}
