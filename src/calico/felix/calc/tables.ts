/** All chains of one address family, by table, and which of them get programmed. */

import { compareText } from '../../digest.js';
import { isStaged, policyChainName } from '../../names.js';
import { CHAIN } from '../rules/chain-names.js';
import type { RulesConfig } from '../rules/config.js';
import { rulesText } from '../rules/iptables-text.js';
import { type Chain, jump, type Rule } from '../rules/rule.js';
import { forwardAppendRules } from '../rules/static-filter.js';
import type { CalicoTableName, FelixTable } from '../state.js';
import { type ChainContext, filterChains, mangleChains, natChains, rawChains } from './chains.js';
import type { FelixCluster } from './input.js';

interface Hook {
  readonly chain: string;
  readonly inserts: readonly Rule[];
  readonly appends: readonly Rule[];
}

/** Where the kernel's own chains enter Calico's. NAT on the way out comes after kube-proxy's. */
function hooks(config: RulesConfig): Record<CalicoTableName, readonly Hook[]> {
  const enter = (target: string): Rule[] => [
    { match: [], action: jump(target), comments: [], because: config.because },
  ];
  const insert = (chain: string, target: string, appends: readonly Rule[] = []): Hook => ({
    chain,
    inserts: enter(target),
    appends,
  });
  return {
    raw: [insert('PREROUTING', CHAIN.prerouting), insert('OUTPUT', CHAIN.output)],
    mangle: [insert('PREROUTING', CHAIN.prerouting), insert('POSTROUTING', CHAIN.postrouting)],
    nat: [
      insert('PREROUTING', CHAIN.prerouting),
      insert('OUTPUT', CHAIN.output),
      { chain: 'POSTROUTING', inserts: [], appends: enter(CHAIN.postrouting) },
    ],
    filter: [
      insert('INPUT', CHAIN.input),
      insert('FORWARD', CHAIN.forward, forwardAppendRules(config)),
      insert('OUTPUT', CHAIN.output),
    ],
  };
}

const targetsOf = (rules: readonly Rule[]): string[] =>
  rules.flatMap(({ action }) => (action?.kind === 'jump' || action?.kind === 'goto' ? [action.chain] : []));

/** Chains that a packet can get to. */
function reachable(chains: readonly Chain[], entries: readonly Hook[], forced: readonly string[]): Set<string> {
  const byName = new Map(chains.map((chain) => [chain.name, chain]));
  const seen = new Set<string>();
  const todo = [...forced, ...entries.flatMap(({ inserts, appends }) => targetsOf([...inserts, ...appends]))];
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    todo.push(...targetsOf(byName.get(name)?.rules ?? []));
  }
  return seen;
}

interface TableContents {
  readonly chains: readonly Chain[];
  readonly entries: readonly Hook[];
  /** Chains that are programmed even if nothing leads there. */
  readonly forced?: readonly string[];
}

function table({ memo }: FelixCluster, { chains, entries, forced = [] }: TableContents): FelixTable {
  const programmed = reachable(chains, entries, forced);
  const sorted = chains.toSorted((a, b) => compareText(a.name, b.name));
  return {
    chains: sorted.filter(({ name }) => programmed.has(name)).map(memo.chainText),
    unreferenced: sorted.filter(({ name }) => !programmed.has(name)).map(memo.chainText),
    kernelChains: entries.map(({ chain, inserts, appends }) => ({
      chain,
      inserts: rulesText(inserts, chain),
      appends: rulesText(appends, `${chain}*appends*`),
    })),
  };
}

/** `context` is that of one host. */
export function renderTables(context: ChainContext): Record<CalicoTableName, FelixTable> {
  const { cluster, config, view } = context;
  const entries = hooks(config);
  const everywhere = view.policies.filter(({ policy }) => policy.everywhere && !isStaged(policy.id));
  const forced = everywhere.flatMap(({ policy: { id } }) =>
    (['cali-pi-', 'cali-po-'] as const).map((prefix) => policyChainName(prefix, id)),
  );
  return {
    raw: table(cluster, { chains: rawChains(context), entries: entries.raw }),
    mangle: table(cluster, { chains: mangleChains(context), entries: entries.mangle }),
    nat: table(cluster, { chains: natChains(context), entries: entries.nat }),
    filter: table(cluster, { chains: filterChains(context), entries: entries.filter, forced }),
  };
}
