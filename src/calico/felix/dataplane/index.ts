/**
 * Brings a host's kernel to what Felix wants, each time from whatever is there: sets before the rules that
 * use them, the tunnel device before its routes.
 */

import { type Host, KernelError } from '../../../kernel/index.js';
import { formatIpsets } from '../format.js';
import type { FelixState } from '../state.js';
import { programTables } from './program.js';
import { applyRoutes } from './routes.js';
import { applyVxlan } from './vxlan.js';

/** What the kernel refused, one sentence each. */
export function applyFelix(state: FelixState, host: Host): string[] {
  const { netns } = host;
  for (const [path, content] of Object.entries(state.files)) host.files.set(path, content);
  for (const { path, value } of state.sysctls) setSwitch(host, path, value);
  applyVxlan(netns, state.vxlan);
  for (const set of state.ipsets) {
    if (set.version !== 4) continue;
    if (netns.ipsets.get(set.name) !== undefined) netns.ipsets.flush(set.name);
    netns.ipsets.restore(formatIpsets([set]), { exist: true, because: set.because });
  }
  netns.netfilter.iptables.apply(programTables(netns.netfilter.iptables.state(), state));
  return applyRoutes(netns, state);
}

/** A switch of an interface that has gone in the meantime is no loss. */
function setSwitch(host: Host, path: string, value: string): void {
  try {
    host.netns.sysctl.set(path, value);
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== 'ENOENT') throw error;
  }
}
