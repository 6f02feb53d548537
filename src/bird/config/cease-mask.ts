/** `disable after cease { … }` (proto/bgp/config.Y: bgp_cease_mask). */

import type { Parsing } from './parsing.js';

/** Subcodes of Cease by their words (RFC 4486). */
const CEASE: readonly (readonly [readonly string[], number])[] = [
  [['cease'], 0],
  [['prefix', 'limit', 'hit'], 1],
  [['administrative', 'shutdown'], 2],
  [['peer', 'deconfigured'], 3],
  [['administrative', 'reset'], 4],
  [['connection', 'rejected'], 5],
  [['configuration', 'change'], 6],
  [['connection', 'collision'], 7],
  [['out', 'of', 'resources'], 8],
];
/** All but a collision's. */
const CEASE_ALL = 0x1ff & ~(1 << 7);

export function parseCeaseMask(p: Parsing): number {
  if (!p.take('{')) return p.bool() ? CEASE_ALL : 0;
  let mask = 0;
  do {
    const found = CEASE.find(([words]) => p.takeKeyword(...words));
    if (found === undefined) return p.unexpected();
    mask |= 1 << found[1];
  } while (p.take(','));
  p.expect('}');
  return mask;
}
