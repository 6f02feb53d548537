/**
 * The processes of a machine, and what its container runtime has, as `ps` and `crictl` show them: the system's, a shim and a
 * `pause` for each sandbox, one process for each container that runs, Calico's daemons, and whoever has a socket besides.
 * Numbers are a function of what runs, like the names that a runtime draws: a process keeps its own while others come and go.
 */

import type { Host, Netns, SocketEntry } from '../../kernel/index.js';
import type { Container, Pod } from '../../kubernetes/index.js';
import type { Ipv4Addr } from '../../packet/index.js';
import { isSidecar, longContainers, whyStopped } from '../input/containers.js';
import { containerId, numberOf, ownContainerId } from '../input/sandbox.js';
import type { Kubelet, Sandbox } from './kubelet.js';

export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** The number of the process that leads its session. */
  readonly session: number;
  /** /proc/PID/comm. */
  readonly name: string;
  readonly args: readonly string[];
  readonly netns: Netns;
  readonly startedNs: number;
  /** Whose container it runs in; undefined for the machine's own. */
  readonly pod?: Pod;
  /** Absent of `pause`. */
  readonly container?: string;
}

export interface RuntimeContainer {
  readonly id: string;
  readonly container: Container;
  readonly restarts: number;
  /** Undefined where it has ended. */
  readonly pid: number | undefined;
}

export interface RuntimePod {
  readonly id: string;
  readonly pod: Pod;
  readonly netns: Netns;
  readonly address: Ipv4Addr | undefined;
  readonly startedNs: number;
  /** That of `pause`; undefined where the sandbox has crashed. */
  readonly pid: number | undefined;
  readonly containers: readonly RuntimeContainer[];
}

export interface Processes {
  /** By number. */
  readonly processes: readonly Process[];
  /** In the order in which they were started. */
  readonly pods: readonly RuntimePod[];
}

export interface ProcessesRequest {
  readonly host: Host;
  readonly kubelet: Kubelet | undefined;
  /** What Calico runs on the node; empty where it runs nothing. */
  readonly calicoDaemons: readonly string[];
}

/** PID_MAX_LIMIT on 64 bits, and RESERVED_PIDS, which are not given out a second time. */
const PID_MAX = 4_194_304;
const FIRST_PID = 300;
/** Numbers between a sandbox and its first container, and between containers: whatever started beside them has these. */
const GAP = 17;

/** A link to it, by which it is started. */
const SYSTEM = { name: 'systemd', args: ['/sbin/init'] };
/** As kubeadm and containerd's unit start them. */
const OF_NODE = [
  ['/usr/bin/containerd'],
  [
    '/usr/bin/kubelet',
    '--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf',
    '--kubeconfig=/etc/kubernetes/kubelet.conf',
    '--config=/var/lib/kubelet/config.yaml',
  ],
];
const shimOf = (id: string): readonly string[] => [
  '/usr/bin/containerd-shim-runc-v2',
  '-namespace',
  'k8s.io',
  '-id',
  id,
  '-address',
  '/run/containerd/containerd.sock',
];

/** The container of Calico's manifests, and what starts its daemons (node/filesystem/etc/rc.local). */
const CALICO_NODE = 'calico-node';
const RUNSVDIR = ['/usr/local/bin/runsvdir', '-P', '/etc/service/enabled'];
/** node/filesystem/etc/service/available. */
const SERVICES: Readonly<Record<string, readonly string[]>> = {
  'node-services': ['calico-node', '-node-services'],
  felix: ['calico-node', '-felix'],
  bird: ['bird', '-R', '-s', '/var/run/calico/bird.ctl', '-d', '-c', '/etc/calico/confd/config/bird.cfg'],
  bird6: ['bird6', '-R', '-s', '/var/run/calico/bird6.ctl', '-d', '-c', '/etc/calico/confd/config/bird6.cfg'],
  confd: ['calico-node', '-confd'],
};

/** TASK_COMM_LEN. */
const NAME_OCTETS = 15;

/** The file that was executed, without its folders. */
const nameOf = ([path = '']: readonly string[]): string => path.slice(path.lastIndexOf('/') + 1).slice(0, NAME_OCTETS);

/** Who has a socket: a process of its namespace that has its name, in the pod that it is there for. */
export function ownerOf(
  processes: readonly Process[],
  netns: Netns,
  { process, because }: Pick<SocketEntry, 'process' | 'because'>,
): Process | undefined {
  if (process === undefined) return undefined;
  const name = process.slice(0, NAME_OCTETS);
  const named = processes.filter(
    (one) => one.netns === netns && (one.name === name || (one.container === process && isMain(one))),
  );
  const isIts = ({ pod }: Process): boolean =>
    pod !== undefined &&
    because.some((cause) => cause.kind === 'Pod' && cause.namespace === pod.namespace && cause.name === pod.name);
  return named.find(isIts) ?? named[0];
}

/** The first of its container, which runs nothing of Calico's. */
const isMain = ({ args }: Process): boolean => !Object.values(SERVICES).includes(args) && args[0] !== 'runsv';

/** It leads a session of its own unless another one is said. */
type NewProcess = Omit<Process, 'pid' | 'name' | 'session'> & Partial<Pick<Process, 'name' | 'session'>>;

class ProcessTable {
  readonly #host: Host;
  readonly #taken = new Set<number>();
  readonly processes: Process[] = [];

  constructor(host: Host) {
    this.#host = host;
  }

  /** The number itself where nobody has it, else the next one that is free. */
  reserve(pid: number): number {
    let free = pid;
    while (free >= PID_MAX || this.#taken.has(free)) free = free + 1 < PID_MAX ? free + 1 : FIRST_PID;
    this.#taken.add(free);
    return free;
  }

  start(reserved: number, process: NewProcess): Process {
    const started = { pid: reserved, session: reserved, name: nameOf(process.args), ...process };
    this.processes.push(started);
    return started;
  }

  /** One of the machine's own. */
  startService(name: string, process: Partial<NewProcess> & Pick<Process, 'args'>): Process {
    const pid = this.reserve(this.numberFor(name));
    return this.start(pid, { parent: 1, netns: this.#host.netns, startedNs: 0, ...process });
  }

  /** A number for something of the machine that has a name. */
  numberFor(name: string): number {
    return FIRST_PID + numberOf(`process ${this.#host.name} ${name}`, PID_MAX - FIRST_PID);
  }
}

/** runit's, each with its daemon below it, in a session of its own (`runsvdir -P`). */
function startCalico(table: ProcessTable, daemons: readonly string[], runsvdir: Process): void {
  const { netns, startedNs, pod, container } = runsvdir;
  const of = { netns, startedNs, ...(pod === undefined || container === undefined ? {} : { pod, container }) };
  let last = runsvdir.pid;
  const next = (): number => (last = table.reserve(last + 1));
  const supervisors = daemons.map((name) => ({
    name,
    runsv: table.start(next(), { parent: runsvdir.pid, args: ['runsv', name], ...of }),
  }));
  for (const { name, runsv } of supervisors)
    table.start(next(), { parent: runsv.pid, session: runsv.session, args: SERVICES[name] ?? [name], ...of });
}

/** Init containers that have ended, sidecars and those that are to run, in the order of their start. */
const madeContainers = (pod: Pod): readonly Container[] => [
  ...pod.spec.initContainers.filter((container) => !isSidecar(container)),
  ...longContainers(pod),
];

function hasEnded(pod: Pod, container: Container): boolean {
  const isLong = longContainers(pod).includes(container);
  return !isLong || whyStopped(pod, container.name) !== undefined;
}

/** Whether the runtime has none of it: its first one has not started yet. */
const isNotMade = ({ status }: Pod, { name }: Container): boolean =>
  status.stopped.some((one) => one.name === name && !one.hasRun);

function startSandbox(table: ProcessTable, kubelet: Kubelet, sandbox: Sandbox, calico: readonly string[]): RuntimePod {
  const { pod, netns, address, startedNs } = sandbox;
  const id = containerId(pod);
  const isUp = !kubelet.hasCrashed(pod);
  const of = { netns, startedNs, pod };
  const shim = table.reserve(table.numberFor(id));
  const pause = table.reserve(shim + GAP);
  if (isUp) {
    table.start(shim, { parent: 1, args: shimOf(id), netns: netns.host.netns, startedNs });
    table.start(pause, { parent: shim, args: ['/pause'], ...of });
  }
  let last = pause;
  const containers = madeContainers(pod)
    .filter((container) => !isNotMade(pod, container))
    .map((container): RuntimeContainer => {
      const { name } = container;
      last = table.reserve(last + GAP);
      const recorded = pod.status.containers.find((one) => one.name === name);
      const made = { id: ownContainerId(pod, name), container, restarts: recorded?.restarts ?? 0 };
      if (!isUp || hasEnded(pod, container)) return { ...made, pid: undefined };
      const isCalico = name === CALICO_NODE && calico.length > 0;
      const command = kubelet.commandOf(sandbox, container);
      // Differs: what an image runs is not known; its process is named after the container.
      const args = isCalico ? RUNSVDIR : command.length > 0 ? command : [name];
      const process = table.start(last, { parent: shim, args, ...of, container: name });
      // What runit starts has the numbers behind it, which the next container does not count from.
      if (isCalico) startCalico(table, calico, process);
      return { ...made, pid: last };
    });
  return { id, pod, netns, address, startedNs, pid: isUp ? pause : undefined, containers };
}

/** Processes that are known by their sockets alone: a router's daemons, servers of machines outside. */
function startOwners(table: ProcessTable, { namespaces }: Host): void {
  for (const netns of namespaces)
    for (const entry of netns.sockets.entries()) {
      if (entry.process === undefined || ownerOf(table.processes, netns, entry) !== undefined) continue;
      table.startService(`${netns.name} ${entry.process}`, { args: [entry.process], netns });
    }
}

export function processesOf({ host, kubelet, calicoDaemons }: ProcessesRequest): Processes {
  const table = new ProcessTable(host);
  table.start(table.reserve(1), { ...SYSTEM, parent: 0, netns: host.netns, startedNs: 0 });
  if (kubelet !== undefined) for (const args of OF_NODE) table.startService(nameOf(args), { args });
  const sandboxes = [...(kubelet?.sandboxes.values() ?? [])];
  const pods = kubelet === undefined ? [] : sandboxes.map((one) => startSandbox(table, kubelet, one, calicoDaemons));
  const isInPod = pods.some(({ containers }) =>
    containers.some(({ container: { name }, pid }) => name === CALICO_NODE && pid !== undefined),
  );
  // Calico of a cluster whose DaemonSet is not loaded.
  if (!isInPod && calicoDaemons.length > 0)
    startCalico(table, calicoDaemons, table.startService(CALICO_NODE, { args: RUNSVDIR }));
  startOwners(table, host);
  return { processes: table.processes.sort((a, b) => a.pid - b.pid), pods };
}
