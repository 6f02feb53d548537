/** `-p sctp -m sctp`: ports and chunk types; net/netfilter/xt_sctp.c:sctp_mt(). */

import { type Match, type MatchKind, RuleError } from '../extension.js';
import type { Options } from '../options.js';
import type { RulePacket } from '../packet.js';
import { formatPortTests, PORT_OPTIONS, parsePortTests, portsMatch, readable } from './ports.js';

const SCTP_HEADER_LENGTH = 12;

/** RFC 9260 §3.2, RFC 5061, RFC 3758. */
const CHUNKS = [
  ['DATA', 0],
  ['INIT', 1],
  ['INIT_ACK', 2],
  ['SACK', 3],
  ['HEARTBEAT', 4],
  ['HEARTBEAT_ACK', 5],
  ['ABORT', 6],
  ['SHUTDOWN', 7],
  ['SHUTDOWN_ACK', 8],
  ['ERROR', 9],
  ['COOKIE_ECHO', 10],
  ['COOKIE_ACK', 11],
  ['ECN_ECNE', 12],
  ['ECN_CWR', 13],
  ['SHUTDOWN_COMPLETE', 14],
  ['I_DATA', 64],
  ['RE_CONFIG', 130],
  ['PAD', 132],
  ['ASCONF', 193],
  ['FORWARD_TSN', 192],
  ['I_FORWARD_TSN', 194],
  ['ASCONF_ACK', 128],
] as const;

/** Letters of a chunk's flags, bit 7 first; an upper case letter asks for the bit, a lower case for its absence. */
const FLAG_LETTERS: ReadonlyMap<string, string> = new Map([
  ['DATA', '----IUBE'],
  ['I_DATA', '----IUBE'],
  ['ABORT', '-------T'],
  ['SHUTDOWN_COMPLETE', '-------T'],
]);

interface ChunkTest {
  readonly name: string;
  readonly type: number;
  readonly mask: number;
  readonly wanted: number;
}

interface ChunkTypes {
  readonly how: 'any' | 'all' | 'only';
  /** Undefined: ALL. */
  readonly chunks: readonly ChunkTest[] | undefined;
  readonly inverted: boolean;
}

function parseChunk(text: string): ChunkTest {
  const [name = '', letters = ''] = text.split(':');
  const known = CHUNKS.find(([chunk]) => chunk === name.toUpperCase());
  if (known === undefined) throw new RuleError(`Unknown sctp chunk type \`${name}'`);
  const flags = FLAG_LETTERS.get(known[0]) ?? '';
  let mask = 0;
  let wanted = 0;
  for (const letter of letters) {
    const at = flags.indexOf(letter.toUpperCase());
    if (at < 0) throw new RuleError(`Invalid flags for chunk type ${known[0]}`);
    mask |= 0x80 >> at;
    if (letter === letter.toUpperCase()) wanted |= 0x80 >> at;
  }
  return { name: known[0], type: known[1], mask, wanted };
}

function formatChunk({ name, mask, wanted }: ChunkTest): string {
  if (mask === 0) return name;
  const flags = FLAG_LETTERS.get(name) ?? '';
  let letters = '';
  for (let i = 7; i >= 0; i--) {
    const bit = 1 << i;
    const letter = flags.charAt(7 - i);
    if ((mask & bit) !== 0) letters += (wanted & bit) === 0 ? letter.toLowerCase() : letter;
  }
  return `${name}:${letters}`;
}

function parseChunkTypes(options: Options): ChunkTypes | undefined {
  const how = options.text('--chunk-types')?.toLowerCase();
  if (how === undefined) return undefined;
  if (how !== 'any' && how !== 'all' && how !== 'only') {
    throw new RuleError('sctp: Need one of all, any or only before the chunk types');
  }
  const list = options.second('--chunk-types');
  const inverted = options.inverted('--chunk-types');
  if (list.toUpperCase() === 'ALL') return { how, chunks: undefined, inverted };
  const chunks = list.split(',').map(parseChunk);
  return { how, chunks: chunks.sort((a, b) => a.type - b.type), inverted };
}

const hits = (test: ChunkTest, type: number, flags: number): boolean =>
  test.type === type && (flags & test.mask) === test.wanted;

/** match_packet(): walks the chunks of the packet. */
function chunksMatch(packet: RulePacket, { how, chunks }: ChunkTypes): boolean {
  const { view, end } = packet;
  const missing = new Set(chunks);
  let at = packet.transport + SCTP_HEADER_LENGTH;
  while (at + 4 <= end) {
    const length = view.getUint16(at + 2);
    if (length === 0) {
      packet.hotdrop = true;
      return false;
    }
    const type = view.getUint8(at);
    const flags = view.getUint8(at + 1);
    const wanted = chunks === undefined ? true : chunks.find((test) => test.type === type);
    const matched = wanted === true || (wanted !== undefined && hits(wanted, type, flags));
    if (how === 'any' && matched) return true;
    if (how === 'only' && !matched) return false;
    if (how === 'all' && matched && wanted !== true && wanted !== undefined) missing.delete(wanted);
    at += (length + 3) & ~3;
  }
  if (how === 'any') return false;
  // `all ALL` would need every type there is.
  return how === 'only' || (chunks !== undefined && missing.size === 0);
}

export const sctp = {
  options: { ...PORT_OPTIONS, '--chunk-types': { arguments: 2, invertible: true } },
  pure: true,
  parse(options, { protocol }): Match {
    if (protocol !== 132) throw new RuleError("SCTP match requires '-p sctp'");
    const tests = parsePortTests(options);
    const types = parseChunkTypes(options);
    const format = ({ how, chunks, inverted }: ChunkTypes): string =>
      `${inverted ? '! ' : ''}--chunk-types ${how} ${chunks === undefined ? 'ALL' : chunks.map(formatChunk).join()}`;
    return {
      ports: tests,
      matches(packet) {
        if (!readable(packet, SCTP_HEADER_LENGTH) || !portsMatch(packet, tests)) return false;
        return types === undefined || chunksMatch(packet, types) !== types.inverted;
      },
      toString: () => [...formatPortTests(tests, options), ...(types === undefined ? [] : [format(types)])].join(' '),
    };
  },
} satisfies MatchKind;
