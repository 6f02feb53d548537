/**
 * A flaw of Felix: of a rule's lists that take a block of rules each (match-blocks.ts), all but the first reckon in one
 * bit of the mark, which is cleared once, before the first of them (felix/rules/policy.go:finishPositiveBlock()). What
 * the second list has let pass passes those after it, whatever they say.
 */

import type { PolicyPort, PortRange } from '../../policy/resources.js';
import { splitPorts } from './match-blocks.js';

interface Lists {
  readonly nets: readonly unknown[];
  readonly ports: readonly PolicyPort[];
}

/** Where a list stands in its rule. */
export type ListPath = readonly [side: 'source' | 'destination', field: 'nets' | 'ports'];

/** In the order of their blocks. */
const IN_ORDER: readonly ListPath[] = [
  ['source', 'ports'],
  ['destination', 'ports'],
  ['source', 'nets'],
  ['destination', 'nets'],
];

const isRange = (port: PolicyPort): port is PortRange => !('name' in port);

/** Matches of iptables that ports need: one of them fits in the rule itself. */
const portMatches = (ports: readonly PolicyPort[]): number => {
  const ranges = ports.filter(isRange);
  return splitPorts(ranges).length + ports.length - ranges.length;
};

/** The lists of a rule that change nothing about which packets it is for. */
export function unreadLists(rule: Readonly<Record<'source' | 'destination', Lists>>): readonly ListPath[] {
  const takesBlock = ([side, field]: ListPath): boolean =>
    (field === 'nets' ? rule[side].nets.length : portMatches(rule[side].ports)) > 1;
  return IN_ORDER.filter(takesBlock).slice(2);
}
