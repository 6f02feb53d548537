/**
 * Brings a host's kernel to what Felix wants, each time from whatever is there: sets before the rules that
 * use them and away after, the tunnel device before its routes.
 */

import { type Host, KernelError, RT_PROTOCOL, type StateProblem } from '../../../kernel/index.js';
import type { FelixDevices, FelixState } from '../state.js';
import { applyIpip } from './ipip.js';
import { applyIpset } from './ipsets.js';
import { applyRoutes, type FelixOwnership } from './routes.js';
import { concernsFelix, programTables } from './tables.js';
import { applyVxlan } from './vxlan.js';

export { endConnections, type FelixOwnership, type WorkloadInterfaces, workloadInterfaces } from './routes.js';

/** Sets of both families, and those that are being built. */
const OWN_IPSET = /^cali[46][0t]/;

/** FelixConfiguration's defaults. */
const DEFAULT_OWNERSHIP: FelixOwnership = {
  interfacePrefixes: ['cali'],
  removeExternalRoutes: true,
  deviceRouteProtocol: RT_PROTOCOL.boot,
  routeSyncDisabled: false,
};

/** The tunnels alone, whose devices are among the interfaces that the rest is computed from. */
export function applyFelixDevices(devices: FelixDevices, host: Host): void {
  applyVxlan(host.netns, devices.vxlan);
  applyIpip(host, devices.ipip ?? devices.ipipUnused);
}

/** What the kernel refused, one sentence each. */
export function applyFelix(state: FelixState, host: Host, ownership: FelixOwnership = DEFAULT_OWNERSHIP): string[] {
  const { netns } = host;
  for (const [path, content] of Object.entries(state.files)) host.files.set(path, content);
  applyFelixDevices(state, host);
  for (const { path, value } of state.sysctls) setSwitch(host, path, value);
  const wanted = state.ipsets.filter(({ version }) => version === 4);
  for (const set of wanted) applyIpset(netns.ipsets, set);
  const { iptables } = netns.netfilter;
  const tables = iptables.state(concernsFelix);
  const problems = iptables.change(tables, programTables(tables, state));
  const names = new Set(wanted.map(({ name }) => name));
  for (const { name } of Array.from(netns.ipsets))
    if (OWN_IPSET.test(name) && !names.has(name)) netns.ipsets.destroy(name);
  return [...refusedTables(problems), ...applyRoutes(netns, state, ownership)];
}

/** iptables-restore takes a table's rules as a whole: Felix logs its words and tries again, for ever in vain. */
const refusedTables = (problems: readonly StateProblem[]): string[] =>
  problems
    .filter(({ severity }) => severity === 'error')
    .map(
      ({ table, chain, position, message }) =>
        `iptables refuses Felix's rules, and the whole table ${table} stays as it was: ${chain} rule ${position}: ${message}`,
    );

/** A switch of an interface that has gone in the meantime is no loss. */
function setSwitch(host: Host, path: string, value: string): void {
  try {
    host.netns.sysctl.set(path, value);
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== 'ENOENT') throw error;
  }
}
