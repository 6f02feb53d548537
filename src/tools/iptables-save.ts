/** `iptables-save` 1.8.9. */

import type { TableName } from '../trace/index.js';
import { failure, ok, type Tool } from './tool.js';

const TABLES: readonly TableName[] = ['raw', 'mangle', 'nat', 'filter', 'security'];

export const iptablesSave: Tool = ({ netns }, args) => {
  let table: TableName | undefined;
  let counters = false;
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? '';
    if (word === '-c' || word === '--counters') counters = true;
    else if (word === '-t' || word === '--table') {
      i += 1;
      table = TABLES.find((name) => name === args[i]);
      if (table === undefined) return failure(1, `iptables-save: table "${args[i] ?? ''}" does not exist`);
    } else if (word.startsWith('-')) return failure(1, `iptables-save: unrecognized option '${word}'`);
    else return failure(1, 'Unknown arguments found on commandline');
  }
  return ok(netns.netfilter.iptables.save({ counters, ...(table === undefined ? {} : { table }) }));
};
