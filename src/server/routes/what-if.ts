/** What-if: flows before and after changes that nobody has made. */

import { ClusterParams, ERRORS } from '../schemas.js';
import { WhatIfRequestSchema, WhatIfSchema } from '../what-if-schemas.js';
import { type App, type RouteContext, threadOf } from './context.js';

export function whatIfRoutes(app: App, context: RouteContext): void {
  app.post(
    '/clusters/:cluster/what-if',
    {
      schema: {
        tags: ['what-if'],
        operationId: 'whatIf',
        summary: 'Which flows would change, and what decides them',
        description:
          'Flows are sent in two clusters that are built for it, one as the cluster is now and one with the changes. The running cluster is untouched.',
        params: ClusterParams,
        body: WhatIfRequestSchema,
        response: { 200: WhatIfSchema, ...ERRORS },
      },
    },
    async ({ params, body }) => threadOf(context, params.cluster).call('whatIf', body),
  );
}
