/** `calicoctl ipam`: what shows IPAM's state and checks it; calicoctl/calicoctl/commands/ipam. */

import {
  addressBits,
  type Allocation,
  allocationsOf,
  assignmentOf,
  borrowedAddresses,
  calicoLoadBalancers,
  checkIpam,
  formatAddress,
  formatCidr,
  type InUse,
  type IpamContext,
  IpamError,
  type IpamStore,
  networkOf,
  nodesInUse,
  parseAddress,
  servicesInUse,
  utilization,
  workloadsInUse,
} from '../../calico/index.js';
import type { Cluster } from '../../cluster/index.js';
import { configure, release, split } from './ipam-change.js';
import { clusterInformation } from './datastore.js';
import { reportText } from './ipam-report.js';
import { misused } from './usage.js';
import { docopt } from './docopt.js';
import { ruledTable } from '../table.js';
import { failure, lines, ok, type ToolPlace, type ToolResult } from '../tool.js';

export interface Ipam {
  readonly store: IpamStore;
  readonly context: IpamContext;
  readonly cluster: Cluster;
  /** Where reports are written and read. */
  readonly files: Map<string, string>;
}

/** Go's `%.5g`. */
function fiveDigits(value: number): string {
  if (value < 1e5) return String(Number(value.toPrecision(5)));
  const [mantissa = '', exponent = ''] = value.toExponential(4).split('e+');
  return `${Number(mantissa)}e+${exponent.padStart(2, '0')}`;
}

/** Go's `%.f`: a half goes to the even neighbour. */
function wholeNumber(value: number): string {
  const below = Math.floor(value);
  if (value - below !== 0.5) return String(Math.round(value));
  return String(below % 2 === 0 ? below : below + 1);
}

const share = (part: number, whole: number): string => `${fiveDigits(part)} (${wholeNumber((100 * part) / whole)}%)`;

const useRow = (kind: string, cidr: string, inUse: number, capacity: number): string[] => [
  kind,
  cidr,
  fiveDigits(capacity),
  share(inUse, capacity),
  share(capacity - inUse, capacity),
];

function showUtilization({ store, context }: Ipam, withBlocks: boolean): ToolResult {
  const rows = utilization(store, context.pools).flatMap(({ pool, blocks }) => {
    const blockRows = blocks.map(({ cidr, capacity, free }) =>
      useRow('Block', formatCidr(cidr), capacity - free, capacity),
    );
    const inUse = blocks.reduce((sum, { capacity, free }) => sum + capacity - free, 0);
    const own =
      pool === undefined
        ? []
        : [
            useRow(
              'IP Pool',
              formatCidr(networkOf(pool.cidr)),
              inUse,
              2 ** (addressBits(pool.cidr.version) - pool.cidr.length),
            ),
          ];
    return [...own, ...(withBlocks ? blockRows : [])];
  });
  return ok(ruledTable(['GROUPING', 'CIDR', 'IPS TOTAL', 'IPS IN USE', 'IPS FREE'], rows));
}

function showBorrowed({ store }: Ipam): ToolResult {
  const { borrowed, unclassified } = borrowedAddresses(store);
  const rows = borrowed.map(({ address, borrower, block, owner, type, allocatedTo }) => [
    formatAddress(address),
    borrower,
    formatCidr(block),
    owner,
    type,
    allocatedTo,
  ]);
  const table = ruledTable(['IP', 'BORROWING-NODE', 'BLOCK', 'BLOCK OWNER', 'TYPE', 'ALLOCATED-TO'], rows);
  const note =
    unclassified === 0
      ? ''
      : `\nNote: found ${unclassified} IP allocations without an explicit node association. Unable to determine if they are borrowed.\n`;
  return ok(table + note);
}

function assignment({ store, context }: Ipam, text: string) {
  const address = parseAddress(text);
  try {
    return address && assignmentOf(store, address, context);
  } catch (error) {
    if (error instanceof IpamError) return undefined; // no pool has it
    throw error;
  }
}

function showAddress(ipam: Ipam, text: string): ToolResult {
  const address = parseAddress(text);
  if (address === undefined)
    return { exitCode: 1, stdout: `Error executing command: invalid IP address specified: ${text}\n`, stderr: '' };
  const attribute = assignment(ipam, text);
  if (attribute === undefined) return ok(`${formatAddress(address)} is not assigned\n`);
  const owners = Object.entries(attribute.attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  return ok(
    lines([
      `IP ${formatAddress(address)} is in use`,
      `Handle ID: ${attribute.handleId ?? '<none>'}`,
      ...(owners.length === 0
        ? ['No Active Owner attributes defined']
        : ['Active Owner Attributes:', ...owners.map(([key, value]) => `  ${key}: ${value}`)]),
    ]),
  );
}

/** The real one prints a pointer for the last value: where Go keeps it is made up. */
function showConfiguration({ store }: Ipam): ToolResult {
  const { strictAffinity, autoAllocateBlocks, maxBlocksPerHost } = store.config();
  return ok(
    ruledTable(
      ['PROPERTY', 'VALUE'],
      [
        ['StrictAffinity', String(strictAffinity)],
        ['AutoAllocateBlocks', String(autoAllocateBlocks)],
        ['MaxBlocksPerHost', String(maxBlocksPerHost)],
        ['KubeVirtVMAddressPersistence', '(*ipam.VMAddressPersistence)(0xc000012340)'],
      ],
    ),
  );
}

function show(ipam: Ipam, args: readonly string[]): ToolResult {
  const [option = '', ...rest] = args;
  const address = option === '--ip' ? rest[0] : option.startsWith('--ip=') ? option.slice('--ip='.length) : undefined;
  if (rest.length > (option === '--ip' ? 1 : 0)) return misused('ipam show');
  if (address !== undefined) return showAddress(ipam, address);
  switch (option) {
    case '':
      return showUtilization(ipam, false);
    case '--show-blocks':
      return showUtilization(ipam, true);
    case '--show-borrowed':
      return showBorrowed(ipam);
    case '--show-configuration':
      return showConfiguration(ipam);
    default:
      return misused('ipam show');
  }
}

function attributesText({ attribute }: Allocation): string {
  if (attribute === undefined) return '<missing>';
  const extra = Object.entries(attribute.attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  return `Main:${attribute.handleId ?? '<none>'} Extra:${extra.join(',')}`;
}

const MAX_NODES_PRINTED = 20;

function topNodes(allocations: readonly Allocation[]): string[] {
  const counts = new Map<string, number>();
  for (const { node } of allocations) counts.set(node, (counts.get(node) ?? 0) + 1);
  const nodes = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const [most] = nodes;
  const median = nodes[Math.floor(nodes.length / 2)];
  return [
    `Looking for top (up to ${MAX_NODES_PRINTED}) nodes by allocations...`,
    ...nodes.slice(0, MAX_NODES_PRINTED).map(([node, count]) => `  ${node} has ${count} allocations`),
    ...(most === undefined ? [] : [`Node with most allocations has ${most[1]}; median is ${median?.[1] ?? 0}`]),
    '',
  ];
}

interface Shown {
  readonly all: boolean;
  readonly problems: boolean;
}

function blockLines({ store }: Ipam, { all }: Shown): string[] {
  const blocks = store.blocks();
  const allocations = blocks.map(allocationsOf);
  return [
    'Loading all IPAM blocks...',
    `Found ${blocks.length} IPAM blocks.`,
    ...blocks.flatMap((block, i) => [
      ` IPAM block ${formatCidr(block.cidr)} affinity=${block.affinity ?? '<none>'}:`,
      ...(all ? (allocations[i] ?? []).map((one) => `  ${one.address} allocated; attrs ${attributesText(one)}`) : []),
    ]),
    `IPAM blocks record ${allocations.flat().length} allocations.`,
    '',
  ];
}

const belongs = (inUse: readonly InUse[], { all }: Shown): string[] =>
  all ? inUse.map(({ address, by }) => `  ${formatAddress(address)} belongs to ${by}`) : [];

/** Lines of `owners`, each address with each of its owners. */
const ofOwners = (owners: ReadonlyMap<string, readonly string[]>, say: (address: string, owner: string) => string) =>
  [...owners].flatMap(([address, names]) => names.map((owner) => say(address, owner)));

function check(ipam: Ipam, args: readonly string[]): ToolResult {
  const flags = ['show-all-ips', 'show-problem-ips'];
  const given = docopt(args, { values: ['output', 'kubeconfig'], flags, short: { o: 'output' }, words: 0 });
  if (given === undefined) return misused('ipam check');
  const all = given.flags.has('show-all-ips');
  const shown: Shown = { all, problems: all || given.flags.has('show-problem-ips') };
  const { store } = ipam.cluster;
  const loadBalancers = calicoLoadBalancers(store);
  const [nodes, services, workloads] = [nodesInUse(store), servicesInUse(store), workloadsInUse(store)];
  const pools = ipam.context.pools.filter(({ disabled }) => !disabled).map(({ cidr }) => networkOf(cidr));
  const inUse = [...nodes, ...services, ...workloads];
  const found = checkIpam(ipam.store, pools, inUse);
  const report = given.values.get('output')?.at(-1);
  if (report !== undefined) ipam.files.set(report, reportText(ipam, found, inUse, clusterInformation(store)));
  const problems = (rows: readonly string[]): readonly string[] => (shown.problems ? rows : []);
  const leaked = new Set(found.leaked.map(({ address }) => address)).size;
  const count = leaked + found.outside.size + found.unallocated.size + found.leakedHandles.length;
  return ok(
    lines([
      'Checking IPAM for inconsistencies...',
      '',
      ...blockLines(ipam, shown),
      'Loading all IPAM pools...',
      ...pools.map((cidr) => `  ${formatCidr(cidr)}`),
      `Found ${pools.length} active IP pools.`,
      '',
      'Loading all nodes.',
      ...belongs(nodes, shown),
      `Found ${nodes.length} node tunnel IPs.`,
      '',
      'Loading all service load balancer IPs.',
      ...belongs(services, shown),
      loadBalancers === undefined
        ? 'No configuration for LoadBalancer kubecontroller found, skipping service check'
        : `Found ${loadBalancers.length} service load balancer(s).`,
      '',
      'Loading all workload endpoints.',
      ...belongs(workloads, shown),
      `Found ${workloads.length} workload IPs.`,
      `Workloads and nodes are using ${found.addressesInUse} IPs.`,
      '',
      'Loading all handles',
      ...topNodes(found.allocations),
      'Scanning for IPs that are allocated but not actually in use...',
      ...problems(found.leaked.map((one) => `  ${one.address} leaked; attrs ${attributesText(one)}`)),
      `Found ${leaked} IPs that are allocated in IPAM but not actually in use.`,
      'Scanning for IPs that are in use by a workload or node but not allocated in IPAM...',
      ...problems([...found.shared.keys()].map((address) => `  ${address} has multiple owners.`)),
      ...problems(
        ofOwners(found.outside, (address, owner) => `  ${address} in use by ${owner} is not in any active IP pool.`),
      ),
      ...problems(
        ofOwners(
          found.unallocated,
          (address, owner) => `  ${address} in use by ${owner} and in active IPAM pool but has no IPAM allocation.`,
        ),
      ),
      `Found ${found.outside.size} in-use IPs that are not in active IP pools.`,
      `Found ${found.unallocated.size} in-use IPs that are in active IP pools but have no corresponding IPAM allocation.`,
      '',
      'Scanning for IPAM handles with no matching IPs...',
      ...(all ? found.leakedHandles.map((id) => `  ${id} doesn't have any active IPs.`) : []),
      `Found ${found.leakedHandles.length} handles with no matching IPs (and ${found.goodHandles} handles with matches).`,
      'Scanning for IPs with missing handle...',
      ...problems(found.missingHandles.map((id) => `  ${id} is in use in a block but doesn't exist.`)),
      `Found ${found.missingHandles.length} handles mentioned in blocks with no matching handle resource.`,
      `Check complete; found ${count} problems.`,
    ]),
  );
}

const COMMANDS = { show, check, release, split, configure };

const isCommand = (name: string): name is keyof typeof COMMANDS => Object.hasOwn(COMMANDS, name);

export function calicoctlIpam({ cluster, netns }: ToolPlace, [command = '', ...args]: readonly string[]): ToolResult {
  const state = cluster.ipam;
  if (state === undefined) return failure(1, 'calicoctl: Calico is not installed in this cluster');
  const ipam: Ipam = { store: state.ipam, context: state.context(), cluster, files: netns.host.files };
  if (isCommand(command)) return COMMANDS[command](ipam, args);
  return failure(1, `calicoctl ipam ${command}: only ${Object.keys(COMMANDS).join(', ')} are there`);
}
