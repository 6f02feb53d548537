/** Tables as programs in Go print them: with lines (olekukonko/tablewriter 0.0.5), and with blanks (text/tabwriter). */

import { lines } from './tool.js';

const DECIMAL = /^-?(?:\d{1,3}(?:,\d{3})*|\d+)(?:\.\d+)?$/;

/** Numbers stand to the right, the rest to the left. */
const aligned = (text: string, width: number): string =>
  DECIMAL.test(text.trim()) ? text.padStart(width) : text.padEnd(width);

/** What does not come out even leaves a blank more on the right. */
function centred(text: string, width: number): string {
  const gap = Math.max(0, width - text.length);
  return text.padStart(text.length + Math.floor(gap / 2)).padEnd(width);
}

/** With a frame; the header is in capitals already. */
export function ruledTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const ruler = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`;
  const line = (cells: readonly string[], place: (text: string, width: number) => string): string =>
    `| ${cells.map((cell, i) => place(cell, widths[i] ?? 0)).join(' | ')} |`;
  return lines([ruler, line(header, centred), ruler, ...rows.map((row) => line(row, aligned)), ruler]);
}

const PADDING = 3;

/** Columns three blanks apart, the last one not filled up: as tabwriter with width 5, tab 1, padding 3. */
export function spacedTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, i) => Math.max(5, ...all.map((row) => (row[i]?.length ?? 0) + PADDING)));
  return lines(all.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('')));
}
