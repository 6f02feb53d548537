/** Runs a tool in a topology, as `podwire exec` does. */

import { type Cluster, isNameProblem, parseEndpointName } from '../../src/cluster/index.js';
import { RoutedCluster } from '../../src/routing/index.js';
import { runTool, type ToolResult } from '../../src/tools/index.js';

export const loadTopology = (name: string): Cluster => RoutedCluster.load([`topologies/${name}`]);

export function toolIn(cluster: Cluster, place: string, command: string): ToolResult {
  const endpoint = parseEndpointName(place);
  if (isNameProblem(endpoint)) throw new Error(endpoint.problem);
  return runTool(cluster, endpoint, command.split(' '));
}

/** Standard output of a tool that must end well. */
export function outputOf(cluster: Cluster, place: string, command: string): string {
  const { exitCode, stdout, stderr } = toolIn(cluster, place, command);
  if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}: ${stderr}`);
  return stdout;
}
