/** Felix' state in the words of the tools: iptables-restore's input, `ipset restore`'s. */

import type { CalicoTableName, FelixIpset, FelixState } from './state.js';

const KERNEL_CHAINS: Readonly<Record<CalicoTableName, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
};

/** One table as iptables-restore takes it on a host where nobody else has rules. */
function formatTable(state: FelixState, name: CalicoTableName): string {
  const { chains, kernelChains } = state.tables[name];
  const rules = (chain: string, list: readonly { readonly text: string }[]): string[] =>
    list.map(({ text }) => `-A ${chain} ${text}`);
  const lines = [
    `*${name}`,
    ...KERNEL_CHAINS[name].map((chain) => `:${chain} ACCEPT [0:0]`),
    ...chains.map((chain) => `:${chain.name} - [0:0]`),
    ...kernelChains.flatMap(({ chain, inserts, appends }) => rules(chain, [...inserts, ...appends])),
    ...chains.flatMap((chain) => rules(chain.name, chain.rules)),
    'COMMIT',
  ];
  return `${lines.join('\n')}\n`;
}

/** All tables in the order in which the kernel runs them. */
export const formatTables = (state: FelixState): string =>
  (['raw', 'mangle', 'nat', 'filter'] as const).map((name) => formatTable(state, name)).join('');

/** What follows the name in `ipset create`. */
export const ipsetOptions = ({ type, version, maxSize }: FelixIpset): string =>
  `${type} family ${version === 4 ? 'inet' : 'inet6'} maxelem ${maxSize}`;

/** `ipset restore` lines: a set, then its members. */
export const formatIpsets = (ipsets: readonly FelixIpset[]): string =>
  ipsets
    .flatMap((set) => [
      `create ${set.name} ${ipsetOptions(set)}`,
      ...set.members.map((member) => `add ${set.name} ${member}`),
    ])
    .map((line) => `${line}\n`)
    .join('');
