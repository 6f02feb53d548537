/** Query strings: a parameter that a route does not have is a mistake, and not something to pass over. */

import type { FastifyInstance } from 'fastify';
import { nearMatches } from '../kubernetes/index.js';
import { type Mistake, Problem } from './problem.js';

/** Names of the properties of a schema. */
function namesIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return [];
  return Object.keys(schema.properties ?? {});
}

function mistakeOf(name: string, known: readonly string[]): Mistake {
  const near = nearMatches(name, known);
  const hint = near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
  const there = known.length === 0 ? 'there are none here' : `there are ${known.join(', ')}`;
  return { message: `there is no query parameter "${name}"${hint || `: ${there}`}`, field: `/${name}`, near };
}

/** In this scope. */
export function useQueries(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ query, routeOptions }) => {
    const known = namesIn(routeOptions.schema?.querystring);
    const unknown = Object.keys(query as object).filter((name) => !known.includes(name));
    if (unknown.length === 0) return;
    const mistakes = unknown.map((name) => mistakeOf(name, known));
    throw new Problem('bad-request', mistakes.map(({ message }) => message).join('; '), mistakes);
  });
}
