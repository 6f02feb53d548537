/**
 * Tokens of pages are of the list that gave them: with other rows, or with a filter that it did not have, one would skip
 * rows without a word.
 */

import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from './problem.js';

const TAG_LENGTH = 8;
/** How long a page is may change from one to the next. */
const NOT_OF_THE_LIST: ReadonlySet<string> = new Set(['continue', 'limit']);

type Query = { [name: string]: unknown };

/** Of the path and the filters. */
function tagOf({ url, query }: FastifyRequest): string {
  const filters = Object.entries(query as Query)
    .filter(([name]) => !NOT_OF_THE_LIST.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const [path] = url.split('?');
  return createHash('sha256')
    .update(JSON.stringify([path, filters]))
    .digest('base64url')
    .slice(0, TAG_LENGTH);
}

/** In this scope: what sessions make and read as a token has the list's tag before it outside. */
export function usePageTokens(app: FastifyInstance): void {
  app.addHook('preHandler', async (request) => {
    const query = request.query as Query;
    const token = query['continue'];
    if (typeof token !== 'string') return;
    if (!token.startsWith(tagOf(request)))
      throw new Problem('bad-request', 'this is no token of a page of this list, with these filters', [
        { message: 'not a token of this list', field: '/continue' },
      ]);
    query['continue'] = token.slice(TAG_LENGTH);
  });
  app.addHook('preSerialization', async (request, _reply, payload: unknown) => {
    if (typeof payload !== 'object' || payload === null || !('items' in payload) || !('continue' in payload))
      return payload;
    return { ...payload, continue: `${tagOf(request)}${String(payload.continue)}` };
  });
}
