/** `podwire serve`: an HTTP server over clusters, until it is told to end. */

import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { formatConfigError, readSources } from '../kubernetes/index.js';
import {
  DEFAULT_PORT,
  type InitialCluster,
  isClusterName,
  type Limits,
  Problem,
  serve,
  ServeError,
  type ServeOptions,
} from '../server/index.js';
import { parseArguments, UsageError } from './options.js';

const SPEC = {
  file: { type: 'string', short: 'f', multiple: true },
  listen: { type: 'string', default: `127.0.0.1:${DEFAULT_PORT}` },
  'token-file': { type: 'string' },
  origin: { type: 'string', multiple: true },
  seed: { type: 'string', default: '1' },
  log: { type: 'string', default: 'info' },
  'max-clusters': { type: 'string' },
  'max-memory': { type: 'string' },
  'time-limit': { type: 'string' },
} as const;

const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'];

export async function run(args: readonly string[]): Promise<number> {
  try {
    return await serveUntilTold(optionsOf(args));
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ServeError || error instanceof Problem)) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
      console.error(`podwire: ${error.message}: something listens there already`);
      return 2;
    }
    for (const line of messagesOf(error)) console.error(`podwire: ${line}`);
    return 2;
  }
}

const messagesOf = (error: Error): readonly string[] =>
  error instanceof Problem && error.errors.length > 0
    ? error.errors.map(({ message }) => message)
    : error.message.split('\n');

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${name} wants a whole number, not "${text}"`);
  return Number(text);
}

/** @throws UsageError */
function optionsOf(args: readonly string[]): ServeOptions {
  const values = parse(args);
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(values.listen);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new UsageError(`--listen wants HOST:PORT, not "${values.listen}"`);
  if (!LOG_LEVELS.includes(values.log))
    throw new UsageError(`--log is one of ${LOG_LEVELS.join(', ')}, not "${values.log}"`);
  const origins = values.origin ?? [];
  for (const origin of origins)
    if (!URL.canParse(origin) || new URL(origin).origin !== origin)
      throw new UsageError(`--origin wants one such as https://example.org, not "${origin}"`);
  return {
    host: match[1] ?? match[2] ?? '',
    port,
    origins,
    token: tokenOf(values['token-file']),
    seed: wholeNumber('seed', values.seed),
    logLevel: values.log,
    clusters: clustersOf(values.file ?? []),
    limits: limitsOf(values),
  };
}

function parse(args: readonly string[]) {
  const { values, positionals } = parseArguments({ args: [...args], options: SPEC, allowPositionals: true });
  const [first] = positionals;
  if (first !== undefined) throw new UsageError(`serve takes no "${first}": name a cluster's files or folders with -f`);
  return values;
}

function limitsOf(values: ReturnType<typeof parse>): Partial<Limits> {
  const { 'max-clusters': clusters, 'max-memory': memory, 'time-limit': seconds } = values;
  return {
    ...(clusters === undefined ? {} : { clusters: wholeNumber('max-clusters', clusters) }),
    ...(memory === undefined ? {} : { memoryMiB: wholeNumber('max-memory', memory) }),
    ...(seconds === undefined ? {} : { requestMs: wholeNumber('time-limit', seconds) * 1000 }),
  };
}

function tokenOf(path: string | undefined): string | undefined {
  const given = path === undefined ? process.env['PODWIRE_TOKEN'] : readToken(path);
  if (given === undefined || given === '') return undefined;
  if (!/^[\w~+/.=-]+$/.test(given))
    throw new UsageError('a token is made of letters, digits and any of -._~+/= (RFC 6750)');
  return given;
}

function readToken(path: string): string {
  try {
    const token = readFileSync(path, 'utf8').trim();
    if (token === '') throw new UsageError(`--token-file: ${path} is empty`);
    return token;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`--token-file: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const NAMED = /^([a-z0-9][-a-z0-9]*)=(.+)$/s;

/** Paths without a name are one cluster, called after the first; `NAME=PATH` are those of that name. */
function clustersOf(files: readonly string[]): InitialCluster[] {
  const paths = new Map<string, string[]>();
  const plain = files.filter((file) => !NAMED.test(file));
  const [first] = plain;
  if (first !== undefined) paths.set(nameAfter(first), [...plain]);
  for (const file of files) {
    const [, name, path] = NAMED.exec(file) ?? [];
    if (name === undefined || path === undefined) continue;
    if (!isClusterName(name)) throw new UsageError(`-f: "${name}" is no name of a cluster`);
    paths.set(name, [...(paths.get(name) ?? []), path]);
  }
  return [...paths].map(([name, own]) => {
    const { sources, errors } = readSources(own);
    if (errors.length > 0) throw new UsageError(errors.map((error) => formatConfigError(error)).join('\n'));
    return { name, sources };
  });
}

function nameAfter(path: string): string {
  const name = path === '-' ? 'stdin' : basename(resolve(path)).replace(/\.(ya?ml|json)$/i, '');
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);
  return isClusterName(plain) ? plain : 'cluster';
}

/** Serves until SIGINT or SIGTERM; a second one does not wait. */
async function serveUntilTold(options: ServeOptions): Promise<number> {
  const server = await serve(options);
  const names = server.clusters.list().map(({ name }) => name);
  console.log(`podwire serves ${names.length === 0 ? 'no cluster yet' : names.join(', ')} at ${server.url}`);
  console.log(`  reference of the API: ${server.url}/api/v1/reference`);
  await new Promise<void>((resolve) => {
    let told = 0;
    const end = (): void => {
      told += 1;
      if (told > 1) process.exit(130);
      resolve();
    };
    process.on('SIGINT', end);
    process.on('SIGTERM', end);
  });
  await server.close();
  return 0;
}
