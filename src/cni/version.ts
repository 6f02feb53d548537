/** Versions of the CNI protocol, and which a plugin speaks. */

import { CNI_ERROR, CniError } from './errors.js';

/** A configuration without `cniVersion` is of the first. */
export const CNI_VERSION_MISSING = '0.1.0';

const PARTS = ['major', 'minor', 'micro'] as const;

/** ParseVersion(): parts that are left out are 0. @throws CniError for text that is no version */
function parts(version: string): readonly number[] {
  const texts = version.split('.');
  if (texts.length > 3) throw new CniError(CNI_ERROR.decoding, `invalid version "${version}": too many parts`);
  return PARTS.map((part, i) => {
    const text = texts[i] ?? '0';
    if (/^[+-]?\d+$/.test(text)) return Number(text);
    throw new CniError(
      CNI_ERROR.decoding,
      `failed to convert ${part} version part "${text}": strconv.Atoi: parsing "${text}": invalid syntax`,
    );
  });
}

/** Whether `a` is `b` or later. @throws CniError for text that is no version */
export function versionAtLeast(a: string, b: string): boolean {
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < PARTS.length; i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** pkg/version/reconcile.go. @throws CniError 1 */
export function requireSupported(version: string, supported: readonly string[]): void {
  if (supported.includes(version)) return;
  const list = supported.map((one) => `"${one}"`).join(' ');
  throw new CniError(
    CNI_ERROR.incompatibleVersion,
    'incompatible CNI versions',
    `config is "${version}", plugin supports [${list}]`,
  );
}
