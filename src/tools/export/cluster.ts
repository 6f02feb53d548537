/** A cluster's machines as an export: all of them, or those that are named. */

import type { Cluster } from '../../cluster/index.js';
import { hostState } from '../../kernel/index.js';
import { exportNetns, type NetnsExport } from './netns.js';

export interface ExportOptions {
  /** Machines by name; all where none is named. @throws UnknownEndpoint */
  readonly hosts?: readonly string[];
  /** Before the name of every namespace. */
  readonly prefix?: string;
}

const DEFAULT_PREFIX = 'pw';

/** What an export of the cluster says; builds the machines that are asked for. @throws UnknownEndpoint */
export function clusterExport(cluster: Cluster, options: ExportOptions = {}): NetnsExport {
  const { plan } = cluster.underlay;
  const names = options.hosts === undefined || options.hosts.length === 0 ? [...plan.machines.keys()] : options.hosts;
  const hosts = names.map((name) => cluster.host(name));
  return {
    hosts: hosts.map(hostState),
    wire: {
      switches: plan.switches.map(({ name }) => name),
      trunks: plan.trunks,
    },
    prefix: options.prefix ?? DEFAULT_PREFIX,
    nameOf: cluster.nameOf,
  };
}

/** The script of `podwire export netns`. @throws UnknownEndpoint */
export const exportClusterNetns = (cluster: Cluster, options: ExportOptions = {}): string =>
  exportNetns(clusterExport(cluster, options));
