/** Machines and pods of a cluster, and what is programmed on them. */

import { type Cluster, isNameProblem, parseEndpointName } from '../../cluster/index.js';
import { hostState, type Netns } from '../../kernel/index.js';
import type { Declared, Pod } from '../../kubernetes/index.js';
import { formatIpv4 } from '../../packet/index.js';
import type { MachinePlan } from '../../underlay/index.js';
import { runTool, type ToolResult } from '../../tools/index.js';
import { Problem } from '../problem.js';
import { mending } from './mending.js';
import { reportedAddresses } from './names.js';
import { shownPod } from './objects.js';
import { type Page, page, type PageRequest } from './page.js';
import { selectorOf, type SelectorQuery } from './selectors.js';
import { stateJson } from './state-json.js';

export interface HostSummary {
  readonly name: string;
  readonly role: MachinePlan['role'];
  /** A machine is built when a packet or a reader first asks for it. */
  readonly built: boolean;
  readonly off: boolean;
  readonly interfaces: readonly {
    readonly name: string;
    readonly switch: string;
    readonly subnet: string;
    readonly address?: string;
    readonly prefixLength: number;
    readonly mtu: number;
  }[];
}

export interface PodSummary {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly hostNetwork: boolean;
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

function summaries(cluster: Cluster, off: (name: string) => boolean): HostSummary[] {
  const built = new Set([...cluster.underlay.built].map(({ name }) => name));
  return [...cluster.underlay.plan.machines.values()].map(({ name, role, interfaces }) => ({
    name,
    role,
    built: built.has(name),
    off: off(name),
    interfaces: interfaces.map((nic) => ({
      name: nic.name,
      switch: nic.switch,
      subnet: nic.subnet,
      ...(nic.address === undefined ? {} : { address: formatIpv4(nic.address) }),
      prefixLength: nic.prefixLength,
      mtu: nic.mtu,
    })),
  }));
}

export function listHosts(cluster: Cluster, off: (name: string) => boolean, query: PageRequest): Page<HostSummary> {
  const key = ({ name }: HostSummary): string => name;
  return page(summaries(cluster, off), key, query);
}

/** @throws Problem */
export function getHost(cluster: Cluster, off: (name: string) => boolean, name: string): HostSummary {
  mending(() => cluster.host(name));
  const found = summaries(cluster, off).find((host) => host.name === name);
  if (found === undefined) throw new Problem('not-found', `there is no host "${name}"`);
  return found;
}

export interface PodQuery extends PageRequest, SelectorQuery {
  readonly namespace?: string;
}

const summaryOf = (cluster: Cluster, pod: Pod): PodSummary => ({
  namespace: pod.namespace,
  name: pod.name,
  node: pod.spec.nodeName,
  hostNetwork: pod.spec.hostNetwork,
  addresses: reportedAddresses(cluster, pod),
  labels: pod.labels,
});

/** @throws Problem */
export function listPods(declared: Declared, cluster: Cluster, query: PodQuery): Page<PodSummary> {
  const { store } = cluster;
  const selects = selectorOf(query, 'Pod');
  const all = store.list('Pod', query.namespace);
  const pods =
    selects === undefined
      ? all
      : all.filter(({ namespace, name, labels }) => {
          const key = { kind: 'Pod', namespace, name };
          return selects({ key, labels, object: () => shownPod(declared, store, key) });
        });
  // There may be tens of thousands: a key is made once, and of those that are shown alone the rest is looked up.
  const rows = pods.map((pod) => ({ pod, key: `${pod.namespace}/${pod.name}` }));
  const keyOf = ({ key }: { readonly key: string }): string => key;
  const found = page(rows, keyOf, query);
  return { ...found, items: found.items.map(({ pod }) => summaryOf(cluster, pod)) };
}

/** Everything that is programmed on it, as data. @throws Problem */
export function hostStateOf(cluster: Cluster, name: string): unknown {
  return stateJson(hostState(mending(() => cluster.locate({ kind: 'host', name }).netns.host)));
}

/** The commands whose output together is all that is programmed. */
const COMMANDS = [
  'ip -d link show',
  'ip address show',
  'ip rule show',
  'ip route show table all',
  'ip neighbour show',
  'bridge fdb show',
  'iptables-save -c',
  'ipset save',
].map((line) => line.split(' '));

/** The same as the tools print it, namespace by namespace. @throws Problem */
export function hostText(cluster: Cluster, name: string): string {
  const host = mending(() => cluster.host(name));
  const { role } = cluster.underlay.plan.machines.get(name) ?? { role: 'host' };
  const endpoint = role === 'node' ? ({ kind: 'node', name } as const) : ({ kind: 'host', name } as const);
  const inNetns = (netns: Netns): string =>
    COMMANDS.map((command) => {
      const prefix = netns.name === '' ? [] : ['ip', 'netns', 'exec', netns.name];
      const { stdout, stderr } = mending(() => runTool(cluster, endpoint, [...prefix, ...command]));
      return `# ${[...prefix, ...command].join(' ')}\n${stdout}${stderr}`;
    }).join('\n');
  return host.namespaces.map(inNetns).join('\n');
}

/** Runs a tool. @throws Problem */
export function exec(cluster: Cluster, target: string, command: readonly string[]): ToolResult {
  const endpoint = parseEndpointName(target);
  if (isNameProblem(endpoint))
    throw new Problem('bad-request', endpoint.problem, [{ message: endpoint.problem, field: '/target' }]);
  return mending(() => runTool(cluster, endpoint, command));
}
