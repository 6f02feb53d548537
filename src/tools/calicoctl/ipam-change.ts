/** `calicoctl ipam release`, `split` and `configure`: what changes IPAM; calicoctl/calicoctl/commands/ipam. */

import {
  cidrToStore,
  configureIpam,
  formatAddress,
  formatCidr,
  type IpamConfig,
  IpamError,
  parseAddress,
  recordIpam,
  recordIpamConfig,
  releaseAddresses,
  splitCidr,
  cidrFromStore,
} from '../../calico/index.js';
import type { ObjectOf } from '../../kubernetes/index.js';
import type { Ipam } from './ipam.js';
import { clusterInformation, isLocked } from './datastore.js';
import { readReports, releaseFromReports } from './ipam-report.js';
import { misused } from './usage.js';
import { docopt, type Parsed } from './docopt.js';
import { failure, lines, ok, type ToolResult } from '../tool.js';

/** The run of something that IPAM may refuse, in the command's words. */
function refusable(run: () => ToolResult, words: (message: string) => string): ToolResult {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof IpamError)) throw error;
    return failure(1, words(error.message));
  }
}

const last = ({ values }: Parsed, name: string): string => values.get(name)?.at(-1) ?? '';

// Release.

export function release(ipam: Ipam, args: readonly string[]): ToolResult {
  const given = docopt(args, { values: ['ip', 'from-report'], flags: ['force'], words: 0, repeated: ['from-report'] });
  if (given === undefined) return misused('ipam release');
  const files = given.values.get('from-report') ?? [];
  if (files.length > 0) return releaseReported(ipam, files, given.flags.has('force'));
  const text = last(given, 'ip');
  return text === '' ? ok('') : releaseOne(ipam, text);
}

function releaseOne({ store, context, cluster }: Ipam, text: string): ToolResult {
  const address = parseAddress(text);
  if (address === undefined)
    return { exitCode: 1, stdout: `Error executing command: invalid IP address specified: ${text}\n`, stderr: '' };
  return refusable(
    () => {
      if (releaseAddresses(store, [{ address }], context).length > 0)
        return failure(1, `IP address ${formatAddress(address)} is not assigned`);
      recordIpam(cluster.store, store);
      return ok(`Successfully released IP address ${formatAddress(address)}\n`);
    },
    (message) => `error: ${message}`,
  );
}

function releaseReported(ipam: Ipam, files: readonly string[], force: boolean): ToolResult {
  const { spec, resourceVersion } = clusterInformation(ipam.cluster.store);
  const reports = readReports(ipam.files, files, { guid: spec.clusterGUID, revision: resourceVersion, force });
  if ('refused' in reports) return failure(1, reports.refused, reports.said);
  let said = reports.said;
  if (!isLocked(ipam.cluster.store)) {
    if (!force) return failure(1, 'data store is not locked. Either lock the data store, or re-run with --force', said);
    said += 'WARNING: Data store is not locked. Ignoring due to --force option\n';
  }
  said += releaseFromReports(ipam, reports.reports);
  recordIpam(ipam.cluster.store, ipam.store);
  return ok(`${said}You may now unlock the data store.\n`);
}

// Configure.

/** strconv.ParseBool(). */
const BOOLEANS: Readonly<Record<string, boolean>> = {
  ...Object.fromEntries(['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true])),
  ...Object.fromEntries(['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false])),
};

const INT32 = /^[+-]?\d+$/;
const isInt32 = (text: string): boolean => INT32.test(text) && Math.abs(Number(text)) < 2 ** 31;

/** The changes that are asked for, or what is wrong with one of them. */
function readChanges(given: Parsed): Partial<IpamConfig> | string {
  const [strict, blocks, persistence] = ['strictaffinity', 'max-blocks-per-host', 'kubevirt-ip-persistence'].map(
    (name) => last(given, name),
  );
  const strictAffinity = BOOLEANS[strict ?? ''];
  if (strict !== '' && strictAffinity === undefined) return 'invalid value. Use true or false to set strictaffinity';
  if (blocks !== '' && !isInt32(blocks ?? '')) return 'invalid value for maxblockhost. Use a valid number';
  if (persistence !== '' && persistence !== 'Enabled' && persistence !== 'Disabled')
    return 'invalid value for --kubevirt-ip-persistence. Use Enabled or Disabled';
  return {
    ...(strictAffinity === undefined ? {} : { strictAffinity }),
    ...(blocks === '' ? {} : { maxBlocksPerHost: Number(blocks) }),
    ...(persistence === '' ? {} : { kubeVirtVmAddressPersistence: persistence }),
  };
}

/** As messages name them. */
const SETTINGS = {
  strictAffinity: 'StrictAffinity',
  maxBlocksPerHost: 'MaxBlocksPerHost',
  kubeVirtVmAddressPersistence: 'KubeVirtVMAddressPersistence',
} as const;

export function configure({ store, cluster }: Ipam, args: readonly string[]): ToolResult {
  const values = ['strictaffinity', 'max-blocks-per-host', 'kubevirt-ip-persistence'];
  const given = docopt(args, { values, flags: [], words: 0 });
  if (given === undefined) return misused('ipam configure');
  const changes = readChanges(given);
  if (typeof changes === 'string') return failure(1, changes);
  if (Object.keys(changes).length === 0) return failure(1, 'at least one configuration option must be specified');
  return refusable(
    () => {
      configureIpam(store, changes);
      recordIpamConfig(cluster.store, store);
      const set = Object.entries(SETTINGS).flatMap(([key, name]) =>
        key in changes ? [`Successfully set ${name} to: ${String(changes[key as keyof typeof SETTINGS])}`] : [],
      );
      return ok(lines(set));
    },
    (message) => `error: ${message}`,
  );
}

// Split.

type Pool = ObjectOf<'IPPool'>;

/** strconv.Atoi() and what it says of other texts. */
function readNumber(text: string): number | string {
  if (INT32.test(text)) return Number(text);
  return `error reading number to split IP pools into. ${text} is not a valid number: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
}

function findPool({ cluster }: Ipam, name: string, cidr: string): Pool | string {
  const { store } = cluster;
  const found =
    name === ''
      ? store.list('IPPool').find(({ spec }) => formatCidr(cidrFromStore(spec.cidr)) === cidr)
      : store.get('IPPool', '', name);
  if (found !== undefined) return found;
  return name === ''
    ? `unable to find IP pool ${name} covering the specified CIDR ${cidr}`
    : `unable to find IP pool with name ${name}: resource does not exist: IPPool(${name}) with error: ippools.crd.projectcalico.org "${name}" not found`;
}

const LONGEST_NAME = 253;
const LONGEST_PREFIX = 245;

function partName(pool: string, i: number): string {
  const name = `split-${pool}-${i}`;
  return name.length > LONGEST_NAME ? `split-${pool.slice(0, LONGEST_PREFIX)}-${i}` : name;
}

export function split(ipam: Ipam, args: readonly string[]): ToolResult {
  const given = docopt(args, { values: ['cidr', 'name'], flags: [], words: 1 });
  if (given === undefined) return misused('ipam split');
  const parts = readNumber(given.words[0] ?? '');
  if (typeof parts === 'string') return failure(1, parts);
  const [cidr, name] = [last(given, 'cidr'), last(given, 'name')];
  if (cidr === '' && name === '')
    return failure(1, 'no name or CIDR provided. Provide a name or CIDR to denote the IP pool to split');
  if (!isLocked(ipam.cluster.store))
    return failure(
      1,
      'datastore is not locked. Run the `calicoctl datastore migrate lock` command in order split the IP pools',
    );
  const pool = findPool(ipam, name, cidr);
  return typeof pool === 'string' ? failure(1, pool) : splitPool(ipam, pool, parts);
}

/** The pool is disabled first, and stays so where it cannot be split. */
function splitPool({ cluster }: Ipam, pool: Pool, parts: number): ToolResult {
  const { store } = cluster;
  store.put('IPPool', { ...pool, spec: { ...pool.spec, disabled: true } });
  const whole = cidrFromStore(pool.spec.cidr);
  return refusable(
    () => {
      const networks = splitCidr(whole, parts);
      const created: string[] = [];
      for (const [i, network] of networks.entries()) {
        const text = formatCidr(network);
        if (network.length > pool.spec.blockSize)
          return failure(
            1,
            `error using unsafe create to make split pool with cidr ${text}: error with field IPpool.CIDR = '${text}' (IP pool size is too small for use with Calico IPAM. It must be equal to or greater than the block size.)`,
          );
        const part = partName(pool.name, i);
        store.put('IPPool', {
          ...pool,
          name: part,
          uid: undefined,
          spec: { ...pool.spec, cidr: cidrToStore(network), disabled: false },
        });
        created.push(`Created ${part} with CIDR ${text}.\n`);
      }
      store.delete('IPPool', '', pool.name);
      cluster.routing?.reconverge([{ kind: 'objects' }]);
      // No line ends before the first of them: so it prints.
      const done = `IP Pool ${pool.name} was successfully split into ${parts} smaller pools.`;
      return ok(`${done}${created.join('')}Please refer to the documentation for final steps.`);
    },
    (message) => `error splitting the CIDR ${formatCidr(whole)} into ${parts} CIDRs: ${message}`,
  );
}
