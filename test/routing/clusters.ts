/** Clusters of a topology with documents added to it or taken from it. */

import { readdirSync, readFileSync } from 'node:fs';
import { isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import { formatConfigError, type SourceText } from '../../src/kubernetes/index.js';
import { RoutedCluster } from '../../src/routing/index.js';
import type { ConnectionTrace, TraceProtocol } from '../../src/trace/index.js';

export const sourcesOf = (name: string): SourceText[] =>
  readdirSync(`topologies/${name}`)
    .filter((file) => file.endsWith('.yaml') && file !== 'expectations.yaml')
    .map((file) => ({ file, text: readFileSync(`topologies/${name}/${file}`, 'utf8') }));

export type Edit = (text: string, file: string) => string;

/** A topology with more documents, and with its own edited. */
export function clusterLike(name: string, more = '', edit: Edit = (text) => text): RoutedCluster {
  const own = sourcesOf(name).map(({ file, text }) => ({ file, text: edit(text, file) }));
  const cluster = new RoutedCluster([...own, ...(more === '' ? [] : [{ file: 'more.yaml', text: more }])]);
  if (cluster.errors.length > 0) throw new Error(cluster.errors.map(formatConfigError).join('\n'));
  return cluster;
}

export function traceIn(
  cluster: RoutedCluster,
  ends: readonly [from: string, to: string],
  protocol: TraceProtocol = 'tcp',
): ConnectionTrace {
  const from = parseEndpointName(ends[0]);
  const to = parseDestination(ends[1]);
  if (isNameProblem(from) || isNameProblem(to)) throw new Error(`bad names: ${ends.join(' ')}`);
  return cluster.trace({ from, to, protocol });
}
