/** `ping -R` and `-T`: options of the IPv4 header (RFC 791), and what comes back of them; ping.c:pr_options(). */

import { type Ipv4Addr, optionSpans, parseIpv4 } from '../../packet/index.js';
import { failure, type ToolResult } from '../tool.js';

const NOOP = 1;
const RECORD_ROUTE = 7;
const TIMESTAMP = 68;
const FIRST_ADDRESS = 4;
const FIRST_STAMP = 5;
const RECORD_LENGTH = 39;
/** As many stamps as there is room for, or half as many with their addresses. */
const STAMPS_LENGTH = 40;
const PAIRS_LENGTH = 36;
const MOST_GIVEN = 4;

/** Low nibble of the fourth octet. */
const STAMPS = { tsonly: 0, tsandaddr: 1, tsprespec: 3 } as const;

export const isTimestamp = (word: string): word is keyof typeof STAMPS => Object.hasOwn(STAMPS, word);

export function recordRoute(): Uint8Array {
  const octets = new Uint8Array(RECORD_LENGTH + 1);
  octets.set([NOOP, RECORD_ROUTE, RECORD_LENGTH, FIRST_ADDRESS]);
  return octets;
}

/** `given`: hosts that are to stamp it, where they are named. */
export function timestamps(kind: keyof typeof STAMPS, given: readonly string[]): Uint8Array | ToolResult {
  const length =
    kind === 'tsonly' ? STAMPS_LENGTH : kind === 'tsandaddr' ? PAIRS_LENGTH : FIRST_ADDRESS + 8 * given.length;
  if (kind === 'tsprespec' && given.length > MOST_GIVEN) return failure(2, 'ping: too many intermediate hops');
  const octets = new Uint8Array(length);
  octets.set([TIMESTAMP, length, FIRST_STAMP, STAMPS[kind]]);
  const view = new DataView(octets.buffer);
  if (kind === 'tsprespec')
    for (const [i, word] of given.entries()) {
      const address = parseIpv4(word);
      if (address === undefined) return failure(2, `ping: ${word}: Name or service not known`);
      view.setInt32(FIRST_ADDRESS + 8 * i, address);
    }
  return octets;
}

/** What stood in the last answer, which is not said again. */
export interface LastRoute {
  text: string;
}

export interface OptionsTelling {
  readonly nameOf: (address: Ipv4Addr) => string;
  readonly last: LastRoute;
}

/** Behind the line of an answer. */
export function optionsText(octets: Uint8Array, telling: OptionsTelling): string {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  let text = '';
  for (const { kind, offset } of optionSpans(view, 0, octets.length)) {
    if (kind === RECORD_ROUTE) text += routeText(view, offset, telling);
    else if (kind === TIMESTAMP) text += stampsText(view, offset, telling);
  }
  return text;
}

function routeText(view: DataView, at: number, { nameOf, last }: OptionsTelling): string {
  const end = Math.min(view.getUint8(at + 2) - 1, view.getUint8(at + 1));
  const rows: string[] = [];
  for (let slot = 3; slot + 4 <= end; slot += 4) rows.push(nameOf(view.getInt32(at + slot) as Ipv4Addr));
  if (rows.length === 0) return '';
  const text = rows.join(' ');
  if (text === last.text) return '\t(same route)';
  last.text = text;
  return `\nRR: ${rows.map((row) => `\t${row}\n`).join('')}`;
}

/** The first time as it is, the others by how much later they are. */
function stampsText(view: DataView, at: number, { nameOf }: OptionsTelling): string {
  const kind = view.getUint8(at + 3) & 15;
  const entry = kind === STAMPS.tsonly ? 4 : 8;
  const end = Math.min(view.getUint8(at + 2) - 1, view.getUint8(at + 1));
  let text = '';
  let before: number | undefined;
  for (let slot = 4; slot + entry <= end; slot += entry) {
    const time = view.getUint32(at + slot + entry - 4);
    const name = kind === STAMPS.tsonly ? '' : `\t${nameOf(view.getInt32(at + slot) as Ipv4Addr)}`;
    text += `${name}\t${before === undefined ? `${time} absolute` : time - before}\n`;
    before = time;
  }
  const unrecorded = view.getUint8(at + 3) >> 4;
  const lost = unrecorded === 0 ? '' : `\nUnrecorded hops: ${unrecorded}\n`;
  return text === '' ? lost : `\nTS: ${text}${lost}`;
}
