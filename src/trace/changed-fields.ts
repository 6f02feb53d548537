/** Which header fields differ between two moments of one packet, by the dissector's own fields. */

import { type DissectedNode, dissect, LINKTYPE } from '../packet/index.js';
import type { RecordedStep } from './recorder.js';

export interface FieldChange {
  /** `ipv4.ttl`; the innermost layers come last. */
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

const NOISE = /checksum/i;

/** Leaf values by path, the layers named once each; checksums follow from the rest and are left out. */
function leaves(node: DissectedNode, path: string, into: Map<string, string>): void {
  if (node.children.length === 0) {
    if (!NOISE.test(node.name) && node.value !== '') into.set(path, node.value);
    return;
  }
  for (const child of node.children) leaves(child, path === '' ? child.name : `${path}.${child.name}`, into);
}

/** Of steps that are being read one after the other, each of which is compared with the one before and the one behind. */
const read = new WeakMap<RecordedStep, ReadonlyMap<string, string>>();

function layersOf(recorded: RecordedStep): ReadonlyMap<string, string> {
  const known = read.get(recorded);
  if (known !== undefined) return known;
  const into = new Map<string, string>();
  if (recorded.bytes === undefined) return into;
  const root = dissect(recorded.bytes, recorded.hasLinkHeader ? LINKTYPE.ethernet : LINKTYPE.raw);
  for (const layer of root.children) leaves(layer, layer.name, into);
  read.set(recorded, into);
  return into;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((octet, i) => octet === b[i]);

/** Changes of fields that both moments have. Link-layer headers come and go with each hop and are not compared with nothing. */
export function changedFields(before: RecordedStep | undefined, after: RecordedStep): FieldChange[] {
  if (before?.bytes === undefined || after.bytes === undefined || sameBytes(before.bytes, after.bytes)) return [];
  const old = layersOf(before);
  const changes: FieldChange[] = [];
  for (const [field, value] of layersOf(after)) {
    const was = old.get(field);
    if (was !== undefined && was !== value) changes.push({ field, before: was, after: value });
  }
  return changes;
}
