/** Clusters: loaded from texts or a snapshot, listed, deleted. */

import { Type } from 'typebox';
import { CBOR_TYPE, YAML_TYPES } from '../bodies.js';
import type { ServedCluster } from '../clusters.js';
import * as EXAMPLES from '../examples.js';
import { Problem } from '../problem.js';
import {
  ClusterParams,
  ClusterSummary,
  ERRORS,
  FindingSchema,
  NewCluster,
  oneOf,
  type NewClusterBody,
  pageOf,
  PageQuery,
} from '../schemas.js';
import { page } from '../session/page.js';
import type { Origin } from '../session/opening.js';
import { type App, type RouteContext, threadOf } from './context.js';

const tags = ['clusters'];

async function summaryOf({ id, name, createdAt, thread }: ServedCluster) {
  const { state, restarted } = thread;
  const base = { id, name, createdAt, state, ...(restarted === undefined ? {} : { restarted }) };
  return state === 'ready' ? { ...base, ...(await thread.call('summary', undefined)), name } : base;
}

const DEFAULT_SEED = 1;

/** What may stand in the query and in the body. @throws Problem where both say something else */
function agreed<T extends string | number>(
  field: string,
  inQuery: T | undefined,
  inBody: T | undefined,
): T | undefined {
  if (inQuery === undefined || inBody === undefined || inQuery === inBody) return inBody ?? inQuery;
  const message = `${field} is ${inQuery} in the query and ${inBody} in the body`;
  throw new Problem('bad-request', message, [{ message, field: `/${field}` }]);
}

/** What the body brings, by its type. */
function originOf(
  body: unknown,
  { name, seed }: { readonly seed?: number; readonly name?: string },
): { name: string | undefined; origin: Origin } {
  if (typeof body === 'string') {
    const sources = [{ file: 'request.yaml', text: body }];
    return { name, origin: { kind: 'sources', sources, seed: seed ?? DEFAULT_SEED } };
  }
  if (body instanceof Uint8Array) {
    const bytes = new Uint8Array(body);
    return { name, origin: { kind: 'snapshot', bytes, ...(seed === undefined ? {} : { seed }) } };
  }
  if (typeof body !== 'object' || body === null)
    throw new Problem('bad-request', 'a body is wanted: JSON with sources, YAML, or a snapshot as CBOR');
  const given = body as NewClusterBody;
  return {
    name: agreed('name', name, given.name),
    origin: { kind: 'sources', sources: given.sources, seed: agreed('seed', seed, given.seed) ?? DEFAULT_SEED },
  };
}

export function clusterRoutes(app: App, context: RouteContext): void {
  const { clusters } = context;

  app.get(
    '/clusters',
    {
      schema: {
        tags,
        operationId: 'listClusters',
        summary: 'List clusters',
        querystring: Type.Object(PageQuery),
        response: { 200: pageOf(ClusterSummary), ...ERRORS },
      },
    },
    async ({ query }) => {
      const key = ({ name }: ServedCluster): string => name;
      const found = page(clusters.list(), key, query);
      return { ...found, items: await Promise.all(found.items.map(summaryOf)) };
    },
  );

  app.post(
    '/clusters',
    {
      schema: {
        tags,
        operationId: 'createCluster',
        summary: 'Load a cluster',
        description:
          'From texts (JSON with `sources`), from one YAML text (what `kubectl get -o json` prints is YAML too, sent as application/yaml), or from a snapshot (CBOR). Name and seed stand in the query or in the JSON; both may, where they say the same. A snapshot has its seed and its name with it; where a cluster has that name already (409), another is wanted.',
        consumes: ['application/json', ...YAML_TYPES, CBOR_TYPE],
        querystring: Type.Object({
          name: Type.Optional(
            Type.String({
              maxLength: 63,
              description: 'lower case letters, digits and "-"; left out, it is that of the snapshot, or one is made',
            }),
          ),
          seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 999_999_999, description: '1 where left out' })),
        }),
        body: {
          content: {
            'application/json': { schema: NewCluster },
            'application/yaml': { schema: Type.String({ examples: [EXAMPLES.clusterYaml] }) },
            [CBOR_TYPE]: { schema: Type.Unsafe<Uint8Array>({ description: 'a snapshot', format: 'binary' }) },
          },
        },
        response: { 201: ClusterSummary, ...ERRORS },
      },
    },
    async ({ body, query }, reply) => {
      const cluster = await clusters.add(originOf(body, query));
      reply.code(201).header('location', `/api/v1/clusters/${cluster.id}`);
      return summaryOf(cluster);
    },
  );

  app.get(
    '/clusters/:cluster',
    {
      schema: {
        tags,
        operationId: 'readCluster',
        summary: 'Read a cluster',
        params: ClusterParams,
        response: { 200: ClusterSummary, ...ERRORS },
      },
    },
    async ({ params }) => summaryOf(clusters.get(params.cluster)),
  );

  app.delete(
    '/clusters/:cluster',
    {
      schema: {
        tags,
        operationId: 'deleteCluster',
        summary: 'Delete a cluster',
        params: ClusterParams,
        response: { 204: Type.Null(), ...ERRORS },
      },
    },
    async ({ params }, reply) => {
      await clusters.remove(params.cluster);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/clusters/:cluster/snapshot',
    {
      schema: {
        tags,
        operationId: 'downloadSnapshot',
        summary: 'Take a snapshot',
        description:
          'Objects, what was settled (nodes and addresses of pods), faults and the time, as CBOR. POST it to /clusters to have the cluster again, of the same name or another. Connections, learned neighbours and counters are not in it.',
        params: ClusterParams,
        response: { 200: { description: 'CBOR', content: { [CBOR_TYPE]: { schema: {} } } }, ...ERRORS },
      },
    },
    async ({ params }, reply) => {
      const { name } = clusters.get(params.cluster);
      const { bytes } = await threadOf(context, params.cluster).call('snapshot', undefined);
      return reply
        .type(CBOR_TYPE)
        .header('content-disposition', `attachment; filename="${name}.cbor"`)
        .send(Buffer.from(bytes.buffer));
    },
  );

  app.get(
    '/clusters/:cluster/findings',
    {
      schema: {
        tags,
        operationId: 'listFindings',
        summary: 'What a real cluster would suffer from',
        params: ClusterParams,
        querystring: Type.Object({
          ...PageQuery,
          severity: Type.Optional(oneOf(['warning', 'notice'])),
        }),
        response: { 200: pageOf(FindingSchema), ...ERRORS },
      },
    },
    async ({ params, query }) => threadOf(context, params.cluster).call('findings', query),
  );
}
