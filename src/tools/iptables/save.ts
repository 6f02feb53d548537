/** `iptables-save` 1.8.9 (nf_tables). */

import type { Netns } from '../../kernel/index.js';
import { civilTime } from '../../services/index.js';
import type { TableName } from '../../trace/index.js';
import { isTable } from './iptables.js';
import { IPTABLES_VERSION } from './options.js';
import { failure, ok, type Tool } from '../tool.js';

/** asctime(): `Thu Jan  1 00:00:00 1970`. */
function dateOf({ emulation }: Netns): string {
  const { weekday, month, day, clock, year } = civilTime(emulation.clock.nowNs);
  return `${weekday} ${month} ${String(day).padStart(2)} ${clock} ${year}`;
}

const wrongUse = (why: string): ReturnType<typeof failure> =>
  failure(1, `iptables-save: ${why}\nLook at manual page \`iptables-save.8' for more information.`);

/** `-f FILE` writes there: only where what shows is shown. */
const STDOUT: ReadonlySet<string> = new Set(['/dev/stdout', '-', '/proc/self/fd/1', '/dev/fd/1']);

/** Options with their values behind them, as getopt_long() takes them apart: `-tnat`, `--table=nat`. */
function split(args: readonly string[]): readonly string[] {
  return args.flatMap((word) => {
    const [, name, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    if (name !== undefined && value !== undefined) return [name, value];
    const [, flags, rest] = /^-(c*)((?:[^-c]).*)?$/s.exec(word) ?? [];
    if (flags === undefined || word === '-') return [word];
    const letters = Array.from(flags, (letter) => `-${letter}`);
    if (rest === undefined) return letters;
    return rest.length > 1 && /^[tfM]/.test(rest)
      ? [...letters, `-${rest[0]}`, rest.slice(1)]
      : [...letters, `-${rest}`];
  });
}

export const iptablesSave: Tool = ({ netns }, args) => {
  let table: TableName | undefined;
  let counters = false;
  const words = split(args);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const takesValue = ['-t', '--table', '-f', '--file', '-M', '--modprobe'].includes(word);
    const value = takesValue ? words[++i] : undefined;
    if (takesValue && value === undefined)
      return wrongUse(
        word.startsWith('--') ? `option '${word}' requires an argument` : `option requires an argument -- '${word[1]}'`,
      );
    if (word === '-c' || word === '--counters') counters = true;
    else if (word === '-V' || word === '--version') return ok(`iptables-save ${IPTABLES_VERSION}\n`);
    else if (word === '-t' || word === '--table') {
      const name = value ?? '';
      if (!isTable(name)) return failure(1, `Table \`${name}' does not exist`);
      table = name;
    } else if (word === '-f' || word === '--file') {
      if (!STDOUT.has(value ?? ''))
        return failure(1, `iptables-save: -f ${value ?? ''}: only what shows is offered here`);
    } else if (takesValue) continue;
    else if (word.startsWith('--')) return wrongUse(`unrecognized option '${word}'`);
    else if (word.startsWith('-') && word.length > 1) return wrongUse(`invalid option -- '${word[1]}'`);
    else return failure(1, 'Unknown arguments found on commandline');
  }
  const only = table === undefined ? {} : { table };
  return ok(netns.netfilter.iptables.save({ counters, generated: dateOf(netns), ...only }));
};
