/**
 * What of a rule's matches may be asked before all of them, as numbers: ports, a mark, a connection's state. Only of
 * matches with nothing stateful before them: asking those in another order changes nothing.
 */

import type { Match, PortTest, ValueTest } from './extension.js';
import type { RuleMatch } from './rule.js';

export interface MatchColumns {
  readonly sourcePort: PortTest | undefined;
  readonly destinationPort: PortTest | undefined;
  readonly mark: ValueTest | undefined;
  /** States of which one must hold. */
  readonly ctStates: number | undefined;
  /** What the columns do not say in full, in the order of the rule. */
  readonly rest: readonly Match[];
}

const simple = (test: PortTest | undefined): PortTest | undefined =>
  test === undefined || test.inverted || (test.first === 0 && test.last === 0xffff) ? undefined : test;

/** The first of each kind. A port match is asked again: it looks at fragments and lengths too. */
export function matchColumns(matches: readonly RuleMatch[]): MatchColumns {
  let ports: Match['ports'];
  let mark: ValueTest | undefined;
  let ctStates: number | undefined;
  let free = true;
  const rest: Match[] = [];
  for (const { kind, match } of matches) {
    const known = kind !== undefined && match.known !== false;
    free &&= known && kind.pure;
    if (kind?.decorative === true) continue;
    if (free && mark === undefined && match.markTest !== undefined) mark = match.markTest;
    else if (free && ctStates === undefined && match.ctStates !== undefined) ctStates = match.ctStates;
    else {
      if (free) ports ??= match.ports;
      rest.push(match);
    }
  }
  return { sourcePort: simple(ports?.source), destinationPort: simple(ports?.destination), mark, ctStates, rest };
}
