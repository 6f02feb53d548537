/** A server of its own for a test, asked over real sockets. */

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import root, { type Test } from 'tap';
import { type RunningServer, serve, type ServeOptions } from '../../src/server/index.js';

// Threads are started for nearly every test, and the machine may be busy.
root.setTimeout(1_800_000);

export const WORKER = pathToFileURL('build/test/server-worker.js');

/** JSON as it came: tests say what is in it. */
export type Parsed = ReturnType<typeof JSON.parse>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** Parsed where it is JSON. */
  readonly json: Parsed;
}

export interface Asked {
  readonly server: RunningServer;
  /** A path below /api/v1, or from the root where it starts with two slashes. */
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export const sourcesOf = (topology: string) =>
  readdirSync(`topologies/${topology}`)
    .filter((file) => /\.ya?ml$/.test(file))
    .map((file) => ({
      file: `topologies/${topology}/${file}`,
      text: readFileSync(`topologies/${topology}/${file}`, 'utf8'),
    }));

export const cluster = (topology: string, name = topology) => ({ name, sources: sourcesOf(topology) });

export function asker(server: RunningServer, ownHeaders: Record<string, string> = {}): Asked['ask'] {
  return async (method, path, body, headers = {}) => {
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const type = body === undefined || raw ? {} : { 'content-type': 'application/json' };
    const url = path.startsWith('//') ? `${server.url}${path.slice(1)}` : `${server.url}/api/v1${path}`;
    const response = await fetch(url, {
      method,
      headers: { ...type, ...ownHeaders, ...headers },
      ...(body === undefined ? {} : { body: raw ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    };
  };
}

/** Ends with the test. */
export async function running(t: Test, options: ServeOptions = {}): Promise<Asked> {
  const server = await serve({ port: 0, logLevel: 'silent', workerUrl: WORKER, ...options });
  t.teardown(() => server.close());
  return { server, ask: asker(server) };
}

export const YAML = { 'content-type': 'application/yaml' };

/** Keeps other pods from the client, as the demo's policy would be written. */
export const DENY_WEB = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: deny-web
  namespace: default
spec:
  podSelector:
    matchLabels:
      app: web
  policyTypes: [Ingress]
`;

const POLL_MS = 20;
/** The machine may be busy: what comes at all comes by then. */
const WAIT_MS = 60_000;

/** Waits until it is so; answers whether it came to be. */
export async function comesTo(isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  const end = performance.now() + WAIT_MS;
  while (!(await isSo())) {
    if (performance.now() > end) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** Limits with which a command runs until its thread has to be ended. */
export const UNBOUNDED = { execMs: 600_000, execEvents: Number.MAX_SAFE_INTEGER };
