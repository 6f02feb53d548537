/** The way of a frame from one machine to another. */

import type { Point, Port } from './layout.js';

const same = (a: Point | undefined, b: Point | undefined): boolean =>
  a !== undefined && b !== undefined && a.x === b.x && a.y === b.y;

/** From one port to another of the same subnet, along the lines that are drawn. */
export function wayBetween(a: Port, b: Port): readonly Point[] {
  const up = [...a.wayUp];
  const down = [...b.wayUp];
  while (up.length > 1 && down.length > 1 && same(up.at(-2), down.at(-2)) && same(up.at(-1), down.at(-1))) {
    up.pop();
    down.pop();
  }
  const meet = up.at(-1);
  return same(meet, down.at(-1)) ? [...up, ...down.slice(0, -1).toReversed()] : [...up, ...down.toReversed()];
}
