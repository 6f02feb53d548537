/** Who may ask: a token where one is set, and no page of somebody else's through a browser. */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIPv4, isIPv6 } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { Problem } from './problem.js';

export interface AccessOptions {
  /** The address that the server is bound to. */
  readonly host: string;
  readonly token: string | undefined;
  readonly origins: readonly string[];
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Loopback by RFC 1122 §3.2.1.3 and RFC 4291 §2.5.3, or a name that by RFC 6761 §6.3 means it. */
function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return (isIPv4(name) && name.startsWith('127.')) || (isIPv6(name) && /^(0*:)*:?0*1$/.test(name));
}

/** Why these options are unsafe, or undefined. */
export const unsafeBinding = (host: string, token: string | undefined): string | undefined =>
  token === undefined && !isLoopbackHost(host)
    ? `${host || 'an empty host is every address of this machine, and'} is reached by others: set a token (PODWIRE_TOKEN or --token-file), or stay on 127.0.0.1`
    : undefined;

/** The host of `http://…:port` and of a Host header, without the port. */
const hostOf = (authority: string): string => authority.replace(/:\d+$/, '');

export class Access {
  readonly #options: AccessOptions;
  readonly #token: Buffer | undefined;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#token = options.token === undefined ? undefined : sha256(options.token);
  }

  /** Compared in a time that says nothing about where they differ. */
  tokenFits(given: string | undefined): boolean {
    return this.#token === undefined || (given !== undefined && timingSafeEqual(sha256(given), this.#token));
  }

  /** Without a token, a name that leads here from elsewhere may be a page's way round the browser (DNS rebinding). */
  hostFits(host: string | undefined): boolean {
    if (this.#token !== undefined || host === undefined) return true;
    return isLoopbackHost(hostOf(host)) || hostOf(host) === this.#options.host;
  }

  /** A page's requests say where it is from; other programs say nothing. */
  originFits(origin: string | undefined, host: string | undefined): boolean {
    if (origin === undefined) return true;
    if (this.#options.origins.includes(origin)) return true;
    return origin === `http://${host}` || origin === `https://${host}`;
  }
}

/** Paths that say nothing about any cluster; the page among them, which asks its reader for the token. */
const OPEN =
  /^\/(?:livez|(?:index\.html|favicon\.svg|licenses\.md)?|(?:assets|topologies)\/[\w.-]+|api\/v1\/openapi\.(?:json|yaml)|api\/v1\/reference(?:\/.*)?)$/;

export const bearerOf = (header: string | undefined): string | undefined =>
  /^Bearer ([\w~+/.=-]+)$/i.exec(header ?? '')?.[1];

/** RFC 9112 §3.2: one Host, which a request of HTTP/1.0 may do without. @throws Problem */
export function requireOneHost({ headers, httpVersion, rawHeaders }: IncomingMessage): void {
  const names = rawHeaders.filter((_, i) => i % 2 === 0);
  const count = names.filter((name) => name.toLowerCase() === 'host').length;
  if (count > 1) throw new Problem('bad-request', 'this is no request of HTTP: more than one Host');
  if (headers.host === undefined && httpVersion !== '1.0')
    throw new Problem('bad-request', 'this is no request of HTTP: a Host is missing');
}

export function useAccess(app: FastifyInstance, access: Access): void {
  app.addHook('onRequest', async (request) => {
    requireOneHost(request.raw);
    const { host, origin, authorization } = request.headers;
    if (!access.hostFits(host)) throw new Problem('forbidden', `this server is not "${host}"`);
    if (!access.originFits(origin, host)) throw new Problem('forbidden', `pages of ${origin} may not use this server`);
    const path = request.url.split('?')[0] ?? '';
    if (!OPEN.test(path) && !access.tokenFits(bearerOf(authorization)))
      throw new Problem('unauthorized', 'send "Authorization: Bearer TOKEN"');
  });
}
