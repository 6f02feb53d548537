/** Captures: frames of chosen interfaces, as pcapng while they come. */

import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import { CaptureRequestSchema, CaptureSchema, ClusterParams, ERRORS, pageOf, PageQuery, WithId } from '../schemas.js';
import type { ClusterThread } from '../thread/cluster-thread.js';
import { type App, type RouteContext, threadOf } from './context.js';

const tags = ['captures'];
/** How often a reader who follows looks for more. */
const FOLLOW_MS = 100;

/** What is there, and where `follow`, what comes until the capture ends. Reads no faster than it is taken. */
async function* blocksOf(
  thread: ClusterThread,
  id: string,
  { follow, closing }: { readonly follow: boolean; readonly closing: AbortSignal },
): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (;;) {
    const { bytes, next, running } = await thread.call('readCapture', { id, from });
    from = next;
    if (bytes.length > 0) {
      yield bytes;
      continue;
    }
    if (!follow || !running || closing.aborted) return;
    await delay(FOLLOW_MS, undefined, { signal: closing }).catch(() => undefined);
  }
}

export function captureRoutes(app: App, context: RouteContext): void {
  const path = '/clusters/:cluster/captures';

  app.post(
    path,
    {
      schema: {
        tags,
        operationId: 'createCapture',
        summary: 'Start a capture',
        params: ClusterParams,
        body: CaptureRequestSchema,
        response: { 201: CaptureSchema, ...ERRORS },
      },
    },
    async ({ params, body }, reply) => {
      const id = randomUUID();
      const started = await threadOf(context, params.cluster).call('startCapture', { ...body, id });
      reply.code(201).header('location', `/api/v1/clusters/${params.cluster}/captures/${id}`);
      return started;
    },
  );

  app.get(
    path,
    {
      schema: {
        tags,
        operationId: 'listCaptures',
        summary: 'List captures',
        params: ClusterParams,
        querystring: Type.Object(PageQuery),
        response: { 200: pageOf(CaptureSchema), ...ERRORS },
      },
    },
    async ({ params, query }) => threadOf(context, params.cluster).call('captures', query),
  );

  app.get(
    `${path}/:id`,
    {
      schema: {
        tags,
        operationId: 'readCapture',
        summary: 'Read about a capture',
        params: WithId,
        response: { 200: CaptureSchema, ...ERRORS },
      },
    },
    async ({ params }) => threadOf(context, params.cluster).call('capture', { id: params.id }),
  );

  app.post(
    `${path}/:id/stop`,
    {
      schema: {
        tags,
        operationId: 'stopCapture',
        summary: 'Stop a capture',
        params: WithId,
        response: { 200: CaptureSchema, ...ERRORS },
      },
    },
    async ({ params }) => threadOf(context, params.cluster).call('stopCapture', { id: params.id }),
  );

  app.delete(
    `${path}/:id`,
    {
      schema: {
        tags,
        operationId: 'deleteCapture',
        summary: 'Delete a capture',
        params: WithId,
        response: { 204: Type.Null(), ...ERRORS },
      },
    },
    async ({ params }, reply) => {
      await threadOf(context, params.cluster).call('deleteCapture', { id: params.id });
      return reply.code(204).send(null);
    },
  );

  app.get(
    `${path}/:id/pcapng`,
    {
      schema: {
        tags,
        operationId: 'downloadCapture',
        summary: 'Download a capture',
        description: 'What has been captured so far; with `follow=true` also what comes, until the capture ends.',
        params: WithId,
        querystring: Type.Object({ follow: Type.Boolean({ default: false }) }),
        response: { 200: { description: 'pcapng', content: { 'application/x-pcapng': { schema: {} } } }, ...ERRORS },
      },
    },
    async ({ params, query }, reply) => {
      const thread = threadOf(context, params.cluster);
      await thread.call('capture', { id: params.id });
      const { closing } = context;
      const blocks = Readable.from(blocksOf(thread, params.id, { follow: query.follow, closing }));
      return reply
        .type('application/x-pcapng')
        .header('content-disposition', `attachment; filename="${params.id}.pcapng"`)
        .send(blocks);
    },
  );
}
