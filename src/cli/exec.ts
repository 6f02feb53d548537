/** `podwire exec`: runs a tool on a host or in a pod of the emulated cluster. */

import { type EndpointName, isNameProblem, parseEndpointName } from '../cluster/index.js';
import type { Finding } from '../kubernetes/index.js';
import { runTool } from '../tools/index.js';
import {
  loadCluster,
  parseOptions,
  reading,
  refuse,
  splitCommand,
  UsageError,
  withFindings,
  withUsage,
} from './options.js';

export const run = (args: readonly string[]): Promise<number> => withUsage(() => exec(args));

async function exec(args: readonly string[]): Promise<number> {
  const { own, command } = splitCommand(args);
  const options = parseOptions(own);
  const endpoint = reading(() => placeOf(options.positionals, command));
  const cluster = await loadCluster(options);
  if (endpoint instanceof UsageError) return refuse(cluster, options, endpoint);
  if (cluster === undefined) return 2;
  // A notice of what is not modelled may be why a tool shows less than the real one.
  const tells = ({ severity, code }: Finding): boolean => severity === 'warning' || code === 'unmodelled';
  return withFindings(cluster, { quiet: options.quiet, tells }, () => {
    const result = runTool(cluster, endpoint, command);
    process.stdout.write(result.stdout);
    process.stderr.write(result.stderr);
    return result.exitCode;
  });
}

/** @throws UsageError */
function placeOf([name, extra]: readonly string[], command: readonly string[]): EndpointName {
  if (name === undefined || extra !== undefined) throw new UsageError('exec wants one host, and a command behind --');
  if (command.length === 0) throw new UsageError('exec wants a command behind --');
  const endpoint = parseEndpointName(name);
  if (isNameProblem(endpoint)) throw new UsageError(`HOST: ${endpoint.problem}`);
  return endpoint;
}
