/** What both canvases are drawn with: text, lines and boxes in units of the picture. */

import type { Box, Point } from './layout.js';
import { shortened } from './shapes.js';

export interface View {
  readonly x: number;
  readonly y: number;
  readonly k: number;
  /** In CSS pixels. */
  readonly width: number;
  readonly height: number;
}

const FONT = 'system-ui, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif';
const MONO = 'ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, monospace';
/** Text that would be smaller than this on the screen is left out. */
export const LEGIBLE_PX = 6.5;

export class Pen {
  readonly context: CanvasRenderingContext2D;
  readonly view: View;

  constructor(context: CanvasRenderingContext2D, view: View) {
    this.context = context;
    this.view = view;
  }

  begin(): void {
    const { x, y, k, width, height } = this.view;
    const ratio = window.devicePixelRatio;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, width, height);
    this.context.setTransform(k * ratio, 0, 0, k * ratio, x * ratio, y * ratio);
    this.context.lineJoin = 'round';
    this.context.lineCap = 'round';
  }

  visible({ x, y, width, height }: Box): boolean {
    const { x: left, y: top, k, width: w, height: h } = this.view;
    return x * k + left < w && (x + width) * k + left > 0 && y * k + top < h && (y + height) * k + top > 0;
  }

  /** In units of the picture, never thinner than that many pixels. */
  thin(pixels: number): number {
    return Math.max(pixels, pixels / this.view.k);
  }

  faded(alpha: number, draw: () => void): void {
    this.context.globalAlpha = alpha;
    draw();
    this.context.globalAlpha = 1;
  }

  text(
    words: string,
    at: Point,
    {
      size,
      colour,
      weight = 400,
      mono = false,
      width = Number.POSITIVE_INFINITY,
      align = 'left',
    }: {
      readonly size: number;
      readonly colour: string;
      readonly weight?: number;
      readonly mono?: boolean;
      readonly width?: number;
      readonly align?: CanvasTextAlign;
    },
  ): void {
    if (size * this.view.k < LEGIBLE_PX) return;
    const context = this.context;
    context.font = `${weight} ${size}px ${mono ? MONO : FONT}`;
    context.fillStyle = colour;
    context.textAlign = align;
    context.textBaseline = 'middle';
    context.fillText(shortened(context, words, width), at.x, at.y);
  }

  /** How wide text is. */
  widthOf(words: string, size: number, weight = 400): number {
    this.context.font = `${weight} ${size}px ${FONT}`;
    return this.context.measureText(words).width;
  }

  path(points: readonly Point[]): void {
    const context = this.context;
    context.beginPath();
    for (const [i, { x, y }] of points.entries()) {
      if (i === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    }
  }

  stroke(points: readonly Point[], colour: string, width: number, dash: readonly number[] = []): void {
    const context = this.context;
    this.path(points);
    context.setLineDash([...dash]);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
    context.setLineDash([]);
  }

  box(
    { x, y, width, height }: Box,
    radius: number,
    { fill, stroke, line = 1 }: { readonly fill?: string; readonly stroke?: string; readonly line?: number },
  ): void {
    const context = this.context;
    context.beginPath();
    context.roundRect(x, y, width, height, radius);
    if (fill !== undefined) {
      context.fillStyle = fill;
      context.fill();
    }
    if (stroke === undefined) return;
    context.strokeStyle = stroke;
    context.lineWidth = line;
    context.stroke();
  }
}
