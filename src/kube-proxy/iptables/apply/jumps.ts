/**
 * The rules in the kernel's own chains that lead into kube-proxy's (pkg/proxy/iptables/proxier.go:iptablesJumpChains).
 * They are put on top, each where it is missing, so that the last one stands first.
 */

import type { Netns } from '../../../kernel/index.js';
import type { Cause, TableName } from '../../../trace/index.js';
import { CHAIN } from '../names.js';

interface Jump {
  readonly table: TableName;
  readonly from: string;
  readonly to: string;
  /** Behind `-A CHAIN `, as iptables-save prints it. */
  readonly rule: string;
}

const NEW = '-m conntrack --ctstate NEW ';
const commented = (comment: string, to: string, before = ''): string =>
  `${before}-m comment --comment "${comment}" -j ${to}`;

const filter = (from: string, to: string, rule: string): Jump => ({ table: 'filter', from, to, rule });
const nat = (from: string, to: string, comment: string): Jump => ({
  table: 'nat',
  from,
  to,
  rule: commented(comment, to),
});

const EXTERNAL = commented('kubernetes externally-visible service portals', CHAIN.externalServices, NEW);
const PORTALS = commented('kubernetes service portals', CHAIN.services, NEW);
const FIREWALL = commented('kubernetes load balancer firewall', CHAIN.proxyFirewall, NEW);

const JUMPS: readonly Jump[] = [
  filter('INPUT', CHAIN.externalServices, EXTERNAL),
  filter('FORWARD', CHAIN.externalServices, EXTERNAL),
  filter('INPUT', CHAIN.nodePorts, commented('kubernetes health check service ports', CHAIN.nodePorts)),
  filter('FORWARD', CHAIN.services, PORTALS),
  filter('OUTPUT', CHAIN.services, PORTALS),
  filter('FORWARD', CHAIN.forward, commented('kubernetes forwarding rules', CHAIN.forward)),
  filter('INPUT', CHAIN.proxyFirewall, FIREWALL),
  filter('OUTPUT', CHAIN.proxyFirewall, FIREWALL),
  filter('FORWARD', CHAIN.proxyFirewall, FIREWALL),
  nat('OUTPUT', CHAIN.services, 'kubernetes service portals'),
  nat('PREROUTING', CHAIN.services, 'kubernetes service portals'),
  nat('POSTROUTING', CHAIN.postrouting, 'kubernetes postrouting rules'),
];

/** Also kubelet's: on a node that has one they are there already. */
const LOCALNET_JUMPS: readonly Jump[] = ['INPUT', 'OUTPUT'].map((from) =>
  filter(from, CHAIN.kubeletFirewall, `-j ${CHAIN.kubeletFirewall}`),
);

const CANARY_TABLES: readonly TableName[] = ['mangle', 'nat', 'filter'];

const isThere = (netns: Netns, { table, from, rule }: Jump): boolean =>
  netns.netfilter.iptables
    .table(table)
    ?.chains.get(from)
    ?.rules.some((one) => one.toString() === rule) ?? false;

const hasChain = (netns: Netns, table: TableName, chain: string): boolean =>
  netns.netfilter.iptables.table(table)?.chains.has(chain) ?? false;

/** Whether somebody has flushed the tables since: all of them go together (iptables.Monitor()). */
export const canaryLives = (netns: Netns): boolean =>
  CANARY_TABLES.every((table) => hasChain(netns, table, CHAIN.canary));

/** Makes what is missing; what the kernel refuses, one sentence each. */
export function ensureJumps(
  netns: Netns,
  options: { readonly localhostNodePorts: boolean; readonly because: readonly Cause[] },
): readonly string[] {
  const jumps = options.localhostNodePorts ? [...JUMPS, ...LOCALNET_JUMPS] : JUMPS;
  let text = '';
  for (const table of CANARY_TABLES) {
    const own = jumps.filter((jump) => jump.table === table);
    const chains = new Set([CHAIN.canary, ...own.map(({ to }) => to)]);
    const made = [...chains].filter((chain) => !hasChain(netns, table, chain)).map((chain) => `-N ${chain}`);
    const inserted = own.filter((jump) => !isThere(netns, jump)).map(({ from, rule }) => `-I ${from} 1 ${rule}`);
    const commands = [...made, ...inserted];
    if (commands.length > 0) text += `*${table}\n${commands.join('\n')}\nCOMMIT\n`;
  }
  if (text === '') return [];
  const problems = netns.netfilter.iptables.restore(text, { noflush: true, causes: () => options.because });
  return problems.map(({ line, message }) => `line ${line}: ${message}`);
}
