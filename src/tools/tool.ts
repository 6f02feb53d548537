/** What a tool is: a function of a namespace and its arguments. */

import type { Cluster, Environment } from '../cluster/index.js';
import type { Netns } from '../kernel/index.js';
import type { Pod } from '../kubernetes/index.js';

export interface ToolResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a tool runs. */
export interface ToolPlace {
  readonly cluster: Cluster;
  readonly netns: Netns;
  /** In a pod: the pod. */
  readonly pod: Pod | undefined;
  /** Without one it is that which programs find there. */
  readonly environment?: Environment;
  /** Which names of files begin in; without one it is the root. */
  readonly folder?: string;
}

/** `input`: its standard input, the whole of it. */
export type Tool = (place: ToolPlace, args: readonly string[], input?: string) => ToolResult;

/** Of tools that run others. */
export type Run = (place: ToolPlace, command: readonly string[], input: string) => ToolResult;

/** Programs by their names, for shells. */
export interface Programs {
  readonly run: Run;
  /** Undefined where there is none of that name. */
  readonly pathOf: (name: string) => string | undefined;
}

export const environmentOf = ({ environment, cluster, pod }: ToolPlace): Environment =>
  environment ?? cluster.programs.environment(pod);

export const ok = (stdout: string): ToolResult => ({ exitCode: 0, stdout, stderr: '' });
export const failure = (exitCode: number, message: string, stdout = ''): ToolResult => ({
  exitCode,
  stdout,
  stderr: `${message}\n`,
});
export const lines = (rows: readonly string[]): string => rows.map((row) => `${row}\n`).join('');

/** Of things done one after the other. */
export const together = (results: readonly ToolResult[]): ToolResult =>
  results.reduce(
    (all, one) => ({
      exitCode: Math.max(all.exitCode, one.exitCode),
      stdout: all.stdout + one.stdout,
      stderr: all.stderr + one.stderr,
    }),
    ok(''),
  );
