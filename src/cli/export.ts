/** `podwire export netns`: a script that rebuilds the emulated hosts as real network namespaces. */

import { exportClusterNetns } from '../tools/index.js';
import { loadCluster, parseOptions, UsageError, withFindings, withUsage } from './options.js';

export const run = (args: readonly string[]): Promise<number> => withUsage(() => exportAs(args));

async function exportAs(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  const [form, ...hosts] = options.positionals;
  if (form !== 'netns') throw new UsageError('export wants to know as what: netns');
  if (!/^[A-Za-z0-9][\w.-]{0,30}$/.test(options.prefix))
    throw new UsageError(`--prefix wants a word of letters, digits, dots and dashes, not "${options.prefix}"`);
  const cluster = await loadCluster(options);
  if (cluster === undefined) return 2;
  const names = hosts.map((name) => name.replace(/^(?:node|host)\//, ''));
  return withFindings(cluster, { quiet: options.quiet, tells: ({ severity }) => severity === 'warning' }, () => {
    process.stdout.write(exportClusterNetns(cluster, { hosts: names, prefix: options.prefix }));
    return 0;
  });
}
