/** The controller manager: every workload's missing pods are made. Pods that exist stay as they are. */

import { type Finding, finding } from '../messages.js';
import type { Store } from '../store.js';
import type { CronJob } from '../types.js';
import { runDaemonSet } from './daemon-set.js';
import { runJob } from './job.js';
import { PodOwnership } from './pods.js';
import { ReplicaSetIndex } from './replica-sets.js';
import { type Controllers, runDeployment, runReplicas } from './replicas.js';
import { runStatefulSet } from './stateful-set.js';

/**
 * Between two runs of its schedule a CronJob has no pods, and that is the moment that podwire shows: time of
 * day plays no part in it. Jobs that a dump caught running are objects of their own, and run.
 */
const cronJobFinding = (cronJob: CronJob): Finding =>
  finding(cronJob, ['spec', 'schedule'], {
    code: 'cronjob-not-running',
    severity: 'notice',
    message: `no pods are made: the cluster is shown between two runs of the schedule ${JSON.stringify(cronJob.spec.schedule)}`,
  });

export function runControllers(store: Store, seed: number): readonly Finding[] {
  const controllers: Controllers = { store, pods: new PodOwnership(store), sets: new ReplicaSetIndex(store), seed };
  for (const set of store.list('DaemonSet')) runDaemonSet(set, controllers);
  for (const set of store.list('StatefulSet')) runStatefulSet(set, controllers);
  for (const deployment of store.list('Deployment')) runDeployment(deployment, controllers);
  for (const set of store.list('ReplicaSet')) runReplicas(set, controllers);
  for (const controller of store.list('ReplicationController')) runReplicas(controller, controllers);
  for (const job of store.list('Job')) runJob(job, controllers);
  return store.list('CronJob').map(cronJobFinding);
}
