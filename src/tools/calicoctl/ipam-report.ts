/**
 * The report that `calicoctl ipam check -o FILE` writes and `ipam release --from-report` reads: which addresses and
 * handles nobody has; calicoctl/commands/ipam: check.go:printReport(), release.go:mergeReports().
 */

import {
  type Allocation,
  formatAddress,
  type InUse,
  type IpamCheck,
  IpamError,
  type IpamStore,
  parseAddress,
  releaseAddresses,
  WINDOWS_RESERVED_HANDLE,
} from '../../calico/index.js';
import type { ObjectOf } from '../../kubernetes/index.js';
import type { Ipam } from './ipam.js';
import { VERSION } from './version.js';

interface ReportedAllocation {
  readonly ip: string;
  readonly handle?: string | undefined;
  readonly sequenceNumber?: number | undefined;
  readonly inUse: boolean;
}

interface ReportedHandle {
  readonly ID: string;
  readonly UID: null;
  readonly Revision: string;
}

export interface Report {
  readonly version: string;
  readonly clusterGUID: string;
  readonly clusterInformationRevision: string;
  readonly allocations: Readonly<Record<string, readonly ReportedAllocation[]>>;
  readonly leakedHandles?: readonly ReportedHandle[];
}

function reported({ address, block, attribute, node }: Allocation, owners: readonly string[]) {
  const { pod, namespace, type, timestamp } = attribute?.attributes ?? {};
  const parsed = parseAddress(address);
  const ordinal = parsed === undefined ? 0 : block.ordinalOf(parsed);
  const home = block.affinity?.startsWith('host:') === true ? block.affinity.slice('host:'.length) : '';
  // An absent field is left out of the text.
  return {
    ip: address,
    handle: attribute?.handleId === WINDOWS_RESERVED_HANDLE ? undefined : attribute?.handleId,
    sequenceNumber: Number(block.sequenceNumberForAllocation.get(ordinal) ?? 0n),
    pod,
    namespace,
    node: node || undefined,
    type,
    creationTimestamp: timestamp,
    inUse: owners.length > 0,
    borrowed: node !== home || undefined,
    owners: owners.length > 0 ? owners : null,
  };
}

/** Handles have no revisions in the store: what one holds stands for its. */
function reportedHandle(store: IpamStore, id: string): ReportedHandle | undefined {
  const blocks = store.handle(id);
  if (blocks === undefined) return undefined;
  return { ID: id, UID: null, Revision: [...blocks].map(([cidr, count]) => `${cidr}=${count}`).join(',') };
}

const sameHandle = (a: ReportedHandle, b: ReportedHandle | undefined): boolean =>
  b !== undefined && a.ID === b.ID && a.Revision === b.Revision;

/** The text of a report. */
export function reportText(
  { store }: Ipam,
  found: IpamCheck,
  inUse: readonly InUse[],
  { spec, resourceVersion }: ObjectOf<'ClusterInformation'>,
): string {
  const owners = new Map<string, string[]>();
  for (const { address, by } of inUse) {
    const text = formatAddress(address);
    owners.set(text, [...(owners.get(text) ?? []), by]);
  }
  const sorted = [...found.allocations].sort((a, b) => (a.address < b.address ? -1 : 1));
  const report = {
    version: VERSION,
    clusterGUID: spec.clusterGUID,
    datastoreLocked: spec.datastoreReady === false,
    clusterInformationRevision: resourceVersion,
    clusterType: spec.clusterType,
    allocations: Object.fromEntries(sorted.map((one) => [one.address, [reported(one, owners.get(one.address) ?? [])]])),
    leakedHandles:
      found.leakedHandles.length === 0
        ? undefined
        : found.leakedHandles.flatMap((id) => reportedHandle(store, id) ?? []),
  };
  return JSON.stringify(report, undefined, 2);
}

export type Reports =
  | { readonly reports: readonly Report[]; readonly said: string }
  | { readonly refused: string; readonly said: string };

/** A report of this cluster; a text where it is none. */
function parseReport(text: string): Report | string {
  try {
    const report: unknown = JSON.parse(text);
    const isReport = typeof report === 'object' && report !== null && 'allocations' in report;
    return isReport ? (report as Report) : 'json: cannot unmarshal the file into a report';
  } catch (error) {
    return error instanceof SyntaxError ? error.message : String(error);
  }
}

export function readReports(
  files: ReadonlyMap<string, string>,
  paths: readonly string[],
  { guid, revision, force }: { readonly guid: string; readonly revision: string; readonly force: boolean },
): Reports {
  const reports: Report[] = [];
  let said = '';
  for (const path of paths) {
    const text = files.get(path);
    if (text === undefined) return { refused: `open ${path}: no such file or directory`, said };
    const report = parseReport(text);
    if (typeof report === 'string') return { refused: report, said };
    if (report.clusterGUID !== guid)
      return {
        refused: `cluster does not match the provided report (${path}): mismatched cluster GUID. Refusing to release`,
        said,
      };
    if (report.version !== VERSION) {
      if (!force)
        return {
          refused: `the provided report (${path}) was produced using a different version (${report.version}) of calicoctl. Refusing to release`,
          said,
        };
      said += 'WARNING: Report was produced using a different version of calicoctl. Ignoring due to --force option\n';
    }
    reports.push(report);
  }
  // Whatever is forced: one of them must have been made since ClusterInformation last changed, as it does with the lock.
  if (!reports.some(({ clusterInformationRevision }) => clusterInformationRevision === revision))
    return {
      refused:
        'the provided reports are all stale - at least one should be up-to-date. Please generate a new report while the data store is locked and try again',
      said,
    };
  return { reports, said };
}

/** What all reports say is leaked. */
function common(reports: readonly Report[]) {
  const leakedIn = ({ allocations }: Report): Map<string, ReportedAllocation> =>
    new Map(
      Object.values(allocations)
        .flat()
        .filter(({ inUse }) => !inUse)
        .map((one) => [one.ip, one]),
    );
  const addresses = reports.map(leakedIn);
  const handles = reports.map(({ leakedHandles = [] }) => leakedHandles);
  return {
    addresses: [...(addresses.at(-1)?.values() ?? [])].filter(({ ip }) => addresses.every((leaked) => leaked.has(ip))),
    handles: (handles.at(-1) ?? []).filter((one) =>
      handles.every((leaked) => leaked.some((other) => sameHandle(one, other))),
    ),
  };
}

/** Gives back what all reports call leaked; what was said on the way. */
export function releaseFromReports(ipam: Ipam, reports: readonly Report[]): string {
  const { addresses, handles } = common(reports);
  const ofAddresses =
    addresses.length === 0
      ? "Report didn't contain any leaked IPs to clean up.\n"
      : releaseReportedAddresses(ipam, addresses);
  const ofHandles =
    handles.length === 0 ? "Report didn't contain any handles to clean up.\n" : deleteHandles(ipam.store, handles);
  return ofAddresses + ofHandles;
}

function releaseReportedAddresses({ store, context }: Ipam, leaked: readonly ReportedAllocation[]): string {
  const releases = leaked.flatMap(({ ip, handle, sequenceNumber }) => {
    const address = parseAddress(ip);
    if (address === undefined) return [];
    return [
      {
        address,
        ...(sequenceNumber === undefined ? {} : { sequenceNumber: BigInt(sequenceNumber) }),
        ...(handle === undefined ? {} : { handleId: handle }),
      },
    ];
  });
  const head = `Releasing ${releases.length} old IPs...\n`;
  try {
    const unallocated = releaseAddresses(store, releases, context).length;
    const gone =
      unallocated === 0 ? '' : `${unallocated} addresses marked as leaked in the report had already been cleaned up.\n`;
    return `${head}Released ${releases.length - unallocated} IPs successfully\n${gone}`;
  } catch (error) {
    if (!(error instanceof IpamError)) throw error;
    return `${head}An error occurred while releasing some IPs: ${error.message}.  Problems are often caused by an out-of-date IPAM report.  Try regenerating the IPAM report and retry.\n`;
  }
}

function deleteHandles(store: IpamStore, handles: readonly ReportedHandle[]): string {
  const deleted = handles.map((one) => sameHandle(one, reportedHandle(store, one.ID)) && store.deleteHandle(one.ID));
  const released = deleted.filter(Boolean).length;
  return [
    `Deleting ${handles.length} handles...\n`,
    "Key: '.' = Deleted OK; 'x' = skip, handle missing/changed.\n",
    `${deleted.map((done) => (done ? '.' : 'x')).join('')}\n`,
    `Released ${released} handles; ${handles.length - released} skipped; 0 errors.\n`,
  ].join('');
}
