/** Traces: sent, listed, read in every form. */

import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { CBOR_TYPE } from '../bodies.js';
import { WHOLE_BRANCHES, WHOLE_TRACE } from '../document.js';
import { Problem } from '../problem.js';
import {
  ClusterParams,
  ERRORS,
  pageOf,
  PageQuery,
  TraceFormatQuery,
  TraceRequestSchema,
  TraceSummarySchema,
  WithId,
} from '../schemas.js';
import { TRACE_FORMATS, type TraceFormat, type TraceSummary } from '../session/traces.js';
import type { ClusterThread } from '../thread/cluster-thread.js';
import { type App, type RouteContext, threadOf } from './context.js';

const tags = ['traces'];

/** Media types of the forms; the summary is JSON too, and the API's own form. */
const MEDIA: Readonly<Record<Exclude<TraceFormat, 'summary'>, string>> = {
  json: 'application/json; charset=utf-8',
  cbor: CBOR_TYPE,
  text: 'text/plain; charset=utf-8',
  minimal: 'text/plain; charset=utf-8',
  pcapng: 'application/x-pcapng',
};

const ACCEPTED: readonly (readonly [type: string, format: TraceFormat])[] = [
  ['application/json', 'json'],
  ['application/*', 'json'],
  ['*/*', 'json'],
  [CBOR_TYPE, 'cbor'],
  ['text/plain', 'text'],
  ['text/*', 'text'],
  ['application/x-pcapng', 'pcapng'],
  ['application/vnd.tcpdump.pcap', 'pcapng'],
];

/** The first type of an Accept header (RFC 9110 §12.5.1) that there is, the most wanted first. */
function acceptedFormat(accept: string | undefined): TraceFormat | undefined {
  if (accept === undefined) return 'json';
  const wanted = accept.split(',').map((part) => {
    const [type = '', ...parameters] = part.trim().toLowerCase().split(';');
    const q = parameters.map((one) => /^\s*q=([\d.]+)$/.exec(one)?.[1]).find((one) => one !== undefined);
    return { type: type.trim(), q: q === undefined ? 1 : Number(q) };
  });
  for (const { type, q } of wanted.toSorted((a, b) => b.q - a.q)) {
    const found = q > 0 ? ACCEPTED.find(([name]) => name === type) : undefined;
    if (found !== undefined) return found[1];
  }
  return undefined;
}

const BINARY = { schema: {} };
/** As `podwire trace -o json` prints them; the document says all of it. */
const WholeTrace = Type.Object({}, { title: WHOLE_TRACE });
const WholeBranches = Type.Object({}, { title: WHOLE_BRANCHES });
const TraceOrSummary = Type.Union([TraceSummarySchema, WholeTrace, WholeBranches], {
  description: 'By `format`; all branches in one where they were asked for',
});
const FORMS = {
  description:
    'The trace, in the form that was asked for. `format=summary` is the form that POST answers with. Of a trace with `branches: all` it is every branch with its probability, in a capture each with interfaces of its own, unless `branch` names one.',
  content: {
    'application/json': { schema: TraceOrSummary },
    [CBOR_TYPE]: BINARY,
    'text/plain': BINARY,
    'application/x-pcapng': BINARY,
  },
};

const sendSummary = (reply: FastifyReply, summary: TraceSummary): FastifyReply =>
  reply.type(MEDIA.json).serializer(JSON.stringify).send(summary);

async function sendTrace(
  thread: ClusterThread,
  reply: FastifyReply,
  { id, format, branch }: { readonly id: string; readonly format: TraceFormat; readonly branch?: number | undefined },
): Promise<FastifyReply> {
  if (format === 'summary') return sendSummary(reply, await thread.call('traceSummary', { id }));
  const { bytes } = await thread.call('renderTrace', { id, format, branch });
  return reply.type(MEDIA[format]).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

export function traceRoutes(app: App, context: RouteContext): void {
  const path = '/clusters/:cluster/traces';

  app.post(
    path,
    {
      schema: {
        tags,
        operationId: 'createTrace',
        summary: 'Send a connection and record what happens to it',
        description: 'Answers with a summary; with `format`, with the whole trace in that form.',
        params: ClusterParams,
        querystring: Type.Object({ ...TraceFormatQuery }),
        body: TraceRequestSchema,
        response: {
          201: {
            description: 'What became of it',
            content: {
              'application/json': { schema: TraceOrSummary },
              [CBOR_TYPE]: BINARY,
              'text/plain': BINARY,
              'application/x-pcapng': BINARY,
            },
          },
          ...ERRORS,
        },
      },
    },
    async ({ params, body, query }, reply) => {
      const thread = threadOf(context, params.cluster);
      const isWhole = body.branches === 'all' && body.backend === undefined;
      // What cannot be answered is not sent. Of all branches nobody knows before how many there are.
      if (!isWhole && query.branch !== undefined && query.branch > 0)
        throw new Problem('bad-request', 'a trace of one way has the branch 0 alone', [
          { message: 'no such branch', field: '/branch' },
        ]);
      const id = randomUUID();
      const summary = await thread.call('trace', { ...body, id });
      context.metrics.traces.inc({ verdict: summary.verdict });
      void reply.code(201).header('location', `/api/v1/clusters/${params.cluster}/traces/${id}`);
      if (query.format === undefined || query.format === 'summary') return sendSummary(reply, summary);
      return sendTrace(thread, reply, { id, format: query.format, branch: query.branch });
    },
  );

  app.get(
    path,
    {
      schema: {
        tags,
        operationId: 'listTraces',
        summary: 'List traces that are kept',
        params: ClusterParams,
        querystring: Type.Object(PageQuery),
        response: { 200: pageOf(TraceSummarySchema), ...ERRORS },
      },
    },
    async ({ params, query }) => threadOf(context, params.cluster).call('traces', query),
  );

  app.get(
    `${path}/:id`,
    {
      schema: {
        tags,
        operationId: 'readTrace',
        summary: 'Read a trace',
        params: WithId,
        querystring: Type.Object({ ...TraceFormatQuery }),
        response: { 200: FORMS, ...ERRORS },
      },
    },
    async ({ params, query, headers }, reply) => {
      const format = query.format ?? acceptedFormat(headers.accept);
      if (format === undefined)
        throw new Problem('not-acceptable', `a trace comes as ${TRACE_FORMATS.join(', ')}, not as ${headers.accept}`);
      return sendTrace(threadOf(context, params.cluster), reply, { id: params.id, format, branch: query.branch });
    },
  );

  app.delete(
    `${path}/:id`,
    {
      schema: {
        tags,
        operationId: 'deleteTrace',
        summary: 'Forget a trace',
        params: WithId,
        response: { 204: Type.Null(), ...ERRORS },
      },
    },
    async ({ params }, reply) => {
      await threadOf(context, params.cluster).call('deleteTrace', { id: params.id });
      return reply.code(204).send(null);
    },
  );
}
