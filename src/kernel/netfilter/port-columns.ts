/** Which port conditions of a rule may be asked before all its matches. */

import type { PortTest, PortTests } from './extension.js';
import type { RuleMatch } from './rule.js';

export interface PortColumns {
  readonly source: PortTest | undefined;
  readonly destination: PortTest | undefined;
}

const simple = (test: PortTest): PortTest | undefined =>
  test.inverted || (test.first === 0 && test.last === 0xffff) ? undefined : test;

/** Those of the first match with ports, if all before it change nothing by being asked. */
export function portColumns(matches: readonly RuleMatch[]): PortColumns | undefined {
  for (const { kind, match } of matches) {
    const ports: PortTests | undefined = match.ports;
    if (ports !== undefined) return { source: simple(ports.source), destination: simple(ports.destination) };
    if (kind?.pure !== true) return undefined;
  }
  return undefined;
}
