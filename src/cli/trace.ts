/** `podwire trace`: sends one connection and prints what happened to it. */

import { writeSync } from 'node:fs';
import {
  type Cluster,
  type EndpointName,
  isNameProblem,
  LARGEST_SIZE,
  parseDestination,
  parseEndpointName,
  type TraceRequest,
  UnknownEndpoint,
} from '../cluster/index.js';
import {
  branchesJson,
  branchesPcapng,
  type ConnectionTrace,
  formatMinimal,
  formatMinimalBranches,
  formatTrace,
  formatWholeBranches,
  type JsonValue,
  type TextOptions,
  type TraceBranch,
  type TraceBranches,
  type TraceProtocol,
  traceJson,
  tracePcapng,
} from '../trace/index.js';
import {
  type CommonOptions,
  loadCluster,
  parseOptions,
  reading,
  refuse,
  UsageError,
  withFindings,
  withUsage,
} from './options.js';
import { ANSI_STYLE } from './style.js';

const PROTOCOLS: readonly TraceProtocol[] = ['tcp', 'udp', 'sctp', 'icmp'];
const OUTPUTS = ['text', 'json', 'pcapng', 'minimal'] as const;
type Output = (typeof OUTPUTS)[number];

const STDOUT = 1;

export const run = (args: readonly string[]): Promise<number> => withUsage(() => trace(parseOptions(args)));

/** Where BIRD listens. */
const BGP_PORT = 179;

async function trace(options: CommonOptions): Promise<number> {
  const request = reading(() => requestOf(options));
  const toDaemon = 'to' in request && request.to.port === BGP_PORT;
  const cluster = await loadCluster(
    options,
    ({ routesByDaemons, hasRouters }) => routesByDaemons || (hasRouters && toDaemon),
  );
  if (request instanceof UsageError) return refuse(cluster, options, request);
  if (cluster === undefined) return 2;
  return withFindings(cluster, { quiet: options.quiet, tells: () => true }, () => {
    refuseUnknown([
      ['FROM', () => cluster.requireKnown(request.from, 'sender')],
      ['TO', () => cluster.requireKnown(request.to.endpoint)],
    ]);
    const told = follow(cluster, request);
    if (request.branches === 'all') print(BRANCHES, told, request.output, options);
    else for (const { trace: traced } of told.branches) print(ONE, traced, request.output, options);
    return told.branches.every(({ trace: traced }) => traced.verdict === 'answered') ? 0 : 1;
  });
}

/** One way that chance takes, the way to a backend, or all. @throws UsageError */
function follow(cluster: Cluster, { from, to, protocol, size, branches, backend }: Request): TraceBranches {
  const asked = { from, to, protocol, size };
  if (branches === 'all') return about('TO', () => cluster.traceBranches(asked, MOST_BRANCHES));
  const branch: TraceBranch =
    backend === undefined
      ? { probability: 1, trace: about('TO', () => cluster.trace(asked)) }
      : about('--backend', () => cluster.traceBackend(asked, backend, MOST_BRANCHES));
  return { branches: [branch], complete: true };
}

interface Request extends TraceRequest {
  readonly output: Output;
  readonly branches: 'one' | 'all';
  readonly backend: EndpointName | undefined;
}

/** The ways that are followed at most. */
const MOST_BRANCHES = 1024;

/** `--branches` and `--backend`; what is wrong with them goes to `problems`. */
function branchesOf({ branches, backend }: CommonOptions, problems: string[]): Pick<Request, 'branches' | 'backend'> {
  const named = backend === undefined ? undefined : parseEndpointName(backend);
  if (named !== undefined && isNameProblem(named)) problems.push(`--backend: ${named.problem}`);
  if (branches !== 'one' && branches !== 'all') problems.push(`--branches is one or all, not "${branches}"`);
  if (branches === 'all' && backend !== undefined)
    problems.push('--backend picks one of the branches: leave out --branches all');
  return {
    branches: branches === 'all' ? 'all' : 'one',
    backend: named === undefined || isNameProblem(named) ? undefined : named,
  };
}

/** `--size`; what is wrong with it goes to `problems`. */
function sizeOf({ size }: CommonOptions, problems: string[]): number | undefined {
  if (size === undefined) return undefined;
  const octets = /^\d{1,9}$/.test(size) ? Number(size) : 0;
  if (octets >= 1 && octets <= LARGEST_SIZE) return octets;
  problems.push(`--size is 1 to ${LARGEST_SIZE} octets of data, not "${size}"`);
  return undefined;
}

/** @throws UsageError all that is wrong with the arguments */
function requestOf(options: CommonOptions): Request {
  const problems: string[] = [];
  const protocol = PROTOCOLS.find((one) => one === options.protocol);
  if (protocol === undefined) problems.push(`--proto is tcp, udp, sctp or icmp, not "${options.protocol}"`);
  const output = OUTPUTS.find((one) => one === options.output);
  if (output === undefined) problems.push(`-o is one of ${OUTPUTS.join(', ')}, not "${options.output}"`);
  const [fromText, toText, extra] = options.positionals;
  const two = fromText !== undefined && toText !== undefined && extra === undefined;
  if (!two) throw new UsageError([...problems, 'trace wants two names: FROM TO[:PORT]'].join('\n'));
  const from = parseEndpointName(fromText);
  if (isNameProblem(from)) problems.push(`FROM: ${from.problem}`);
  const to = parseDestination(toText);
  if (isNameProblem(to)) problems.push(`TO: ${to.problem}`);
  const ways = branchesOf(options, problems);
  const size = sizeOf(options, problems);
  if (problems.length > 0 || protocol === undefined || output === undefined || isNameProblem(from) || isNameProblem(to))
    throw new UsageError(problems.join('\n'));
  return { protocol, output, from, to, size, ...ways };
}

type End = 'FROM' | 'TO' | '--backend';

/** @throws UsageError that says which of the names it is about */
function about<T>(end: End, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof UnknownEndpoint) throw new UsageError(`${end}: ${error.message}`);
    throw error;
  }
}

/** Both names are looked for, so that a run tells of both. @throws UsageError */
function refuseUnknown(checks: readonly (readonly [end: End, check: () => void])[]): void {
  const problems = checks.flatMap(([end, check]) => {
    try {
      about(end, check);
      return [];
    } catch (error) {
      if (error instanceof UsageError) return [error.message];
      throw error;
    }
  });
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
}

/** How something that was traced is written in each form. */
interface Forms<T> {
  readonly text: (told: T, options: TextOptions) => string;
  readonly json: (told: T) => JsonValue;
  readonly minimal: (told: T) => string;
  readonly pcapng: (told: T) => Uint8Array;
}

const ONE: Forms<ConnectionTrace> = {
  text: formatTrace,
  json: traceJson,
  minimal: formatMinimal,
  pcapng: tracePcapng,
};

const BRANCHES: Forms<TraceBranches> = {
  text: formatWholeBranches,
  json: branchesJson,
  minimal: formatMinimalBranches,
  pcapng: branchesPcapng,
};

/** @throws UsageError */
function print<T>(forms: Forms<T>, told: T, output: Output, { every }: CommonOptions): void {
  switch (output) {
    case 'json':
      write(`${JSON.stringify(forms.json(told), null, 2)}\n`);
      return;
    case 'minimal':
      write(`${forms.minimal(told)}\n`);
      return;
    case 'pcapng':
      if (process.stdout.isTTY) throw new UsageError('a capture is no text: send it to a file or to a program');
      write(forms.pcapng(told));
      return;
    default:
      write(
        `${forms.text(told, { ...(ANSI_STYLE === undefined ? {} : { style: ANSI_STYLE }), everyPacket: every })}\n`,
      );
  }
}

/** All of it, even into a pipe: process.exit must not cut it off. */
function write(content: string | Uint8Array): void {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  let done = 0;
  while (done < bytes.length) {
    try {
      done += writeSync(STDOUT, bytes, done);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      if (error.code === 'EPIPE') return;
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}
