/** What every component of the page has at hand. */

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { PageState } from './state/page.js';
import { type TextKey, textOf } from './texts/language.js';

export const PageContext = createContext<PageState | undefined>(undefined);

export function usePage(): PageState {
  const page = useContext(PageContext);
  if (page === undefined) throw new Error('a component stands outside the page');
  return page;
}

export type Say = (key: TextKey, values?: Readonly<Record<string, string | number>>) => string;

/** The page's texts in its language. */
export function useTexts(): Say {
  const { language } = usePage();
  const now = language.value;
  return (key, values) => textOf(now, key, values);
}
