/** Counters of rules, as `iptables-save -c` prints them. */

export interface RuleCounters {
  readonly packets: number;
  readonly bytes: number;
}

/** `filter cali-FORWARD 3` → its counters; positions count from 1. */
export type Counters = ReadonlyMap<string, RuleCounters>;

export const counterKey = (table: string, chain: string, position: number): string => `${table} ${chain} ${position}`;

export function parseCounters(text: string): Counters {
  const counters = new Map<string, RuleCounters>();
  const positions = new Map<string, number>();
  let table = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    const rule = /^\[(\d+):(\d+)\] -A (\S+)/.exec(line);
    if (rule === null) continue;
    const [, packets, bytes, chain = ''] = rule;
    const position = (positions.get(`${table} ${chain}`) ?? 0) + 1;
    positions.set(`${table} ${chain}`, position);
    counters.set(counterKey(table, chain, position), { packets: Number(packets), bytes: Number(bytes) });
  }
  return counters;
}
