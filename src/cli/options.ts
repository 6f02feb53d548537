/** Arguments of the commands, and the cluster that they name. */

import { parseArgs, type ParseArgsConfig } from 'node:util';
import { Cluster } from '../cluster/index.js';
import { type ConfigError, type Finding, formatConfigError, formatFinding, nearMatches } from '../kubernetes/index.js';

/** What the user got wrong on the command line. */
export class UsageError extends Error {}

/** Options of other programs, and what is meant by them here. */
const MEANT: Readonly<Record<string, string>> = {
  address: 'listen',
  bind: 'listen',
  cluster: 'file',
  bytes: 'size',
  format: 'output',
  host: 'listen',
  length: 'size',
  mtu: 'size',
  p: 'listen',
  port: 'listen',
  timeout: 'time-limit',
  topology: 'file',
  verbose: 'log',
};

/** `util.parseArgs`, and for an option that is not known one that may be meant. @throws UsageError */
export function parseArguments<T extends ParseArgsConfig & { readonly args: string[] }>(
  config: T,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(unknownOption(config) ?? (error instanceof Error ? error.message : String(error)));
  }
}

function unknownOption({ args, options = {} }: ParseArgsConfig & { readonly args: string[] }): string | undefined {
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option' || Object.hasOwn(options, token.name)) continue;
    const meant = MEANT[token.name];
    const near =
      meant !== undefined && Object.hasOwn(options, meant) ? [meant] : nearMatches(token.name, Object.keys(options));
    const hint = near.length === 0 ? '' : `; did you mean ${near.map((name) => `--${name}`).join(' or ')}?`;
    return `unknown option ${token.rawName}${hint}`;
  }
  return undefined;
}

/** Everything behind `--` apart from the rest. */
export function splitCommand(args: readonly string[]): {
  readonly own: readonly string[];
  readonly command: readonly string[];
} {
  const at = args.indexOf('--');
  return at < 0 ? { own: args, command: [] } : { own: args.slice(0, at), command: args.slice(at + 1) };
}

export interface CommonOptions {
  readonly files: readonly string[];
  readonly positionals: readonly string[];
  readonly protocol: string;
  readonly output: string;
  readonly seed: number;
  readonly quiet: boolean;
  readonly every: boolean;
  /** Of a trace: `one` way that chance can take, or `all` of them. */
  readonly branches: string;
  /** The way that leads there. */
  readonly backend: string | undefined;
  /** Octets of data. */
  readonly size: string | undefined;
  /** Of exported namespaces. */
  readonly prefix: string;
}

const SPEC = {
  file: { type: 'string', short: 'f', multiple: true },
  proto: { type: 'string', default: 'tcp' },
  output: { type: 'string', short: 'o', default: 'text' },
  seed: { type: 'string', default: '1' },
  quiet: { type: 'boolean', short: 'q', default: false },
  all: { type: 'boolean', short: 'a', default: false },
  branches: { type: 'string', default: 'one' },
  backend: { type: 'string' },
  size: { type: 'string' },
  prefix: { type: 'string', default: 'pw' },
} as const;

/** @throws UsageError */
export function parseOptions(args: readonly string[]): CommonOptions {
  const { values, positionals } = parseArguments({ args: [...args], options: SPEC, allowPositionals: true });
  if (!/^\d{1,9}$/.test(values.seed)) throw new UsageError(`--seed wants a whole number, not "${values.seed}"`);
  const files = values.file ?? [];
  if (files.length === 0) throw new UsageError('no cluster: name files or folders with -f');
  return {
    files,
    positionals,
    protocol: values.proto,
    output: values.output,
    seed: Number(values.seed),
    quiet: values.quiet,
    every: values.all,
    branches: values.branches,
    backend: values.backend,
    size: values.size,
    prefix: values.prefix,
  };
}

const MAX_SHOWN = 20;

function print(lines: readonly string[]): void {
  for (const line of lines.slice(0, MAX_SHOWN)) console.error(line);
  if (lines.length > MAX_SHOWN) console.error(`… and ${lines.length - MAX_SHOWN} more`);
}

export const printErrors = (errors: readonly ConfigError[]): void => {
  for (const error of errors) console.error(`error: ${formatConfigError(error)}`);
};

/** Warnings, and notices, on standard error. */
const printFindings = (findings: readonly Finding[]): void => print(findings.map(formatFinding));

/**
 * The cluster, or undefined where its files are wrong: the mistakes have been printed. Routing daemons are loaded where
 * `wantsRouting` says so, and only there.
 */
export async function loadCluster(
  options: CommonOptions,
  wantsRouting: (cluster: Cluster) => boolean = ({ hasRouters }) => hasRouters,
): Promise<Cluster | undefined> {
  const cluster = Cluster.load(options.files, { seed: options.seed });
  if (cluster.errors.length === 0 && wantsRouting(cluster)) {
    const { birdRouting } = await import('../routing/index.js');
    cluster.bringRouting(birdRouting);
  }
  if (cluster.errors.length === 0) return cluster;
  printErrors(cluster.errors);
  return undefined;
}

/** The arguments that a command makes of its own, or what is wrong with them, which is told beside what is wrong with the files. */
export function reading<T>(read: () => T): T | UsageError {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}

/** Runs a command on a cluster that was loaded, and then prints its findings, however the command ends: they may say why. */
export function withFindings<T>(
  cluster: Cluster,
  { quiet, tells }: { readonly quiet: boolean; readonly tells: (finding: Finding) => boolean },
  run: () => T,
): T {
  try {
    return run();
  } finally {
    if (!quiet) printFindings(cluster.findings.filter(tells));
  }
}

/** Arguments that say nothing, with what the files had to say. @throws UsageError */
export function refuse(cluster: Cluster | undefined, { quiet }: CommonOptions, problem: UsageError): never {
  if (cluster !== undefined && !quiet) printFindings(cluster.findings);
  throw problem;
}

/** What the user can mend: a name that does not exist, a network that never comes to rest. */
const mendable = (error: unknown): error is Error =>
  error instanceof UsageError ||
  (error instanceof Error &&
    (error.name === 'UnknownEndpoint' || error.name === 'NeverAtRest' || error.name === 'TimeEnds'));

/** Runs a command; what the user got wrong is said on standard error, exit 2. */
export async function withUsage(run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (mendable(error)) {
      for (const line of error.message.split('\n')) console.error(`podwire: ${line}`);
      return 2;
    }
    throw error;
  }
}
