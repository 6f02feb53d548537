/** `calicoctl datastore migrate lock|unlock`; calicoctl/commands/datastore/migrate. Whoever changes IPAM at large wants it. */

import { type ObjectOf, type Store, unwritten } from '../../kubernetes/index.js';
import { misused } from './usage.js';
import { docopt } from './docopt.js';
import { failure, ok, type ToolResult } from '../tool.js';

/** calico-node makes it when it first starts. */
export function clusterInformation(store: Store): ObjectOf<'ClusterInformation'> {
  const held = store.get('ClusterInformation', '', 'default');
  if (held !== undefined) return held;
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'ClusterInformation',
    namespace: '',
    name: 'default',
    labels: {},
    annotations: {},
    uid: undefined,
    ownerReferences: [],
    terminating: false,
    source: unwritten('<calico>'),
    spec: { clusterGUID: '', clusterType: '', calicoVersion: '', datastoreReady: true },
    resourceVersion: '',
  };
}

export const isLocked = (store: Store): boolean => clusterInformation(store).spec.datastoreReady === false;

export function calicoctlDatastore(store: Store, args: readonly string[]): ToolResult {
  const [group, command = '', ...rest] = args;
  const wanted = group === 'migrate' && (command === 'lock' || command === 'unlock');
  if (!wanted)
    return failure(1, `calicoctl datastore ${args.join(' ')}: only migrate lock and migrate unlock are offered here`);
  if (docopt(rest, { values: [], flags: [], words: 0 }) === undefined) return misused(`datastore migrate ${command}`);
  const information = clusterInformation(store);
  const datastoreReady = command === 'unlock';
  if (information.spec.datastoreReady !== datastoreReady)
    store.put('ClusterInformation', {
      ...information,
      spec: { ...information.spec, datastoreReady },
      resourceVersion: String(BigInt(information.resourceVersion || 0) + 1n),
    });
  return ok(`Datastore ${command}ed.\n`);
}
