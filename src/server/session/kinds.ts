/** Names of kinds as requests write them: exactly, as in manifests. */

import { KIND_NAMES, nearMatches } from '../../kubernetes/index.js';
import type { Mistake } from '../problem.js';

/** podwire's own documents (underlay/document.ts, underlay/host-config.ts, cluster/expectations.ts). */
const OWN_KINDS = ['PhysicalNetwork', 'HostConfig', 'Expectations'];

/** Why nothing can be of this kind; undefined where it is known, or where one stands in the cluster. */
export function unknownKind(kind: string, there: Iterable<string>): Mistake | undefined {
  const known = new Set([...KIND_NAMES, ...OWN_KINDS, ...there]);
  if (known.has(kind)) return undefined;
  const near = nearMatches(kind, known);
  const hint = near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
  return { message: `there is no kind "${kind}"${hint}`, field: '/kind', near };
}
