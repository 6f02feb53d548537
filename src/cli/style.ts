/** Colours, for a terminal that wants them (https://no-color.org). */

import type { TextStyle } from '../trace/index.js';

const escape =
  (open: number, close: number) =>
  (text: string): string =>
    `\u001b[${open}m${text}\u001b[${close}m`;

const wanted = process.env['NO_COLOR'] === undefined && process.stdout.isTTY;

/** Undefined where plain text is wanted. */
export const ANSI_STYLE: TextStyle | undefined = wanted
  ? { good: escape(32, 39), bad: escape(31, 39), heading: escape(1, 22), faint: escape(2, 22), changed: escape(33, 39) }
  : undefined;
