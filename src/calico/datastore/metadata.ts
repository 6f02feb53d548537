/**
 * What Calico's API says of an object that it stores as a CRD: a name, labels and annotations of its own;
 * libcalico-go/lib/backend/k8s/resources/resources.go:ConvertK8sResourceToCalicoResource().
 */

import { isObject, type JsonObject, type Kind, type ObjectOf, parseEmbedded } from '../../kubernetes/index.js';
import type { Labels } from '../policy/selector.js';

/** Where they are kept. */
const METADATA = 'projectcalico.org/metadata';

type Named = Pick<ObjectOf<Kind>, 'apiVersion' | 'namespace' | 'name' | 'labels' | 'annotations'>;

function kept({ annotations }: Named): JsonObject {
  const value = parseEmbedded(annotations[METADATA] ?? '');
  return isObject(value) ? value : {};
}

const textsOf = (value: JsonObject[string] | undefined): Labels =>
  Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).filter(
      (pair): pair is [string, string] => typeof pair[1] === 'string',
    ),
  );

const textOf = (value: JsonObject[string] | undefined): string => (typeof value === 'string' ? value : '');

export const keptLabels = (object: Named): Labels => ({ ...object.labels, ...textsOf(kept(object)['labels']) });

export function keptAnnotations(object: Named): Labels {
  const { [METADATA]: _, ...own } = object.annotations;
  return { ...own, ...textsOf(kept(object)['annotations']) };
}

/** When its author made it, where that is on record. */
export const keptCreationTimestamp = (object: Named & { readonly creationTimestamp?: string | undefined }): string =>
  textOf(kept(object)['creationTimestamp']) || (object.creationTimestamp ?? '');

/** The name as its author wrote it: older versions put the default tier's before it. */
export function policyName(object: Named, tier: string): string {
  const name = textOf(kept(object)['name']);
  if (name !== '') return name;
  const stored = object.apiVersion.startsWith('crd.') && tier === 'default';
  return stored ? object.name.replace(/^default\./, '') : object.name;
}

/** conversion.go:ConvertUID(): the bits of each octet the other way round, but for those with version and variant. */
export function convertedUid(uid: string): string {
  const octets = /^[\da-f]{32}$/i.test(uid.replaceAll('-', '')) ? (uid.replaceAll('-', '').match(/../g) ?? []) : [];
  const reversed = octets.map((octet, i) => (i === 6 || i === 8 ? octet : reversedOctet(octet))).join('');
  return reversed.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function reversedOctet(octet: string): string {
  const given = Number.parseInt(octet, 16);
  let reversed = 0;
  for (let bit = 0; bit < 8; bit += 1) reversed |= ((given >> bit) & 1) << (7 - bit);
  return reversed.toString(16).padStart(2, '0');
}
