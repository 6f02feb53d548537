/** Jobs (pkg/controller/job), those of CronJobs too. */

import { generateName } from '../names.js';
import { isActive } from '../pods.js';
import { Random } from '../seeded.js';
import { labelOf } from '../selector.js';
import type { Job, Pod } from '../types.js';
import { createPods, type Making, podFromTemplate, type PodOwnership } from './pods.js';
import type { Controllers } from './replicas.js';

const INDEX = 'batch.kubernetes.io/job-completion-index';

const labelsOf = ({ name, uid = '' }: Job): Record<string, string> => ({
  'batch.kubernetes.io/controller-uid': uid,
  'controller-uid': uid,
  'batch.kubernetes.io/job-name': name,
  'job-name': name,
});

/** `0-2,5`: indexed_job_utils.go:parseIndexesFromString(). */
function parseIndexes(text: string): ReadonlySet<number> {
  const indexes = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
    if (match === null) continue;
    const first = Number(match[1]);
    for (let index = first; index <= Number(match[2] ?? first); index++) indexes.add(index);
  }
  return indexes;
}

const indexOf = (pod: Pod): number => Number(labelOf(pod.annotations, INDEX) ?? labelOf(pod.labels, INDEX) ?? -1);

/** How many pods run at once: never more than are still to be completed. */
function wanted({ spec, status }: Job, succeeded: number): number {
  if (spec.suspend || status.finished) return 0;
  if (spec.completions === undefined) return succeeded > 0 ? 0 : spec.parallelism;
  return Math.min(spec.parallelism, Math.max(0, spec.completions - succeeded));
}

function createIndexed(
  missing: number,
  existing: readonly Pod[],
  making: Making & { readonly job: Job; readonly pods: PodOwnership },
): void {
  const { job, pods, seed } = making;
  const done = new Set([...parseIndexes(job.status.completedIndexes), ...existing.map(indexOf)]);
  const random = Random.for(seed, `Job/${job.namespace}/${job.name}`);
  for (let index = 0, left = missing; left > 0 && index < (job.spec.completions ?? 0); index++) {
    if (done.has(index)) continue;
    const base = `${job.name}-${index}`;
    const name = generateName(`${base}-`, random, (candidate) => pods.isTaken(job.namespace, candidate));
    const own = { [INDEX]: String(index) };
    const labels = { ...making.labels, ...own };
    const spec = { ...job.spec.template.spec, hostname: base };
    pods.create(podFromTemplate(name, { ...making, labels, annotations: own, spec }));
    left--;
  }
}

export function runJob(job: Job, { pods, seed }: Controllers): void {
  if (job.terminating) return;
  const selector = job.spec.selector ?? {
    matchLabels: { 'batch.kubernetes.io/job-name': job.name },
    matchExpressions: [],
  };
  const existing = pods.podsOf(job, selector);
  const succeededPods = existing.filter(({ status }) => status.phase === 'Succeeded').length;
  const missing = wanted(job, Math.max(job.status.succeeded, succeededPods)) - existing.filter(isActive).length;
  const making = { owner: job, template: job.spec.template, seed, labels: labelsOf(job) };
  if (job.spec.completionMode === 'Indexed') {
    const counted = existing.filter((pod) => isActive(pod) || pod.status.phase === 'Succeeded');
    createIndexed(missing, counted, { ...making, job, pods });
  } else createPods(missing, pods, making);
}
