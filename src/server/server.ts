/** The server: routes, documents, limits, and an end that lets finish what runs. */

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyInstance } from 'fastify';
import { Access, unsafeBinding, useAccess } from './access.js';
import { useBodies, useMediaTypes } from './bodies.js';
import { Clusters } from './clusters.js';
import { useDocument } from './document.js';
import { newMetrics, useMetrics } from './metrics.js';
import { type Limits, limitsOf, type ServeOptions } from './options.js';
import { usePage } from './page.js';
import { answerClientError, refuse417, sendError, useProblems } from './problem-reply.js';
import { usePageTokens } from './page-tokens.js';
import { useQueries } from './queries.js';
import { captureRoutes } from './routes/captures.js';
import { clockRoutes, faultRoutes } from './routes/clock.js';
import { clusterRoutes } from './routes/clusters.js';
import type { App, RouteContext } from './routes/context.js';
import { hostRoutes } from './routes/hosts.js';
import { objectRoutes } from './routes/objects.js';
import { scenarioRoutes } from './routes/scenarios.js';
import { streamRoutes } from './routes/stream.js';
import { traceRoutes } from './routes/traces.js';
import { whatIfRoutes } from './routes/what-if.js';
import { builtInScenarios, Scenarios } from './scenarios.js';
import { ProblemSchema } from './schemas.js';
import { Sockets } from './socket/sockets.js';

export const DEFAULT_PORT = 7741;
const API = '/api/v1';

export interface RunningServer {
  /** `http://127.0.0.1:7741`. */
  readonly url: string;
  readonly app: FastifyInstance;
  readonly clusters: Clusters;
  /** Takes nothing new, lets finish what runs, and ends what does not within the grace period. */
  close(): Promise<void>;
}

/** What the user got wrong: it is said, and nothing is started. */
export class ServeError extends Error {
  override readonly name = 'ServeError';
}

function fastifyFor(options: ServeOptions, limits: Limits): FastifyInstance {
  return fastify({
    logger: {
      level: options.logLevel ?? 'info',
      stream: options.logStream ?? process.stderr,
      redact: ['req.headers.authorization'],
    },
    bodyLimit: limits.bodyBytes,
    // Node takes the longer of both for the whole request.
    http: {
      connectionsCheckingInterval: Math.min(limits.requestMs, 5000),
      headersTimeout: limits.requestMs,
      // Node's own refusal has no body: access.ts has one.
      requireHostHeader: false,
    },
    // A client that sends slowly does not hold a connection for ever.
    requestTimeout: limits.requestMs,
    connectionTimeout: 2 * limits.loadMs,
    keepAliveTimeout: 10_000,
    forceCloseConnections: 'idle',
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply),
    routerOptions: { maxParamLength: 512 },
    return503OnClosing: false,
  });
}

function routes(app: FastifyInstance, context: RouteContext): void {
  void app.register(
    async (scope) => {
      useQueries(scope);
      usePageTokens(scope);
      useMediaTypes(scope);
      const typed: App = scope.withTypeProvider<TypeBoxTypeProvider>();
      clusterRoutes(typed, context);
      objectRoutes(typed, context);
      hostRoutes(typed, context);
      traceRoutes(typed, context);
      whatIfRoutes(typed, context);
      scenarioRoutes(typed, context, new Scenarios(builtInScenarios()));
      captureRoutes(typed, context);
      streamRoutes(typed, context);
      clockRoutes(typed, context);
      faultRoutes(typed, context);
      scope.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
      scope.get('/openapi.yaml', { schema: { hide: true } }, async (_request, reply) =>
        reply.type('application/yaml; charset=utf-8').send(app.swagger({ yaml: true })),
      );
    },
    { prefix: API },
  );
  app.get('/livez', { schema: { hide: true } }, async () => ({ status: 'ok' }));
  app.get('/readyz', { schema: { hide: true } }, async (_request, reply) => {
    const ready = context.clusters.list().every(({ thread }) => thread.state === 'ready');
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ok' : 'loading' });
  });
}

/** The worker as it lies beside the built program: dist/server/worker.js, seen from dist/chunks. */
const builtWorker = (): URL => new URL('../server/worker.js', import.meta.url);

/** The page as it is built: dist/web, seen from dist/chunks. */
const builtPage = (): URL => new URL('../web/', import.meta.url);

/** Starts and answers when clusters are loaded and the address is bound. @throws ServeError, Problem */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const limits = limitsOf(options.limits);
  const { host = '127.0.0.1', port = DEFAULT_PORT, token, origins = [] } = options;
  const unsafe = unsafeBinding(host, token);
  if (unsafe !== undefined) throw new ServeError(unsafe);
  const app = fastifyFor(options, limits);
  const closing = new AbortController();
  const clusters = new Clusters(limits, options.workerUrl ?? builtWorker(), {
    onRestart: (cluster, why) => {
      metrics.restarts.inc();
      app.log.warn({ cluster }, `cluster ${cluster.name} is built anew: ${why}`);
    },
  });
  const metrics = newMetrics(clusters);
  app.addSchema(ProblemSchema);
  useProblems(app);
  app.server.on('checkExpectation', refuse417);
  const access = new Access({ host, token, origins });
  useAccess(app, access);
  useBodies(app);
  await useDocument(app, API);
  useMetrics(app, metrics);
  routes(app, { clusters, limits, metrics, closing: closing.signal });
  await usePage(app, options.pageFolder ?? builtPage());
  const sockets = new Sockets(app, { clusters, limits, metrics, access });
  const running: RunningServer = {
    url: '',
    app,
    clusters,
    close: () => end(app, { clusters, closing, limits, sockets }),
  };
  try {
    for (const { name, sources } of options.clusters ?? [])
      await clusters.add({ name, origin: { kind: 'sources', sources, seed: options.seed ?? 1 } });
    const url = await app.listen({ host, port });
    return { ...running, url };
  } catch (error) {
    await running.close();
    throw error;
  }
}

/** How often connections that have become idle are closed while the server ends. */
const IDLE_MS = 20;

async function end(
  app: FastifyInstance,
  {
    clusters,
    closing,
    limits,
    sockets,
  }: {
    readonly clusters: Clusters;
    readonly closing: AbortController;
    readonly limits: Limits;
    readonly sockets: Sockets;
  },
): Promise<void> {
  closing.abort();
  sockets.close();
  // A connection that is kept alive would be waited for.
  const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_MS);
  const late = setTimeout(() => {
    app.log.warn('requests that were still running are cut off');
    app.server.closeAllConnections();
  }, limits.graceMs);
  try {
    await app.close();
  } finally {
    clearInterval(idle);
    clearTimeout(late);
    await clusters.close();
  }
}
