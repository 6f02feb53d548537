/**
 * Felix' state brought together with what others have programmed: its own of an earlier time goes, others'
 * stays, but for strangers' routes on workload interfaces. Pure: a namespace's state in, a state out.
 */

import type { ChainState, IptablesTableState, LinkState, NetnsState, RouteState } from '../../../kernel/index.js';
import { RULE_HASH_PREFIX } from '../../names.js';
import type { CalicoTableName, FelixState, FelixTable } from '../state.js';
import { addressStates, fdbStates, ipsetState, linkStates, neighbourStates, routeState } from './kernel-state.js';

const CHAIN_PREFIX = 'cali-';
/** Sets of both families, and those that are being built. */
const OWN_IPSET = /^cali[46][0t]/;
const TUNNEL_DEVICES = new Set(['vxlan.calico', 'tunl0']);

const KERNEL_CHAINS: Readonly<Record<CalicoTableName, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
};

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
export function programTable(
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
  { tables: felix, insertMode }: FelixState,
): IptablesTableState[] {
  const names = ['raw', 'mangle', 'nat', 'filter'] as const;
  const missing = names.filter((name) => !tables.some((table) => table.name === name)).map(freshTable);
  return [...tables, ...missing].map((table) => {
    const name = names.find((one) => one === table.name);
    return name === undefined ? table : programTable(table, felix[name], insertMode);
  });
}

interface Ownership {
  readonly isWorkload: (dev: string | undefined) => boolean;
  readonly wanted: ReadonlySet<string>;
}

const routeKey = ({ table, destination, tos, metric }: RouteState): string =>
  `${table} ${destination.addr}/${destination.length} ${tos} ${metric}`;

/** Protocol numbers of the kernel's own routes, and Felix'. */
const KERNEL_PROTOCOL = 2;
const FELIX_PROTOCOL = 80;

/** What Felix takes away: its own routes, strangers on workload interfaces, what is in the way of one that it wants. */
function isRemoved(route: RouteState, { isWorkload, wanted }: Ownership): boolean {
  if (route.protocol === KERNEL_PROTOCOL) return false;
  const onOwnDevice = route.nextHops.some(({ dev }) => isWorkload(dev) || dev === 'vxlan.calico');
  return onOwnDevice || route.protocol === FELIX_PROTOCOL || wanted.has(routeKey(route));
}

function programLinks(links: readonly LinkState[], felix: FelixState): LinkState[] {
  const wanted = linkStates(felix);
  const others = links.filter(({ name }) => name !== 'vxlan.calico' || wanted.some((link) => link.name === name));
  const highest = Math.max(0, ...links.map(({ ifindex }) => ifindex));
  const added = wanted.filter(({ name }) => !others.some((link) => link.name === name));
  return [
    ...others.map((link) => ({ ...link, ...wanted.find(({ name }) => name === link.name) })),
    ...added.map((link, i) => ({ ...link, ifindex: highest + 1 + i })),
  ];
}

export interface FelixOwnership {
  /** `cali`: interfaces that begin so are workloads'. */
  readonly interfacePrefixes: readonly string[];
  /** Whether strangers' routes on them go. */
  readonly removeExternalRoutes: boolean;
}

/** The host's own namespace with everything that Felix wants there, and nothing that it wanted before. */
export function programFelix(netns: NetnsState, felix: FelixState, ownership: FelixOwnership): NetnsState {
  const routes = felix.routes.map(routeState);
  const isWorkload = (dev: string | undefined): boolean =>
    ownership.removeExternalRoutes &&
    dev !== undefined &&
    ownership.interfacePrefixes.some((prefix) => dev.startsWith(prefix));
  const owned: Ownership = { isWorkload, wanted: new Set(routes.map(routeKey)) };
  const notOurs = ({ dev }: { readonly dev: string }): boolean => dev !== 'vxlan.calico';
  return {
    ...netns,
    links: programLinks(netns.links, felix),
    addresses: [...netns.addresses.filter(({ dev }) => !TUNNEL_DEVICES.has(dev)), ...addressStates(felix)],
    routes: [...netns.routes.filter((route) => !isRemoved(route, owned)), ...routes],
    neighbours: [...netns.neighbours.filter(notOurs), ...neighbourStates(felix)],
    fdb: [...netns.fdb.filter(notOurs), ...fdbStates(felix)],
    sysctls: { ...netns.sysctls, ...Object.fromEntries(felix.sysctls.map(({ path, value }) => [path, value])) },
    ipsets: [...netns.ipsets.filter(({ name }) => !OWN_IPSET.test(name)), ...felix.ipsets.map(ipsetState)],
    iptables: programTables(netns.iptables, felix),
  };
}
