/** What `ip -s` shows of a device's counters (ip/ipaddress.c:print_stats64()), and of its errors where it is `-s -s`. */

import { Bridge, type Device, Veth } from '../../kernel/index.js';
import type { JsonValue, Row } from './row.js';

/** `-h`: 1.5k; `-iec`: 1.5Ki. */
export type Units = 'none' | 'si' | 'iec';

const PREFIXES = 'kMGTPE';

/** print_num(): two decimals of a number below ten, one of one below a hundred. */
function formatCount(count: number, units: Units): string {
  const base = units === 'iec' ? 1_024 : 1_000;
  if (units === 'none' || count < base) return String(count);
  const power = Math.min(Math.floor(Math.log(count) / Math.log(base)), PREFIXES.length);
  const value = count / base ** power;
  const decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${value.toFixed(decimals)}${PREFIXES[power - 1] ?? ''}${units === 'iec' ? 'i' : ''}`;
}

/** How often the carrier came or went. Differs: nobody counts; what the state that the device is in takes at least. */
export function carrierChanges(dev: Device): number {
  const switches = dev instanceof Veth || dev.kind === 'ethernet' || (dev instanceof Bridge && dev.ports.length > 0);
  return switches ? (dev.up && dev.carrier ? 2 : 1) : 0;
}

interface Column {
  readonly title: string;
  readonly key: string;
  readonly value: number;
}

const column = (title: string, key: string, value: number): Column => ({ title, key, value });

interface Table {
  readonly title: 'RX' | 'TX';
  readonly counts: readonly Column[];
  readonly errors: readonly Column[];
}

function tables(dev: Device): readonly [received: Table, sent: Table] {
  const { counters: c } = dev;
  const received: Table = {
    title: 'RX',
    counts: [
      column('bytes', 'bytes', c.rxBytes),
      column('packets', 'packets', c.rxPackets),
      column('errors', 'errors', c.rxErrors),
      column('dropped', 'dropped', c.rxDropped),
      column('missed', 'over_errors', 0),
      column('mcast', 'multicast', 0),
    ],
    errors: [
      column('length', 'length_errors', 0),
      column('crc', 'crc_errors', 0),
      column('frame', 'frame_errors', 0),
      column('fifo', 'fifo_errors', 0),
      column('overrun', 'missed_errors', 0),
    ],
  };
  const sent: Table = {
    title: 'TX',
    counts: [
      column('bytes', 'bytes', c.txBytes),
      column('packets', 'packets', c.txPackets),
      column('errors', 'errors', c.txErrors),
      column('dropped', 'dropped', c.txDropped),
      column('carrier', 'carrier_errors', c.txCarrierErrors),
      column('collsns', 'collisions', c.collisions),
    ],
    errors: [
      column('aborted', 'aborted_errors', 0),
      column('fifo', 'fifo_errors', 0),
      column('window', 'window_errors', 0),
      column('heartbt', 'heartbeat_errors', 0),
      column('transns', 'carrier_changes', carrierChanges(dev)),
    ],
  };
  return [received, sent];
}

/** Widths of the columns: of the titles at least, and of the numbers of all tables. */
const LEAST_WIDTHS = [10, 7, 6, 7, 7, 7];

export function addStatistics(row: Row, dev: Device, form: { statistics: number; units: Units }): void {
  const withErrors = form.statistics > 1;
  const both = tables(dev);
  const text = (value: number): string => formatCount(value, form.units);
  // Errors begin in the second column: their title fills the first.
  const errorCells = (errors: readonly Column[]): string[] => ['', ...errors.map(({ value }) => text(value))];
  const countCells = (counts: readonly Column[]): string[] => counts.map(({ value }) => text(value));
  const rows = both.flatMap(({ counts, errors }) => [countCells(counts), ...(withErrors ? [errorCells(errors)] : [])]);
  const widths = LEAST_WIDTHS.map((least, i) => Math.max(least, ...rows.map((cells) => cells[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string => cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join(' ');
  const titled = (title: string, cells: readonly string[]): string =>
    `\n    ${title}${line(cells).slice(title.length)}`;
  const names = (columns: readonly Column[]): string[] => columns.map((one) => one.title);
  for (const { title, counts, errors } of both) {
    row.say(`${titled(`${title}:`, names(counts))}${' '.repeat(11)}\n    ${line(countCells(counts))} `);
    if (!withErrors) continue;
    row.say(`${titled(`${title} errors:`, ['', ...names(errors)])}\n    ${line(errorCells(errors))} `);
  }
  const record = ({ counts, errors }: Table): Record<string, JsonValue> =>
    Object.fromEntries(
      (withErrors ? [...counts, ...errors] : counts).map(({ key, value }): [string, number] => [key, value]),
    );
  const [received, sent] = both;
  row.note('stats64', { rx: record(received), tx: record(sent) });
}
