/** Scenarios: the built-in topologies, read and run. */

import { Type } from 'typebox';
import { ERRORS, ExpectedResult, pageOf, PageQuery, RunScenario, ScenarioSchema, ScenarioSummary } from '../schemas.js';
import type { Scenario, Scenarios } from '../scenarios.js';
import { emptyBody } from '../bodies.js';
import { requireClusterName } from '../clusters.js';
import { page } from '../session/page.js';
import { Turns } from '../turns.js';
import type { App, RouteContext } from './context.js';

const tags = ['scenarios'];
const params = Type.Object({ name: Type.String({ maxLength: 63 }) });

const summaryOf = ({ name, title, description, expectations }: Scenario) => ({
  name,
  title,
  description,
  expectations: [...expectations],
});

interface Run {
  readonly scenario: Scenario;
  /** Of the cluster. */
  readonly name: string;
  readonly replace: boolean;
  readonly seed: number;
}

/** Loads it into a cluster of its own, in place of one of that name where that is asked for, and sends what it expects. */
async function run({ clusters }: RouteContext, { scenario, name, replace, seed }: Run) {
  if (replace && clusters.list().some((one) => one.name === name)) await clusters.remove(name);
  const { thread } = await clusters.add({ name, origin: { kind: 'sources', sources: scenario.sources, seed } });
  return thread.call('runExpected', undefined);
}

export function scenarioRoutes(app: App, context: RouteContext, scenarios: Scenarios): void {
  const turns = new Turns();

  app.get(
    '/scenarios',
    {
      schema: {
        tags,
        operationId: 'listScenarios',
        summary: 'List the topologies that come with podwire',
        querystring: Type.Object(PageQuery),
        response: { 200: pageOf(ScenarioSummary), ...ERRORS },
      },
    },
    async ({ query }) => {
      const key = ({ name }: Scenario): string => name;
      const found = page(scenarios.list(), key, query);
      return { ...found, items: found.items.map(summaryOf) };
    },
  );

  app.get(
    '/scenarios/:name',
    {
      schema: {
        tags,
        operationId: 'readScenario',
        summary: 'Read a topology, its files and its README',
        params,
        response: { 200: ScenarioSchema, ...ERRORS },
      },
    },
    async ({ params: { name } }) => {
      const scenario = scenarios.get(name);
      return { ...summaryOf(scenario), readme: scenario.readme, sources: [...scenario.sources] };
    },
  );

  app.post(
    '/scenarios/:name/run',
    {
      preValidation: emptyBody,
      schema: {
        tags,
        operationId: 'runScenario',
        summary: 'Load a topology into a cluster and send all that it expects',
        description:
          'The cluster stays, and with it every trace that was sent. Runs that want a cluster of the same name are done one after the other.',
        params,
        body: RunScenario,
        response: {
          201: Type.Object({
            cluster: Type.String(),
            passed: Type.Integer(),
            failed: Type.Integer(),
            results: Type.Array(ExpectedResult),
          }),
          ...ERRORS,
        },
      },
    },
    async ({ params: { name }, body }, reply) => {
      const { cluster = name, replace, seed } = body;
      requireClusterName(cluster, '/cluster');
      const scenario = scenarios.get(name);
      const results = await turns.take(cluster, async () => run(context, { scenario, name: cluster, replace, seed }));
      const passed = results.filter((one) => one.passed).length;
      reply.code(201).header('location', `/api/v1/clusters/${cluster}`);
      return { cluster, passed, failed: results.length - passed, results };
    },
  );
}
