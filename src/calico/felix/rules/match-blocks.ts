/**
 * Matches that do not fit in one rule of iptables: more than 15 ports, several networks on a side, a port by
 * number or by name. Rules before the main one reckon in two bits of the mark whether all blocks hold so far;
 * felix/rules/policy.go:matchBlockBuilder.
 */

import type { Cause } from '../../../trace/index.js';
import type { PortRange } from '../../policy/resources.js';
import type { RulesConfig } from './config.js';
import {
  type Action,
  clearMark,
  type Direction,
  type Match,
  marked,
  notMarked,
  protocol,
  type Rule,
  setMark,
  setMaskedMark,
} from './rule.js';

const MULTIPORT_SLOTS = 15; // XT_MULTI_PORTS

/** Ports in lists that `-m multiport` takes; a range takes two places. */
export function splitPorts(ports: readonly PortRange[]): PortRange[][] {
  const lists: PortRange[][] = [];
  let free = 0;
  for (const range of ports) {
    const slots = range.first === range.last ? 1 : 2;
    if (free < slots) {
      lists.push([]);
      free = MULTIPORT_SLOTS;
    }
    lists.at(-1)?.push(range);
    free -= slots;
  }
  return lists;
}

type MatchOf<K extends Match['kind']> = Extract<Match, { kind: K }>;

export const netMatch = (direction: Direction, net: string): MatchOf<'net'> => ({ kind: 'net', direction, net });
export const portsMatch = (direction: Direction, ports: readonly PortRange[]): MatchOf<'ports'> => ({
  kind: 'ports',
  direction,
  ports,
});
export const addressPortSet = (direction: Direction, set: string): MatchOf<'ip-set'> => ({
  kind: 'ip-set',
  direction,
  set,
  withPort: true,
});

export class MatchBlocks {
  readonly rules: Rule[] = [];
  readonly #allBlocks: number;
  readonly #thisBlock: number;
  readonly #because: readonly Cause[];
  #positive = false;

  constructor({ marks }: RulesConfig, because: readonly Cause[]) {
    this.#allBlocks = marks.scratch0;
    this.#thisBlock = marks.scratch1;
    this.#because = because;
  }

  /** What the main rule must match for the blocks' sake. */
  get match(): readonly Match[] {
    return this.rules.length === 0 ? [] : [marked(this.#allBlocks)];
  }

  /** Either one of the lists of ports or one of the sets. */
  ports(
    direction: Direction,
    { lists, sets, protocolMatch }: { lists: readonly PortRange[][]; sets: readonly string[]; protocolMatch: Match[] },
  ): void {
    this.#any([
      ...lists.map((list) => [...protocolMatch, portsMatch(direction, list)]),
      ...sets.map((set) => [addressPortSet(direction, set)]),
    ]);
  }

  /** One of the networks. */
  nets(direction: Direction, nets: readonly string[]): void {
    this.#any(nets.map((net) => [netMatch(direction, net)]));
  }

  /** None of the networks. */
  notNets(direction: Direction, nets: readonly string[]): void {
    this.#begin(this.#allBlocks);
    for (const net of nets) this.#add(clearMark(this.#allBlocks), [netMatch(direction, net)]);
  }

  #any(alternatives: readonly Match[][]): void {
    this.#begin(0);
    // The first block may write where the result goes; any later one has to be joined to it.
    const first = !this.#positive;
    this.#positive = true;
    for (const match of alternatives) this.#add(setMark(first ? this.#allBlocks : this.#thisBlock), match);
    if (!first) this.#add(clearMark(this.#allBlocks), [notMarked(this.#thisBlock)]);
  }

  #begin(initially: number): void {
    if (this.rules.length === 0) this.#add(setMaskedMark(initially, this.#allBlocks | this.#thisBlock), []);
  }

  #add(action: Action, match: readonly Match[]): void {
    this.rules.push({ match, action, comments: [], because: this.#because });
  }
}

export const protocolMatches = (name: string | number | undefined): Match[] =>
  name === undefined ? [] : [protocol(name)];
