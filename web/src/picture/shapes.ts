/** What moves at which pace, and what of a text there is room for. */

import type { Box } from './layout.js';

export const overlap = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

export const ease = (part: number): number => {
  const t = Math.min(1, Math.max(0, part));
  return t < 0.5 ? 2 * t * t : 1 - (2 - 2 * t) ** 2 / 2;
};

/** Cut in the middle, where names differ least. */
export function shortened(context: CanvasRenderingContext2D, words: string, width: number): string {
  if (width === Number.POSITIVE_INFINITY || context.measureText(words).width <= width) return words;
  let kept = words.length - 1;
  while (kept > 3 && context.measureText(cut(words, kept)).width > width) kept -= 1;
  return cut(words, kept);
}
const cut = (words: string, kept: number): string =>
  `${words.slice(0, Math.ceil(kept / 2))}…${words.slice(words.length - Math.floor(kept / 2))}`;
