/**
 * Felix' slice of iptables: chains named `cali-…`, and rules in the kernel's chains that bear a hash. Its own
 * of an earlier time goes, others' stays. Pure: tables in, tables out.
 */

import type { ChainState, IptablesTableState } from '../../../kernel/index.js';
import { RULE_HASH_PREFIX } from '../../names.js';
import type { CalicoTableName, FelixState, FelixTable } from '../state.js';

const CHAIN_PREFIX = 'cali-';

const KERNEL_CHAINS: Readonly<Record<CalicoTableName, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
};

const ALL_KERNEL_CHAINS: ReadonlySet<string> = new Set(Object.values(KERNEL_CHAINS).flat());

/** Whether Felix looks into that chain. */
export const concernsFelix = (chain: string): boolean => chain.startsWith(CHAIN_PREFIX) || ALL_KERNEL_CHAINS.has(chain);

/** A rule is Felix' own if it bears a hash, whatever the hash. */
const OWN_RULE = new RegExp(`--comment "?${RULE_HASH_PREFIX}`);

function programKernelChain(chain: ChainState, felix: FelixTable, mode: FelixState['insertMode']): ChainState {
  const ours = felix.kernelChains.find((one) => one.chain === chain.name);
  const others = chain.rules.filter(({ text }) => !OWN_RULE.test(text));
  const { inserts = [], appends = [] } = ours ?? {};
  const rules = mode === 'insert' ? [...inserts, ...others, ...appends] : [...others, ...inserts, ...appends];
  return { ...chain, rules };
}

/** The table with Felix' chains; Calico's chains come after those of others. */
function programTable(
  table: IptablesTableState,
  felix: FelixTable,
  mode: FelixState['insertMode'],
): IptablesTableState {
  const others = table.chains.filter(({ name }) => !name.startsWith(CHAIN_PREFIX));
  const chains = others.map((chain) => programKernelChain(chain, felix, mode));
  return { name: table.name, chains: [...chains, ...felix.chains] };
}

const freshTable = (name: CalicoTableName): IptablesTableState => ({
  name,
  chains: KERNEL_CHAINS[name].map((chain) => ({ name: chain, policy: 'ACCEPT', rules: [] })),
});

/** Tables that are not there yet are made; those that Felix does not write stay as they are. */
export function programTables(
  tables: readonly IptablesTableState[],
  { tables: felix, insertMode }: Pick<FelixState, 'tables' | 'insertMode'>,
): IptablesTableState[] {
  const names = ['raw', 'mangle', 'nat', 'filter'] as const;
  const missing = names.filter((name) => !tables.some((table) => table.name === name)).map(freshTable);
  return [...tables, ...missing].map((table) => {
    const name = names.find((one) => one === table.name);
    return name === undefined ? table : programTable(table, felix[name], insertMode);
  });
}
