/** Attributes of routes in the filter language, by their names. */

import type { StaticAttribute, Term } from '../filter/syntax.js';
import { attributeNamed } from '../rib/attributes.js';
import type { Token } from './lexer.js';
import type { Parsing } from './parsing.js';

const STATIC_ATTRIBUTES: ReadonlySet<string> = new Set<StaticAttribute>([
  'from',
  'gw',
  'net',
  'proto',
  'source',
  'scope',
  'cast',
  'dest',
  'ifname',
  'ifindex',
]);
const STATIC_ATTRIBUTES_2: ReadonlySet<string> = new Set<StaticAttribute>(['weight', 'onlink']);

/** The static attribute that a keyword names. */
export function staticAttribute(p: Parsing, token: Token): StaticAttribute | undefined {
  if (token.kind !== 'keyword' || (p.isBird2 && token.text === 'cast')) return undefined;
  const known = STATIC_ATTRIBUTES.has(token.text) || (p.isBird2 && STATIC_ATTRIBUTES_2.has(token.text));
  return known ? (token.text as StaticAttribute) : undefined;
}

/** Undefined for a word that names none. */
export function attributeTerm(p: Parsing, token: Token): Term | undefined {
  const { text, line } = token;
  if (text === 'preference') return { kind: 'preference', line };
  const fixed = staticAttribute(p, token);
  if (fixed !== undefined) return { kind: 'static', attribute: fixed, line };
  if (['bgp_aigp', 'bgp_otc', 'gw_mpls'].includes(text) || /^(ospf|rip|babel|ra)_/.test(text)) {
    p.notModelled(`attribute ${text}`);
  }
  const attribute = attributeNamed(text);
  return attribute === undefined ? undefined : { kind: 'attribute', attribute, line };
}
