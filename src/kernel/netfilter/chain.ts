/**
 * A chain: rules in order, and columns of numbers that rule most of them out without touching them.
 *
 * A walk spends its time in rules that do not match, so what a rule asks of addresses, protocol and ports stands
 * in one Int32Array, a row a rule; `candidate` runs down the rows. Conditions that do not fit in a row (inverted
 * ones, devices, fragments, all other matches) are asked of the rules that are left. A port test goes into the row
 * only where nothing stateful stands before it.
 */

import type { Counters, Rule } from './rule.js';
import type { RulePacket } from './packet.js';
import { portColumns } from './port-columns.js';

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

export type Policy = 'ACCEPT' | 'DROP';

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

export class Chain {
  name: string;
  /** Of built-in chains. */
  policy: Policy | undefined;
  /** Of packets that reached the policy, where `counting`. */
  counting = false;
  packets = 0;
  bytes = 0;
  #rules: readonly Rule[] = [];
  #columns: Int32Array | undefined = undefined;
  /** Whether the row at that position says everything that the basic tests ask. */
  #rowIsEnough: Uint8Array = new Uint8Array(0);

  constructor(name: string, policy: Policy | undefined) {
    this.name = name;
    this.policy = policy;
  }

  get rules(): readonly Rule[] {
    return this.#rules;
  }

  replaceRules(rules: readonly Rule[]): void {
    this.#rules = rules;
    this.#columns = undefined;
  }

  setCounters({ packets, bytes }: Counters): void {
    this.packets = packets;
    this.bytes = bytes;
  }

  /** Built when a packet first comes. */
  #compile(): Int32Array {
    const rules = this.#rules;
    const columns = new Int32Array(rules.length * STRIDE);
    const enough = new Uint8Array(rules.length);
    rules.forEach((rule, i) => {
      fillRow(columns, i * STRIDE, rule);
      const { source, destination, protocol, in: inDev, out, fragment } = rule.tests;
      const inverted = [source, destination, protocol].some((test) => test?.inverted === true);
      enough[i] = inverted || inDev !== undefined || out !== undefined || fragment !== undefined ? 0 : 1;
    });
    this.#columns = columns;
    this.#rowIsEnough = enough;
    return columns;
  }

  /** True where the basic tests of the candidate need not be asked again. */
  rowIsEnough(position: number): boolean {
    return this.#rowIsEnough[position] === 1;
  }

  /**
   * The first rule from `from` on whose row does not rule the packet out, or the number of rules. Long chains of
   * `-d IP -p tcp --dport` could be answered by an index here: it must give the same position.
   */
  candidate(from: number, packet: RulePacket): number {
    const columns = this.#columns ?? this.#compile();
    if (packet.odd) return Math.min(from, this.#rules.length);
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
    return this.#rules.length;
  }
}
