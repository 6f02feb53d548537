/**
 * What rules ask of addresses, protocol and ports as numbers, a row a rule, so that a walk rules most of them out without
 * touching them. Conditions that do not fit in a row (inverted ones, devices, fragments, all other matches) are asked of
 * the rules that are left. A port test goes into the row only where nothing stateful stands before it.
 */

import type { RulePacket } from './packet.js';
import { portColumns } from './port-columns.js';
import type { Rule } from './rule.js';

/** Offsets in a row. */
const SOURCE_MASK = 0;
const SOURCE = 1;
const DESTINATION_MASK = 2;
const DESTINATION = 3;
/** -1: any. */
const PROTOCOL = 4;
const SOURCE_PORT_FIRST = 5;
const SOURCE_PORT_LAST = 6;
const DESTINATION_PORT_FIRST = 7;
const DESTINATION_PORT_LAST = 8;
const STRIDE = 9;

/** Also of packets without ports, whose port reads -1. */
const ANY_PORT_FIRST = -1;
const ANY_PORT_LAST = 0xffff;

const HOST_MASK = -1;

function fillRow(columns: Int32Array, at: number, { tests, matches }: Rule): void {
  const { source, destination, protocol } = tests;
  if (source?.inverted === false) {
    columns[at + SOURCE_MASK] = source.mask;
    columns[at + SOURCE] = source.addr;
  }
  if (destination?.inverted === false) {
    columns[at + DESTINATION_MASK] = destination.mask;
    columns[at + DESTINATION] = destination.addr;
  }
  columns[at + PROTOCOL] = protocol?.inverted === false ? protocol.number : -1;
  const ports = portColumns(matches);
  columns[at + SOURCE_PORT_FIRST] = ports?.source?.first ?? ANY_PORT_FIRST;
  columns[at + SOURCE_PORT_LAST] = ports?.source?.last ?? ANY_PORT_LAST;
  columns[at + DESTINATION_PORT_FIRST] = ports?.destination?.first ?? ANY_PORT_FIRST;
  columns[at + DESTINATION_PORT_LAST] = ports?.destination?.last ?? ANY_PORT_LAST;
}

export class RuleRows {
  readonly length: number;
  readonly #columns: Int32Array;
  /** Whether the row at that position says everything that the basic tests ask. */
  readonly #enough: Uint8Array;

  constructor(rules: readonly Rule[]) {
    this.length = rules.length;
    this.#columns = new Int32Array(rules.length * STRIDE);
    this.#enough = new Uint8Array(rules.length);
    rules.forEach((rule, i) => {
      fillRow(this.#columns, i * STRIDE, rule);
      const { source, destination, protocol, in: inDev, out, fragment } = rule.tests;
      const inverted = [source, destination, protocol].some((test) => test?.inverted === true);
      this.#enough[i] = inverted || inDev !== undefined || out !== undefined || fragment !== undefined ? 0 : 1;
    });
  }

  /** True where the basic tests of the rule need not be asked again. */
  isEnough(position: number): boolean {
    return this.#enough[position] === 1;
  }

  /** The single destination that a rule wants, or undefined. */
  destinationOf(position: number): number | undefined {
    const at = position * STRIDE;
    return this.#columns[at + DESTINATION_MASK] === HOST_MASK ? this.#columns[at + DESTINATION] : undefined;
  }

  /** The single protocol and destination port that a rule wants, in one number; or undefined. */
  portOf(position: number): number | undefined {
    const at = position * STRIDE;
    const protocol = this.#columns[at + PROTOCOL] ?? -1;
    const first = this.#columns[at + DESTINATION_PORT_FIRST] ?? -1;
    const exact = protocol >= 0 && first >= 0 && first === this.#columns[at + DESTINATION_PORT_LAST];
    return exact ? portKey(protocol, first) : undefined;
  }

  /** The row at that position does not rule the packet out. */
  holds(position: number, packet: RulePacket): boolean {
    const columns = this.#columns;
    const at = position * STRIDE;
    if ((packet.destination & (columns[at + DESTINATION_MASK] ?? 0)) !== columns[at + DESTINATION]) return false;
    const wanted = columns[at + PROTOCOL] ?? -1;
    if (wanted !== packet.protocol && wanted !== -1) return false;
    if (packet.destinationPort < (columns[at + DESTINATION_PORT_FIRST] ?? 0)) return false;
    if (packet.destinationPort > (columns[at + DESTINATION_PORT_LAST] ?? 0)) return false;
    if ((packet.source & (columns[at + SOURCE_MASK] ?? 0)) !== columns[at + SOURCE]) return false;
    if (packet.sourcePort < (columns[at + SOURCE_PORT_FIRST] ?? 0)) return false;
    return packet.sourcePort <= (columns[at + SOURCE_PORT_LAST] ?? 0);
  }

  /** The first position from `from` on whose row does not rule the packet out, or the number of rules. Row by row. */
  firstFrom(from: number, packet: RulePacket): number {
    const columns = this.#columns;
    const { source, destination, protocol, sourcePort, destinationPort } = packet;
    const end = columns.length;
    for (let at = from * STRIDE; at < end; at += STRIDE) {
      if ((destination & (columns[at + DESTINATION_MASK] ?? 0)) !== columns[at + DESTINATION]) continue;
      const wanted = columns[at + PROTOCOL] ?? -1;
      if (wanted !== protocol && wanted !== -1) continue;
      if (destinationPort < (columns[at + DESTINATION_PORT_FIRST] ?? 0)) continue;
      if (destinationPort > (columns[at + DESTINATION_PORT_LAST] ?? 0)) continue;
      if ((source & (columns[at + SOURCE_MASK] ?? 0)) !== columns[at + SOURCE]) continue;
      if (sourcePort < (columns[at + SOURCE_PORT_FIRST] ?? 0)) continue;
      if (sourcePort > (columns[at + SOURCE_PORT_LAST] ?? 0)) continue;
      return at / STRIDE;
    }
    return this.length;
  }
}

/** Protocol and port in one number. */
export const portKey = (protocol: number, port: number): number => (protocol << 16) | port;
