/** What makes pods: apps/v1, batch/v1 and the ReplicationController. */

import { parseCronSchedule } from '../cron-schedule.js';
import { textMap } from '../schema/kind.js';
import {
  check,
  count,
  flag,
  listOf,
  map,
  oneOf,
  optional,
  orEmpty,
  record,
  text,
  withDefault,
} from '../schema/schema.js';
import { type LabelSelector, labelSelector } from './label-selector.js';
import { podTemplate } from './pod.js';

/** More pods of one workload are taken for a mistake: it is twice what Kubernetes is tested with in a whole cluster. */
const MOST_PODS = 300_000;
const TOO_MANY = `at most ${MOST_PODS} pods`;

const replicas = withDefault(
  check(count, (wanted) => (wanted > MOST_PODS ? { path: [], expected: TOO_MANY } : undefined)),
  1,
);

const deploymentSpec = record({ replicas, selector: labelSelector, template: podTemplate });
export const deploymentBody = record({ spec: deploymentSpec });
export const replicaSetBody = deploymentBody;
export const daemonSetBody = record({ spec: record({ selector: labelSelector, template: podTemplate }) });

export const statefulSetBody = record({
  spec: record({
    replicas,
    selector: labelSelector,
    template: podTemplate,
    serviceName: withDefault(text, ''),
    ordinals: orEmpty(record({ start: withDefault(count, 0) })),
  }),
});

const exactly = (matchLabels: Readonly<Record<string, string>>): LabelSelector => ({
  matchLabels,
  matchExpressions: [],
});

/** Its selector is a plain map, the template's labels where there is none. */
export const replicationControllerBody = record({
  spec: map(record({ replicas, selector: textMap, template: podTemplate }), ({ selector, ...spec }) => ({
    ...spec,
    selector: exactly(Object.keys(selector).length > 0 ? selector : spec.template.labels),
  })),
});

const jobSpec = check(
  record({
    parallelism: withDefault(count, 1),
    completions: optional(count),
    completionMode: withDefault(oneOf('NonIndexed', 'Indexed'), 'NonIndexed'),
    suspend: withDefault(flag, false),
    selector: optional(labelSelector),
    template: podTemplate,
  }),
  ({ parallelism, completions = parallelism }) =>
    Math.min(parallelism, completions) > MOST_PODS ? { path: ['parallelism'], expected: TOO_MANY } : undefined,
);

const jobStatus = map(
  orEmpty(
    record({
      succeeded: withDefault(count, 0),
      completedIndexes: withDefault(text, ''),
      conditions: listOf(record({ type: text, status: text })),
    }),
  ),
  ({ conditions, ...status }) => ({
    ...status,
    finished: conditions.some(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True'),
  }),
);

export const jobBody = record({ spec: jobSpec, status: jobStatus });

const cronSchedule = check(text, (given) =>
  parseCronSchedule(given) === undefined
    ? { path: [], expected: 'a schedule of five fields such as "*/5 * * * *", or a word such as @hourly' }
    : undefined,
);

export const cronJobBody = record({
  spec: record({
    schedule: cronSchedule,
    suspend: withDefault(flag, false),
    jobTemplate: record({
      metadata: orEmpty(record({ labels: textMap, annotations: textMap })),
      spec: jobSpec,
    }),
  }),
  status: orEmpty(record({ lastScheduleTime: optional(text) })),
});
