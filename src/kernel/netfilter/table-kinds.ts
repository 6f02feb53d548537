/** The tables that iptables has: their built-in chains, and where each stands among the hooks (enum nf_ip_hook_priorities). */

import type { HookName, TableName } from '../../trace/index.js';

export interface TableKind {
  /** In the order of the hooks, which is that of iptables-save. */
  readonly hooks: readonly HookName[];
}

export const TABLE_KINDS: Readonly<Record<TableName, TableKind>> = {
  mangle: { hooks: ['prerouting', 'input', 'forward', 'output', 'postrouting'] },
  security: { hooks: ['input', 'forward', 'output'] },
  raw: { hooks: ['prerouting', 'output'] },
  filter: { hooks: ['input', 'forward', 'output'] },
  nat: { hooks: ['prerouting', 'input', 'output', 'postrouting'] },
};

/** The order in which iptables-save of the nf_tables variant goes through the tables. */
export const SAVE_ORDER: readonly TableName[] = ['mangle', 'security', 'raw', 'filter', 'nat'];

export const isTableName = (text: string): text is TableName => Object.hasOwn(TABLE_KINDS, text);

/** `prerouting` is PREROUTING to iptables. */
export const builtinName = (hook: HookName): string => hook.toUpperCase();
