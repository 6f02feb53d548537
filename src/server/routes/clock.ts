/** Virtual time, and what is broken in it. */

import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import {
  ClockSchema,
  ClusterParams,
  ERRORS,
  FaultRequestSchema,
  FaultSchema,
  JumpClock,
  pageOf,
  PageQuery,
  RunClock,
  StepClock,
  WithId,
} from '../schemas.js';
import { emptyBody } from '../bodies.js';
import { type App, type RouteContext, threadOf } from './context.js';

export function clockRoutes(app: App, context: RouteContext): void {
  const tags = ['clock'];
  const path = '/clusters/:cluster/clock';
  const answers = { params: ClusterParams, response: { 200: ClockSchema, ...ERRORS } };

  app.get(
    path,
    { schema: { tags, operationId: 'readClock', summary: 'Read the clock', ...answers } },
    async ({ params }) => threadOf(context, params.cluster).call('clock', undefined),
  );
  app.post(
    `${path}/run`,
    {
      preValidation: emptyBody,
      schema: { tags, operationId: 'runClock', summary: 'Let time run at a pace', body: RunClock, ...answers },
    },
    async ({ params, body }) => threadOf(context, params.cluster).call('runClock', body),
  );
  app.post(
    `${path}/pause`,
    { schema: { tags, operationId: 'pauseClock', summary: 'Stop the clock', ...answers } },
    async ({ params }) => threadOf(context, params.cluster).call('pauseClock', undefined),
  );
  app.post(
    `${path}/step`,
    {
      preValidation: emptyBody,
      schema: {
        tags,
        operationId: 'stepClock',
        summary: 'Run the next event, or several',
        body: StepClock,
        ...answers,
      },
    },
    async ({ params, body }) => threadOf(context, params.cluster).call('stepClock', body),
  );
  app.post(
    `${path}/jump`,
    {
      schema: {
        tags,
        operationId: 'jumpClock',
        summary: 'Move on to a time, running what falls due',
        body: JumpClock,
        ...answers,
      },
    },
    async ({ params, body }) => threadOf(context, params.cluster).call('jumpClock', body),
  );
}

export function faultRoutes(app: App, context: RouteContext): void {
  const tags = ['faults'];
  const path = '/clusters/:cluster/faults';

  app.get(
    path,
    {
      schema: {
        tags,
        operationId: 'listFaults',
        summary: 'List faults',
        params: ClusterParams,
        querystring: Type.Object(PageQuery),
        response: { 200: pageOf(FaultSchema), ...ERRORS },
      },
    },
    async ({ params, query }) => threadOf(context, params.cluster).call('faults', query),
  );
  app.post(
    path,
    {
      schema: {
        tags,
        operationId: 'createFault',
        summary: 'Break something',
        description:
          'A cable, a switch, a machine, a pod, or a session of a routing daemon. A machine that is mended boots afresh, the sandbox of a pod is made anew.',
        params: ClusterParams,
        body: FaultRequestSchema,
        response: { 201: FaultSchema, ...ERRORS },
      },
    },
    async ({ params, body }, reply) => {
      const id = randomUUID();
      const fault = await threadOf(context, params.cluster).call('addFault', { id, fault: body });
      reply.code(201).header('location', `/api/v1/clusters/${params.cluster}/faults/${id}`);
      return fault;
    },
  );
  app.get(
    `${path}/:id`,
    {
      schema: {
        tags,
        operationId: 'readFault',
        summary: 'Read a fault',
        params: WithId,
        response: { 200: FaultSchema, ...ERRORS },
      },
    },
    async ({ params }) => threadOf(context, params.cluster).call('fault', { id: params.id }),
  );
  app.delete(
    `${path}/:id`,
    {
      schema: {
        tags,
        operationId: 'deleteFault',
        summary: 'Mend a fault',
        params: WithId,
        response: { 204: Type.Null(), ...ERRORS },
      },
    },
    async ({ params }, reply) => {
      await threadOf(context, params.cluster).call('mendFault', { id: params.id });
      return reply.code(204).send(null);
    },
  );
}
