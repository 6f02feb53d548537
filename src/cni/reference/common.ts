/** What the reference plugins share: their versions, and how they read their configuration. */

import type { Netns } from '../../kernel/index.js';
import { internalError } from '../errors.js';
import type { PluginCall } from '../plugin.js';
import { type CniJson, type CniObject, isCniObject } from '../result.js';

/** Debian's 1.1.1; 1.1.0 of the specification from the text, since those stop at 1.0.0. */
export const REFERENCE_VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export const REFERENCE_LIBRARY_VERSION = '1.1.0';

export const reference = {
  versions: REFERENCE_VERSIONS,
  libraryVersion: REFERENCE_LIBRARY_VERSION,
  resultKeys: 'declared',
} as const;

export const text = (value: CniJson | undefined): string => (typeof value === 'string' ? value : '');
export const number = (value: CniJson | undefined): number => (typeof value === 'number' ? value : 0);
export const flag = (value: CniJson | undefined): boolean => value === true;
export const object = (value: CniJson | undefined): CniObject => (isCniObject(value) ? value : {});
export const objects = (value: CniJson | undefined): readonly CniObject[] =>
  Array.isArray(value) ? value.filter(isCniObject) : [];
export const texts = (value: CniJson | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];

/** ns.GetNS(). @throws CniError */
export function requireNetns({ netns, netnsPath }: PluginCall): Netns {
  if (netns !== undefined) return netns;
  throw internalError(
    `failed to open netns "${netnsPath}": failed to Statfs "${netnsPath}": no such file or directory`,
  );
}
