/** Where lines begin, bend and end, and what of a text there is room for. */

import type { MachineBox, Point } from './layout.js';

/** Nodes are reached from above, at their tunnel devices; others from the side where the other one is. */
export const tieEnd = ({ tunnel, x, y, width, height, host }: MachineBox, other: MachineBox): Point => {
  if (host.role === 'node') return tunnel;
  return { x: x + width / 2, y: other.y > y + height ? y + height : y };
};

/** Where a tie is bent: above two that stand side by side, beside two that stand one above the other. */
export function bend(a: Point, b: Point, times: number): Point {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = Math.hypot(dx, dy);
  const lift = times * Math.min(150, 30 + length * 0.22) * (dx >= 0 ? 1 : -1);
  if (length === 0) return a;
  return { x: (a.x + b.x) / 2 + (dy / length) * lift, y: (a.y + b.y) / 2 - (dx / length) * lift };
}

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
