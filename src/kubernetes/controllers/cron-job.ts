/**
 * CronJobs (pkg/controller/cronjob/cronjob_controllerv2.go). Time of day plays no part in a cluster that is shown at
 * one moment: a CronJob of which nothing is recorded is shown while its first run is on. One that a dump says has run
 * before is shown with what the dump has: Jobs and pods are objects of their own.
 */

import { firstRun, parseCronSchedule } from '../cron-schedule.js';
import { type Finding, finding } from '../messages.js';
import { seededUuid } from '../names.js';
import { controllerOf } from '../pods.js';
import type { CronJob, Job } from '../types.js';
import type { Controllers } from './replicas.js';

/** When CronJobs of plain manifests begin to count: 2025-09-01 00:00 UTC, in minutes since 1970. */
const BEGINNING = 20_332 * 1_440;

/** getJobFromTemplate2(): named by the minute for which it was due. */
function jobOf(cronJob: CronJob, minute: number, seed: number): Job {
  const { metadata, spec } = cronJob.spec.jobTemplate;
  const name = `${cronJob.name}-${minute}`;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    namespace: cronJob.namespace,
    name,
    labels: metadata.labels,
    annotations: metadata.annotations,
    uid: seededUuid(seed, `Job/${cronJob.namespace}/${name}`),
    ownerReferences: [{ kind: 'CronJob', name: cronJob.name, uid: cronJob.uid, controller: true }],
    terminating: false,
    source: cronJob.source.inside(['spec', 'jobTemplate']),
    spec,
    status: { succeeded: 0, completedIndexes: '', finished: false },
  };
}

/** Makes the Job of the CronJob's run; runJob() makes its pods. */
export function runCronJob(cronJob: CronJob, { store, seed }: Controllers): Finding | undefined {
  if (cronJob.terminating || cronJob.spec.suspend || cronJob.status.lastScheduleTime !== undefined) return undefined;
  const owned = store.list('Job', cronJob.namespace).some((job) => {
    const owner = controllerOf(job);
    return owner?.kind === 'CronJob' && owner.name === cronJob.name;
  });
  if (owned) return undefined;
  const schedule = parseCronSchedule(cronJob.spec.schedule);
  const minute = schedule && firstRun(schedule, BEGINNING);
  const told = (message: string): Finding =>
    finding(cronJob, ['spec', 'schedule'], { code: 'cronjob-running', severity: 'notice', message });
  const quoted = JSON.stringify(cronJob.spec.schedule);
  if (minute === undefined) return told(`no pods are made: the schedule ${quoted} fits no day`);
  store.put('Job', jobOf(cronJob, minute, seed));
  return told(`the cluster is shown while a run of the schedule ${quoted} is on`);
}
