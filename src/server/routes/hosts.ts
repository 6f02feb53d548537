/** Machines and pods, what is programmed on them, and commands in them. */

import { Type } from 'typebox';
import { SelectorQuery } from '../object-schemas.js';
import {
  ClusterParams,
  ERRORS,
  ExecRequest,
  ExecResult,
  HostSchema,
  HostStateSchema,
  pageOf,
  PageQuery,
  PodSchema,
} from '../schemas.js';
import { type App, type RouteContext, threadOf } from './context.js';

const tags = ['hosts'];
const HostParams = Type.Object({ ...ClusterParams.properties, name: Type.String({ maxLength: 253 }) });

export function hostRoutes(app: App, context: RouteContext): void {
  app.get(
    '/clusters/:cluster/hosts',
    {
      schema: {
        tags,
        operationId: 'listHosts',
        summary: 'List machines',
        params: ClusterParams,
        querystring: Type.Object(PageQuery),
        response: { 200: pageOf(HostSchema), ...ERRORS },
      },
    },
    async ({ params, query }) => threadOf(context, params.cluster).call('hosts', query),
  );

  app.get(
    '/clusters/:cluster/hosts/:name',
    {
      schema: {
        tags,
        operationId: 'readHost',
        summary: 'Read a machine',
        params: HostParams,
        response: { 200: HostSchema, ...ERRORS },
      },
    },
    async ({ params }) => threadOf(context, params.cluster).call('host', { name: params.name }),
  );

  app.get(
    '/clusters/:cluster/hosts/:name/state',
    {
      schema: {
        tags,
        operationId: 'readHostState',
        summary: 'What is programmed on a machine, as data',
        params: HostParams,
        response: { 200: HostStateSchema, ...ERRORS },
      },
    },
    async ({ params }) => threadOf(context, params.cluster).call('hostState', { name: params.name }),
  );

  app.get(
    '/clusters/:cluster/hosts/:name/text',
    {
      schema: {
        tags,
        operationId: 'readHostStateText',
        summary: 'What is programmed on a machine, as its tools print it',
        description:
          'ip, bridge, iptables-save and ipset, one namespace after the other, each behind a line with the command.',
        params: HostParams,
        response: { 200: { description: 'text', content: { 'text/plain': { schema: Type.String() } } }, ...ERRORS },
      },
    },
    async ({ params }, reply) => {
      const { text } = await threadOf(context, params.cluster).call('hostText', { name: params.name });
      return reply.type('text/plain; charset=utf-8').send(text);
    },
  );

  app.get(
    '/clusters/:cluster/pods',
    {
      schema: {
        tags,
        operationId: 'listPods',
        summary: 'List pods, with their nodes and addresses',
        params: ClusterParams,
        querystring: Type.Object({ ...PageQuery, namespace: Type.Optional(Type.String()), ...SelectorQuery }),
        response: { 200: pageOf(PodSchema), ...ERRORS },
      },
    },
    async ({ params, query }) => threadOf(context, params.cluster).call('pods', query),
  );

  app.post(
    '/clusters/:cluster/exec',
    {
      schema: {
        tags,
        operationId: 'exec',
        summary: 'Run a command on a machine or in a pod',
        params: ClusterParams,
        body: ExecRequest,
        response: { 200: ExecResult, ...ERRORS },
      },
    },
    async ({ params, body }) => threadOf(context, params.cluster).call('exec', body),
  );
}
