/** The page at `/`: files that the build made (web/, scripts/build-page.mjs), compressed where the browser takes that. */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/**
 * Everything from here and nothing from elsewhere. Styles may stand in elements: the terminal and the editor make
 * theirs while they run. Scripts may not.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

/** Assets carry a hash of themselves in their name. */
const FOR_EVER = 'public, max-age=31536000, immutable';

const cacheControl = (path: string): string => (/[\\/]assets[\\/][^\\/]+$/.test(path) ? FOR_EVER : 'no-cache');

/** Serves the page from `folder`; where it was not built, `/` says how. */
export async function usePage(app: FastifyInstance, folder: URL): Promise<void> {
  if (!existsSync(new URL('index.html', folder))) {
    app.get('/', { schema: { hide: true } }, async (_request, reply) =>
      reply.code(404).type('text/plain; charset=utf-8').send('The page is not built: npm run build\n'),
    );
    return;
  }
  await app.register(fastifyStatic, {
    root: fileURLToPath(folder),
    decorateReply: false,
    preCompressed: true,
    dotfiles: 'deny',
    cacheControl: false,
    schemaHide: true,
    setHeaders: (reply, path) => {
      for (const [name, value] of Object.entries(HEADERS)) void reply.header(name, value);
      void reply.header('cache-control', cacheControl(path));
    },
  });
}
