/**
 * What rules ask, as numbers that rule most of them out without touching them.
 *
 * A walk spends its time in rules that do not match, so what a rule asks of addresses, devices, protocol, ports, mark
 * and connection state stands in one Int32Array, a row a rule; `firstFrom` runs down the rows. Conditions that do not
 * fit in a row (inverted ones, fragments, all other matches) are asked of the rules that are left. What a match asks
 * goes into the row only where nothing stateful stands before it.
 *
 *     asks | [destination mask, value] [protocol] [destination ports] [source mask, value] [source ports]
 *          | [which name of the device of arrival, its key] [of departure] [mark's mask, value] [states]
 *
 * `asks` says which of the groups are there: rows are as short as their rules, for a long chain is read from memory.
 */

import { ctStatesOf } from './ct-states.js';
import type { PortTest } from './extension.js';
import { interfaceKey } from './interface-name.js';
import { matchColumns } from './match-columns.js';
import type { RulePacket } from './packet.js';
import type { AddressTest, InterfaceTest, Rule } from './rule.js';

/** In the order in which they stand, and are asked. */
const ASKS = {
  destination: 1 << 0,
  protocol: 1 << 1,
  destinationPort: 1 << 2,
  source: 1 << 3,
  sourcePort: 1 << 4,
  in: 1 << 5,
  out: 1 << 6,
  mark: 1 << 7,
  ctStates: 1 << 8,
} as const;

/** Those that a walk does not ask itself. */
const ASKS_MORE = ~(ASKS.destination | ASKS.protocol | ASKS.destinationPort);

/** Puts rows down one behind the other, with nothing made for each. */
class RowWriter {
  readonly words: number[] = [];
  /** Where `asks` of the row stands that is being written. */
  #row = 0;

  begin(): number {
    this.#row = this.words.length;
    this.words.push(0);
    return this.#row;
  }

  #asks(group: number): void {
    this.words[this.#row] = (this.words[this.#row] ?? 0) | group;
  }

  one(group: number, word: number | undefined): void {
    if (word === undefined) return;
    this.#asks(group);
    this.words.push(word);
  }

  two(group: number, first: number, second: number): void {
    this.#asks(group);
    this.words.push(first, second);
  }

  address(group: number, test: AddressTest | undefined): void {
    if (test?.inverted === false) this.two(group, test.mask, test.addr);
  }

  ports(group: number, test: PortTest | undefined): void {
    if (test !== undefined) this.one(group, (test.first << 16) | test.last);
  }

  device(group: number, test: InterfaceTest | undefined): void {
    if (test === undefined || test.inverted) return;
    const { at, key } = interfaceKey(test);
    this.two(group, at, key);
  }
}

/** The rule's row, and where it starts; the rule is told what that leaves to ask. */
function compileRule(rule: Rule, writer: RowWriter): number {
  const { source, destination, protocol, in: inDev, out, fragment } = rule.tests;
  const { sourcePort, destinationPort, mark, ctStates, rest } = matchColumns(rule.matches);
  const inverted = source?.inverted === true || destination?.inverted === true || protocol?.inverted === true;
  // Names are compared by their hashes in a row, so devices are asked for again.
  rule.leaves(rest, inverted || inDev !== undefined || out !== undefined || fragment !== undefined);
  const start = writer.begin();
  writer.address(ASKS.destination, destination);
  writer.one(ASKS.protocol, protocol?.inverted === false ? protocol.number : undefined);
  writer.ports(ASKS.destinationPort, destinationPort);
  writer.address(ASKS.source, source);
  writer.ports(ASKS.sourcePort, sourcePort);
  writer.device(ASKS.in, inDev);
  writer.device(ASKS.out, out);
  if (mark !== undefined) writer.two(ASKS.mark, mark.mask, mark.value);
  writer.one(ASKS.ctStates, ctStates);
  return start;
}

const HOST_MASK = -1;

export class RuleRows {
  /** Where the row of each rule starts. */
  readonly #starts: Int32Array;
  readonly #rows: Int32Array;

  /** Tells each rule what its row leaves to ask. */
  constructor(rules: readonly Rule[]) {
    const starts = new Int32Array(rules.length);
    const writer = new RowWriter();
    rules.forEach((rule, i) => {
      starts[i] = compileRule(rule, writer);
    });
    this.#starts = starts;
    this.#rows = new Int32Array(writer.words);
  }

  get length(): number {
    return this.#starts.length;
  }

  /** The single destination that a rule wants, or undefined. */
  destinationOf(position: number): number | undefined {
    const at = this.#starts[position] ?? 0;
    const exact = ((this.#rows[at] ?? 0) & ASKS.destination) !== 0 && this.#rows[at + 1] === HOST_MASK;
    return exact ? this.#rows[at + 2] : undefined;
  }

  /** The single protocol and destination port that a rule wants, in one number; or undefined. */
  portOf(position: number): number | undefined {
    let at = this.#starts[position] ?? 0;
    const asks = this.#rows[at] ?? 0;
    const both = ASKS.protocol | ASKS.destinationPort;
    if ((asks & both) !== both) return undefined;
    if ((asks & ASKS.destination) !== 0) at += 2;
    const range = this.#rows[at + 2] ?? 0;
    return range >>> 16 === (range & 0xffff) ? portKey(this.#rows[at + 1] ?? 0, range & 0xffff) : undefined;
  }

  /** The row at that position does not rule the packet out. */
  holds(position: number, packet: RulePacket): boolean {
    const rows = this.#rows;
    let at = this.#starts[position] ?? 0;
    const asks = rows[at] ?? 0;
    if ((asks & ASKS.destination) !== 0) {
      if ((packet.destination & (rows[at + 1] ?? 0)) !== rows[at + 2]) return false;
      at += 2;
    }
    if ((asks & ASKS.protocol) !== 0 && packet.protocol !== rows[++at]) return false;
    if ((asks & ASKS.destinationPort) !== 0 && !inRange(packet.destinationPort, rows[++at] ?? 0)) return false;
    return (asks & ASKS_MORE) === 0 || moreHolds(rows, at, packet, asks);
  }

  /** The first position from `from` on whose row does not rule the packet out, or the number of rules. Row by row. */
  firstFrom(from: number, packet: RulePacket): number {
    const rows = this.#rows;
    const starts = this.#starts;
    const { destination, protocol, destinationPort } = packet;
    for (let position = from; position < starts.length; position++) {
      let at = starts[position] ?? 0;
      const asks = rows[at] ?? 0;
      if (asks === 0) return position;
      if ((asks & ASKS.destination) !== 0) {
        if ((destination & (rows[at + 1] ?? 0)) !== rows[at + 2]) continue;
        at += 2;
      }
      if ((asks & ASKS.protocol) !== 0 && protocol !== rows[++at]) continue;
      if ((asks & ASKS.destinationPort) !== 0 && !inRange(destinationPort, rows[++at] ?? 0)) continue;
      if ((asks & ASKS_MORE) === 0 || moreHolds(rows, at, packet, asks)) return position;
    }
    return starts.length;
  }
}

/** Protocol and port in one number. */
export const portKey = (protocol: number, port: number): number => (protocol << 16) | port;

/** A packet without ports has -1. */
const inRange = (port: number, range: number): boolean => port >= range >>> 16 && port <= (range & 0xffff);

/** The conditions from the source on, which stand behind `before`. */
function moreHolds(rows: Int32Array, before: number, packet: RulePacket, asks: number): boolean {
  let at = before + 1;
  if ((asks & ASKS.source) !== 0) {
    if ((packet.source & (rows[at] ?? 0)) !== rows[at + 1]) return false;
    at += 2;
  }
  if ((asks & ASKS.sourcePort) !== 0 && !inRange(packet.sourcePort, rows[at++] ?? 0)) return false;
  if ((asks & ASKS.in) !== 0) {
    if (packet.inKeys[rows[at] ?? 0] !== rows[at + 1]) return false;
    at += 2;
  }
  if ((asks & ASKS.out) !== 0) {
    if (packet.outKeys[rows[at] ?? 0] !== rows[at + 1]) return false;
    at += 2;
  }
  if ((asks & ASKS.mark) !== 0) {
    if ((packet.skb.mark & (rows[at] ?? 0)) !== rows[at + 1]) return false;
    at += 2;
  }
  return (asks & ASKS.ctStates) === 0 || (ctStatesOf(packet.skb) & (rows[at] ?? 0)) !== 0;
}
