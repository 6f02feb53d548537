/** The controller manager: every workload's missing pods are made. Pods that exist stay as they are. */

import type { Finding } from '../messages.js';
import type { Store } from '../store.js';
import { runCronJob } from './cron-job.js';
import { runDaemonSet } from './daemon-set.js';
import { runJob } from './job.js';
import { PodOwnership, type PodsBefore } from './pods.js';
import { ReplicaSetIndex } from './replica-sets.js';
import { type Controllers, runDeployment, runReplicas } from './replicas.js';
import { runStatefulSet } from './stateful-set.js';

export function runControllers(
  store: Store,
  { seed, ...before }: PodsBefore & { readonly seed: number },
): readonly Finding[] {
  const pods = new PodOwnership(store, seed, before);
  const controllers: Controllers = { store, pods, sets: new ReplicaSetIndex(store), seed };
  for (const set of store.list('DaemonSet')) runDaemonSet(set, controllers);
  for (const set of store.list('StatefulSet')) runStatefulSet(set, controllers);
  for (const deployment of store.list('Deployment')) runDeployment(deployment, controllers);
  for (const set of store.list('ReplicaSet')) runReplicas(set, controllers);
  for (const controller of store.list('ReplicationController')) runReplicas(controller, controllers);
  const findings = store.list('CronJob').map((cronJob) => runCronJob(cronJob, controllers));
  for (const job of store.list('Job')) runJob(job, controllers);
  return findings.filter((one) => one !== undefined);
}
