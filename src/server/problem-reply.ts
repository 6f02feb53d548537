/** Errors of every kind as `application/problem+json`. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AllowedMethods } from './allowed-methods.js';
import { nearMatches } from '../kubernetes/index.js';
import { type Mistake, Problem, PROBLEMS, type ProblemKind, problemType } from './problem.js';

/** What Fastify itself refuses, by its code. */
const KINDS: Readonly<Record<string, ProblemKind>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'bad-request',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad-request',
};

const byStatus = (status: number): ProblemKind =>
  (Object.keys(PROBLEMS) as ProblemKind[]).find((kind) => PROBLEMS[kind].status === status) ??
  (status < 500 ? 'bad-request' : 'internal');

interface Refused {
  readonly instancePath: string;
  readonly message?: string;
  readonly params: Record<string, unknown>;
  readonly keyword: string;
}

/** `/items/0/name` of what a schema was held against: body, querystring, params, a message. */
export function mistakesOf(refused: readonly Refused[]): Mistake[] {
  return refused.map(({ instancePath, message = 'is wrong', params, keyword, ...about }) => {
    if (keyword === 'discriminator') return wrongKind(instancePath, String(params['tag']), about);
    if (keyword === 'additionalProperties')
      return unknownField(instancePath, String(params['additionalProperty']), about);
    if (keyword === 'required')
      return { message: 'is missing', field: `${instancePath}/${String(params['missingProperty'])}` };
    const allowed =
      keyword === 'enum' && Array.isArray(params['allowedValues']) ? `: ${params['allowedValues'].join(', ')}` : '';
    return { message: `${message}${allowed}`, field: instancePath };
  });
}

/** All of them in one line. */
export const wordsOf = (mistakes: readonly Mistake[]): string =>
  mistakes.map(({ field = '', message }) => (field === '' ? message : `${field} ${message}`)).join('; ');

/** As of query parameters (queries.ts). */
function unknownField(path: string, name: string, about: object): Mistake {
  const { parentSchema } = about as { parentSchema?: { properties?: object } };
  const known = Object.keys(parentSchema?.properties ?? {});
  const near = nearMatches(name, known);
  const hint = near.length === 0 ? `: there are ${known.join(', ')}` : `; did you mean ${near.join(' or ')}?`;
  return { message: `is no field that is known${hint}`, field: `${path}/${name}`, near };
}

/** The names that tell apart the shapes of an object. */
function wrongKind(path: string, tag: string, about: object): Mistake {
  const { parentSchema } = about as { parentSchema?: { oneOf?: { properties: Record<string, { const: unknown }> }[] } };
  const kinds = (parentSchema?.oneOf ?? []).map(({ properties }) => String(properties[tag]?.const));
  return { message: `is one of ${kinds.join(', ')}`, field: `${path}/${tag}` };
}

/** What a schema refuses. */
function invalid(error: FastifyError, { body }: FastifyRequest): Problem {
  const { validationContext: where = 'request' } = error;
  if (where === 'body' && body === undefined) return new Problem('bad-request', 'a body is wanted: JSON');
  const mistakes = mistakesOf(error.validation ?? []);
  return new Problem('bad-request', `${where}: ${wordsOf(mistakes)}`, mistakes);
}

function problemOf(error: FastifyError | Problem, request: FastifyRequest): Problem {
  if (error instanceof Problem) return error;
  if (error.validation !== undefined) return invalid(error, request);
  const kind = KINDS[error.code] ?? byStatus(error.statusCode ?? 500);
  // What is our mistake is told to the log, not to the world.
  return new Problem(kind, kind === 'internal' ? 'see the log of the server' : error.message);
}

/** The document, without the path that was asked for. */
export function problemBody(problem: Problem) {
  const { status, title } = PROBLEMS[problem.kind];
  const detail = problem.kind === 'internal' ? 'see the log of the server' : problem.message;
  const { errors } = problem;
  return { type: problemType(problem.kind), title, status, detail, ...(errors.length === 0 ? {} : { errors }) };
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  const body = { ...problemBody(problem), instance: request.url.split('?')[0] ?? request.url };
  if (problem.kind === 'unauthorized') void reply.header('www-authenticate', 'Bearer realm="podwire"');
  return reply.code(body.status).type('application/problem+json').serializer(JSON.stringify).send(body);
}

export function sendError(error: FastifyError | Problem, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error, request);
  if (PROBLEMS[problem.kind].status === 500) request.log.error({ err: error }, 'a request failed');
  return sendProblem(request, reply, problem);
}

/** An answer in HTTP where there is no reply to send it with; the connection ends with it. */
export function writeProblem(socket: Writable, problem: Problem): void {
  const { status, title } = PROBLEMS[problem.kind];
  const body = JSON.stringify(problemBody(problem));
  const lines = [
    `HTTP/1.1 ${status} ${title}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    ...(status === 401 ? ['www-authenticate: Bearer realm="podwire"'] : []),
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** What Node's parser of HTTP refuses, by its code. */
function clientProblem({ code, message }: NodeJS.ErrnoException): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return new Problem('headers-too-large', 'the URL and the headers are too long');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Problem('request-timeout', 'the request came too slowly');
  return new Problem('bad-request', `this is no request of HTTP: ${message.replace(/^Parse Error: /, '')}`);
}

export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
  else writeProblem(socket, clientProblem(error));
}

/** `Expect:` other than `100-continue`. */
export function refuse417({ headers }: IncomingMessage, response: ServerResponse): void {
  const problem = new Problem('expectation-failed', `nothing is known of "Expect: ${headers.expect ?? ''}"`);
  const body = JSON.stringify(problemBody(problem));
  const length = { 'content-length': Buffer.byteLength(body), connection: 'close' };
  response.writeHead(417, { 'content-type': 'application/problem+json', ...length }).end(body);
}

export function useProblems(app: FastifyInstance): void {
  app.setErrorHandler(sendError);
  const allowed = new AllowedMethods(app);
  app.setNotFoundHandler((request, reply) => {
    const { method, url } = request;
    const path = url.split('?')[0] ?? url;
    const methods = allowed.of(path);
    if (methods.length === 0 || methods.includes(method))
      return sendProblem(request, reply, new Problem('not-found', `nothing is at ${method} ${path}`));
    void reply.header('allow', methods.join(', '));
    const words = `${path} has no ${method}: it has ${methods.join(', ')}`;
    return sendProblem(request, reply, new Problem('method-not-allowed', words));
  });
}
