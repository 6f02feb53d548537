/** The page's languages. */

import { en } from './en.js';
import { zh } from './zh.js';

export type TextKey = keyof typeof en;
export type Texts = Readonly<Record<TextKey, string>>;

const TEXTS = { en, zh } satisfies Record<string, Texts>;
export type Language = keyof typeof TEXTS;

export const isLanguage = (text: string): text is Language => Object.hasOwn(TEXTS, text);

/** `{name}` in a text is replaced by that value. */
export function textOf(
  language: Language,
  key: TextKey,
  values: Readonly<Record<string, string | number>> = {},
): string {
  return TEXTS[language][key].replaceAll(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}
