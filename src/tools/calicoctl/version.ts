/** `calicoctl version`; calicoctl/calicoctl/commands/version.go. */

import type { Store } from '../../kubernetes/index.js';
import { misused } from './usage.js';
import { docopt } from './docopt.js';
import { failure, lines, ok, type ToolResult } from '../tool.js';

/** Ours, which is as old as the cluster's as far as anybody asks: no command minds another. */
export const VERSION = 'v3.32.1';
const COMMIT = '0ca9d1b93644778cafdf1812f3dda02ac0c361e8';

/** A number and a unit, or several: what Go takes for a duration. */
const DURATION = /^[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/;

export function calicoctlVersion(store: Store, args: readonly string[]): ToolResult {
  const given = docopt(args, { values: ['poll'], flags: ['client'], words: 0 });
  if (given === undefined) return misused('version');
  const poll = given.values.get('poll')?.at(-1) ?? '';
  if (poll !== '' && !DURATION.test(poll)) return failure(1, 'invalid poll duration specified: 0s');
  const client = lines([`Client Version:    ${VERSION}`, `Git commit:        ${COMMIT}`]);
  if (given.flags.has('client')) return ok(client);
  const information = store.get('ClusterInformation', '', 'default')?.spec;
  if (information === undefined)
    return failure(
      1,
      'unable to retrieve Cluster Version or Type: resource does not exist: ClusterInformation(default) with error: clusterinformations.crd.projectcalico.org "default" not found',
      client,
    );
  const { calicoVersion, clusterType } = information;
  return ok(
    client +
      lines([`Cluster Version:   ${calicoVersion || 'unknown'}`, `Cluster Type:      ${clusterType || 'unknown'}`]),
  );
}
