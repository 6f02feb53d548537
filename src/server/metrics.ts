/** What Prometheus reads: the text format at /metrics. */

import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Clusters } from './clusters.js';

export interface Metrics {
  readonly registry: Registry;
  readonly restarts: Counter;
  readonly traces: Counter<'verdict'>;
  readonly streamed: Counter<'kind'>;
  readonly missed: Counter;
}

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export function newMetrics(clusters: Clusters): Metrics {
  const registry = new Registry();
  // What is read when it is asked for is registered here alone.
  const registers: Registry[] = [];
  collectDefaultMetrics({ register: registry });
  const loaded = new Gauge({
    name: 'podwire_clusters',
    help: 'Clusters that are loaded, by state.',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const { thread } of clusters.list()) this.inc({ state: thread.state });
    },
  });
  const pending = new Gauge({
    name: 'podwire_calls_pending',
    help: 'Calls that wait for the thread of their cluster.',
    registers,
    collect() {
      this.set(clusters.list().reduce((sum, { thread }) => sum + thread.pending, 0));
    },
  });
  registry.registerMetric(loaded);
  registry.registerMetric(pending);
  return {
    registry,
    restarts: new Counter({
      name: 'podwire_cluster_restarts_total',
      help: 'Clusters built anew unasked.',
      registers: [registry],
    }),
    traces: new Counter({
      name: 'podwire_traces_total',
      help: 'Traces, by verdict.',
      labelNames: ['verdict'],
      registers: [registry],
    }),
    streamed: new Counter({
      name: 'podwire_stream_messages_total',
      help: 'Messages that went to websocket clients, by kind.',
      labelNames: ['kind'],
      registers: [registry],
    }),
    missed: new Counter({
      name: 'podwire_stream_missed_total',
      help: 'Messages that slow websocket clients did not get.',
      registers: [registry],
    }),
  };
}

/** Requests by route, method and status, and the time that they took. */
export function useMetrics(app: FastifyInstance, { registry }: Metrics): void {
  const seconds = new Histogram({
    name: 'podwire_http_request_seconds',
    help: 'Time from the first octet of a request to the last of its answer.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: BUCKETS,
    registers: [registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    seconds.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
}
