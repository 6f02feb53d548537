/** Processes as they are seen from where a program runs (pid_namespaces(7)). */

import { ownerOf, type Process } from '../../cluster/index.js';
import type { Netns, SocketEntry } from '../../kernel/index.js';
import type { Pod } from '../../kubernetes/index.js';
import type { ToolPlace } from '../tool.js';

/** Those of a pod that have a namespace of their own with the one in which commands run. */
function within(processes: readonly Process[], pod: Pod, container: string | undefined): readonly Process[] {
  const own = processes.filter((one) => one.pod?.namespace === pod.namespace && one.pod.name === pod.name);
  const shared = pod.spec.shareProcessNamespace;
  return shared ? own : own.filter((one) => one.container !== undefined && one.container === container);
}

/** The numbers are those that they have there; whose parent or leader is outside has 0 for it. */
export function seenProcesses({ cluster, netns, pod }: ToolPlace): readonly Process[] {
  const { processes } = cluster.programs.processes(netns.host);
  if (pod === undefined || pod.spec.hostPID) return processes;
  const own = within(processes, pod, cluster.programs.containerOf(pod));
  const numbers = new Map(own.map(({ pid }, i) => [pid, i + 1]));
  const seen = (pid: number): number => numbers.get(pid) ?? 0;
  return own.map((one) => ({ ...one, pid: seen(one.pid), parent: seen(one.parent), session: seen(one.session) }));
}

/** The command that looks at them: the last that was started. */
export function commandItself(place: ToolPlace, seen: readonly Process[], args: readonly string[]): Process {
  const { netns, pod, cluster } = place;
  const isInside = pod !== undefined && !pod.spec.hostPID;
  const pid = Math.max(1, ...seen.map((one) => one.pid)) + 1;
  return {
    pid,
    session: pid,
    // Whoever enters a container is outside of it.
    parent: isInside ? 0 : 1,
    name: args[0] ?? '',
    args,
    netns,
    startedNs: cluster.emulation.clock.nowNs,
  };
}

export interface SocketOwner {
  readonly process: Process;
  /** Its descriptor of the socket: those of one process count on from 3. */
  readonly descriptor: number;
}

/** Who has each socket of a namespace, of those whom a program there sees. */
export class SocketOwners {
  readonly #owners = new Map<SocketEntry, SocketOwner>();

  constructor(place: ToolPlace, netns: Netns, entries: readonly SocketEntry[]) {
    const seen = seenProcesses(place);
    const open = new Map<Process, number>();
    for (const entry of entries) {
      const process = ownerOf(seen, netns, entry);
      if (process === undefined) continue;
      const descriptor = open.get(process) ?? 3;
      open.set(process, descriptor + 1);
      this.#owners.set(entry, { process, descriptor });
    }
  }

  of(entry: SocketEntry): SocketOwner | undefined {
    return this.#owners.get(entry);
  }
}
