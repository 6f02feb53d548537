/** Whether a snapshot came back as it was: a part to which nothing in the cluster answers is refused, and not passed over. */

import type { FieldPath } from '../../kubernetes/index.js';
import { decodeCbor } from './cbor.js';
import { badPart, type Snapshot } from './snapshot.js';

interface Difference {
  readonly path: FieldPath;
  readonly given: unknown;
  readonly restored: unknown;
}

const isComposite = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** CBOR has integers of any size, which are read as numbers where these hold them. */
const isSame = (one: unknown, other: unknown): boolean =>
  Object.is(one, other) || (typeof one === 'bigint' && typeof other === 'number' && Number(one) === other);

/** The first of them; a field that is undefined is none. */
function difference(given: unknown, restored: unknown, path: FieldPath = []): Difference | undefined {
  if (isSame(given, restored) || isSame(restored, given)) return undefined;
  if (!isComposite(given) || !isComposite(restored) || Array.isArray(given) !== Array.isArray(restored))
    return { path, given, restored };
  const one = new Map<string, unknown>(Object.entries(given));
  const other = new Map<string, unknown>(Object.entries(restored));
  for (const key of new Set([...one.keys(), ...other.keys()])) {
    const step = Array.isArray(given) ? Number(key) : key;
    const found = difference(one.get(key), other.get(key), [...path, step]);
    if (found !== undefined) return found;
  }
  return undefined;
}

const MOST_SHOWN = 100;

function shown(value: unknown): string {
  const text = JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `${one}` : one)) ?? 'nothing';
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
}

/** What something else follows from is told, and not what follows from it. */
function causesFirst({ faults, recorded, taints, ...rest }: Snapshot): Snapshot {
  const { silence, ...others } = recorded;
  return { faults, recorded: { silence, ...others }, ...(taints === undefined ? {} : { taints }), ...rest };
}

/** `bytes` are a snapshot of the cluster that was made of `given`. @throws Problem */
export function requireRestored(given: Snapshot, bytes: Uint8Array): void {
  const found = difference(causesFirst(given), decodeCbor(bytes));
  if (found === undefined) return;
  throw badPart(
    found.path,
    `is ${shown(found.given)}, and the cluster that was made of it has ${shown(found.restored)}`,
  );
}
