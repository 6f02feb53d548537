/** Language and theme: what was chosen before, or what the browser prefers. */

import { isLanguage, type Language } from '../texts/language.js';

export type Theme = 'light' | 'dark';
export const THEME_KEY = 'podwire.theme';
export const LANGUAGE_KEY = 'podwire.language';

export function firstLanguage(): Language {
  const kept = localStorage.getItem(LANGUAGE_KEY) ?? navigator.language.slice(0, 2);
  return isLanguage(kept) ? kept : 'en';
}

export function firstTheme(): Theme {
  const kept = localStorage.getItem(THEME_KEY);
  if (kept === 'light' || kept === 'dark') return kept;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}
