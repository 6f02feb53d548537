/** What differs between a packet at one place and at the next. */

import type { DissectedNode } from '../../../src/packet/index.js';

export interface FieldChange {
  /** `ipv4.ttl`. */
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

/**
 * Offsets of octets that are not as they were. Headers come and go at the front, so both are laid together by their
 * ends; what `after` has more of in front has come new.
 */
export function changedOctets(before: Uint8Array, after: Uint8Array): ReadonlySet<number> {
  const shift = before.length - after.length;
  const changed = new Set<number>();
  for (const [offset, octet] of after.entries()) if (before[offset + shift] !== octet) changed.add(offset);
  return changed;
}

/** Layers by their name, counted from the inside: what is wrapped keeps its name. */
function fieldsOf({ children }: DissectedNode): Map<string, string> {
  const fields = new Map<string, string>();
  const seen = new Map<string, number>();
  for (const layer of children.toReversed()) {
    const nth = seen.get(layer.name) ?? 0;
    seen.set(layer.name, nth + 1);
    const name = nth === 0 ? layer.name : `outer ${layer.name}`;
    fields.set(name, '');
    for (const { name: field, value } of layer.children) {
      const key = `${name}.${field}`;
      fields.set(key, fields.has(key) ? `${fields.get(key)}, ${value}` : value);
    }
  }
  return fields;
}

/** Fields that changed, and layers that came or went, as one line each. */
export function changedFields(before: DissectedNode, after: DissectedNode): readonly FieldChange[] {
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  const changes: FieldChange[] = [];
  const isLayer = (key: string): boolean => !key.includes('.');
  for (const [field, value] of now) {
    const was = old.get(field);
    if (isLayer(field) && was === undefined) changes.push({ field, before: '', after: '+' });
    else if (was !== undefined && was !== value) changes.push({ field, before: was, after: value });
  }
  for (const field of old.keys())
    if (isLayer(field) && !now.has(field)) changes.push({ field, before: '+', after: '' });
  return changes;
}
