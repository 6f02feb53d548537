/** CronJobs: schedules as robfig/cron reads them, and the Job and pods of a run. */

import t from 'tap';
import { firstRun, parseCronSchedule } from '../../src/kubernetes/cron-schedule.js';
import { load, NODES, placed, podsOf, template } from './cluster-text.js';

const MINUTE_MS = 60_000;
const at = (text: string): number => Date.parse(`${text}:00Z`) / MINUTE_MS;
const timeOf = (minute: number | undefined): string =>
  minute === undefined ? 'never' : new Date(minute * MINUTE_MS).toISOString().slice(0, 16);

/** From Monday 2025-09-01 12:30 on. */
const FIRST: readonly (readonly [schedule: string, first: string])[] = [
  ['* * * * *', '2025-09-01T12:30'],
  ['*/5 * * * *', '2025-09-01T12:30'],
  ['7 * * * *', '2025-09-01T13:07'],
  ['0 3 * * *', '2025-09-02T03:00'],
  ['0 3 1 * *', '2025-10-01T03:00'],
  ['0 0 * * 0', '2025-09-07T00:00'],
  ['0 0 * * SUN', '2025-09-07T00:00'],
  ['15,45 8-10/2 * * mon-fri', '2025-09-02T08:15'],
  ['0 0 29 2 *', '2028-02-29T00:00'],
  ['0 0 30 2 *', 'never'],
  ['0 0 13 * 5', '2025-09-05T00:00'],
  ['0 0 13 * *', '2025-09-13T00:00'],
  ['3/20 * * * *', '2025-09-01T12:43'],
  ['0 12 31 dec ?', '2025-12-31T12:00'],
  ['@hourly', '2025-09-01T13:00'],
  ['@daily', '2025-09-02T00:00'],
  ['@weekly', '2025-09-07T00:00'],
  ['@monthly', '2025-10-01T00:00'],
  ['@yearly', '2026-01-01T00:00'],
  ['@every 1h30m', '2025-09-01T14:00'],
  ['TZ=UTC 0 13 * * *', '2025-09-01T13:00'],
];
for (const [text, first] of FIRST) {
  t.test(`the first run of ${text}`, (t) => {
    const schedule = parseCronSchedule(text);
    t.equal(schedule && timeOf(firstRun(schedule, at('2025-09-01T12:30'))), first);
    t.end();
  });
}

for (const text of [
  '',
  '* * * *',
  '* * * * * *',
  '60 * * * *',
  '5-3 * * * *',
  '*/0 * * * *',
  'x * * * *',
  '@often',
  '* * * * 7',
]) {
  t.test(`${JSON.stringify(text)} is no schedule`, (t) => {
    t.equal(parseCronSchedule(text), undefined);
    t.end();
  });
}

const cronJob = (spec: object = {}, rest: object = {}) => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'backup' },
  spec: {
    schedule: '30 4 * * *',
    jobTemplate: {
      metadata: { labels: { of: 'job' } },
      spec: { parallelism: 2, completions: 2, template: template() },
    },
    ...spec,
  },
  ...rest,
});

t.test('a CronJob of a plain manifest is shown at a run: its Job, and the Job’s pods', (t) => {
  const { store, errors, findings } = load(...NODES, cronJob());
  t.same(errors, []);
  t.match(findings, [{ code: 'cronjob-running', severity: 'notice' }]);
  const name = `backup-${at('2025-09-01T04:30')}`;
  t.match(store.list('Job'), [{ name, labels: { of: 'job' }, ownerReferences: [{ kind: 'CronJob', name: 'backup' }] }]);
  t.equal(podsOf(store).length, 2);
  for (const pod of podsOf(store)) {
    t.match(pod.name, new RegExp(`^${name}-[bcdfghjklmnpqrstvwxz2456789]{5}$`));
    t.match(pod, { labels: { app: 'web', 'job-name': name }, ownerReferences: [{ kind: 'Job', name }] });
  }
  t.equal(new Set(placed(store).map((one) => one.split('@')[1])).size, 2, 'on nodes of their own');
  t.end();
});

t.test('what is suspended, or has run before, makes nothing', (t) => {
  t.same(placed(load(...NODES, cronJob({ suspend: true })).store), []);
  t.same(placed(load(...NODES, cronJob({}, { status: { lastScheduleTime: '2025-09-01T04:30:00Z' } })).store), []);
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: 'backup-1',
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: 'backup', uid: 'u', controller: true }],
    },
    spec: { template: template() },
  };
  t.match(
    podsOf(load(...NODES, cronJob(), job).store).map(({ name }) => name),
    [/^backup-1-/],
  );
  t.end();
});

t.test('a schedule that is none is an error with its place', (t) => {
  const { errors } = load(...NODES, cronJob({ schedule: '61 * * * *' }));
  t.match(errors, [{ path: 'spec.schedule', got: '"61 * * * *"' }]);
  t.end();
});
