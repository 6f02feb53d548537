/** `podwire exec`: runs a tool on a host or in a pod of the emulated cluster. */

import { isNameProblem, parseEndpointName } from '../cluster/index.js';
import { runTool } from '../tools/index.js';
import { loadCluster, parseOptions, printFindings, splitCommand, UsageError, withUsage } from './options.js';

export const run = (args: readonly string[]): Promise<number> => withUsage(() => exec(args));

async function exec(args: readonly string[]): Promise<number> {
  const { own, command } = splitCommand(args);
  const options = parseOptions(own);
  const [name, extra] = options.positionals;
  if (name === undefined || extra !== undefined) throw new UsageError('exec wants one host, and a command behind --');
  if (command.length === 0) throw new UsageError('exec wants a command behind --');
  const endpoint = parseEndpointName(name);
  if (isNameProblem(endpoint)) throw new UsageError(endpoint.problem);
  const cluster = await loadCluster(options);
  if (cluster === undefined) return 2;
  const result = runTool(cluster, endpoint, command);
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
  const told = cluster.findings.filter(({ severity, code }) => severity === 'warning' || code === 'unmodelled');
  if (!options.quiet) printFindings(told);
  return result.exitCode;
}
