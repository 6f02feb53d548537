/** What all routes work with. */

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { Clusters } from '../clusters.js';
import type { Metrics } from '../metrics.js';
import type { Limits } from '../options.js';
import type { ClusterThread } from '../thread/cluster-thread.js';

export interface RouteContext {
  readonly clusters: Clusters;
  readonly limits: Limits;
  readonly metrics: Metrics;
  /** Aborted when the server shuts down. */
  readonly closing: AbortSignal;
}

/** An application whose requests and answers have the types of their schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export const threadOf = ({ clusters }: RouteContext, cluster: string): ClusterThread => clusters.get(cluster).thread;
