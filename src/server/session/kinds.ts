/** Names of kinds as requests write them: exactly, as in manifests. */

import { KIND_NAMES, nearMatches } from '../../kubernetes/index.js';
import type { Mistake } from '../problem.js';

/** podwire's own documents (underlay/document.ts, underlay/host-config.ts, cluster/trace/expectations.ts). */
const OWN_KINDS = ['PhysicalNetwork', 'HostConfig', 'Expectations'];

/** Short names of kubectl (`kubectl api-resources`) and of calicoctl. */
const SHORT_NAMES: Readonly<Record<string, readonly string[]>> = {
  ConfigMap: ['cm'],
  CronJob: ['cj'],
  DaemonSet: ['ds'],
  Deployment: ['deploy'],
  Endpoints: ['ep'],
  Namespace: ['ns'],
  NetworkPolicy: ['netpol', 'np', 'pol'],
  Node: ['no'],
  Pod: ['po'],
  ReplicaSet: ['rs'],
  ReplicationController: ['rc'],
  Service: ['svc'],
  ServiceAccount: ['sa'],
  StatefulSet: ['sts'],
  AdminNetworkPolicy: ['anp'],
  BaselineAdminNetworkPolicy: ['banp'],
  ClusterNetworkPolicy: ['cnp'],
  BGPConfiguration: ['bgpconfig'],
  BGPPeer: ['bgpp', 'bp'],
  FelixConfiguration: ['felixconfig'],
  GlobalNetworkPolicy: ['gnp'],
  GlobalNetworkSet: ['gns'],
  HostEndpoint: ['hep'],
  IPPool: ['ipp', 'pool'],
  NetworkSet: ['netset'],
  Profile: ['pro'],
  WorkloadEndpoint: ['wep'],
};

/** The kind of a short name, in the singular or, as calicoctl takes it too, in the plural. */
const kindOfShortName = (name: string): string | undefined =>
  Object.keys(SHORT_NAMES).find((kind) => SHORT_NAMES[kind]?.some((short) => short === name || `${short}s` === name));

/** Why nothing can be of this kind; undefined where it is known, or where one stands in the cluster. */
export function unknownKind(kind: string, there: Iterable<string>): Mistake | undefined {
  const known = new Set([...KIND_NAMES, ...OWN_KINDS, ...there]);
  if (known.has(kind)) return undefined;
  const short = kindOfShortName(kind.toLowerCase());
  const near = short === undefined ? nearMatches(kind, known) : [short];
  const hint = near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
  return { message: `there is no kind "${kind}"${hint}`, field: '/kind', near };
}
