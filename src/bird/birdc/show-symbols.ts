/** `show symbols [KIND | NAME]` (nest/cmds.c: cmd_show_symbols()). Those that BIRD reads out of /etc/iproute2 are not there. */

import type { Parsing } from '../config/parsing.js';
import type { ConfigSymbol, Scope } from '../config/scope.js';

/** How listings call them. */
const KINDS: Partial<Readonly<Record<ConfigSymbol['kind'], string>>> = {
  constant: 'constant',
  function: 'function',
  filter: 'filter',
  protocol: 'protocol',
  template: 'protocol template',
  table: 'routing table',
};

/** Kinds that can be asked for: constants cannot. */
const ASKED: ReadonlySet<string> = new Set(['table', 'filter', 'function', 'protocol', 'template']);

const line = (name: string, kind: string): string => `${name.padEnd(8)}\t${kind}`;

/** All, those of a kind, or one by its name, which need not stand for anything. */
export function showSymbols(p: Parsing, scope: Scope): string[] {
  const asked = p.is('end') ? undefined : p.next().text;
  const ofKind = asked !== undefined && ASKED.has(asked);
  const lines: string[] = [];
  for (const [name, { kind }] of scope.names()) {
    const wanted = asked === undefined || (ofKind ? kind : name) === asked;
    const text = KINDS[kind];
    if (wanted && text !== undefined) lines.push(line(name, text));
  }
  return lines.length === 0 && asked !== undefined && !ofKind ? [line(asked, 'undefined')] : lines;
}
