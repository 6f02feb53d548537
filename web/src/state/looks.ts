/** Language and theme: what was chosen before, or what the browser prefers. */

import { effect, type Signal } from '@preact/signals';
import { isLanguage, type Language } from '../texts/language.js';

export type Theme = 'light' | 'dark';
const THEME_KEY = 'podwire.theme';
const LANGUAGE_KEY = 'podwire.language';

export function firstLanguage(): Language {
  const kept = localStorage.getItem(LANGUAGE_KEY) ?? navigator.language.slice(0, 2);
  return isLanguage(kept) ? kept : 'en';
}

export function firstTheme(): Theme {
  const kept = localStorage.getItem(THEME_KEY);
  if (kept === 'light' || kept === 'dark') return kept;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** The page looks as was chosen, now and the next time. */
export function keepLooks(theme: Signal<Theme>, language: Signal<Language>): void {
  effect(() => {
    document.documentElement.dataset['theme'] = theme.value;
    localStorage.setItem(THEME_KEY, theme.value);
  });
  effect(() => {
    document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en';
    localStorage.setItem(LANGUAGE_KEY, language.value);
  });
}
