/** TCP options: MSS (RFC 9293 §3.2), window scale and timestamps (RFC 7323), selective acknowledgment (RFC 2018), MD5 signature (RFC 2385). */

import { bytesOf } from './bytes.js';
import { OPTION_NOP } from './option-span.js';

/** Option kinds (IANA "TCP Option Kind Numbers"). */
export const TCP_OPTION = {
  end: 0,
  nop: 1,
  mss: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
  md5: 19,
} as const;

const MSS_LENGTH = 4;
const WINDOW_SCALE_LENGTH = 3;
const SACK_PERMITTED_LENGTH = 2;
const TIMESTAMPS_LENGTH = 10;
const SACK_BLOCK_LENGTH = 8;
const MD5_LENGTH = 18;

export interface SackBlock {
  readonly left: number;
  readonly right: number;
}

export interface TcpTimestamps {
  readonly value: number;
  readonly echo: number;
}

/** What a segment's options say; what is absent was not sent. */
export interface TcpOptions {
  readonly mss?: number;
  readonly windowScale?: number;
  readonly sackPermitted?: boolean;
  readonly sack?: readonly SackBlock[];
  readonly timestamps?: TcpTimestamps;
  /** 16 octets. */
  readonly md5?: Uint8Array;
}

function sackBlocks(view: DataView, offset: number, length: number): SackBlock[] {
  const blocks: SackBlock[] = [];
  for (let at = offset; at < offset + length; at += SACK_BLOCK_LENGTH) {
    blocks.push({ left: view.getUint32(at), right: view.getUint32(at + 4) });
  }
  return blocks;
}

type Read = { -readonly [K in keyof TcpOptions]: TcpOptions[K] };

/** Octets of the options that have always as many. */
const LENGTHS: Readonly<Record<number, number>> = {
  [TCP_OPTION.mss]: MSS_LENGTH,
  [TCP_OPTION.windowScale]: WINDOW_SCALE_LENGTH,
  [TCP_OPTION.sackPermitted]: SACK_PERMITTED_LENGTH,
  [TCP_OPTION.timestamps]: TIMESTAMPS_LENGTH,
  [TCP_OPTION.md5]: MD5_LENGTH,
};

/** Known, and as long as its kind is (net/ipv4/tcp_input.c:tcp_parse_options()). */
const isWhole = (kind: number, length: number): boolean =>
  kind === TCP_OPTION.sack ? length > 2 && (length - 2) % SACK_BLOCK_LENGTH === 0 : LENGTHS[kind] === length;

/** Puts down what one option says that is whole. */
function readOption(view: DataView, offset: number, length: number, into: Read): void {
  const data = offset + 2;
  switch (view.getUint8(offset)) {
    case TCP_OPTION.mss:
      into.mss = view.getUint16(data);
      break;
    case TCP_OPTION.windowScale:
      into.windowScale = view.getUint8(data);
      break;
    case TCP_OPTION.sackPermitted:
      into.sackPermitted = true;
      break;
    case TCP_OPTION.sack:
      into.sack = sackBlocks(view, data, length - 2);
      break;
    case TCP_OPTION.timestamps:
      into.timestamps = { value: view.getUint32(data), echo: view.getUint32(data + 4) };
      break;
    case TCP_OPTION.md5:
      into.md5 = bytesOf(view, data, offset + length).slice();
      break;
    default:
  }
}

/** One option as a piece of `TcpOptions`; undefined where it is unknown, or not as long as its kind. */
export function parseTcpOption(view: DataView, offset: number, length: number): TcpOptions | undefined {
  if (!isWhole(view.getUint8(offset), length)) return undefined;
  const options: Read = {};
  readOption(view, offset, length, options);
  return options;
}

/** The options in `[offset, end)`; what is malformed or unknown is passed over, as Linux does. */
export function parseTcpOptions(view: DataView, offset: number, end: number): TcpOptions {
  const options: Read = {};
  for (let at = offset; at < end; ) {
    const kind = view.getUint8(at);
    if (kind === TCP_OPTION.end) break;
    if (kind === TCP_OPTION.nop) {
      at += 1;
      continue;
    }
    const length = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (length < 2 || at + length > end) break;
    if (isWhole(kind, length)) readOption(view, at, length, options);
    at += length;
  }
  return options;
}

const sackLength = (blocks: readonly SackBlock[] | undefined): number =>
  blocks === undefined || blocks.length === 0 ? 0 : 4 + blocks.length * SACK_BLOCK_LENGTH;

/** Octets that `encodeTcpOptions` writes, a multiple of four. */
export function tcpOptionsLength(options: TcpOptions): number {
  const permitted = options.sackPermitted === true && options.timestamps === undefined;
  return (
    (options.md5 === undefined ? 0 : MD5_LENGTH + 2) +
    (options.mss === undefined ? 0 : 4) +
    (permitted ? 4 : 0) +
    (options.timestamps === undefined ? 0 : 12) +
    (options.windowScale === undefined ? 0 : 4) +
    sackLength(options.sack)
  );
}

/**
 * Writes options in the order and with the padding of net/ipv4/tcp_output.c:tcp_options_write(): SACK-permitted
 * fills the two octets before timestamps where both are sent.
 */
export function encodeTcpOptions(view: DataView, offset: number, options: TcpOptions): number {
  let at = offset;
  const word = (value: number): void => {
    view.setInt32(at, value);
    at += 4;
  };
  const { mss, windowScale, sackPermitted, sack, timestamps, md5 } = options;
  const padding = (OPTION_NOP << 24) | (OPTION_NOP << 16);
  const permitted = (TCP_OPTION.sackPermitted << 8) | SACK_PERMITTED_LENGTH;

  if (md5 !== undefined) {
    word(padding | (TCP_OPTION.md5 << 8) | MD5_LENGTH);
    bytesOf(view, at, at + md5.length).set(md5);
    at += md5.length;
  }
  if (mss !== undefined) word((TCP_OPTION.mss << 24) | (MSS_LENGTH << 16) | mss);
  if (timestamps !== undefined) {
    const before = sackPermitted === true ? permitted << 16 : padding;
    word(before | (TCP_OPTION.timestamps << 8) | TIMESTAMPS_LENGTH);
    word(timestamps.value);
    word(timestamps.echo);
  } else if (sackPermitted === true) word(padding | permitted);
  if (windowScale !== undefined) {
    word((OPTION_NOP << 24) | (TCP_OPTION.windowScale << 16) | (WINDOW_SCALE_LENGTH << 8) | windowScale);
  }
  if (sack !== undefined && sack.length > 0) {
    word(padding | (TCP_OPTION.sack << 8) | (2 + sack.length * SACK_BLOCK_LENGTH));
    for (const block of sack) {
      word(block.left);
      word(block.right);
    }
  }
  return at - offset;
}
