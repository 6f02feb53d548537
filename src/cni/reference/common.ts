/** What the reference plugins share: their versions, and how they read their configuration. */

import type { Netns } from '../../kernel/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall } from '../plugin.js';
import { type CniJson, type CniObject, isCniObject } from '../result.js';

/** Debian's 1.1.1; 1.1.0 of the specification from the text, since those stop at 1.0.0. */
const REFERENCE_VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
const REFERENCE_LIBRARY_VERSION = '1.1.0';

/** What all have in common, by the name of the binary; a plugin may not know the first versions of the specification. */
export const reference = (
  name: string,
  since: (typeof REFERENCE_VERSIONS)[number] = '0.1.0',
): Pick<Plugin, 'versions' | 'libraryVersion' | 'resultKeys' | 'about'> => ({
  versions: REFERENCE_VERSIONS.slice(REFERENCE_VERSIONS.indexOf(since)),
  libraryVersion: REFERENCE_LIBRARY_VERSION,
  resultKeys: 'declared',
  about: `CNI ${name} plugin version unknown`,
});

export const text = (value: CniJson | undefined): string => (typeof value === 'string' ? value : '');
export const number = (value: CniJson | undefined): number => (typeof value === 'number' ? value : 0);
export const flag = (value: CniJson | undefined): boolean => value === true;
export const object = (value: CniJson | undefined): CniObject => (isCniObject(value) ? value : {});
export const objects = (value: CniJson | undefined): readonly CniObject[] =>
  Array.isArray(value) ? value.filter(isCniObject) : [];
export const texts = (value: CniJson | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];

export type FieldType = 'string' | 'bool' | 'int' | 'uint64';

const goKind = (value: CniJson): string => {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'number' && !Number.isInteger(value) ? `number ${value}` : typeof value;
};

const fits = (value: CniJson, type: FieldType): boolean => {
  if (value === null) return true;
  if (type === 'uint64') return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 64;
  if (type === 'int') return typeof value === 'number' && Number.isInteger(value);
  return typeof value === (type === 'bool' ? 'boolean' : 'string');
};

/** Where a value stands in the plugin's struct, and what is said before it. */
interface FieldPlace {
  readonly field: string;
  readonly prefix: string;
}

function checkField(value: CniJson | undefined, type: FieldType, { field, prefix }: FieldPlace): void {
  if (value === undefined || fits(value, type)) return;
  const kind = type === 'uint64' && typeof value === 'number' ? `number ${goNumber(value)}` : goKind(value);
  throw internalError(`${prefix}: json: cannot unmarshal ${kind} into Go struct field ${field} of type ${type}`);
}

/** As it was written, as far as that is known. */
const goNumber = (value: number): string => (Number.isInteger(value) ? BigInt(value).toString() : String(value));

/** Fields of another type than the plugin's struct has, in encoding/json's words. @throws CniError */
export function checkFields({ config }: PluginCall, types: Readonly<Record<string, FieldType>>, prefix: string): void {
  checkEntry(config, types, { field: 'NetConf', prefix });
}

/** The same of an object within it. @throws CniError */
export function checkEntry(
  entry: CniObject,
  types: Readonly<Record<string, FieldType>>,
  { field, prefix }: FieldPlace,
): void {
  for (const [key, type] of Object.entries(types)) checkField(entry[key], type, { field: `${field}.${key}`, prefix });
}

/** Of Go's map[string]string. @throws CniError */
export function checkTexts(value: CniJson | undefined, place: FieldPlace): void {
  if (value === undefined || value === null) return;
  if (!isCniObject(value))
    throw internalError(
      `${place.prefix}: json: cannot unmarshal ${goKind(value)} into Go struct field ${place.field} of type map[string]string`,
    );
  for (const one of Object.values(value)) checkField(one, 'string', place);
}

/** types.LoadArgs(): CNI_ARGS holds nothing else than these, unless it says so itself. @throws CniError */
export function checkArgs({ args }: PluginCall, known: readonly string[]): void {
  if (/^(1|t|true)$/i.test(args.get('IgnoreUnknown') ?? '')) return;
  const unknown = [...args].filter(([key]) => key !== 'IgnoreUnknown' && !known.includes(key));
  if (unknown.length === 0) return;
  throw internalError(`ARGS: unknown args [${unknown.map(([key, value]) => `"${key}=${value}"`).join(' ')}]`);
}

/** ns.GetNS(). @throws CniError */
export function requireNetns({ netns, netnsPath }: PluginCall): Netns {
  if (netns !== undefined) return netns;
  throw internalError(
    `failed to open netns "${netnsPath}": failed to Statfs "${netnsPath}": no such file or directory`,
  );
}
